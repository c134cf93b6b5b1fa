"""The page of the Python client."""

from collections.abc import Iterator, Sequence

import griffe

from tools.reference.docstrings import attribute_texts, has_arguments, one_line, sections_of
from tools.reference.surface import Surface, attributes_of, methods_of

_WIDTH = 100
_INTRODUCTION = """\
# Python client

`make reference` writes this page from the docstrings; `make check-generated` fails if it is out of date.

`epitaxy.client` needs gRPC and NumPy, and loads neither torch, Ray, pymatgen nor pandas. `Client` is for blocking code.
`AsyncClient` has the same methods with the same arguments, [for asyncio](#asyncio). All times are UTC.

```python
from epitaxy.client import Client

with Client() as client:
    table = client.screen("crystals/", properties=["band_gap"]).to_pandas()
```"""
_INNER = """\
## Types of values

These classes are the types of attributes and results above. They cannot be imported from `epitaxy.client`."""
_ASYNCIO = """\
## asyncio

Each class below has the methods and arguments of its blocking one. Leave a client by `async with`, or await `close`."""
_SUPPORTS = {
    "__enter__": "is a context manager, for `with`",
    "__iter__": "can be iterated",
    "__len__": "has a length",
}


def draw_client(surface: Surface) -> str:
    """Returns the whole page."""
    shown = surface.objects()
    inner = surface.inner_classes()
    blocks = [_INTRODUCTION, "Names: " + ", ".join(f"[{each.name}](#{each.name.lower()})" for each in shown) + "."]
    for each in shown:
        blocks += _object(surface, each, level=2)
    blocks.append(_ASYNCIO)
    blocks += [_twin(*pair) for pair in surface.twins()]
    blocks.append(_INNER)
    for each in inner:
        blocks += _object(surface, each, level=3)
    return "\n\n".join(blocks) + "\n"


def _object(surface: Surface, shown: griffe.Object, level: int) -> Iterator[str]:
    yield f"{'#' * level} {shown.name}"
    if isinstance(shown, griffe.Class):
        yield from _class(surface, shown, level)
    elif isinstance(shown, griffe.Function):
        yield _signature(surface, shown.name, shown.parameters, shown.returns)
        yield from sections_of(shown)
    elif isinstance(shown, griffe.Attribute):
        yield f"```python\n{_constant(shown)}\n```"
        yield from sections_of(shown)


def _constant(shown: griffe.Attribute) -> str:
    if isinstance(shown.value, griffe.ExprTuple):
        elements = (str(element).replace("'", '"') for element in shown.value.elements)
        return "\n".join([f"{shown.name} = (", *(f"    {element}," for element in elements), ")"])
    return f"{shown.name} = {shown.value}"


def _class(surface: Surface, shown: griffe.Class, level: int) -> Iterator[str]:
    bases = [base.name for base in shown.mro() if base.name.endswith("Error")]
    if bases:
        yield f"An error; its base is `{bases[0]}`."
    if has_arguments(shown) and "__init__" in shown.all_members:
        yield _signature(surface, shown.name, shown.parameters, None)
    yield from sections_of(shown)
    supports = [text for name, text in _SUPPORTS.items() if name in shown.all_members]
    if supports:
        yield f"It {' and '.join(supports)}."
    if attributes := _attributes(surface, shown):
        yield f"**Attributes**\n\n{attributes}"
    for method in methods_of(shown):
        yield f"{'#' * (level + 1)} {shown.name}.{method.name}"
        yield _signature(surface, method.name, method.parameters, method.returns)
        yield from sections_of(method)


def _attributes(surface: Surface, shown: griffe.Class) -> str:
    texts = dict(attribute_texts(shown))
    lines = []
    for attribute in attributes_of(shown):
        text = texts.pop(attribute.name, "") or one_line(attribute.docstring.value if attribute.docstring else "")
        lines.append(_attribute(surface, attribute, text))
    return "\n".join([*lines, *(f"- `{name}`: {text}" for name, text in texts.items())])


def _attribute(surface: Surface, attribute: griffe.Attribute, text: str) -> str:
    # What a constructor assigns is no default that a caller could rely on.
    is_field = attribute.value is not None and "class-attribute" in attribute.labels
    value = surface.default_of(attribute.value) if is_field else ""
    default = f" = {value}" if value else ""
    annotation = f": {attribute.annotation}" if attribute.annotation is not None else ""
    return f"- `{attribute.name}{annotation}{default}`" + (f": {text}" if text else "")


def _signature(surface: Surface, name: str, parameters: griffe.Parameters, returns: griffe.Expr | str | None) -> str:
    parts = list(_parts(surface, [parameter for parameter in parameters if parameter.name not in {"self", "cls"}]))
    end = f" -> {str(returns).strip(chr(34))}" if returns is not None else ""
    line = f"{name}({', '.join(parts)}){end}"
    if len(line) > _WIDTH:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){end}"
    return f"```python\n{line}\n```"


def _parts(surface: Surface, parameters: Sequence[griffe.Parameter]) -> Iterator[str]:
    is_open = True
    for parameter in parameters:
        if parameter.kind is griffe.ParameterKind.keyword_only and is_open:
            is_open = False
            yield "*"
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
        is_open = is_open and parameter.kind is not griffe.ParameterKind.var_positional
        prefix = stars.get(parameter.kind, "") if parameter.kind is not None else ""
        annotation = f": {parameter.annotation}" if parameter.annotation is not None else ""
        default = f" = {surface.default_of(parameter.default)}" if parameter.default is not None and not prefix else ""
        yield f"{prefix}{parameter.name}{annotation}{default}"


def _twin(twin: griffe.Class, blocking: griffe.Class) -> str:
    methods = methods_of(twin)
    iterated = [each.name for each in methods if str(each.returns).startswith(("AsyncIterator", "AsyncGenerator"))]
    awaited = [each.name for each in methods if "async" in each.labels and each.name not in iterated]
    called = [each.name for each in methods if each.name not in {*iterated, *awaited}]
    return "\n".join(
        [
            f"### {twin.name}\n\nIts blocking class is [{blocking.name}](#{blocking.name.lower()}).\n",
            *(
                f"- {title}: {', '.join(f'`{name}`' for name in names)}."
                for title, names in (
                    ("Await", awaited),
                    ("Iterate with `async for`", iterated),
                    ("Call without `await`", called),
                )
                if names
            ),
        ]
    )
