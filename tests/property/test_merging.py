"""What a merge promises for any three texts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.interface.differences import compact, differences
from memos_mcp.interface.merging import MergedData, merged, merged_data

WORDS = st.sampled_from(["tea", "Ada", "Ben", "likes", "green", "black", "not", "the", "in", "Porto", ",", ""])
LINES = st.lists(WORDS, max_size=7).map(" ".join)
TEXTS = st.one_of(st.lists(LINES, max_size=8).map("\n".join), st.text(max_size=40), st.text("ab \n", max_size=20))
NUMBERED = [f"line {n}" for n in range(12)]
CHOSEN = st.sets(st.sampled_from(NUMBERED), max_size=6)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.sampled_from([None, True, 0, 1, 1.0, "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(TEXTS, TEXTS)
def test_an_unchanged_side_gives_way_and_what_both_did_is_done_once(base: str, changed: str) -> None:
    assert merged(base, base, changed).text == changed
    assert merged(base, changed, base).text == changed
    assert merged(base, changed, changed).text == changed


@given(TEXTS, TEXTS, TEXTS)
def test_it_makes_no_difference_which_side_is_which(base: str, ours: str, theirs: str) -> None:
    one, other = merged(base, ours, theirs), merged(base, theirs, ours)
    assert one.text == other.text
    assert [(c.base, c.ours, c.theirs, c.line) for c in one.conflicts] == [
        (c.base, c.theirs, c.ours, c.line) for c in other.conflicts
    ]
    assert (one.text is None) == bool(one.conflicts)


@given(TEXTS, TEXTS, TEXTS)
def test_no_word_that_a_side_added_is_lost(base: str, ours: str, theirs: str) -> None:
    found = merged(base, ours, theirs)
    if found.text is not None:
        counted = Counter(found.text.split())
        for side in (ours, theirs):
            assert not (Counter(side.split()) - Counter(base.split())) - counted
        assert not counted - Counter(ours.split()) - Counter(theirs.split())


@given(TEXTS, TEXTS, TEXTS)
def test_conflicts_quote_the_three_texts(base: str, ours: str, theirs: str) -> None:
    for conflict in merged(base, ours, theirs).conflicts:
        assert conflict.base in base
        assert conflict.ours in ours
        assert conflict.theirs in theirs
        assert "\n".join(base.split("\n")[conflict.line - 1 :]).startswith(conflict.base)


@given(CHOSEN, CHOSEN, CHOSEN, CHOSEN)
def test_a_line_is_gone_only_if_a_side_removed_it_and_new_only_if_a_side_added_it(
    first: set[str], second: set[str], ours_new: set[str], theirs_new: set[str]
) -> None:
    base = NUMBERED
    ours = [line for line in base if line not in first] + sorted(f"our {line}" for line in ours_new)
    theirs = sorted(f"their {line}" for line in theirs_new) + [line for line in base if line not in second]
    found = merged("\n".join(base), "\n".join(ours), "\n".join(theirs))
    if found.text is not None:
        lines = found.text.split("\n")
        assert set(base) - set(lines) <= first | second
        assert {line for line in (*ours, *theirs) if line not in base} <= set(lines) | {""}
    else:
        in_conflict = {line for c in found.conflicts for side in (c.ours, c.theirs) for line in side.split("\n")}
        assert in_conflict


@given(values, values, values)
def test_data_is_merged_alike(base: JsonValue, ours: JsonValue, theirs: JsonValue) -> None:
    assert merged_data(base, base, ours) == MergedData(ours)
    assert merged_data(base, ours, base) == MergedData(ours)
    assert merged_data(base, ours, ours) == MergedData(ours)
    one, other = merged_data(base, ours, theirs), merged_data(base, theirs, ours)
    assert {(c.at, repr(c.ours), repr(c.theirs)) for c in one.conflicts} == {
        (c.at, repr(c.theirs), repr(c.ours)) for c in other.conflicts
    }


@given(TEXTS, TEXTS)
def test_differences_make_up_both_texts(old: str, new: str) -> None:
    pieces = differences(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == new
    assert all(piece.text for piece in pieces)
    kinds = [piece.kind for piece in pieces]
    assert all(one != other for one, other in pairwise(kinds))
    assert (old == new) == (set(kinds) <= {"same"})
    compact(pieces)
