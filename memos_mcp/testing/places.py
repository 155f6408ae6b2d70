"""What every MemoryAdapter does with memories that are laid away, or go to another path."""

from __future__ import annotations

from collections.abc import Sequence

from memos_mcp.cube import COLD, Governance, Plaintext, Ref, State
from memos_mcp.errors import Conflict, Denied, IllegalMove
from memos_mcp.ports import Change, Event, MemoryAdapter, Name, Where, Which
from memos_mcp.testing.cubes import ADA, PATH, a_cube, remember, same
from memos_mcp.testing.lives import refused

_TEXT = "Ada likes green tea, and Ben does not. " * 5


async def what_is_laid_away_says_the_same(vault: MemoryAdapter) -> None:
    """Out of use, frozen and back again, every version says what it said; shrinking changes nothing of it."""
    for number, state in enumerate(sorted(COLD)):
        cube = a_cube(f"{_TEXT}{number}")
        await remember(vault, cube)
        new = cube.model_copy(update={"version": 2, "payload": Plaintext(text=f"{_TEXT}new", data={"n": [number]})})
        await vault.commit([Change("update", cube.id, new)], caller=ADA)
        expected = [(1, cube.payload), (2, new.payload)]

        async def said(id: str = cube.id) -> Sequence[tuple[int, object]]:
            refs = [Ref(id=id, version=1), Ref(id=id, version=2)]
            lines = {event.version: event.cube for event in await vault.events(subject=id) if event.cube}
            found = [(each.version, each.payload) for each in await vault.get(refs)]
            same([(number, each.payload) for number, each in lines.items()], found, "what the log gives")
            return found

        away = Change("move", cube.id, new.model_copy(update={"state": state}))
        back = Change("move", cube.id, new.model_copy(update={"state": State.ACTIVATED}))
        if state is State.FROZEN:
            away, back = Change("freeze", cube.id, new), Change("thaw", cube.id, new)
        await vault.commit([away], caller=ADA)
        same(await said(), expected, f"what is {state}")
        size = (await vault.keeping.sizes()).cold
        same(size > 0, True, f"whether what is {state} lies in cold storage")
        await vault.keeping.shrink()
        same(await said(), expected, f"what is {state}, in a store that was shrunk")
        same((await vault.keeping.sizes()).cold, size, "what lies in cold storage then")
        await vault.commit([back], caller=ADA)
        same(await said(), expected, f"what was {state}")
        same((await vault.keeping.sizes()).cold, 0, "what is left in cold storage")
        archived = Change("move", cube.id, new.model_copy(update={"state": State.ARCHIVED}))
        await vault.commit([archived, Change("forget", cube.id)], caller=ADA)
        same((await vault.keeping.sizes()).cold, 0, "what is left of what was forgotten")


async def memories_go_to_another_path(vault: MemoryAdapter) -> None:
    """With all versions, their key and what they state; lines stay where they were written and say where it is now."""
    there = "shared/team"
    tea, plan, other = a_cube("tea"), a_cube("plan", key="plan"), a_cube("plan", there, key="plan")
    first = Change("remember", tea.id, tea, once=b"tea")
    await vault.commit([first], caller=ADA)
    await remember(vault, plan, other)
    second = tea.model_copy(update={"version": 2, "payload": Plaintext(text="green tea")})
    await vault.commit([Change("update", tea.id, second)], caller=ADA)

    def going(cube_id: str, to: str = there, was: str = PATH) -> list[Change]:
        here, gone = tea.model_copy(update={"path": was}), tea.model_copy(update={"path": to})
        return [Change("depart", cube_id, here), Change("arrive", cube_id, gone)]

    await refused(Conflict, vault, *going(tea.id), *going(plan.id))
    await refused(Conflict, vault, *going(tea.id, was=there))
    for change, error in (("freeze", IllegalMove), ("govern", Denied)):
        held = tea.model_copy(update={"governance": Governance(held=change == "govern")})
        await vault.commit([Change("freeze" if change == "freeze" else "govern", tea.id, held)], caller=ADA)
        await refused(error, vault, *going(tea.id))
        await vault.commit([Change("thaw" if change == "freeze" else "govern", tea.id, tea)], caller=ADA)
    left, arrived = await vault.commit(going(tea.id), caller=ADA)
    same((left.action, left.path, left.cube), ("depart", PATH, None), "the line where it was")
    same((arrived.action, arrived.path, arrived.version), ("arrive", there, 2), "the line where it is")
    same((arrived.cube.path, arrived.cube.text) if arrived.cube else None, (there, "green tea"), "what arrived")
    same((await vault.events())[-1], arrived, "the same line, read again")
    same(await vault.count([PATH, there]), {PATH: 1, there: 2}, "the counts")
    found = await vault.get([Ref(id=tea.id, version=1), Ref(id=tea.id)])
    same([(cube.path, cube.text) for cube in found], [(there, "tea"), (there, "green tea")], "its versions")
    same(
        [cube.id for _, cube in await vault.scan(Where((PATH,)), Which(states=tuple(State)))], [plan.id], "what is left"
    )

    def places(events: list[Event]) -> set[tuple[str, str]]:
        return {(event.path, event.now) for event in events if event.subject == tea.id}

    same(places(await vault.events(root=PATH)), {(PATH, there)}, "where its earlier lines were written, and it is now")
    same(places(await vault.events(root=there)), {(there, "")}, "its lines of where it is")
    again = a_cube("tea", there)
    (event,) = await vault.commit([Change("remember", again.id, again, once=b"tea")], caller=ADA)
    same((event.action, event.subject), ("sight", tea.id), "what is said again there")
    await vault.commit(going(tea.id, PATH, there), caller=ADA)
    same([cube.path for cube in await vault.get([tea.ref, Name(PATH, "plan")])], [PATH, PATH], "once it is back")
    same(await vault.count([PATH, there]), {PATH: 2, there: 1}, "the counts then")
