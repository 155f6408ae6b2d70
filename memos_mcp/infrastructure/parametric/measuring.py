"""The exam of an adapter: held-out questions and unrelated text, before and after."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from memos_mcp.cube import Ref
from memos_mcp.infrastructure.parametric.adapted import Adapted
from memos_mcp.infrastructure.parametric.asking import Asking, Asks
from memos_mcp.infrastructure.parametric.rows import Row, loss, row_of, scores
from memos_mcp.parametric import Figures, Lesson, Pair, SourceFigures

_FOILS = 3


@dataclass(frozen=True, slots=True)
class _Rows:
    held: list[Row]
    learnt: list[Row]


class Exam:
    """What is asked, and what the model said before it learnt."""

    def __init__(
        self,
        adapted: Adapted,
        asking: Asking,
        lesson: Lesson,
        control: Sequence[Row],
        name: str,
        asks: Asks | None = None,
    ) -> None:
        """`asks` is how an adapter is asked, where that is not as its base is. Raises InvalidInput (an empty pair)."""
        self._adapted, self._asks, self._name = adapted, asks or asking, name
        self._control = control
        self._held = [each for each in lesson.pairs if each.held_out]
        learnt = [each for each in lesson.pairs if not each.held_out]
        self._base = _Rows(_rows(asking, self._held), _rows(asking, learnt))
        self._now = _Rows(_rows(self._asks, self._held), _rows(self._asks, learnt))
        self._foils = [[self.row(each.question, wrong) for wrong in foils(each, lesson.pairs)] for each in self._held]
        self._was: tuple[list[float], float, float] = ([], 0.0, 0.0)

    def row(self, question: str, answer: str) -> Row:
        """A question and its answer as ids. Raises InvalidInput if one of them is empty."""
        return row_of(self._asks, question, answer)

    def before(self) -> None:
        """Ask the base."""
        self._was = self._asked(self._base, None)

    def figures(self, steps: int, stopped: str) -> Figures:
        """Ask it again with what was learnt."""
        held, trained, control = self._asked(self._now, self._name)
        won = self._recognised(held)
        was_held, was_trained, was_control = self._was
        return Figures(
            sources=tuple(
                self._of(source, was_held, held, won) for source in dict.fromkeys(p.source for p in self._held)
            ),
            trained_before=round(was_trained, 5),
            trained_after=round(trained, 5),
            control_before=round(was_control, 5),
            control_after=round(control, 5),
            steps=steps,
            stopped=stopped,
        )

    def _asked(self, rows: _Rows, name: str | None) -> tuple[list[float], float, float]:
        held = scores(self._adapted, rows.held, name)
        return (
            held,
            statistics.fmean(scores(self._adapted, rows.learnt, name)),
            loss(self._adapted, self._control, name),
        )

    def _recognised(self, held: Sequence[float]) -> list[bool | None]:
        flat = scores(self._adapted, [row for rows in self._foils for row in rows], self._name)
        found: list[bool | None] = []
        for right, rows in zip(held, self._foils, strict=True):
            wrong, flat = flat[: len(rows)], flat[len(rows) :]
            found.append(right > max(wrong) if wrong else None)
        return found

    def _of(self, source: Ref, was: Sequence[float], now: Sequence[float], won: Sequence[bool | None]) -> SourceFigures:
        its = [at for at, pair in enumerate(self._held) if pair.source == source]
        known = [float(each) for at in its if (each := won[at]) is not None]
        return SourceFigures(
            source,
            round(statistics.fmean(was[at] for at in its), 5),
            round(statistics.fmean(now[at] for at in its), 5),
            round(statistics.fmean(known), 5) if known else None,
        )


def _rows(asks: Asks, pairs: Sequence[Pair]) -> list[Row]:
    return [row_of(asks, each.question, each.answer) for each in pairs]


def foils(pair: Pair, pairs: Sequence[Pair]) -> list[str]:
    """Wrong answers to a question: those of other sources to the questions most like it."""
    words = set(pair.question.casefold().split())

    def likeness(other: Pair) -> tuple[int, str]:
        shared = len(words & set(other.question.casefold().split()))
        return -shared, hashlib.sha256(f"{pair.question}\0{other.answer}".encode()).hexdigest()

    others = sorted((each for each in pairs if each.source != pair.source), key=likeness)
    right = {_plain(each.answer) for each in pairs if each.source == pair.source}
    return list(dict.fromkeys(each.answer for each in others if _plain(each.answer) not in right))[:_FOILS]


def _plain(answer: str) -> str:
    return " ".join(answer.casefold().split()).strip(" .")
