from __future__ import annotations

import pytest
from pydantic import JsonValue

from memos_mcp.interface.differences import Piece, compact, differences
from memos_mcp.interface.merging import ABSENT, Conflict3, DataConflict, Merged, MergedData, merged, merged_data

PLAN = "Roof: repaired in May.\nTent: borrowed from Ben.\n\nSoup: Carla cooks it for twenty people."


def test_changes_of_different_lines_go_together() -> None:
    ours = PLAN.replace("May", "June")
    theirs = PLAN + "\nMusic: Ines plays."
    assert merged(PLAN, ours, theirs) == Merged(ours + "\nMusic: Ines plays.")


def test_changes_of_different_words_of_a_line_go_together() -> None:
    base = "Ada lives in Porto and works in Leeds."
    ours = "Ada lives in Bergen and works in Leeds."
    theirs = "Ada lives in Porto and works in Tartu."
    assert merged(base, ours, theirs).text == "Ada lives in Bergen and works in Tartu."


def test_changes_of_lines_that_touch_go_together_if_words_stayed_between_them() -> None:
    ours = PLAN.replace("Roof: repaired", "Roof: mended")
    theirs = PLAN.replace("from Ben", "from Omar")
    assert merged(PLAN, ours, theirs).text == ours.replace("from Ben", "from Omar")


def test_two_new_readings_of_the_same_words_are_a_conflict() -> None:
    found = merged(PLAN, PLAN.replace("Ben", "Omar"), PLAN.replace("Ben", "Liam"))
    assert found.text is None
    assert found.conflicts == (
        Conflict3("Tent: borrowed from Ben.", "Tent: borrowed from Omar.", "Tent: borrowed from Liam.", line=2),
    )


def test_words_side_by_side_that_both_changed_are_a_conflict() -> None:
    base = "Every morning Ada drinks green tea in the garden."
    assert merged(base, base.replace("green", "black"), base.replace("tea", "coffee")).conflicts


def test_a_line_that_one_side_wrote_anew_and_the_other_changed_is_a_conflict() -> None:
    base = "The tent is borrowed from Ben until Sunday."
    theirs = base.replace("Sunday", "Monday")
    assert merged(base, "We buy a tent; Ben needs his own on Sunday.", theirs).conflicts


def test_a_line_that_one_side_removed_and_the_other_changed_is_a_conflict() -> None:
    found = merged("one\ntwo\nthree", "one\nthree", "one\n2\nthree")
    assert found.conflicts == (Conflict3("two", "", "2", line=2),)


def test_different_lines_added_at_the_same_place_are_a_conflict_and_the_same_one_is_added_once() -> None:
    assert merged("one", "one\ntwo", "one\nthree").conflicts == (Conflict3("", "two", "three", line=2),)
    assert merged("one", "one\ntwo", "one\ntwo").text == "one\ntwo"


def test_every_conflict_is_returned() -> None:
    base = "\n".join("abcdefg")
    found = merged(base, base.replace("b", "1").replace("f", "2"), base.replace("b", "3").replace("f", "4"))
    assert [each.line for each in found.conflicts] == [2, 6]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "value"),
    [
        ({"a": 1, "b": 2}, {"a": 9, "b": 2}, {"a": 1, "c": 3}, {"a": 9, "c": 3}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "y": 1}}, {"a": {"x": 1, "y": 3}}, {"a": {"x": 2, "y": 3}}),
        ({}, {"a": {"x": 1}}, {"a": {"y": 1}}, {"a": {"x": 1, "y": 1}}),
        ([1], [1, 2], [1, 3], [1, 2, 3]),
        ([1], [1, 2, 3], [1, 2, 4], [1, 2, 3, 4]),
        ({"a": 1}, {"a": 1.5}, {"a": 1}, {"a": 1.5}),
        (None, None, "tea", "tea"),
        ({"a": 1}, {}, {"a": 1, "b": None}, {"b": None}),
    ],
)
def test_data_is_merged_field_by_field(base: JsonValue, ours: JsonValue, theirs: JsonValue, value: JsonValue) -> None:
    assert merged_data(base, ours, theirs) == MergedData(value)


def test_fields_that_both_changed_are_conflicts_at_their_place() -> None:
    found = merged_data({"a": {"b/c": 1}, "d": 1, "e": 0}, {"a": {"b/c": 2}, "e": 1}, {"a": {"b/c": 3}, "d": 2, "e": 1})
    assert found.conflicts == (DataConflict("/a/b~1c", 1, 2, 3), DataConflict("/d", 1, ABSENT, 2))
    assert found.value == {"a": {"b/c": 1}, "d": 1, "e": 1}


def test_lists_that_are_not_only_longer_are_values() -> None:
    assert merged_data([1, 2], [1, 3], [1, 2, 4]).conflicts == (DataConflict("", [1, 2], [1, 3], [1, 2, 4]),)


def test_true_is_not_one() -> None:
    assert merged_data({"a": 1}, {"a": True}, {"a": 1}).value == {"a": True}
    assert merged_data({"a": 1}, {"a": True}, {"a": 2}).conflicts


def test_differences_are_shown_word_by_word() -> None:
    pieces = differences("Ada likes green tea.\nBen too.", "Ada likes black tea.\nBen too.")
    assert pieces == (
        Piece("same", "Ada likes "),
        Piece("removed", "green"),
        Piece("added", "black"),
        Piece("same", " tea.\nBen too."),
    )
    assert compact(pieces) == "Ada likes [-green-]{+black+} tea.\nBen too."


def test_changes_of_neighbouring_words_are_one_change() -> None:
    pieces = differences("drinks green tea now", "drinks black coffee now")
    assert compact(pieces) == "drinks [-green tea-]{+black coffee+} now"


def test_long_stretches_that_stayed_are_shortened() -> None:
    long = "word " * 100
    assert compact(differences(f"{long}old {long}", f"{long}new {long}")) == (
        "…ord word word word word [-old-]{+new+} word word word word wor…"
    )
    assert compact(differences("same", "same")) == ""


def test_texts_of_many_equal_lines_are_merged_in_time() -> None:
    base = "\n" * 20_000
    assert merged(base, f"x{base}y", f"{base}\nz").conflicts


def test_texts_of_many_words_on_one_line_are_compared_in_time() -> None:
    old, new = " ".join(map(str, range(9000))), " ".join(map(str, range(1, 9001)))
    assert [piece.kind for piece in differences(old, new)] == ["removed", "added"]
    assert merged(old, new, old + " more").conflicts
