"""Rules of namespaces in the vault's own file, written with the line of the log that tells of them."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError

from memos_mcp.cube import Governance
from memos_mcp.errors import Conflict, Corrupt
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.entry import Entry
from memos_mcp.infrastructure.storage.rows import ADVICE, micros, moment
from memos_mcp.namespaces import Defaults, Ruling

_NO_RULES = Governance()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The rules as they were when the log ended at `log`; `last` is the last line that changed them."""

    log: int = -1
    last: tuple[Any, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)


class SqliteNamespaces:
    """Namespaces over one SQLite file, shared by any number of processes.

    Whoever reads the file calls `look` in the same transaction: so rules are as new as what they are asked about.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock
        self._seen = _Seen()
        self._lock = threading.Lock()
        self._working = CapacityLimiter(2)

    @property
    def known(self) -> Defaults:
        """As this process saw them last."""
        return self._seen.defaults

    async def fresh(self) -> Defaults:
        """As any process wrote them last. Cost: 0.1 ms."""
        await self._database.asked(self.look, self._working, "namespaces")
        return self._seen.defaults

    async def rule(self, path: str, rules: Governance, *, was: Governance, caller: str, reason: str = "") -> Ruling:
        """Write them in a transaction of their own, with their line of the log."""
        made = await to_thread.run_sync(self._rule, path, rules, was, caller, reason, limiter=self._working)
        await self.fresh()
        return made

    async def rulings(self) -> Sequence[Ruling]:
        """Every change of them. Cost: 10 µs each."""
        return await to_thread.run_sync(self._rulings, limiter=self._working)

    def look(self, db: sqlite3.Connection) -> None:
        """See what the transaction sees, unless something newer was seen already. Cost: 5 µs."""
        log, *last = db.execute(_LAST).fetchone()
        with self._lock:
            if log < self._seen.log:
                return
            same = tuple(last) == self._seen.last
            self._seen = _Seen(log, tuple(last), self._seen.defaults if same else _defaults(db))

    def _rule(self, path: str, rules: Governance, was: Governance, caller: str, reason: str) -> Ruling:
        with self._database.write() as db:
            if _defaults(db).rules.get(path, _NO_RULES) != was:
                raise Conflict(f"somebody else changed the rules of {path} meanwhile: look at them, then repeat")
            entry = Entry.begin(db, caller, micros(self._clock()))
            seq = entry.ruled(path, reason)
            db.execute("INSERT INTO inheritance VALUES (?, ?, ?)", (seq, path, _form(rules)))
        return Ruling(seq, entry.stamp, path, caller, reason, rules)

    def _rulings(self) -> list[Ruling]:
        with self._database.read() as db:
            rows = db.execute(_RULINGS).fetchall()
        return [
            Ruling(seq, moment(at), path, by, reason, _rules(path, form)) for seq, at, path, by, reason, form in rows
        ]


def _defaults(db: sqlite3.Connection) -> Defaults:
    rows: list[tuple[str, str]] = db.execute(_CURRENT, (_form(_NO_RULES),)).fetchall()
    digest = hashlib.sha256(repr(rows).encode()).hexdigest() if rows else ""
    return Defaults(digest, {path: _rules(path, form) for path, form in rows})


def _form(rules: Governance) -> str:
    return rules.model_dump_json(exclude_defaults=True)


def _rules(path: str, form: str) -> Governance:
    try:
        return Governance.model_validate_json(form)
    except ValidationError as exc:
        raise Corrupt(f"the rules of {path} cannot be read; {ADVICE}") from exc


_LAST = """SELECT coalesce((SELECT max(seq) FROM event), 0), i.seq, i.path, i.rules
    FROM (SELECT 1) LEFT JOIN (SELECT * FROM inheritance ORDER BY seq DESC LIMIT 1) i"""
_CURRENT = """SELECT path, rules FROM inheritance i WHERE rules <> ?
    AND seq = (SELECT max(seq) FROM inheritance o WHERE o.path = i.path) ORDER BY path"""
_RULINGS = """SELECT i.seq, e.at, i.path, e.caller, e.reason, i.rules
    FROM inheritance i JOIN event e ON e.seq = i.seq ORDER BY i.seq"""
