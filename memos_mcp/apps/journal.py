"""Which parts of which files were imported, so that an import goes on where it ended and a repeated one is quick.

The vault alone makes a second import harmless; the journal only spares reading again what is known to be stored. It
holds neither words nor hashes of words: a file is known by its address, size and times of change.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

logger = logging.getLogger(__name__)


class Done(BaseModel):
    """A part of a file is stored as `texts` memories, the last of which is `last`; with `end` the file has no more.

    `format` is what the part, or the file, was written as.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    part: int
    texts: int = 0
    last: str = ""
    end: bool = False
    format: str = ""


class Journal:
    """A file with a line for each part that is stored. A line that was not finished does not count.

    If the file cannot be read, nothing is known; if it cannot be written, the next import reads everything again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[int, Done]] = {}
        for done in _lines(file):
            self._known.setdefault(done.file, {})[done.part] = done

    @property
    def is_empty(self) -> bool:
        """Is nothing known to be stored?"""
        return not self._known

    def known(self, key: str) -> list[Done]:
        """The parts of a file from its beginning on, as far as none is missing."""
        parts = self._known.get(key, {})
        found: list[Done] = []
        while len(found) in parts:
            found.append(parts[len(found)])
        return found

    def note(self, done: Done) -> None:
        """Keep that a part is stored."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
            with self._file.open("ab") as lines:
                lines.write(b"\n" + done.model_dump_json(exclude_defaults=True).encode())
        except OSError as exc:
            logger.warning("the journal of imports cannot be written", extra={"why": str(exc)})


def key_of(file: Path, *given: object) -> str:
    """What a file as it is now, imported in this way, is known by. Raises OSError."""
    now = file.stat()
    about = [str(file), now.st_size, now.st_mtime_ns, now.st_ctime_ns, *map(str, given)]
    return blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()


def _lines(file: Path) -> Iterator[Done]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return
    for line in filter(None, lines):
        try:
            yield Done.model_validate_json(line)
        except ValidationError:
            logger.debug("a line of the journal of imports was not finished")
