"""Links against a reference that looks at every memory."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.infrastructure import partition
from memos_mcp.infrastructure.keys import turn_key
from memos_mcp.infrastructure.links import links
from memos_mcp.infrastructure.names import Interned
from memos_mcp.infrastructure.partition import Partition
from memos_mcp.infrastructure.tokens import terms
from memos_mcp.ports import Action, Event, Where
from memos_mcp.testing import a_cube
from memos_mcp.testing.cubes import SOME_DAY

PATHS = ("user/ada",)
RARE, MOST = range(2, 9), 64
WORDS = "tea boat violin garden rain salt ferry kettle".split()
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=25)


@pytest.fixture(autouse=True)
def short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_TAIL", 3)


def line(seq: int, cube: MemCube, action: Action = "remember") -> Event:
    held = None if action == "forget" else cube
    return Event(seq, SOME_DAY, action, cube.id, cube.version, cube.path, "ada", cube=held)


def holding(vocabulary: Interned[str], texts: Sequence[str]) -> tuple[Partition, list[MemCube]]:
    cubes = [a_cube(text) for text in texts]
    part = Partition(vocabulary)
    part.follow([line(seq, cube) for seq, cube in enumerate(cubes, 1)])
    return part, cubes


def found(parts: Sequence[Partition], near: Sequence[Sequence[int]], asked: str = "") -> list[dict[int, float]]:
    numbers = {part.number(word) for part in parts for word in terms(asked)}
    return links(parts, [part.view(Where(PATHS)) for part in parts], near, numbers)


def reference(
    shown: Sequence[dict[int, set[str]]],
    kept: Sequence[Sequence[set[str]]],
    near: Sequence[Collection[int]],
    asked: str,
) -> list[dict[int, float]]:
    """For every term of the near rows that was not asked for: its rarity, given to all rows that hold it."""
    wanted = {word for rows, best in zip(shown, near, strict=True) for row in best for word in rows[row]}
    weights = [dict[int, float]() for _ in shown]
    total = sum(map(len, shown))
    for word in wanted - set(terms(asked)):
        at = [
            [row for row, held in rows.items() if word in held] if sum(word in held for held in every) <= MOST else []
            for rows, every in zip(shown, kept, strict=True)
        ]
        held = sum(map(len, at))
        if held in RARE:
            for weight, rows in zip(weights, at, strict=True):
                for row in rows:
                    weight[row] = weight.get(row, 0) + math.log(1 + (total - held + 0.5) / (held + 0.5))
    far = [{row: w for row, w in weight.items() if row not in best} for weight, best in zip(weights, near, strict=True)]
    most = max((w for weight in far for w in weight.values()), default=1)
    return [{row: w / most for row, w in weight.items()} for weight in far]


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    near=st.sets(st.integers(0, 24), min_size=1, max_size=5),
    gone=st.sets(st.integers(0, 24), max_size=6),
    asked=st.sampled_from(["", "tea", "boat rain"]),
)
def test_links_are_those_of_the_reference(texts: list[list[str]], near: set[int], gone: set[int], asked: str) -> None:
    vocabulary = Interned[str]()
    parts, shown, kept, best = (
        list[Partition](),
        list[dict[int, set[str]]](),
        list[list[set[str]]](),
        list[list[int]](),
    )
    for each in texts:
        part, cubes = holding(vocabulary, each)
        rows = {row: set(turn_key(cube)) for row, cube in enumerate(cubes)}
        old = dict(rows)
        for at, row in enumerate(sorted(gone & rows.keys())):
            seq = len(cubes) + 1 + at
            if row % 2:
                part.follow([line(seq, cubes[row], "forget")])
                del old[row]
            else:
                new = cubes[row].model_copy(update={"version": 2, "payload": Plaintext(text="kettle")})
                part.follow([line(seq, new, "update")])
                place = len(part.rows) - 1
                rows[place] = old[place] = set(turn_key(new))
            del rows[row]
        parts.append(part)
        shown.append(rows)
        kept.append(list(old.values()))
        best.append(sorted(near & rows.keys()))
    expected = reference(shown, kept, best, asked)
    for linked, right in zip(found(parts, best, asked), expected, strict=True):
        assert linked == pytest.approx(right)


def test_a_rare_word_links_and_one_that_was_asked_for_does_not() -> None:
    part, _ = holding(Interned[str](), ["the violin in Porto", "Porto was warm", "rain", "snow"])
    assert found([part], [[0]]) == [{1: 1.0}]
    assert found([part], [[0]], "What about Porto?") == [{}]


def test_what_everybody_says_names_a_topic_and_links_nothing() -> None:
    part, _ = holding(Interned[str](), [f"violin {n}" for n in range(9)])
    assert found([part], [[0]]) == [{}]
    part, _ = holding(Interned[str](), [f"violin {n}" for n in range(8)])
    assert found([part], [[0]]) == [dict.fromkeys(range(1, 8), 1.0)]


def test_roots_link_to_each_other() -> None:
    vocabulary = Interned[str]()
    one, _ = holding(vocabulary, ["the violin in Porto"])
    other, _ = holding(vocabulary, ["rain", "Porto was warm"])
    assert found([one, other], [[0], []]) == [{}, {1: 1.0}]


def test_without_best_hits_nothing_is_linked() -> None:
    part, _ = holding(Interned[str](), ["violin", "violin"])
    assert found([part], [[]]) == [{}]
    assert found([], []) == []
    assert np.size(part.terms_of([])) == 0
