"""The labelled pairs through the API: what is put away or ended should be, and says what it said."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.consolidation import labelled
from memos_mcp.cube import State
from tests.unit.test_consolidation import opened, stored

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]


@pytest.mark.parametrize("part", ["tuned", "held_out"])
async def test_of_what_is_put_away_or_ended_at_least_nineteen_of_twenty_should_be(tmp_path: Path, part: str) -> None:
    pairs, ids = labelled(part), dict[tuple[int, int], str]()
    async with opened(tmp_path) as memos:
        for number, pair in enumerate(pairs):
            for which, text in enumerate(pair.texts):
                said, path = (pair.old, pair.new)[which], f"user/ada/pair{number}"
                one = await memos.remember(text, path=path, speaker=said.speaker, said_at=said.said_at)
                ids[number, which] = one.ids[0]
        await memos.settle()
        done = wrong = 0
        for number, pair in enumerate(pairs):
            old, new = await stored(memos, ids[number, 0]), await stored(memos, ids[number, 1])
            joined, ended = new.state is State.ARCHIVED, bool(old.valid or new.valid)
            done += joined or ended
            wrong += joined and pair.relation not in ("duplicate", "paraphrase")
            wrong += ended and pair.relation != "update"
            firsts = [(await memos.history(cube.id))[0].cube for cube in (old, new)]
            assert [first and first.text for first in firsts] == [old.text, new.text]
    assert done >= 35
    assert wrong <= done / 20
