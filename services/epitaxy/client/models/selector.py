"""Names of models: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``."""

import re

from epitaxy.api.common.v1 import model_pb2
from epitaxy.client.errors import InvalidRequestError

_MODEL = re.compile(r"(?P<name>[^@:\s]*)(?:@(?P<alias>[^@:\s]+)|:(?P<version>[^@:\s]+))?")


def parse_model(model: str | None) -> model_pb2.ModelSelector:
    """The selector on the wire; None or empty: the server's default model.

    Raises:
        InvalidRequestError: The text has none of the three forms.
    """
    match = _MODEL.fullmatch(model or "")
    if match is None:
        raise InvalidRequestError(
            f"{model!r} is not a model: write NAME, NAME@ALIAS or NAME:VERSION", reason="INVALID_MODEL_NAME"
        )
    return model_pb2.ModelSelector(name=match["name"], alias=match["alias"], version=match["version"])
