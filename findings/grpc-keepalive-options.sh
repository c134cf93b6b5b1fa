#!/bin/sh
# gRPC's C core (Python, Ruby, PHP, C++) reads two keepalive settings under other names than many guides give:
# 1. A server's shortest permitted ping interval is "grpc.http2.min_ping_interval_without_data_ms". The name that
#    follows from the C constant, "grpc.http2.min_recv_ping_interval_without_data_ms", is ignored without a word, and
#    clients that ping more often than every five minutes are sent GOAWAY too_many_pings.
# 2. "grpc.keepalive_timeout_ms" alone leaves the time for a ping's answer at a minute: a dead connection is found in
#    5 s only if "grpc.http2.ping_timeout_ms" is set as well.
# A product should set these names, and test both over a real socket. Fails if this behaviour changes. Takes a minute.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.3
GRPC_VERBOSITY=NONE "$folder/venv/bin/python" - <<'PY'
import asyncio, socket, sys, threading, time

import grpc

print("python", sys.version.split()[0], "grpcio", grpc.__version__)
PINGS = [("grpc.keepalive_time_ms", 5000), ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0)]


async def stays_connected(name):
    server = grpc.aio.server(options=[(name, 1000), ("grpc.keepalive_permit_without_calls", 1)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=PINGS) as channel:
        await channel.channel_ready()
        await asyncio.sleep(26)
        is_ready = channel.get_state() is grpc.ChannelConnectivity.READY
    await server.stop(0)
    return is_ready


class Echo(grpc.GenericRpcHandler):
    def service(self, _):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def swallowing(port):
    """Forwards until a second of silence, then swallows every byte and closes nothing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink, state):
        while data := source.recv(65536):
            state["dead"] = state["dead"] or time.monotonic() - state["last"] > 1
            if not state["dead"]:
                state["last"] = time.monotonic()
                sink.sendall(data)

    def accept():
        while True:
            near, _ = listener.accept()
            far, state = socket.create_connection(("127.0.0.1", port)), {"dead": False, "last": time.monotonic()}
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(*pair, state), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def is_found_in_20_s(*more):
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = [("grpc.keepalive_time_ms", 5000), ("grpc.keepalive_timeout_ms", 3000), *more]
    with grpc.insecure_channel(f"127.0.0.1:{swallowing(port)}", options=options) as channel:
        call = channel.unary_unary("/a/b")
        call(b"x", timeout=5)
        time.sleep(2)
        try:
            call(b"x", timeout=20)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
    return True


async def main():
    guide, real, alone, both = await asyncio.gather(
        stays_connected("grpc.http2.min_recv_ping_interval_without_data_ms"),
        stays_connected("grpc.http2.min_ping_interval_without_data_ms"),
        asyncio.to_thread(is_found_in_20_s),
        asyncio.to_thread(is_found_in_20_s, ("grpc.http2.ping_timeout_ms", 3000)),
    )
    print("idle client with pings every 5 s stays connected: min_recv_ping_interval", guide, "| min_ping_interval", real)
    print("dead connection found within 20 s: keepalive_timeout alone", alone, "| with ping_timeout", both)
    return (guide, real, alone, both) == (False, True, False, True)


ok = asyncio.run(main())
import os

sys.stdout.flush()
os._exit(0 if ok else 1)
PY
