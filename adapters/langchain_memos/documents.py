"""Memories as documents, and values as the texts that are searched. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from langchain_core.documents import Document
from langgraph.store.base import get_text_at_path

from memos_mcp import MemCube, Plaintext, Recalled

WHOLE = "$"


def document_of(found: Recalled) -> Document:
    """A memory that was recalled, with where it is from."""
    cube = found.cube
    origin = cube.origin
    return Document(
        id=cube.id,
        page_content=words_of(cube),
        metadata={
            "memory_id": cube.id,
            "version": cube.version,
            "path": cube.path,
            "key": cube.key,
            "kind": cube.kind,
            "tags": list(cube.tags),
            "source": origin.source,
            "source_class": origin.source_class,
            "session": origin.session,
            "speaker": origin.speaker,
            "said_at": origin.said_at.isoformat() if origin.said_at else None,
            "created_at": cube.created_at.isoformat(),
            "score": found.score,
        },
    )


def words_of(cube: MemCube) -> str:
    """The text of a memory; of one that has none its value as JSON."""
    if cube.text or not isinstance(cube.payload, Plaintext) or cube.payload.data is None:
        return cube.text
    return json.dumps(cube.payload.data, ensure_ascii=False)


def searched(value: Mapping[str, object], fields: Sequence[str]) -> str:
    """The text by which a value is found: what stands in the fields, one to a line; `$` is all of it."""
    lines = [line for field in fields for line in (_whole(value) if field == WHOLE else get_text_at_path(value, field))]
    return "\n".join(dict.fromkeys(line for line in lines if line.strip())).replace("\0", " ")


def _whole(value: Mapping[str, object]) -> list[str]:
    """Each leaf with its name, but for a text that is the only one."""
    leaves = list(_leaves(value, ""))
    alone = sum(isinstance(leaf, str) for _, leaf in leaves) == 1
    return [leaf if alone and isinstance(leaf, str) else f"{name}: {leaf}" for name, leaf in leaves]


def _leaves(value: object, name: str) -> Iterator[tuple[str, object]]:
    match value:
        case Mapping():
            for key, each in cast("Mapping[str, object]", value).items():
                yield from _leaves(each, key)
        case list():
            for each in cast("list[object]", value):
                yield from _leaves(each, name)
        case None:
            pass
        case _:
            yield name, value
