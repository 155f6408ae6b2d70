"""Words as signs: near to the cosine, the rare ones counting more, and kept for each row until it is erased."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memos_mcp.infrastructure.wordwise import WordStore, asked, codes_of, met, nearest, width

DIMENSION = 384
Rows = NDArray[np.float32]


def some(count: int, seed: int = 0, dimension: int = DIMENSION) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def beside(row: Rows, cosine: float) -> Rows:
    """A word of this cosine with another."""
    other = some(1, seed=99)[0]
    other -= (other @ row) * row
    return np.asarray(cosine * row + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other), np.float32)


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.3, 0.7, 1.0])
def test_signs_tell_the_cosine_within_a_few_hundredths(cosine: float) -> None:
    words = some(20)
    question = asked([(words, 1.0)])
    assert question is not None
    codes = codes_of(np.stack([beside(word, cosine) for word in words]))
    told = nearest(question, codes, range(20)).diagonal()
    assert float(told.mean()) == pytest.approx(cosine, abs=0.03)
    assert np.abs(told - cosine).max() < 0.15


def test_a_word_takes_a_bit_for_each_dimension() -> None:
    assert codes_of(some(7)).nbytes == 7 * width(DIMENSION) == 7 * 48
    assert (width(3), codes_of(some(2, dimension=3)).shape) == (1, (2, 1))


def test_of_a_memory_the_word_nearest_to_each_word_of_the_question_counts() -> None:
    one, two, three = some(3)
    question = asked([(np.stack([one, two]), 1.0)])
    assert question is not None
    codes = codes_of(np.stack([one, three, two, one]))
    near = nearest(question, codes, [0, 2])
    assert near == pytest.approx(np.array([[1, 0], [1, 1]]), abs=0.15)
    both, half = met(question, near[::-1])
    assert both > half


def test_a_word_that_every_memory_has_counts_less_than_one_that_few_have() -> None:
    question = asked([(some(2), 1.0)])
    assert question is not None
    common, rare = [1.0, 0.0], [0.0, 1.0]
    found = met(question, np.array([common] * 9 + [rare], np.float32))
    assert found[9] > 2 * found[0]


def test_probes_count_by_their_weights_however_many_words_they_have() -> None:
    words = some(4)
    question = asked([(words[:3], 1.0), (words[3:], 3.0)])
    assert question is not None
    first, second = met(question, np.array([[1, 1, 1, 0], [0, 0, 0, 1]], np.float32))
    assert (first, second) == (pytest.approx(0.25), pytest.approx(0.75))


def test_a_question_without_words_asks_nothing() -> None:
    assert asked([]) is None
    assert asked([(np.zeros((0, DIMENSION), np.float32), 1.0)]) is None


STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=40)


@given(steps=STEPS, cut=st.integers(0, 10))
def test_each_row_keeps_its_words_until_it_is_erased_also_over_segments(steps: list[tuple[int, int]], cut: int) -> None:
    store, expected = WordStore(16), dict[int, bytes]()
    store.grow(10)
    for seed, (row, count) in enumerate(steps):
        if row in expected:
            store.erase(row)
            del expected[row]
        else:
            codes = codes_of(some(count, seed, 16))
            store.put(row, codes)
            expected[row] = codes.tobytes()
    again = WordStore(16)
    again.grow(10)
    for first, last in ((0, cut), (cut, 10)):
        again.load(first, *store.export(first, last))
    for each in (store, again):
        found = {row: each.export(row, row + 1)[1].tobytes() for row in range(10)}
        assert found == {row: expected.get(row, b"") for row in range(10)}
        assert each.size(0, 10) == sum(map(len, expected.values()))
