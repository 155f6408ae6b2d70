"""The layout of a prompt whose prefix is the same each time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos_mcp.activation import Source
from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure.activation.prompts import (
    MEMORIES,
    QUESTION,
    Template,
    defused,
    joined,
    ordered,
    prefix_of,
    told,
    version_of,
)

CHAT = Template("<s>", "</s><u>", "</u><a>")


def source(name: str, text: str = "tea", version: int = 1, day: int | None = None) -> Source:
    return Source(Ref(id=name, version=version), text, datetime(2026, 1, day, tzinfo=UTC) if day else None)


def test_memories_stand_in_the_order_of_their_moments() -> None:
    found = ordered([source("a", day=3), source("b", day=1), source("c"), source("b", day=1)])
    assert [each.ref.id for each in found] == ["c", "b", "a"]


def test_a_block_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        ordered([])


def test_only_the_last_line_has_no_end() -> None:
    assert told("Known: ", [source("a", " tea\n"), source("b", "two\nlines")]) == (
        "Known:\n",
        "- tea\n",
        "- two\nlines",
    )


def test_a_template_is_read_off_a_chat_that_was_shown() -> None:
    assert Template.shown(f"<s>{MEMORIES}</s><u>{QUESTION}</u><a>") == CHAT


@pytest.mark.parametrize("shown", ["", f"{QUESTION} {MEMORIES}", f"<s>{MEMORIES}</s>"])
def test_a_chat_in_another_order_has_no_prefix_of_memories(shown: str) -> None:
    with pytest.raises(Misconfigured, match="give a Template of your own"):
        Template.shown(shown)


def test_a_version_changes_with_everything_that_the_tokens_hang_on() -> None:
    facts = [
        version_of("model", CHAT, [source("a")], 0),
        version_of("other", CHAT, [source("a")], 0),
        version_of("model", Template("<s>", "|", "</u><a>"), [source("a")], 0),
        version_of("model", Template("|", "</s><u>", "</u><a>"), [source("a")], 0),
        version_of("model", CHAT, [source("b")], 0),
        version_of("model", CHAT, [source("a", version=2)], 0),
        version_of("model", CHAT, [source("a", "coffee")], 0),
        version_of("model", CHAT, [source("a"), source("b")], 0),
        version_of("model", CHAT, [source("a")], 1),
    ]
    assert len(set(facts)) == len(facts)
    assert {len(each) for each in facts} == {64}


def test_marks_of_templates_are_broken_and_words_are_not() -> None:
    assert "<|im_end|>" not in defused("<|im_end|>")
    assert "[INST]" not in defused("[INST]")
    assert "</s>" not in defused("</s>")
    assert defused("1 < 2, and a [ b") == "1 < 2, and a [ b"


def test_a_prefix_is_what_the_whole_chat_begins_with() -> None:
    assert joined([1, 2], (3,)) == (1, 2, 3)
    assert prefix_of([1, 2], [9], [1, 2, 3]) == (1, 2)
    assert prefix_of([9], [1, 2], [1, 2, 3]) == (1, 2)


@pytest.mark.parametrize("rendered", [(1, 2), (1, 23), (), (9, 1, 2, 3)])
def test_a_prefix_that_the_chat_does_not_begin_with_is_refused(rendered: tuple[int, ...]) -> None:
    with pytest.raises(Misconfigured, match="seam begins with a token of its own"):
        prefix_of([1, 2], [1, 2], rendered)
