"""Memories as mem0 gives them: its platform, its library, and OpenMemory's backup. Pure.

A memory is an object with `memory`, alone, in a list or under `results` or `memories`; in a backup of OpenMemory it
has `content` and a `state`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from memos_mcp.cube import SourceClass
from memos_mcp.interface.knowledge_graph import sentence
from memos_mcp.interface.moments import moment
from memos_mcp.interface.parts import LeftOut, Part, Unread, left_over, name_in, stated, tags_in

_LIKE = Part([], 0, 0.0, format="mem0", source_class="document")
_MARKS = frozenset(
    "user_id agent_id run_id app_id actor_id hash metadata categories created_at event score".split()
)  # of which every version gives some
_STATES = frozenset({"active", "paused", "archived", "deleted"})
_GROUPS = ("categories", "category", "tags")
_PLACED = ("id", "memory", "content", "user_id", "actor_id", "role", "run_id", "created_at", "state", *_GROUPS)
_SPOKEN: dict[str, SourceClass] = {"user": "user", "assistant": "assistant"}


def is_export(value: JsonValue) -> bool:
    """Is this a memory of mem0, or an object that holds some?"""
    return _is_memory(value) or (isinstance(value, dict) and bool(_listed(value)))


def export_parts(value: JsonValue) -> Iterator[Part | Unread | LeftOut]:
    """A statement for each memory here, word for word, and for each relation of its graph."""
    if not isinstance(value, dict):
        return
    if _is_memory(value):
        yield from _memory(value, {}, None)
        return
    key = _listed(value)
    groups, owner = value.get("categories"), value.get("user")
    names = {name: each.get("name") for each in _dicts(groups) if (name := name_in(each.get("id")))}
    owned_by = name_in(owner.get("user_id") or owner.get("name")) if isinstance(owner, dict) else None
    held = value[key]
    for number, each in enumerate(held if isinstance(held, list) else [], start=1):
        if isinstance(each, dict) and _is_memory(each):
            yield from _memory(each, names, owned_by)
        else:
            yield Unread(f"{key} {number} is no memory of mem0")
    for relation in _dicts(value.get("relations")):
        yield from _relation(relation)
    yield from left_over((key, "relations", *(["categories", "memory_categories", "user"] if names else [])), value)


def _is_memory(value: JsonValue) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("memory"), str):
        return not _MARKS.isdisjoint(value)
    state, grouped = value.get("state"), "categories" in value or "category_ids" in value
    backed_up = grouped and isinstance(state, str) and state in _STATES
    return backed_up and isinstance(value.get("content"), str) and "role" not in value


def _listed(value: dict[str, JsonValue]) -> str:
    """The key under which it has memories."""
    return next((key for key in ("results", "memories") if any(map(_is_memory, _dicts(value.get(key))))), "")


def _dicts(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _memory(
    memory: dict[str, JsonValue], names: dict[str, JsonValue], owned_by: str | None
) -> Iterator[Part | Unread | LeftOut]:
    """`names` are those of categories that are given by their ids."""
    text = memory["memory"] if "memory" in memory else memory["content"]
    if memory.get("state") == "deleted" or memory.get("event") == "DELETE":
        yield LeftOut("memory that was deleted there")
        return
    about, ids = memory.get("metadata"), memory.get("category_ids")
    more = about if isinstance(about, dict) else {}
    groups = [names.get(each) for each in ids if isinstance(each, str)] if isinstance(ids, list) else []
    said_at = moment(memory.get("created_at"))
    like = replace(
        _LIKE,
        said_at=said_at,
        session=name_in(memory.get("run_id")),
        tags=tags_in(groups, *(each.get(key) for each in (memory, more) for key in _GROUPS)),
        entry=name_in(memory.get("id")) or "",
    )
    speaker, by = _speaker(memory, more)
    spoken = replace(like, speaker=owned_by or speaker, source_class=_SPOKEN.get(by, like.source_class))
    yield from stated([text] if isinstance(text, str) else [], spoken)
    if memory.get("created_at") and not said_at:
        yield LeftOut("created_at that is no certain date")
    placed = [*_PLACED, *(["category_ids"] if names else []), *(["agent_id"] if _is_agents(memory) else [])]
    yield from left_over([*placed, *(["metadata"] if more or not about else [])], memory)
    yield from left_over([*_GROUPS, "role", "actor_id"], more, "metadata.")


def _speaker(memory: dict[str, JsonValue], more: dict[str, JsonValue]) -> tuple[str | None, str]:
    """Who said it or, if that is not said, whose memory it is; and in which part."""
    role = name_in(memory.get("role") or more.get("role")) or ""
    actor, agent = memory.get("actor_id") or more.get("actor_id"), memory.get("agent_id")
    if role == "assistant":
        return name_in(actor or agent) or "assistant", role
    return name_in(actor or memory.get("user_id") or agent), role


def _is_agents(memory: dict[str, JsonValue]) -> bool:
    return memory.get("role") == "assistant" or not memory.get("user_id")


def _relation(relation: dict[str, JsonValue]) -> Iterator[Part | Unread | LeftOut]:
    subject, other = name_in(relation.get("source")), name_in(relation.get("target") or relation.get("destination"))
    kind = name_in(relation.get("relationship") or relation.get("relation"))
    if subject and other and kind:
        yield from stated([sentence(subject, kind, other)], replace(_LIKE, tags=tags_in(kind), entry=subject))
    else:
        yield LeftOut("relation without both ends and a kind")
