"""A Serve application that loads in no time: what is tested is the stack around it."""

from typing import Any

from ray import serve

from epitaxy.api.internal.v1.prediction_backend_pb2 import ListServedModelsRequest, ListServedModelsResponse


class SmallBackend:
    async def ListServedModels(self, request: ListServedModelsRequest) -> ListServedModelsResponse:
        return ListServedModelsResponse()


class BrokenBackend:
    def __init__(self) -> None:
        raise RuntimeError("the weights are damaged")


def build(arguments: dict[str, Any]) -> serve.Application:
    return serve.deployment(SmallBackend, name="backend").bind()


def build_broken(arguments: dict[str, Any]) -> serve.Application:
    return serve.deployment(BrokenBackend, name="backend").bind()
