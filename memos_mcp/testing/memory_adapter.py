"""The contract of MemoryAdapter, check by check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from memos_mcp.cube import Activation, Kind, Origin, Parametric, Payload, Plaintext, Ref, new_id
from memos_mcp.errors import Conflict, NotFound
from memos_mcp.ports import Change, Event, MemoryAdapter, Name, Where, Which
from memos_mcp.testing.branching import a_branch_copies_what_it_changes, branches_are_made_and_dropped
from memos_mcp.testing.cubes import ADA, PATH, a_cube, a_full_cube, remember, same
from memos_mcp.testing.descent import what_was_made_from_a_memory_is_found
from memos_mcp.testing.keeping import earlier_versions_are_compacted, policies_and_copies_are_kept
from memos_mcp.testing.lives import (
    a_moment_shows_what_was_current,
    refused,
    states_are_moved,
    texts_at,
    what_has_expired_may_be_said_anew,
    what_is_frozen_stays,
    what_is_held_stays,
)
from memos_mcp.testing.namespaces import (
    another_process_sees_rules_with_what_they_are_about,
    rules_keep_where_a_memory_comes_from,
    rules_of_namespaces_are_kept,
)
from memos_mcp.testing.notes import a_sighting_is_counted_by_itself, notes_are_written_with_the_changes
from memos_mcp.testing.places import memories_go_to_another_path, what_is_laid_away_says_the_same

MemoryAdapterCheck = Callable[[MemoryAdapter], Awaitable[None]]
TwoWritersCheck = Callable[[MemoryAdapter, MemoryAdapter], Awaitable[None]]


async def _every_field_comes_back(vault: MemoryAdapter) -> None:
    payloads: list[Payload] = [
        Plaintext(text="t", data={"a": [1, 2.5, None, True], "b": {"ü": ""}}),
        Plaintext(data=0),
        Activation(sources=(Ref(id="a", version=1),), fingerprint="f", tokens=7, blob="ab"),
        Parametric(sources=(Ref(id="a", version=1),), fingerprint="f", rank=8, blob="cd"),
    ]
    for number, payload in enumerate(payloads):
        cube = a_full_cube(payload).model_copy(update={"path": f"{PATH}/{number}"})
        event = (await remember(vault, cube))[0]
        stored = (await vault.get([cube.ref]))[0]
        times = {"created_at": event.at, "updated_at": event.at}
        same(stored, cube.model_copy(update=times), "the cube, but for the times of its version")
        same(event.cube, stored, "the cube of the event that commit returns")
        same((await vault.events(after=event.seq - 1))[0], event, "the event as it is read later")


async def _texts_come_back_byte_for_byte(vault: MemoryAdapter) -> None:
    texts = [
        "",
        " lead and trail \n",
        "a\r\nb\rc\x00\x1f\x7f\u2028",
        "naïve ≠ nai\u0308ve \U0001d518😀",
        "' OR 1=1; --",
        "x" * 300_000,
    ]
    cubes = [a_cube(text) for text in texts]
    await remember(vault, *cubes)
    same([c.text for c in await vault.get([c.ref for c in cubes])], texts, "texts")


async def _a_commit_is_all_or_nothing(vault: MemoryAdapter) -> None:
    good, known = a_cube("good"), a_cube("known", key="k")
    await remember(vault, known)
    twin = a_cube("twin", key="k")
    for bad in (
        Change("forget", "nobody"),
        Change("update", known.id, known.model_copy(update={"version": 6}), expect=5),
        Change("put", twin.id, twin, expect=0),
        Change("remember", known.id, known),
    ):
        await refused(NotFound if bad.subject == "nobody" else Conflict, vault, Change("remember", good.id, good), bad)
    same(await vault.get([good.ref]), [], "what a refused commit stored")
    same(await vault.count([PATH]), {PATH: 1}, "counts after refused commits")


async def _a_change_expects_the_version_it_read(vault: MemoryAdapter) -> None:
    cube = a_cube("one")
    await remember(vault, cube)
    second = cube.model_copy(update={"version": 2, "payload": Plaintext(text="two")})
    await vault.commit([Change("update", cube.id, second, expect=1, reason="why")], caller=ADA)
    await refused(Conflict, vault, Change("update", cube.id, second, expect=1))
    await refused(Conflict, vault, Change("forget", cube.id, expect=1))
    late = await vault.commit([Change("update", cube.id, second)], caller=ADA)
    same(late[0].version, 3, "the version of a change that expects none")
    await vault.commit([Change("forget", cube.id, expect=3)], caller=ADA)


async def _earlier_versions_stay(vault: MemoryAdapter) -> None:
    cube = a_cube("one")
    await remember(vault, cube)
    for text in ("two", "three"):
        held = (await vault.get([Ref(id=cube.id)]))[0]
        changed = held.model_copy(update={"version": held.version + 1, "payload": Plaintext(text=text)})
        event = (await vault.commit([Change("update", cube.id, changed)], caller=ADA))[0]
        same(event.cube, (await vault.get([Ref(id=cube.id)]))[0], "the cube of the event that commit returns")
    refs = [Ref(id=cube.id, version=v) for v in (2, 1, 3, 4)]
    same([c.text for c in await vault.get([*refs, Ref(id=cube.id)])], ["two", "one", "three", "three"], "versions")
    same(await texts_at(vault, PATH), ["three"], "scan shows the current version only")
    same(len({e.cube and e.cube.created_at for e in await vault.events()}), 1, "created_at of all versions")


async def _a_key_names_one_memory_of_a_path(vault: MemoryAdapter) -> None:
    here, there = a_cube("here", key="k"), a_cube("there", f"{PATH}/x", key="k")
    await remember(vault, here, there)
    found = await vault.get([Name(f"{PATH}/x", "k"), Name(PATH, "none"), Name("none", "k"), Name(PATH, "k")])
    same([c.text for c in found], ["there", "here"], "memories by key")
    await vault.commit([Change("forget", here.id)], caller=ADA)
    same(await vault.get([Name(PATH, "k")]), [], "a forgotten key")
    await remember(vault, a_cube("again", key="k"))


async def _a_repeat_is_a_sighting(vault: MemoryAdapter) -> None:
    async def say(source: str, position: int | None, path: str = PATH, branch: str = "main") -> Event:
        cube = a_cube(path=path, origin=Origin(source=source, position=position))
        change = Change("remember", cube.id, cube, once=b"tea", branch=branch)
        return (await vault.commit([change], caller=ADA))[0]

    first = await say("monday", 0)
    for source, position in (("monday", 0), ("tuesday", 4), ("tuesday", 4), ("", None), ("", None), ("x", None)):
        last = await say(source, position)
        same(last.subject, first.subject, "the memory that is seen again")
        same((last.action, last.cube), ("sight", None), "a repeat")
    same((await say("x", None)).seq, 0, "seq of what is no news")
    same((await vault.get([Ref(id=first.subject)]))[0].usage.sightings, 5, "sightings")
    lines = (await vault.events())[1:]
    same([e.origin and e.origin.source for e in lines], ["tuesday", "", "", "x"], "origins of the repeats")
    same([e.action for e in lines], ["sight"] * 4, "lines of the repeats")
    for other in (await say("monday", 0, f"{PATH}/x"), await say("monday", 0, branch="draft")):
        same(other.action, "remember", "the same words elsewhere")
    await vault.commit([Change("forget", first.subject)], caller=ADA)
    same((await say("monday", 0)).action, "remember", "the same words after they were forgotten")


async def _forgetting_leaves_a_tombstone(vault: MemoryAdapter) -> None:
    cube, other = a_cube("secret", key="k"), a_cube("other")
    await remember(vault, cube, other)
    await vault.commit(
        [Change("update", cube.id, cube.model_copy(update={"version": 2, "meaning": "secret"}))], caller=ADA
    )
    gone = (await vault.commit([Change("forget", cube.id, reason="asked")], caller=ADA))[0]
    same((gone.action, gone.version, gone.cube, gone.reason), ("forget", 2, None, "asked"), "the line of a forget")
    refs = [Ref(id=cube.id), Ref(id=cube.id, version=1), Ref(id=cube.id, version=2), Name(PATH, "k")]
    same(await vault.get(refs), [], "versions of a forgotten memory")
    same(await texts_at(vault, PATH), ["other"], "scan")
    same(await vault.count([PATH]), {PATH: 1}, "count")
    history = await vault.events(subject=cube.id)
    same([e.action for e in history], ["remember", "update", "forget"], "history")
    same([e.cube for e in history], [None] * 3, "cubes in the history")
    await refused(NotFound, vault, Change("forget", cube.id))
    await refused(NotFound, vault, Change("update", cube.id, cube.model_copy(update={"version": 3})))


async def _the_log_is_in_order(vault: MemoryAdapter) -> None:
    same(await vault.events(after=-3), [], "the end of an empty log")
    cubes = [a_cube(str(n)) for n in range(5)]
    told = [*await remember(vault, *cubes[:3]), *await remember(vault, *cubes[3:])]
    events = await vault.events()
    same(events, told, "the log")
    seqs = [e.seq for e in events]
    same(seqs, sorted(set(seqs)), "seq")
    same([e.at for e in events], sorted(e.at for e in events), "at")
    same({e.caller for e in events}, {"ada"}, "caller")
    same(await vault.events(after=seqs[1], limit=2), events[2:4], "two lines after the second")
    same(await vault.events(after=-2), events[-2:], "the last two lines")
    same(await vault.events(after=seqs[-1]), [], "lines after the end")
    same(await vault.commit([], caller=ADA), [], "an empty commit")


async def _the_log_of_one_memory_or_root(vault: MemoryAdapter) -> None:
    paths = ("user/ada", "user/ada/x", "user/adam", "shared/team", "user/ada")
    cubes = [a_cube(path, path) for path in paths]
    events = await remember(vault, *cubes)
    same(await vault.events(root="user/ada"), [events[0], events[1], events[4]], "a root")
    same(await vault.events(root="user/ada", after=events[0].seq, limit=1), [events[1]], "a page of a root")
    same(await vault.events(root="user/ada", after=-1), [events[4]], "the last line of a root")
    same(await vault.events(subject=cubes[2].id), [events[2]], "a memory")
    same(await vault.events(subject=cubes[2].id, after=-5), [events[2]], "the last lines of a memory")
    same([await vault.events(root="user/eve"), await vault.events(subject="eve")], [list[Event]()] * 2, "nobody")


async def _paths_are_not_patterns(vault: MemoryAdapter) -> None:
    paths = (
        "user/ad",
        "user/ada",
        "user/ada/x",
        "user/ada/x/y",
        "user/ada0",
        "user/ada.",
        "user/a%",
        "user/a_a",
        "user",
    )
    await remember(vault, *(a_cube(path, path) for path in paths))
    for asked, beneath in {
        ("user/ad",): {"user/ad"},
        ("user/ada",): {"user/ada", "user/ada/x", "user/ada/x/y"},
        ("user/ada/x", "user/ada"): {"user/ada", "user/ada/x", "user/ada/x/y"},
        ("user/a%",): {"user/a%"},
        ("user/a_a",): {"user/a_a"},
        ("user",): set(paths),
        ("user/ada/", "use", "", "%", "*"): set[str](),
    }.items():
        same(sorted(await texts_at(vault, *asked)), sorted(beneath), f"scan under {asked}")
        same(await vault.count(asked), dict.fromkeys(beneath, 1), f"count under {asked}")


async def _scan_pages_newest_first(vault: MemoryAdapter) -> None:
    kinds: tuple[Kind, ...] = ("fact", "event", "fact", "skill", "event")
    cubes = [a_cube(str(n), kind=kind, tags=("even",) if n % 2 == 0 else ()) for n, kind in enumerate(kinds)]
    await remember(vault, *cubes)
    seen: list[str] = []
    page = await vault.scan(Where((PATH,)), limit=2)
    while page:
        seen += [cube.text for _, cube in page]
        page = await vault.scan(Where((PATH,)), after=page[-1][0], limit=2)
    same(seen, ["4", "3", "2", "1", "0"], "all pages")
    same(await texts_at(vault, PATH, which=Which(("fact",))), ["2", "0"], "facts")
    same(await texts_at(vault, PATH, which=Which(("event", "skill"))), ["4", "3", "1"], "events and skills")
    same(await texts_at(vault, PATH, which=Which(("event",), ("even", "x"))), ["4"], "even events")


async def _scan_by_source(vault: MemoryAdapter) -> None:
    origins = [Origin(source="mail"), Origin(source="mail", source_class="web", session="s"), Origin(session="s")]
    await remember(vault, *(a_cube(str(n), origin=origin) for n, origin in enumerate(origins)))
    same(await texts_at(vault, PATH, which=Which(source="mail")), ["1", "0"], "of a source")
    same(await texts_at(vault, PATH, which=Which(session="s")), ["2", "1"], "of a session")
    same(await texts_at(vault, PATH, which=Which(source_class="user")), ["2", "0"], "of the user")
    same(await texts_at(vault, PATH, which=Which(source="mail", source_class="web")), ["1"], "of a source on the web")


async def _quarantine_is_apart(vault: MemoryAdapter) -> None:
    suspect, good = a_cube("suspect", quarantined=("injection", "exfiltration")), a_cube("good")
    await remember(vault, suspect, good)
    (known,) = await vault.get([suspect.ref])
    same(known.quarantined, ("injection", "exfiltration"), "why it is in quarantine")
    same(await texts_at(vault, PATH), ["good"], "those that are not")
    same(await texts_at(vault, PATH, which=Which(quarantined=True)), ["suspect"], "those that are")
    same((await vault.count([PATH]), await vault.count([PATH], quarantined=True)), ({PATH: 1}, {PATH: 1}), "counts")
    freed = known.model_copy(update={"quarantined": (), "vouched_by": "ada"})
    (event,) = await vault.commit([Change("release", suspect.id, freed, expect=1, reason="read it")], caller=ADA)
    same((event.action, event.version, event.cube), ("release", 1, freed), "the line of a release")
    same((await vault.events())[-1], event, "the same line, read again")
    same(await vault.get([suspect.ref]), [freed], "a memory that was released")
    same(await vault.count([PATH]), {PATH: 2}, "the count after the release")
    again = freed.model_copy(update={"quarantined": ("by-hand",), "vouched_by": ""})
    await vault.commit([Change("quarantine", suspect.id, again), Change("forget", good.id)], caller=ADA)
    same(await vault.count([PATH]), {}, "the count of the rest")
    same(await vault.count([PATH], quarantined=True), {PATH: 1}, "the count of those in quarantine")
    await vault.commit([Change("forget", suspect.id)], caller=ADA)
    same(await vault.count([PATH], quarantined=True), {}, "the count once it is forgotten")


async def _branches_are_apart(vault: MemoryAdapter) -> None:
    draft, here = a_cube("draft", key="k"), a_cube("here", key="k")
    await remember(vault, draft, branch="draft")
    await remember(vault, here)
    same(await vault.get([draft.ref, Name(PATH, "k")]), await vault.get([here.ref]), "main")
    same([c.text for c in await vault.get([Name(PATH, "k"), here.ref], branch="draft")], ["draft"], "draft")
    same([c.text for _, c in await vault.scan(Where((PATH,), branch="draft"))], ["draft"], "scan of a branch")
    await refused(NotFound, vault, Change("forget", draft.id))


async def _two_writers_one_order(vault: MemoryAdapter, other: MemoryAdapter) -> None:
    """No smaller `seq` becomes visible after a larger one."""
    seen: list[int] = []
    running = 2

    async def write(adapter: MemoryAdapter) -> None:
        nonlocal running
        for _ in range(20):
            await remember(adapter, a_cube(), a_cube())
        running -= 1

    async def follow(adapter: MemoryAdapter) -> None:
        more = True
        while more:
            more = running > 0
            seen.extend(e.seq for e in await adapter.events(after=seen[-1] if seen else 0, limit=7))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write, vault)
        tasks.start_soon(write, other)
        tasks.start_soon(follow, vault)
    seen.extend(e.seq for e in await vault.events(after=seen[-1]))
    same(seen, [e.seq for e in await other.events()], "lines as they were followed")
    same(len(seen), 80, "lines")


async def _two_writers_one_winner(vault: MemoryAdapter, other: MemoryAdapter) -> None:
    """Of two changes of one version one is a Conflict; of two equal statements one is a sighting."""
    cube = a_cube()
    await remember(vault, cube)
    outcomes: list[str] = []

    async def change(adapter: MemoryAdapter, change: Change) -> None:
        try:
            outcomes.append((await adapter.commit([change], caller=ADA))[0].action)
        except Conflict:
            outcomes.append("conflict")

    async with anyio.create_task_group() as tasks:
        for adapter in (vault, other):
            changed = cube.model_copy(update={"version": 2, "meaning": "changed"})
            tasks.start_soon(change, adapter, Change("update", cube.id, changed, expect=1))
            repeat = a_cube("the same", origin=Origin(source=new_id()))
            tasks.start_soon(change, adapter, Change("remember", repeat.id, repeat, once=b"same"))
            keyed = a_cube("keyed", key="k")
            tasks.start_soon(change, adapter, Change("put", keyed.id, keyed, expect=0))
    same(sorted(outcomes), ["conflict", "conflict", "put", "remember", "sight", "update"], "outcomes")


MEMORY_ADAPTER_CHECKS: tuple[MemoryAdapterCheck, ...] = (
    _every_field_comes_back,
    _texts_come_back_byte_for_byte,
    _a_commit_is_all_or_nothing,
    _a_change_expects_the_version_it_read,
    _earlier_versions_stay,
    _a_key_names_one_memory_of_a_path,
    _a_repeat_is_a_sighting,
    _forgetting_leaves_a_tombstone,
    _the_log_is_in_order,
    _the_log_of_one_memory_or_root,
    _paths_are_not_patterns,
    _scan_pages_newest_first,
    _scan_by_source,
    _quarantine_is_apart,
    states_are_moved,
    what_has_expired_may_be_said_anew,
    what_is_held_stays,
    policies_and_copies_are_kept,
    earlier_versions_are_compacted,
    rules_keep_where_a_memory_comes_from,
    rules_of_namespaces_are_kept,
    _branches_are_apart,
    branches_are_made_and_dropped,
    a_branch_copies_what_it_changes,
    a_moment_shows_what_was_current,
    what_is_frozen_stays,
    what_was_made_from_a_memory_is_found,
    what_is_laid_away_says_the_same,
    memories_go_to_another_path,
    notes_are_written_with_the_changes,
    a_sighting_is_counted_by_itself,
)
"""What every MemoryAdapter does; each check wants an empty one."""

TWO_WRITERS_CHECKS: tuple[TwoWritersCheck, ...] = (
    _two_writers_one_order,
    _two_writers_one_winner,
    another_process_sees_rules_with_what_they_are_about,
)
"""What two adapters over one store do; each check wants two over an empty one."""
