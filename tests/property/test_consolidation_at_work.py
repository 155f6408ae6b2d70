"""Whatever is remembered in whatever order and portions: one outcome, no words lost, and nothing of others touched."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos
from memos_mcp.cube import MemCube, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.governance import home
from memos_mcp.interface import consolidating, cubes
from memos_mcp.interface.consolidating import SYSTEM
from tests.unit.test_consolidation import SAID, opened
from tests.worlds import Clock, Ids, answered, apart

TEXTS = (
    "I live in Porto.",
    "I reside in Porto.",
    "I live in Braga now.",
    "I've moved to Lyon.",
    "I no longer live in Porto.",
    "My birthday is 4 May 1990.",
    "My birthday is 5 May 1990.",
    "I have a dog.",
    "I have a dog called Biscuit.",
    "I don't have a dog.",
    "The rent is 900 euros a month.",
    "The rent is 960 euros a month.",
    "I love rhubarb.",
    "I hate rhubarb.",
)
told = st.tuples(st.sampled_from(TEXTS), st.integers(0, 400))
streams = st.lists(told, min_size=2, max_size=9)
Picture = list[tuple[object, ...]]


async def lived(folder: Path, stream: Sequence[tuple[str, int]], settled: set[int], ids: Ids) -> Picture:
    """Everything remembered, looked at after some of it and at the end: what became of each."""
    async with opened(folder) as memos:
        for number, (text, days) in enumerate(stream):
            ids.begin(f"m{number}-")
            await memos.remember(
                text, speaker="Ada", said_at=SAID + timedelta(days=days), source=f"s{number}", settle=number in settled
            )
        await memos.settle()
        await reachable(memos, stream)
        return await picture(memos)


async def picture(memos: Memos) -> Picture:
    vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
    subjects = dict.fromkeys(event.subject for event in await vault.events(limit=10_000))
    found = await vault.get([Ref(id=id) for id in subjects])
    return [(c.id, c.state, c.valid, sorted(map(str, c.links)), c.usage.sightings, c.text) for c in found]


async def reachable(memos: Memos, stream: Sequence[tuple[str, int]]) -> None:
    """Every text is there under its id, at its moment, and in its history."""
    vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
    lines = [line for line in await vault.events(limit=10_000) if line.action == "remember"]
    assert {line.cube.text for line in lines if line.cube} == {text for text, _ in stream}
    for line in lines:
        assert line.cube is not None
        assert (await memos.get(line.subject)).text == line.cube.text
        assert (await memos.history(line.subject))[0].cube == line.cube
        then = await vault.get([Ref(id=line.subject)], at=line.seq)
        assert [(cube.text, cube.valid) for cube in then] == [(line.cube.text, None)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams, settled=st.sets(st.integers(0, 8)))
def test_in_whatever_portions_it_is_looked_at_the_outcome_is_one_and_no_words_are_lost(
    stream: list[tuple[str, int]], settled: set[int]
) -> None:
    async def compared() -> None:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            assert await lived(Path(one), stream, settled, ids) == await lived(Path(other), stream, set(), ids)

    ids = Ids()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "new_id", ids)
        anyio.run(compared)


acts = st.tuples(
    st.sampled_from(("ada", "ben")),
    st.sampled_from(("user", "shared/team")),
    st.sampled_from(TEXTS),
    st.sampled_from(("", "", "freeze", "hold", "read_only", "private", "ours")),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(acts, min_size=2, max_size=8))
def test_nobodys_memory_is_changed_because_somebody_else_stored_one(stream: list[tuple[str, str, str, str]]) -> None:
    anyio.run(governed, stream)


async def governed(stream: Sequence[tuple[str, str, str, str]]) -> None:
    """With and without what ben stored, what is ada's is the same; what is fixed never changes."""
    pictures: list[dict[str, object]] = []
    for users in (("ada", "ben"), ("ada",)):
        with tempfile.TemporaryDirectory() as folder:
            pictures.append(await of_ada(Path(folder), [each for each in stream if each[0] in users]))
    assert pictures[0] == pictures[1]


async def of_ada(folder: Path, stream: Sequence[tuple[str, str, str, str]]) -> dict[str, object]:
    found: dict[str, object] = {}
    fixed: dict[str, MemCube] = {}
    clock = Clock()
    async with opened(folder, clock=clock) as memos:
        vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
        mine: dict[str, tuple[object, ...]] = {}
        for number, (user, path, text, fate) in enumerate(stream):
            acting = memos.acting_as(Caller(user))
            place = f"user/{user}" if path == "user" else path
            said = SAID + timedelta(days=40 * TEXTS.index(text))
            done = await acting.remember(text, path=place, said_at=said, speaker=user, source=f"s{number}")
            id = done.ids[0]
            if done.new:
                await fated(acting, id, fate)
                if user == "ada":
                    mine[id] = (place, text, said)
                if fate in ("freeze", "hold", "read_only"):
                    fixed[id] = (await vault.get([Ref(id=id)]))[0]
            await memos.settle()
        for id, what in mine.items():
            cube = (await vault.get([Ref(id=id)]))[0]
            found[str(what)] = (
                cube.state,
                cube.valid,
                cube.text,
                cube.usage.sightings,
                sorted(k.kind for k in cube.links),
            )
        for id, before in fixed.items():
            now = (await vault.get([Ref(id=id)]))[0]
            assert now.model_copy(update={"usage": before.usage}) == before  # who repeats it is counted all the same
    return found


async def fated(memos: Memos, id: str, fate: str) -> None:
    match fate:
        case "freeze":
            await memos.timeline.freeze([id])
        case "hold":
            await memos.lifecycle.hold([id])
        case "read_only":
            await memos.acl.change([id], read_only=True)
        case "private":
            await memos.acl.change([id], readers=[memos.caller.user])
        case "ours":
            await memos.acl.change([id], readers=["ada", "ben"], writers=["ada", "ben"])
        case _:
            pass


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stream=st.lists(acts, min_size=3, max_size=8),
    caller=st.sampled_from((Caller("ada"), Caller("ben"), Caller("eve"), Caller("ada", within="shared/team"))),
)
def test_the_verbs_tell_nothing_of_what_one_may_not_read(
    stream: list[tuple[str, str, str, str]], caller: Caller
) -> None:
    """What is private is private when it comes: the vault without it answers alike."""
    anyio.run(two_worlds, stream, caller)


async def two_worlds(stream: Sequence[tuple[str, str, str, str]], caller: Caller) -> None:
    full, hidden = await told_of(stream, caller, frozenset())
    less, _ = await told_of(stream, caller, hidden)
    assert apart(full, less) == ""


async def told_of(
    stream: Sequence[tuple[str, str, str, str]], caller: Caller, without: frozenset[int]
) -> tuple[list[object], frozenset[int]]:
    """What he is told of a vault without some of what was stored; and what of the rest he may not read."""
    ids, hidden = Ids(), set[int]()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "new_id", ids)
        patch.setattr(consolidating, "_GRACE", 3600.0)  # nothing is looked at before it is asked to be
        async with opened(Path(folder)) as memos:
            for number, (user, path, text, fate) in enumerate(stream):
                if number in without:
                    continue
                ids.begin(f"m{number}-")
                place, acting = f"user/{user}" if path == "user" else path, memos.acting_as(Caller(user))
                said = SAID + timedelta(days=40 * TEXTS.index(text))
                done = await acting.remember(text, path=place, said_at=said, speaker=user)
                if done.new and fate == "private":
                    await fated(acting, done.ids[0], fate)
                alone = path == "user" or (done.new and fate == "private")
                if (alone and user != caller.user) or (caller.within and path == "user"):
                    hidden.add(number)
            mine = memos.acting_as(caller).consolidation
            answers = [await answered(mine.status()), await answered(mine.run())]
            answers += [await answered(mine.decided(limit=2)), await answered(mine.decided())]
            answers += [await answered(mine.contradictions()), await answered(mine.contradictions(limit=1))]
            for one in range(len(stream)):
                answers.append(await answered(mine.decided(id=f"m{one}-1")))
                answers += [await answered(mine.undo(f"m{one}-1", f"m{other}-1")) for other in range(len(stream))]
            return answers, frozenset(hidden)


def test_no_user_has_the_name_of_the_system() -> None:
    with pytest.raises(InvalidInput):
        home(SYSTEM)
