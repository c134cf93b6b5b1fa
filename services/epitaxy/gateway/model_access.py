"""Who may name which model: settled at the edge, before anything is counted, queued or looked up."""

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.chassis.model_names import own_model
from epitaxy.chassis.request_context import current_request


def check_model_access(model: ModelSelector) -> None:
    """Raises NotFoundError for another tenant's model, in the words for a model that does not exist."""
    own_model(model.name, current_request().tenant)
