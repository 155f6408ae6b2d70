"""What holds of topics whatever is remembered: trees do not hang on order, and no summary outlives what it says."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from random import Random

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Memos, MemosError
from memos_mcp.cube import MemCube, Ref
from memos_mcp.interface.placings import placings
from memos_mcp.operation.annotating import annotated
from memos_mcp.operation.summing import MOST, extract
from memos_mcp.operation.topic_leaves import fact_of, leaf_of
from memos_mcp.operation.topic_tree import Leaf, grown, shown
from memos_mcp.operation.topics import TOPICS, topics_in
from memos_mcp.testing.cubes import a_cube

SENTENCES = (
    "Dr Miller says my knee needs rest.",
    "The dentist in Leeds fixed my tooth.",
    "Ada drinks green tea.",
    "The tangerine folder is mine.",
    "Who has the tangerine folder?",
    "I love the new flat, but the rent is terrible.",
    "Nine.",
    "",
)
TAGS = ("health", "Health", "-food", "chores", "personal:phone")
CUBES = st.lists(
    st.tuples(st.lists(st.sampled_from(SENTENCES), max_size=3), st.lists(st.sampled_from(TAGS), max_size=2)),
    max_size=8,
)
STEPS = st.lists(
    st.tuples(st.sampled_from(("tell", "forget", "change", "deny", "summarise", "quarantine")), st.integers(0, 5)),
    min_size=4,
    max_size=14,
)


def made(said: Sequence[tuple[list[str], list[str]]]) -> list[MemCube]:
    return [
        a_cube(" ".join(words)).model_copy(update={"id": f"memory{n}", "tags": tuple(dict.fromkeys(tags))})
        for n, (words, tags) in enumerate(said)
    ]


def leaf(cube: MemCube) -> Leaf:
    return leaf_of(fact_of(cube), placings().of(cube))


@given(said=CUBES, order=st.randoms(use_true_random=False))
def test_a_tree_is_the_same_in_whatever_order_memories_come(
    said: list[tuple[list[str], list[str]]], order: Random
) -> None:
    leaves = [leaf(cube) for cube in made(said)]
    mixed = order.sample(leaves, len(leaves))
    assert [shown(each, 3, 5) for each in grown(leaves)] == [shown(each, 3, 5) for each in grown(mixed)]


@given(said=CUBES)
def test_a_tree_has_each_memory_under_each_of_its_topics(said: list[tuple[list[str], list[str]]]) -> None:
    cubes = made(said)
    held = {(branch.name.casefold(), leaf.fact.id) for branch in grown(map(leaf, cubes)) for leaf in branch.leaves}
    for cube in cubes:
        noted = annotated(cube)
        assert {(topic.casefold(), cube.id) for topic in (*noted.tags, *noted.topics)} <= held
        assert not {topic.casefold() for topic in noted.topics} & {
            tag.casefold() for tag in (*noted.tags, *noted.denied)
        }


@given(st.text(max_size=300))
def test_any_text_has_few_topics_of_those_there_are(text: str) -> None:
    found = topics_in(text)
    assert len(set(found)) == len(found) <= 3
    assert set(found) <= set(TOPICS)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_an_extract_says_nothing_that_was_not_said(texts: list[str]) -> None:
    found = extract(texts)
    assert len(found) <= MOST
    for each in found:
        assert each.sentence in " ".join(texts[each.text].split())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_words_of_what_is_forgotten_or_held_back_stand_in_no_summary(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        anyio.run(lived, home, steps)


async def lived(home: str, steps: Sequence[tuple[str, int]]) -> None:
    async with memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
        ids: list[str] = []
        words: dict[str, set[str]] = {}
        gone: set[str] = set()
        for number, (what, which) in enumerate(steps):
            id = ids[which % len(ids)] if ids else ""
            with contextlib.suppress(MemosError):
                match what:
                    case "tell":
                        (id,) = (await memos.remember(f"The dentist saw patient{number}x.")).ids
                        ids.append(id)
                        words[id] = {f"patient{number}x"}
                    case "change" if id:
                        await memos.update(id, f"The dentist knows patient{number}x.")
                        words[id].add(f"patient{number}x")
                    case "forget" if id:
                        await memos.forget(id)
                        gone |= words[id]
                    case "quarantine" if id:
                        await memos.quarantine.add([id])
                        gone |= words[id]
                    case "deny" if id:
                        await memos.topics.deny(id, "health")
                    case _:
                        await memos.topics.summarise("health")
            assert not [word for text in await everything_said(memos) for word in gone if word in text]


async def everything_said(memos: Memos) -> list[str]:
    """The words of every version of every summary that is left."""
    made = [each.cube for each in await memos.topics.summaries()]
    return [(await memos.get(cube.id, version=n)).text for cube in made for n in range(1, cube.version + 1)]


@pytest.mark.anyio
async def test_a_summary_made_while_a_source_is_forgotten_does_not_keep_its_words() -> None:
    with tempfile.TemporaryDirectory() as home:
        async with memos_mcp.open(home=home, user="ada", embedder={"kind": "none"}) as memos:
            for number in range(12):
                ids = (await memos.remember([f"The dentist saw patient{number}x.", "The dentist is in Leeds."])).ids
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(tried_to_summarise, memos)
                    tasks.start_soon(memos.forget, ids[0])
                left = await memos.topics.summaries()
                assert not [each for each in left if f"patient{number}x" in each.cube.text]
                made_of = [ref.id for each in left for ref in each.sources]
                assert len(await memos._on.vault.get([Ref(id=id) for id in made_of])) == len(made_of)  # pyright: ignore[reportPrivateUsage]


async def tried_to_summarise(memos: Memos) -> None:
    with contextlib.suppress(MemosError):
        await memos.topics.summarise("health")
