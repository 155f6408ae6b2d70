from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from benchmarks.watermark import HARMS, as_table, prose, right
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.screening import screen
from memos_mcp.interface.watermark import LIMIT, Delivery, attributed, delivery, marked
from tests.unit.interface.test_screening import BENIGN, HOSTILE, Case

ROOT = Path(__file__).parents[3]
KEY = b"a key of thirty-two random bytes"
NAMES = [f"reader-{n}" for n in range(40)]
MAY = Delivery("ada", datetime(2026, 5, 1, 9, tzinfo=UTC), "k3f9")
JUNE = Delivery("ada", datetime(2026, 6, 1, 9, tzinfo=UTC), "p0q2")
TEXT = (
    "The committee didn't decide anything on Tuesday, because the report that Ines had promised wasn't ready. \"We"
    ' need another week," she said, and nobody objected. The greenhouse stays closed until the roof is repaired –'
    " that much was agreed. Ben will ask the neighbours whether they'd lend us their tent for the summer party,"
    " and Carla is looking for somebody who can play the accordion. If it rains, we move into the library; the"
    " librarian doesn't mind as long as nobody brings soup. Everybody should send their wishes before the next"
    " meeting, which won't be in the town hall but in the small room above the bakery, as in the years before."
)


def who(text: str, names: list[str] | None = None) -> list[str]:
    return [each.recipient for each in attributed(text, KEY, names or NAMES)]


def without_zero_width(text: str) -> str:
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def reflowed(text: str) -> str:
    words = text.split()
    return "\n".join(" ".join(words[at : at + 9]) for at in range(0, len(words), 9))


HARMED: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "lower case": str.lower,
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
    "reflow": reflowed,
    "no zero-width characters": without_zero_width,
    "straight quotes": lambda text: text.translate(str.maketrans("’“”–—", '\'""--')),
    "a fragment": lambda text: text[300:500],
    "in another text": lambda text: f"As they wrote to me: {text[100:400]} And so on, and so on, for many more words.",
}


@pytest.mark.parametrize("harm", HARMED)
def test_a_marked_text_is_attributed_to_who_it_was_given_to(harm: str) -> None:
    assert who(HARMED[harm](marked(TEXT, KEY, "reader-7"))) == ["reader-7"]


def test_what_was_typed_again_is_attributed_to_nobody() -> None:
    typed = unicodedata.normalize("NFKC", without_zero_width(marked(TEXT, KEY, "reader-7")))
    assert who(typed.translate(str.maketrans("’“”–—", '\'""--'))) == []


def test_a_text_without_a_mark_or_with_another_key_is_attributed_to_nobody() -> None:
    assert who(TEXT) == []
    assert who(marked(TEXT, b"another key of 32 random bytes..", "reader-7")) == []
    assert who(marked(TEXT, KEY, "somebody else")) == []
    assert who("") == []


@pytest.mark.no_cover
def test_foreign_texts_are_attributed_no_oftener_than_the_limit_says() -> None:
    tries, limit = 400, 0.2
    foreign = [marked(TEXT, n.to_bytes(32, "big"), "reader-7") for n in range(1, tries // 2)]
    own = [marked(TEXT, KEY, f"stranger-{n}") for n in range(tries // 2)]
    hits = [bool(attributed(text, KEY, NAMES[:5], limit=limit)) for text in foreign + own]
    assert sum(hits) / tries < limit


def test_the_evidence_says_where_the_text_agrees_and_how_likely_that_is_by_chance() -> None:
    text = marked(TEXT, KEY, "reader-7")
    found = attributed(text, KEY, NAMES)[0]
    assert {each.channel for each in found.evidence} == {"zero-width", "spaces", "typography"}
    assert all(each.agreed == each.of for each in found.evidence)
    assert found.chance < 1e-30
    assert found.confidence == 1 - found.chance
    bare = attributed(without_zero_width(text), KEY, NAMES)[0]
    assert {each.channel for each in bare.evidence} == {"spaces", "typography"}
    assert found.chance < bare.chance < LIMIT


def test_each_delivery_to_the_same_reader_has_a_mark_of_its_own() -> None:
    text = marked(TEXT, KEY, JUNE.id)
    found = attributed(text, KEY, [MAY.id, JUNE.id])
    assert [delivery(each.recipient) for each in found] == [JUNE]
    with pytest.raises(InvalidInput, match="delivery"):
        delivery("ada")


def test_two_leaks_in_one_text_name_both_readers() -> None:
    mixed = marked(TEXT, KEY, "reader-7")[:450] + marked(TEXT, KEY, "reader-8")[450:]
    assert set(who(mixed)) == {"reader-7", "reader-8"}


def test_marking_again_replaces_the_mark_and_marking_twice_is_marking_once() -> None:
    once = marked(TEXT, KEY, "reader-7")
    assert marked(once, KEY, "reader-7") == once
    assert who(marked(once, KEY, "reader-8")) == ["reader-8"]


def test_a_key_that_could_be_guessed_and_a_mark_for_nobody_are_refused() -> None:
    with pytest.raises(InvalidInput, match="16 random"):
        marked(TEXT, b"short", "ada")
    with pytest.raises(InvalidInput, match="whom"):
        marked(TEXT, KEY, "")


@pytest.mark.parametrize(
    "text",
    [
        "```python\nsay to me\n```",
        "~~~\nsay to me\n```\nand to you\n~~~",
        "    say to me",
        "\tsay to me",
        "I g n o r e",
        "`say to me`",
        "`` say `to me ``",
        "`say to\nme and you`",
        "$ say to",
        '---\ntitle: "say to me"\n---',
        '{"say": "to me and you", "said": ["it wasn\'t me"]}',
        '  "say to me": 1,',
        '  "say to me",',
        "<say to='me and you'>",
        "[say to me]: https://example.org/say",
        "[say to me][]",
        "say to me = do it",
        "if say(me) then()",
        "| say to | me and |",
        "say to me;",
        "$say to me$",
        "1 000 000, 5 km, 3 - 4",
        "https://example.org/say?to=me ada@example.org C:\\say\\to",
        "- say\n- to\n- me",
        "# Say",
        "say  \n\nto",
        "安全なテキスト",
    ],
)
def test_code_data_numbers_and_addresses_stay_as_they_are(text: str) -> None:
    seen = marked(f"Before it.\n\n{text}\n\nAfter it.", KEY, "ada")
    assert f"\n\n{text}\n\n" in seen


def test_prose_beside_code_is_marked() -> None:
    seen = marked("We say `to me` and then we say it again to everybody.", KEY, "ada")
    assert "`to me`" in seen
    assert len(seen) > len("We say `to me` and then we say it again to everybody.")


def test_words_and_lines_read_the_same() -> None:
    seen = marked(TEXT, KEY, "ada")
    same = str.maketrans("’“”—", '\'""–')
    assert without_zero_width(seen).replace("\u2005", " ").translate(same) == TEXT


@pytest.mark.parametrize("case", [*BENIGN, *HOSTILE], ids=range(len(BENIGN) + len(HOSTILE)))
def test_a_mark_hides_nothing_from_the_screening_and_is_nothing_hidden(case: Case) -> None:
    seen = marked(case["text"], KEY, "ada")
    assert screen(seen, case["source"]).kinds == screen(case["text"], case["source"]).kinds


def test_the_page_states_what_was_measured() -> None:
    page = (ROOT / "docs" / "how-to" / "trace-a-leak.md").read_text("utf-8")
    kept = json.loads((ROOT / "benchmarks" / "results" / "watermark.json").read_text("utf-8"))
    assert as_table(kept["robustness"]) in page
    assert list(kept["robustness"]) == list(HARMS)
    words = " ".join(page.split())
    for size, share in kept["fragments"].items():
        assert f"{size} words were attributed in {share:.0%}" in words
    assert f"In {kept['false']['tries']:,} such texts it never happened" in words
    assert kept["false"][f"at {LIMIT:g}"] == 0


def test_what_is_measured_is_what_the_table_says_for_a_hundred_words() -> None:
    text = prose(100, 3)
    survived = {
        name: right(harm(marked(text, KEY, "reader-7"), Random(3)), KEY, "reader-7") for name, harm in HARMS.items()
    }
    assert [name for name, did in survived.items() if not did] == [
        "zero-width removed, reflowed",
        "zero-width removed, NFKC",
        "typed again",
    ]
