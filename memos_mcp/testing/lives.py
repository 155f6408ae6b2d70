"""What every MemoryAdapter does with the states, holds and moments of memories."""

from __future__ import annotations

from memos_mcp.cube import Governance, Origin, Plaintext, Ref, State, new_id
from memos_mcp.errors import Conflict, Denied, IllegalMove, MemosError
from memos_mcp.ports import Change, Event, MemoryAdapter, Name, Where, Which
from memos_mcp.testing.cubes import ADA, PATH, SOME_DAY, a_cube, remember, same

_ALL = Which()
_MOVED = [State.ARCHIVED, State.EXPIRED, State.ACTIVATED]


async def texts_at(vault: MemoryAdapter, *paths: str, which: Which = _ALL) -> list[str]:
    """The texts of the memories at and beneath the paths, newest first."""
    return [cube.text for _, cube in await vault.scan(Where(paths), which)]


async def refused(error: type[MemosError], vault: MemoryAdapter, *changes: Change) -> None:
    """Raise AssertionError unless the changes are refused with this error and nothing is written."""
    before = await vault.events()
    try:
        await vault.commit(changes, caller=ADA)
    except error:
        same(await vault.events(), before, "the log after a refused commit")
    else:
        raise AssertionError(f"{error.__name__} was not raised")


async def states_are_moved(vault: MemoryAdapter) -> None:
    """A move changes the state, what is listed and counted, and no version."""
    tea, other = a_cube("tea"), a_cube("other")
    await remember(vault, tea, other)

    async def moved(state: State, was: State | None = None) -> Event:
        to = tea.model_copy(update={"state": state})
        return (await vault.commit([Change("move", tea.id, to, reason="why", was=was)], caller=ADA))[0]

    event = await moved(State.ARCHIVED, State.GENERATED)
    same((event.action, event.version, event.state), ("move", 1, State.ARCHIVED), "the line of a move")
    same((await vault.events())[-1], event, "the same line, read again")
    same(await texts_at(vault, PATH), ["other"], "those that are recalled")
    same(await texts_at(vault, PATH, which=Which(states=(State.ARCHIVED,))), ["tea"], "those that are archived")
    same(await texts_at(vault, PATH, which=Which(states=tuple(State))), ["other", "tea"], "all of them")
    same(await vault.count([PATH]), {PATH: 1}, "the count of those that are recalled")
    same([cube.state for cube in await vault.get([tea.ref])], [State.ARCHIVED], "the state of the cube")
    await refused(Conflict, vault, Change("move", tea.id, tea, was=State.GENERATED))
    second = tea.model_copy(update={"version": 2, "payload": Plaintext(text="green tea")})
    await vault.commit([Change("update", tea.id, second)], caller=ADA)
    same([cube.state for cube in await vault.get([Ref(id=tea.id)])], [State.ARCHIVED], "the state after an update")
    await moved(State.EXPIRED)
    await refused(IllegalMove, vault, Change("update", tea.id, second.model_copy(update={"version": 3})))
    await moved(State.ACTIVATED)
    same([e.state for e in await vault.events(subject=tea.id) if e.state], _MOVED, "the states of the lines")
    for at, state in ((event.seq - 1, State.GENERATED), (event.seq, State.ARCHIVED)):
        same([c.state for c in await vault.get([Ref(id=tea.id)], at=at)], [state], "the state of a moment")
        recalled = ["tea"] if state is State.GENERATED else []
        same([c.text for _, c in await vault.scan(Where((PATH,), at=at))][1:], recalled, "what was recalled then")
        same(await vault.count([PATH], at=at), {PATH: 1 + len(recalled)}, "how much was recalled then")
    back = await vault.count([PATH]), await texts_at(vault, PATH)
    same(back, ({PATH: 2}, ["other", "green tea"]), "once it is back")
    await moved(State.ARCHIVED)
    same(await vault.places([PATH]), [PATH], "the paths with memories")
    await vault.commit([Change("forget", tea.id)], caller=ADA)
    same(await vault.count([PATH]), {PATH: 1}, "the count once it is forgotten")


async def what_has_expired_may_be_said_anew(vault: MemoryAdapter) -> None:
    """A repeat of what is archived is a sighting, one of what has expired is new."""
    for state, action in ((State.ARCHIVED, "sight"), (State.EXPIRED, "remember")):
        cubes = [a_cube("tea", f"{PATH}/{state}", origin=Origin(source=new_id())) for _ in range(2)]
        first, again = (Change("remember", cube.id, cube, once=b"tea") for cube in cubes)
        await vault.commit([first], caller=ADA)
        await vault.commit([Change("move", first.subject, cubes[0].model_copy(update={"state": state}))], caller=ADA)
        (event,) = await vault.commit([again], caller=ADA)
        same(event.action, action, f"a repeat of what is {state}")


async def what_is_held_stays(vault: MemoryAdapter) -> None:
    """What is under legal hold is not forgotten."""
    tea = a_cube("tea")
    await remember(vault, tea)
    for held in (True, False):
        to = tea.model_copy(update={"governance": Governance(held=held)})
        await vault.commit([Change("govern", tea.id, to)], caller=ADA)
        if held:
            await refused(Denied, vault, Change("forget", tea.id))
    await vault.commit([Change("forget", tea.id)], caller=ADA)


async def a_moment_shows_what_was_current(vault: MemoryAdapter) -> None:
    """A position of the log shows the versions that were current then."""
    tea, gone, held = a_cube("tea", key="k"), a_cube("gone"), a_cube("held")
    first = (await remember(vault, tea, gone, held))[-1].seq
    new = tea.model_copy(update={"version": 2, "payload": Plaintext(text="coffee")})
    (event,) = await vault.commit([Change("update", tea.id, new)], caller=ADA)
    second = event.seq
    late = a_cube("late", f"{PATH}/x")
    await remember(vault, late)
    same(await vault.position(event.at), (await vault.events(after=second - 1))[0].seq, "the line of a moment")
    same(await vault.position(SOME_DAY), 0, "the position of a moment before all lines")
    for at, texts in (
        (first - 1, ["gone", "tea"]),
        (first, ["held", "gone", "tea"]),
        (second, ["held", "gone", "coffee"]),
    ):
        same([c.text for _, c in await vault.scan(Where((PATH,), at=at))], texts, "a scan of a moment")
        same(await vault.count([PATH], at=at), {PATH: len(texts)}, "a count of a moment")
    same([c.text for c in await vault.get([Ref(id=tea.id), Name(PATH, "k"), late.ref], at=first)], ["tea"] * 2, "then")
    both = Ref(id=tea.id, version=1), Ref(id=tea.id, version=2)
    same([row[1:] for row in await vault.changed(Where((PATH,), at=second), first)], [both], "what changed")
    same(sorted(await vault.places([PATH])), [PATH, f"{PATH}/x"], "the places there are")
    away = held.model_copy(update={"quarantined": ("by-hand",)})
    await vault.commit([Change("forget", gone.id), Change("quarantine", held.id, away)], caller=ADA)
    same([c.text for _, c in await vault.scan(Where((PATH,), at=first))], ["tea"], "what is left of a moment")
    same(await vault.count([PATH], at=first), {PATH: 1}, "how much is left of a moment")
    rows = await vault.changed(Where((PATH,)), first)
    same([row[1:] for row in rows], [both, (gone.ref, None), (None, late.ref)], "what changed until now")
    rest = await vault.changed(Where((PATH,)), first, after=rows[0][0], limit=1)
    same(rest, rows[1:2], "the next page of what changed")


async def what_is_frozen_stays(vault: MemoryAdapter) -> None:
    """What is frozen is not changed until it is thawed."""
    cube = a_cube("tea")
    await remember(vault, cube)
    await vault.commit([Change("freeze", cube.id, cube)], caller=ADA)
    same([c.state for c in await vault.get([cube.ref])], [State.FROZEN], "the state of what was frozen")
    second = cube.model_copy(update={"version": 2})
    for change in (Change("update", cube.id, second), Change("forget", cube.id), Change("freeze", cube.id, cube)):
        await refused(IllegalMove, vault, change)
    await vault.commit([Change("govern", cube.id, cube)], caller=ADA)
    await vault.commit([Change("thaw", cube.id, cube)], caller=ADA)
    same([c.state for c in await vault.get([cube.ref])], [cube.state], "the state of what was thawed")
    await refused(IllegalMove, vault, Change("thaw", cube.id, cube))
    same([e.action for e in await vault.events()], ["remember", "freeze", "govern", "thaw"], "the log")
