"""What was trained of questions that an author wrote is known again, although he would write others now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from memos_mcp.cube import Ref
from memos_mcp.parametric import Budget, Pair
from tests.learners import Learner
from tests.unit.interface.test_adapting import its, learning, names, taught, wanted

pytestmark = pytest.mark.anyio


class Asking:
    """An author whose questions are others every time."""

    def __init__(self) -> None:
        self.asked = 0

    async def write(self, text: str, source: Ref) -> Sequence[Pair]:
        self.asked += 1
        return [Pair(f"What is said, {self.asked}{more}?", text, source, bool(more)) for more in ("", " again")]


async def test_the_same_is_trained_once_whatever_an_author_would_ask(tmp_path: Path) -> None:
    learner, author = Learner(), Asking()
    async with learning(tmp_path, learner, author=author) as (memos, ids):
        first = await taught(memos, ids)
        asked = author.asked
        assert asked == len(ids)
        await taught(memos, ids[:2])
        assert await names(memos) == ["house@2"]
        again = await taught(memos, ids[::-1])
        assert (again.known, again.release, again.report) == (True, first.release, first.report)
        assert (await names(memos), author.asked, len(learner.trained)) == (["house@1"], asked + 2, 2)
        for want in (wanted(ids, "other"), replace(wanted(ids), budget=Budget(steps=41)), wanted(ids, by="eve")):
            assert not (await its(memos).train(want, [await memos.get(id) for id in ids])).known
        learner.kept.clear()
        assert not (await taught(memos, ids)).known  # it was lost
        await memos.update(ids[0], "Ada is allergic to prawns.")
        assert not (await taught(memos, ids)).known
