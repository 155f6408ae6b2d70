from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.retrieval import measure, message, ranks
from benchmarks.retrieval_data import OWN, OWN2, Dataset, Haystack, Hit, Question, Unit, load, own, score

pytestmark = pytest.mark.anyio

CONTENT = re.compile(r"[a-z]{5,}")
BEARING_NOTHING = frozenset(
    "about after again could doesn having other should their there these those where which".split()
)
STYLES = {"words", "meaning", "who", "when", "multi", "request", "other"}
LONG = "\n\n".join(f"Step {i}: " + "grease the bearing and wait until it turns freely again. " * 12 for i in range(20))


def content(text: str) -> set[str]:
    return set(CONTENT.findall(text.lower())) - BEARING_NOTHING


@pytest.mark.parametrize("haystack", own(), ids=lambda h: h.name)
def test_every_question_of_the_own_haystacks_is_answered_by_turns_of_its_haystack(haystack: Haystack) -> None:
    units = {unit.uid: unit for unit in haystack.units}
    assert len(units) == len(haystack.units) == len({unit.text for unit in haystack.units})
    assert len({q.qid for q in haystack.questions}) == len({q.text for q in haystack.questions}) >= 24
    for question in haystack.questions:
        assert question.category in STYLES
        assert question.gold, question
        assert question.gold <= units.keys(), question


def test_questions_by_meaning_share_no_word_of_weight_with_what_answers_them() -> None:
    shared = {
        question.text: words
        for haystack in own()
        for question in haystack.questions
        if question.category == "meaning"
        for unit in haystack.units
        if unit.uid in question.gold and (words := content(question.text) & content(unit.text))
    }
    assert shared == {}


def test_recall_counts_each_answering_unit_once_and_the_budget_ends_at_the_first_hit_that_does_not_fit() -> None:
    units = {uid: Unit(uid, uid * 400) for uid in ("a", "b", "c")}
    hits = [Hit(units["a"].text, ("a",)), Hit(units["a"].text, ("a",)), Hit("x" * 8000, ("c",)), Hit("b" * 400, ("b",))]
    scores = score(Question("q", "?", frozenset("ab"), "multi"), hits, units, "prov")
    assert (scores["recall@1"], scores["recall@5"]) == (0.5, 1.0)
    assert (scores["all@1"], scores["all@5"]) == (0.0, 1.0)
    assert scores["recall<=1000t"] == 0.5


def test_a_piece_of_a_turn_counts_by_provenance_but_not_verbatim() -> None:
    units = {"a": Unit("a", "Oil the chain.\n\nThen wipe it dry.")}
    question, hits = Question("q", "?", frozenset("a"), "words"), [Hit("[1] user: Oil the chain.", ("a",))]
    assert score(question, hits, units, "prov")["recall@1"] == 1.0
    assert score(question, hits, units, "verbatim")["recall@1"] == 0.0
    whole = [Hit("[1] user: Oil the CHAIN. Then wipe it dry.", ("a",))]
    assert score(question, whole, units, "verbatim")["recall@1"] == 1.0


def test_the_rank_of_an_answer_is_that_of_its_first_memory() -> None:
    hits = [Hit("", ("x",)), Hit("", ("a", "b")), Hit("", ("b",))]
    assert ranks(Question("q", "?", frozenset("abc"), "multi"), hits) == {"a": 2, "b": 2}


async def test_the_pieces_of_a_long_turn_are_found_under_the_turn_they_come_from(tmp_path: Path) -> None:
    units = (
        Unit("1", "The kettle is broken.", "Ada", "2024-05-01", "s1"),
        Unit("2", LONG, "assistant", "2024-05-01", "s1"),
        Unit("3", "The zebra has stripes.", "Ada", "", "s2"),
        Unit("4", "  Nothing else to report today. \n", "user", "", "s2"),
    )
    questions = (
        Question("kettle", "What about the kettle?", frozenset("1"), "words"),
        Question("bearing", "How do I grease the bearing?", frozenset("2"), "words"),
        Question("zebra", "What has stripes?", frozenset("3"), "words"),
        Question("report", "Anything else to report?", frozenset("4"), "words"),
    )
    measured = await measure(Dataset((Haystack("h", units, questions),), score, 1000), ["words"], tmp_path)
    assert measured.writing.memories > len(units)
    answers = {a.question.qid: a for a in measured.answers["words"]}
    assert [answers[qid].ranks for qid in ("kettle", "zebra", "report")] == [{"1": 1}, {"3": 1}, {"4": 1}]
    bearing = answers["bearing"].scores
    assert (bearing["prov"]["recall@5"], bearing["verbatim"]["recall@50"]) == (1.0, 0.0)


async def test_notes_are_remembered_one_by_one_and_a_repeated_one_counts_for_each_that_says_it(tmp_path: Path) -> None:
    units = (
        Unit("1", "Decided: the frame is steel.", when="2024-05-01"),
        Unit("2", "Bolts: 5 Nm, crosswise."),
        Unit("3", "Decided: the frame is steel."),
    )
    question = Question("q", "Which metal is the frame?", frozenset("13"), "words")
    measured = await measure(Dataset((Haystack("h", units, (question,)),), score, 1000), ["words"], tmp_path)
    assert (measured.writing.memories, measured.answers["words"][0].ranks) == (2, {"1": 1, "3": 1})


async def test_a_lane_that_is_not_on_ends_the_benchmark_with_its_name(tmp_path: Path) -> None:
    haystack = Haystack("h", (Unit("1", "Tea.", "Ada"),), ())
    with pytest.raises(SystemExit, match="tarot is not on; there is words"):
        await measure(Dataset((haystack,), score, 1000), ["tarot"], tmp_path)


def test_a_turn_is_sent_with_its_role_or_speaker_and_its_date_if_it_has_one() -> None:
    assert message(Unit("1", "Hi", "user", "", "s")) == {"role": "user", "text": "Hi", "session": "s"}
    sent = {"speaker": "Ada", "text": "Hi", "session": "s", "said_at": "2024-05-01"}
    assert message(Unit("1", "Hi", "Ada", "2024-05-01", "s")) == sent


def test_a_missing_folder_ends_the_benchmark_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="locomo needs --eval DIR"):
        load("locomo", None)
    with pytest.raises(SystemExit, match=r"beam is not in .*there is no .*datasets\.py"):
        load("beam", tmp_path)


def test_the_own_haystacks_are_written_one_turn_a_line() -> None:
    files = {haystack.name: folder / f"{haystack.name}.json" for folder in (OWN, OWN2) for haystack in own(folder)}
    for haystack in (*own(), *own(OWN2)):
        path = files[haystack.name]
        lines = [line.strip().rstrip(",") for line in path.read_text("utf-8").splitlines()]
        rows = [line for line in lines if line.startswith('{"id"')]
        assert len(rows) == len(haystack.units) + len(haystack.questions)
        assert all(json.loads(row)["id"] for row in rows)
