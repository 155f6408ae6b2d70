"""What a commit does to branches: a copy on write, copies that follow what is decided of the original, and the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from memos_mcp.branching import OVER, over
from memos_mcp.cube import SHELVED, State
from memos_mcp.errors import Conflict, NotFound
from memos_mcp.infrastructure.storage.past import STATE
from memos_mcp.ports import Action, Change

MIRRORED: frozenset[Action] = frozenset({"govern", "quarantine", "release", "forget", "compact"})
"""What is decided about a memory, and that words of it are gone: that holds in every branch."""


class _Log(Protocol):
    def __call__(
        self, change: Change, memory: int | None, version: int, place: int | None, path: str, digest: bytes | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Hand:
    """What the commit that is being written lends: its log, places and counters, and how a memory is forgotten."""

    log: _Log
    place: Callable[[str], int]
    count: Callable[[int, int], None]
    flush: Callable[[], None]
    gone: Callable[[Change, int, int, int, str], None]


@dataclass(frozen=True, slots=True)
class _Row:
    """A memory of a branch, as its row says."""

    id: str
    branch: str
    memory: int
    version: int
    place: int
    path: str
    held: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """The branches as a commit sees them; `seq` is the line of the log that it writes next."""

    db: sqlite3.Connection
    seq: int
    hand: Hand

    def copy(self, branch: str, subject: str) -> bool:
        """Before a branch changes a memory: copy the version that it sees of it; False if it sees none."""
        self.hand.flush()
        row = self.db.execute(_BENEATH, {"branch": branch, "id": subject}).fetchone()
        if row is None:
            return False
        original, version, beneath, state, held, digest = row
        path = over(branch, beneath)
        place = self.hand.place(path)
        given = {"branch": branch, "place": place, "memory": original, "version": version, "state": state}
        memory = self.db.execute(_COPY, given).lastrowid or 0
        self.db.execute(_COPY_VERSION, (memory, self.seq, original, version))
        self.hand.log(Change("fork", subject, branch=branch), memory, version, place, path, digest)
        self.hand.count(place, counts(held, State(state)))
        self.hand.flush()
        return True

    def look_beneath(self, change: Change, path: str) -> None:
        """Before a branch gets a memory: if the original states the same there, that is the one to be repeated."""
        self.hand.flush()
        check_there(self.db, change.branch)
        given = {"branch": change.branch, "path": path, "once": change.once, "over": over(change.branch, "")}
        known = self.db.execute(_STATED, given).fetchone() if change.once else None
        if known:
            self.copy(change.branch, known[0])

    def followed(self, change: Change) -> Iterator[Change]:
        """The same change of each copy. A copy whose words are gone goes here: a branch cannot hold it by freezing.

        What a branch forgot has the rules of now, too: they say who may know of that.
        """
        if change.action == "govern":
            self.db.execute(_RULES_OF_GONE, (change.subject,))
        for row in [_Row(*each) for each in self.db.execute(_COPIES, (change.subject,))]:
            same = replace(change, branch=row.branch, expect=None)
            if change.action not in ("forget", "compact"):
                yield same
                continue
            gone = change.cube.version if change.action == "compact" and change.cube else row.version
            self.hand.flush()
            if gone == row.version:
                self._forget(replace(same, action="forget"), row)
            elif self.db.execute(_HAS_WORDS, (row.memory, gone)).fetchone():
                self.db.execute(_WORDLESS, (row.memory, gone))
                self.hand.log(same, row.memory, gone, row.place, row.path, None)
            self._unindex(row.branch)

    def drop(self, change: Change) -> str:
        """End a branch: what it holds itself is forgotten. `expect` is the last line of the log that may be of it.

        Raises NotFound, Conflict.
        """
        self.hand.flush()
        check_there(self.db, change.branch)
        if change.expect not in (None, self.db.execute(LAST, (change.branch,)).fetchone()[0]):
            raise Conflict("the branch was changed meanwhile: look at its differences again, then repeat")
        for row in [_Row(*each) for each in self.db.execute(_ALL_OF, (change.branch,))]:
            self._forget(Change("forget", row.id, reason=change.reason, branch=change.branch), row)
        self.db.execute("DELETE FROM branch WHERE branch = ?", (change.branch,))
        self._unindex(change.branch)
        path = f"{OVER}/{change.branch}"
        self.hand.log(change, None, 0, self.hand.place(path), path, None)
        return path

    def _forget(self, change: Change, row: _Row) -> None:
        self.hand.gone(change, row.memory, row.version, row.place, row.path)
        self.hand.count(row.place, -counts(row.held, State(row.state)))

    def _unindex(self, branch: str) -> None:
        """The indexes of a branch are small: made anew, they hold no words that are gone."""
        self.db.execute("DELETE FROM segment WHERE root = ?", (f"{OVER}/{branch}",))


def check_there(db: sqlite3.Connection, branch: str) -> None:
    """Raises NotFound if it was never made, or has ended."""
    if db.execute("SELECT 1 FROM branch WHERE branch = ?", (branch,)).fetchone() is None:
        raise NotFound("the branch is not there any more: it was merged or dropped; list the branches there are")


def counts(held: str | None, state: State) -> int:
    """Does a memory count at its place? 1 or 0."""
    return int(not held and state not in SHELVED)


LAST = "SELECT coalesce(max(seq), 0) FROM event WHERE branch = ? AND branch <> 'main'"
# '0' follows '/': everything beneath a path sorts between the two.
_BENEATH = """SELECT m.memory, v.version, p.path, (state then), m.quarantined, v.digest
    FROM branch b JOIN memory m ON m.branch = 'main' AND m.id = :id
    JOIN version v ON v.memory = m.memory JOIN place p ON p.place = m.place
    WHERE b.branch = :branch AND m.forgotten IS NULL AND v.content IS NOT NULL
    AND v.seq <= b.seq AND (v.until IS NULL OR v.until > b.seq)
    AND (p.path = b.path OR (p.path > b.path || '/' AND p.path < b.path || '0'))
    AND NOT EXISTS (SELECT 1 FROM memory o WHERE o.branch = :branch AND o.id = m.id)""".replace(
    "(state then)", STATE.replace("past.", "m.").replace(":at", "b.seq")
)
_STATED = """SELECT m.id FROM branch b JOIN place p ON :over || p.path = :path
    JOIN memory m ON m.branch = 'main' AND m.place = p.place AND m.once = :once
    JOIN version v ON v.memory = m.memory AND v.version = m.version
    WHERE b.branch = :branch AND v.seq <= b.seq
    AND NOT EXISTS (SELECT 1 FROM memory o WHERE o.branch = :branch AND o.id = m.id)"""
_COPY = """INSERT INTO memory
    (branch, id, place, key, once, version, state, policy, quarantined, vouched, expires, created_at, thaws_to)
    SELECT :branch, m.id, :place,
        CASE WHEN NOT EXISTS (SELECT 1 FROM memory o WHERE o.branch = :branch AND o.place = :place
            AND o.key = m.key) THEN m.key END,
        CASE WHEN m.version = :version AND NOT EXISTS (SELECT 1 FROM memory o WHERE o.branch = :branch
            AND o.place = :place AND o.once = m.once) THEN m.once END,
        :version, :state, m.policy, m.quarantined, m.vouched, m.expires, m.created_at, m.thaws_to
    FROM memory m WHERE m.memory = :memory"""
_COPY_VERSION = """INSERT INTO version (memory, version, seq, at, schema, salt, digest, payload, content, packed)
    SELECT ?1, version, ?2, at, schema, salt, digest, payload, content, packed
    FROM version WHERE memory = ?3 AND version = ?4"""
_COPIES = """SELECT m.id, m.branch, m.memory, m.version, m.place, p.path, m.quarantined, m.state
    FROM memory m JOIN branch b ON b.branch = m.branch JOIN place p ON p.place = m.place
    WHERE m.id = ? AND m.branch <> 'main' AND m.forgotten IS NULL"""
_ALL_OF = """SELECT m.id, m.branch, m.memory, m.version, m.place, p.path, m.quarantined, m.state
    FROM memory m JOIN place p ON p.place = m.place WHERE m.branch = ? AND m.forgotten IS NULL"""
_RULES_OF_GONE = """UPDATE memory SET (policy, expires) =
    (SELECT o.policy, o.expires FROM memory o WHERE o.branch = 'main' AND o.id = ?1)
    WHERE id = ?1 AND branch <> 'main' AND forgotten IS NOT NULL AND branch IN (SELECT branch FROM branch)"""
_HAS_WORDS = "SELECT 1 FROM version WHERE memory = ? AND version = ? AND content IS NOT NULL"
_WORDLESS = """UPDATE version SET payload = NULL, packed = NULL, content = NULL, salt = NULL
    WHERE memory = ? AND version = ?"""
