"""Any MemCube survives JSON and the vault."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import (
    Activation,
    Governance,
    Interval,
    Link,
    MemCube,
    MentionedEntity,
    MentionedRelation,
    ModelMentions,
    Origin,
    Parametric,
    Plaintext,
    Ref,
    State,
    Usage,
)
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Caller, Change, Name

words = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
lists = st.lists(words, max_size=3).map(tuple)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
first, last = datetime(2, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001 any zone is added
moments = st.datetimes(first, last, timezones=zones) | st.datetimes(first, last)
times = st.none() | moments
refs = st.builds(Ref, id=names, version=st.none() | st.integers(1, 99))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
payloads = (
    st.builds(Plaintext, text=st.text(max_size=200), data=values)
    | st.builds(Activation, sources=st.lists(refs, max_size=2).map(tuple), fingerprint=words, tokens=st.integers(0, 9))
    | st.builds(
        Parametric,
        sources=st.tuples(refs),
        fingerprint=words,
        rank=st.integers(1, 9),
        blob=words,
        name=words,
        merged=st.tuples(words),
    )
)
origins = st.builds(
    Origin,
    provenance=words,
    source=words,
    session=st.none() | words,
    position=st.none() | st.integers(0, 2**40),
    span=st.none() | st.tuples(st.integers(), st.integers()),
    speaker=st.none() | words,
    said_at=times,
    derived_from=st.lists(refs, max_size=2).map(tuple),
)
governances = st.builds(
    Governance,
    owner=words,
    readers=lists,
    expires_at=times,
    decay=st.none() | st.floats(0, 1),
    priority=st.integers(-10, 10),
    licence=st.none() | words,
)
spans = st.tuples(st.integers(0, 99), st.integers(0, 99))
mentions = st.builds(
    ModelMentions,
    model=words,
    read=st.lists(spans, max_size=2).map(tuple),
    entities=st.lists(
        st.builds(
            MentionedEntity,
            kind=st.sampled_from(["person", "place", "thing"]),
            name=st.none() | spans,
            role=st.none() | spans,
            whose=st.none() | st.integers(0, 9),
            at=st.lists(spans, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    relations=st.lists(
        st.builds(
            MentionedRelation,
            source=st.integers(0, 9),
            kind=st.sampled_from(["likes", "lives-in"]),
            target=st.integers(0, 9),
            sentence=spans,
            detail=st.none() | spans,
            ended=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
)
links = st.builds(Link, kind=st.sampled_from(["follows", "supports", "supersedes"]), target=words)
cubes = st.builds(
    MemCube,
    id=names,
    path=st.lists(names, min_size=1, max_size=3).map("/".join),
    key=st.none() | names,
    meaning=words,
    kind=st.sampled_from(["preference", "fact", "event", "instruction", "skill", "document"]),
    tags=lists,
    links=st.lists(links, max_size=2).map(tuple),
    valid=st.none() | st.builds(Interval, start=times, end=times),
    state=st.sampled_from(State),
    created_at=moments,
    updated_at=moments,
    origin=origins,
    governance=governances,
    usage=st.builds(Usage, sightings=st.integers(0, 9), reads=st.integers(0, 9), last_read_at=times),
    mentions=st.none() | mentions,
    payload=payloads,
)


@given(cubes)
def test_any_cube_survives_json(cube: MemCube) -> None:
    assert MemCube.model_validate_json(cube.model_dump_json()) == cube
    assert MemCube.model_validate(json.loads(json.dumps(cube.model_dump(mode="json")))) == cube


@pytest.mark.claim("4.1-01", "4.1-02")
@settings(max_examples=40)
@given(st.lists(cubes, min_size=1, max_size=5, unique_by=(lambda c: c.id, lambda c: (c.path, c.key, c.id))))
def test_any_cube_survives_the_vault(given_cubes: list[MemCube]) -> None:
    # Of cubes with the same path and key, a vault takes one.
    held = list({(c.path, c.key or c.id): c for c in given_cubes}.values())

    async def through(folder: Path) -> None:
        vault = SqliteAdapter(folder / "memos.db")
        events = await vault.commit(
            [Change("remember", c.id, c.model_copy(update={"version": 1})) for c in held], caller=Caller("ada")
        )
        for cube, event in zip(held, events, strict=True):
            by_the_vault = {"version": 1, "created_at": event.at, "updated_at": event.at, "usage": Usage()}
            expected = cube.model_copy(update=by_the_vault)
            assert await vault.get([cube.ref]) == [expected]
            assert event.cube == expected
            if cube.key is not None:
                assert await vault.get([Name(cube.path, cube.key)]) == [expected]
        assert await vault.events() == events
        await vault.aclose()

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(through, Path(folder))
