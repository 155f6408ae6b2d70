"""Memories of mem0 are kept word for word, with what is known of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.interface.mem0 import is_export
from memos_mcp.interface.parts import Found, LeftOut, Part, Unread
from memos_mcp.interface.reader import drafts_of
from memos_mcp.interface.sources import parts_of_json, parts_of_lines
from tests.things_to_import import IMPORTS

NAME = "mem0.json"


def read(value: object) -> list[Found]:
    return list(parts_of_json(json.dumps(value), NAME))


def parts(found: Iterable[Found]) -> list[Part]:
    return [each for each in found if isinstance(each, Part)]


def texts(found: Iterable[Found]) -> list[str]:
    read = [(p, drafts_of(p.content, Origin(source=NAME, session=p.session))) for p in parts(found)]
    assert all(len(some) == part.texts == 1 for part, some in read)
    return [draft.text for _, some in read for draft in some]


def left_out(found: Iterable[Found]) -> list[str]:
    return [each.what for each in found if isinstance(each, LeftOut)]


def memory(text: str = "Likes tea", **more: JsonValue) -> dict[str, JsonValue]:
    return {"id": "m1", "memory": text, "user_id": "ada", "created_at": "2026-03-02T08:15:00-08:00", **more}


def test_a_memory_has_a_place_for_what_is_known_of_it() -> None:
    (part,) = read([memory(run_id="walk", categories=["food"], metadata={"category": "drinks", "tags": ["x"]})])
    assert part == Part(
        ["Likes tea"],
        1,
        part.share if isinstance(part, Part) else 0,
        session="walk",
        format="mem0",
        source_class="document",
        speaker="ada",
        said_at=datetime(2026, 3, 2, 16, 15, tzinfo=UTC),
        tags=("food", "drinks", "x"),
        entry="m1",
        line=1,
    )


def test_every_shape_of_an_export_is_read() -> None:
    several: list[JsonValue] = [memory("one"), memory("two")]
    for shape in (several, {"results": several}, {"memories": several}, {"count": 2, "next": None, "results": several}):
        assert texts(read(shape)) == ["one", "two"]
    assert texts(read(memory("one"))) == ["one"]
    assert texts(parts_of_lines(lambda: map(json.dumps, several), NAME)) == ["one", "two"]


@pytest.mark.parametrize(
    "text", ["Ada: Hello?\nBen: You!", '[{"role": "user", "content": "x"}]', "# A\n\nb\n\n# C\n\nd", "word " * 1500]
)
def test_a_memory_is_neither_split_nor_read_as_something_else(text: str) -> None:
    assert texts(read([memory(text)])) == [text.strip()]


def test_a_long_memory_keeps_its_key_whatever_stands_around_it() -> None:
    long = memory("word " * 900, id="long")

    def keys(value: JsonValue) -> set[bytes]:
        found = parts(read(value))
        return {d.once for p in found for d in drafts_of(p.content, Origin(source=NAME, session=p.session))}

    assert keys([long]) < keys([memory("one"), long, memory("two")])


def test_who_spoke_is_told_by_the_role() -> None:
    cases: list[tuple[JsonValue, tuple[str, str]]] = [
        ({}, ("ada", "document")),
        ({"role": "user"}, ("ada", "user")),
        ({"role": "assistant"}, ("assistant", "assistant")),
        ({"role": "assistant", "agent_id": "bot"}, ("bot", "assistant")),
        ({"metadata": {"role": "user", "actor_id": "ben"}}, ("ben", "user")),
        ({"user_id": None, "agent_id": "bot"}, ("bot", "document")),
        ({"role": ["user"]}, ("ada", "document")),
    ]
    for more, expected in cases:
        assert isinstance(more, dict)
        (part,) = parts(read([{**memory(), **more}]))
        assert (part.speaker, part.source_class) == expected


def test_what_has_no_place_is_named() -> None:
    found = read([memory(hash="h", score=0.5, updated_at=None, agent_id="bot", metadata={"room": 1}, immutable=False)])
    assert left_out(found) == ["hash", "score", "agent_id", "immutable", "metadata.room"]
    assert left_out(read({"results": [memory()], "count": 1})) == ["count"]
    assert left_out(read([memory(created_at="5/8/2023")])) == ["created_at that is no certain date"]
    assert left_out(read([memory(metadata="loose")])) == ["metadata"]


def test_relations_of_a_graph_are_statements() -> None:
    graph: JsonValue = [{"source": "ada", "relationship": "lives_in", "target": "Oban"}, {"source": "ada"}]
    found = read({"results": [memory()], "relations": graph})
    assert texts(found) == ["Likes tea", "ada lives in Oban"]
    assert left_out(found) == ["relation without both ends and a kind"]


def test_what_was_deleted_there_stays_deleted() -> None:
    found = read([memory("one", event="DELETE"), memory("two", event="ADD")])
    assert texts(found) == ["two"]
    assert left_out(found) == ["memory that was deleted there", "event"]


def test_what_is_no_memory_is_a_fault_of_its_own() -> None:
    found = read({"results": [7, memory(), {"memory": 7}]})
    faults = [each for each in found if isinstance(each, Unread)]
    assert faults == [Unread("results 1 is no memory of mem0", 1), Unread("results 3 is no memory of mem0", 1)]
    for broken in ("", "a\0b"):
        assert [type(each) for each in read([memory(broken)])] == [Unread]


def test_a_backup_of_openmemory_is_read() -> None:
    text = (IMPORTS / "openmemory.json").read_text("utf-8")
    found = list(parts_of_json(text, NAME))
    (part,) = parts(found)
    assert (part.content, part.speaker, part.tags) == (["Writes release notes on Fridays"], "carla", ("work",))
    line: JsonValue = {"id": "1", "content": "Likes tea", "state": "active", "app": None, "categories": ["food"]}
    assert [p.tags for p in parts(parts_of_lines(lambda: [json.dumps(line)], NAME))] == [("food",)]


@pytest.mark.parametrize(
    "value",
    [
        {"memory": "16 GB", "model": "laptop"},
        {"memory": 16, "hash": "x"},
        {"content": "x", "state": "active"},
        {"content": "x", "state": [], "categories": []},
        {"results": [1]},
        {"results": {"memory": "x"}},
        ["memory"],
        "memory",
    ],
)
def test_other_json_is_no_export(value: JsonValue) -> None:
    assert not is_export(value)


def test_the_examples_are_read_whole() -> None:
    assert len(texts(parts_of_json((IMPORTS / "mem0.json").read_text("utf-8"), NAME))) == 5
    lines = (IMPORTS / "mem0.jsonl").read_text("utf-8").split("\n")
    assert len(texts(parts_of_lines(lambda: lines, NAME))) == 2
