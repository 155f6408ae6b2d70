"""A question answered by a chat model from what recall found: what it is sent, and what is taken of what it says."""

from __future__ import annotations

import logging
import math
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import JsonValue

from memos_mcp.answers import Answer, Learned, Recall
from memos_mcp.cube import MemCube
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.interface.bound import Bound, When
from memos_mcp.interface.framing import framed, shown, without_secrets
from memos_mcp.interface.recording import line, staged
from memos_mcp.late import late
from memos_mcp.models import Answerer, Worded
from memos_mcp.operation.context import Packed, pack, tokens
from memos_mcp.search import Turn

if TYPE_CHECKING:
    from memos_mcp.interface.activating import Activations
    from memos_mcp.interface.adapting import Adapters
    from memos_mcp.operation.choosing_terms import Dispatch

logger = logging.getLogger(__name__)

NOTHING = "No memory answers this."
"""The answer when nothing is found: then no model is asked, so none can invent one."""
LONGEST = 512
"""Tokens of an answer by the model of activation memory."""
_MOST_TURNS = 12
_MARK = late(r"[ \t]?\[([^\[\]\n]{1,1000})\]")
_IN_MARK = late(r"[^\s,;]+")
_ID = late(r"[0-9a-v]{16}")  # the shape of `new_id`


_Given = Sequence[tuple[MemCube, str]]  # memories, each with its line
_CANNOT = (Unavailable, NotFound, Corrupt, InvalidInput, Conflict, Misconfigured)  # then words are left


@dataclass(frozen=True, slots=True)
class Asking:
    """A question, what was found for it, and what was said before it, in the `session`.

    The answer is to begin `within` so many seconds.
    """

    on: Bound
    found: Recall
    turns: Sequence[Turn]
    budget: int
    at: When | None = None
    where: str = ""
    session: str | None = None
    within: float = math.inf

    @property
    def plain(self) -> bool:
        """Is it of all there is now? What is kept of that serves no other time, no branch, and no conditions."""
        return is_plain(self.on, self.at, self.where)

    @property
    def left(self) -> int:
        """Tokens of memories that may be read for him in this minute."""
        return self.on.spending.left(self.on.caller.user) if self.on.spending else sys.maxsize

    def reads(self, tokens: int) -> None:
        """So many are read for him."""
        if self.on.spending:
            self.on.spending.spent(self.on.caller.user, tokens)


def is_plain(on: Bound, at: When | None, where: str) -> bool:
    """Is what is asked for so of all there is now?"""
    return not (on.branch_at or where or at is not None)


async def answered(answerer: Answerer | None, asking: Asking) -> Answer:
    """What a model says from the memories that were found, in the way that suits the question, and which it cites.

    If it does not answer, `missing` says why and the recall stays. Raises Misconfigured.
    """
    packed = pack(asking.found.cubes, asking.budget)
    if not packed.used:
        return Answer(NOTHING, asking.found, via="none")
    given = list(zip(asking.found.cubes, packed.lines, strict=False))
    if asking.on.activations is None and asking.on.adapters is None:
        return await _in_words(answerer, asking, given)
    return await _chosen(answerer, asking, packed, given)


async def _chosen(answerer: Answerer | None, asking: Asking, packed: Packed, given: _Given) -> Answer:
    """After a block, with an adapter or in words, whichever is best; in words if that cannot be done. It is noted."""
    from memos_mcp.interface import dispatching, outcomes  # they load where there is something to choose between

    try:
        chosen = await dispatching.chosen(asking, packed, opening=True)
    except _CANNOT as exc:
        return replace(await _in_words(answerer, asking, given), fallback=_left_to_words("chosen", exc))
    dispatch, answer, fallback = chosen.dispatch, None, ""
    asking = replace(asking, found=chosen.seen(asking.found))
    on, found = asking.on, asking.found
    texts = dispatching.in_order(given, dispatch)
    if dispatch and asking.within < math.inf and not dispatch.holds:
        return Answer("", found, via="none", missing=_too_late(asking, dispatch))
    try:
        answer = await _carried_out(asking, dispatch, texts)
    except _CANNOT as exc:
        fallback = _left_to_words("adapter" if dispatch and dispatch.adapter else "prefix", exc)
    if answer is None:
        said = given if fallback or not texts else texts
        answer = replace(await _in_words(answerer, asking, said), fallback=fallback)
    hit = None
    if dispatch and dispatch.kept and found.prefix:
        hit = answer.via == "prefix" and 2 * answer.reused >= found.prefix.tokens
    await outcomes.noted(on, chosen.task, chosen.given(answer.via, fallback), line(), hit)
    return answer


def _too_late(asking: Asking, dispatch: Dispatch) -> str:
    return (
        f"nothing that was found can be read so that an answer begins within {asking.within:g} s, as the question "
        f"alone takes about {dispatch.seconds:.2g} s: allow more, or use the recall"
    )


def _left_to_words(stage: str, exc: MemosError) -> str:
    """Why, noted."""
    staged(stage, ok=False)
    logger.warning("memories were sent in words after all", extra={"why": str(exc)})
    return str(exc)


async def _carried_out(asking: Asking, dispatch: Dispatch | None, texts: _Given) -> Answer | None:
    """None: it is to be given as text. Raises whatever says that it cannot be done so."""
    on, found = asking.on, asking.found
    if dispatch and dispatch.adapter and on.adapters and found.adapter:
        return await _with_adapter(on.adapters, found.adapter, asking, texts)
    if dispatch and dispatch.prefix and on.activations:
        return await _after_prefix(on.activations, dispatch, asking, texts)
    return None


async def _after_prefix(activations: Activations, dispatch: Dispatch, asking: Asking, texts: _Given) -> Answer:
    """After the block that is there, or after one that is read for this turn and those to come."""
    found, prefix = asking.found, asking.found.prefix
    if prefix is None or not dispatch.kept:
        from memos_mcp.interface.dialogues import kept

        needed = {cube.id for cube in found.cubes}
        prefix = await kept(asking.on, activations, dispatch.prefix, needed)
        found = replace(found, prefix=prefix)
        staged("kept", prefix.tokens)
    reply, read = await activations.answer(
        asking.on,
        prefix,
        _prompt(asking, texts),
        beneath=found.paths,
        limit=LONGEST,
        new=prefix is not asking.found.prefix,
    )
    asking.reads(dispatch.read)
    words, cited = _said(reply.text, activations.model, [cube.id for cube in (*(cube for cube, _ in texts), *read)])
    staged("prefix", reply.reused)
    staged("answered", len(cited))
    known = {cube.id for cube in found.cubes}
    beside = tuple(cube for cube in read if cube.id in cited and cube.id not in known)
    return Answer(
        words, found, cited, "prefix", activations.model, "", reply.read, reply.made, reply.reused, beside=beside
    )


async def _with_adapter(adapters: Adapters, learned: Learned, asking: Asking, texts: _Given) -> Answer:
    """Asked as it was trained to be, with nothing but the question, if that is all there is to say."""
    prompt = f"{_read('answer_adapter.txt')}\n{_prompt(asking, texts)}" if texts else _alone(asking.found)
    said = await adapters.answer(asking.on, learned.adapter, prompt, beneath=asking.found.paths, limit=LONGEST)
    asking.reads(_tokens(texts))
    words, cited = _said(said, learned.adapter, [cube.id for cube, _ in texts])
    staged("adapter", len(learned.sources))
    staged("answered", len(cited))
    return Answer(words, asking.found, cited, "adapter", learned.adapter)


async def _in_words(answerer: Answerer | None, asking: Asking, given: _Given) -> Answer:
    found, asked = asking.found, _ready(answerer or _backend_of(asking.on))
    given = _affordable(asking, given)
    if not given:
        return Answer("", found, via="none", model=asked.model, missing=_spent(asking))
    asking.reads(_tokens(given))
    try:
        said, given = await _as_many_as_fit(asked, asking, given)
        words, cited = _said(said.text, asked.model, [cube.id for cube, _ in given])
    except (Unavailable, InvalidInput) as exc:
        staged("answered", ok=False)
        logger.warning("the chat model did not answer a question", extra={"why": str(exc)})
        return Answer("", found, via="none", model=asked.model, missing=str(exc))
    staged("answered", len(cited))
    return Answer(words, found, cited, model=asked.model, read=said.read, written=said.written)


async def _as_many_as_fit(asked: Answerer, asking: Asking, given: _Given) -> tuple[Worded, _Given]:
    """What a model says to the best of these, as many as it reads at once: tokens are estimated until it counts them.

    Raises Unavailable, InvalidInput (it does not read a single one).
    """
    best = {cube.id: at for at, cube in enumerate(asking.found.cubes)}
    while True:
        try:
            return await asked.answer(_read("answer.txt"), _prompt(asking, given)), given
        except InvalidInput:
            if len(given) < 2:
                raise
            half = sorted(best[cube.id] for cube, _ in given)[: len(given) // 2]
            given = [(cube, line) for cube, line in given if best[cube.id] <= half[-1]]


def _affordable(asking: Asking, given: _Given) -> _Given:
    """Those of these, from the first, that may be read for him in this minute."""
    left, upto = asking.left, 0
    while upto < len(given) and (left := left - tokens(given[upto][1])) >= 0:
        upto += 1
    return given[:upto]


def _tokens(given: _Given) -> int:
    return sum(tokens(line) for _, line in given)


def _spent(asking: Asking) -> str:
    its, user = asking.on.spending, asking.on.caller.user
    wait = its.wait(user) if its else 0.0
    most = its.a_minute if its else 0
    said = f"of the {most:,} tokens of memories that models may read for {user} in a minute (chat.tokens_per_minute)"
    if not wait:
        return f"{said} the best memory alone takes more: allow more"
    return f"{said} too few are left for the best memory: ask again in {math.ceil(wait)} s"


def _said(text: str, model: str, given: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The answer in what a model said, and what it cites. Raises Unavailable if there is none."""
    words, cited = cited_in(text, given)
    if not words:
        raise Unavailable(f"the chat model {model!r} cited memories and said nothing: ask again")
    return words, cited


@dataclass(frozen=True, slots=True)
class _ByBackend:
    """The model of activation memory, asked without a block: its own head of the prompt says what to do."""

    on: Bound
    activations: Activations

    @property
    def model(self) -> str:
        return self.activations.model

    async def answer(self, system: str, text: str) -> Worded:
        del system
        reply = await self.activations.plain(self.on, text, limit=LONGEST)
        return Worded(reply.text, reply.read, reply.made)


@dataclass(frozen=True, slots=True)
class _ByLearner:
    """The model of parametric memory, asked without an adapter."""

    adapters: Adapters

    @property
    def model(self) -> str:
        return self.adapters.model

    async def answer(self, system: str, text: str) -> Worded:
        return Worded(await self.adapters.plain(f"{system}\n{text}", limit=LONGEST))


def _backend_of(on: Bound) -> Answerer | None:
    if on.activations is not None and on.activations.model:
        return _ByBackend(on, on.activations)
    return _ByLearner(on.adapters) if on.adapters is not None and on.adapters.model else None


def head() -> str:
    """What a model of activation memory reads before the memories."""
    return _read("answer_prefix.txt").strip()


def _read(name: str) -> str:
    return files("memos_mcp.interface").joinpath("prompts", name).read_text("utf-8")


def check(answerer: Answerer | None, on: Bound) -> None:
    """Is there a model that could answer? Raises Misconfigured."""
    _ready(answerer or _backend_of(on))


def _ready(answerer: Answerer | None) -> Answerer:
    if answerer is None:
        raise Misconfigured(
            "no chat model is set that could answer: set chat.model (and chat.url, if it is not Ollama on this "
            "machine), or use that of the reader, with reader.kind and reader.model; recall needs none"
        )
    return answerer


def _prompt(asking: Asking, given: _Given) -> str:
    """The memories, the last turns and the question as they are sent. Secrets are masked.

    The question stands last, so that what is before it stays the same for the next one.
    """
    memories = [
        {"id": cube.id, "from": cube.origin.source_class, "text": said.removeprefix(f"[{cube.id}] ")}
        for cube, said in given
    ]
    parts = [framed("memories", memories)] if memories else []
    if asking.turns:
        said = (
            {"from": "user" if t.by_user else "assistant", "text": shown(t.text)} for t in asking.turns[-_MOST_TURNS:]
        )
        parts.append(framed("turns", said))
    parts.append(framed("question", [_asked(asking.found, asking.on.moment(asking.at))]))
    return "\n".join(parts)


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


def _alone(found: Recall) -> str:
    """The question, so that it stands alone."""
    meant = found.call.understanding
    return without_secrets(meant.alone if meant is not None and meant.filled else found.question)


def _asked(found: Recall, now: datetime) -> Mapping[str, JsonValue]:
    meant = found.call.understanding
    asked: dict[str, JsonValue] = {"text": without_secrets(found.question)}
    if meant is not None and meant.filled:
        asked["meant"] = without_secrets(meant.alone)
    return {**asked, "now": f"{now:%A %Y-%m-%d %H:%M}"}
