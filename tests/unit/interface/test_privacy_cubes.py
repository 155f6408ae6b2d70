"""Marks in all words of a memory and of a JSON value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import MemCube, Origin, Plaintext
from memos_mcp.interface.privacy import recognisers
from memos_mcp.interface.privacy_cubes import marked_cube, marked_origin, marked_value
from memos_mcp.testing import a_cube

LOOK = recognisers(library=False).found
MAIL, PHONE, PART = "ines.lobo@stmary.pt", "+351 21 555 0142", "5698"

words = st.sampled_from(
    ("tea", "ferry", MAIL, f"call {PHONE}", "[EMAIL]", "phone", f"GB82 WEST 1234 {PART} 7654 32", "")
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False)).filter(lambda number: PART not in repr(number))
values = st.recursive(
    st.one_of(words, numbers, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=8,
)


def marks(value: JsonValue, *, names: bool = True) -> JsonValue:
    return marked_value(value, LOOK, names=names)[0]


def test_the_name_of_a_field_says_what_its_number_is() -> None:
    assert marks({"phone": 6175550114}) == {"phone": "[PHONE]"}
    assert marks({"order": 6175550114}) == {"order": 6175550114}
    assert marks({"order": 7, "price": 2.5, "paid": True, "by": None}) == {
        "order": 7,
        "price": 2.5,
        "paid": True,
        "by": None,
    }


def test_two_names_that_look_alike_are_told_apart() -> None:
    assert marks({MAIL: 1, "bo@stmary.pt": 2, "[EMAIL]": 3}) == {"[EMAIL]": 1, "[EMAIL] (2)": 2, "[EMAIL] (3)": 3}


def test_names_and_numbers_stay_where_the_form_counts() -> None:
    said: JsonValue = [{"role": "user", "content": f"Write to {MAIL}.", MAIL: 4111111111111111}]
    assert marked_value(said, LOOK) == ([{"role": "user", "content": "Write to [EMAIL].", MAIL: 4111111111111111}], 1)


def test_values_in_different_places_are_not_taken_for_one() -> None:
    assert marks(["4111 1111", "1111 1111"]) == ["4111 1111", "1111 1111"]


def test_what_is_known_in_one_place_is_marked_in_all() -> None:
    cube = a_cube("Her phone: 21 555 0142").model_copy(
        update={"tags": ("21 555 0142",), "meaning": "21 555 0142", "payload": Plaintext(text="Her phone: 21 555 0142")}
    )
    seen = marked_cube(cube, LOOK)
    assert (seen.text, seen.tags, seen.meaning) == ("Her phone: [PHONE]", ("[PHONE]",), "[PHONE]")
    assert seen.hidden == ("PHONE",)


def test_a_memory_that_holds_nothing_is_left_as_it_is() -> None:
    cube = a_cube("Ada likes green tea")
    assert marked_cube(cube, LOOK) is cube
    assert marked_origin(cube.origin, LOOK) is cube.origin


@given(text=words, tags=st.lists(words.filter(bool), max_size=2).map(tuple), data=values, source=words)
def test_marks_are_marked_no_more_and_no_value_is_left(
    text: str, tags: tuple[str, ...], data: JsonValue, source: str
) -> None:
    cube = a_cube(tags=tags, payload=Plaintext(text=text, data=data), origin=Origin(source=source))
    seen: MemCube = marked_cube(cube, LOOK)
    assert marked_cube(seen, LOOK) == seen
    for value in (MAIL, PHONE, PART):
        assert value not in repr(seen)


@pytest.mark.parametrize("deep", [100])
def test_a_deep_value_is_looked_through(deep: int) -> None:
    value: JsonValue = MAIL
    for _ in range(deep):
        value = [value]
    assert "lobo" not in repr(marks(value))
