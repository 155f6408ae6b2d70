import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.activation.budget import Budget, Held

THREE = (Held("old", 10, 1), Held("pinned", 10, 0, pinned=True), Held("new", 10, 2))

helds = st.lists(
    st.builds(Held, st.text(max_size=2), st.integers(0, 50), st.integers(0, 5), st.booleans()),
    unique_by=lambda held: held.name,
)


def test_what_was_used_longest_ago_leaves_first_and_what_is_pinned_never() -> None:
    room = Budget("the disk", 35, THREE)
    assert room.leaving(5) == ()
    assert room.leaving(6) == ("old",)
    assert room.leaving(20) == ("old", "new")
    assert room.used("old", 9).leaving(6) == ("new",)
    assert room.pinned("old", on=True).leaving(6) == ("new",)


def test_what_does_not_fit_beside_the_pinned_is_refused_with_the_figures() -> None:
    with pytest.raises(Unavailable, match=r"26 bytes do not fit the disk: the budget is 35 .* hold 10; unpin some"):
        Budget("the disk", 35, THREE).leaving(26)


def test_another_of_the_same_name_takes_its_place() -> None:
    assert Budget("the disk", 35, THREE).having(Held("old", 4, 3)).size == 24


@given(helds, st.integers(0, 200), st.integers(0, 60))
def test_after_those_leave_there_is_room_and_none_left_in_vain(held: list[Held], limit: int, coming: int) -> None:
    room = Budget("the disk", limit, tuple(held))
    try:
        gone = room.leaving(coming)
    except Unavailable:
        assert sum(each.size for each in held if each.pinned) + coming > limit
        return
    by_name = {each.name: each for each in held}
    assert room.without(gone).size + coming <= limit
    assert not any(by_name[name].pinned for name in gone)
    if gone:
        assert room.without(gone[:-1]).size + coming > limit
    stayed = [each.used for each in held if not each.pinned and each.name not in gone]
    assert all(by_name[name].used <= used for name in gone for used in stayed)
