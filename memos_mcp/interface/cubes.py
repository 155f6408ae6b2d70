"""New cubes: from MemReader's drafts, and from what is put under a key. Pure."""

from __future__ import annotations

from datetime import datetime

from memos_mcp.cube import Governance, Kind, MemCube, Origin, Plaintext, new_id
from memos_mcp.ports import Draft, Name


def drafted(draft: Draft, path: str, *, owner: str, kind: Kind | None, tags: tuple[str, ...], now: datetime) -> MemCube:
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
        governance=Governance(owner=owner),
        payload=Plaintext(text=draft.text),
    )


def named(
    name: Name,
    payload: Plaintext,
    old: MemCube | None,
    *,
    owner: str,
    kind: Kind,
    tags: tuple[str, ...],
    now: datetime,
) -> MemCube:
    """The next version of a memory put under a key, or its first."""
    if old is not None:
        return old.model_copy(update={"version": old.version + 1, "payload": payload, "kind": kind, "tags": tags})
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
        governance=Governance(owner=owner),
        payload=payload,
    )
