"""What a caller of the client may use, read from its source. Nothing is imported."""

from collections.abc import Iterator
from pathlib import Path

import griffe

PACKAGE = "epitaxy.client"
_ASYNC = "Async"


class Surface:
    """The public names of the client.

    Args:
        sources: Folder that holds the package ``epitaxy``.
    """

    def __init__(self, sources: Path) -> None:
        loader = griffe.GriffeLoader(
            search_paths=[sources], docstring_parser=griffe.Parser.google, allow_inspection=False
        )
        loader.load(PACKAGE)
        loader.resolve_aliases(implicit=True, external=False)
        self._modules = loader.modules_collection
        self._package = self._modules[PACKAGE]

    def objects(self) -> list[griffe.Object]:
        """Objects of ``__all__``, except for those of asyncio code."""
        return [self._object(name) for name in self._names() if not name.startswith(_ASYNC)]

    def twins(self) -> list[tuple[griffe.Class, griffe.Class]]:
        """Classes for asyncio, each with its blocking one."""
        names = [name for name in self._names() if name.startswith(_ASYNC)]
        return [(self._class(name), self._class(name.removeprefix(_ASYNC))) for name in names]

    def inner_classes(self) -> list[griffe.Class]:
        """Classes that are no public names, but types of public attributes and results; sorted by name."""
        shown = {found.path for found in self.objects()}
        found: dict[str, griffe.Class] = {}
        waiting = self.objects()
        while waiting:
            for inner in self._types_of(waiting.pop()):
                if inner.path not in shown and inner.path not in found:
                    found[inner.path] = inner
                    waiting.append(inner)
        return sorted(found.values(), key=lambda inner: inner.name)

    def default_of(self, value: griffe.Expr | str | None) -> str:
        """A default as the reader should see it: the value of a constant of the client, or of a ``field()``."""
        if isinstance(value, griffe.ExprCall) and str(value.function) == "field":
            keywords = {each.name: each.value for each in value.arguments if isinstance(each, griffe.ExprKeyword)}
            factory = f"{keywords['default_factory']}()" if "default_factory" in keywords else ""
            return str(keywords["default"]) if "default" in keywords else factory
        if isinstance(value, griffe.ExprAttribute | griffe.ExprName):
            constant = self._find(value.canonical_path)
            if isinstance(constant, griffe.Attribute) and constant.value is not None:
                return str(constant.value)
        return str(value)

    def _names(self) -> list[str]:
        return sorted((str(name) for name in self._package.exports or ()), key=_order)

    def _object(self, name: str) -> griffe.Object:
        found = self._package[name]
        return found.final_target if found.is_alias else found

    def _class(self, name: str) -> griffe.Class:
        found = self._object(name)
        if not isinstance(found, griffe.Class):
            raise TypeError(f"{name} is not a class")
        return found

    def _types_of(self, shown: griffe.Object) -> Iterator[griffe.Class]:
        """Classes of the client, in the types of attributes and in what public functions return."""
        functions = [shown] if isinstance(shown, griffe.Function) else []
        if isinstance(shown, griffe.Class):
            functions = [
                *methods_of(shown),
                *(member for member in shown.members.values() if member.name == "__iter__"),
            ]
            for attribute in attributes_of(shown):
                yield from self._classes_in(attribute.annotation)
        for function in functions:
            yield from self._classes_in(getattr(function, "returns", None))

    def _classes_in(self, annotation: griffe.Expr | str | None) -> Iterator[griffe.Class]:
        if not isinstance(annotation, griffe.Expr):
            return
        for part in annotation.iterate(flat=True):
            if isinstance(part, griffe.ExprName):
                found = self._find(part.canonical_path)
                if isinstance(found, griffe.Class) and not found.name.startswith("_"):
                    yield found

    def _find(self, path: str) -> griffe.Object | None:
        if not path.startswith(f"{PACKAGE}."):
            return None
        try:
            found = self._modules[path]
        except KeyError:
            return None
        return found.final_target if found.is_alias else found


def methods_of(shown: griffe.Class) -> list[griffe.Function]:
    """Public methods: those of the class itself in the order of its source, then inherited ones."""
    return [member for member in _members_of(shown) if isinstance(member, griffe.Function)]


def attributes_of(shown: griffe.Class) -> list[griffe.Attribute]:
    """Public attributes and properties, in the same order."""
    return [member for member in _members_of(shown) if isinstance(member, griffe.Attribute)]


def _members_of(shown: griffe.Class) -> list[griffe.Object]:
    members = [*shown.members.values(), *shown.inherited_members.values()]
    found = [member.final_target if member.is_alias else member for member in members]
    return [member for member in found if not member.name.startswith("_")]


def _order(name: str) -> tuple[bool, str]:
    """The client first, everything else by name."""
    return name != "Client", name.lower()
