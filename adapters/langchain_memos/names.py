"""Namespaces as paths of the vault and keys as keys there: readable, and one for each. Pure.

A character that cannot stand there is written as in an address: `a/b` is `a%2Fb`, and `%` itself `%25`.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")
_EMPTY = "%"
"""What no text is written as; a key may be empty."""


def root_of(path: str | None) -> str | None:
    """A path that was given, as the vault writes it."""
    return unicodedata.normalize("NFC", path).strip().strip("/") if path else None


def path_of(root: str, namespace: tuple[str, ...]) -> str:
    """The path of a namespace beneath a root."""
    return "/".join((root, *map(label_of, namespace)))


def namespace_of(root: str, path: str) -> tuple[str, ...]:
    """The namespace whose path beneath the root this is."""
    beneath = path[len(root) :].strip("/")
    return tuple(map(text_of, beneath.split("/"))) if beneath else ()


def label_of(label: str) -> str:
    """A label as it stands in a path."""
    written = "".join(_escaped(each) if each in "/\\" else each for each in key_of(label))
    written = re.sub("^ | $", "%20", written)
    if unicodedata.is_normalized("NFC", written):
        return written
    return "".join(each if each.isascii() else _escaped(each) for each in written)


def key_of(text: str) -> str:
    """A key as it stands in the vault."""
    return "".join(each if each.isprintable() and each != "%" else _escaped(each) for each in text) or _EMPTY


def text_of(written: str) -> str:
    """The label or key that is written so."""
    if written == _EMPTY:
        return ""
    return _ESCAPED.sub(
        lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass"), written
    )


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
