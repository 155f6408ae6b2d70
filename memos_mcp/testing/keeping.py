"""What is kept how long: the contract of Keeping, and of earlier versions, a part of that of MemoryAdapter."""

from __future__ import annotations

from memos_mcp.cube import Governance, Plaintext, Ref
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.ports import Change, MemoryAdapter
from memos_mcp.testing.cubes import ADA, PATH, SOME_DAY, a_cube, remember, same


async def policies_and_copies_are_kept(vault: MemoryAdapter) -> None:
    """Policies of namespaces, and what is left of what is gone."""
    keeping = vault.keeping
    same(
        len(await keeping.policies()) + len(await keeping.copies(SOME_DAY)), 0, "policies and copies of an empty vault"
    )
    for path, policy in ((PATH, "1"), ("shared", "2"), (PATH, "3"), ("shared", None)):
        await keeping.set_policy(path, policy, caller="ada", reason="why")
    same(await keeping.policies(), {PATH: "3"}, "policies")
    same(await keeping.scrub(), True, "whether nothing is left of what is gone")


async def earlier_versions_are_compacted(vault: MemoryAdapter) -> None:
    """The words of an earlier version go, and the log still holds."""
    first = a_cube("1")
    await remember(vault, first)
    cubes = [first.model_copy(update={"version": n, "payload": Plaintext(text=str(n))}) for n in (1, 2, 3)]
    await vault.commit([Change("update", first.id, cube) for cube in cubes[1:]], caller=ADA)
    for cube, held in ((cubes[0], False), (cubes[2], False), (cubes[1], True)):
        rules = Change("govern", first.id, first.model_copy(update={"governance": Governance(held=held)}))
        await vault.commit([rules], caller=ADA)
        try:
            await vault.commit([Change("compact", first.id, cube)], caller=ADA)
        except (Denied, InvalidInput):
            continue
        raise AssertionError(f"version {cube.version} was compacted")
    await vault.commit([Change("govern", first.id, first)], caller=ADA)
    (event,) = await vault.commit([Change("compact", first.id, cubes[1], reason="why")], caller=ADA)
    same((event.action, event.version, event.cube), ("compact", 2, None), "the line")
    last = (await vault.events())[-1]
    same((last.seq, last.action, last.version, last.cube), (event.seq, "compact", 2, None), "the line, read again")
    found = await vault.get([Ref(id=first.id, version=n) for n in (1, 2, 3)])
    same([cube.text for cube in found], ["1", "3"], "the versions that are left")
    lines = [event for event in await vault.events(subject=first.id) if event.action in ("remember", "update")]
    same([event.cube.text if event.cube else "" for event in lines], ["1", "", "3"], "what the log still gives")
