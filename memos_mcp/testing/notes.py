"""What every MemoryAdapter does with notes of its ledger written in a commit, and with a sighting by itself."""

from __future__ import annotations

from memos_mcp.cube import Origin, Ref
from memos_mcp.errors import Conflict
from memos_mcp.ledger import Noted
from memos_mcp.ports import Change, MemoryAdapter
from memos_mcp.testing.cubes import ADA, a_cube, remember, same
from memos_mcp.testing.lives import texts_at


async def notes_are_written_with_the_changes(vault: MemoryAdapter) -> None:
    """All of it or nothing, whether a note or a change is refused."""
    one, other = a_cube("one"), a_cube("other")
    cursor = Noted("cursor", "here", 7, 0)
    await vault.commit([Change("remember", one.id, one)], caller=ADA, notes=[cursor])
    note = await vault.ledger.read("cursor", "here")
    same((note and note.value, note and note.revision), (7, 1), "a note that went with a change")
    stale = [Noted("cursor", "there", 1), Noted("cursor", "here", 8, 0)]
    taken = Change("update", one.id, one.model_copy(update={"version": 2}), expect=5)
    for change, notes in ((Change("remember", other.id, other), stale), (taken, [Noted("cursor", "here", 8, 1)])):
        try:
            await vault.commit([change], caller=ADA, notes=notes)
        except Conflict:
            pass
        else:
            raise AssertionError("a commit was not refused")
        same(await vault.ledger.read("cursor", "there"), None, "a note of what was refused")
        same(await vault.ledger.read("cursor", "here"), note, "a note beside what was refused")
    same(await texts_at(vault, one.path), ["one"], "memories after what was refused")


async def a_sighting_is_counted_by_itself(vault: MemoryAdapter) -> None:
    """A memory is stated once more, in other words: it has one more source, and no version."""
    cube = a_cube("tea", origin=Origin(source="monday"))
    await remember(vault, cube)
    said = cube.model_copy(update={"origin": Origin(source="tuesday", position=3)})
    (event,) = await vault.commit([Change("sight", cube.id, said, expect=1, reason="again")], caller=ADA)
    same((event.action, event.version, event.reason), ("sight", 1, "again"), "the line of a sighting")
    same(event.origin and event.origin.source, "tuesday", "its origin")
    found = (await vault.get([Ref(id=cube.id)]))[0]
    same((found.version, found.usage.sightings, found.origin.source), (1, 2, "monday"), "what was sighted")
