"""The files at places that a person names, and their text. Nothing is written."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from memos_mcp.interface.parts import Found, Unread
from memos_mcp.interface.sources import parts_of_json, parts_of_lines, parts_of_text

JSON = ".json"
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TEXTS = frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".org", ".adoc"})
LONGEST_LINE = 16_000_000
"""Bytes of a line of JSON Lines; a whole file of another kind may have `MOST_AT_ONCE`."""
MOST_AT_ONCE = 1_000_000_000
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was left out."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What could not be read, in which line if it is one; the rest of the file was."""

    file: str
    line: int | None
    why: str


@dataclass(frozen=True, slots=True)
class File:
    """A file to read. `name` is its path from the folder that was given; or its own name, if it was `named` itself.

    `shown` is how a person knows it: the path as it was given, or the name.
    """

    at: Path
    name: str
    size: int
    named: bool
    shown: str


@dataclass(slots=True)
class Findings:
    """What is at the places: the files in the order they are read, and what is not one of them."""

    files: list[File] = field(default_factory=list[File])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    failed: list[Failed] = field(default_factory=list[Failed])
    size: int = 0


def find(places: Iterable[Path]) -> Findings:
    """The files at these places and in folders there, in the order of their names, each once.

    In folders hidden files, links and what is no text by its name are left out; a file that is named itself is taken
    whatever its name.
    """
    found = Findings()
    for place in places:
        if place.is_dir():
            _walk(place, found)
        else:
            _take(place, _shown(place.name), found, given=_shown(str(place)))
    once = {file.at.resolve(): file for file in reversed(found.files)}
    found.files = [file for file in found.files if once[file.at.resolve()] is file]
    found.size = sum(file.size for file in found.files)
    return found


def _walk(folder: Path, found: Findings) -> None:
    def unread(error: OSError) -> None:
        found.failed.append(_unread(Path(error.filename or folder), folder, error))

    for at, folders, files in os.walk(folder, onerror=unread):
        here = Path(at)
        for name in sorted(folders):
            if why := _left_out(here / name):
                folders.remove(name)
                found.skipped.append(Skipped(f"{_name(here / name, folder)}/", why))
        folders.sort()
        for name in sorted(files):
            file = here / name
            known = file.suffix.lower() in TEXTS | JSON_LINES | {JSON}
            if why := _left_out(file) or ("" if known else file.suffix.lower() or "no suffix"):
                found.skipped.append(Skipped(_name(file, folder), why))
            else:
                _take(file, _name(file, folder), found)


def _left_out(file: Path) -> str:
    return "hidden" if file.name.startswith(".") else "link" if file.is_symlink() else ""


def _take(file: Path, name: str, found: Findings, *, given: str = "") -> None:
    try:
        now = file.stat()
    except OSError as exc:
        found.failed.append(Failed(given or name, None, f"cannot be read: {exc.strerror}"))
        return
    if stat.S_ISREG(now.st_mode):
        found.files.append(File(file.absolute(), name, now.st_size, bool(given), given or name))
    elif given:
        found.failed.append(Failed(given, None, "is neither a file nor a folder"))
    else:
        found.skipped.append(Skipped(name, "no file"))


def _unread(file: Path, folder: Path, error: OSError) -> Failed:
    name = str(folder) if file == folder else _name(file, folder)
    return Failed(_shown(name), None, f"cannot be read: {error.strerror}")


def _name(file: Path, folder: Path) -> str:
    return _shown(file.relative_to(folder).as_posix())


def _shown(name: str) -> str:
    """A file name is bytes; as a text it has a mark for those that are none."""
    return os.fsencode(name).decode("utf-8", "replace")


def parts(file: File, *, said_at: datetime | None = None) -> Iterator[Found]:
    """What a file holds, read by its suffix: JSON, JSON Lines, else a text. Raises OSError.

    Of JSON Lines one line is held at a time, of JSON and texts the whole file.
    """
    suffix = file.at.suffix.lower()
    if suffix in JSON_LINES and _head(file.at) not in _UTF_16:
        return parts_of_lines(lambda: _lines(file), file.name)
    if file.size > MOST_AT_ONCE:
        why = f"has {_mega(file.size)}, and at most {_mega(MOST_AT_ONCE)} are read at once: split it, or use JSON Lines"
        return iter([Unread(why)])
    text = _text(file.at)
    if isinstance(text, Unread):
        return iter([text])
    if suffix in JSON_LINES:
        return parts_of_lines(lambda: text.split("\n"), file.name)
    if suffix == JSON:
        return parts_of_json(text, file.name)
    return parts_of_text(text, file.name, said_at=said_at)


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(2)


def _text(file: Path) -> str | Unread:
    data = file.read_bytes()
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        return _no_text(exc, encoding, data.count(b"\n", 0, exc.start) + 1)


def _lines(file: File) -> Iterator[str | Unread]:
    """The lines as far as the file went when it was found: it may grow meanwhile."""
    left, number = file.size, 0
    with file.at.open("rb") as opened:
        while left > 0 and (line := opened.readline(min(left, LONGEST_LINE))):
            left, number = left - len(line), number + 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                size = len(line) + _skip(opened, left)
                left -= size - len(line)
                yield Unread(f"is a line of {_mega(size)}, and at most {_mega(LONGEST_LINE)} are read", number)
                continue
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as exc:
                yield _no_text(exc, "utf-8", number)


def _skip(opened: BinaryIO, left: int) -> int:
    """Go to the end of a line; how far that was."""
    skipped = 0
    while more := opened.readline(min(left - skipped, LONGEST_LINE)):
        skipped += len(more)
        if more.endswith(b"\n"):
            break
    return skipped


def _mega(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _no_text(error: UnicodeDecodeError, encoding: str, line: int) -> Unread:
    which = encoding.removesuffix("-sig").upper()
    return Unread(f"is not a text in {which} (byte {error.object[error.start]:#04x}): convert it, as with iconv", line)
