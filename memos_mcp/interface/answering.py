"""A question answered by a chat model from what recall found: what it is sent, and what is taken of what it says."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files

from pydantic import JsonValue

from memos_mcp.answers import Answer, Recall
from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.interface.framing import framed, shown, without_secrets
from memos_mcp.interface.recording import staged
from memos_mcp.late import late
from memos_mcp.models import Answerer
from memos_mcp.operation.context import pack
from memos_mcp.search import Turn

logger = logging.getLogger(__name__)

NOTHING = "No memory answers this."
"""The answer when nothing is found: then no model is asked, so none can invent one."""
_MOST_TURNS = 12
_MARK = late(r"[ \t]?\[([^\[\]\n]{1,1000})\]")
_IN_MARK = late(r"[^\s,;]+")
_ID = late(r"[0-9a-v]{16}")  # the shape of `new_id`


def ready(answerer: Answerer | None) -> Answerer:
    """The model, if there is one. Raises Misconfigured."""
    if answerer is None:
        raise Misconfigured(
            "no chat model is set that could answer: set chat.model (and chat.url, if it is not Ollama on this "
            "machine), or use that of the reader, with reader.kind and reader.model; recall needs none"
        )
    return answerer


async def answered(answerer: Answerer, found: Recall, turns: Sequence[Turn], *, budget: int, now: datetime) -> Answer:
    """What the model says from the memories that were found, and which of them it cites.

    If it does not answer, `missing` says why and the recall stays. Raises Misconfigured.
    """
    given, text = question_of(found, turns, budget=budget, now=now)
    if not given:
        return Answer(NOTHING, found, via="none")
    system = files("memos_mcp.interface").joinpath("prompts", "answer.txt").read_text("utf-8")
    try:
        said = await answerer.answer(system, text)
        words, cited = cited_in(said.text, given)
        if not words:
            raise Unavailable(f"the chat model {answerer.model!r} cited memories and said nothing: ask again")
    except Unavailable as exc:
        staged("answered", ok=False)
        logger.warning("the chat model did not answer a question", extra={"why": str(exc)})
        return Answer("", found, via="none", model=answerer.model, missing=str(exc))
    staged("answered", len(cited))
    return Answer(words, found, cited, model=answerer.model, read=said.read, written=said.written)


def question_of(found: Recall, turns: Sequence[Turn], *, budget: int, now: datetime) -> tuple[tuple[str, ...], str]:
    """The ids of the memories that fit into the budget, and these, the last turns and the question as they are sent.

    The question stands last, so that what is before it stays the same for the next one. Secrets are masked.
    """
    packed = pack(found.cubes, budget)
    used = found.cubes[: packed.used]
    memories = [
        {"id": cube.id, "from": cube.origin.source_class, "text": line.removeprefix(f"[{cube.id}] ")}
        for cube, line in zip(used, packed.lines, strict=True)
    ]
    parts = [framed("memories", memories)]
    if turns:
        said = ({"from": "user" if t.by_user else "assistant", "text": shown(t.text)} for t in turns[-_MOST_TURNS:])
        parts.append(framed("turns", said))
    parts.append(framed("question", [_asked(found, now)]))
    return tuple(cube.id for cube in used), "\n".join(parts)


def cited_in(text: str, given: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The text without marks of memories that were not given, and the given ones in the order it names them."""

    def checked(mark: re.Match[str]) -> str:
        ids = _IN_MARK.findall(mark[1])
        if not any(id in given or _ID.fullmatch(id) for id in ids):
            return mark[0]
        kept = [id for id in ids if id in given]
        return f"{mark[0][: mark[0].index('[')]}[{', '.join(kept)}]" if kept else ""

    words = _MARK.sub(checked, text).strip()
    return ("", ()) if not _MARK.sub("", words).strip() else (words, tuple(dict.fromkeys(_named(words, given))))


def _named(words: str, given: Collection[str]) -> Iterator[str]:
    """The ids as they stand in the words, whole."""
    if given:
        known = "|".join(map(re.escape, sorted(given, key=len, reverse=True)))
        yield from re.findall(rf"(?<![\w-])(?:{known})(?![\w-])", words)


def _asked(found: Recall, now: datetime) -> Mapping[str, JsonValue]:
    meant = found.call.understanding
    asked: dict[str, JsonValue] = {"text": without_secrets(found.question)}
    if meant is not None and meant.filled:
        asked["meant"] = without_secrets(meant.alone)
    return {**asked, "now": f"{now:%A %Y-%m-%d %H:%M}"}
