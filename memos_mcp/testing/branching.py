"""What-if branches: the contract of Branching, and of commits that branches follow, a part of that of MemoryAdapter."""

from __future__ import annotations

from memos_mcp.branching import Branch, over
from memos_mcp.cube import Governance, MemCube, Plaintext, Ref
from memos_mcp.errors import Conflict, NotFound
from memos_mcp.ports import Change, MemoryAdapter
from memos_mcp.testing.cubes import ADA, PATH, a_cube, remember, same


async def branches_are_made_and_dropped(vault: MemoryAdapter) -> None:
    """Which there are, and their ends."""
    (first,) = await remember(vault, a_cube("tea"))
    made = await vault.branching.make("idea", PATH, caller="ada")
    same((made.label, made.path, made.seq, made.by), ("idea", PATH, first.seq, "ada"), "a branch")
    same(list(await vault.branching.list()), [made], "the branches")
    same((await vault.branching.last(made.id), len(await vault.branching.over(made.id))), (0, 0), "nothing changed")
    try:
        await vault.branching.make("idea", PATH, caller="ben")
    except Conflict:
        pass
    else:
        raise AssertionError("a path has two branches of one label")
    born = await remember(vault, _in(made, a_cube("milk")), branch=made.id)
    same(await vault.branching.last(made.id), born[-1].seq, "the last line of a branch")
    try:
        await vault.commit([Change("drop", "", branch=made.id, expect=first.seq)], caller=ADA)
    except Conflict:
        pass
    else:
        raise AssertionError("a branch was dropped that somebody changed meanwhile")
    await vault.commit([Change("drop", "", branch=made.id)], caller=ADA)
    same(list(await vault.branching.list()), [], "the branches after the end of one")
    same(await vault.get([Ref(id=born[0].subject)], branch=made.id), [], "what a dropped branch held")
    for late in (vault.branching.over(made.id), remember(vault, _in(made, a_cube("late")), branch=made.id)):
        try:
            await late
        except NotFound:
            continue
        raise AssertionError("a dropped branch goes on")


async def a_branch_copies_what_it_changes(vault: MemoryAdapter) -> None:
    """The version that it sees is copied at the first change; what is decided of the original holds for the copy."""
    cube, other = a_cube("green"), a_cube("left alone")
    await remember(vault, cube, other)
    made = await vault.branching.make("idea", PATH, caller="ada")
    await vault.commit([Change("update", cube.id, _said(cube, "since"))], caller=ADA)
    (event,) = await vault.commit(
        [Change("update", cube.id, _in(made, _said(cube, "black")), branch=made.id)], caller=ADA
    )
    same(event.path, over(made.id, cube.path), "where a branch keeps its versions")
    same(set(await vault.branching.over(made.id)), {cube.id}, "what a branch changed")
    refs = [Ref(id=cube.id, version=n) for n in (1, 2)]
    same([c.text for c in await vault.get(refs, branch=made.id)], ["green", "black"], "versions of a branch")
    same([c.text for c in await vault.get(refs)], ["green", "since"], "versions of the original")
    lines = await vault.events(subject=cube.id, branch=made.id)
    same([line.action for line in lines], ["fork", "update"], "lines of a branch")
    rules = Governance(readers=("ada",))
    await vault.commit([Change("govern", cube.id, cube.model_copy(update={"governance": rules}))], caller=ADA)
    same((await vault.get([Ref(id=cube.id)], branch=made.id))[0].governance.readers, ("ada",), "rules of a copy")
    await vault.commit([Change("forget", cube.id)], caller=ADA)
    same(await vault.get(refs, branch=made.id), [], "copies of what is forgotten")


def _in(branch: Branch, cube: MemCube) -> MemCube:
    return cube.model_copy(update={"path": over(branch.id, cube.path)})


def _said(cube: MemCube, text: str) -> MemCube:
    return cube.model_copy(update={"version": 2, "payload": Plaintext(text=text)})
