"""A Serve application that loads in no time: what is tested is the stack around it."""

from typing import Any

from ray import serve

from epitaxy.api.models.v1 import models_pb2


class Backend:
    async def ListServedModels(self, request: models_pb2.ListModelsRequest) -> models_pb2.ListModelsResponse:
        return models_pb2.ListModelsResponse()


class BrokenBackend:
    def __init__(self) -> None:
        raise RuntimeError("the weights are damaged")


def build(arguments: dict[str, Any]) -> serve.Application:
    return serve.deployment(Backend, name="backend").bind()


def build_broken(arguments: dict[str, Any]) -> serve.Application:
    return serve.deployment(BrokenBackend, name="backend").bind()
