import pytest

from memos_mcp.errors import InvalidInput
from memos_mcp.interface.privacy_patterns import bounded_pattern
from tests.costs import growth


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"EMP-\d{4,6}", "EMP-20417"),
        (r"(?i)case [a-z]{2}\d{1,9}", "Case AB12"),
        (r"\b(?:MRN|Patient) ?#?(?P<value>\d{6,10})\b", "MRN 1234567"),
        (r"[A-Z]{2}[^\d\s]\d{3}(?!\d)", "AB-123"),
        (r"(?<=id )\x41\u0042\.\d", "AB.7"),
        (r"[]x]{2}", "x]"),
        (r"(?:ab?c|de){2,5}", "acde"),
        (r"^ref:\s\S{3,40}$", "ref: abc"),
    ],
)
def test_a_bounded_pattern_is_taken(pattern: str, text: str) -> None:
    assert bounded_pattern("CODE", pattern).search(f"id {text}" if "(?<=" in pattern else text)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\d+", "no upper limit"),
        (r"x*y", "no upper limit"),
        (r"\d{3,}", "no upper limit"),
        (r"(a|a){1,40}b", "ways"),
        (r"(?:a{1,9}){1,9}b", "ways"),
        (r"\w{1,30}\w{1,30}\w{1,30}!", "ways"),
        (r"(?:(?:ab){200}){200}", "characters"),
        (r"\d?", "characters"),
        (r"\bx", "characters"),
        (r"(?:ab", "lacks the"),
        (r"ab)", "closes a group"),
        (r"(ab)\1", "is not taken"),
        (r"(?P<name>ab)", "is not taken"),
        (r"(?#ab)c", "is not taken"),
        (r"ab{2}{3}", "repeats a repetition"),
        (r"ab??c", "repeats a repetition"),
        (r"a{9,3}bc", "backwards"),
        (r"a{2,900}", "too often"),
        (r"[a[b]cd", "is not taken"),
        (r"ab(?<=a{1,2})", "no regular expression"),
        ("a" * 201, "201 characters"),
        ("", "0 characters"),
    ],
)
def test_any_other_is_refused_with_its_reason(pattern: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        bounded_pattern("CODE", pattern)
    assert "CODE" in str(refused.value)


@pytest.mark.parametrize("name", ["code", "A", "1ST", "TWO WORDS", "A" * 40, ""])
def test_a_name_is_capitals(name: str) -> None:
    with pytest.raises(InvalidInput, match="EMPLOYEE"):
        bounded_pattern(name, "abc")


@pytest.mark.parametrize("pattern", [r"(?:a{1,4}){1,5}b", r"\w{1,60}\w{1,60}!", r"(?:a|aa|aaa){1,7}b", r"a{1,256}b"])
def test_the_worst_pattern_that_is_taken_costs_a_bounded_time_for_each_character(pattern: str) -> None:
    taken = bounded_pattern("CODE", pattern)
    assert growth(taken.search, "a", 4_000) < 4
