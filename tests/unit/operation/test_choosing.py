"""As what a memory reaches the model: the rules of the paper, and what tips the scales."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing import KNOWN, Known, choose, expected_again
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_learning import Learnt, Outcome, Share, learned
from memos_mcp.operation.choosing_terms import (
    Adapter,
    Budgets,
    Choice,
    Dispatch,
    Fit,
    Means,
    Nature,
    Prefix,
    Rules,
    Task,
    Way,
)
from memos_mcp.search import Intent

ROOM = Means(free=10**9)
FACT, TALK, WORK = Task("fact"), Task("dialogue", turns=3), Task("procedure")


def ref(id: str, version: int = 1) -> Ref:
    return Ref(id=id, version=version)


def fit(id: str, tokens: int = 300, need: float = 0.8, **more: object) -> Fit:
    return replace(Fit(ref(id), tokens, need), **more)


def adapter(*ids: str, **more: object) -> Adapter:
    return replace(Adapter("work@1", tuple(ref(id) for id in ids), 10**6, loaded=True), **more)


def ways(plan: Dispatch) -> dict[str, Way]:
    return {each.ref.id: each.way for each in plan.choices}


def only(plan: Dispatch) -> Choice:
    (choice,) = plan.choices
    return choice


@pytest.mark.claim("5.4.2-09")
def test_for_a_question_about_a_fact_a_memory_is_text() -> None:
    found = only(choose(FACT, [fit("tea")], ROOM))
    assert (found.way, found.tokens) == ("text", 300)
    assert "further uses are expected, and keeping it pays from 0.5 on" in found.reason


@pytest.mark.claim("5.4.2-07")
def test_in_a_dialogue_it_is_kept_as_read_and_there_for_the_next_turn() -> None:
    first = choose(TALK, [fit("tea"), fit("boat")], ROOM)
    assert ways(first) == {"tea": "prefix", "boat": "prefix"}
    assert (first.kept, first.read) == (0, 600)
    later = choose(TALK, [fit("tea"), fit("boat")], replace(ROOM, prefixes=(Prefix(first.prefix),)))
    assert (later.kept, later.read, later.texts) == (2, 0, ())
    assert later.seconds < first.seconds
    assert all(each.held and "instead of" in each.reason for each in later.choices)


@pytest.mark.claim("5.4.2-08")
def test_for_procedures_an_adapter_that_has_it_comes_before_text_and_for_facts_it_does_not() -> None:
    skill, means = fit("steps", kind="skill"), replace(ROOM, adapters=(adapter("steps"),))
    plan = choose(WORK, [skill], means)
    assert (only(plan).way, plan.adapter, plan.read) == ("adapter", "work@1", 0)
    assert ways(choose(WORK, [skill], ROOM)) == {"steps": "text"}
    assert ways(choose(FACT, [fit("steps")], means)) == {"steps": "text"}


@pytest.mark.claim("4.1-27")
def test_one_plan_mixes_the_three_types() -> None:
    fits = [fit("steps", kind="skill"), fit("manual", 900, kind="document"), fit("price", 30)]
    fits[2] = replace(fits[2], changed=5.0, pace=60.0)
    means = replace(ROOM, adapters=(adapter("steps"),), prefixes=(Prefix((ref("manual"),), under="work@1"),))
    plan = choose(replace(WORK, turns=2), fits, means)
    assert ways(plan) == {"steps": "adapter", "manual": "prefix", "price": "text"}


def test_an_adapter_is_not_worth_the_prefix_that_was_read_without_it() -> None:
    fits = [fit("steps", kind="skill"), fit("manual", 3000, kind="document")]
    means = replace(ROOM, adapters=(adapter("steps"),), prefixes=(Prefix((ref("manual"),)),))
    plan = choose(WORK, fits, means)
    assert ways(plan) == {"steps": "text", "manual": "prefix"}
    assert "would take longer or make useless what is kept" in plan.choices[0].reason


@pytest.mark.claim("5.4.2-01")
@pytest.mark.parametrize("uses", [1, 1000])
def test_what_keeps_changing_is_neither_kept_nor_trained_however_often_it_is_used(uses: int) -> None:
    price = fit("price", uses=uses, sessions=uses, expected=float(uses), changed=30.0, pace=600.0, kind="skill")
    means = replace(ROOM, adapters=(adapter("price"),), prefixes=(Prefix((ref("price"),)),))
    for task in (FACT, TALK, WORK):
        found = only(choose(task, [price], means))
        assert found.way == "text"
        assert found.reason.startswith("it keeps changing, every 10 min, last 30 s ago")
    calm = replace(price, changed=3 * 600.0)
    assert only(choose(TALK, [calm], ROOM)).way == "prefix"


def test_what_changes_each_week_is_kept_but_not_trained() -> None:
    rule = fit("rule", kind="skill", changed=86_400.0, pace=7 * 86_400.0)
    means = replace(ROOM, adapters=(adapter("rule"),))
    assert ways(choose(WORK, [rule], means)) == {"rule": "text"}
    assert ways(choose(TALK, [rule], means)) == {"rule": "prefix"}


@pytest.mark.claim("5.4.2-06")
def test_what_is_of_short_use_or_of_this_session_stays_text_even_in_a_dialogue() -> None:
    plan = choose(TALK, [fit("code", ends=600.0), fit("said", here=True), fit("lasting", ends=9e6)], ROOM)
    assert ways(plan) == {"code": "text", "said": "text", "lasting": "prefix"}
    assert plan.choices[0].reason.startswith("it ends in 10 min")
    assert plan.choices[1].reason.startswith("it was said in this session")
    assert plan.choices[0].place.where == "question"


@pytest.mark.claim("5.4.2-11")
def test_uses_in_several_sessions_are_kept_sooner_than_as_many_in_one() -> None:
    once, often = (fit("rule", uses=6, sessions=n, expected=0.9) for n in (1, 6))
    assert expected_again(once, FACT) < expected_again(often, FACT)
    assert only(choose(replace(FACT, tokens=60), [replace(once, need=0.1)], ROOM)).way == "text"
    assert only(choose(replace(FACT, tokens=60), [replace(often, need=0.1)], ROOM)).way == "prefix"


@pytest.mark.claim("5.4.2-17", "4.2-26")
def test_what_is_barred_goes_nowhere_and_takes_what_has_a_part_of_it_along() -> None:
    means = replace(ROOM, adapters=(adapter("steps", "old"),), prefixes=(Prefix((ref("old"), ref("tea"))),))
    old = fit("old", barred="it is archived")
    plan = choose(WORK, [fit("steps", kind="skill"), old, fit("tea")], means)
    assert ways(plan) == {"steps": "text", "old": "out", "tea": "text"}
    assert (plan.kept, plan.adapter) == (0, "")
    assert "- old version 1: left out; it is archived" in str(plan)


def test_an_adapter_that_is_barred_or_of_another_version_is_not_used() -> None:
    skill = fit("steps", kind="skill")
    for each in (adapter("steps", barred="a source was erased"), replace(adapter(), sources=(ref("steps", 2),))):
        assert ways(choose(WORK, [skill], replace(ROOM, adapters=(each,)))) == {"steps": "text"}


def test_what_may_not_be_kept_in_another_form_is_text() -> None:
    secret = fit("card", closed="it is sensitive (CARD), and is kept in no other form", kind="skill")
    means = replace(ROOM, adapters=(adapter("card"),), prefixes=(Prefix((ref("card"),)),))
    assert [only(choose(task, [secret], means)).way for task in (FACT, TALK, WORK)] == ["text"] * 3


@pytest.mark.claim("5.4.2-03")
def test_a_small_window_takes_what_is_likeliest_for_its_tokens_and_weights_for_the_rest() -> None:
    fits = [fit("big", 900, 0.8, kind="skill"), fit("small", 100, 0.8, kind="skill")]
    wide = choose(FACT, fits, replace(ROOM, window=2000, adapters=(adapter("big"),)))
    tight = choose(FACT, fits, replace(ROOM, window=700, adapters=(adapter("big"),)))
    assert ways(wide) == {"big": "text", "small": "text"}
    assert ways(tight) == {"big": "adapter", "small": "text"}
    assert "as text there is no room for it: the window of 700 tokens is full" in tight.choices[0].reason


@pytest.mark.claim("5.4.2-04")
def test_without_free_bytes_nothing_is_kept_anew_and_no_adapter_loaded() -> None:
    full = Means(free=0, adapters=(adapter("steps", loaded=False),))
    assert ways(choose(TALK, [fit("tea")], full)) == {"tea": "text"}
    assert "only 0 MB are free" in only(choose(TALK, [fit("tea")], full)).reason
    skill = fit("steps", 900, kind="skill")
    assert ways(choose(WORK, [skill], full)) == {"steps": "text"}
    assert ways(choose(WORK, [skill], replace(full, free=10**6))) == {"steps": "adapter"}
    assert ways(choose(WORK, [skill], replace(full, adapters=(adapter("steps", loaded=True),)))) == {"steps": "adapter"}


def test_of_what_pays_that_which_is_wanted_most_gets_the_room() -> None:
    fits = [fit("rare", need=0.5), fit("often", need=0.9)]
    plan = choose(TALK, fits, replace(ROOM, free=300 * ROOM.per_token))
    assert ways(plan) == {"rare": "text", "often": "prefix"}


def test_nothing_is_kept_anew_beyond_the_rate() -> None:
    found = only(choose(TALK, [fit("tea")], ROOM, Budgets(builds=0)))
    assert (found.way, found.reason) == ("text", "keeping it would pay, but no more may be kept now")


@pytest.mark.claim("5.4.2-14")
def test_the_plan_says_where_each_memory_is_injected() -> None:
    fits = [fit("tea", 20, 0.9, here=True), fit("boat", 20, 0.3, here=True), fit("manual", 900)]
    means = replace(ROOM, prefixes=(Prefix((ref("manual"),)),))
    plan = choose(FACT, fits, means)
    assert [str(each.place) for each in plan.choices] == [
        "in the prompt, as text 2 before the question",
        "in the prompt, as text 1 before the question",
        "at the start of the prompt, as part 1 of the prefix",
    ]
    assert (plan.prefix, plan.texts) == ((ref("manual"),), (ref("boat"), ref("tea")))
    trained = choose(WORK, [fit("steps", kind="skill")], replace(ROOM, adapters=(adapter("steps"),)))
    assert str(only(trained).place) == "in the weights, by adapter work@1"
    assert str(only(choose(FACT, [fit("far", 3000, 0.01)], ROOM)).place) == "nowhere"


@pytest.mark.claim("5.4.2-15")
def test_under_load_what_is_seldom_needed_is_not_read() -> None:
    manual = fit("manual", 2000, 0.2)
    assert only(choose(FACT, [manual], ROOM)).way == "text"
    found = only(choose(FACT, [manual], replace(ROOM, load=9.0)))
    assert found.way == "out"
    assert found.reason.startswith("at 20% it is needed too seldom for")


@pytest.mark.claim("5.4.2-15")
def test_where_kept_prefixes_are_mostly_lost_nothing_is_kept_under_load() -> None:
    busy, talk = replace(ROOM, load=4.0), fit("tea", need=0.5)
    assert only(choose(TALK, [talk], busy)).way == "prefix"
    lost = Learnt(hits=Share(1.0, 60.0))
    assert only(choose(TALK, [talk], busy, known=replace(KNOWN, learnt=lost))).way == "text"


@pytest.mark.claim("5.4.2-15")
def test_what_was_learnt_of_answers_moves_a_procedure_back_to_text() -> None:
    skill, learnt = fit("steps", kind="skill"), Learnt()
    means = replace(ROOM, adapters=(adapter("steps"),))
    for _ in range(40):
        learnt = learned(learnt, Outcome(WORK, (("adapter", "skill", 0.8),), good=False))
    found = only(choose(WORK, [skill], means, known=Known(learnt=learnt)))
    assert found.way == "text"


def test_a_question_that_is_mostly_followed_by_others_is_kept_at_once() -> None:
    learnt = Learnt()
    for turn in range(60):
        learnt = learned(learnt, Outcome(Task("fact", turns=turn % 3), went_on=True))
    assert only(choose(FACT, [fit("tea")], ROOM, known=Known(learnt=learnt))).way == "prefix"


@pytest.mark.parametrize("intent", ["remember", "update", "forget"])
def test_what_asks_nothing_of_a_model_is_given_nothing(intent: Intent) -> None:
    found = only(choose(replace(FACT, intent=intent), [fit("tea")], ROOM))
    assert (found.way, found.reason) == ("out", f"to {intent} asks nothing of a model")


@pytest.mark.claim("5.1-15")
def test_chat_takes_rules_alone_and_a_list_no_weights() -> None:
    chat = choose(replace(FACT, intent="none"), [fit("tea"), fit("manners", kind="instruction")], ROOM)
    assert ways(chat) == {"tea": "out", "manners": "text"}
    skill, means = fit("steps", kind="skill"), replace(ROOM, adapters=(adapter("steps"),))
    assert ways(choose(replace(WORK, intent="list"), [skill], means)) == {"steps": "text"}


def test_the_time_until_the_answer_is_a_budget_and_what_is_small_comes_back_in() -> None:
    fits = [fit("a", 1500, 0.9), fit("b", 1400, 0.85), fit("c", 40, 0.02)]
    plan = choose(FACT, fits, ROOM, Budgets(seconds=0.5))
    assert plan.seconds <= 0.5
    assert ways(plan) == {"a": "out", "b": "text", "c": "text"}
    assert "the answer is to begin within 0.5 s" in plan.choices[0].reason


def test_tokens_that_are_read_are_a_budget_and_those_that_are_kept_are_none() -> None:
    fits, held = [fit("a"), fit("b")], replace(ROOM, prefixes=(Prefix((ref("a"),)),))
    plan = choose(FACT, fits, held, Budgets(tokens=200))
    assert ways(plan) == {"a": "prefix", "b": "out"}
    assert plan.choices[1].reason == "there is no room for it: 200 tokens of memories are the budget"


def test_without_a_form_that_it_may_have_a_memory_is_left_out() -> None:
    kept = Known(rules=Rules(forms=frozenset({"prefix"})))
    assert ways(choose(TALK, [fit("tea"), fit("said", here=True)], ROOM, known=kept)) == {
        "tea": "prefix",
        "said": "out",
    }
    assert ways(choose(TALK, [fit("tea")], replace(ROOM, free=0), known=kept)) == {"tea": "out"}
    read = Known(rules=Rules(forms=frozenset({"text"})))
    assert only(choose(TALK, [fit("tea")], ROOM, known=read)).reason == "it is read when it is needed"


def test_a_question_that_is_itself_too_long_is_given_nothing() -> None:
    plan = choose(replace(FACT, tokens=9000), [fit("tea")], ROOM)
    assert (ways(plan), plan.read) == ({"tea": "out"}, 0)


def test_a_kept_prefix_is_used_as_far_as_it_fits() -> None:
    held = replace(ROOM, prefixes=(Prefix((ref("a"), ref("b"), ref("gone"), ref("c"))),))
    plan = choose(FACT, [fit("a"), fit("b"), fit("c")], held)
    assert (plan.prefix, plan.kept, plan.read) == ((ref("a"), ref("b")), 2, 300)
    assert choose(FACT, [replace(fit("a"), ref=ref("a", 2))], held).kept == 0
    assert choose(FACT, [fit("a"), fit("b")], replace(held, window=700)).kept == 1


@pytest.mark.parametrize(("way", "nature"), [("text", "fact"), ("prefix", "dialogue"), ("adapter", "procedure")])
def test_one_type_alone_can_be_had_to_compare_with(way: Way, nature: Nature) -> None:
    alone = Known(rules=Rules(forms=frozenset({way}), least=0.0), costs=replace(COSTS, building=0.0))
    fits = [fit("steps", kind="skill"), fit("tea")]
    plan = choose(Task(nature), fits, replace(ROOM, adapters=(adapter("steps"),)), known=alone)
    assert set(ways(plan).values()) <= {way, "out"}
    assert ways(plan)["steps"] == way


@pytest.mark.claim("5.4.2-02")
def test_a_plan_is_explained_in_a_line_for_each_memory() -> None:
    plan = choose(TALK, [fit("tea"), fit("far", 3000, 0.01)], ROOM)
    head, tea, far = str(plan).split("\n")
    assert head == (
        "a dialogue of several turns: the answer begins after about 0.082 s, "
        "300 tokens of memories are read, 300 of the window are taken"
    )
    assert tea.startswith("- tea version 1: prefix, at the start of the prompt, as part 1 of the prefix; ")
    assert far == "- far version 1: left out; at 1% it is needed too seldom for 0.83 s of reading"


def test_costs_follow_the_speed_of_a_model() -> None:
    fast = COSTS.at_speed(COSTS.token / 10)
    assert fast.reading(1000, 500) == pytest.approx(COSTS.reading(1000, 500) / 10)
    assert fast.trained(100) == pytest.approx(COSTS.trained(100) / 10)
    assert fast.attach == COSTS.attach
