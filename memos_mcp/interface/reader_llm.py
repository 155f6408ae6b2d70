"""MemReader by a chat model: beside the words of a source, what they state and speak of (long paper §5.3.1)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Protocol

import anyio
from pydantic import JsonValue

from memos_mcp.cube import ModelMentions, Origin
from memos_mcp.errors import MemosError
from memos_mcp.interface.entities import speaker_of
from memos_mcp.interface.facts import SCHEMA, Part, facts_of, is_sent, parts_of
from memos_mcp.interface.intent import call_of
from memos_mcp.models import Chat
from memos_mcp.ports import Draft, MemReader, Reading
from memos_mcp.search import MemoryCall, Turn, Understanding

logger = logging.getLogger(__name__)

_NOT_ALL = "the model did not read all of a source"
_OWN = -1  # in the place of a part: the drafts of the other reader


class Meaning(Protocol):
    """What a model takes a sentence to mean. Raises Unavailable."""

    async def __call__(
        self, chat: Chat, sentence: str, turns: Sequence[Turn], /, *, now: datetime, people: Collection[str]
    ) -> Understanding:
        """A sentence said at `now` after `turns`; `people` are names known to be those of persons."""
        ...


class Entities(Protocol):
    """Whom and what a model finds a memory to speak of. Raises Unavailable, Misconfigured."""

    async def __call__(self, chat: Chat, text: str, /, *, speaker: str, timeout_s: float) -> ModelMentions:
        """By where it stands in the text; `speaker` says I."""
        ...


@dataclass(slots=True)
class _Answers:
    """What the model answered: the facts of parts, and the mentions of drafts by part and number; and what failed."""

    facts: dict[int, list[Draft]] = field(default_factory=dict[int, list[Draft]])
    mentions: dict[tuple[int, int], ModelMentions] = field(default_factory=dict[tuple[int, int], ModelMentions])
    unread: list[MemosError] = field(default_factory=list[MemosError])
    unnamed: list[MemosError] = field(default_factory=list[MemosError])

    def named(self, at: int, drafts: Sequence[Draft]) -> Iterator[Draft]:
        """Drafts with the mentions that were found in them."""
        for number, draft in enumerate(drafts):
            found = self.mentions.get((at, number))
            yield draft if found is None else replace(draft, mentions=found)


class LlmReader:
    """Reads as another reader does, and then asks a chat model what is stated there.

    The drafts of the other reader are always kept, and what the model finds comes after them: each fact with the origin
    of the turn that states it, its position too, so that it can be traced and a source read again states it at the same
    place. What a model answers is checked: it may not invent turns, and only a user's own words become an instruction.
    If it is asked for the entities as well, each draft has those that the model found in it.
    """

    def __init__(
        self,
        rules: MemReader,
        chat: Chat,
        *,
        meaning: Meaning | None = None,
        entities: Entities | None = None,
        most: int = 12_000,
        timeout_s: float = 60,
        patience_s: float = 10,
        at_once: int = 4,
    ) -> None:
        """`most` characters of turns go into one question, `at_once` questions are asked at a time.

        With a `meaning` the model is asked what questions mean as well, for `patience_s`; with `entities` whom and what
        each draft speaks of, one question for each.
        """
        self._rules, self._chat, self._entities = rules, chat, entities
        self._meaning, self._patience_s = meaning, patience_s
        self._most, self._timeout_s, self._at_once = most, timeout_s, at_once
        self._system = files("memos_mcp.interface").joinpath("prompts", "facts.txt").read_text("utf-8")

    async def read(self, source: JsonValue, *, origin: Origin) -> Reading:
        """The drafts of the source and, within `timeout_s`, the facts that the model finds in it, and their entities.

        Parts and memories that the model could not read are left to the rules; `fallback` says how many, and why.
        System messages are not sent. Raises InvalidInput, and then nothing was read.
        """
        reading = await self._rules.read(source, origin=origin)
        parts = list(parts_of(reading.drafts, self._most))
        answers = _Answers()
        await self._ask(reading.drafts, parts, answers)
        drafts = list(answers.named(_OWN, reading.drafts))
        for at in sorted(answers.facts):
            drafts += answers.named(at, answers.facts[at])
        why = self._fallback(answers, len(parts), drafts)
        if why:
            logger.warning(_NOT_ALL, extra={"parts": len(parts), "read": len(answers.facts)})
        return Reading(tuple(drafts), why or reading.fallback)

    async def understand(
        self,
        question: str,
        *,
        turns: Sequence[Turn] = (),
        now: datetime,
        people: Collection[str] = (),
        asker: str = "",
    ) -> MemoryCall:
        """The call behind a question, as the model understands it; if it fails, as the other reader does.

        Without a `meaning` the other reader is asked at once. Raises InvalidInput.
        """
        call = await self._rules.understand(question, turns=turns, now=now, people=people, asker=asker)
        if self._meaning is None:
            return call
        try:
            with anyio.fail_after(self._patience_s):
                meaning = await self._meaning(self._chat, call.asked, turns, now=now, people=people)
        except MemosError as exc:
            return _fallen_back(call, str(exc))
        except TimeoutError:
            late = f"the chat model {self._chat.model!r} did not answer within {self._patience_s:g} s"
            return _fallen_back(call, late)
        return call_of(meaning, now=now, people=people, asker=asker)

    async def _ask(self, drafts: Sequence[Draft], parts: Sequence[Part], answers: _Answers) -> None:
        """All questions, so many at once; what is not answered in time is not there."""
        slots = anyio.CapacityLimiter(self._at_once)

        async def asked(failed: list[MemosError], question: Callable[[], Awaitable[None]]) -> None:
            async with slots:
                try:
                    await question()
                except MemosError as exc:
                    failed.append(exc)
                    if not exc.retryable:  # it would be the same for every question
                        tasks.cancel_scope.cancel()

        async def read(at: int, part: Part) -> None:
            answer = await self._chat.complete(self._system, part.text, SCHEMA)
            answers.facts[at] = facts_of(answer, part.turns, self._chat.model)
            name_all(at, answers.facts[at])

        async def name(key: tuple[int, int], draft: Draft, entities: Entities) -> None:
            speaker = speaker_of(draft.origin)
            found = await entities(self._chat, draft.text, speaker=speaker, timeout_s=self._timeout_s)
            answers.mentions[key] = found

        def name_all(at: int, those: Sequence[Draft]) -> None:
            for number, draft in enumerate(those):
                if self._entities is not None and is_sent(draft):
                    tasks.start_soon(asked, answers.unnamed, partial(name, (at, number), draft, self._entities))

        with anyio.move_on_after(self._timeout_s):
            async with anyio.create_task_group() as tasks:
                for at, part in enumerate(parts):
                    tasks.start_soon(asked, answers.unread, partial(read, at, part))
                name_all(_OWN, drafts)

    def _fallback(self, answers: _Answers, parts: int, drafts: Sequence[Draft]) -> str:
        """How much the model did not read, and why; empty if it read all."""
        told: dict[str, list[str]] = {}
        if unread := parts - len(answers.facts):
            share = f"{unread} of {parts} parts: " if parts > 1 else ""
            told.setdefault(self._why(answers.unread, answers.unnamed), []).append(f"{share}read by rules alone")
        asked = sum(map(is_sent, drafts)) if self._entities is not None else 0
        if unnamed := asked - len(answers.mentions):
            what = f"entities of {unnamed} of {asked} memories by rules"
            told.setdefault(self._why(answers.unnamed, answers.unread), []).append(what)
        return "; ".join(f"{', '.join(what)}, because {why}" for why, what in told.items())

    def _why(self, own: Sequence[MemosError], others: Sequence[MemosError]) -> str:
        """The best reason: what stopped all of it, or what went wrong first."""
        reasons = [*own, *(each for each in others if not each.retryable)]
        late = f"the chat model {self._chat.model!r} did not answer within {self._timeout_s:g} s"
        return str(min(reasons, key=lambda exc: exc.retryable)) if reasons else late


def _fallen_back(call: MemoryCall, why: str) -> MemoryCall:
    logger.warning("the model did not read a question", extra={"why": why})
    meaning = call.understanding and replace(call.understanding, fallback=f"read by rules, because {why}")
    return replace(call, understanding=meaning)
