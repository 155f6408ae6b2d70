"""MemLifecycle for callers: states and their moves, legal hold, retention, and erasure (long paper §5.4.3, §5.5.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from pydantic import TypeAdapter, ValidationError

from memos_mcp.cube import SHELVED, MemCube, Ref, State, Usage
from memos_mcp.errors import Conflict, Corrupt, Denied, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.batches import Migrated, everything, migrated
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.lives import Compressed, Erased, Life, Shelved, Swept
from memos_mcp.interface.moving import BY_HAND, by_hand, changes_of, check_move
from memos_mcp.interface.recording import recorded
from memos_mcp.operation.lifecycle import (
    REGIMES,
    Move,
    Policy,
    advice,
    heat,
    open_moves,
    overdue,
    policy_for,
    strength,
    surplus,
)
from memos_mcp.ports import Change, Event, Which

_BATCH = 200  # memories that a sweep moves in one commit, at most
_MOST = 1_000_000
_PAGE = 1000
_LINES = 20  # of a memory's log in which it is looked for when it was brought back
_SWEPT = Which(states=(State.GENERATED, State.ACTIVATED, State.MERGED, State.ARCHIVED))
_OVER = Which(states=(State.EXPIRED,))
_FORM = TypeAdapter(Policy)
Due = Callable[[MemCube, Policy], Awaitable[Sequence[Change]]]


@recorded("lifecycle.")
class Lifecycle:
    """States, retention and erasure of memories. Hangs off `Memos.lifecycle`."""

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def state(self, id: str) -> Life:
        """Where a memory stands; how often others read it counts only for who decides about it. Raises NotFound."""
        cube, now = await self._on.own(id), self._on.clock()
        if self._on.governs(cube.path, cube.governance):
            (cube,) = await self._used([cube])
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
        why, now = checks.check_reason(reason), self._on.clock()
        check_move(move)
        changes = [each for old in await self._on.governed_ones(ids) for each in by_hand(old, move, why, now)]
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

    async def sweep(
        self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0, dry_run: bool = False
    ) -> Swept:
        """Make the moves that are due, of the memories that the caller may decide about, newest first.

        Bounded batches, each of them whole or not at all, so that one that is stopped goes on where it was. `limit` is
        how many memories are looked at; `after` of the last answer continues. Frozen and held ones stay as they are.
        `dry_run`: nothing is done; the lines that would be written have the `seq` 0.
        Cost: about 50 µs a memory, 0.2 ms a move. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._due, dry_run=dry_run)

    async def compact(
        self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0, dry_run: bool = False
    ) -> Swept:
        """Remove the words of versions that policies keep no longer, of memories that the caller may decide about.

        The log keeps that there were such versions. The first and the current one stay, and all of what is frozen or
        held. The rest as of `sweep`. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._surplus, dry_run=dry_run)

    async def clean(
        self, path: str | None = None, *, limit: int = 1_000_000, after: int = 0, dry_run: bool = False
    ) -> Swept:
        """Forget what has been over for as long as policies say, of memories that the caller may decide about.

        The rest as of `sweep`. Raises InvalidInput, Denied.
        """
        return await self._passed(path, limit, after, self._overdue, _OVER, dry_run=dry_run)

    async def erase(self, ids: Sequence[str] = (), *, source: str = "", path: str | None = None, reason: str) -> Erased:
        """Remove memories for good: those named, all of a source, or all at and beneath a path; or, on an error, none.

        The words of every version and sighting go from the vault, its indexes and its write-ahead log before this
        returns, and the questions that found them from the access log; a line says who erased it, when and why. The
        answer names the copies that still hold it.
        Raises InvalidInput, NotFound, Denied.
        """
        why = checks.check_reason(reason)
        if not why.strip():
            raise InvalidInput("say why it is erased: the reason is all that stays")
        if bool(ids) == bool(source or path):
            raise InvalidInput("name what is to be erased: ids, or a source, a path, or both")
        cubes = await self._on.governed_ones(ids) if ids else await self._governed_at(path, source)
        events = await self._on.commit(*(Change("forget", cube.id, reason=why) for cube in cubes)) if cubes else ()
        if self._on.accesses is not None:  # an erasure that was killed before this is made whole by the next one
            await self._on.accesses.rotate(texts_only=True, forgotten=True)
        if not cubes:
            return Erased((), (), () if ids else await self._branches(path))
        left = [f"the {lane.name} index: {lane.why}" for lane in self._on.lanes.states() if lane.on and lane.why]
        if not await self._on.vault.keeping.scrub():
            left.append("the write-ahead log, which somebody still reads: erase again, or close what reads it")
        left += () if ids else await self._branches(path)
        if self._on.activations is not None:
            left += [f"KV blocks: {said}" for said in self._on.activations.left([cube.id for cube in cubes])]
        copies = await self._on.vault.keeping.copies(min(cube.created_at for cube in cubes))
        return Erased(events, tuple(copies), tuple(left))

    async def migrate(self, path: str, to: str, *, reason: str = "") -> Migrated:
        """Take the memories at and beneath a path to another, with ids, versions and provenance: all or none of them.

        Whose they are and who may use them is decided anew there. What is frozen or held stays, and what the caller may
        not decide about here and there. Recall of a moment finds them from then on only. Cost: 0.3 ms each.
        Raises InvalidInput, Denied, Conflict (a key is in use there).
        """
        return await migrated(self._on, path, to, checks.check_reason(reason))

    async def compress(self, path: str | None = None) -> Compressed:
        """Compact the versions at a path, then write the whole vault anew without the room that is not in use.

        Takes the scope `admin`, as it keeps others waiting. Stopped at any time, the vault is as before or as after.
        Cost: 50 ms per MB, and as much memory and disk as the vault has. Raises Denied, InvalidInput, Unavailable.
        """
        governance.check_scope(self._on.caller, "admin")
        keeping = self._on.vault.keeping
        compacted = await self.compact(path)
        before = await keeping.sizes()
        moved = await keeping.shrink()
        return Compressed(len(compacted.moves), moved, before, await keeping.sizes())

    async def _branches(self, path: str | None) -> tuple[str, ...]:
        """What-if branches where it may have been said anew: what the original holds is gone there as well."""
        home = self._on.writable(path)
        known = () if self._on.branch_at else await self._on.vault.branching.list()
        near = [each for each in known if is_beneath(each.path, home) or is_beneath(home, each.path)]
        open_ = [each for each in near if governance.is_open(self._on.caller, each.path)]
        return tuple(f"the branch {each.label!r} of {each.path}, if it was said there: drop it" for each in open_)

    async def _governed_at(self, path: str | None, source: str) -> Sequence[MemCube]:
        """What the caller may decide about of a source or a namespace, in every state, in quarantine or not."""
        found = await everything(self._on, self._on.writable(path), source)
        return [cube for cube in found if self._on.governs(cube.path, cube.governance)]

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

    async def _passed(
        self, path: str | None, limit: int, after: int, due: Due, which: Which = _SWEPT, *, dry_run: bool = False
    ) -> Swept:
        """Go through memories and change what is due. Those of others count for nothing, or they would be counted."""
        checks.check_range("limit", limit, _MOST)
        governance.check_scope(self._on.caller, "write")
        where, policies = replace(await self._on.readable(path), permit=None), await self._policies()
        events: list[Event] = []
        looked = 0
        while rows := await self._on.vault.scan(where, which, after=after, limit=_BATCH):
            mine = [(at, cube) for at, cube in rows if self._on.governs(cube.path, cube.governance)][: limit - looked]
            used = await self._used([cube for _, cube in mine])
            every = [(cube, await due(cube, policy_for(cube.path, policies))) for cube in used]
            if dry_run:
                events += [self._planned(cube, each) for cube, changes in every for each in changes]
            else:
                events += await self._changed([changes for _, changes in every if changes])
            looked, after = looked + len(mine), rows[-1][0]
            if looked == limit:
                return Swept(_told(events), looked, mine[-1][0])
        return Swept(_told(events), looked, 0)

    def _planned(self, old: MemCube, change: Change) -> Event:
        """The line that a change would write."""
        to, at, user = change.cube or old, self._on.clock(), self._on.caller.user
        return Event(0, at, change.action, old.id, to.version, old.path, user, change.reason, state=to.state)

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
        return events

    async def _one(self, changes: Sequence[Change]) -> tuple[Event, ...]:
        try:
            return await self._on.commit(*changes)
        except (Conflict, NotFound, Denied):  # the next sweep looks at it as it is then
            return ()

    async def _used(self, cubes: Sequence[MemCube]) -> Sequence[MemCube]:
        """The memories with how often they were read, if an access log is kept."""
        if self._on.accesses is None or not cubes:
            return cubes
        used = await self._on.accesses.used(ids=[cube.id for cube in cubes])
        seen = {id: {"reads": each.usage.reads, "last_read_at": each.usage.last_read_at} for id, each in used.items()}
        return [
            cube.model_copy(update={"usage": cube.usage.model_copy(update=seen[cube.id])}) if cube.id in seen else cube
            for cube in cubes
        ]

    async def _due(self, cube: MemCube, policy: Policy) -> Sequence[Change]:
        now, held = self._on.clock(), cube.governance.held
        if advice(cube, cube.usage, now, policy, held=held) is None:
            return ()
        usage, policy = await self._brought_back(cube, policy)
        found = advice(cube, usage, now, policy, held=held)
        return changes_of(cube, found.move, found.why, now) if found else ()

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
        lines = await self._on.vault.events(after=-_LINES, subject=cube.id)
        moves = [line for line in lines if line.state is not None and line.action != "sight"]
        backs = [line for was, line in pairwise(moves) if _is_back(was.state, line.state)]
        if not backs:
            return cube.usage, policy
        last = backs[-1]
        usage = cube.usage.model_copy(update={"last_read_at": max(last.at, cube.usage.last_read_at or last.at)})
        return usage, replace(policy, kept_for=None)


def _is_back(was: State | None, now: State | None) -> bool:
    return now not in SHELVED and (was in SHELVED or (was is State.MERGED and now is State.ACTIVATED))


def _told(events: Sequence[Event]) -> tuple[Event, ...]:
    """Without the lines that only say that what expires has an end."""
    return tuple(event for event in events if event.action != "govern")


def _state(given: State) -> State:
    if given not in tuple(State):
        raise InvalidInput(f"a state is one of {', '.join(State)}, not {given!r}")
    return State(given)
