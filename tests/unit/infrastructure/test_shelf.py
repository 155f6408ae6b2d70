"""The vectors of one root: mixed with those of neighbours, kept as segments, and gone when forgotten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from memos_mcp.cube import MemCube, Origin
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.shelf import NEIGHBOUR, Shelf, made_by
from memos_mcp.ports import Action, Event, Where
from memos_mcp.testing import a_cube
from memos_mcp.testing.cubes import SOME_DAY
from tests.embedders import DIMENSION, vector_of

PATHS = ("user/ada",)
QUERY = vector_of("tea").astype(np.float16)


def turn(text: str, speaker: str = "Ada", session: str | None = "s", path: str = "user/ada") -> MemCube:
    return a_cube(text, path, origin=Origin(speaker=speaker, session=session))


def line(seq: int, cube: MemCube, action: Action = "remember") -> Event:
    held = None if action == "forget" else cube
    return Event(seq, SOME_DAY, action, cube.id, cube.version, cube.path, "ada", cube=held)


def shelf_of(cubes: Sequence[MemCube], model: str = "m") -> Shelf:
    shelf = Shelf(model, DIMENSION)
    shelf.follow([line(seq, cube) for seq, cube in enumerate(cubes, 1)])
    return shelf


def embedded(shelf: Shelf, texts: Sequence[str]) -> Shelf:
    rows = shelf.waiting(len(texts))
    shelf.put(rows, [vector_of(texts[row]) for row in rows])
    return shelf


def full(*cubes: MemCube) -> Shelf:
    return embedded(shelf_of(cubes), [cube.text for cube in cubes])


def mixed(*texts: str) -> float:
    """The cosine with the query of a text and its neighbours' share."""
    total = vector_of(texts[0]) + NEIGHBOUR * np.sum([vector_of(text) for text in texts[1:]], axis=0)
    return float(QUERY.astype(np.float32) @ (total / np.linalg.norm(total)))


def scores(shelf: Shelf, paths: Sequence[str] = PATHS) -> NDArray[np.float32]:
    return shelf.scores(QUERY, shelf.view(Where(tuple(paths))))


def test_an_answer_has_a_share_of_its_question() -> None:
    shelf = full(turn("Which tea?"), turn("The mint one", "Ben"), turn("It rains", "Ada"), turn("Alone", "Cyd", None))
    expected = [
        mixed("Which tea?", "The mint one"),
        mixed("The mint one", "Which tea?", "It rains"),
        mixed("It rains", "The mint one"),
        mixed("Alone"),
    ]
    assert scores(shelf) == pytest.approx(expected, abs=2e-3)


def test_statements_of_one_speaker_and_of_other_sessions_are_no_neighbours() -> None:
    shelf = full(turn("green tea"), turn("rain"), turn("violin", "Ben", "t"))
    assert scores(shelf) == pytest.approx([mixed("green tea"), mixed("rain"), mixed("violin")], abs=2e-3)


def test_a_neighbour_that_may_not_be_read_mixes_in_nowhere() -> None:
    shelf = full(turn("green tea"), turn("rain", "Ben", path="user/ada/work"), turn("violin"))
    assert scores(shelf) == pytest.approx(
        [mixed("green tea", "rain"), mixed("rain", "green tea", "violin"), mixed("violin", "rain")], abs=2e-3
    )
    assert scores(shelf, ["user/ada/work"]) == pytest.approx([-1, mixed("rain"), -1], abs=2e-3)


def test_a_forgotten_neighbour_mixes_in_nowhere_and_those_beside_it_meet() -> None:
    cubes = [turn("green tea"), turn("rain", "Ben"), turn("violin", "Cyd")]
    shelf = full(*cubes)
    scores(shelf)
    shelf.follow([line(4, cubes[1], "forget")])
    expected = [mixed("green tea", "violin"), -1, mixed("violin", "green tea")]
    assert scores(shelf) == pytest.approx(expected, abs=2e-3)
    assert shelf.erased == {2}


def test_what_was_looked_at_while_its_vector_was_missing_is_mixed_rightly_later() -> None:
    cubes = [turn("green tea"), turn("rain", "Ben"), turn("violin", "Cyd")]
    shelf = shelf_of(cubes)
    shelf.put([0], [vector_of("green tea")])
    assert scores(shelf) == pytest.approx([mixed("green tea"), -1, -1], abs=2e-3)
    shelf.put([1], [vector_of("rain")])
    scores(shelf)
    shelf.put([2], [vector_of("violin")])
    expected = [mixed("green tea", "rain"), mixed("rain", "green tea", "violin"), mixed("violin", "rain")]
    assert scores(shelf) == pytest.approx(expected, abs=2e-3)


def test_new_words_replace_the_old_in_the_mix_of_the_neighbours() -> None:
    cubes = [turn("green tea"), turn("rain", "Ben")]
    shelf = full(*cubes)
    scores(shelf)
    shelf.follow([line(3, cubes[1].model_copy(update={"version": 2}), "update")])
    assert scores(shelf) == pytest.approx([mixed("green tea"), -1, -1], abs=2e-3)
    shelf.put([2], [vector_of("violin")])
    expected = [mixed("green tea", "violin"), -1, mixed("violin", "green tea")]
    assert scores(shelf) == pytest.approx(expected, abs=2e-3)


def test_what_waits_is_told_in_the_order_of_the_log() -> None:
    shelf = shelf_of([turn(str(n)) for n in range(100)])
    assert (shelf.waiting(3), shelf.pending(), shelf.whole) == ([0, 1, 2], 100, 0)
    shelf.put([0, 2], [vector_of("0"), vector_of("2")])
    assert (shelf.waiting(3), shelf.pending(), shelf.whole) == ([1, 3, 4], 98, 1)
    shown = np.arange(100) < 4
    assert shelf.pending(shown) == 2
    shelf.put([1], [vector_of("1")])
    assert (shelf.waiting(1), shelf.pending(), shelf.whole) == ([3], 97, 3)
    shelf.put(range(100), [vector_of(str(n)) for n in range(100)])
    assert (shelf.waiting(3), shelf.pending(), shelf.whole) == ([], 0, 100)


def test_a_vector_once_given_is_not_replaced() -> None:
    shelf = full(turn("green tea"))
    shelf.put([0], [vector_of("violin")])
    assert scores(shelf) == pytest.approx([mixed("green tea")], abs=2e-3)


def test_what_has_no_words_any_more_is_not_found_and_does_not_wait() -> None:
    shelf = shelf_of([turn("green tea"), turn("gone")])
    shelf.put([0, 1], [vector_of("green tea"), np.zeros(DIMENSION, np.float32)])
    assert scores(shelf) == pytest.approx([mixed("green tea"), -1], abs=2e-3)
    assert shelf.pending() == 0


def test_a_forgotten_memory_leaves_matrix_and_segments() -> None:
    cubes = [turn("green tea"), turn("rain", "Ben")]
    shelf = full(*cubes)
    secret = vector_of("rain").astype(np.float16).tobytes()
    assert secret in shelf.export(0, 2)
    shelf.follow([line(3, cubes[1], "forget")])
    assert secret not in shelf.export(0, 3)
    shelf.put([1], [vector_of("rain")])
    assert secret not in shelf.export(0, 3)


def test_segments_bring_back_the_same_scores() -> None:
    cubes = [turn(f"text {n}", "Ada Ben Cyd".split()[n % 3], f"s{n // 7}") for n in range(90)]
    shelf = full(*cubes)
    shelf.follow([line(91, cubes[40], "forget"), line(92, cubes[3].model_copy(update={"version": 2}), "update")])
    shelf.put(shelf.waiting(1), [vector_of("another")])
    for cuts in ([92], [40, 92], [1, 2, 30, 90, 91, 92]):
        again = Shelf("m", DIMENSION)
        for after, upto in zip([0, *cuts], cuts, strict=False):
            again.load(shelf.export(after, upto), upto)
        assert again.seq == 92
        assert again.pending() == 0
        np.testing.assert_array_equal(scores(again), scores(shelf))


def test_segments_of_another_process_are_adopted_where_vectors_are_missing() -> None:
    cubes = [turn(f"text {n}") for n in range(10)]
    other, mine = full(*cubes), shelf_of(cubes)
    mine.put([0], [vector_of("text 0")])
    mine.adopt(other.export(4, 10))
    assert mine.waiting(10) == [1, 2, 3]
    mine.adopt(other.export(0, 4))
    assert mine.pending() == 0
    np.testing.assert_array_equal(scores(mine), scores(other))


def test_of_a_segment_that_knows_more_rows_only_those_here_are_adopted() -> None:
    cubes = [turn(f"text {n}") for n in range(10)]
    mine = shelf_of(cubes[:4])
    mine.adopt(full(*cubes).export(0, 10))
    mine.adopt(full(*cubes).export(6, 10))
    assert (mine.pending(), mine.seq, len(mine.rows)) == (0, 4, 4)


def test_segments_of_another_model_or_size_are_refused() -> None:
    cubes = [turn("green tea")]
    data = full(*cubes).export(0, 1)
    for shelf in (Shelf("other", DIMENSION), Shelf("m", 16)):
        with pytest.raises(Corrupt, match="another model"):
            shelf.load(data, 1)
    with pytest.raises(Corrupt, match="another model"):
        shelf_of(cubes, "other").adopt(data)
    assert made_by(data, "m", DIMENSION)
    assert not made_by(data, "other", DIMENSION)
    assert not made_by(data, "m", 16)


def test_without_a_model_segments_are_kept_as_they_are_and_emptied_of_what_is_forgotten() -> None:
    cubes = [turn("green tea"), turn("rain", "Ben")]
    blind = Shelf()
    blind.load(full(*cubes).export(0, 2), 2)
    blind.follow([line(3, cubes[1], "forget")])
    again = Shelf("m", DIMENSION)
    again.load(blind.export(0, 3), 3)
    assert scores(again) == pytest.approx([mixed("green tea"), -1], abs=2e-3)


def test_without_a_model_and_without_segments_lines_are_followed() -> None:
    blind = Shelf()
    cubes = [turn(str(n)) for n in range(200)]
    blind.follow([line(seq, cube) for seq, cube in enumerate(cubes, 1)])
    blind.follow([line(201, cubes[7], "forget")])
    assert (blind.pending(), blind.seq) == (199, 201)


def test_an_empty_shelf_answers_nothing() -> None:
    shelf = Shelf("m", DIMENSION)
    assert scores(shelf).shape == (0,)
    assert (shelf.waiting(5), shelf.pending(), shelf.whole) == ([], 0, 0)


def test_bytes_held_grow_with_rows() -> None:
    small, large = (full(*(turn(str(n)) for n in range(count))) for count in (10, 1000))
    assert large.held - small.held > 900 * 2 * DIMENSION
