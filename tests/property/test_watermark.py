"""Marking any text changes nothing that is read, and is the same done twice."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.interface.carriers import places
from memos_mcp.interface.watermark import attributed, marked

KEY = b"a key of thirty-two random bytes"
PIECES = st.sampled_from(
    "don't don’t it's \"so\" “so” ( ) - – — , . 12 3.5 `code` ``` ~~~ | # > - * **so** {a} <b> $x$ https://x.org/a b's"
    " \u200b \u2060 \u2005 \u00a0 \u200d é e\u0301 ß ﬁ 字 א ع \u0661 a I".split(" ")
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=40).map(" ".join),
    st.lists(st.one_of(PIECES, st.sampled_from([" ", "\n", "\t", "\u2005"])), max_size=60).map("".join),
)
ALIKE = str.maketrans({"’": "'", "“": '"', "”": '"', "—": "–", "\u2005": " ", "\u200b": "", "\u2060": ""})


@given(TEXTS)
def test_what_is_read_stays(text: str) -> None:
    assert marked(text, KEY, "ada").translate(ALIKE) == text.translate(ALIKE)


@given(TEXTS)
def test_marking_twice_is_marking_once_and_every_place_agrees(text: str) -> None:
    once = marked(text, KEY, "ada")
    assert marked(once, KEY, "ada") == once
    assert marked(marked(text, KEY, "ben"), KEY, "ada") == once
    assert [p.known_by for p in places(once)] == [p.known_by for p in places(text)]
    attributed(once, KEY, ["ada", "ben"])


@given(TEXTS)
def test_places_lie_in_the_text_in_order_and_apart(text: str) -> None:
    for channel in ("zero-width", "spaces"):
        spans = [(p.start, p.end) for p in places(text) if p.channel == channel]
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert all(left[1] <= right[0] for left, right in pairwise(spans))
