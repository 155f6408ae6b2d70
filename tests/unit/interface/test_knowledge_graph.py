"""Entities, observations and relations of `server-memory` become statements that stand alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.interface.knowledge_graph import graph_parts, is_graph, sentence
from memos_mcp.interface.parts import Found, LeftOut, Part, Unread
from memos_mcp.interface.reader import drafts_of
from memos_mcp.interface.sources import parts_of_json, parts_of_lines
from tests.things_to_import import IMPORTS

NAME = "memory.jsonl"


def lines(*values: JsonValue) -> list[Found]:
    return list(parts_of_lines(lambda: [json.dumps(each) for each in values], NAME))


def entity(name: str, *observations: JsonValue, kind: str = "person") -> dict[str, JsonValue]:
    return {"type": "entity", "name": name, "entityType": kind, "observations": list(observations)}


def relation(one: str, kind: str, other: str) -> dict[str, JsonValue]:
    return {"type": "relation", "from": one, "to": other, "relationType": kind}


def said(found: Iterable[Found]) -> list[tuple[str, tuple[str, ...]]]:
    """Each text with its tags, as it would be stored."""
    parts = [part for part in found if isinstance(part, Part)]
    for part in parts:
        assert (part.format, part.source_class) == ("knowledge graph", "document")
    drafts = [(drafts_of(p.content, Origin(source=NAME, session=p.session)), p) for p in parts]
    assert all(len(some) == part.texts for some, part in drafts)
    return [(draft.text, part.tags) for some, part in drafts for draft in some]


def test_each_observation_is_a_statement_about_its_entity() -> None:
    found = lines(entity("Ada", "Speaks Portuguese", "Ada likes tea", "ADA's cat is called Rum", "Adamant about tea"))
    assert said(found) == [
        ("Ada: Speaks Portuguese", ("person",)),
        ("Ada likes tea", ("person",)),
        ("ADA's cat is called Rum", ("person",)),
        ("Ada: Adamant about tea", ("person",)),
    ]
    (part,) = found
    assert isinstance(part, Part)
    assert (part.entry, part.line, part.share) == ("Ada", 1, 1.0)


def test_a_name_with_underscores_is_the_same_name_with_spaces() -> None:
    assert said(lines(entity("Ada_Okafor", "Ada Okafor sings"))) == [("Ada Okafor sings", ("person",))]


def test_a_relation_is_a_sentence_with_the_types_of_its_ends() -> None:
    found = lines(entity("Ada"), relation("Ada", "works_at", "Acme"), entity("Acme", "Makes rope", kind="company"))
    assert said(found)[1] == ("Ada works at Acme", ("works_at", "person", "company"))


@pytest.mark.parametrize("kind", ["works_at", "worksAt", "WORKS_AT", "works-at", "works at"])
def test_relations_are_read_however_they_are_written(kind: str) -> None:
    assert sentence("Ada", kind, "Acme") == "Ada works at Acme"


def test_a_relation_to_what_the_file_does_not_hold_is_kept_and_named() -> None:
    found = lines(entity("Ada", "Sings"), relation("Ada", "knows", "Zoe"), relation("Ada", "knows", "Ada"))
    assert said(found)[1:] == [("Ada knows Zoe", ("knows",)), ("Ada knows Ada", ("knows", "person"))]
    (left,) = [each for each in found if isinstance(each, LeftOut)]
    assert left.what.startswith("end of a relation that is no entity of the file")


def test_an_entity_without_observations_says_what_it_is() -> None:
    assert said(lines(entity("Harbour", kind="place"))) == [("Harbour: place", ("place",))]
    assert lines(entity("Harbour", kind="")) == [LeftOut("entity without a type or an observation")]


def test_an_entity_that_stands_twice_says_both() -> None:
    found = lines(entity("Ada", "Sings"), entity("Ada", "Sings", "Dances", kind="dancer"))
    assert [text for text, _ in said(found)] == ["Ada: Sings", "Ada: Sings", "Ada: Dances"]


def test_a_long_observation_stays_one_memory() -> None:
    long = "walked on and on. " * 200
    ((text, _),) = said(lines(entity("Ada", long)))
    assert text == f"Ada: {long.strip()}"
    titled = "one\n\n# two\n\nthree"
    assert said(lines(entity("Ada", titled))) == [(f"Ada: {titled}", ("person",))]


def test_every_piece_of_an_endless_observation_names_its_entity() -> None:
    pieces = said(lines(entity("Ada", "walked on and on. " * 1000)))
    assert len(pieces) > 10
    assert all(text.startswith("Ada: ") for text, _ in pieces)


def test_what_has_no_place_is_named() -> None:
    found = lines(
        entity("Ada", "Sings", 7, {"content": "Dances", "confidence": 0.9}) | {"importance": 1, "notes": ""},
        relation("Ada", "knows", "Ada") | {"since": 2020},
    )
    assert [text for text, _ in said(found)] == ["Ada: Sings", "Ada: Dances", "Ada knows Ada"]
    assert [each.what for each in found if isinstance(each, LeftOut)] == [
        "observation that is no text",
        "observation.confidence",
        "importance",
        "since",
    ]


def test_what_is_broken_is_named_with_its_line_and_the_rest_is_read() -> None:
    broken: list[JsonValue] = [entity(" ", "x"), relation("Ada", "", "Acme"), relation("Ada", "knows", "Ada"), 7]
    broken.append(entity("x" * 257, "Sings"))
    found = lines(entity("Ada", "Sings", "a\0b", "\ud800"), *broken, {"x": 1})
    assert len(said(found)) == 2
    assert [each.line for each in found if isinstance(each, Unread)] == [1, 1, 2, 3, 5, 6, 7]


def test_the_answer_of_read_graph_is_read_too() -> None:
    graph: JsonValue = {
        "entities": [{"name": "Ada", "entityType": "person", "observations": ["Sings"]}, 7],
        "relations": [{"from": "Ada", "to": "Ada", "relationType": "knows"}],
        "version": 2,
    }
    found = list(parts_of_json(json.dumps(graph), "graph.json"))
    assert said(found) == [("Ada: Sings", ("person",)), ("Ada knows Ada", ("knows", "person"))]
    assert [type(each) for each in found] == [Part, Unread, Part, LeftOut]


@pytest.mark.parametrize(
    "value", [{}, {"name": "x"}, {"type": "entity"}, {"entities": [], "relations": []}, {"entities": 1}, [1], "x", None]
)
def test_other_json_is_no_graph(value: JsonValue) -> None:
    assert not is_graph(value)


def test_tags_that_cannot_be_are_left_out() -> None:
    (left, part) = graph_parts(entity("Ada", "Sings", kind="x" * 200), {})
    assert left == LeftOut("entityType that cannot be a tag")
    assert isinstance(part, Part)
    assert part.tags == ()


def test_the_example_is_read_whole() -> None:
    text = Path(IMPORTS / "memory.jsonl").read_text("utf-8")
    assert len(said(parts_of_lines(lambda: text.split("\n"), NAME))) == 12
