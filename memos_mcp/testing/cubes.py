"""Cubes to store in tests, and how the checks compare and commit."""

from __future__ import annotations

from datetime import UTC, datetime

from memos_mcp.cube import (
    Governance,
    Interval,
    Kind,
    Link,
    MemCube,
    MentionedEntity,
    MentionedRelation,
    ModelMentions,
    Origin,
    Payload,
    Plaintext,
    Ref,
    State,
    Suspicion,
    new_id,
)
from memos_mcp.ports import Caller, Change, Event, MemoryAdapter

ADA = Caller("ada")
PATH = "user/ada"
SOME_DAY = datetime(2026, 3, 2, 9, 14, 0, 123456, tzinfo=UTC)
_MENTIONS = ModelMentions(
    model="m",
    read=((0, 9),),
    entities=(
        MentionedEntity(kind="person", at=((0, 1),)),
        MentionedEntity(kind="person", role=(3, 5), whose=0, at=((3, 5), (7, 9)), aliases=((5, 6),)),
        MentionedEntity(kind="place", name=(1, 2), at=((1, 2),)),
    ),
    relations=(MentionedRelation(source=1, kind="lives-in", target=2, sentence=(0, 9), detail=(3, 4), ended=True),),
)


def a_cube(
    text: str = "Ada likes green tea",
    path: str = PATH,
    *,
    key: str | None = None,
    kind: Kind = "fact",
    tags: tuple[str, ...] = (),
    origin: Origin | None = None,
    payload: Payload | None = None,
    quarantined: tuple[Suspicion, ...] = (),
) -> MemCube:
    """A cube to store, for tests."""
    return MemCube(
        id=new_id(),
        path=path,
        key=key,
        kind=kind,
        tags=tags,
        created_at=SOME_DAY,
        updated_at=SOME_DAY,
        origin=origin or Origin(),
        quarantined=quarantined,
        payload=payload or Plaintext(text=text),
    )


def a_full_cube(payload: Payload) -> MemCube:
    """A cube with something in every field that a store must bring back."""
    origin = Origin(
        provenance="p1",
        source="chat.json",
        source_class="tool",
        session="s1",
        position=3,
        span=(10, 20),
        speaker="Ben",
        said_at=SOME_DAY,
        actor="ada",
        model="m",
        trigger="t",
        uri="https://example.org/1",
        derived_from=(Ref(id="a", version=2), Ref(id="b")),
    )
    governance = Governance(
        owner="ada",
        readers=("ben", "cat"),
        writers=("ben",),
        contexts=("work",),
        expires_at=SOME_DAY,
        held=True,
        decay=0.25,
        sensitivity=("private",),
        priority=-3,
        came_from=("tool",),
        licence="CC0",
        watermark="w",
    )
    return a_cube(key="k", payload=payload).model_copy(
        update={
            "mentions": _MENTIONS,
            "meaning": "the gist",
            "kind": "event",
            "tags": ("one", "two"),
            "links": (Link(kind="supports", target="a"), Link(kind="part-of", target="b")),
            "valid": Interval(start=SOME_DAY),
            "state": State.ACTIVATED,
            "origin": origin,
            "governance": governance,
        }
    )


async def remember(vault: MemoryAdapter, *cubes: MemCube, branch: str = "main") -> list[Event]:
    """Store cubes in one commit."""
    return await vault.commit([Change("remember", c.id, c, branch=branch) for c in cubes], caller=ADA)


def same(found: object, expected: object, what: str) -> None:
    """Raise AssertionError with both values if they differ."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")
