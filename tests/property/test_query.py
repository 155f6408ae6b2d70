"""What the query language promises for any query and any memories."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from memos_mcp.cube import Interval, Kind, MemCube, Origin, Plaintext, State
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.conditions import Condition, Every, Field, Has, Not, Some, When, holds
from memos_mcp.interface.query import Query, parse, written
from memos_mcp.interface.sifting import wordless

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# What these words mean today, worked out by hand.
MEANT = {
    "last year": (instant("2025-01-01"), instant("2026-01-01")),
    "May 2024": (instant("2024-05-01"), instant("2024-06-01")),
    "yesterday": (instant("2026-03-01"), instant("2026-03-02")),
    "2024-05-31": (instant("2024-05-31"), instant("2024-06-01")),
}
MOMENTS = st.sampled_from(sorted({day for both in MEANT.values() for day in both} | {instant("2024-05-31T18:30:00")}))
TAGS = ("health", "my work", 'odd "one" \\', "(x)", "AND", "a:b", "“curly”", "Émile")
TEXTS = ("tea", "green tea", "tea green", "NOT", "tag:x", "don't", "ß")
PATHS = ("user/ada", "user/ada/work", "shared/team", "global")
KINDS: tuple[Kind, ...] = ("fact", "event")
STATES = (State.ACTIVATED, State.FROZEN)


def of(field: Field, values: tuple[str, ...]) -> st.SearchStrategy[Condition]:
    return st.sampled_from(values).map(lambda value: Has(field, value))


LEAVES: st.SearchStrategy[Condition] = st.one_of(
    of("tag", TAGS),
    of("text", TEXTS),
    of("path", PATHS),
    of("kind", KINDS),
    of("state", STATES),
    of("session", ("s 1", "s2")),
    st.builds(When, st.sampled_from(("during", "before", "after")), st.sampled_from(sorted(MEANT))),
)


def every(parts: list[Condition]) -> Condition:
    return Every(tuple(each for part in parts for each in (part.of if isinstance(part, Every) else (part,))))


def some(parts: list[Condition]) -> Condition:
    return Some(tuple(each for part in parts for each in (part.of if isinstance(part, Some) else (part,))))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(inner.map(Not), parts.map(every), parts.map(some))


CONDITIONS = st.recursive(LEAVES, joined, max_leaves=8)
ORIGINS = st.builds(Origin, session=st.sampled_from((None, "s 1", "s2")), said_at=MOMENTS)
VALID = st.sets(MOMENTS, min_size=2, max_size=2).map(lambda both: Interval(start=min(both), end=max(both)))
CUBES = st.builds(
    MemCube,
    id=st.just("a"),
    path=st.sampled_from(PATHS),
    tags=st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
    kind=st.sampled_from(KINDS),
    state=st.sampled_from(STATES),
    origin=ORIGINS,
    valid=st.none() | VALID,
    created_at=st.just(NOW),
    updated_at=st.just(NOW),
    payload=st.lists(st.sampled_from(TEXTS), max_size=3).map(lambda words: Plaintext(text=" ".join(words))),
)
WORDS = st.one_of(st.sampled_from((*TAGS, *TEXTS, "-", "-tag:x", "OR")), st.text(min_size=1, max_size=8)).filter(
    lambda word: bool(word.strip())
)


@given(st.none() | CONDITIONS, st.lists(WORDS, max_size=4).map(tuple))
@example(Every((Has("topic", "(x)"), Has("layer", "private"), Has("credibility", "low"))), ("tea",))
@example(Some((Has("topic", "health"), Not(Has("sentiment", "negative")))), ())
def test_a_query_that_is_written_is_read_back_as_the_same(where: Condition | None, words: tuple[str, ...]) -> None:
    query = Query(where, words)
    if where is not None or words:
        assert parse(written(query), now=NOW) == query


@given(st.one_of(st.text(max_size=60), st.lists(WORDS | st.sampled_from("()"), max_size=8).map(" ".join)))
@example('-"')
@example("tag:“a”b")
def test_any_text_is_read_or_refused_and_reading_settles_it(text: str) -> None:
    try:
        query = parse(text, now=NOW)
    except InvalidInput:
        return
    assert parse(written(query), now=NOW) == query


@given(CONDITIONS, st.lists(CUBES, min_size=1, max_size=5))
def test_a_condition_picks_the_memories_that_sets_would(where: Condition, cubes: list[MemCube]) -> None:
    kept = {n for n, cube in enumerate(cubes) if holds(where, cube, NOW)}
    assert kept == chosen(where, cubes)


def chosen(where: Condition, cubes: list[MemCube]) -> set[int]:
    """The naive model: sets of numbers, joined and taken away."""
    if isinstance(where, Has):
        return {n for n, cube in enumerate(cubes) if plain(where, cube)}
    if isinstance(where, When):
        return {n for n, cube in enumerate(cubes) if timely(where, cube)}
    if isinstance(where, Not):
        return set(range(len(cubes))) - chosen(where.of, cubes)
    sets = [chosen(each, cubes) for each in where.of]
    return set[int].intersection(*sets) if isinstance(where, Every) else set[int].union(*sets)


def plain(where: Has, cube: MemCube) -> bool:
    match where.field:
        case "tag":
            return where.value in cube.tags
        case "path":
            return f"{cube.path}/".startswith(f"{where.value}/")
        case "text":
            said = cube.text.lower().replace("tag:x", "tag x").replace("'", " ").replace("ß", "ss").split()
            wanted = where.value.lower().replace("tag:x", "tag x").replace("'", " ").replace("ß", "ss").split()
            return any(said[i : i + len(wanted)] == wanted for i in range(len(said)))
        case "kind":
            return cube.kind == where.value
        case "state":
            return cube.state.value == where.value
        case _:
            return cube.origin.session == where.value


def timely(where: When, cube: MemCube) -> bool:
    """Is there a moment, of all that could matter, that is the memory's and the condition's?"""
    start, end = MEANT[where.words]
    said = cube.origin.said_at
    assert said is not None
    edges = (start, end, said, *((cube.valid.start, cube.valid.end) if cube.valid else ()))
    for moment in filter(None, edges):
        is_its = moment == said
        if cube.valid and cube.valid.start and cube.valid.end:
            is_its = cube.valid.start <= moment < cube.valid.end
        is_meant = {"during": start <= moment < end, "before": moment < start, "after": moment >= end}[where.side]
        if is_its and is_meant:
            return True
    return False


@given(condition=CONDITIONS, cube=CUBES)
def test_what_is_left_of_a_condition_without_its_words_holds_of_all_that_it_holds_of(
    condition: Condition, cube: MemCube
) -> None:
    left = wordless(condition)
    assert left is None or "text:" not in written(Query(left))
    assert left is None or not holds(condition, cube, NOW) or holds(left, cube, NOW)
