"""The same memories in the same order are the same prefix; others are another one."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.activation import Source
from memos_mcp.cube import Ref
from memos_mcp.infrastructure.activation.prompts import Template, defused, told, version_of

CHAT = Template("<s>", "</s><u>", "</u><a>")
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
REFS = st.builds(Ref, id=st.sampled_from("abcdef"), version=st.integers(1, 3))
SOURCES = st.lists(
    st.builds(Source, REFS, st.text(max_size=20), MOMENTS),
    min_size=1,
    max_size=8,
    unique_by=lambda each: (each.ref.id, each.ref.version),
)


@given(SOURCES, SOURCES)
def test_versions_are_equal_only_for_equal_memories_in_one_order(one: list[Source], other: list[Source]) -> None:
    first, second = ([(each.ref, each.text) for each in some] for some in (one, other))
    versions = [version_of("m", CHAT, "Known:", some) for some in (one, other)]
    assert (versions[0] == versions[1]) == (first == second)


@given(SOURCES)
def test_every_memory_is_told_in_a_piece_of_its_own(sources: list[Source]) -> None:
    pieces = told("Known:", sources)
    assert len(pieces) == len(sources) + 1
    assert all(piece.endswith("\n") for piece in pieces[:-1])
    for piece, source in zip(pieces[1:], sources, strict=True):
        assert source.text.strip() in piece


@given(st.text(alphabet="<|>[]/as ", max_size=30))
def test_nothing_that_was_defused_holds_a_mark_and_it_is_defused_once(text: str) -> None:
    tame = defused(text)
    assert not any(mark in tame for mark in ("<|", "</", "<s", "[a", "[/"))
    assert defused(tame) == tame
    assert tame.replace("\u200b", "") == text
