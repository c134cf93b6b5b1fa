"""Decides who may name which model: at the edge, before anything is counted, queued or looked up."""

from epitaxy.chassis.model_names import own_model
from epitaxy.chassis.request_context import current_request


def check_model_access(model: str) -> None:
    """Raises NotFoundError for another tenant's model, with the message for a model that does not exist."""
    own_model(model, current_request().tenant)
