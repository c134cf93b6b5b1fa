"""``python -P asker.py HOST:PORT``: asks one server with the client that the environment imports.

A process that ``build`` starts for each build, so that the client's own cost counts and is that build's. It imports
nothing of this repository but ``epitaxy.client``, whose older versions must run it. Pickled orders come on standard
input, pickled answers go to standard output.
"""

import contextlib
import pickle
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import epitaxy
from epitaxy.client import Client

Found = dict[str, Any]
# How a run becomes a table in memory: the first that the build has.
_TABLES = ("to_arrow", "to_pandas")


def screen(client: Client, inputs: Any, options: Mapping[str, Any]) -> Found:
    """One object an answer."""
    with client.screen(inputs, **options) as run:
        results = list(run)
    return {
        "hits": sum(result.cache_hit for result in results),
        "answers": {
            result.id: [(one.value, one.lower, one.upper, one.std) for one in result.predictions]
            for result in results
            if result.error is None
        },
    }


def table(client: Client, inputs: Any, options: Mapping[str, Any]) -> Found:
    """One table of all answers, by the shortest way that the build has."""
    with client.screen(inputs, **options) as run:
        found = getattr(run, next(name for name in _TABLES if hasattr(run, name)))()
    return {"hits": 0, "answers": None, "rows": len(found)}


def best(client: Client, inputs: Any, options: Mapping[str, Any]) -> Found:
    """The best K by a property: by a search if the build has one, else all answers, sorted. No cache is read."""
    k, by = options["k"], options["by"]
    if hasattr(client, "search"):
        with client.search(inputs, k, by, bypass_cache=True) as run:
            chosen = run.best()
    else:
        name, goal = by.split(":")
        with client.screen(inputs, bypass_cache=True) as run:
            answered = [result for result in run if result.error is None]
        chosen = sorted(answered, key=lambda result: result[name].value, reverse=goal == "max")[:k]
    return {"hits": 0, "answers": {result.id: [] for result in chosen}}


WAYS: Mapping[str, Callable[[Client, Any, Mapping[str, Any]], Found]] = {
    "objects": screen,
    "table": table,
    "best": best,
}


def ask(client: Client, way: str, inputs: Any, options: Mapping[str, Any]) -> Found:
    """What a way found, with seconds of wall time and of this process's processor time."""
    began, spent = time.perf_counter(), time.process_time()
    found = WAYS[way](client, inputs, options)
    return found | {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - spent}


def main() -> None:
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    held: dict[str, Any] = {}
    with contextlib.redirect_stdout(sys.stderr), Client(sys.argv[1]) as client:
        pickle.dump(epitaxy.__file__, answers)
        answers.flush()
        while True:
            try:
                order, *arguments = pickle.load(orders)
            except EOFError:
                return
            try:
                if order == "hold":
                    held[arguments[0]] = arguments[1]
                    reply: Any = len(arguments[1])
                else:
                    way, name, options = arguments
                    reply = ask(client, way, held[name], options)
            except Exception as error:
                reply = RuntimeError(f"{type(error).__name__}: {error}")
            pickle.dump(reply, answers)
            answers.flush()


if __name__ == "__main__":
    main()
