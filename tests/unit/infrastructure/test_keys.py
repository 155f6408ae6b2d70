"""What a memory is searched by."""

from __future__ import annotations

from datetime import UTC, datetime

from memos_mcp.cube import MemCube, Origin, Plaintext
from memos_mcp.infrastructure.keys import BY_TEXT, embedded_text, turn_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUT = MemCube(
    id="a",
    path="user/ada",
    key="porto",
    created_at=NOON,
    updated_at=NOON,
    origin=Origin(speaker="Ben", said_at=NOON),
    payload=Plaintext(text="green tea", data={"cups": "two"}),
)


def test_what_is_put_is_found_by_its_key_its_text_and_its_data() -> None:
    assert {"porto", "green", "tea", "cup", "two"} & set(turn_key(PUT)) == {"porto", "green", "tea", "two"}
    assert embedded_text(PUT) == "Ben: porto green tea two"


def test_a_tag_has_it_found_by_its_text_alone() -> None:
    tagged = PUT.model_copy(update={"tags": ("drinks", BY_TEXT)})
    assert turn_key(tagged) == ["green", "tea"]
    assert embedded_text(tagged) == "green tea"
    assert turn_key(tagged.model_copy(update={"payload": Plaintext(data={"cups": "two"})})) == []
