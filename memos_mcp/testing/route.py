"""The contract of Route, check by check: whatever it goes by, it must find what shares words and meaning alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from memos_mcp.cube import MemCube, Origin, Plaintext, Ref, State
from memos_mcp.errors import InvalidInput
from memos_mcp.ports import Action, Change, Event, MemoryAdapter, Route, Where
from memos_mcp.search import Found, MemoryCall, SegmentStore
from memos_mcp.testing.cubes import ADA, PATH, a_cube, remember, same

OpenRoute = Callable[[], Route]
"""Opens one more route over the vault of the check, as another process would."""
RouteCheck = Callable[[MemoryAdapter, OpenRoute], Awaitable[None]]
ErasingRouteCheck = Callable[[MemoryAdapter, SegmentStore, OpenRoute], Awaitable[None]]

_TEXTS = ("green tea at noon", "the ferry to Eigg", "a violin lesson", "rain on the roof", "black tea with milk")
_PATIENCE = 10.0  # seconds for work in the background
_LOOK = 0.002


def _call(question: str) -> MemoryCall:
    return MemoryCall(question, question, ((question, 1.0),))


def _where(*paths: str) -> Where:
    return Where(paths or (PATH,))


async def _settled(route: Route) -> None:
    with anyio.fail_after(_PATIENCE):
        while route.lane().busy:  # noqa: ASYNC110 - a route tells its state, no more
            await anyio.sleep(_LOOK)


async def _stored(vault: MemoryAdapter, route: Route, *cubes: MemCube) -> list[Event]:
    events = await remember(vault, *cubes)
    await _applied(route, events)
    return events


async def _applied(route: Route, events: Sequence[Event]) -> None:
    await route.apply(events)
    await _settled(route)


async def _find(route: Route, question: str, *paths: str, limit: int = 100) -> Found:
    await route.find(_call(question), _where(*paths), limit)  # it may hear only now what another process wrote
    await _settled(route)
    return await route.find(_call(question), _where(*paths), limit)


async def _scores(route: Route, question: str, *paths: str) -> dict[str, float]:
    return {hit.ref.id: round(hit.score, 4) for hit in (await _find(route, question, *paths)).hits}


async def _an_empty_vault_holds_nothing(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    await _settled(route)
    same(await route.find(_call("tea"), _where(), 10), Found((), 0), "what is found")
    same(await route.score(_call("tea"), _where(), [Ref(id="nobody")]), [], "scores")
    same(await route.people(_where()), frozenset[str](), "people")
    await route.apply([])
    state = route.lane()
    same((state.name, state.pending, state.busy), (route.name, 0, False), "the state of the lane")


async def _the_nearest_comes_first(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    await _stored(vault, route, *cubes)
    for cube in cubes:
        found = await _find(route, cube.text)
        same(found.hits[0].ref, cube.ref, f"the best hit for {cube.text!r}")
        same({hit.route for hit in found.hits}, {route.name}, "the route of the hits")
        same([h.score for h in found.hits], sorted((h.score for h in found.hits), reverse=True), "scores in order")
        same((found.searched, found.pending), (len(cubes), 0), "memories searched and pending")
    same(len((await _find(route, "tea", limit=1)).hits), 1, "hits if one is asked for")


async def _scores_are_those_of_find(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    hers = a_cube("green tea", "user/eve")
    await _stored(vault, route, *cubes, hers)
    found = await _find(route, "green tea")
    refs = [hit.ref for hit in reversed(found.hits)]
    strangers = [Ref(id="nobody", version=1), hers.ref]
    scored = await route.score(_call("green tea"), _where(), [*refs, *strangers])
    same({h.ref: h.score for h in scored}, {h.ref: h.score for h in found.hits}, "scores")
    same(await route.score(_call("green tea"), _where(), []), [], "scores of nothing")


async def _a_priority_is_told_and_moves_no_score(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    one, other = a_cube("green tea"), a_cube("green tea")
    await _stored(vault, route, one, other)
    before = await _scores(route, "tea")
    rules = one.governance.model_copy(update={"priority": 4})
    await _applied(
        route, await vault.commit([Change("govern", one.id, one.model_copy(update={"governance": rules}))], caller=ADA)
    )
    same(await _scores(route, "tea"), before, "scores, whatever the priority")
    hits = await route.score(_call("tea"), _where(), [one.ref, other.ref])
    told = {hit.ref.id: hit.traits.priority if hit.traits else 0 for hit in hits}
    same(told, {one.id: 4, other.id: 0}, "priorities")


async def _other_paths_show_nothing_and_move_nothing(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    mine = [a_cube(text, f"{PATH}/home") for text in _TEXTS]
    await _stored(vault, route, *mine)
    alone = await _scores(route, "green tea", f"{PATH}/home")
    for path in ("user/eve", "user/adam", "shared/team", f"{PATH}/homework", PATH):
        await _stored(vault, route, *(a_cube(f"green tea {n}", path) for n in range(3)))
        same(await _scores(route, "green tea", f"{PATH}/home"), alone, f"scores beside memories of {path}")
    await _stored(vault, route, a_cube("green tea", f"{PATH}/home/kitchen"))
    same(len(await _scores(route, "green tea", f"{PATH}/home")) > len(alone), True, "a path beneath is searched")
    same(await _scores(route, "green tea", "user/nobody"), {}, "hits where nothing is")


async def _a_new_version_replaces_the_old(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    await _stored(vault, route, *cubes)
    new = cubes[0].model_copy(update={"version": 2, "payload": Plaintext(text="the kettle whistles")})
    await _applied(route, await vault.commit([Change("update", new.id, new)], caller=ADA))
    found = await _find(route, "the kettle whistles")
    same(found.hits[0].ref, new.ref, "the best hit for the new words")
    same(found.searched, len(cubes), "memories searched")
    again = await _scores(route, "green tea at noon")
    same(max(again, key=again.__getitem__) != new.id, True, "the old words find another first")
    same(await route.score(_call("tea"), _where(), [cubes[0].ref]), [], "the score of the old version")


async def _what_is_forgotten_is_gone(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    await _stored(vault, route, *cubes)
    await _applied(route, await vault.commit([Change("forget", cubes[0].id)], caller=ADA))
    for each in (route, opened()):
        await _settled(each)
        found = await _find(each, "green tea at noon")
        same(cubes[0].id in {hit.ref.id for hit in found.hits}, False, "a forgotten memory is found")
        same((found.searched, found.pending), (len(cubes) - 1, 0), "memories searched and pending")
        same(await each.score(_call("tea"), _where(), [cubes[0].ref]), [], "its score")


async def _quarantine_is_not_searched(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    suspect = a_cube(_TEXTS[0], quarantined=("injection",))
    others = [a_cube(text) for text in _TEXTS[1:]]
    await _stored(vault, route, suspect, *others)

    async def found(expected: bool, when: str) -> None:
        later = opened()
        for each in (route, later):
            await _settled(each)
            hits = await _find(each, _TEXTS[0])
            same(suspect.id in {hit.ref.id for hit in hits.hits}, expected, f"it is found {when}")
            same((hits.searched, hits.pending), (len(others) + expected, 0), f"memories searched {when}")
            scored = await each.score(_call(_TEXTS[0]), _where(), [suspect.ref])
            same(len(scored), int(expected), f"its scores {when}")

    await found(False, "when it came into quarantine")
    moves: tuple[Action, ...] = ("release", "quarantine", "release")
    for action in moves:
        cube = suspect.model_copy(update={"quarantined": ("by-hand",) if action == "quarantine" else ()})
        await _applied(route, await vault.commit([Change(action, suspect.id, cube)], caller=ADA))
        await found(action == "release", f"after a {action}")


async def _a_moment_is_searched_as_it_was(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    tea, gone, held = a_cube(_TEXTS[0]), a_cube(_TEXTS[4]), a_cube(f"{_TEXTS[0]} again")
    others = [a_cube(text) for text in _TEXTS[2:4]]
    events = await _stored(vault, route, tea, gone, held, *others)
    newer = tea.model_copy(update={"version": 2, "payload": Plaintext(text=_TEXTS[1])})
    away = held.model_copy(update={"quarantined": ("by-hand",)})
    for change in (Change("update", tea.id, newer), Change("forget", gone.id), Change("quarantine", held.id, away)):
        await _applied(route, await vault.commit([change], caller=ADA))
    then, before = Where((PATH,), at=events[-1].seq), Where((PATH,), at=events[0].seq - 1)
    for each in (route, opened()):
        await _find(each, _TEXTS[0])
        found = await each.find(_call(_TEXTS[0]), then, 100)
        same(found.hits[0].ref, tea.ref, "the best of a moment")
        same(
            {hit.ref.id for hit in found.hits} <= {cube.id for cube in (tea, *others)},
            True,
            "what is found of a moment",
        )
        same((found.searched, found.pending), (3, 0), "memories searched of a moment")
        refs = [tea.ref, newer.ref, gone.ref, held.ref]
        same([hit.ref for hit in await each.score(_call(_TEXTS[0]), then, refs)], [tea.ref], "scores of a moment")
        same([hit.ref for hit in await each.score(_call(_TEXTS[0]), _where(), refs)], [newer.ref], "scores of now")
        same((await each.find(_call(_TEXTS[0]), before, 100)).searched, 0, "memories searched before there were any")


async def _what_is_out_of_use_is_not_searched(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    await _stored(vault, route, *cubes)
    before = await _scores(route, _TEXTS[0])
    for state, there in ((State.ARCHIVED, False), (State.ACTIVATED, True), (State.EXPIRED, False)):
        moved = cubes[0].model_copy(update={"state": state})
        await _applied(route, await vault.commit([Change("move", moved.id, moved)], caller=ADA))
        for each in (route, opened()):
            await _settled(each)
            found = await _find(each, _TEXTS[0])
            same(moved.id in {hit.ref.id for hit in found.hits}, there, f"it is found when it is {state}")
            same((found.searched, found.pending), (len(cubes) - 1 + there, 0), f"memories searched when it is {state}")
            if there:
                same(await _scores(each, _TEXTS[0]), before, "scores once it is back")


async def _what_went_elsewhere_is_found_there(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route, other = opened(), opened()
    cubes = [a_cube(text, f"{PATH}/a") for text in _TEXTS]
    before = (await _stored(vault, route, *cubes))[-1].seq
    await _find(other, _TEXTS[0])
    for was, to in ((f"{PATH}/a", f"{PATH}/b"), (f"{PATH}/b", "shared/team"), ("shared/team", f"{PATH}/a")):
        here, there = (cubes[0].model_copy(update={"path": path}) for path in (was, to))
        changes = Change("depart", here.id, here), Change("arrive", here.id, there)
        await _applied(route, await vault.commit(changes, caller=ADA))
        for each in (route, other, opened()):
            await _settled(each)
            for path, number in ((was, 4 if was == f"{PATH}/a" else 0), (to, 5 if to == f"{PATH}/a" else 1)):
                found = await _find(each, _TEXTS[0], path)
                same(here.id in {hit.ref.id for hit in found.hits}, path == to, f"it is found at {path}")
                same((found.searched, found.pending), (number, 0), f"memories searched at {path}")
            then = await each.find(_call(_TEXTS[0]), Where((PATH, "shared"), at=before), 10)
            same(then.searched, 4, "what was there then and is there still")


async def _of_what_is_forgotten_no_segment_tells(
    vault: MemoryAdapter, segments: SegmentStore, opened: OpenRoute
) -> None:
    route = opened()
    origin = Origin(session="affair", speaker="Zebedee", source="diary")
    secret = a_cube("zanzibar at midnight", f"{PATH}/quagga", origin=origin)
    first = [a_cube(f"{text} {n}", origin=Origin(session="s", speaker="Ben")) for n in range(150) for text in _TEXTS]
    later = [a_cube(f"{text} {n}", origin=Origin(session="t", speaker="Ada")) for n in range(150) for text in _TEXTS]
    for cubes in ([*first, secret], later):  # names of earlier segments do not live on in later ones
        await _stored(vault, route, *cubes)
    same(len(await segments.segments(route.name, PATH)) > 0, True, "there are segments")
    for version, text in ((2, "xylograph"), (3, "tea again")):
        new = first[0].model_copy(update={"version": version, "payload": Plaintext(text=text)})
        await _applied(route, await vault.commit([Change("update", new.id, new)], caller=ADA))
    old = first[0].model_copy(update={"version": 2})
    await _applied(route, await vault.commit([Change("compact", old.id, old)], caller=ADA))
    await _applied(route, await vault.commit([Change("forget", secret.id)], caller=ADA))
    gone = a_cube("quokka", f"{PATH}/numbat", origin=Origin(session="bilby", speaker="Dingo"))
    await _stored(vault, route, gone, *(a_cube(f"{text} again {n}") for n in range(150) for text in _TEXTS))
    there = gone.model_copy(update={"path": "shared/echidna"})
    changes = Change("depart", gone.id, gone), Change("arrive", gone.id, there)
    await _applied(route, await vault.commit(changes, caller=ADA))
    held = b"".join(each.data for each in await segments.segments(route.name, PATH))
    for word in (b"xylograph", b"zanzibar", b"affair", b"Zebedee", b"diary", b"quokka", b"bilby", b"Dingo", b"echidna"):
        same(word in held, False, f"{word.decode()} in the segments of what was forgotten")


async def _lines_seen_twice_change_nothing(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    events = await _stored(vault, route, *(a_cube(text) for text in _TEXTS))
    once = await _scores(route, "green tea")
    await _applied(route, events)
    await _applied(route, events[2:3])
    same(await _scores(route, "green tea"), once, "scores after the same lines")


async def _what_others_wrote_is_found(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    cubes = [a_cube(text) for text in _TEXTS]
    await _stored(vault, route, *cubes[:2])
    await _find(route, "tea")
    await remember(vault, *cubes[2:])
    same((await _find(route, "a violin lesson")).hits[0].ref, cubes[2].ref, "what another process wrote")
    await vault.commit([Change("forget", cubes[2].id)], caller=ADA)
    same(cubes[2].id in await _scores(route, "a violin lesson"), False, "what another process forgot is found")


async def _every_way_to_the_same_log_answers_alike(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    events = await _stored(vault, route, *(a_cube(f"{text} {n}") for n in range(5) for text in _TEXTS))
    for event in events[::6]:
        await _applied(route, await vault.commit([Change("forget", event.subject)], caller=ADA))
    live = await _scores(route, "green tea 3")
    later = opened()
    await _settled(later)
    same(await _scores(later, "green tea 3"), live, "scores of a route opened later")
    await route.reset()
    await _settled(route)
    same(await _scores(route, "green tea 3"), live, "scores of a rebuilt route")


async def _a_branch_it_does_not_know_is_refused(vault: MemoryAdapter, opened: OpenRoute) -> None:
    route = opened()
    await _stored(vault, route, a_cube())
    try:
        await route.find(_call("tea"), Where((PATH,), branch="what-if"), 10)
    except InvalidInput:
        return
    raise AssertionError("a question to an unknown branch was answered")


ERASING_ROUTE_CHECKS: tuple[ErasingRouteCheck, ...] = (_of_what_is_forgotten_no_segment_tells,)
"""What every Route does that keeps segments in this store; each check wants an empty vault."""

QUIET_ROUTE_CHECKS: tuple[RouteCheck, ...] = (_an_empty_vault_holds_nothing,)
"""What every Route does, even one that is off; each check wants an empty vault."""

ROUTE_CHECKS: tuple[RouteCheck, ...] = (
    *QUIET_ROUTE_CHECKS,
    _the_nearest_comes_first,
    _scores_are_those_of_find,
    _a_priority_is_told_and_moves_no_score,
    _other_paths_show_nothing_and_move_nothing,
    _a_new_version_replaces_the_old,
    _what_is_forgotten_is_gone,
    _quarantine_is_not_searched,
    _a_moment_is_searched_as_it_was,
    _what_is_out_of_use_is_not_searched,
    _what_went_elsewhere_is_found_there,
    _lines_seen_twice_change_nothing,
    _what_others_wrote_is_found,
    _every_way_to_the_same_log_answers_alike,
    _a_branch_it_does_not_know_is_refused,
)
"""What every Route does that is on; each check wants an empty vault."""
