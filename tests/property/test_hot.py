"""What is kept of earlier questions never shows: every answer is the one that a system without it gives."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos, MemosError
from memos_mcp.answers import Recall
from tests.words_only import words_only
from tests.worlds import Clock

USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ada/work", "shared/team", "global")
WORDS = ("tea", "ferry", "yesterday tea")
Step = tuple[Any, ...]
callers = st.builds(Caller, user=st.sampled_from(USERS), roles=st.sampled_from(((), ("nurse",))))
asked = st.tuples(st.just("ask"), callers, st.sampled_from(WORDS), st.sampled_from((None, "user/ada", "shared")))
changes = st.one_of(
    st.tuples(st.just("remember"), st.sampled_from(PATHS), st.sampled_from(WORDS)),
    st.tuples(
        st.just("govern"),
        st.integers(0, 20),
        st.sampled_from(({"readers": ("ben",)}, {"denied": ("eve",)}, {"contexts": ("hours:09-12",)}, {"readers": ()})),
    ),
    st.tuples(st.just("expire"), st.integers(0, 20), st.integers(1, 90)),
    st.tuples(st.just("rule"), st.sampled_from(PATHS), st.sampled_from(({"denied": ("eve",)}, {"denied": ()}))),
    st.tuples(st.just("update"), st.integers(0, 20), st.sampled_from(WORDS)),
    st.tuples(st.just("move"), st.integers(0, 20), st.sampled_from(("archive", "restore"))),
    st.tuples(st.just("hold"), st.integers(0, 20)),
    st.tuples(st.just("forget"), st.integers(0, 20)),
    st.tuples(st.just("lapse"), st.integers(0, 20)),
    st.tuples(st.just("later"), st.sampled_from((1, 30, 90, 3600, 86_400))),
    st.tuples(st.just("earlier"), st.sampled_from((1, 90))),
)


@pytest.mark.claim("5.4.1-12")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.one_of(asked, asked, asked, changes), min_size=8, max_size=24),
    questions=st.lists(asked, min_size=1, max_size=3),
)
def test_answers_are_those_of_a_system_that_keeps_nothing(steps: list[Step], questions: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps, questions)


async def live(folder: Path, steps: Sequence[Step], questions: Sequence[Step]) -> None:
    """The same few questions after every step, so that they are kept, and one system that keeps nothing beside."""
    clock = Clock()
    async with words_only(folder, clock, hot=16) as hot, words_only(folder, clock, hot=0) as cold:
        ids: list[str] = []
        for word in WORDS:
            ids += (await cold.remember(f"{word} at first", path="shared/team")).ids
        for step in steps:
            with contextlib.suppress(MemosError):
                await take(cold, clock, ids, step)
            if step[0] == "lapse":  # asked in between, so that what is kept is from before the end
                await ask_both(hot, cold, questions)
                clock.tick(timedelta(seconds=30))
            await ask_both(hot, cold, [*questions, *([step] if step[0] == "ask" else [])])


async def ask_both(hot: Memos, cold: Memos, questions: Sequence[Step]) -> None:
    for _, caller, word, path in questions:
        one = await told(hot.acting_as(caller), word, path)
        assert one == await told(cold.acting_as(caller), word, path)


async def take(memos: Memos, clock: Clock, ids: list[str], step: Step) -> None:
    match step:
        case ("remember", path, word):
            ids += (await memos.remember(f"{word} number {len(ids)}", path=path)).ids
        case ("rule", path, rules):
            await memos.acl.set_rules(path, **rules)
        case ("later", seconds):
            clock.tick(timedelta(seconds=seconds))
        case ("earlier", seconds):
            clock.tick(-timedelta(seconds=seconds))
        case ("ask", *_):
            pass
        case _:
            await change(memos, clock, ids[int(step[1]) % len(ids)], step)


async def change(memos: Memos, clock: Clock, id: str, step: Step) -> None:
    match step:
        case ("govern", _, rules):
            await memos.acl.change([id], **rules)
        case ("expire", _, seconds):
            await memos.acl.change([id], expires_at=clock() + timedelta(seconds=seconds))
        case ("update", _, word):
            await memos.update(id, f"{word} anew")
        case ("move", _, move):
            await memos.lifecycle.move([id], move)
        case ("lapse", _):
            await memos.acl.change([id], expires_at=clock() + timedelta(seconds=30))
        case ("hold", _):
            await memos.quarantine.add([id])
        case _:
            await memos.forget(id)


async def told(memos: Memos, word: str, path: str | None) -> object:
    try:
        found = await memos.recall(word, path=path)
    except MemosError as error:
        return str(error)
    return plain(found)


def plain(found: Recall) -> object:
    memories = [(each.cube, each.score, each.lanes) for each in found.memories]
    return memories, found.context, found.paths, found.searched, found.call, found.missing, found.withheld
