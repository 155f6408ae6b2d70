"""Consolidation at work: a follower of the log that looks at each new memory beside older ones (long paper §5.4.1).

Where it is lies in the ledger, one cursor for a vault. What follows from a new memory is one commit: the changes, what
was done and why, and the cursor, which has to be where this process found it. So two processes may look at the same
line, and one of them acts; and after a kill it is done or not done. What it decides hangs on the lines up to the new
memory alone, not on when it is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from memos_mcp.accesses import Access, AccessLog, Item
from memos_mcp.cube import Governance, MemCube, Plaintext, Ref, State
from memos_mcp.errors import Conflict, IllegalMove, MemosError, NotFound
from memos_mcp.infrastructure.decisions import Act, decided
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.consolidated import KIND, Deed, Stated, changes_of, deed, key_of, together
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.stating import stated, statement
from memos_mcp.late import late
from memos_mcp.ledger import Noted
from memos_mcp.operation.consolidation import comparable, decide
from memos_mcp.operation.lanes import Lanes
from memos_mcp.operation.statements import Reading, Statement, read
from memos_mcp.ports import MAIN, Action, Caller, Event, MemoryAdapter, Route, Where
from memos_mcp.search import MemoryCall

logger = logging.getLogger(__name__)

SYSTEM = Caller("memos/consolidation")
"""Who changes memories here: a name that no user can have."""
CURSOR = "consolidation"
"""Kind and key of the ledger's note that says up to which line it has looked."""
STATING: frozenset[Action] = frozenset({"remember", "update", "release"})
"""Lines by which a memory states something."""
_MASKED = late(r"…\[secret\]|\[[A-Z][A-Z_]+\]")  # what stood there may have been another one
_IN_USE = frozenset({State.GENERATED, State.ACTIVATED, State.MERGED})
_LINES = 32  # of the log looked at between two writes of the cursor
_FOUND = 48  # memories that share words; the nearest of them are compared
_COMPARED = 12
_LEAST = (
    0.4  # share of the words of the shorter clause that both have; of labelled pairs that something follows from, all
)
_MOST = 5  # memories that one is linked to when it comes
_LONGEST = 2_000  # characters: what is longer is a document
_KEPT = 4_096  # statements that stay made
_SLICE = 0.002  # seconds of work between two looks at what else is to do
_GRACE = 1.0  # seconds: a command that ends at once does not begin with it
_QUIET = 0.5  # seconds without anything new: whoever stores one memory after another is not held up
_PATIENCE = 10.0  # seconds after which it begins all the same
_AGAIN = (1.0, 60.0)  # seconds before trying again what failed, doubling
_TRIES = 8


@dataclass(frozen=True, slots=True)
class _Beside:
    """A permit for what stands at one path under the same rules, whoever may read that."""

    path: str
    rules: Governance
    now: datetime

    @property
    def key(self) -> Hashable:
        return "beside", self.path, self.rules

    def allows(self, path: str, rules: Governance) -> bool:
        return path == self.path and rules == self.rules


@dataclass(frozen=True, slots=True)
class _Clause:
    """Who or what a clause is about, its words, and the stems of those that carry its meaning."""

    who: str
    words: frozenset[str]
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Looked:
    """A memory, what it states, and the clauses by which others are near to it."""

    cube: MemCube
    statement: Statement
    clauses: tuple[_Clause, ...]

    @property
    def stated(self) -> Stated:
        return Stated(self.cube, self.statement)


class Follower:
    """Follows the log of a vault. Nobody waits for it unless he asks to; what fails is tried again."""

    def __init__(
        self,
        vault: MemoryAdapter,
        lanes: Lanes,
        words: Route,
        guard: Guard,
        clock: Callable[[], datetime],
        accesses: AccessLog | None,
    ) -> None:
        self._vault, self._lanes, self._words = vault, lanes, words
        self._guard, self._clock, self._accesses = guard, clock, accesses
        self._made: OrderedDict[tuple[str, int, datetime], _Looked] = OrderedDict()
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._closed = False
        self._yielded = 0.0
        self.why = ""

    def wake(self) -> None:
        """Something was written: look at it in the background, soon."""
        if self._worker is None and not self._closed:
            self._worker = asyncio.get_running_loop().create_task(self._work())
        self._news.set()

    async def run(self) -> None:
        """Look at every line there is. Cost: some 5 ms a memory. Never raises MemosError: `why` says what failed."""
        try:
            async with self._turn:
                while not self._closed and await self._batch():
                    pass
            self.why = ""
        except MemosError as exc:
            if str(exc) != self.why:
                logger.info("consolidation waits", extra={"why": str(exc)})
            self.why = str(exc)

    async def position(self) -> int:
        """Up to which line it has looked."""
        return (await self._cursor())[0]

    async def aclose(self) -> None:
        """Stop; what was begun is finished or was not done."""
        self._closed, self.why = True, "it is closed"
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _work(self) -> None:
        await asyncio.sleep(_GRACE)
        wait, longest = _AGAIN
        while True:
            await self._news.wait()
            until = time.monotonic() + _PATIENCE
            while self._news.is_set() and time.monotonic() < until:
                self._news.clear()
                await asyncio.sleep(_QUIET)
            await self.run()
            if self.why:
                await asyncio.sleep(wait)
                wait = min(2 * wait, longest)
                self._news.set()
            else:
                wait = _AGAIN[0]

    async def _cursor(self) -> tuple[int, int]:
        """The line it has looked up to, and the revision of the note that says so."""
        note = await self._vault.ledger.read(CURSOR, CURSOR)
        return (int(str(note.value)), note.revision) if note else (0, 0)

    async def _batch(self) -> bool:
        """Look at the next lines; False if there are none that tell anything."""
        after, revision = await self._cursor()
        lines = await self._vault.events(after=after, limit=_LINES)
        while lines and all(line.caller == SYSTEM.user for line in lines):
            lines = await self._vault.events(after=lines[-1].seq, limit=_LINES)
        if not lines:
            return False
        told = [line for line in lines if tells(line)]
        for number, line in enumerate(told):
            newer = frozenset(each.subject for each in told[number + 1 :])
            there = await self._looked_at(line, newer, lines[-1].seq, revision)
            if there is None:
                return True
            revision = there
        with contextlib.suppress(Conflict):  # another process is ahead
            await self._vault.ledger.write(CURSOR, CURSOR, lines[-1].seq, expect=revision)
        return True

    async def _looked_at(self, line: Event, newer: frozenset[str], at: int, revision: int) -> int | None:
        """The revision of the cursor after a line; None if another process has gone on from there."""
        for _ in range(_TRIES):
            try:
                return await self._look_at(line, newer, at, revision)
            except (Conflict, NotFound, IllegalMove):  # somebody changed one of them: look again
                if (await self._cursor())[1] != revision:
                    return None
        logger.info("a memory is not consolidated: it is changed again and again", extra={"memory": line.subject})
        return revision

    async def _look_at(self, line: Event, newer: frozenset[str], at: int, revision: int) -> int:
        """Compare what a line states with what was stated before it, and do what follows; the cursor's revision."""
        cubes = await self._vault.get([Ref(id=line.subject)])
        if not cubes or line.cube is None or cubes[0].text != line.cube.text or not self._fits(cubes[0]):
            return revision
        new, caller = cubes[0], Caller(line.caller)
        if not self._may("write", caller, new):
            return revision
        mine = await self._as_stated(self._looked(new))
        may_join, deeds = self._may("govern", caller, new), list[Deed]()
        olds = await self._nearest(mine, newer, at)
        for each in olds:
            old, decision = each, decide(each.statement, mine.statement)
            await self._breathe()
            if decision.relation == "unrelated" or await self._was_decided(each.cube, new):
                continue
            if each.cube.version > 1:
                old = await self._as_stated(each)
                decision = decide(old.statement, mine.statement)
            now = self._clock()
            done = deed(decision, old.stated, mine.stated, seq=line.seq, at=now, may_join=may_join)
            deeds += [done] if done else []
        chosen = together(deeds, _MOST)
        if not chosen:
            return revision
        await self._do(chosen, {new.id: new} | {each.cube.id: each.cube for each in olds}, line.seq, revision)
        return revision + 1

    async def _do(self, deeds: Sequence[Deed], cubes: dict[str, MemCube], seq: int, revision: int) -> None:
        changes = changes_of(deeds, cubes)
        cursor = Noted(CURSOR, CURSOR, seq, revision)
        events = await self._vault.commit(changes, caller=SYSTEM, notes=[cursor, *(each.noted() for each in deeds)])
        await self._lanes.apply(events)
        if self._accesses is not None:
            items = tuple(Item(event.subject, event.version, event.path) for event in events)
            id = secrets.token_hex(8)
            line = Access(id, self._clock(), SYSTEM.user, CURSOR, "allowed", items=items, request=id)
            await self._accesses.write(line)

    def _fits(self, cube: MemCube) -> bool:
        """A statement that is in use, free to be changed, and seen alike by everybody who may read it."""
        rules, privacy = cube.governance, self._guard.privacy
        over = rules.expires_at is not None and rules.expires_at <= self._clock()
        if cube.state not in _IN_USE or over or rules.held or rules.read_only:
            return False
        if cube.key is not None or cube.kind == "document" or len(cube.text) > _LONGEST:
            return False
        if not isinstance(cube.payload, Plaintext) or cube.payload.data is not None or not cube.text:
            return False
        if privacy is not None and privacy.at_read and privacy.lens.view(cube).text != cube.text:
            return False
        if _MASKED.search(cube.text):
            return False
        return not (cube.quarantined or self._guard.seen(cube).quarantined)

    def _may(self, act: Act, caller: Caller, cube: MemCube) -> bool:
        """Might who stated it do this himself? Old and new are under the same rules, so one answer is for both."""
        above = self._vault.namespaces.known.above(cube.path)
        return decided(caller, act, cube.path, cube.governance, self._clock(), above).allowed

    async def _nearest(self, mine: _Looked, newer: frozenset[str], at: int) -> list[_Looked]:
        """The older memories at the path and under the same rules that share most with it, as stated by then."""
        new = mine.cube
        rules = new.governance.model_copy(update={"expires_at": None})
        where = Where((new.path,), permit=_Beside(new.path, rules, self._clock()), at=at)
        asked = _question(new.text, mine.statement)
        found = await self._words.find(MemoryCall(asked, asked), where, _FOUND)
        then = {hit.ref.id: hit.ref for hit in found.hits if hit.ref.id != new.id and hit.ref.id not in newer}
        cubes = await self._vault.get([Ref(id=id) for id in then])
        changed = [then[cube.id] for cube in cubes if cube.version != then[cube.id].version]
        said = {cube.id: cube.text for cube in await self._vault.get(changed)}
        known = [
            self._looked(cube)
            for cube in cubes
            if cube.path == new.path
            and cube.governance == new.governance
            and said.get(cube.id, cube.text) == cube.text
            and self._fits(cube)
        ]
        await self._breathe()
        shares = [(_shared(mine, each), each) for each in known]
        near = [pair for pair in shares if pair[0] >= _LEAST]
        near.sort(key=lambda pair: (-pair[0], pair[1].cube.created_at, pair[1].cube.text))
        return [each for _, each in near[:_COMPARED]]

    def _looked(self, cube: MemCube) -> _Looked:
        key = (cube.id, cube.version, cube.updated_at)
        known = self._made.get(key)
        if known is None:
            said = statement(cube)
            known = self._made[key] = _Looked(cube, said, tuple(_clauses(said)))
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return _Looked(cube, known.statement, known.clauses)

    async def _as_stated(self, each: _Looked) -> _Looked:
        """The same as stated when its words were written: that may have been long after the memory was made."""
        cube = each.cube
        if cube.version == 1:
            return each
        text, since = "", None
        for line in await self._vault.events(subject=cube.id):
            if line.cube is not None and line.cube.text != text:
                text, since = line.cube.text, line.at if line.version > 1 else None
        if since is None:
            return each
        return replace(each, statement=stated(cube.text, cube.origin.speaker, since, cube=cube))

    async def _was_decided(self, old: MemCube, new: MemCube) -> bool:
        """Two memories are looked at once: what was undone stays undone."""
        for one, other in ((old, new), (new, old)):
            if await self._vault.ledger.read(KIND, key_of(new.path, one.id, other.id)):
                return True
        return False

    async def _breathe(self) -> None:
        """Let others have their turn."""
        if time.monotonic() - self._yielded > _SLICE:
            await asyncio.sleep(0)
            self._yielded = time.monotonic()


def following(on: Bound, routes: Sequence[Route], closing: AsyncExitStack) -> Bound:
    """The same with a follower of its vault, over the words of its lanes; ended by `closing` before they are."""
    words = next((route for route in routes if route.name == "words"), None)
    if words is None:
        return on
    follower = Follower(on.vault, on.lanes, words, on.guard, on.clock, on.accesses)
    closing.push_async_callback(follower.aclose)
    return replace(on, consolidation=follower)


def tells(line: Event) -> bool:
    """Does somebody state something by it?"""
    return line.action in STATING and line.branch == MAIN and line.caller != SYSTEM.user and line.cube is not None


def _readings(said: Statement) -> list[Reading]:
    return [read(each, said.speaker) for each in (said.clauses or (said.normal,))]


def _question(text: str, said: Statement) -> str:
    """Its words as they stand, and in the one way of saying it: who moved to a place is looked for as living in one."""
    words = [word for each in _readings(said) for word in each.words if word.isalnum()]
    plain = [word for word in said.normal.split() if word.isprintable()]
    return " ".join(dict.fromkeys((*text.lower().split(), *plain, *words)))


def _clauses(said: Statement) -> Iterator[_Clause]:
    """Those that can be compared, without who speaks in what they are about."""
    own = {"_".join(re.findall(r"[^\W_]+", (said.speaker or "").lower())), "\0i"}
    for each in _readings(said):
        stems = (each.stems | each.when) - own
        if stems and comparable(each):
            yield _Clause(each.who, frozenset(each.words), stems)


def _shared(one: _Looked, other: _Looked) -> float:
    """How much two clauses have in common of which one names what the other is about: no rule decides on others."""
    return max(
        (
            len(a.stems & b.stems) / min(len(a.stems), len(b.stems))
            for a in one.clauses
            for b in other.clauses
            if a.who in b.words or b.who in a.words
        ),
        default=0.0,
    )
