"""From a question and memories to the terms of the choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memos_mcp.cube import Governance, Interval, MemCube, Origin, Plaintext, State
from memos_mcp.interface.intent import call_of
from memos_mcp.interface.understanding import meant
from memos_mcp.operation.choosing import choose
from memos_mcp.operation.choosing_reading import fit_of, task_of
from memos_mcp.operation.choosing_terms import Fit, Means, Task
from memos_mcp.operation.paths import MemoryPathResolver
from memos_mcp.operation.scheduling import Block
from memos_mcp.operation.uses import Use, Uses
from memos_mcp.ports import Caller
from memos_mcp.search import MemoryCall, Turn

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADA = Caller("ada")


def asked(question: str, *turns: str, fits: tuple[Fit, ...] = ()) -> Task:
    said = [Turn(text, by_user=number % 2 == 0) for number, text in enumerate(turns)]
    call = call_of(meant(question, said, now=NOW), now=NOW)
    return task_of(call, MemoryPathResolver(lambda _: ()).goal(call), said, fits)


def cube(**more: object) -> MemCube:
    made = NOW - timedelta(days=100)
    plain = MemCube(
        id="m1", path="user/ada", created_at=made, updated_at=made, payload=Plaintext(text="Ada likes tea.")
    )
    return plain.model_copy(update=more)


def fit(memory: MemCube, caller: Caller = ADA, *, session: str | None = None, sessions: int = 0) -> Fit:
    found = fit_of(memory, 0.8, caller, NOW, session=session, sessions=sessions)
    assert found is not None
    return found


@pytest.mark.claim("5.4.2-13", "5.1-15")
def test_what_a_task_is_follows_from_the_call_its_goal_and_the_turns_before() -> None:
    assert asked("Where does Yusuf live?").nature == "fact"
    talk = asked("And where does he work?", "Where does Yusuf live?", "In Porto.")
    assert (talk.nature, talk.turns, talk.intent) == ("dialogue", 1, "retrieve")
    assert talk.tokens > asked("And where does he work?").tokens
    work = asked("How do I descale the kettle?", "Where is the kettle?", "In the kitchen.")
    assert (work.nature, work.goal.fact) == ("procedure", "manner")
    assert asked("Forget that I like tea").intent == "forget"


@pytest.mark.claim("5.4.2-13")
def test_the_same_memory_is_dispatched_as_the_call_wants_it() -> None:
    memory = (fit(cube()),)
    room = Means(free=10**9)
    talk = asked("And what else does she like?", "What does Ada drink?", "Tea.")
    ways = [choose(task, memory, room).choices[0].way for task in (asked("What does Ada like?"), talk)]
    assert ways == ["text", "prefix"]
    assert choose(asked("Forget that I like tea"), memory, room).choices[0].way == "out"


def test_advice_that_mostly_documents_and_skills_fit_is_expert_work() -> None:
    skill, fact = fit(cube(kind="skill")), fit(cube(id="m2"))
    question = "Can you recommend a way to store tea?"
    assert asked(question, fits=(skill,)).nature == "procedure"
    assert asked(question, fits=(fact,)).nature == "fact"


def test_a_call_that_nobody_understood_is_a_question() -> None:
    assert task_of(MemoryCall("tea", "tea"), MemoryPathResolver(lambda _: ()).goal(MemoryCall("tea", "tea"))) == Task(
        "fact", goal=MemoryPathResolver(lambda _: ()).goal(MemoryCall("tea", "tea")), tokens=1
    )


@pytest.mark.claim("5.4.2-17")
@pytest.mark.parametrize(
    ("memory", "why"),
    [
        (cube(state=State.ARCHIVED), "it is archived"),
        (cube(state=State.EXPIRED), "it is expired"),
        (cube(quarantined=("injection",)), "it is in quarantine: injection"),
    ],
)
def test_what_its_state_forbids_is_barred_and_not_dispatched(memory: MemCube, why: str) -> None:
    barred = fit(memory)
    assert barred.barred == why
    assert choose(Task("dialogue", turns=2), [barred], Means(free=10**9)).choices[0].way == "out"


@pytest.mark.claim("4.2-26", "5.4.2-17")
@pytest.mark.parametrize(
    ("memory", "caller"),
    [
        (cube(), Caller("eve")),
        (cube(path="shared/team", governance=Governance(denied=("ada",))), ADA),
        (cube(governance=Governance(contexts=("purpose:care",))), ADA),
        (cube(governance=Governance(expires_at=NOW)), ADA),
    ],
)
def test_what_the_caller_may_not_use_in_this_context_or_any_more_is_no_candidate(
    memory: MemCube, caller: Caller
) -> None:
    assert fit_of(memory, 0.8, caller, NOW) is None


def test_in_its_context_it_is_one() -> None:
    care = Caller("ada", context=("purpose:care",))
    assert fit(cube(governance=Governance(contexts=("purpose:care",))), care).barred == ""


def test_what_is_sensitive_or_masked_is_kept_in_no_other_form() -> None:
    assert fit(cube(governance=Governance(sensitivity=("EMAIL",)))).closed.startswith("it is sensitive (EMAIL)")
    assert fit(cube(hidden=("EMAIL",))).closed.startswith("the caller sees it with marks")
    assert fit(cube()).closed == ""


def test_how_often_it_changes_and_when_it_ends_is_taken_from_the_memory() -> None:
    assert (fit(cube()).changed, fit(cube()).pace, fit(cube()).ends) == (None, None, None)
    changed = fit(cube(version=11, updated_at=NOW - timedelta(days=50)))
    assert (changed.changed, changed.pace) == (50 * 86_400, 5 * 86_400)
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(days=1)
    assert fit(cube(governance=Governance(expires_at=later), valid=Interval(end=soon))).ends == 3600
    assert fit(cube(valid=Interval(end=NOW - timedelta(days=1)))).ends is None


def test_what_was_said_in_this_session_is_known_as_such_until_it_is_used_in_another() -> None:
    said = cube(origin=Origin(session="s1"))
    assert fit(said, session="s1").here
    assert not fit(said, session="s1", sessions=2).here
    assert not fit(said, session="s2").here
    assert not fit(cube(), session=None).here


def test_expected_uses_are_those_of_the_scheduler() -> None:
    uses = Uses()
    for id in ("m1", "m2"):
        uses.known(Block(id, 1, 100, 10, 1.0, 1.0))
    for number in range(20):
        uses.used(Use("m1" if number % 4 else "m2", float(number)))
    outlook = uses.now(20.0).outlook
    often, rarely = (
        fit_of(cube(), 0.8, ADA, NOW, block=uses.blocks[id], outlook=outlook, sessions=3) for id in ("m1", "m2")
    )
    assert often is not None
    assert rarely is not None
    assert (often.uses, rarely.uses, often.sessions) == (15, 5, 3)
    assert often.expected > rarely.expected > 0
