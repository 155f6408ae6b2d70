import re
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from memos_mcp.errors import InvalidInput
from memos_mcp.interface.privacy import CLASSES, recognisers
from memos_mcp.interface.privacy_patterns import bounded_pattern

LOOK = recognisers(patterns={"EMPLOYEE": r"EMP-\d{3,6}", "WORD": r"\b[a-z]{2,3}!"}, library=False)
PIECES = st.sampled_from(
    "ada@example.org ada (at) example [dot] org +49 30 23125-014 (212) 555-0142 212-555-0142 0171 3920012 call me on"
    " tel: number order 4111111111111111 4111 1111 1111 1111 DE89370400440532013000 DE89 3704 0044 0532 0130 00 ::1"
    " 192.168.1.47 2001:db8::5 [ ] [EMAIL] [PHONE] [PASSWORD] [WORD] 536-22-8147 SSN ssn= RSSMRA85T10A562S EMP-1234"
    " ok! password is : = ' \" Gr33n-Tea! hunter2024! \x41KIAQX7PLM3ZRT5VWNBD key https://ada:Tr0ub4dor@db.example.com"
    " curl -u admin:Wq7!zLm PIN 4831 version 1.2.3.4 2026-03-02 \uff17\uff17\uff10\uff10 \u0660\u0665\u0660 é я ß ﬁ"
    " \u200b \n - . / ( ) + 0 00 1 5 12 555 电话".split(" ")
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(PIECES, max_size=40).map(" ".join),
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=40).map("".join),
)
SOME = st.sets(st.sampled_from(LOOK.classes))


@given(TEXTS)
@example("4111111111111111 4111111111111111 4111111111111111")
@example("password is hunter2024! and hunter2024! again")
@example("ﷺ" * 20 + " ada@example.org")
def test_findings_lie_in_any_text_in_order_and_apart(text: str) -> None:
    found = LOOK.found(text)
    assert all(each.kind in LOOK.classes and each.why for each in found)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= two.start for one, two in pairwise(found))


@given(TEXTS, SOME)
@example("[EMAIL] password is x[EMAIL]yz99 4111111111111111 5.5.5.5 4111111111111111", {"CARD", "PASSWORD"})
def test_redacting_again_changes_nothing(text: str, classes: set[str]) -> None:
    once = LOOK.redacted(text, classes).text
    assert LOOK.redacted(once, classes).text == once
    everything = LOOK.redacted(text).text
    assert LOOK.redacted(everything).text == everything
    assert LOOK.found(everything) == ()


@given(TEXTS)
def test_of_a_value_that_was_found_nothing_is_left(text: str) -> None:
    found = LOOK.found(text)
    left = LOOK.redacted(text).text
    for each in found:
        value = re.escape(text[each.start : each.end])
        if each.end - each.start >= 6 and text.isascii():
            assert not re.search(rf"(?<![^\W_]){value}(?![^\W_])", re.sub(r"\[[A-Z_]+\]", "[]", left))


@given(TEXTS, SOME)
def test_a_partial_view_is_the_text_but_for_its_marks(text: str, allowed: set[str]) -> None:
    view = LOOK.partial(text, allowed)
    assert not set(view.kinds) & allowed
    end = original_end = 0
    for mark in view.marks:
        assert view.text[end : mark.start] == text[original_end : mark.original_start]
        assert view.text[mark.start : mark.end] == f"[{mark.kind}]"
        assert view.original(mark.start, mark.end) == (mark.original_start, mark.original_end)
        end, original_end = mark.end, mark.original_end
    assert view.text[end:] == text[original_end:]
    assert LOOK.partial(text, LOOK.classes).text == text


@given(TEXTS, st.data())
def test_a_place_in_a_view_leads_back_to_what_stood_there(text: str, data: st.DataObject) -> None:
    view = LOOK.redacted(text)
    start = data.draw(st.integers(0, len(view.text)))
    end = data.draw(st.integers(start, len(view.text)))
    first, last = view.original(start, end)
    assert 0 <= first <= last <= len(text)
    if not any(mark.start < end and start < mark.end for mark in view.marks):
        assert text[first:last] == view.text[start:end]


@given(TEXTS)
def test_the_classes_of_a_text_are_those_of_its_findings_and_of_what_lies_in_them(text: str) -> None:
    assert LOOK.tagged(text) == tuple(sorted(LOOK.tagged(text)))
    assert {each.kind for each in LOOK.found(text)} <= set(LOOK.classes)
    assert bool(LOOK.tagged(text)) == bool(LOOK.found(text))
    assert set(CLASSES) <= set(LOOK.classes)


@given(st.text(alphabet="ab\\d[]()?:{}1,3|*+^$-.", max_size=24))
def test_any_pattern_is_taken_or_refused_with_a_reason(pattern: str) -> None:
    try:
        taken = bounded_pattern("CODE", pattern)
    except InvalidInput:
        return
    assert not taken.fullmatch("")
    assert not taken.fullmatch("a")
