"""What-if branches: a namespace changed and asked without touching it, then merged or dropped (long paper §5.4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memos_mcp.answers import Changed, Clash, Differences, Joined
from memos_mcp.branching import Branch
from memos_mcp.cube import MemCube, Plaintext, Ref
from memos_mcp.errors import Denied, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.branches import BranchRoute, BranchVault
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.duplicates import statement_key
from memos_mcp.interface.joining import Side, Sides, Step, joined
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.timeline import difference
from memos_mcp.ports import Change

_MOST = 100
_MOVES = ("move", "freeze", "thaw")
_WRITES = ("update", "remember", "put")


@recorded("branches.")
class Branches:
    """What-if branches of namespaces. Hangs off `Memos.branches`; `Memos.on_branch` changes and asks one.

    A branch shows its original as it was when the branch was made, and over it what was changed there. The rules of the
    original decide as they are now, and what is forgotten there is gone here as well. A label is looked for at the
    path and above it; without a path, where one writes and above it, and then everywhere.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def make(self, label: str, path: str | None = None) -> Branch:
        """A branch of what is at or beneath a path. Cost: one disk sync, at any size. Raises Conflict, Denied."""
        self._check_original()
        home, name = self._on.writable(path), checks.check_label(label)
        return await self._on.vault.branching.make(name, home, caller=self._on.caller.user)

    async def list(self, path: str | None = None) -> tuple[Branch, ...]:
        """The branches at or beneath a path, the oldest first. Raises InvalidInput, Denied."""
        where = await self._on.readable(path)
        open_ = [
            each for each in await self._on.vault.branching.list() if governance.is_open(self._on.caller, each.path)
        ]
        return tuple(each for each in open_ if any(is_beneath(each.path, place) for place in where.paths))

    async def diff(self, label: str, path: str | None = None, *, limit: int = 50, start: int = 0) -> Differences:
        """What the branch added, changed and forgot; `after` of the answer, given as `start`, continues.

        Cost: 0.2 ms for each. Raises NotFound, InvalidInput, Denied.
        """
        checks.check_range("limit", limit, _MOST)
        if start < 0:
            raise InvalidInput(f"start is what the page before said, not {start}")
        branch = await found(self._on, label, path)
        different = [each for each in await self._sides(branch) if each.differs]
        page = different[start : start + limit]
        shown = [(each.base, each.branch) for each in page if not (each.branch and each.branch.quarantined)]
        return Differences(
            added=tuple(new for old, new in shown if new and not old),
            changed=tuple([await _changed(old, new) for old, new in shown if old and new]),
            forgotten=tuple(old.id for old, new in shown if old and not new),
            paths=(branch.path,),
            after=start + limit if len(different) > start + limit else 0,
        )

    async def merge(
        self, label: str, path: str | None = None, *, prefer: Side | None = None, reason: str = ""
    ) -> Joined:
        """Write what the branch changed to the original in one commit, which ends the branch; or tell what clashes.

        Three-way: what it was when the branch was made, is now, and is in the branch. Clashes are never guessed:
        `prefer` lets one side decide them all. What one may not read is not merged. Cost: 1 ms for each.
        Raises NotFound, Denied, Conflict (repeat).
        """
        self._check_original()
        if prefer not in (None, "original", "branch"):
            raise InvalidInput(f"prefer 'original' or 'branch', not {prefer!r}")
        why, branch = checks.check_reason(reason), await self._his(label, path)
        last = await self._on.vault.branching.last(branch.id)
        changes: list[Change] = []
        clashes: list[Clash] = []
        said = f"merged from the branch {branch.label}"
        for each in await self._sides(branch):
            outcome = joined(each, prefer)
            clashes += outcome.clashes
            why_so = f"{said}: {why}" if why else said
            changes += [await self._change(each, step, why_so) for step in outcome.steps]
        if clashes:
            return Joined(branch.path, branch.label, clashes=tuple(clashes))
        end = Change("drop", "", expect=last, reason=said, branch=branch.id)
        events = await self._on.commit(*changes, end)
        return Joined(branch.path, branch.label, tuple(event for event in events if event.subject))

    async def drop(self, label: str, path: str | None = None, *, reason: str = "") -> Branch:
        """End a branch: what was written in it is removed as by `forget`, and the original stays.

        Who made it may do this, and who has the scope `admin`. Raises NotFound, Denied.
        """
        self._check_original()
        why, branch = checks.check_reason(reason), await self._his(label, path)
        await self._on.commit(
            Change("drop", "", reason=why or f"the branch {branch.label} was dropped", branch=branch.id)
        )
        return branch

    def _check_original(self) -> None:
        if self._on.branch_at:
            raise InvalidInput("a branch has no branches: make, merge and drop them in the original")

    async def _his(self, label: str, path: str | None) -> Branch:
        """A branch that he may end. Raises NotFound, Denied."""
        branch = await found(self._on, label, path)
        self._on.writable(branch.path)
        if branch.by != self._on.caller.user and "admin" not in self._on.caller.scopes:
            raise Denied(
                f"the branch {branch.label!r} was made by {branch.by}: ask him, or use a token with scope admin"
            )
        return branch

    async def _sides(self, branch: Branch) -> Sequence[Sides]:
        """Of each memory that the branch changed and he may read, the three versions, in the order of their ids."""
        vault = self._on.vault
        ids = [Ref(id=id) for id in sorted(await vault.branching.over(branch.id))]
        base = {cube.id: cube for cube in await vault.get(ids, at=branch.seq)}
        now = {cube.id: cube for cube in await vault.get(ids)}
        there = {cube.id: cube for cube in await BranchVault(vault, branch).get(ids)}
        sides: list[Sides] = []
        for id in (ref.id for ref in ids):
            known = [cube for cube in (base.get(id), now.get(id), there.get(id)) if cube]
            if known and all(self._on.decided("read", cube).allowed for cube in known):
                three = (self._shown(base.get(id)), self._shown(now.get(id)), self._shown(there.get(id)))
                sides.append(await self._moved(Sides(id, *three), branch))
        return sides

    def _shown(self, cube: MemCube | None) -> MemCube | None:
        return cube and self._on.guard.seen(cube)

    async def _moved(self, sides: Sides, branch: Branch) -> Sides:
        """With what is known of its states, where they differ."""
        if not (sides.original and sides.branch) or sides.original.state == sides.branch.state:
            return sides
        events = self._on.vault.events
        here = await events(subject=sides.id, after=-_MOST, branch=branch.id)
        there = await events(subject=sides.id, after=-_MOST)
        was_moved = any(line.action in _MOVES and line.seq > branch.seq for line in there)
        return replace(sides, moved=any(line.action in _MOVES for line in here), was_moved=was_moved)

    async def _change(self, sides: Sides, step: Step, why: str) -> Change:
        """The change of a step, as any other is checked and screened. Raises Denied."""
        cube, original = step.cube, sides.original
        if original is None:
            self._on.writable(cube.path)
        else:
            self._on.check("write" if step.action == "update" else "govern", original)
        if step.action == "forget":
            return Change("forget", sides.id, expect=original.version if original else None, reason=why)
        if step.action not in _WRITES:
            return Change(step.action, sides.id, cube, reason=why, was=original.state if original else None)
        if isinstance(cube.payload, Plaintext):
            payload, doubts = await self._on.guard.payload(cube.payload, cube.origin.source_class, cube.key or "")
            vouched = bool(sides.branch and sides.branch.vouched_by and payload == sides.branch.payload)
            cube = reworded(cube, payload).model_copy(update={"quarantined": () if vouched else doubts})
        stated = cube.key is None and cube.origin.session is None
        once = statement_key(cube.text, cube.origin.speaker) if stated else None
        if original is None:
            return Change(step.action, sides.id, cube, once=once, reason=why)
        cube = cube.model_copy(update={"version": original.version + 1, "vouched_by": ""})
        return Change("update", sides.id, cube, expect=original.version, once=once, reason=why)


async def found(on: Bound, label: str, path: str | None) -> Branch:
    """The branch of a label, at a path or above it. Raises NotFound, InvalidInput, Denied."""
    name, home = checks.check_label(label), await on.looked_at(path)
    known = [each for each in await on.vault.branching.list() if each.label == name]
    open_ = [each for each in known if governance.is_open(on.caller, each.path)]
    above = sorted((each for each in open_ if is_beneath(home, each.path)), key=lambda each: len(each.path))
    if not above and path is None:
        above = open_
        if len(open_) > 1:
            places = ", ".join(each.path for each in open_)
            raise InvalidInput(f"there are several branches {name!r}: say which path you mean of {places}")
    if not above:
        raise NotFound(f"there is no branch {name!r} at {home} or above it; list the branches there are")
    return above[-1]


async def opened(on: Bound, label: str, path: str | None) -> Bound:
    """The same with a branch in the place of its original. Raises as `found`."""
    if on.branch_at:
        raise InvalidInput("this is a branch already: open another from the original")
    branch = await found(on, label, path)
    vault = BranchVault(on.vault, branch)
    lanes = on.lanes.over(lambda route: BranchRoute(route, vault))
    caller = replace(on.caller, within=branch.path)
    return replace(on, vault=vault, lanes=lanes, caller=caller, path=branch.path, branch_at=branch.path, graph=None)


async def _changed(old: MemCube, new: MemCube) -> Changed:
    return Changed(new, old.version, await difference(old, new))
