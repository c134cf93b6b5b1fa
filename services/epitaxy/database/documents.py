"""Domain objects as JSON text in a column, with the version of their form."""

import json
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json

from epitaxy.chassis.errors import UnavailableError

FORMAT = 1
"""Version of the form that `Documents.write` gives a document. Raise it with a change that older readers misread."""
_KEY = "format"
# Documents written before their form was counted.
_UNCOUNTED = 0

_T = TypeVar("_T")


class NewerDocumentError(UnavailableError):
    """A newer release wrote the document: this one might misread it."""

    default_reason = "NEWER_DOCUMENT"


class Documents(Generic[_T]):
    """Writes and reads the documents of one dataclass.

    Args:
        kind: The dataclass. No field of it may be named ``format``.
    """

    def __init__(self, kind: type[_T]) -> None:
        self._adapter: TypeAdapter[_T] = TypeAdapter(kind)

    def write(self, value: _T) -> str:
        """The document of a value."""
        fields: dict[str, Any] = self._adapter.dump_python(value, mode="json")
        return json.dumps({_KEY: FORMAT} | fields, separators=(",", ":"))

    def read(self, text: str) -> _T:
        """The value of a document; one without a version is read as format 1. Raises NewerDocumentError."""
        fields = from_json(text)
        written_as = fields.pop(_KEY, _UNCOUNTED)
        if written_as > FORMAT:
            raise NewerDocumentError(
                f"a stored document has format {written_as} and this release reads {FORMAT}: run the newer release "
                "again, or restore a backup of before its upgrade"
            )
        return self._adapter.validate_python(fields)
