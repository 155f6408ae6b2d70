"""What a memory speaks of, as the graph is told: by all names it is asked for by, and by nothing but the memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Interval, Origin
from memos_mcp.infrastructure.mentions import Entity, Mentioned
from memos_mcp.interface.entities import MOST_CHARACTERS, RulesMentions, date_name
from memos_mcp.testing import a_cube

SAID_AT = datetime(2024, 6, 1, 9, tzinfo=UTC)
DAY = datetime(2024, 5, 1, tzinfo=UTC)


def spoken_of(text: str, speaker: str | None = "Ben", actor: str = "zoe") -> Mentioned:
    return RulesMentions().of(a_cube(text, origin=Origin(speaker=speaker, actor=actor, said_at=SAID_AT)))


def named(text: str, name: str) -> Entity:
    (found,) = (entity for entity in spoken_of(text).entities if entity.name == name)
    return found


def test_an_entity_goes_by_its_full_name_its_first_and_its_last_and_what_the_text_calls_it() -> None:
    ada = named("My sister Ada Lovelace moved to Berlin.", "Ada Lovelace")
    assert (ada.kind, set(ada.aliases)) == ("person", {"ada", "lovelace", "Ben's sister"})


def test_a_title_is_no_part_of_the_name_that_is_asked_for() -> None:
    assert "petrov" in named("I saw Dr Petrov about my knee.", "Dr Petrov").aliases


def test_a_nickname_that_is_a_word_of_every_day_is_no_name_to_ask_by() -> None:
    names = set(named("I met William Carter in Leeds.", "William Carter").aliases)
    assert names >= {"william", "bill carter", "will carter"}
    assert names.isdisjoint({"bill", "will"})


def test_what_is_said_of_them_comes_with_the_sentence() -> None:
    found = spoken_of("Nothing new. My sister Ada likes green tea.").relations
    assert ("Ada", "likes", "green tea", "My sister Ada likes green tea.") in [
        (each.source, each.kind, each.target, each.said) for each in found
    ]


@pytest.mark.parametrize(
    ("speaker", "who"), [("Ben", "Ben"), ("user", "zoe"), (None, "zoe"), ("assistant", "assistant")]
)
def test_i_is_who_said_it(speaker: str | None, who: str) -> None:
    relations = spoken_of("I love sailing.", speaker).relations
    assert {each.source for each in relations} == {who}


def test_a_day_has_one_name_whatever_it_is_called() -> None:
    days = {
        entity.name
        for text in ("I saw Ada yesterday.", "I saw Ada on 31 May 2024.")
        for entity in spoken_of(text).entities
        if entity.kind == "date"
    }
    assert days == {"2024-05-31"}


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        (DAY, DAY + timedelta(days=1), "2024-05-01"),
        (DAY, DAY.replace(month=6), "2024-05"),
        (DAY.replace(month=1), DAY.replace(year=2025, month=1), "2024"),
        (DAY, DAY + timedelta(days=7), ""),
        (DAY, DAY.replace(month=8), ""),
        (DAY.replace(month=2), DAY.replace(year=2025, month=2), ""),
        (DAY + timedelta(hours=1), DAY + timedelta(days=1, hours=1), ""),
        (None, DAY, ""),
        (DAY, None, ""),
    ],
)
def test_days_months_and_years_have_names(start: datetime | None, end: datetime | None, name: str) -> None:
    assert date_name(Interval(start=start, end=end)) == name


def test_where_personal_data_was_there_is_nothing() -> None:
    assert "EMAIL" not in {entity.name for entity in spoken_of("Write to [EMAIL] or ask Ada.").entities}


def test_of_a_long_text_the_beginning_is_read() -> None:
    text = "Ada came. " + "x " * MOST_CHARACTERS + "Ben Carter went."
    assert {entity.name for entity in spoken_of(text).entities} == {"Ada"}


def test_a_memory_without_words_speaks_of_nothing() -> None:
    assert spoken_of("") == Mentioned()


@given(st.text(max_size=200))
def test_whatever_is_written_equal_memories_speak_of_the_same(text: str) -> None:
    cube = a_cube(text, origin=Origin(speaker="Ben", said_at=SAID_AT))
    found = RulesMentions().of(cube)
    assert found == RulesMentions().of(cube.model_copy())
    assert all(0 <= entity.weight <= 1 for entity in found.entities)


def test_who_speaks_is_named_and_is_not_what_a_memory_is_about() -> None:
    entities = {entity.name: entity.aside for entity in spoken_of("I met Zoe Brandt in Leeds last week.").entities}
    assert (entities["Ben"], entities["Zoe Brandt"], entities["Leeds"]) == (True, False, False)


def test_of_the_words_of_a_text_those_that_tell_its_topic_are_chosen_then_the_longest() -> None:
    said = spoken_of("Yesterday the dentist found an extraordinary thing beneath my tooth, truly, Zoe.")
    assert [word for _, word in said.words] == ["dentist", "tooth", "extraordinary", "beneath"]
    assert "zoe" not in dict(said.words)


def test_what_was_summed_up_of_others_has_no_words_of_its_own() -> None:
    origin = Origin(trigger="summarise:health")
    found = RulesMentions().of(a_cube("The dentist fixed my tooth.", origin=origin))
    assert (found.made, found.words, found.topics) == (True, (), ("health",))
