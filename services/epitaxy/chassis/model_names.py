"""Names of models, and who may know of which: a shared model has a plain name, a tenant's own ``<tenant>/<name>``."""

import re
from dataclasses import dataclass

from epitaxy.chassis.errors import InvalidRequestError, NotFoundError

SEPARATOR = "/"
UNKNOWN_MODEL = "UNKNOWN_MODEL"
"""Reason of the NotFoundError for a name that means no model to its caller."""
# Lower case only: no store or file system can take two of these names for one.
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A tenant's own model.

    Attributes:
        tenant: As the tenants file writes it.
        name: Lower-case letters, digits, ``.``, ``_`` and ``-``, at most 63.
    """

    tenant: str
    name: str

    def __post_init__(self) -> None:
        if not _TENANT.fullmatch(self.tenant):
            raise InvalidRequestError.of_field("tenant", f"{self.tenant!r} is not the name of a tenant")
        if not _NAME.fullmatch(self.name):
            raise InvalidRequestError.of_field(
                "name", f"{self.name!r} is not the name of a model: write lower-case letters, digits, '.', '_' and '-'"
            )

    def __str__(self) -> str:
        return f"{self.tenant}{SEPARATOR}{self.name}"


def own_model(name: str, tenant: str) -> ModelName | None:
    """The caller's own model of that name, None for the name of a shared model.

    Raises NotFoundError for every other tenant's name, whether there is such a model or not: nothing is looked up, so
    neither the text nor the time of the answer tells them apart.
    """
    owner, separator, rest = name.partition(SEPARATOR)
    if not separator:
        return None
    if not owner or owner != tenant or not _NAME.fullmatch(rest):
        raise unknown_model(name)
    return ModelName(owner, rest)


def name_within(name: str, tenant: str) -> str:
    """The name of a caller's own model without its tenant: ``tc`` of ``tc`` and of ``<tenant>/tc``.

    Raises NotFoundError for another tenant's name.
    """
    own = own_model(name, tenant)
    return name if own is None else own.name


def is_model_name(name: str) -> bool:
    """True if a tenant's model can have this name."""
    return _NAME.fullmatch(name) is not None


def unknown_model(name: str) -> NotFoundError:
    """The one answer to a name of the form ``<tenant>/<name>`` that means no model to this caller."""
    return NotFoundError(f"no model named {name!r}: list the models to see yours", reason=UNKNOWN_MODEL)
