"""What a question wants, whom it is about and when, in the many ways people ask."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from memos_mcp.interface.intent import understood
from memos_mcp.search import MemoryCall

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TWO = ("Melanie", "Caroline")


def call(question: str, people: Collection[str] = (), asker: str = "") -> MemoryCall:
    return understood(question, now=NOW, people=people, asker=asker)


@pytest.mark.parametrize(
    "question",
    [
        "Can you recommend a hotel in Porto?",
        "Recommend a show for tonight",
        "recommend something to read",
        "Suggest a recipe with lentils.",
        "Any tips for a first marathon?",
        "What should I cook on Sunday?",
        "Should we take the train or the car?",
        "Can I get some ideas for a birthday party?",
        "How do I keep basil alive?",
        "What are some good places to eat near the station?",
        "Please plan a weekend in Turin",
        "Give me three names for a cat",
        "Write a poem about the sea.",
        "Help me choose a bicycle",
        "I'm looking for a new phone. Any advice?",
        "I need a gift for my sister. What would be suitable?",
        "I’m planning a trip to Kyoto. Are there any museums?",
        "Could you find a dentist who is open late?",
        "What would be a fun thing to do this weekend?",
        "I bought a tent last year. Can you suggest where to use it?",
        "Is it safe to travel with a kitten?",
    ],
)
def test_advice_and_work_are_requests(question: str) -> None:
    assert call(question).question_kind == "request"


@pytest.mark.parametrize(
    "question",
    [
        "Where did I park the car?",
        "where did i park the car",
        "When is my dentist appointment?",
        "What did you recommend for Porto?",
        "Which hotel had you suggested?",
        "Can you remind me what the recipe was?",
        "Do you remember the name of the hotel you recommended?",
        "What was the best restaurant we went to?",
        "How many books have I read this year?",
        "Tell me what I said about the ferry",
        "Who is the landlord?",
        "What is the name of the cat?",
        "locker number",
        "Which tips did you give me for the marathon?",
        "What ideas did we have for the party?",
        "In our last conversation, what was the plan for Turin?",
        "Summarise what I told you about the boat",
        "",
    ],
)
def test_what_happened_or_was_said_is_recall(question: str) -> None:
    found = call(question)
    assert found.question_kind == "recall"
    assert found.probes == ((question, 1.0),)


@pytest.mark.parametrize(
    "question",
    [
        "What did you recommend for Porto?",
        "What was your advice about the lease?",
        "You mentioned a museum in Lyon, which one?",
        "Which of the books you suggested is about whales?",
        "Have you told me the opening times?",
    ],
)
def test_what_the_assistant_said_is_its_own(question: str) -> None:
    assert call(question).subject == ("assistant",)


@pytest.mark.parametrize("question", ["Where is my passport?", "What should I cook?", "Do I like tea?"])
def test_else_a_question_is_about_the_user(question: str) -> None:
    assert call(question).subject == ("user",)


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What does Melanie paint?", ("Melanie",)),
        ("what does melanie paint?", ("Melanie",)),
        ("What is Melanie's favourite colour?", ("Melanie",)),
        ("What is Melanie’s favourite colour?", ("Melanie",)),
        ("what is melanie's favourite colour?", ("Melanie",)),
        ("What does Mel paint?", ("Melanie",)),
        ("Is Mel's studio open?", ("Melanie",)),
        ("Did Caroline meet Melanie?", ("Melanie", "Caroline")),
        ("Did Melanie (the painter) call?", ("Melanie",)),
        ("MELANIE", ("user",)),
        ("What does Carol paint?", ("Caroline",)),
        ("What did Ben paint?", ("user",)),
        ("What did the caroline islands look like?", ("user",)),
        ("Where is Melanies house?", ("user",)),
        ("Mel, Carol: who paints?", ("user",)),
        ("Do Mel and Carol paint?", ("Melanie", "Caroline")),
        ("Did Melanie do what you suggested?", ("Melanie",)),
    ],
)
def test_a_question_is_about_whom_it_names(question: str, named: tuple[str, ...]) -> None:
    assert call(question, TWO).subject == named


@pytest.mark.parametrize(
    ("question", "people", "named"),
    [
        ("Will it rain tomorrow?", ("Will",), ("user",)),
        ("will it rain tomorrow?", ("Will",), ("user",)),
        ("What does Will think of the boat?", ("Will",), ("Will",)),
        ("Is it Will's boat?", ("Will",), ("Will",)),
        ("What happened in May?", ("May",), ("user",)),
        ("Since May, how often did I run?", ("May",), ("user",)),
        ("I need help. May I use the boat?", ("May",), ("user",)),
        ("Tell me. Will it rain?", ("Will",), ("user",)),
        ("What happened in June?", ("June",), ("user",)),
        ("When did June call?", ("June",), ("June",)),
        ("What did May say in May?", ("May",), ("May",)),
        ("May I use the boat?", ("May",), ("user",)),
        ("What does May think of the boat?", ("May",), ("May",)),
        ("What did Mark buy?", ("Mark",), ("Mark",)),
        ("Which exam did I mark?", ("Mark",), ("user",)),
        ("When did Grace call?", ("Grace",), ("Grace",)),
        ("How long is the grace period?", ("Grace",), ("user",)),
        ("What did we do in Jan?", ("Janet", "Marcus"), ("user",)),
        ("Where was I on Mon?", ("Monica",), ("user",)),
        ("What does Jan think?", ("Janet",), ("Janet",)),
        ("What does Ada like?", ("ada",), ("ada",)),
        ("What does ada like?", ("ada",), ("ada",)),
        ("What did Dr. Smith say?", ("Dr. Smith",), ("Dr. Smith",)),
        ("What did O'Brien say?", ("O'Brien",), ("O'Brien",)),
        ("What did O’Brien say?", ("O'Brien",), ("O'Brien",)),
        ("What did Jean-Luc order?", ("Jean-Luc",), ("Jean-Luc",)),
        ("What did Ada Lovelace write?", ("Ada Lovelace",), ("Ada Lovelace",)),
        ("What did user_1 write?", ("user_1",), ("user_1",)),
        ("Was hat Łukasz gesagt?", ("Łukasz",), ("Łukasz",)),
        ("What is new?", ("😀", " ", "-"), ("user",)),
        ("What did the user say?", ("user", "assistant", "Ada"), ("user",)),
        ("What did the tool say?", ("tool", "web", "document", "system"), ("user",)),
    ],
)
def test_names_that_are_words_and_names_of_all_kinds(question: str, people: tuple[str, ...], named: tuple[str]) -> None:
    assert call(question, people).subject == named


def test_the_user_goes_by_his_own_name_too() -> None:
    assert call("Where is my key?", ("Ada", "Ben"), "ada").subject == ("user", "Ada")
    assert call("Where is my key?", ("Ben",), "ada").subject == ("user",)
    assert call("Where is Ben's key?", ("Ada", "Ben"), "ada").subject == ("Ben",)
    assert call("What did you tell me?", ("Ada", "Ben"), "ada").subject == ("assistant",)


def test_what_names_somebody_is_no_request() -> None:
    assert call("What would Melanie recommend?", TWO).question_kind == "recall"


def test_a_request_is_also_put_as_statements_of_both_leanings() -> None:
    found = call("Can you recommend a quiet hotel in Porto?")
    assert found.probes == (
        ("Can you recommend a quiet hotel in Porto?", 1.0),
        ("I prefer quiet hotel porto", 0.5),
        ("I avoid quiet hotel porto", 0.5),
    )
    assert found.query == found.asked == "Can you recommend a quiet hotel in Porto?"


def test_a_request_without_a_topic_is_only_itself() -> None:
    assert call("Any tips for me?").probes == (("Any tips for me?", 1.0),)


def test_the_time_asked_for_is_an_interval() -> None:
    during = call("What did I do last week?").during
    assert during is not None
    assert (during.start, during.end) == (datetime(2026, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    assert call("What did Melanie paint in May 2023?", TWO).during is not None
    assert call("Where is my key?").during is None


def test_a_request_hangs_on_no_time() -> None:
    assert call("What should I cook next Sunday?").during is None


@pytest.mark.parametrize("question", ["?" * 50, "\u200b", "你好吗", "a" * 5000 + "?", "I " * 3000, "'s", "’"])
def test_any_text_is_understood(question: str) -> None:
    assert call(question, (*TWO, "Will")).query == question


@pytest.mark.parametrize(
    ("question", "only"),
    [
        ("What did I do last March?", True),
        ("What happened on 3 June 2025?", True),
        ("What went on yesterday evening?", True),
        ("What did I say about the boiler last March?", False),
        ("Which dentist did I see last week?", False),
        ("What do I like?", False),
    ],
)
def test_a_question_that_asks_only_for_a_time_is_known(question: str, only: bool) -> None:
    assert understood(question, now=datetime(2026, 11, 21, tzinfo=UTC)).only_time == only
