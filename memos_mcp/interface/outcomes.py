"""What came of answers, by who asked: the choice of types learns from it, and nobody else's answers depend on it.

A note of the ledger for each user, without a word: shares, and of his last answers what was given in which way, so that
he can say whether they were good. What cannot be noted fails no answer.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from memos_mcp.cube import Kind
from memos_mcp.errors import Conflict, InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface.bound import Bound
from memos_mcp.ledger import Note
from memos_mcp.operation.choosing_learning import PROCEDURES, Learnt, Outcome, Share, Use, learned
from memos_mcp.operation.choosing_terms import Nature, Task, Way

logger = logging.getLogger(__name__)

KIND = "choice"
"""The kind of the ledger's notes, by user."""
LAST = 100
"""Answers of a user that he can still judge."""
_TRIES = 8
_NOTHING = Share()


@dataclass(frozen=True, slots=True)
class Effect:
    """How often memories, or procedures, took effect when they were given so in tasks of this nature."""

    way: Way
    nature: Nature
    procedures: bool
    share: Share


@dataclass(frozen=True, slots=True)
class Given:
    """Of an answer: the task, and how much of what it needed was given in which way."""

    nature: Nature
    turns: int
    ways: tuple[tuple[Way, Kind, float], ...]

    @property
    def outcome(self) -> Outcome:
        """As it is learnt from."""
        return Outcome(Task(self.nature, turns=self.turns), self.ways)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All that is known of a user: shares, in which turn his last question was, and his last answers by access."""

    hits: Share = _NOTHING
    stays: Share = _NOTHING
    first: Share = _NOTHING
    later: Share = _NOTHING
    effects: tuple[Effect, ...] = ()
    turns: int | None = None
    answers: Mapping[str, Given] = field(default_factory=dict[str, Given])

    @property
    def learnt(self) -> Learnt:
        """As the choice goes by it."""
        effects: dict[Use, Share] = {(each.way, each.nature, each.procedures): each.share for each in self.effects}
        return Learnt(self.hits, self.stays, effects, self.first, self.later)

    def after(self, outcome: Outcome) -> Outcomes:
        """What is known then."""
        new = learned(self.learnt, outcome)
        effects = tuple(Effect(*use, share) for use, share in new.effects.items())
        return replace(self, hits=new.hits, stays=new.stays, first=new.first, later=new.later, effects=effects)

    def asked(self, task: Task, hit: bool | None) -> Outcomes:
        """After one more question: it is a further turn, or the dialogue before it was over."""
        then, last = self, self.turns
        if task.turns:
            then = then.after(Outcome(Task("dialogue", turns=task.turns - 1), went_on=True))
        elif last is not None:
            then = then.after(Outcome(Task("dialogue", turns=last), went_on=False))
        return replace(then.after(Outcome(task, hit=hit)), turns=task.turns)

    def answered(self, access: str, given: Given) -> Outcomes:
        """With one more answer that can be judged."""
        kept = {**self.answers, access: given}
        return replace(self, answers={each: kept[each] for each in list(kept)[-LAST:]})


_OUTCOMES = TypeAdapter(Outcomes)


async def read(on: Bound) -> Outcomes:
    """What is known of who asks; nothing, if it cannot be read. Raises Unavailable."""
    return _of(await on.vault.ledger.read(KIND, on.caller.user))


async def noted(
    on: Bound, task: Task, given: tuple[tuple[Way, Kind, float], ...], access: str, hit: bool | None
) -> None:
    """A question was answered so; `hit`: the block that was thought to be kept was. Cost: one write."""

    def change(before: Outcomes) -> Outcomes:
        after = before.asked(task, hit)
        return after.answered(access, Given(task.nature, task.turns, _summed(given))) if access and given else after

    try:
        await _change(on, change)
    except MemosError as exc:
        logger.info("nothing is learnt from an answer", extra={"why": str(exc)})


async def judged(on: Bound, access: str, *, good: bool) -> None:
    """As `Memos.feedback`."""
    governance.check_scope(on.caller, "read")
    if on.activations is None and on.adapters is None:
        raise InvalidInput(
            "there is nothing to choose between, so nothing is learnt: an answer can be judged where there is "
            "activation or parametric memory (activation.kind, parametric.kind)"
        )

    def change(before: Outcomes) -> Outcomes:
        given = before.answers.get(access)
        if given is None:
            raise NotFound(
                f"{on.caller.user} has no answer {access!r} that can be judged: give the access of one of the last "
                f"{LAST} (`Answer.recall.access`; `memos ask` shows it), each once"
            )
        left = {each: its for each, its in before.answers.items() if each != access}
        return replace(before.after(replace(given.outcome, good=good)), answers=left)

    await _change(on, change)


async def _change(on: Bound, change: Callable[[Outcomes], Outcomes]) -> None:
    ledger, user = on.vault.ledger, on.caller.user
    for _ in range(_TRIES):
        note = await ledger.read(KIND, user)
        value = _OUTCOMES.dump_python(change(_of(note)), mode="json")
        with contextlib.suppress(Conflict):
            await ledger.write(KIND, user, value, expect=note.revision if note else 0)
            return
    raise Conflict("other processes are noting what came of answers: try again")


def _of(note: Note | None) -> Outcomes:
    with contextlib.suppress(ValidationError):  # of another version of this program
        return Outcomes() if note is None else _OUTCOMES.validate_python(note.value)
    return Outcomes()


def _summed(given: tuple[tuple[Way, Kind, float], ...]) -> tuple[tuple[Way, Kind, float], ...]:
    """The same for what is learnt from it, however many memories it were."""
    sums = dict[tuple[Way, Kind], float]()
    for way, kind, need in given:
        use: tuple[Way, Kind] = (way, "skill" if kind in PROCEDURES else "fact")
        sums[use] = sums.get(use, 0.0) + need
    return tuple((way, kind, round(need, 3)) for (way, kind), need in sums.items())
