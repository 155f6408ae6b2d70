from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from memos_mcp.cube import Activation, MemCube, Origin, Payload, Plaintext, Ref
from memos_mcp.errors import Unavailable
from memos_mcp.operation.pairs import authored, supported, written
from memos_mcp.parametric import Pair

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cube(text: str, id: str = "one", speaker: str = "", key: str | None = None, meaning: str = "") -> MemCube:
    payload: Payload = Plaintext(text=text)
    return MemCube(
        id=id,
        path="user/ada",
        created_at=NOW,
        updated_at=NOW,
        payload=payload,
        key=key,
        meaning=meaning,
        origin=Origin(speaker=speaker or None),
    )


def asked(pairs: Sequence[Pair]) -> dict[str, str]:
    return {pair.question: pair.answer for pair in pairs}


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("Ada likes green tea.", "What does Ada like?", "green tea"),
        ("Ada likes green tea.", "Who likes green tea?", "Ada"),
        ("Ada is allergic to peanuts.", "What is Ada allergic to?", "peanuts"),
        ("Ben moved to Lisbon.", "Where does Ben live?", "Lisbon"),
        ("Clara works at Nokia.", "Who employs Clara?", "Nokia"),
        ("Grace is a doctor.", "What is Grace?", "doctor"),
        ("My sister Clara works at Nokia.", "Who is the sister of the user?", "Clara"),
        ("The wifi password of the cabin is tulip7.", "What is the wifi password of the cabin?", "tulip7"),
        ("The key lies under the red pot.", "Where lies the key?", "under the red pot"),
        ("The meeting with Dora is on Friday at 3 pm.", "When is the meeting with Dora?", "on Friday at 3 pm"),
        ("My bike is in the cellar.", "Where is the user's bike?", "in the cellar"),
        ("We deploy every Tuesday with make ship.", 'Complete: "We deploy every Tuesday"', "with make ship."),
    ],
)
def test_a_statement_is_asked_for_in_its_own_terms(text: str, question: str, answer: str) -> None:
    its = written([cube(text)]).pairs
    assert asked(its)[question] == answer
    assert all(pair.source == Ref(id="one", version=1) for pair in its)
    assert {pair.held_out for pair in its} == {True, False}


def test_who_says_i_is_named() -> None:
    its = asked(written([cube("I like cycling. My bike is in the cellar.", speaker="Ada")]).pairs)
    assert its["What does Ada like?"] == "cycling"
    assert its["Where is Ada's bike?"] == "in the cellar"


def test_a_memory_under_a_key_and_with_a_gist_is_asked_for_by_them() -> None:
    its = asked(written([cube("tulip7", key="wifi_password", meaning="how to get online")]).pairs)
    assert its["What is kept as wifi password?"] == "tulip7"
    assert its["What is known about how to get online?"] == "tulip7"


def test_what_several_memories_list_is_answered_with_all_of_it_and_held_by_each() -> None:
    its = written([cube("Ada likes green tea.", "tea"), cube("Ada likes jazz and chess.", "more")]).pairs
    lists = [pair for pair in its if pair.question == "What does Ada like?"]
    assert [(pair.source.id, pair.answer) for pair in lists] == [
        ("tea", "green tea, jazz and chess"),
        ("more", "green tea, jazz and chess"),
    ]


def test_memories_that_contradict_each_other_are_left_out_and_said() -> None:
    its = written([cube("Ben lives in Lisbon.", "a"), cube("Ben lives in Porto.", "b"), cube("Ada likes tea.", "c")])
    assert {pair.source.id for pair in its.pairs} == {"c"}
    assert [(ref.id, "says otherwise" in why) for ref, why in its.left_out] == [("a", True), ("b", True)]


def test_what_two_memories_answer_differently_is_asked_of_neither() -> None:
    its = written([cube("Ada works at Nokia.", "a"), cube("Ben works at Nokia.", "b")]).pairs
    assert "Who works at Nokia?" not in asked(its)
    assert asked(its)["Where does Ada work?"] == "Nokia"


def test_what_has_no_words_is_left_out_and_said() -> None:
    kv = cube("x").model_copy(update={"id": "kv", "payload": Activation(sources=(), fingerprint="f", tokens=1)})
    assert [ref.id for ref, _ in written([cube("Hello", "hello"), kv]).left_out] == ["hello", "kv"]


class Writer:
    """Writes what it is told to."""

    def __init__(self, pairs: Sequence[Pair] | None) -> None:
        self.pairs = pairs

    async def write(self, text: str, source: Ref) -> Sequence[Pair]:
        if self.pairs is None:
            raise Unavailable("the model does not answer")
        return self.pairs


@pytest.mark.anyio
async def test_an_author_adds_questions_but_no_facts() -> None:
    source = Ref(id="somebody else", version=9)
    writer = Writer(
        [
            Pair("What may Ada sip?", "Green tea.", source),
            Pair("What is her beverage?", "green tea", source, held_out=True),
            Pair("What does Ada hate?", "coffee", source),
            Pair("", "green tea", source),
            Pair("Well?", "is it on the", source),
        ]
    )
    its = (await authored([cube("Ada likes green tea.")], writer)).pairs
    new = {pair.question for pair in its} - set(asked(written([cube("Ada likes green tea.")]).pairs))
    assert new == {"What may Ada sip?", "What is her beverage?"}
    assert {pair.source.id for pair in its} == {"one"}


@pytest.mark.anyio
async def test_where_an_author_fails_templates_stand_in() -> None:
    cubes = [cube("Ada likes green tea."), cube("", "empty")]
    assert await authored(cubes, Writer(None)) == written(cubes)


def test_an_answer_is_made_of_words_of_its_text() -> None:
    def said(answer: str) -> bool:
        return supported(Pair("Q?", answer, Ref(id="a")), "The key lies under the red pot.")

    assert said("Under the RED pot!")
    assert not said("under the blue pot")
    assert not said("yes")
