"""What every verb works on: a vault and its lanes as one caller sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol

from anyio import to_thread

from memos_mcp.accesses import AccessLog
from memos_mcp.answers import Recalled
from memos_mcp.cube import Governance, MemCube, Ref, State
from memos_mcp.errors import Conflict, Denied, MergeConflict, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import Act, Decision, Reading, decided, effective, is_beneath, names_of
from memos_mcp.interface import checks
from memos_mcp.interface.consolidated import stands_for
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.recording import committed, looked, staged, wrote
from memos_mcp.interface.spending import Spending
from memos_mcp.interface.topics_summary import lasting
from memos_mcp.ledger import Noted
from memos_mcp.namespaces import Defaults
from memos_mcp.operation.lanes import Lanes
from memos_mcp.operation.lifecycle import moved
from memos_mcp.operation.operator import Fused
from memos_mcp.ports import Caller, Change, Event, MemoryAdapter, Name, Where, Which
from memos_mcp.traversal import Traversal

if TYPE_CHECKING:
    from memos_mcp.interface.activating import Activations
    from memos_mcp.interface.adapting import Adapters
    from memos_mcp.interface.scheduling import Scheduler
    from memos_mcp.interface.teaching import Teacher

Found = Ref | Name
When = datetime | str
"""A moment, or the label of a snapshot."""
Never = Literal["never"]
"""The end of what does not end."""
SNAPSHOT = "snapshot"
"""The kind of the ledger's notes that label positions of the log."""
_DOING: dict[Act, str] = {"read": "read", "write": "change", "govern": "decide about"}
_ATTEMPTS = 100  # each time another change went through, so only a crowd comes near
_FEW = 10  # changes that are looked through faster than another thread is reached
_ALL = Which()
_PARTLY = "he sees it without its personal data: a change would destroy, or open, what he does not see"


def now_in_utc() -> datetime:
    """The moment."""
    return datetime.now(UTC)


class Following(Protocol):
    """What follows the log in the background (interface/consolidating.py)."""

    why: str

    def wake(self) -> None:
        """Something was written."""
        ...

    async def run(self) -> None:
        """Look at all of it now."""
        ...

    async def position(self) -> int:
        """Up to which line it has looked."""
        ...


@dataclass(frozen=True, slots=True)
class Bound:
    """Bound to a caller; the verbs of Memos and the objects that hang off it share one.

    `path` is where he writes and searches unless told otherwise: None is his home, and all he may read. `branch_at` is
    the path of the branch that all this is about; empty: the original. `alone`: no chat model is set, so that
    the models that keep and learn memories answer by themselves.
    """

    vault: MemoryAdapter
    lanes: Lanes
    caller: Caller
    path: str | None
    clock: Callable[[], datetime]
    guard: Guard
    accesses: AccessLog | None = None
    branch_at: str = ""
    consolidation: Following | None = None
    graph: Traversal | None = None
    activations: Activations | None = None
    adapters: Adapters | None = None
    scheduler: Scheduler | None = None
    teacher: Teacher | None = None
    spending: Spending | None = None
    alone: bool = True

    def acting_as(self, caller: Caller) -> Bound:
        """The same for another caller, who stays in the branch."""
        if not self.branch_at or not is_beneath(self.branch_at, caller.within or self.branch_at):
            return replace(self, caller=caller, path=None)
        return replace(self, caller=replace(caller, within=self.branch_at), path=None)

    @property
    def home(self) -> str:
        """Where he writes unless told otherwise."""
        return self.path or governance.home(self.caller)

    @property
    def defaults(self) -> Defaults:
        """The rules of namespaces: every verb looks at them anew when it begins."""
        return self.vault.namespaces.known

    async def look_again(self) -> None:
        """See the rules of namespaces as any process wrote them last."""
        await self.vault.namespaces.fresh()

    def writable(self, path: str | None) -> str:
        """The path, or his own, if he may write there. Raises InvalidInput, Denied."""
        return governance.writable(self.caller, path or self.home, self.clock(), self.defaults)

    def sees(self, path: str) -> bool:
        """May he know what is at the path, but for what memories there say themselves?"""
        return governance.sees(self.caller, path, self.clock(), self.defaults)

    async def readable(self, path: str | None, at: When | None = None) -> Where:
        """What lies, or lay, beneath the path, or all he may read now. Raises InvalidInput, Denied, NotFound."""
        permit = Reading(self.caller, self.clock(), self.defaults)
        granted = await self.vault.granted(names_of(self.caller), permit=permit)
        where = governance.readable(self.caller, path or self.path, self.clock(), granted, self.defaults)
        return where if at is None else replace(where, at=await self.position(at, path))

    async def position(self, at: When, path: str | None = None) -> int:
        """Where the log ended at a moment, or at a snapshot of the path or one above it. Raises NotFound."""
        if isinstance(at, datetime):
            return await self.vault.position(checks.check_moment(at, "the moment"))
        label, home = checks.check_label(at), governance.check_path(path or self.home)
        for place in (home, *(home.rsplit("/", n)[0] for n in range(1, home.count("/") + 1))):
            note = await self.vault.ledger.read(SNAPSHOT, f"{place}\n{label}")
            if note and self.sees(place) and isinstance(note.value, dict):
                return int(str(note.value["seq"]))
        raise NotFound(
            f"there is no snapshot {label!r} at {home} or above it, and it is no time such as 2026-03-02T09:30; "
            "the timeline lists the snapshots there are"
        )

    def moment(self, at: When | None) -> datetime:
        """What is now to a question: the moment it asks of, if that is a time."""
        return checks.check_moment(at, "the moment") if isinstance(at, datetime) else self.clock()

    async def looked_at(self, path: str | None) -> str:
        """The very path, or his own, if anything beneath it may be open to him. Raises InvalidInput, Denied."""
        await self.readable(path or self.home)
        return governance.check_path(path or self.home)

    def decided(self, act: Act, cube: MemCube) -> Decision:
        """May he do this to the memory, and by which rule?"""
        decision = self.would(act, cube)
        looked(cube.id, cube.version, cube.path, decision)
        return decision

    def would(self, act: Act, cube: MemCube) -> Decision:
        """The same, if nobody asked: it is no access."""
        decision = self._decided(act, cube.path, cube.governance)
        if decision.allowed and act == "write" and self.part(cube).hidden:
            return Decision(False, "partial", _PARTLY)
        return decision

    def _decided(self, act: Act, path: str, rules: Governance) -> Decision:
        """Who sees only a part decides about nothing: else he would let himself see the rest."""
        above = self.defaults.above(path)
        decision = decided(self.caller, act, path, rules, self.clock(), above)
        privacy = self.guard.privacy if act == "govern" and decision.allowed else None
        if privacy and not privacy.sees_all(self.caller, path, effective(path, rules, above)):
            return Decision(False, "partial", _PARTLY)
        return decision

    def may_read(self, event: Event) -> bool:
        """May he know of a line of the log?"""
        path = event.now or event.path
        decision = self._decided("read", path, event.rules or Governance())
        looked(event.subject, event.version, path, decision)
        return decision.allowed

    def governs(self, path: str, rules: Governance) -> bool:
        """May he decide about memories at this path with these rules, and know of them?"""
        decision = self._decided("govern", path, rules)
        return decision.allowed and (decision.rule == "owner" or self._decided("read", path, rules).allowed)

    def check(self, act: Act, cube: MemCube, key: str | None = None) -> None:
        """Raises Denied, in words that say why; of a memory that he may not read only that its key is not his."""
        decision = self.decided(act, cube)
        if decision.allowed:
            return
        if key is not None and not self.decided("read", cube).allowed:
            raise Denied(f"{self.caller.user} may not use the key {key!r} at {cube.path}; choose another")
        raise Denied(f"{self.caller.user} may not {_DOING[act]} memory {cube.id}: {decision.why}", decision.rule)

    def shown(self, cube: MemCube) -> MemCube | None:
        """The memory as he may see it, if he may."""
        return self.part(cube) if self.decided("read", cube).allowed else None

    def part(self, cube: MemCube) -> MemCube:
        """What he sees of a memory that is not kept from him; suspicions and secrets are looked for once more."""
        seen, privacy = self.guard.seen(cube), self.guard.privacy
        return privacy.part(self.caller, seen) if privacy else seen

    def told(self, event: Event) -> Event:
        """What he sees of a line of the log that he may know of."""
        return self.guard.privacy.told(self.caller, event) if self.guard.privacy else event

    async def scan(
        self, where: Where, which: Which = _ALL, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """As the vault's scan, but for words that are asked for and that he does not see: they find nothing."""
        privacy = self.guard.privacy
        if privacy is None or not privacy.at_read or not (which.source or which.session or which.tags):
            return await self.vault.scan(where, which, after=after, limit=limit)
        found: list[tuple[int, MemCube]] = []
        while rows := await self.vault.scan(where, which, after=after, limit=limit):
            found += [row for row in rows if privacy.fits(self.caller, row[1], which)]
            after = rows[-1][0]
            if len(found) >= limit:
                break
        return found[:limit]

    async def one(self, found: Found | None, what: str = "") -> MemCube:
        """The memory at an id or a name; `what` is how the caller named it. Raises NotFound."""
        cubes = await self.vault.get([found]) if found else []
        cube = self.shown(cubes[0]) if cubes else None
        if cube is None or (isinstance(found, Name) and cube.key != found.key):  # a key that he does not see
            version = found.version if isinstance(found, Ref) else None
            raise self.unknown(what or (found.id if isinstance(found, Ref) else ""), version)
        return cube

    async def fetched(self, ranking: Sequence[Fused]) -> tuple[Recalled, ...]:
        """The memories behind hits; a second look at who may read them, now that the paths are known."""
        cubes = {cube.ref: self.shown(cube) for cube in await self.vault.get([each.ref for each in ranking])}
        found = ((cubes.get(each.ref), each) for each in ranking)
        return tuple(Recalled(cube, each.score, each.lanes) for cube, each in found if cube is not None)

    async def governed_ones(self, ids: Sequence[str]) -> list[MemCube]:
        """The current versions of memories that he may govern, also expired ones. Raises NotFound, Denied."""
        cubes = [await self.own(id) for id in dict.fromkeys(ids)]
        for cube in cubes:
            self.check("govern", cube)
        return cubes

    async def own(self, id: str) -> MemCube:
        """A memory that he may read or, as its owner, govern. Raises NotFound, InvalidInput."""
        cubes = await self.vault.get([Ref(id=checks.check_id(id))])
        if not cubes or not (
            self.decided("read", cubes[0]).allowed or self.decided("govern", cubes[0]).rule == "owner"
        ):
            raise self.unknown(id)
        return self.part(cubes[0])

    async def commit(self, *changes: Change, notes: Sequence[Noted] = ()) -> tuple[Event, ...]:
        """Write them all, or on an error none; the lanes follow. Raises Conflict, NotFound, Denied.

        Summaries whose sources go, go with them.
        """
        every = await self._committed(await self._prepared(changes), notes)
        events = every[: len(changes)]
        wrote(events)
        await self.lanes.apply(every)
        staged("applied", len(events))
        again = [each.subject for each in events if _said_again(each) is State.ARCHIVED]
        if again:
            await self._bring_back(again)
        if self.consolidation is not None and not self.branch_at:
            self.consolidation.wake()
        if self.scheduler is not None and not self.branch_at:
            self.scheduler.wake()
        return tuple(map(self.told, events))

    async def _committed(self, changes: Sequence[Change], notes: Sequence[Noted]) -> list[Event]:
        if self.branch_at:
            return await self.vault.commit(changes, caller=self.caller, notes=notes)
        return await lasting(self.vault, changes, self.caller, notes)

    async def _prepared(self, changes: Sequence[Change]) -> Sequence[Change]:
        """The changes as privacy has them written; many are looked through off the event loop."""
        privacy = self.guard.privacy
        if privacy is None:
            return changes
        if len(changes) <= _FEW:
            return privacy.written(changes, self.caller.user)
        return await to_thread.run_sync(privacy.written, changes, self.caller.user)

    async def _bring_back(self, ids: Sequence[str]) -> None:
        """What is archived and stated once more is in use once more."""
        cubes = await self.vault.get([Ref(id=id) for id in dict.fromkeys(ids)])
        to = {"state": moved(State.ARCHIVED, "restore")}
        back = [cube.model_copy(update=to) for cube in cubes if not await stands_for(self.vault, cube)]
        changes = [Change("move", c.id, c, reason="restore: it was said again", was=State.ARCHIVED) for c in back]
        with contextlib.suppress(Conflict, NotFound):  # somebody else was there first
            events = await self.vault.commit(changes, caller=self.caller)
            committed(events)
            await self.lanes.apply(events)

    def put_again(self, old: MemCube, key: str, end: datetime | Never | None) -> tuple[MemCube, list[Change]]:
        """What is put under its key once more, with what has to be changed first: its end, or that it is over.

        Both are for who decides about it. Raises Denied.
        """
        rules = old.governance
        over = rules.expires_at is not None and rules.expires_at <= self.clock()
        new = rules.expires_at is not None if end == "never" else end is not None
        if not (over or new) or not self.governs(old.path, rules):
            self.check("write", old, key)
            if new:
                self.check("govern", old)
            return old, []
        state = moved(old.state, "restore") if old.state is State.EXPIRED else old.state
        until = rules.model_copy(update={"expires_at": None if end == "never" else end})
        back = old.model_copy(update={"governance": until, "state": state})
        self.check("write", back, key)
        changes = [Change("govern", old.id, back, reason="it was put again")]
        if back.state is not old.state:
            changes.append(Change("move", old.id, back, reason="restore: it was put again", was=old.state))
        return back, changes

    async def written(self, change: Change, cube: MemCube, first: Sequence[Change] = ()) -> MemCube:
        """The memory as this change wrote it, after others of it. Raises Conflict, NotFound."""
        events = await self.commit(*first, change)
        return events[-1].cube or cube

    async def repeated(self, attempt: Callable[[], Awaitable[MemCube]], expect: int | None) -> MemCube:
        """Begin anew when somebody else came first, unless the caller said which version he means."""
        for _ in range(_ATTEMPTS if expect is None else 0):
            try:
                return await attempt()
            except MergeConflict:
                raise
            except Conflict:
                continue
        return await attempt()

    def unknown(self, what: str, version: int | None = None) -> NotFound:
        """What is said of a memory that is not there, or not for him: the same."""
        which = f" version {version}" if version else ""
        return NotFound(f"{self.caller.user} has no memory {what!r}{which}; recall or browse to find its id")


def _said_again(event: Event) -> State | None:
    """The state of a memory that was stated, or put, once more."""
    if event.action == "put" and event.cube is not None:
        return event.cube.state
    return event.state if event.action == "sight" else None
