"""The layout of a prompt whose prefix is the same each time."""

from __future__ import annotations

import pytest

from memos_mcp.activation import Source
from memos_mcp.cube import Ref
from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.activation.prompts import (
    MEMORIES,
    QUESTION,
    Template,
    defused,
    joined,
    prefix_of,
    told,
    version_of,
)

CHAT = Template("<s>", "</s><u>", "</u><a>")


def source(name: str, text: str = "tea", version: int = 1) -> Source:
    return Source(Ref(id=name, version=version), text)


def test_only_the_last_line_has_no_end() -> None:
    assert told("Known: ", [source("a", " tea\n"), source("b", "two\nlines")]) == (
        "Known:\n",
        "- tea\n",
        "- two\nlines",
    )


def test_a_preface_of_several_paragraphs_is_one_piece_and_may_stand_alone() -> None:
    preface = "Answer from what is remembered.\n\nIt follows, a line for each:\n<memories>\n"
    line = '{"id":"a","text":"tea"}'
    assert told(preface, [source("a", line)]) == (preface, f"- {line}")
    assert told(preface, []) == (preface.strip(),)


def test_a_template_is_read_off_a_chat_that_was_shown() -> None:
    assert Template.shown(f"<s>{MEMORIES}</s><u>{QUESTION}</u><a>") == CHAT


@pytest.mark.parametrize("shown", ["", f"{QUESTION} {MEMORIES}", f"<s>{MEMORIES}</s>"])
def test_a_chat_in_another_order_has_no_prefix_of_memories(shown: str) -> None:
    with pytest.raises(Misconfigured, match="give a Template of your own"):
        Template.shown(shown)


def test_a_version_changes_with_everything_that_the_tokens_hang_on() -> None:
    facts = [
        version_of("model", CHAT, "Known:", [source("a")]),
        version_of("other", CHAT, "Known:", [source("a")]),
        version_of("model", Template("<s>", "|", "</u><a>"), "Known:", [source("a")]),
        version_of("model", Template("|", "</s><u>", "</u><a>"), "Known:", [source("a")]),
        version_of("model", CHAT, "Known:", [source("b")]),
        version_of("model", CHAT, "Known:", [source("a", version=2)]),
        version_of("model", CHAT, "Known:", [source("a", "coffee")]),
        version_of("model", CHAT, "Known:", [source("a"), source("b")]),
        version_of("model", CHAT, "Known:", [source("b"), source("a")]),
        version_of("model", CHAT, "Known:", []),
        version_of("model", CHAT, "Else:", [source("a")]),
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
