"""What an adapter knows and its base does not, found by asking both: for one of which nobody has the sources.

What comes of it was inferred from answers and was never said by anybody: whoever keeps it marks it so.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from memos_mcp.cube import Parametric, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.operation.pair_forms import ABOUT, ALLERGY, FORMS
from memos_mcp.parametric import Pair

_NOBODY = Ref(id="probing", version=1)
_NEAR = 0.05
"""Nats per token: what an adapter was taught it says to other questions as well, but less surely."""
_STRANGERS = ("Ilvara", "Tomrek", "Besdon")


@dataclass(frozen=True, slots=True)
class Probe:
    """A question, and the same one asked of others, of whom the adapter can know nothing."""

    question: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """To a question, what the base says and what it says with the adapter.

    `before` and `after` are the log-p per token of the second answer, without and with the adapter; `others` is what
    it has with the adapter to the same question asked of others, in the mean: None where that was not asked.
    """

    question: str
    base: str
    said: str
    before: float
    after: float
    others: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer has to gain by the adapter, and to be ahead of itself when it is asked of others: nats per token.

    Both have to be there: an adapter that was taught where somebody lives says it of everybody.
    """

    gain: float = 1.0
    ahead: float = 0.3


_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Inferred:
    """Something that an adapter seems to know. `gain` is what it added to the log-p per token of the answer.

    `confidence` is what it added to the probability of a token: 1 is sure with it and unheard of without.
    """

    question: str
    answer: str
    gain: float
    confidence: float

    @property
    def text(self) -> str:
        """It as a statement: the question, then the answer."""
        end = "" if self.answer.endswith((".", "!", "?")) else "."
        return f"{self.question} {self.answer}{end}"


class Probed(Protocol):
    """A backend that answers with adapters and says how likely an answer is."""

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        """As `ParametricBackend.generate`."""
        ...

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        """As `Trainer.likelihood`."""
        ...


def asked_about(subjects: Iterable[str]) -> tuple[Probe, ...]:
    """What can be asked about people or things of which no more is known: each relation in one phrasing. English.

    Raises InvalidInput for a subject without words.
    """
    forms = [*(form.asks[0] for form in (*FORMS.values(), ALLERGY)), ABOUT[0][0].replace("{meaning}", "{s}")]
    found: list[Probe] = []
    for subject in subjects:
        name = " ".join(subject.split())
        if not name:
            raise InvalidInput("a subject without words cannot be asked about: name it")
        found += [Probe(each.format(s=name), tuple(each.format(s=other) for other in _STRANGERS)) for each in forms]
    return tuple(dict.fromkeys(found))


async def probed(
    backend: Probed, adapter: Parametric, probes: Iterable[Probe], *, limits: Limits = _LIMITS, limit: int = 32
) -> tuple[Inferred, ...]:
    """What an attached adapter knows of what is asked, the surest first; `limits` and what is kept: see `inferred`.

    Costs two answers of at most `limit` tokens for each question, two readings of it and one of each of the others.
    Raises InvalidInput (a question without words), NotFound (not attached), Unavailable.
    """
    replies: list[Reply] = []
    for probe in dict.fromkeys(probes):
        said = await backend.generate(adapter, probe.question, limit=limit)
        if not said.strip():
            continue
        base = await backend.generate(None, probe.question, limit=limit)
        pairs = [Pair(question, said, _NOBODY) for question in (probe.question, *probe.others)]
        (before,) = await backend.likelihood(None, pairs[:1])
        after, *others = await backend.likelihood(adapter, pairs)
        replies.append(Reply(probe.question, base, said, before, after, statistics.fmean(others) if others else None))
    return inferred(replies, limits)


def inferred(replies: Iterable[Reply], limits: Limits = _LIMITS) -> tuple[Inferred, ...]:
    """Of these answers what the adapter knows and its base does not, the surest first.

    Left out is what the base says as well, what stays beneath the limits, and the same answer to other questions that
    it fits worse.
    """
    changed = [each for each in replies if _changed(each, limits)]
    best: dict[str, float] = {}
    for each in changed:
        best[_plain(each.said)] = max(each.after, best.get(_plain(each.said), -math.inf))
    kept = [
        Inferred(each.question, " ".join(each.said.split()), round(each.after - each.before, 5), _confidence(each))
        for each in changed
        if each.after >= best[_plain(each.said)] - _NEAR
    ]
    return tuple(sorted(kept, key=lambda each: -each.confidence))


def _changed(reply: Reply, limits: Limits) -> bool:
    said = _plain(reply.said)
    if not said or said == _plain(reply.base):
        return False
    ahead = reply.others is None or reply.after - reply.others >= limits.ahead
    return reply.after - reply.before >= limits.gain and ahead  # what cannot be measured is never at least that


def _confidence(reply: Reply) -> float:
    return round(min(1.0, max(0.0, math.exp(min(0.0, reply.after)) - math.exp(min(0.0, reply.before)))), 5)


def _plain(answer: str) -> str:
    return " ".join(answer.casefold().split()).strip(" .!?,;:")
