"""Logs of a replica: JSON lines in its Serve log file, with the fields of the call in progress."""

import logging

from epitaxy.chassis.request_context import current_request

# Ray Serve documents this name: what it is given lands in the replica's file, in the encoding of its LoggingConfig.
_SERVE_LOGGER = "ray.serve"


def configure_replica_logging(level: str = "INFO") -> None:
    """Sends every log record of this replica to Serve's logger."""
    logging.basicConfig(level=level, handlers=[ServeLogHandler()], force=True)


class ServeLogHandler(logging.Handler):
    """Hands records over with ``request_id``, ``tenant`` and ``model_version`` of the call in progress.

    Standard error will not do: in a replica it is Serve's logger, which would pack each line into one of its own.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Adds the fields, and the name of the logger, which Serve leaves out."""
        call = current_request()
        fields = {"request_id": call.request_id, "tenant": call.tenant, "model_version": call.model_version}
        vars(record).update({name: value for name, value in fields.items() if value}, logger=record.name)
        logging.getLogger(_SERVE_LOGGER).handle(record)
