"""New cubes: from MemReader's drafts, and from what is put under a key. Pure."""

from __future__ import annotations

from datetime import datetime

from memos_mcp.cube import Governance, Kind, MemCube, Origin, Plaintext, SourceClass, Suspicion, new_id
from memos_mcp.interface.mentioned import reworded
from memos_mcp.ports import Draft, Name


def drafted(
    draft: Draft,
    path: str,
    *,
    owner: str,
    kind: Kind | None,
    tags: tuple[str, ...],
    now: datetime,
    end: datetime | None = None,
) -> MemCube:
    """The first version of a memory that was read from a source; its provenance id is its own."""
    key = new_id()
    return MemCube(
        id=key,
        path=path,
        meaning=draft.meaning,
        kind=kind or draft.kind,
        tags=draft.tags + tags,
        links=draft.links,
        valid=draft.valid,
        created_at=now,
        updated_at=now,
        origin=draft.origin.model_copy(update={"provenance": key}),
        governance=Governance(owner=owner, expires_at=end),
        quarantined=draft.quarantined,
        mentions=draft.mentions,
        payload=Plaintext(text=draft.text),
    )


def from_class(cube: MemCube, source_class: SourceClass, doubts: tuple[Suspicion, ...]) -> MemCube:
    """The cube with words from such a source, and what these are suspected of; nobody vouches for them yet."""
    origin = cube.origin.model_copy(update={"source_class": source_class})
    return cube.model_copy(update={"origin": origin, "quarantined": doubts, "vouched_by": ""})


def named(
    name: Name,
    payload: Plaintext,
    old: MemCube | None,
    *,
    owner: str,
    kind: Kind,
    tags: tuple[str, ...],
    now: datetime,
    end: datetime | None = None,
) -> MemCube:
    """The next version of a memory put under a key, or its first, which has the `end`."""
    if old is not None:
        return reworded(old, payload).model_copy(update={"version": old.version + 1, "kind": kind, "tags": tags})
    key = new_id()
    return MemCube(
        id=key,
        path=name.path,
        key=name.key,
        kind=kind,
        tags=tags,
        created_at=now,
        updated_at=now,
        origin=Origin(provenance=key, actor=owner),
        governance=Governance(owner=owner, expires_at=end),
        payload=payload,
    )
