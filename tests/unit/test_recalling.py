"""Recall with conditions, with what was said before, and with the plan by which its answer was found."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos_mcp import Caller, InvalidInput, Memos
from memos_mcp.answers import Recall
from memos_mcp.cube import Interval
from memos_mcp.search import Turn
from tests.words_only import words_only
from tests.worlds import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with words_only(tmp_path, Clock()) as system:
        yield system


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def texts(found: Recall) -> list[str]:
    return [cube.text for cube in found.cubes]


async def fill(memos: Memos, number: int) -> None:
    """So many memories of nothing but tea."""
    await memos.remember([f"Tea number {each} is green tea, and tea again." for each in range(number)], tags=["drink"])


@pytest.mark.claim("5.4.1-07")
async def test_only_what_has_the_tag_or_is_of_the_time_is_found(memos: Memos) -> None:
    await memos.remember("The doctor measured 140 to 90.", tags=["health"], said_at=day("2025-05-02"))
    await memos.remember("The doctor is on holiday.", tags=["work"], said_at=day("2025-05-03"))
    await memos.remember("The doctor measured 120 to 80.", tags=["health"], said_at=day("2023-05-02"))
    assert texts(await memos.recall("doctor", where="tag:health AND during:2025")) == ["The doctor measured 140 to 90."]
    assert len((await memos.recall("doctor", where="tag:health")).cubes) == 2
    assert texts(await memos.recall("doctor", where='before:"last year"')) == ["The doctor measured 120 to 80."]


@pytest.mark.claim("5.4.1-08")
async def test_conditions_are_joined_by_and_or_and_not(memos: Memos) -> None:
    for tags in (["a"], ["b"], ["a", "b"], ["c"]):
        await memos.remember(f"Tea with {' and '.join(tags)}.", tags=tags)
    asked = {
        "tag:a AND tag:b": {"Tea with a and b."},
        "tag:a NOT tag:b": {"Tea with a."},
        "tag:c OR (tag:b AND NOT tag:a)": {"Tea with c.", "Tea with b."},
    }
    for where, expected in asked.items():
        assert set(texts(await memos.recall("tea", where=where))) == expected
        assert {cube.text for cube in (await memos.browse(where=where)).cubes} == expected


@pytest.mark.claim("5.4.1-10")
async def test_conditions_and_words_are_one_query(memos: Memos) -> None:
    await memos.remember("My blood pressure was high.", tags=["health"], said_at=day("2025-05-02"))
    await memos.remember("I slept badly.", tags=["health"], said_at=day("2025-05-03"))
    await memos.remember("The tyre pressure was low.", tags=["car"], said_at=day("2025-05-04"))
    found = await memos.recall("", where='tag:health AND during:"last year" "blood pressure"')
    assert texts(found) == ["My blood pressure was high.", "I slept badly."]
    both = await memos.recall("What was low?", where="pressure (kind:fact OR kind:event)")
    assert both.call.query == "What was low? pressure"
    assert (await memos.recall("", where='text:"tyre pressure"')).question == "tyre pressure"


async def test_a_query_without_words_ranks_nothing_and_says_so(memos: Memos) -> None:
    with pytest.raises(InvalidInput, match="the question is empty"):
        await memos.recall("", where="tag:health")
    with pytest.raises(InvalidInput, match="no field 'tga'"):
        await memos.recall("tea", where="tga:health")


async def test_what_fulfils_the_conditions_is_found_however_far_down_it_ranks(memos: Memos) -> None:
    await memos.remember("A cup of tea helped.", tags=["health"])
    await fill(memos, 120)
    await memos.remember("No word in common.", tags=["health"])
    found = await memos.recall("green tea", where="tag:health", limit=5, explain=True)
    assert texts(found) == ["A cup of tea helped.", "No word in common."]
    assert not found.stopped
    assert found.plan is not None
    assert [(step.kind, step.found) for step in found.plan.steps] == [("rank", 0), ("deepen", 1), ("scan", 2)]


async def test_enough_found_ends_the_search(memos: Memos) -> None:
    await fill(memos, 30)
    found = await memos.recall("green tea", where="tag:drink", limit=5, explain=True)
    assert found.plan is not None
    assert [step.found for step in found.plan.steps] == [5, None, None]


async def test_a_search_that_stopped_early_says_so(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    await memos.remember("Long ago.", tags=["health"])
    await fill(memos, 20)
    monkeypatch.setattr("memos_mcp.operation.paths._FURTHER", (("deepen", 100), ("scan", 10)))
    found = await memos.recall("zeppelin", where="tag:health")
    assert (texts(found), found.stopped) == ([], True)


async def test_recall_and_lists_show_no_state_that_they_leave_out(memos: Memos) -> None:
    (id,) = (await memos.remember("Old tea.")).ids
    await memos.lifecycle.move([id], "archive")
    assert texts(await memos.recall("tea", where="state:archived")) == []
    assert (await memos.browse(where="state:archived")).cubes == ()


async def test_pages_of_a_list_with_conditions_go_on_where_the_last_one_ended(memos: Memos) -> None:
    for number in range(9):
        await memos.remember(f"Note {number}.", tags=["odd" if number % 2 else "even"])
    seen: list[str] = []
    after = 0
    while True:
        page = await memos.browse(where="tag:odd", limit=2, after=after)
        seen += [cube.text for cube in page.cubes]
        if not (after := page.after):
            break
    assert seen == ["Note 7.", "Note 5.", "Note 3.", "Note 1."]
    assert [cube.text for cube in (await memos.browse(where="note 3 tag:odd")).cubes] == ["Note 3."]


async def test_a_condition_tells_nothing_of_what_is_not_open_to_the_asker(memos: Memos) -> None:
    (id,) = (await memos.remember("A secret tea.", path="shared/team", tags=["health"])).ids
    await memos.remember("A tea for all.", path="shared/team", tags=["health"])
    await memos.acl.change([id], readers=("ada",))
    eve = memos.acting_as(Caller("eve"))
    for where in ("tag:health", "text:secret", "NOT text:secret", "speaker:ada OR tag:health"):
        assert "A secret tea." not in texts(await eve.recall("tea", where=where))
        assert id not in {cube.id for cube in (await eve.browse(where=where)).cubes}


@pytest.mark.parametrize(
    "turns",
    [
        [Turn("My dentist is Dr Lindqvist.")],
        ["My dentist is Dr Lindqvist."],
        [{"role": "user", "content": "My dentist is Dr Lindqvist."}, {"role": "assistant", "content": "Noted."}],
    ],
)
async def test_what_a_question_refers_to_is_looked_for_in_the_turns_before_it(
    memos: Memos, turns: Sequence[Turn | str | dict[str, str]]
) -> None:
    await memos.remember(["I saw Dr Lindqvist in May.", "I saw the sea in June.", "I saw Mara in July."])
    found = await memos.recall("When did I last see her?", turns=turns)
    assert found.cubes[0].text == "I saw Dr Lindqvist in May."
    assert found.call.asked == "When did I last see her?"
    assert found.call.query == "When did I last see Dr Lindqvist?"
    alone = await memos.recall("When did I last see her?")
    assert alone.call.query == alone.call.asked


@pytest.mark.parametrize("turns", [[3], [{"content": 3}], [{"role": 1, "content": "x"}], ["x"] * 1001, ["\0"]])
async def test_turns_of_another_shape_are_refused(memos: Memos, turns: Sequence[Turn]) -> None:
    with pytest.raises(InvalidInput):
        await memos.recall("tea", turns=turns)


@pytest.mark.claim("5.3.1-05")
async def test_the_call_that_was_made_of_a_question_comes_with_the_answer(memos: Memos) -> None:
    found = await memos.recall("Remind me what the doctor said about my medication during last year's hospitalisation")
    meaning = found.call.understanding
    assert meaning is not None
    assert (meaning.intent, meaning.anchor, meaning.entities) == ("retrieve", "hospitalisation", ("doctor",))
    assert meaning.during == found.call.during == Interval(start=day("2025-01-01"), end=day("2026-01-01"))


async def stayed_in_hospital(memos: Memos) -> None:
    said = {
        "2025-03-10": "My hospitalisation began today.",
        "2025-03-12": "The doctor said to take the medication with food.",
        "2025-03-13": "Still in hospitalisation, the food is bad.",
        "2025-09-01": "The doctor said to take the medication in the morning.",
        "2021-06-01": "My first hospitalisation.",
    }
    for at, text in said.items():
        await memos.remember(text, said_at=day(at))


@pytest.mark.claim("5.4.1-14", "5.4.1-15", "5.4.1-16")
async def test_a_plan_says_what_is_searched_where_and_in_which_order_and_is_followed(memos: Memos) -> None:
    await stayed_in_hospital(memos)
    question = "What did the doctor say about my medication during last year's hospitalisation?"
    found = await memos.recall(question, path="user/ada", explain=True, where="NOT tag:work")
    assert found.plan is not None
    goal, steps = found.plan.goal, found.plan.steps
    assert goal.topics[0] == "health"
    assert {"doctor", "medication"} <= set(goal.concepts)
    assert goal.fact == "statement"
    assert [step.kind for step in steps] == ["episode", "rank", "deepen", "scan"]
    assert steps[0].outcome == "it was from 2025-03-10 to 2025-03-14"
    assert found.call.during == Interval(start=day("2025-03-10"), end=day("2025-03-14"))
    assert [text for text in texts(found) if "doctor" in text] == [
        "The doctor said to take the medication with food.",
        "The doctor said to take the medication in the morning.",
    ]
    assert "1. find when 'hospitalisation' was" in found.explained
    assert found.explained.count("user/ada") == 4
    assert (await memos.recall(question)).plan is None


async def test_an_event_that_no_memory_names_leaves_the_year(memos: Memos) -> None:
    await memos.remember("The doctor said no.", said_at=day("2025-03-12"))
    found = await memos.recall("What did the doctor say during last year's hospitalisation?", explain=True)
    assert found.call.during == Interval(start=day("2025-01-01"), end=day("2026-01-01"))
    assert "no memory says when it was" in found.explained


async def test_a_time_that_is_given_is_not_looked_for(memos: Memos) -> None:
    await stayed_in_hospital(memos)
    then = Interval(start=day("2025-09-01"), end=day("2025-09-02"))
    found = await memos.recall("What was said during the hospitalisation?", during=then, explain=True)
    assert found.plan is not None
    assert [step.kind for step in found.plan.steps] == ["rank"]
    assert found.call.during == then


async def test_a_question_without_an_event_is_one_search(memos: Memos) -> None:
    await memos.remember("Ada likes green tea.")
    found = await memos.recall("Which tea does Ada like?", explain=True)
    assert found.plan is not None
    assert [(step.kind, step.found) for step in found.plan.steps] == [("rank", 1)]
    assert found.plan.goal.fact == "tea"


async def test_the_past_and_branches_are_asked_with_conditions_too(memos: Memos) -> None:
    (id,) = (await memos.remember("Green tea.", tags=["a"])).ids
    await memos.timeline.snapshot("then", "user/ada")
    await memos.update(id, "Black tea.", tags=["b"])
    assert texts(await memos.recall("tea", where="tag:a", at="then")) == ["Green tea."]
    assert texts(await memos.recall("tea", where="tag:a")) == []
    await memos.branches.make("what if", "user/ada")
    branch = await memos.on_branch("what if", "user/ada")
    await branch.update(id, "White tea.", tags=["c"])
    assert texts(await branch.recall("tea", where="tag:c")) == ["White tea."]
    assert texts(await memos.recall("tea", where="tag:c")) == []
