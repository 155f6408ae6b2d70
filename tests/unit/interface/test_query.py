"""Conditions and words in one line: what is read, what holds, and what is said when it cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memos_mcp.cube import Interval, MemCube, Origin, Plaintext, State
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.conditions import Every, Has, Not, Some, When, holds
from memos_mcp.interface.query import Query, parse, written

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST_YEAR = datetime(2025, 6, 1, tzinfo=UTC)


def cube(text: str = "blood pressure 120 over 80", **given: object) -> MemCube:
    fields: dict[str, object] = {"id": "a", "path": "user/ada/health", "created_at": LAST_YEAR, "updated_at": LAST_YEAR}
    return MemCube.model_validate(fields | {"payload": Plaintext(text=text)} | given)


def does(query: str, memory: MemCube) -> bool:
    where = parse(query, now=NOW).where
    assert where is not None
    return holds(where, memory, NOW)


def test_conditions_and_what_to_rank_by_are_told_apart() -> None:
    query = parse('tag:health AND during:"last year" "blood pressure"', now=NOW)
    assert query == Query(Every((Has("tag", "health"), When("during", "last year"))), ("blood pressure",))
    assert query.text == "blood pressure"


def test_a_question_without_conditions_is_ranked_as_it_is() -> None:
    query = parse("What did Ada say at 10:30 about http://example.com, and why?", now=NOW)
    assert query.where is None
    assert query.text == "What did Ada say at 10:30 about http://example.com, and why?"


def test_and_binds_closer_than_or_and_parentheses_closest() -> None:
    a, b, c = Has("tag", "a"), Has("tag", "b"), Has("tag", "c")
    assert parse("tag:a OR tag:b AND tag:c", now=NOW).where == Some((a, Every((b, c))))
    assert parse("(tag:a OR tag:b) tag:c", now=NOW).where == Every((Some((a, b)), c))
    assert parse("NOT tag:a tag:b", now=NOW).where == Every((Not(a), b))
    assert parse("-tag:a -“b c”", now=NOW).where == Every((Not(a), Not(Has("text", "b c"))))


def test_words_under_or_and_not_are_conditions_and_rank_where_nothing_else_does() -> None:
    query = parse('tag:health (insulin OR "blood sugar") NOT cat', now=NOW)
    sugar = Some((Has("text", "insulin"), Has("text", "blood sugar")))
    assert query == Query(Every((Has("tag", "health"), sugar, Not(Has("text", "cat")))))
    assert query.text == "insulin blood sugar"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tag:HEALTH", True),
        ("tag:heal", False),
        ("kind:fact", True),
        ("kind:EVENT OR state:activated", True),
        ("source:diary.md", True),
        ("from:user", True),
        ("from:web", False),
        ("session:s1", True),
        ("speaker:ada", True),
        ("path:user/ada", True),
        ("path:user/ada/health/", True),
        ("path:user/ad", False),
        ('text:"Blood, pressure"', True),
        ("text:press", False),
        ("during:2025", True),
        ('during:"in June 2025"', True),
        ('during:"last month"', False),
        ('before:"this year"', True),
        ("before:2025-06-01", False),
        ("after:2025-05-31", True),
        ('after:"June 2025"', False),
        ("NOT tag:health", False),
        ("tag:health AND NOT (kind:event OR state:frozen)", True),
    ],
)
def test_a_condition_holds_or_does_not(query: str, expected: bool) -> None:
    origin = Origin(source="diary.md", session="s1", speaker="Ada", said_at=LAST_YEAR)
    memory = cube(tags=("health",), state=State.ACTIVATED, origin=origin)
    assert does(query, memory) is expected


def test_when_a_memory_holds_counts_before_when_it_was_said() -> None:
    spring = Interval(start=datetime(2024, 3, 1, tzinfo=UTC), end=datetime(2024, 6, 1, tzinfo=UTC))
    assert does("during:2024", cube(valid=spring))
    assert not does("during:2025", cube(valid=spring))
    assert does("during:2030", cube(valid=Interval(start=spring.start)))
    assert not does("before:2024-03-01 OR after:2024-05-31", cube(valid=spring))


def test_a_time_that_the_text_names_counts_beside_when_it_was_said() -> None:
    told = cube(text="My blood pressure was 150 over 95 in May 2023.", origin=Origin(said_at=LAST_YEAR))
    assert does("during:2023", told)
    assert does("during:2025", told)
    assert not does("during:2024", told)
    assert does("before:2024-01-01", told)
    assert not does("during:2023", told.model_copy(update={"valid": Interval(start=LAST_YEAR)}))


def test_a_relative_time_moves_on_with_the_years() -> None:
    where = parse('during:"last year"', now=NOW).where
    assert where is not None
    assert holds(where, cube(), NOW)
    assert not holds(where, cube(), NOW + timedelta(days=365))


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("", "the query is empty"),
        ("   ", "the query is empty"),
        ("tea tags:health", "at character 5 of the query: there is no field 'tags'; did you mean 'tag'"),
        ("colour:red", "there are tag, kind, state"),
        ("kind:idea", "'idea' is no kind; it is one of preference, fact"),
        ("state:gone", "'gone' is no state"),
        ("from:radio", "'radio' is no from"),
        ("path:user//ada", "at character 1 of the query"),
        ("during:soonish", "'soonish' is no time; write one such as"),
        ('during:"last year and tomorrow"', "is no time"),
        ('before:"until May 2020"', "nothing is before"),
        ('after:"after May 2020"', "nothing is after"),
        ("(tag:a", "at character 1 of the query: there is a '('"),
        ("tag:a)", "at character 6 of the query: there is a ')'"),
        ("()", "nothing between '(' and ')'"),
        ('tag:"', "a quotation mark is never closed"),
        ('tag:""', "nothing between the quotation marks"),
        ("tag:a OR", "at character 7 of the query: OR stands between two"),
        ("OR tag:a", "OR stands between two"),
        ("tag:a AND", "AND stands between two"),
        ("AND tag:a", "AND stands between two"),
        ("tag:a AND OR tag:b", "AND stands between two"),
        ("NOT", "NOT stands before a condition"),
        ("NOT !!", "'!!' has no word to look for"),
        ("text:?", "'?' has no word to look for"),
        ("NOT " * 40 + "tag:a", "write it flatter"),
        ("(" * 40 + "tag:a" + ")" * 40, "write it flatter"),
        ("tea " * 1001, "at most 4000 are read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place_and_what_to_do(query: str, complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(query, now=NOW)
    assert complaint in str(caught.value)


def test_what_is_written_is_what_was_read() -> None:
    text = 'tag:"my health" AND (kind:fact OR NOT during:"last year") pressure "blood AND sugar" "a \\"b\\" \\\\"'
    query = parse(text, now=NOW)
    assert written(query) == text
    assert query.words == ("pressure", "blood AND sugar", 'a "b" \\')


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("topic:Health", True),
        ("topic:food", False),
        ("topic:teeth", True),
        ("layer:private", True),
        ("layer:global", False),
        ("credibility:high AND sentiment:negative", True),
        ("NOT sentiment:positive", True),
        ("credibility:low", False),
    ],
)
def test_a_query_names_what_is_predicted_of_a_memory(query: str, expected: bool) -> None:
    assert does(query, cube("I hate the dentist.", tags=("teeth",))) is expected


def test_a_topic_that_was_denied_is_not_predicted() -> None:
    assert not does("topic:health", cube("I hate the dentist.", tags=("-health",)))


def test_a_layer_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one of private, shared, global"):
        parse("layer:secret", now=NOW)
