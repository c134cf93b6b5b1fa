"""Docstrings in Google form as Markdown."""

import re
from collections.abc import Iterator, Mapping

import griffe

_TITLES = {
    griffe.DocstringSectionKind.parameters: "Arguments",
    griffe.DocstringSectionKind.returns: "Returns",
    griffe.DocstringSectionKind.yields: "Yields",
    griffe.DocstringSectionKind.raises: "Raises",
}


def plain(text: str) -> str:
    """Text of a docstring as Markdown: literals have single backticks, and examples are code blocks."""
    paragraphs = re.sub(r"``([^`]+)``", r"`\1`", text.strip()).split("\n\n")
    return "\n\n".join(paragraph.strip("\n") for paragraph in paragraphs)


def one_line(text: str) -> str:
    """The same on one line, for an item of a list."""
    return " ".join(plain(text).split())


def sections_of(documented: griffe.Object) -> Iterator[str]:
    """Text, arguments, results and errors of an object, each as one block of Markdown. Attributes are left out."""
    for section in documented.docstring.parsed if documented.docstring else ():
        if section.kind is griffe.DocstringSectionKind.text:
            yield plain(section.value)
        elif section.kind in _TITLES:
            yield f"**{_TITLES[section.kind]}**\n\n{_items(section)}"


def has_arguments(documented: griffe.Object) -> bool:
    """True if the docstring names arguments: those of a class say how it is made."""
    parsed = documented.docstring.parsed if documented.docstring else ()
    return any(section.kind is griffe.DocstringSectionKind.parameters for section in parsed)


def attribute_texts(documented: griffe.Class) -> Mapping[str, str]:
    """What a class and its bases say of their attributes, on one line each."""
    texts: dict[str, str] = {}
    for owner in [*reversed(documented.mro()), documented]:
        for section in owner.docstring.parsed if owner.docstring else ():
            if section.kind is griffe.DocstringSectionKind.attributes:
                texts |= {item.name: one_line(item.description) for item in section.value}
    return texts


def _items(section: griffe.DocstringSection) -> str:
    return "\n".join(f"- {_item(section.kind, item)}" for item in section.value)


def _item(kind: griffe.DocstringSectionKind, item: griffe.DocstringElement) -> str:
    text = one_line(item.description)
    if kind is griffe.DocstringSectionKind.parameters:
        return f"`{item.name}`: {text}"
    if kind is griffe.DocstringSectionKind.raises:
        return f"`{item.annotation}`: {text}"
    return text
