"""Knowledge graphs as the MCP reference server `server-memory` keeps them: entities with observations, relations. Pure.

One line of JSON each; or one object with `entities` and `relations`, as its tool `read_graph` answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from memos_mcp.interface.parts import LeftOut, Part, Unread, left_over, name_in, stated, tags_in
from memos_mcp.late import late

_LIKE = Part([], 0, 0.0, format="knowledge graph", source_class="document")
_LONGEST = 256  # characters of a name, which is repeated in every statement
_CASE = late(r"(?<=[a-z])(?=[A-Z])")
_ENTITY = ("type", "name", "entityType", "observations")
_RELATION = ("type", "from", "to", "relationType")


def is_graph(value: JsonValue) -> bool:
    """Is this an entity, a relation, or a graph of them?"""
    return isinstance(value, dict) and (_is_entity(value) or _is_relation(value) or _is_whole(value))


def entities_in(value: JsonValue) -> Iterator[tuple[str, str]]:
    """The names and types of the entities here, as far as a relation can look them up."""
    for each in _entries(value):
        name, kind = _word(each.get("name")), tags_in(each.get("entityType"))
        if _is_entity(each) and name:
            yield name, kind[0] if kind else ""


def graph_parts(value: JsonValue, types: dict[str, str]) -> Iterator[Part | Unread | LeftOut]:
    """Statements of the observations and relations here; `types` are those of all entities of the file.

    An observation stands after the name of its entity, unless it begins with it, and is tagged with its type. A
    relation is tagged with its kind and the types of its ends.
    """
    for each in _entries(value):
        if _is_entity(each):
            yield from _entity(each)
        elif _is_relation(each):
            yield from _relation(each, types)
        else:
            yield Unread('is neither an entity {"name", "entityType", "observations"} nor a relation')
    if isinstance(value, dict) and _is_whole(value):
        yield from left_over(("entities", "relations", "type"), value)


def sentence(subject: str, relation: str, other: str) -> str:
    """A relation in words: works_at, worksAt and WORKS_AT are "works at"."""
    words = _CASE.sub(" ", relation).replace("_", " ").replace("-", " ").split()
    return f"{subject} {' '.join(words).lower()} {other}"


def _is_whole(value: dict[str, JsonValue]) -> bool:
    entities, relations = value.get("entities"), value.get("relations")
    held = [*entities, *relations] if isinstance(entities, list) and isinstance(relations, list) else []
    return any(isinstance(each, dict) and (_is_entity(each) or _is_relation(each)) for each in held)


def _is_entity(value: dict[str, JsonValue]) -> bool:
    return "name" in value and (value.get("type") == "entity" or {"entityType", "observations"} <= value.keys())


def _is_relation(value: dict[str, JsonValue]) -> bool:
    return {"from", "to", "relationType"} <= value.keys()


def _entries(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    if not isinstance(value, dict):
        return
    if not _is_whole(value):
        yield value
        return
    for held in (value["entities"], value["relations"]):
        for each in held if isinstance(held, list) else []:
            yield each if isinstance(each, dict) else {}


def _word(value: JsonValue) -> str:
    word = " ".join(value.split()) if isinstance(value, str) else ""
    return word if len(word) <= _LONGEST else ""


def _entity(entity: dict[str, JsonValue]) -> Iterator[Part | Unread | LeftOut]:
    name, observed, kind = _word(entity["name"]), entity.get("observations"), entity.get("entityType")
    if not name:
        yield Unread(f"is an entity without a name of up to {_LONGEST} characters")
        return
    like = replace(_LIKE, tags=tags_in(kind), entry=name_in(name) or "")
    if kind and not like.tags:
        yield LeftOut("entityType that cannot be a tag")
    said = list(_observations(observed if isinstance(observed, list) else [observed]))
    texts = [text for text in said if isinstance(text, str)]
    yield from (each for each in said if isinstance(each, LeftOut))
    if texts:
        yield from stated(texts, like, name)
    elif like.tags:
        yield from stated(like.tags, like, name)
    else:
        yield LeftOut("entity without a type or an observation")
    yield from left_over(_ENTITY, entity)


def _observations(values: list[JsonValue]) -> Iterator[str | LeftOut]:
    for value in values:
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str) and text.strip():
            yield text
        elif value not in (None, "", [], {}):
            yield LeftOut("observation that is no text")
        if isinstance(value, dict) and isinstance(text, str):
            yield from left_over(("content",), value, "observation.")


def _relation(relation: dict[str, JsonValue], types: dict[str, str]) -> Iterator[Part | Unread | LeftOut]:
    subject, kind, other = (_word(relation[key]) for key in ("from", "relationType", "to"))
    if not (subject and kind and other):
        yield Unread(f"is a relation without both ends and a kind, of up to {_LONGEST} characters each")
        return
    unknown = [end for end in (subject, other) if end not in types]
    yield from [LeftOut("end of a relation that is no entity of the file (its name is kept)")] * len(unknown)
    tags = tags_in(kind, *([] if unknown else [types[subject], types[other]]))
    like = replace(_LIKE, tags=tags, entry=name_in(subject) or "")
    yield from stated([sentence(subject, kind, other)], like)
    yield from left_over(_RELATION, relation)
