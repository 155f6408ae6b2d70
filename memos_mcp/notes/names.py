"""Paths as the commands say them, and the keys under which files are kept. Pure.

A key is only a name: there is no disk beneath, so nothing can be reached by a clever path. What looks like an attempt
is refused all the same, because the files may be copied to a disk one day.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from memos_mcp.errors import InvalidInput

ROOT = "/memories"
_LONGEST = 512  # characters of a key
_DECODED = 8  # times that a path can have been percent-encoded
_LOOKALIKES = str.maketrans(dict.fromkeys("\u2044\u2215\u29f8\u2571", "/") | dict.fromkeys("\u2216\u29f5\u29f9", "\\"))


@dataclass(frozen=True, slots=True)
class Place:
    """A path as it was said, and its key: what comes after the root, without the slash; the root's own is empty."""

    said: str
    key: str

    def beneath(self, key: str) -> str | None:
        """What of a key comes after this directory, or None if it is not beneath it."""
        if not self.key:
            return key
        return key.removeprefix(f"{self.key}/") if key.startswith(f"{self.key}/") else None


def place(path: str) -> Place:
    """Where a path leads. Raises InvalidInput if it leaves the root in any reading, or cannot be a key."""
    if not path.isprintable():
        raise InvalidInput(f"The path {path!a} holds characters that cannot stand in a name.")
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise InvalidInput(f"Path must start with {ROOT}, got: {path}")
    labels = _resolved(path.removeprefix(ROOT).split("/"))
    if labels is None or any(_escapes(reading) for reading in _readings("/".join(labels))):
        raise InvalidInput(f"Path {path} would escape {ROOT} directory")
    return Place(path, check_length(unicodedata.normalize("NFC", "/".join(labels)), path))


def check_length(key: str, path: str) -> str:
    """The key, if it is not too long. Raises InvalidInput."""
    if len(key) > _LONGEST:
        raise InvalidInput(f"The path {path} is too long: at most {_LONGEST} characters can follow {ROOT}/.")
    return key


def can_be_said(key: str) -> bool:
    """Does a path lead to this key? Other programs may have put memories under keys that are none."""
    try:
        return place(f"{ROOT}/{key}").key == key != ""
    except InvalidInput:
        return False


def above(key: str) -> list[str]:
    """The directories that a key is in, without the root."""
    labels = key.split("/")
    return ["/".join(labels[:depth]) for depth in range(1, len(labels))]


def _resolved(labels: list[str]) -> list[str] | None:
    """The way without detours; None if it leaves where it began."""
    way: list[str] = []
    for label in labels:
        if label == ".." and not way:
            return None
        if label == "..":
            way.pop()
        elif label not in ("", "."):
            way.append(label)
    return way


def _readings(path: str) -> Iterator[str | None]:
    """The path as it is, and as others may read it: percent-decoded, and without look-alikes. None: it is no text."""
    for _ in range(_DECODED):
        yield unicodedata.normalize("NFKC", path.translate(_LOOKALIKES)).translate(_LOOKALIKES)
        try:
            decoded = unquote(path, errors="strict")
        except UnicodeDecodeError:
            break
        if decoded == path:
            return
        path = decoded
    yield None


def _escapes(reading: str | None) -> bool:
    if reading is None or "\\" in reading or not reading.isprintable():
        return True
    return any(label not in ("", ".") and not label.strip(". ") for label in reading.split("/"))
