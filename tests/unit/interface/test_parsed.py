"""Notes are taken apart once, as long as they say the same."""

from __future__ import annotations

from memos_mcp.interface.parsed import Parsed
from memos_mcp.ledger import Note


def test_a_note_is_read_again_only_if_it_says_something_else() -> None:
    read = list[str]()

    def reads(note: Note) -> str:
        read.append(note.key)
        return f"{note.key} {note.value}"

    def note(key: str, value: int, revision: int = 1) -> Note:
        return Note("kv", key, {"tokens": value}, revision)

    parsed = Parsed(reads)
    first = parsed.all([note("a", 1), note("b", 2)])
    assert first == ["a {'tokens': 1}", "b {'tokens': 2}"]
    assert parsed.all([note("a", 1, revision=2), note("b", 2)]) == first
    assert read == ["a", "b"]
    # b was dropped and made again under the same name, so that its revision is the same
    assert parsed.all([note("a", 1), note("b", 3)]) == ["a {'tokens': 1}", "b {'tokens': 3}"]
    assert read == ["a", "b", "b"]
    assert parsed.all([note("b", 3)]) == ["b {'tokens': 3}"]
    assert len(parsed.all([note("a", 1), note("b", 3)])) == 2
    assert read == ["a", "b", "b", "a"]
