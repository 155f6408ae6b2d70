"""Which statements are the same: the convention, pair by pair."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.interface.duplicates import normalise, statement_key, turn_key

SAME = [
    # case, spacing, punctuation
    ("Ada likes tea", "ada LIKES tea"),
    ("Ada likes tea", "  Ada  likes\ttea\n"),
    ("Ada likes tea", "Ada likes tea."),
    ("Ada likes tea", "Ada likes tea!"),
    ("Ada likes tea, cake, and jam", "Ada likes tea cake and jam"),
    ("She said: yes", "She said yes"),
    ("It is (really) late", "It is really late"),
    ('He said "hello"', "He said “hello”"),
    ("Well - maybe", "Well, maybe"),
    ("café", "cafe\u0301"),
    # contractions
    ("I don't like tea", "I do not like tea"),
    ("I can't swim", "I cannot swim"),
    ("I can't swim", "I can not swim"),
    ("I won't go", "I will not go"),
    ("I'm tired", "I am tired"),
    ("They're late", "They are late"),
    ("We've met", "We have met"),
    ("She'll come", "She will come"),
    ("It's late", "It is late"),
    ("It isn't late", "It is not late"),
    ("I don’t like tea", "I don't like tea"),
    # the notation of a date
    ("We met on 8 May 2023", "We met on May 8, 2023"),
    ("We met on 8 May 2023", "We met on 2023-05-08"),
    ("We met on 8th May 2023", "We met on 8 May 2023"),
    ("We met on May 8th, 2023", "We met on 2023-05-08"),
    # the notation of an amount or unit
    ("It cost $1,000", "It cost $1000"),
    ("It cost $1000", "It cost 1000 dollars"),
    ("It has 1,000,000 rows", "It has 1000000 rows"),
    ("It cost €20", "It cost 20 euros"),
    ("I ran 5 km", "I ran 5km"),
    ("I ran 5 km", "I ran 5 kilometers"),
    ("I ran 5 km", "I ran 5 kilometres"),
    ("It weighs 3 kg", "It weighs 3 kilograms"),
    ("20% of it", "20 % of it"),
    ("20% of it", "20 percent of it"),
]

APART = [
    # numbers
    ("Ada has 2 cats", "Ada has 3 cats"),
    ("Version 2.10 is out", "Version 210 is out"),
    ("Version 2.10 is out", "Version 2.1 is out"),
    ("It is 2.50 euros", "It is 250 euros"),
    ("It is -5 degrees", "It is 5 degrees"),
    ("Room 12", "Room 1 2"),
    ("The score was 3-4", "The score was 34"),
    ("The score was 3:4", "The score was 34"),
    ("Open 9 to 5", "Open 9 to 6"),
    ("It costs 1,000 euros", "It costs 1,001 euros"),
    ("It cost $20", "It cost €20"),
    ("I ran 5 km", "I ran 5 miles"),
    ("It weighs 3 kg", "It weighs 3 g"),
    ("20% of it", "20 of it"),
    ("Code K-2047", "Code K-2048"),
    ("Dial 555-1234", "Dial 555-1235"),
    # names
    ("Ada likes tea", "Eve likes tea"),
    ("Ann moved to Porto", "Anne moved to Porto"),
    ("He plays in Leeds", "He plays in Leads"),
    ("C is a language", "C++ is a language"),
    ("C is a language", "C# is a language"),
    ("C++ is a language", "C# is a language"),
    # dates
    ("We met on 8 May 2023", "We met on 9 May 2023"),
    ("We met on 8 May 2023", "We met on 8 June 2023"),
    ("We met on 8 May 2023", "We met on 8 May 2024"),
    ("We met on 2023-05-08", "We met on 2023-08-05"),
    ("We meet on Monday", "We meet on Tuesday"),
    ("In May", "In June"),
    ("At 9:30", "At 9:31"),
    ("At 9 am", "At 9 pm"),
    # negation
    ("Ada likes tea", "Ada does not like tea"),
    ("I do like tea", "I don't like tea"),
    ("I can swim", "I can't swim"),
    ("I can swim", "I cannot swim"),
    ("It is late", "It isn't late"),
    ("I will go", "I won't go"),
    ("I always go", "I never go"),
    ("Nobody came", "Somebody came"),
    ("He is happy", "He is unhappy"),
    ("With sugar", "Without sugar"),
    # question, symbols, apostrophes that are no contraction
    ("You like tea", "You like tea?"),
    ("Good 👍", "Good 👎"),
    ("Good", "Good 👎"),
    ("a < b", "a > b"),
    ("a + b", "a = b"),
    ("Its tail", "It's tail"),
    ("We're here", "Were here"),
    ("I'll go", "Ill go"),
    ("re-sign it", "resign it"),
    ("x^2", "x2"),
    ("I love it :)", "I love it :("),
    # other words
    ("Ada likes tea", "Ada likes green tea"),
    ("Ada likes tea", "Ada liked tea"),
    ("Tea likes Ada", "Ada likes tea"),
    ("the cat", "a cat"),
    ("他喜欢茶", "她喜欢茶"),
    ("Он пьёт чай", "Она пьёт чай"),
    ("el niño", "el nino x"),
    ("one", "1"),
    ("", "x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_statement_in_another_notation_is_a_duplicate(one: str, other: str) -> None:
    assert statement_key(one, "Ada") == statement_key(other, "Ada")


@pytest.mark.parametrize(("one", "other"), APART)
def test_statements_that_differ_never_merge(one: str, other: str) -> None:
    assert statement_key(one, "Ada") != statement_key(other, "Ada")


def test_the_same_words_of_two_speakers_are_two_statements() -> None:
    assert statement_key("I like tea", "Ada") != statement_key("I like tea", "Ben") != statement_key("I like tea", None)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=6, unique=True))
def test_statements_with_different_numbers_never_merge(numbers: list[int]) -> None:
    for one, other in combinations(numbers, 2):
        assert normalise(f"The code is {one} today") != normalise(f"The code is {other} today")


@given(st.text(max_size=80))
def test_normalising_twice_changes_nothing_that_separates(text: str) -> None:
    assert statement_key(text, "a") == statement_key(text + " ", "a") == statement_key(f"\n{text}", "a")


def test_the_key_of_a_turn_hangs_on_all_before_it() -> None:
    first = turn_key(b"", "Ada", None, "Thanks!", "s")
    second = turn_key(first, "Ada", None, "Thanks!", "s")
    assert (
        len({first, second, turn_key(b"", "Ben", None, "Thanks!", "s"), turn_key(b"", "Ada", None, "Thanks!", "t")})
        == 4
    )
