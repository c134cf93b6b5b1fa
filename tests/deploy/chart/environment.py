"""How Kubernetes reads a container's variables: `$(NAME)` is filled in from those before it, else left as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_REFERENCE = re.compile(r"\$\$|\$\((\w+)\)")


def unresolved(env: Sequence[Mapping[str, Any]], texts: Sequence[str] = ()) -> Iterator[str]:
    """References that no variable before them answers; ``texts`` are command and arguments, which see them all."""
    known: set[str] = set()
    for entry in env:
        for match in _REFERENCE.finditer(str(entry.get("value") or "")):
            if match[1] and match[1] not in known:
                yield f"{entry['name']} refers to $({match[1]}), which is not set before it"
        known.add(entry["name"])
    for text in texts:
        for match in _REFERENCE.finditer(text):
            if match[1] and match[1] not in known:
                yield f"a command refers to $({match[1]}), which is not set"


def repeated(names: Sequence[str]) -> set[str]:
    """Names that stand there twice: a server-side apply refuses them."""
    return {name for name in names if names.count(name) > 1}
