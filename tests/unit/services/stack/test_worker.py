"""What workers of the stack's Ray write."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc
from ray.serve.exceptions import RequestCancelledError
from epitaxy.stack.worker import shorten_cancellations

shorten_cancellations()

async def fail(error):
    raise error

async def main():
    for error in (RequestCancelledError("call-1"), ValueError("a fault")):
        task = asyncio.ensure_future(fail(error))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

asyncio.run(main())
"""


def test_a_cancelled_call_leaves_one_line_and_a_fault_its_traceback() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    first, *rest = [line for line in run.stderr.splitlines() if "Warning" not in line]
    assert first == "Request call-1 was cancelled."
    assert "ValueError: a fault" in rest
    assert sum("Traceback" in line for line in rest) == 1
