from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Origin, Plaintext, Usage
from memos_mcp.operation.context import pack, rendered, tokens

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def cube(text: str, **fields: object) -> MemCube:
    given = {"id": "m1", "path": "user/ada", "created_at": NOW, "updated_at": NOW, "payload": Plaintext(text=text)}
    return MemCube.model_validate(given | fields)


def test_a_memory_is_shown_with_id_date_and_speaker() -> None:
    assert rendered(cube("I moved.", origin=Origin(speaker="Ada", said_at=NOW))) == "[m1] 2026-03-02 Ada: I moved."


def test_a_repeated_statement_says_so() -> None:
    assert rendered(cube("Tea.", usage=Usage(sightings=3))) == "[m1] Tea. (said 3 times)"


def test_a_memory_put_as_data_is_shown_as_json() -> None:
    shown = rendered(cube("", key="profile", payload=Plaintext(data={"tea": "green"})))
    assert shown == '[m1] profile = {"tea": "green"}'


def test_what_has_no_room_is_counted() -> None:
    packed = pack([cube("word " * 100), cube("word " * 100), cube("word " * 100)], 290)
    assert (packed.used, packed.left_out) == (2, 1)


def test_a_memory_longer_than_the_budget_is_cut_at_a_word_and_says_where_the_rest_is() -> None:
    packed = pack([cube("wonderful " * 500)], 100)
    assert packed.text.endswith("wonderful … [cut; memory m1 has all of it]")


@given(st.lists(st.text(max_size=300), max_size=8), st.integers(100, 500))
def test_a_context_never_exceeds_its_budget(texts: list[str], budget: int) -> None:
    packed = pack([cube(text) for text in texts], budget)
    assert tokens(packed.text) <= budget
    assert packed.used + packed.left_out == len(texts)
