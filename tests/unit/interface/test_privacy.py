import json
import sys
from pathlib import Path

import pytest

from benchmarks.privacy import PAGE, PARTS, Count, Labelled, counted, labelled, main, measured, page, table
from memos_mcp.errors import InvalidInput, MissingExtra
from memos_mcp.interface.privacy import CLASSES, Recognisers, recognisers
from tests.costs import growth

LOOK = recognisers(library=False)
SAID = (
    "Caroline moved from Sweden four years ago and works as a counselor now. Last weekend she took the kids to the"
    " lake, where they painted boats and had a long picnic with her friend Melanie, who had just come back from a"
    " charity run in the hills near Boston."
)
CARE = "Dana, SSN 536-22-8147, reach her at (617) 555-0114 or dana@example.org, is allergic to penicillin."


def values(text: str, look: Recognisers = LOOK) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in look.found(text)]


@pytest.fixture(scope="module")
def counts() -> list[Count]:
    return measured()


def test_at_least_nineteen_of_twenty_findings_are_right_and_values_found_in_each_part(counts: list[Count]) -> None:
    for count in counts:
        assert count.precision() >= 0.95
        assert count.recall() >= 0.95
        for name in CLASSES:
            assert count.precision([name]) >= 0.9, name
            assert count.recall([name]) >= 0.9, name


def test_the_table_of_the_documentation_is_what_is_measured(counts: list[Count]) -> None:
    assert page("") != PAGE.read_text("utf-8")
    assert page(table(counts)) == PAGE.read_text("utf-8")


def test_half_of_the_sentences_hold_nothing_and_none_stands_twice() -> None:
    for part, least in (("tuned", 200), ("held_out", 60)):
        sentences = labelled(part)
        assert len(sentences) == len({each.text for each in sentences}) >= least
        assert 0.4 <= sum(not each.there for each in sentences) / len(sentences) <= 0.6
    texts = [{each.text for each in labelled(part)} for part in PARTS]
    assert not texts[0] & texts[1]


@pytest.mark.no_cover
def test_the_library_finds_as_much() -> None:
    pytest.importorskip("phonenumbers")
    for count in measured(library=True):
        assert count.precision() >= 0.95
        assert count.recall() >= 0.95


def test_with_the_library_numbers_of_a_region_need_no_words() -> None:
    pytest.importorskip("phonenumbers")
    text = "Nonna 347 555 0199, zio 347 555 01999999"
    assert values(text) == []
    assert values(text, recognisers(library=True, regions=["IT"])) == [("PHONE", "347 555 0199")]
    assert values("+354 555 014") == [("PHONE", "+354 555 014")]
    assert values("+354 555 014", recognisers(library=True)) == []
    assert recognisers().library


def test_without_the_library_it_is_off_and_asking_for_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    assert not recognisers().library
    with pytest.raises(MissingExtra, match=r"memcube-mcp\[privacy\]"):
        recognisers(library=True)


def test_a_lower_role_sees_the_text_without_what_it_may_not_see() -> None:
    view = LOOK.partial(CARE, {"PHONE"})
    assert view.text == "Dana, SSN [SSN], reach her at (617) 555-0114 or [EMAIL], is allergic to penicillin."
    assert view.kinds == ("EMAIL", "SSN")
    assert LOOK.partial(CARE, CLASSES).text == CARE
    assert LOOK.tagged(CARE) == ("EMAIL", "PHONE", "SSN")


def test_a_place_in_a_view_leads_back_to_the_text() -> None:
    view = LOOK.redacted(CARE, ["SSN"])
    at = view.text.index("dana@")
    assert CARE[slice(*view.original(at, at + 16))] == "dana@example.org"
    inside = view.text.index("SSN]")
    assert CARE[slice(*view.original(inside, inside + 1))] == "536-22-8147"
    assert view.original(0, len(view.text)) == (0, len(CARE))
    assert view.original(0, 0) == (0, 0)


def test_only_the_classes_asked_for_are_taken_out() -> None:
    assert LOOK.redacted(CARE, []).text == CARE
    assert "[SSN]" in LOOK.redacted(CARE, ["SSN"]).text
    assert recognisers(["EMAIL"], library=False).redacted(CARE).kinds == ("EMAIL",)


def test_a_value_goes_wherever_it_stands() -> None:
    text = "The password is Gr33n-Tea! (yes, Gr33n-Tea!, not Gr33n-Tea!s)."
    assert LOOK.redacted(text).text == "The password is [PASSWORD] (yes, [PASSWORD], not [PASSWORD]s)."


def test_values_side_by_side_are_all_found() -> None:
    cards = " ".join(["4111111111111111", "5555555555554444"] * 40)
    assert LOOK.redacted(cards).text == " ".join(["[CARD]"] * 80)
    long = f"{SAID} " * 20 + "5.5.5.5 4111111111111111 " * 60
    assert LOOK.redacted(long).text == f"{SAID} " * 20 + "[IP] [CARD] " * 60
    assert LOOK.redacted(LOOK.redacted(long).text).text == LOOK.redacted(long).text


@pytest.mark.parametrize("before", ["", f"{SAID} " * 20])
def test_a_value_that_another_hid_is_found_when_that_is_gone(before: str) -> None:
    text = f"{before}5.5.5.5 0049 221 4710 999 too. {before}"
    assert LOOK.redacted(text).text == f"{before}[IP] [PHONE] too. {before}"
    assert [kind for kind, _ in values(text)] == ["IP", "PHONE"]


def test_a_value_around_a_mark_goes_with_it() -> None:
    assert LOOK.redacted("The password is 7x[EMAIL]yz99.").text == "The password is [PASSWORD]."
    assert LOOK.redacted("ok").text == "ok"


def test_a_mark_says_nothing_of_the_number_behind_it() -> None:
    assert LOOK.redacted("My [PHONE] is broken, 94107-1234").text == "My [PHONE] is broken, 94107-1234"
    assert LOOK.redacted("[PASSWORD] [EMAIL]").text == "[PASSWORD] [EMAIL]"


def test_a_disguise_hides_nothing() -> None:
    assert values("a\u200bda@exam\u200bple.org") == [("EMAIL", "a\u200bda@exam\u200bple.org")]
    fullwidth = "".join(chr(0xFEE0 + ord(each)) for each in "4111111111111111")
    assert values(f"card {fullwidth}!") == [("CARD", fullwidth)]
    arabic = "".join(chr(0x0660 + int(each)) for each in "0171") + " 3920012"
    assert values(f"call {arabic}") == [("PHONE", arabic)]


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("Tom: 0171 3920012, tel. 030 / 23 12 50 14", [("PHONE", "0171 3920012"), ("PHONE", "030 / 23 12 50 14")]),
        ("scored 100% of 30 (2025-11-25) + 37 (2026-07-28)", []),
        ("call 0123456789 or +00 000 0000", []),
        ("Order number 2125550142, phone 2125550142", [("PHONE", "2125550142"), ("PHONE", "2125550142")]),
        ("EAN 4111111111116 and ISBN-13: 4111111111116", []),
        ("mysql://root:hunter2@10.0.0.3/db", [("URL_CREDENTIALS", "root:hunter2"), ("IP", "10.0.0.3")]),
        ("xs[::1] but listen on [::1]:80", [("IP", "::1")]),
        ("Passwort vom Kind: Dino2019!", [("PASSWORD", "Dino2019!")]),
        ("Password rules: min-12, 1 digit", []),
        ("NEXT_PUBLIC_KEY=4f7a9c2e1b8d6053e9a7c4f2b1d8e605", []),
        ("IBAN ab12 DE89-3704-0044-0532-0130-00x", []),
    ],
)
def test_what_is_said_around_a_value_decides(text: str, there: list[tuple[str, str]]) -> None:
    assert values(text) == there


def test_a_pattern_of_ones_own_is_a_class_of_its_own() -> None:
    look = recognisers(["EMAIL"], {"EMPLOYEE": r"(?i)staff no (?P<value>\d{4,6})"}, library=False)
    assert look.classes == ("EMAIL", "EMPLOYEE")
    assert look.redacted("Staff no 20417, a@example.org, 10.0.0.1").text == "Staff no [EMPLOYEE], [EMAIL], 10.0.0.1"


def test_of_overlapping_values_all_characters_go_and_the_longest_names_them() -> None:
    look = recognisers(patterns={"SHORT": r"\d{4}\b"}, library=False)
    assert look.redacted("card 4111111111111111 is 1234").text == "card [CARD] is [SHORT]"


@pytest.mark.parametrize("classes", [["EMAILS"], ["EMAIL", "NAME"]])
def test_an_unknown_class_is_refused_with_those_there_are(classes: list[str]) -> None:
    with pytest.raises(InvalidInput, match="PRIVATE_KEY, URL_CREDENTIALS"):
        recognisers(classes)
    with pytest.raises(InvalidInput, match="PRIVATE_KEY, URL_CREDENTIALS"):
        LOOK.redacted(CARE, classes)
    with pytest.raises(InvalidInput, match="PRIVATE_KEY, URL_CREDENTIALS"):
        LOOK.partial(CARE, classes)


def test_a_pattern_may_not_take_the_name_of_a_class() -> None:
    with pytest.raises(InvalidInput, match="EMAIL"):
        recognisers(patterns={"EMAIL": "abc"})
    with pytest.raises(InvalidInput, match="33 patterns"):
        recognisers(patterns={f"P{i}": "abc" for i in range(33)})


@pytest.mark.no_cover
def test_a_long_text_costs_hardly_more_a_character_than_a_short_one() -> None:
    for text in ("1 1 ", "a@a.", "+1 ", "DE89 ", "[EMAIL]", "4111111111111111 ", "5.5.5.5 411 ", "(1)", "call ", "::"):
        assert growth(LOOK.found, text) < 4, text


@pytest.mark.no_cover
def test_the_benchmark_counts_what_is_wrong_and_missed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = Labelled("ada@example.org, 10.0.0.1", frozenset({("EMAIL", 0, 15), ("PHONE", 17, 25)}))
    count = counted([wrong], LOOK)
    assert (count.precision(), count.recall()) == (0.5, 0.5)
    assert [each[:4] for each in count.errors] == ["+ IP", "- PH"]
    main(["--part", "held_out", "--misses"])
    assert "held_out: precision" in capsys.readouterr().out
    out = tmp_path / "privacy.json"
    main(["--out", str(out)])
    assert json.loads(out.read_text("utf-8"))["parts"].keys() == PARTS.keys()
