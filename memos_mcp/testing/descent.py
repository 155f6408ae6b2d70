"""What every MemoryAdapter knows of what was made from what."""

from __future__ import annotations

from memos_mcp.cube import Link, Origin, Ref
from memos_mcp.ports import Change, MemoryAdapter
from memos_mcp.testing.cubes import ADA, PATH, a_cube, remember, same


async def what_was_made_from_a_memory_is_found(vault: MemoryAdapter) -> None:
    """By what any of its versions says, as long as that has its words; and only by what says so."""
    tea, cup = a_cube("tea"), a_cube("cup")
    mixed = a_cube("mixed", origin=Origin(source="s", derived_from=(Ref(id=tea.id, version=1), Ref(id=cup.id))))
    later = a_cube("later").model_copy(update={"links": (Link(kind="supersedes", target=tea.id),)})
    near = a_cube("near").model_copy(update={"links": (Link(kind="supports", target=tea.id),), "tags": ("supersedes",)})
    named = a_cube(f"{tea.id} supersedes", f"{PATH}/{tea.id}", key=tea.id)
    await remember(vault, tea, cup, mixed, later, near, named)
    same(list(await vault.made_from([tea.id])), [mixed.id, later.id], "what was made from the tea")
    same(list(await vault.made_from([cup.id])), [mixed.id], "what was made from the cup")
    same(list(await vault.made_from([cup.id, tea.id])), [mixed.id, later.id], "what was made from either")
    same(list(await vault.made_from([mixed.id, "nobody"])), [], "what was made from nothing")
    same(list(await vault.made_from([])), [], "nothing asked for")
    other = mixed.model_copy(update={"version": 2, "origin": Origin()})
    await vault.commit([Change("update", mixed.id, other)], caller=ADA)
    same(list(await vault.made_from([cup.id])), [mixed.id], "an earlier version that says so")
    await vault.commit([Change("forget", mixed.id)], caller=ADA)
    same(list(await vault.made_from([tea.id, cup.id])), [later.id], "what is forgotten")
