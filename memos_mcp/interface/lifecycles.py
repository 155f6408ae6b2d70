"""MemLifecycle for callers: states and their moves, legal hold, retention, and erasure (long paper §5.4.3, §5.5.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from memos_mcp.cube import MemCube, Ref, State, Usage
from memos_mcp.errors import Conflict, Corrupt, Denied, IllegalMove, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.recording import recorded
from memos_mcp.keeping import Copy
from memos_mcp.operation.lifecycle import (
    REGIMES,
    Advice,
    Move,
    Policy,
    advice,
    heat,
    moved,
    open_moves,
    overdue,
    policy_for,
    strength,
    surplus,
    why_not,
)
from memos_mcp.ports import Change, Event, Which

BY_HAND: tuple[Move, ...] = ("activate", "merge", "archive", "restore", "expire")
"""The moves that are asked for here; a time machine freezes and thaws."""
_BATCH = 200  # memories that a sweep moves in one commit, at most
_MOST = 1_000_000
_PAGE = 1000
_LINES = 20  # of a memory's log in which it is looked for when it was brought back
_SWEPT = Which(states=(State.GENERATED, State.ACTIVATED, State.MERGED, State.ARCHIVED))
_OVER = Which(states=(State.EXPIRED,))
_EVERY = (Which(states=tuple(State)), Which(quarantined=True))
_FORM = TypeAdapter(Policy)
Due = Callable[[MemCube, Policy], Awaitable[Sequence[Change]]]


@dataclass(frozen=True, slots=True)
class Life:
    """Where a memory stands: its state and what that means, the moves it can make, and the one that is due."""

    id: str
    state: State
    says: str
    moves: tuple[Move, ...]
    due: Advice | None
    strength: float
    heat: float
    held: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shelved:
    """Memories in some states, newest first; `after` continues, 0 at the end."""

    cubes: tuple[MemCube, ...]
    after: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: the lines of its moves, how many memories it looked at; `after` continues, 0 at the end."""

    moves: tuple[Event, ...]
    looked: int
    after: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased. `copies` were made while it was there and still hold it; `left` says what could not be done."""

    events: tuple[Event, ...]
    copies: tuple[Copy, ...]
    left: tuple[str, ...]


@recorded("lifecycle.")
class Lifecycle:
    """States, retention and erasure of memories. Hangs off `Memos.lifecycle`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def state(self, id: str) -> Life:
        """Where a memory stands. Raises NotFound."""
        cube, now = await self._on.own(id), self._on.clock()
        policy = policy_for(cube.path, await self._policies())
        rules = cube.governance
        usage, kept = await self._brought_back(cube, policy)
        return Life(
            id=cube.id,
            state=cube.state,
            says=REGIMES[cube.state].says,
            moves=tuple(move for move in open_moves(cube.state) if move in BY_HAND),
            due=advice(cube, usage, now, kept, held=rules.held),
            strength=strength(cube, usage, now, policy),
            heat=heat(cube.usage, now),
            held=rules.held,
            expires_at=rules.expires_at,
        )

    async def list(
        self, states: Sequence[State] = (State.ARCHIVED,), *, path: str | None = None, limit: int = 20, after: int = 0
    ) -> Shelved:
        """Memories in these states, also those that recall and browse leave out; of what is over, one's own.

        Raises InvalidInput, Denied.
        """
        checks.check_range("limit", limit, _PAGE)
        where = replace(await self._on.readable(path), permit=None)
        which = Which(states=tuple(map(_state, states)))
        found: list[MemCube] = []
        while rows := await self._on.vault.scan(where, which, after=after, limit=_BATCH):
            for after, cube in rows:
                if self._on.decided("read", cube).allowed or self._on.decided("govern", cube).rule == "owner":
                    found.append(self._on.part(cube))
                if len(found) == limit:
                    return Shelved(tuple(found), after)
        return Shelved(tuple(found), 0)

    async def move(self, ids: Sequence[str], move: Move, *, reason: str = "") -> tuple[MemCube, ...]:
        """Take memories to another state, all of them or, on an error, none. No version is written.

        What is archived is no longer recalled, what is expired no longer read either, until it is restored.
        Raises NotFound, Denied, IllegalMove, Conflict.
        """
        why = checks.check_reason(reason)
        if move not in BY_HAND:
            raise InvalidInput(f"a move is one of {', '.join(BY_HAND)}, not {move!r}")
        changes: list[Change] = []
        for old in await self._on.governed_ones(ids):
            if refusal := why_not(old.state, move):
                raise IllegalMove(f"memory {old.id}: {refusal}")
            if old.governance.held and move == "expire":
                raise Denied(f"memory {old.id} is under legal hold: it stays until somebody lifts the hold")
            changes += _changes(old, move, why, self._on.clock())
        events = await self._on.commit(*changes) if changes else ()
        return tuple([await self._on.own(event.subject) for event in events if event.action == "move"])

    async def hold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Put memories under legal hold: they are not swept, forgotten or erased. Raises NotFound, Denied."""
        return await self._held(ids, reason, held=True)

    async def unhold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Lift a legal hold, which takes the scope `admin`. Raises NotFound, Denied."""
        governance.check_scope(self._on.caller, "admin")
        return await self._held(ids, reason, held=False)

    async def policy(self, path: str | None = None) -> Policy:
        """The policy that holds at a path: of the nearest namespace at or above it. Raises InvalidInput, Denied."""
        home = await self._on.looked_at(path)
        return policy_for(home, await self._policies())

    async def set_policy(self, path: str, policy: Policy | None, *, reason: str = "") -> Policy:
        """How long memories at and beneath a path are kept; None: as the namespace above says. Takes scope `admin`.

        Moves nothing by itself: a sweep does. Raises InvalidInput, Denied.
        """
        governance.check_scope(self._on.caller, "admin")
        home, why = self._on.writable(path), checks.check_reason(reason)
        form = None if policy is None else _FORM.dump_json(policy, exclude_defaults=True).decode()
        await self._on.vault.keeping.set_policy(home, form, caller=self._on.caller.user, reason=why)
        return await self.policy(home)

    async def sweep(self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0) -> Swept:
        """Make the moves that are due, of the memories that the caller may decide about, newest first.

        Bounded batches, each of them whole or not at all, so that one that is stopped goes on where it was. `limit` is
        how many memories are looked at; `after` of the last answer continues. Frozen and held ones stay as they are.
        Cost: about 50 µs a memory, 0.2 ms a move. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._due)

    async def compact(self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0) -> Swept:
        """Remove the words of versions that policies keep no longer, of memories that the caller may decide about.

        The log keeps that there were such versions. The first and the current one stay, and all of what is frozen or
        held. Batches, `limit` and `after` as of `sweep`. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._surplus)

    async def clean(self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0) -> Swept:
        """Forget what has been over for as long as policies say, of memories that the caller may decide about.

        Batches, `limit` and `after` as of `sweep`. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._overdue, _OVER)

    async def erase(self, ids: Sequence[str] = (), *, source: str = "", path: str | None = None, reason: str) -> Erased:
        """Remove memories for good: those named, all of a source, or all at and beneath a path; or, on an error, none.

        The words of every version and sighting go from the vault, its indexes and its write-ahead log before this
        returns; a line says who erased it, when and why. The answer names the copies that still hold it.
        Raises InvalidInput, NotFound, Denied.
        """
        why = checks.check_reason(reason)
        if not why.strip():
            raise InvalidInput("say why it is erased: the reason is all that stays")
        if bool(ids) == bool(source or path):
            raise InvalidInput("name what is to be erased: ids, or a source, a path, or both")
        cubes = await self._on.governed_ones(ids) if ids else await self._all(source, path)
        if not cubes:
            return Erased((), (), ())
        events = await self._on.commit(*(Change("forget", cube.id, reason=why) for cube in cubes))
        left = [f"the {lane.name} index: {lane.why}" for lane in self._on.lanes.states() if lane.on and lane.why]
        if not await self._on.vault.keeping.scrub():
            left.append("the write-ahead log, which somebody still reads: erase again, or close what reads it")
        copies = await self._on.vault.keeping.copies(min(cube.created_at for cube in cubes))
        return Erased(events, tuple(copies), tuple(left))

    async def _all(self, source: str, path: str | None) -> Sequence[MemCube]:
        """What the caller may decide about of a source or a namespace, in every state, in quarantine or not."""
        where = replace(await self._on.readable(self._on.writable(path)), permit=None)
        found: list[MemCube] = []
        for which in _EVERY:
            rows = await self._on.scan(where, replace(which, source=source), limit=_PAGE)
            while rows:
                found += [cube for _, cube in rows if self._on.governs(cube.path, cube.governance)]
                rows = await self._on.scan(where, replace(which, source=source), after=rows[-1][0], limit=_PAGE)
        return found

    async def _held(self, ids: Sequence[str], reason: str, *, held: bool) -> tuple[MemCube, ...]:
        why, changes = checks.check_reason(reason), list[Change]()
        for old in await self._on.governed_ones(ids):
            if old.governance.held != held:
                rules = old.governance.model_copy(update={"held": held})
                changes.append(Change("govern", old.id, old.model_copy(update={"governance": rules}), reason=why))
        events = await self._on.commit(*changes) if changes else ()
        return tuple(event.cube for event in events if event.cube)

    async def _policies(self) -> Mapping[str, Policy]:
        try:
            return {path: _FORM.validate_json(form) for path, form in (await self._on.vault.keeping.policies()).items()}
        except ValidationError as exc:
            raise Corrupt("a policy of the vault cannot be read; set it anew with `memos lifecycle policy`") from exc

    async def _passed(self, path: str | None, limit: int, after: int, due: Due, which: Which = _SWEPT) -> Swept:
        """Go through memories and change what is due. Those of others count for nothing, or they would be counted."""
        checks.check_range("limit", limit, _MOST)
        governance.check_scope(self._on.caller, "write")
        where, policies = replace(await self._on.readable(path), permit=None), await self._policies()
        events: list[Event] = []
        looked = 0
        while rows := await self._on.vault.scan(where, which, after=after, limit=_BATCH):
            mine = [(at, cube) for at, cube in rows if self._on.governs(cube.path, cube.governance)][: limit - looked]
            every = [await due(cube, policy_for(cube.path, policies)) for _, cube in mine]
            events += await self._changed([changes for changes in every if changes])
            looked, after = looked + len(mine), rows[-1][0]
            if looked == limit:
                return Swept(tuple(events), looked, mine[-1][0])
        return Swept(tuple(events), looked, 0)

    async def _changed(self, due: Sequence[Sequence[Change]]) -> Sequence[Event]:
        """Change a batch in one commit, or memory by memory if somebody changed one of them meanwhile."""
        if not due:
            return ()
        try:
            events = await self._on.commit(*(change for changes in due for change in changes))
        except (Conflict, NotFound, Denied):
            events = ()
            for changes in due:
                events += await self._one(changes)
        return [event for event in events if event.action != "govern"]

    async def _one(self, changes: Sequence[Change]) -> tuple[Event, ...]:
        try:
            return await self._on.commit(*changes)
        except (Conflict, NotFound, Denied):  # the next sweep looks at it as it is then
            return ()

    async def _due(self, cube: MemCube, policy: Policy) -> Sequence[Change]:
        now, held = self._on.clock(), cube.governance.held
        if advice(cube, cube.usage, now, policy, held=held) is None:
            return ()
        usage, policy = await self._brought_back(cube, policy)
        found = advice(cube, usage, now, policy, held=held)
        return _changes(cube, found.move, found.why, now) if found else ()

    async def _overdue(self, cube: MemCube, policy: Policy) -> Sequence[Change]:
        why = overdue(cube, self._on.clock(), policy)
        return [Change("forget", cube.id, reason=why)] if why else ()

    async def _surplus(self, cube: MemCube, policy: Policy) -> Sequence[Change]:
        """The versions that are kept no longer; what was compacted before has no words any more."""
        if cube.version < 3 or cube.governance.held or (policy.versions is None and policy.versions_for is None):
            return ()
        refs = [Ref(id=cube.id, version=n) for n in range(1, cube.version + 1)]
        there = {old.version: old for old in await self._on.vault.get(refs)}
        times = [there[n].updated_at if n in there else cube.created_at for n in range(1, cube.version + 1)]
        numbers = surplus(times, self._on.clock(), policy)
        return [Change("compact", cube.id, there[n], reason="by policy") for n in numbers if n in there]

    async def _brought_back(self, cube: MemCube, policy: Policy) -> tuple[Usage, Policy]:
        """What counts once somebody has brought it back: that is a use, or the next sweep would put it away again."""
        if cube.state is State.GENERATED:
            return cube.usage, policy
        lines = await self._on.vault.events(after=-_LINES, subject=cube.id)
        backs = (line for line in reversed(lines) if line.action == "move" and line.reason.startswith("restore"))
        last = next(backs, None)
        if last is None:
            return cube.usage, policy
        usage = cube.usage.model_copy(update={"last_read_at": max(last.at, cube.usage.last_read_at or last.at)})
        return usage, replace(policy, kept_for=None)


def _changes(old: MemCube, move: Move, reason: str, now: datetime) -> list[Change]:
    """The changes of a move. What expires has an end, what is brought back from there has none."""
    rules, end = old.governance, old.governance.expires_at
    if move == "expire":
        rules = rules.model_copy(update={"expires_at": min(end or now, now)})
    elif old.state is State.EXPIRED:
        rules = rules.model_copy(update={"expires_at": None})
    why = f"{move}: {reason}" if reason else move
    to = old.model_copy(update={"state": moved(old.state, move), "governance": rules})
    changes = [Change("move", old.id, to, reason=why, was=old.state)]
    return changes if rules == old.governance else [Change("govern", old.id, to, reason=why), *changes]


def _state(given: State) -> State:
    if given not in tuple(State):
        raise InvalidInput(f"a state is one of {', '.join(State)}, not {given!r}")
    return State(given)
