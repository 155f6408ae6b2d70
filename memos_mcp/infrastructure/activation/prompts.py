"""Memories and a question as the tokens of one prompt, so that the memories are the same prefix each time: pure.

What is said of memories is tokenised apart from what follows, and the ids are joined: no piece of a word reaches over
the seam. The order is that of the memories' moments, whoever asks and however they were found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from memos_mcp.activation import Source
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.late import late

MEMORIES: Final = "qwmemoriesqw"
QUESTION: Final = "qwquestionqw"
"""What stands for the two while a server shows its template."""

_MARK = late(r"(?<=[<\[|])(?=[^\s\u200b])")
_EVER = datetime.min.replace(tzinfo=UTC)


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


def ordered(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Each version once, the oldest first: the same memories are the same prefix. Raises InvalidInput (none)."""
    found = {(source.ref.id, source.ref.version): source for source in sources}
    if not found:
        raise InvalidInput("a block is made of memories: give at least one")
    return tuple(sorted(found.values(), key=lambda each: (each.at or _EVER, each.ref.id, each.ref.version or 0)))


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


def version_of(model: str, template: Template, sources: Sequence[Source], epoch: int) -> str:
    """What changes whenever the cached tokens of these memories may no longer be used."""
    told = [[each.ref.id, each.ref.version, hashlib.sha256(each.text.encode()).hexdigest()] for each in sources]
    facts = [model, template.head, template.seam, told, epoch]
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
