"""A question is answered by a real adapter, where the choice says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos_mcp.interface import outcomes
from memos_mcp.operation.choosing_terms import Task
from tests.unit.parametric.test_following import ASKED, TOLD, opened, trained

pytestmark = pytest.mark.anyio


async def test_where_text_was_bad_an_answer_comes_from_what_was_learnt(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        for text in TOLD:
            await memos.remember(text)
        release = await trained(memos)
        for number in range(12):
            on = memos._on  # pyright: ignore[reportPrivateUsage]
            await outcomes.noted(on, Task("fact"), (("text", "fact", 0.9),), f"access{number}", None)
            await memos.feedback(f"access{number}", good=False)
        answer = await memos.ask(ASKED)
        assert (answer.via, answer.model, answer.fallback) == ("adapter", release.name, "")
        assert "Lisbon" in answer.text
        items = {item.id for item in (await memos.audit.answer(answer.recall.access)).items}
        assert items >= {ref.id for ref in release.sources}
