"""The access log as the core sees it: what a line says, and the port behind it (MemGovernance, long paper §5.5.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from memos_mcp.cube import Usage

Outcome = Literal["allowed", "denied", "missing", "failed"]
OF_BRANCH = "branch."
"""Begins a verb that a what-if branch was asked: its versions were served, and no memory of the original was used."""
READS = ("recall", "ask", "get")
"""What counts as a read of each memory it served; a look through a list does not."""


@dataclass(frozen=True, slots=True)
class Item:
    """A memory in a line: the version, where it was, and the rule that let it be served."""

    id: str
    version: int
    path: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a verb went through: how many it was about there, and whether it went well; never a word.

    `seq` and `upto`: the first and the last line of the change log that were written; only in the log itself.
    """

    name: str
    number: int = 0
    ok: bool = True
    seq: int = 0
    upto: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """One line: who asked for what in which context, and what he was told.

    `path` is the one he named, `rule` what refused him, `said` his question or reason where texts are kept. `request`
    is the call from outside that it was part of; one that is its own has the id of the line.
    """

    id: str
    at: datetime
    user: str
    verb: str
    outcome: Outcome
    roles: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    path: str = ""
    rule: str = ""
    items: tuple[Item, ...] = ()
    said: str = ""
    request: str = ""
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines: those of a user, and those about what lies at or beneath the paths; of these as far as is said.

    `nobodys`: those as well of whom the door refused without knowing him.
    """

    user: str
    paths: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    caller: str = ""
    verb: str = ""
    memory: str = ""
    access: str = ""
    request: str = ""
    beneath: str = ""
    nobodys: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """How often a memory was served."""

    id: str
    path: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Accesses:
    """Lines as somebody may see them; `after` goes on, empty at the end."""

    lines: tuple[Access, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Hot:
    """How much is read here: a memory, or with an empty id a namespace. `heat` halves with each week without a read."""

    id: str
    path: str
    reads: int
    last_read_at: datetime
    heat: float


@dataclass(frozen=True, slots=True)
class Hotspots:
    """The hottest first."""

    memories: tuple[Hot, ...]
    namespaces: tuple[Hot, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """Is the log what was written? If not, why; `tip` is the chain value of its last line, to be compared later.

    `removed` lines were cut by rotations, as the anchors say, the last time those before `cut`.
    """

    ok: bool
    lines: int
    tip: str
    why: str = ""
    removed: int = 0
    cut: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """So many lines, or only their words, were removed; the chain goes on from the anchor, the last line removed.

    Lines about what is under legal hold or frozen stay, with an anchor wherever something is missing before them.
    """

    removed: int
    kept: int
    anchor: str


class AccessLog(Protocol):
    """Lines that are only ever added, each chained to the one before, by any number of processes."""

    async def write(self, access: Access) -> None:
        """Add a line, soon or, in strict mode, before this returns. Of what was said a salted digest is chained."""
        ...

    async def lines(
        self, which: Lines, *, after: str = "", limit: int = 100, oldest_first: bool = False
    ) -> list[Access]:
        """The lines, newest first unless said otherwise, beyond the one with the id `after`."""
        ...

    async def used(self, *, ids: Sequence[str] = (), paths: Sequence[str] = ()) -> Mapping[str, Used]:
        """How often these memories, or those at or beneath the paths, were served; by id."""
        ...

    async def verify(self, known: str = "") -> Verified:
        """Look at every line, from the last anchor on; one must have the chain value `known`, if that is given."""
        ...

    async def rotate(
        self,
        before: datetime | None = None,
        *,
        last: int | None = None,
        texts_only: bool = False,
        forgotten: bool = False,
    ) -> Rotated:
        """Remove the lines before a moment that are not among the last, and leave anchors; or only what was said.

        `forgotten`: only what was said about memories that are forgotten since, whenever it was.
        """
        ...

    async def aclose(self) -> None:
        """Write what waits."""
        ...
