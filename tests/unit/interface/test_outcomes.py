"""What came of answers is noted, and what is noted is what the choice goes by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.activation import Source
from memos_mcp.answers import Via
from memos_mcp.interface import outcomes
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.outcomes import KIND, LAST, Outcomes
from memos_mcp.operation.choosing_learning import Learnt
from memos_mcp.operation.choosing_terms import Task
from tests.activations import Table, remembering
from tests.choices import HOW, asking, told, trained
from tests.learners import Learner

pytestmark = pytest.mark.anyio

ASKED = "Which tea does Ada like?"
NEW = Learnt()


def silent(sources: Sequence[Source], prompt: str) -> str:
    del sources, prompt
    return ""


def on(memos: Memos) -> Bound:
    return memos._on  # pyright: ignore[reportPrivateUsage]


async def learnt(memos: Memos) -> Learnt:
    return (await outcomes.read(on(memos))).learnt


async def kept(memos: Memos) -> None:
    await memos.kv.build((await memos.remember("Ada likes green tea.")).ids)


async def test_a_block_that_is_there_is_a_hit_and_one_that_was_lost_is_none(tmp_path: Path) -> None:
    table = Table()
    async with remembering(tmp_path, table) as memos:
        await kept(memos)
        assert (await memos.ask(ASKED)).via == "prefix"
        once = await learnt(memos)
        assert once.hit() > NEW.hit()
        table.kept.clear()
        assert (await memos.ask(ASKED)).via == "prefix", "it is read again"
        assert (await learnt(memos)).hit() < once.hit()


async def test_words_say_nothing_of_blocks(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        assert (await memos.ask(ASKED)).via == "text"
        assert (await learnt(memos)).hits.of == 0


async def test_a_dialogue_that_goes_on_is_expected_to_and_one_that_ends_is_not(tmp_path: Path) -> None:
    question = Task("fact")
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        for _ in range(4):
            await memos.ask(ASKED)
            await memos.ask("And in the morning?", turns=[ASKED])
        going = (await learnt(memos)).more(question)
        assert going > NEW.more(question)
        for _ in range(9):
            await memos.ask(ASKED)
        assert (await learnt(memos)).more(question) < going


async def test_nothing_is_noted_of_a_question_to_which_nothing_was_found_or_said(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table(says=silent)) as memos:
        assert (await memos.ask(ASKED)).via == "none"
        assert await outcomes.read(on(memos)) == Outcomes()
        await memos.remember("Ada likes green tea.")
        answer = await memos.ask(ASKED)
        assert answer.missing
        with pytest.raises(NotFound):
            await memos.feedback(answer.recall.access, good=True)


async def test_the_last_answers_can_be_judged_and_none_before_them(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        first = (await memos.ask(ASKED)).recall.access
        before = await outcomes.read(on(memos))
        for number in range(LAST):
            before = before.answered(f"access{number}", before.answers[first])
        assert list(before.answers) == [f"access{number}" for number in range(LAST)]


async def test_an_answer_that_was_given_in_words_counts_for_words(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        answer = await memos.ask(ASKED)
        await memos.feedback(answer.recall.access, good=False)
        after = await learnt(memos)
        assert after.fidelity("text", "fact", "fact") < NEW.fidelity("text", "fact", "fact")
        for way in ("prefix", "adapter"):
            assert after.fidelity(way, "fact", "fact") == NEW.fidelity(way, "fact", "fact")


async def test_a_note_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        await on(memos).vault.ledger.write(KIND, "ada", {"answers": "of the future"})
        answer = await memos.ask(ASKED)
        assert answer.text
        await memos.feedback(answer.recall.access, good=True)
        assert (await learnt(memos)).effects


async def test_answers_at_the_same_time_are_all_noted(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await kept(memos)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(memos.ask, ASKED)
        assert len((await outcomes.read(on(memos))).answers) == 5


async def test_who_may_not_read_judges_nothing(tmp_path: Path) -> None:
    async with remembering(tmp_path, Table()) as memos:
        await memos.remember("Ada likes green tea.")
        access = (await memos.ask(ASKED)).recall.access
        writer = memos.acting_as(Caller("ada", scopes=("write",)))
        with pytest.raises(Denied, match="scope"):
            await writer.feedback(access, good=True)


# --- what follows


async def judged(memos: Memos, times: int, *, good: Sequence[Via]) -> list[Via]:
    """In which way it was answered so many times; answers given in one of these are said to be good, others bad."""
    vias: list[Via] = []
    for _ in range(times):
        answer = await memos.ask(HOW)
        await memos.feedback(answer.recall.access, good=answer.via in good)
        vias.append(answer.via)
    return vias


async def test_an_adapter_whose_answers_are_bad_is_left_for_text_and_a_good_one_is_kept(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        await trained(memos, await told(memos))
        assert set(await judged(memos, 6, good=["adapter", "text"])) == {"adapter"}
        vias = await judged(memos, 9, good=["text"])
        assert vias[0] == "adapter"
        assert set(vias[5:]) == {"text"}
        found = await memos.recall(HOW, explain=True)
        assert found.plan is not None
        assert "against" in found.plan.given, "the share of either is said"


async def test_what_others_say_of_their_answers_changes_nobody_elses(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        await trained(memos, await told(memos, path="shared/team"))
        ben = memos.acting_as(Caller("ben"))
        assert (await judged(ben, 9, good=["text"]))[-1] == "text"
        assert (await memos.ask(HOW)).via == "adapter"


async def test_only_who_asked_judges_an_answer_and_only_once(tmp_path: Path) -> None:
    async with asking(tmp_path, None, Learner()) as (memos, _):
        await told(memos, path="shared/team")
        access = (await memos.ask(HOW)).recall.access
        with pytest.raises(NotFound, match="ben has no answer"):
            await memos.acting_as(Caller("ben")).feedback(access, good=False)
        await memos.feedback(access, good=True)
        with pytest.raises(NotFound, match="each once"):
            await memos.feedback(access, good=True)
        with pytest.raises(NotFound, match="memos ask"):
            await memos.feedback("nobodys0", good=True)


async def test_where_there_is_no_choice_nothing_is_noted_or_judged(tmp_path: Path) -> None:
    async with asking(tmp_path) as (memos, _):
        await told(memos)
        answer = await memos.ask(HOW)
        assert await memos._on.vault.ledger.list("choice") == []  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(InvalidInput, match=r"activation\.kind"):
            await memos.feedback(answer.recall.access, good=True)


async def test_no_word_is_noted(tmp_path: Path) -> None:
    async with asking(tmp_path, Table(), Learner()) as (memos, _):
        await trained(memos, await told(memos))
        await memos.ask(HOW, turns=["The kettle is on."])
        (note,) = await memos._on.vault.ledger.list("choice")  # pyright: ignore[reportPrivateUsage]
        assert not [word for word in ("tea", "kettle", "brew", "pot") if word in str(note.value)]
