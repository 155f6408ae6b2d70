"""Memories and a question as the tokens of one prompt, so that the memories are the same prefix each time: pure.

What is said of memories is tokenised apart from what follows, and the ids are joined: no piece of a word reaches over
the seam.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memos_mcp.activation import Source
from memos_mcp.errors import Misconfigured
from memos_mcp.late import late

MEMORIES: Final = "qwmemoriesqw"
QUESTION: Final = "qwquestionqw"
"""What stands for the two while a server shows its template."""

_MARK = late(r"(?<=[<\[|])(?=[^\s\u200b])")


@dataclass(frozen=True, slots=True)
class Template:
    """What stands before the memories, between them and the question, and after it."""

    head: str
    seam: str
    tail: str

    @classmethod
    def shown(cls, rendered: str) -> Template:
        """The template of a chat that was rendered with the two stand-ins. Raises Misconfigured."""
        head, memories, rest = rendered.partition(MEMORIES)
        seam, question, tail = rest.partition(QUESTION)
        if not (memories and question):
            raise Misconfigured(
                "the chat template of this model does not put the system's text before the user's: "
                "give a Template of your own"
            )
        return cls(head, seam, tail)


@dataclass(frozen=True, slots=True)
class Form:
    """The model and the form of its prompts: blocks of different forms have nothing in common."""

    model: str
    template: Template
    given: bool


def told(preface: str, sources: Sequence[Source]) -> tuple[str, ...]:
    """The text of a block in pieces that are tokenised apart: what it is, and one for each memory.

    Each but the last ends its line, as words of the next one may begin with a line but not reach over its end; nothing
    ends the last one, as templates strip what they are given.
    """
    lines = [preface.strip(), *(f"- {source.text.strip()}" for source in sources)]
    return (*(f"{each}\n" for each in lines[:-1]), lines[-1])


def defused(text: str) -> str:
    """The text with its marks broken, so that no token of the template is read from it."""
    return _MARK.sub("\u200b", text)


def version_of(model: str, template: Template, preface: str, sources: Sequence[Source]) -> str:
    """What changes whenever the cached tokens of these memories may no longer be used."""
    told = [[each.ref.id, each.ref.version, hashlib.sha256(each.text.encode()).hexdigest()] for each in sources]
    facts = [model, template.head, template.seam, preface, told]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def joined(*pieces: Sequence[int]) -> tuple[int, ...]:
    """The ids of pieces that were tokenised apart."""
    return tuple(token for piece in pieces for token in piece)


def prefix_of(apart: Sequence[int], whole: Sequence[int], rendered: Sequence[int]) -> tuple[int, ...]:
    """The ids of the prefix with which the rendered chat begins: those of its pieces, or of its text in one.

    `rendered` is the whole chat as the server tokenises it: what it does not begin with is none of its prefixes.
    Raises Misconfigured.
    """
    for ids in (apart, whole):
        if len(ids) < len(rendered) and tuple(rendered[: len(ids)]) == tuple(ids):
            return tuple(ids)
    raise Misconfigured(
        "the tokenizer of this model reads the memories and what follows them as one: "
        "give a Template whose seam begins with a token of its own"
    )
