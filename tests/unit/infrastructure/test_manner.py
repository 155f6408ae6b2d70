import pytest

from memos_mcp.cube import Origin
from memos_mcp.infrastructure.manner import in_first_person, stance
from memos_mcp.testing import a_cube


@pytest.mark.parametrize(
    "text",
    [
        "I went to Porto",
        "we went to Porto",
        "That is MY boat",
        "It belongs to me.",
        "I'm tired",
        "I’ve seen it",
        "I'd rather stay",
        "so I'll stay",
        "Our cat",
        "We're late",
    ],
)
def test_who_says_i_or_we_tells_of_himself(text: str) -> None:
    assert in_first_person(text)


@pytest.mark.parametrize(
    "text", ["Wow, great!", "You like tea", "The island", "mystery", "Iowa", "", "?", "我", "weather", "ours"]
)
def test_words_that_only_hold_these_letters_do_not(text: str) -> None:
    assert not in_first_person(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("I love green tea", 1),
        ("I love green tea. The boat leaves at noon.", 0.5),
        ("I can't stand noise", 1),
        ("I can’t eat nuts", 1),
        ("My favourite colour is blue", 1),
        ("My favorite colour is blue", 1),
        ("We usually go by train", 1),
        ("Always answer in French", 1),
        ("Please never use emoji!", 1),
        ("Don't call me before nine", 1),
        ("  - always be brief", 1),
        ("I bought a tent", 0),
        ("Ben loves tea", 0),
        ("The best boat", 0),
        ("I saw her twice last year in Porto and she said that Ben is allergic", 0),
        ("", 0),
        ("...", 0),
        ("One.\nI prefer trains\nThree", 1 / 3),
    ],
)
def test_a_stance_is_the_share_of_sentences_that_state_one(text: str, share: float) -> None:
    assert stance(a_cube(text)) == pytest.approx(share)


@pytest.mark.parametrize("speaker", ["assistant", "AI", "Bot", "model"])
def test_an_assistant_has_no_stance(speaker: str) -> None:
    assert stance(a_cube("I love green tea", origin=Origin(speaker=speaker))) == 0
    assert stance(a_cube("I love green tea", origin=Origin(source_class="assistant"))) == 0
    assert stance(a_cube("I love green tea", origin=Origin(speaker="Ada", source_class="assistant"))) == 1


def test_of_a_long_text_the_beginning_counts() -> None:
    assert not in_first_person("word " * 1000 + "I")
    assert stance(a_cube("I love tea. " + "x. " * 1300 + "I love tea. " * 5000)) < 0.01
