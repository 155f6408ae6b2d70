"""A what-if branch as a vault and lanes of its own: what it changed lies over its original, as that was once.

The original is read at a position of the log, and never written. What the branch holds itself lies at hidden places;
here its paths are those of the original, whose rules decide about it as they are now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from memos_mcp.branching import Branch, Branching, over, under
from memos_mcp.cube import Governance, MemCube, Ref
from memos_mcp.errors import Conflict, Denied, InvalidInput
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.keeping import Copy, Keeping, Sizes
from memos_mcp.ledger import Ledger, Noted
from memos_mcp.namespaces import Defaults, Namespaces, Ruling
from memos_mcp.ports import (
    MAIN,
    Action,
    Caller,
    Change,
    Event,
    Fork,
    MemoryAdapter,
    Name,
    Permit,
    Revision,
    Route,
    Where,
    Which,
)
from memos_mcp.search import Found, Hit, Lane, MemoryCall

_ALL = Which()
_MOST_LINES = 10_000
_DECIDED: frozenset[Action] = frozenset({"govern", "quarantine", "release", "compact", "depart", "arrive"})


@dataclass(frozen=True, slots=True)
class Beneath:
    """A permit that knows memories of a branch by their paths in the original."""

    permit: Permit

    @property
    def key(self) -> Hashable:
        """That of the permit, of a branch."""
        return "branch", self.permit.key

    @property
    def now(self) -> datetime:
        """The moment."""
        return self.permit.now

    def allows(self, path: str, rules: Governance) -> bool:
        """Whether he may read such a memory."""
        return self.permit.allows(under(path), rules)


class BranchVault:
    """MemoryAdapter over another one, for a branch of it. Costs a look at what the branch changed, on top."""

    def __init__(self, vault: MemoryAdapter, branch: Branch) -> None:
        self._vault = vault
        self._branch = branch
        self._asked: tuple[Where, Where] | None = None

    @property
    def ledger(self) -> Ledger:
        """That of the original."""
        return self._vault.ledger

    @property
    def keeping(self) -> Keeping:
        """That of the original, for reading."""
        return _Kept(self._vault.keeping)

    @property
    def branching(self) -> Branching:
        """That of the original."""
        return self._vault.branching

    @property
    def namespaces(self) -> Namespaces:
        """Those of the original, for reading."""
        return _Ruled(self._vault.namespaces)

    async def commit(self, changes: Sequence[Change], *, caller: Caller, notes: Sequence[Noted] = ()) -> list[Event]:
        """Write to the branch. Raises also InvalidInput: what a branch does not decide; NotFound: it was dropped."""
        for change in changes:
            if change.action in _DECIDED:
                raise InvalidInput(f"a branch changes what memories say: {change.action} them in the original")
            if change.cube and change.cube.version == 1 and not is_beneath(change.cube.path, self._branch.path):
                raise Denied(f"the branch {self._branch.label!r} is of {self._branch.path}: write there", "namespace")
        await self._check_keys(changes)
        events = await self._vault.commit([self._down(change) for change in changes], caller=caller, notes=notes)
        return [_up(event) for event in events]

    async def get(self, refs: Sequence[Ref | Name], *, branch: str = MAIN, at: int | None = None) -> list[MemCube]:
        """The cubes of the branch, else of the original, in order."""
        own = await self._own(at)
        found: list[MemCube] = []
        for mine, some in groupby(refs, lambda ref: isinstance(ref, Name) or ref.id in own):
            if mine:
                found += [cube for ref in some for cube in await self._one(ref, own, at)]
            else:
                found += await self._vault.get(list(some), at=self._then(at))
        return found

    async def scan(
        self, where: Where, which: Which = _ALL, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, MemCube]]:
        """What the branch holds itself, then what it did not change: that is older."""
        seen = await self.seen(where)
        mine = replace(seen, paths=self._places(where.paths), branch=self._branch.id, fork=None)
        rows = [(at, _lifted(cube)) for at, cube in await self._vault.scan(mine, which, after=after, limit=limit)]
        if len(rows) == limit or which.quarantined:
            return rows
        beneath = replace(seen, paths=where.paths, permit=where.permit, at=self._then(where.at))
        more = await self._vault.scan(beneath, which, after=after, limit=limit - len(rows))
        return rows + [(at, cube) for at, cube in more if not which.states or cube.state in which.states]

    async def count(
        self,
        paths: Sequence[str],
        *,
        quarantined: bool = False,
        permit: Permit | None = None,
        at: int | None = None,
        without: Collection[str] = (),
    ) -> Mapping[str, int]:
        """How many there are of both. Cost: that of a count of the past."""
        wrapped = Beneath(permit) if permit else None
        mine = await self._vault.count(
            self._places(paths), quarantined=quarantined, permit=wrapped, at=at, without=without
        )
        counted = Counter({under(path): number for path, number in mine.items()})
        if not quarantined:
            gone = {*without, *await self._own(at)}
            counted.update(await self._vault.count(paths, permit=permit, at=self._then(at), without=gone))
        return counted

    async def places(self, paths: Sequence[str]) -> Sequence[str]:
        """The paths of both."""
        mine = await self._vault.places(self._places(paths))
        return list(dict.fromkeys((*map(under, mine), *await self._vault.places(paths))))

    async def made_from(self, ids: Sequence[str]) -> Sequence[str]:
        """As of the original."""
        return await self._vault.made_from(ids)

    async def position(self, moment: datetime) -> int:
        """That of the log, which is one."""
        return await self._vault.position(moment)

    async def changed(
        self, where: Where, since: int, *, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Ref | None, Ref | None]]:
        """Is not known of a branch. Raises InvalidInput."""
        raise InvalidInput(
            "a branch is compared with its original, not with moments: see the differences of the branch"
        )

    async def revisions(
        self, *, subject: str | None = None, paths: Sequence[str] = (), limit: int = 1000
    ) -> list[Revision]:
        """Those of the original, whose rules hold."""
        return await self._vault.revisions(subject=subject, paths=paths, limit=limit)

    async def granted(self, names: Sequence[str], *, permit: Permit | None = None) -> Sequence[str]:
        """As of the original."""
        return await self._vault.granted(names, permit=permit)

    async def events(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        subject: str | None = None,
        root: str | None = None,
        branch: str = MAIN,
    ) -> list[Event]:
        """The lines that the branch wrote, and those of the original before it. Of all, others are left out."""
        if subject is None:
            lines = await self._vault.events(after=after, limit=limit, root=root)
            while lines and after >= 0 and not any(map(self._is_ours, lines)):
                lines = await self._vault.events(after=lines[-1].seq, limit=limit, root=root)
            return [_up(line) for line in lines if self._is_ours(line)]
        await self._own(None)
        mine = await self._vault.events(subject=subject, limit=_MOST_LINES, branch=self._branch.id)
        lines = [line for line in await self._vault.events(subject=subject, limit=_MOST_LINES) if self._is_ours(line)]
        lines += [_up(line) for line in mine if line.action != "fork"]
        return lines[after:][-limit:] if after < 0 else [line for line in lines if line.seq > after][:limit]

    async def aclose(self) -> None:
        """Nothing: the original stays open."""

    async def seen(self, where: Where) -> Where:
        """What is to be searched in the original and over it; within a recall the very same."""
        asked = self._asked
        if asked is None or asked[0] is not where:
            permit = Beneath(where.permit) if where.permit else None
            fork = Fork(self._branch.seq, frozenset(await self._own(where.at)))
            paths = (*where.paths, *self._places(where.paths))
            asked = self._asked = (where, replace(where, paths=paths, permit=permit, fork=fork))
        return asked[1]

    def lifted(self, events: Sequence[Event]) -> list[Event]:
        """Lines as the lanes know them, with the places of the branch."""
        return [
            replace(e, path=over(self._branch.id, e.path), cube=e.cube and self._moved(e.cube)) if e.path else e
            for e in events
        ]

    async def _own(self, at: int | None) -> Collection[str]:
        return await self._vault.branching.over(self._branch.id, at)

    async def _one(self, ref: Ref | Name, own: Collection[str], at: int | None) -> list[MemCube]:
        """What may have been changed here, or an earlier version of it, which only the original has."""
        if isinstance(ref, Name):
            named = await self._get(Name(over(self._branch.id, ref.path), ref.key), at)
            return named or [cube for cube in await self._vault.get([ref], at=self._then(at)) if cube.id not in own]
        found = await self._get(ref, at)
        if not found and ref.version and await self._get(Ref(id=ref.id), at):
            return await self._vault.get([ref], at=self._then(at))
        return found

    async def _get(self, ref: Ref | Name, at: int | None) -> list[MemCube]:
        return [_lifted(cube) for cube in await self._vault.get([ref], branch=self._branch.id, at=at)]

    def _then(self, at: int | None) -> int:
        return self._branch.seq if at is None else min(at, self._branch.seq)

    def _places(self, paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(over(self._branch.id, path) for path in paths)

    def _is_ours(self, line: Event) -> bool:
        return line.branch == self._branch.id or (line.branch == MAIN and line.seq <= self._branch.seq)

    def _down(self, change: Change) -> Change:
        return replace(change, branch=self._branch.id, cube=change.cube and self._moved(change.cube))

    def _moved(self, cube: MemCube) -> MemCube:
        return cube.model_copy(update={"path": over(self._branch.id, cube.path)})

    async def _check_keys(self, changes: Sequence[Change]) -> None:
        """The store knows which keys the branch has; those of the original are asked for here."""
        subjects = {change.subject for change in changes}
        for cube in (change.cube for change in changes):
            if cube is not None and cube.key is not None:
                known = await self.get([Name(cube.path, cube.key)])
                if known and known[0].id not in subjects:
                    raise Conflict(f"{cube.path} holds the key {cube.key!r} already; read it, then update it")


class BranchRoute:
    """A route over the original and over what a branch changed: one search, one scale of scores."""

    def __init__(self, route: Route, vault: BranchVault) -> None:
        self.name = route.name
        self._route = route
        self._vault = vault

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """As the route."""
        return await self._route.find(call, await self._vault.seen(where), limit)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """As the route."""
        return await self._route.score(call, await self._vault.seen(where), refs, near)

    async def people(self, where: Where) -> frozenset[str]:
        """As the route."""
        return await self._route.people(await self._vault.seen(where))

    async def apply(self, events: Sequence[Event]) -> None:
        """As the route."""
        await self._route.apply(self._vault.lifted(events))

    async def reset(self) -> None:
        """As the route: of everything."""
        await self._route.reset()

    def lane(self) -> Lane:
        """As the route."""
        return self._route.lane()


class _Kept:
    """Keeping that a branch cannot change."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping

    async def policies(self) -> Mapping[str, str]:
        return await self._keeping.policies()

    async def set_policy(self, path: str, policy: str | None, *, caller: str, reason: str = "") -> None:
        raise InvalidInput("a branch has no policy of its own: set it in the original")

    async def copies(self, since: datetime) -> Sequence[Copy]:
        return await self._keeping.copies(since)

    async def scrub(self) -> bool:
        return await self._keeping.scrub()

    async def sizes(self) -> Sizes:
        return await self._keeping.sizes()

    async def shrink(self) -> int:
        raise InvalidInput("a branch has no file of its own: compress the original")


class _Ruled:
    """Rules of namespaces that a branch cannot change."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    @property
    def known(self) -> Defaults:
        return self._namespaces.known

    async def fresh(self) -> Defaults:
        return await self._namespaces.fresh()

    async def rule(self, path: str, rules: Governance, *, was: Governance, caller: str, reason: str = "") -> Ruling:
        raise InvalidInput("a branch has no rules of its own: set them in the original")

    async def rulings(self) -> Sequence[Ruling]:
        return await self._namespaces.rulings()


def _lifted(cube: MemCube) -> MemCube:
    return cube.model_copy(update={"path": under(cube.path)})


def _up(event: Event) -> Event:
    return replace(event, path=under(event.path), cube=event.cube and _lifted(event.cube))
