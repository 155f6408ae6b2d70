import tomllib
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import pytest

from memos_mcp.cube import Interval
from memos_mcp.interface.calendar import easter
from memos_mcp.interface.times import found_in, interval_of
from tests.costs import growth

DATA = Path(__file__).parents[2] / "data"
NOW = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)  # a Wednesday


class Case(TypedDict):
    text: str
    now: datetime
    start: NotRequired[date]
    end: NotRequired[date]
    zone: NotRequired[int]
    day_first: NotRequired[bool]


class Berlin(tzinfo):
    """Central Europe in the spring of 2024: an hour is left out on 31 March."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1) + self.dst(dt)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1 if dt and dt.replace(tzinfo=None) >= datetime(2024, 3, 31, 3) else 0)  # noqa: DTZ001

    def tzname(self, dt: datetime | None) -> str:
        return "Berlin"


def cases(name: str) -> list[object]:
    rules = cast("dict[str, dict[str, list[Case]]]", tomllib.loads((DATA / name).read_text("utf-8")))
    return [pytest.param(case, id=f"{rule}-{case['text']}") for rule, table in rules.items() for case in table["cases"]]


def instant(day: date | None) -> datetime | None:
    return day if isinstance(day, datetime) or day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def between(start: str, end: str) -> Interval:
    return Interval(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))


@pytest.mark.claim("5.1-06")
@pytest.mark.parametrize("case", [*cases("times.toml"), *cases("times_more.toml")])
def test_a_time_expression_is_the_interval_that_the_rules_say(case: Case) -> None:
    zone = timezone(timedelta(hours=case.get("zone", 0)))
    found = interval_of(case["text"], case["now"], day_first=case.get("day_first"), zone=zone)
    start, end = instant(case.get("start")), instant(case.get("end"))
    assert found == (Interval(start=start, end=end) if start or end else None)


def test_every_expression_is_found_where_it_stands() -> None:
    text = "I said yesterday that  from Monday to Wednesday we’ll be away, and since 2019 we weren't."
    found = found_in(text, NOW)
    assert [text[start:end] for start, end in (each.span for each in found)] == [
        "yesterday",
        "from Monday to Wednesday",
        "since 2019",
    ]
    assert found[0].interval == between("2024-05-14", "2024-05-15")
    assert found[1].interval == between("2024-05-20", "2024-05-23")
    assert found[2].interval == Interval(start=datetime(2019, 1, 1, tzinfo=UTC), end=NOW)


def test_spans_are_those_of_the_text_as_written() -> None:
    text = "  İstanbul,\n\nlast   week\tor\u00a0 the  5th of\nMay"
    assert [text[start:end] for start, end in (each.span for each in found_in(text, NOW))] == [
        "last   week",
        "5th of\nMay",
    ]


def test_of_several_expressions_the_shortest_is_asked_for_and_the_first_of_equals() -> None:
    assert interval_of("In 2023, what did I do on New Year's Eve?", NOW) == between("2023-12-31", "2024-01-01")
    assert interval_of("What did I say last week about the 2019 trip?", NOW) == between("2024-05-06", "2024-05-13")
    assert interval_of("Is it older than 2020, this draft of last month?", NOW) == between("2024-04-01", "2024-05-01")
    assert interval_of("Compare 2022 with 2023", NOW) == between("2022-01-01", "2023-01-01")


def test_past_and_future_are_told_apart_in_each_sentence() -> None:
    text = "I saw Ben on Friday. I will see Kim on Friday. What did we eat on Friday?"
    days = [each.interval.start.day for each in found_in(text, NOW) if each.interval.start]
    assert days == [10, 17, 10]


def test_what_comes_again_today_is_meant_by_its_bare_name() -> None:
    assert interval_of("What did I promise on Wednesday?", NOW) == between("2024-05-15", "2024-05-16")
    assert interval_of("I will call on Wednesday", NOW) == between("2024-05-15", "2024-05-16")


def test_a_clock_time_as_a_bound_is_a_point() -> None:
    assert interval_of("after 5 pm yesterday", NOW) == Interval(start=datetime(2024, 5, 14, 17, tzinfo=UTC))
    assert interval_of("until 5 pm yesterday", NOW) == Interval(end=datetime(2024, 5, 14, 17, tzinfo=UTC))
    assert interval_of("last Monday from 10 pm to 2 am", NOW) == between("2024-05-13T22:00", "2024-05-14T02:00")


def test_a_day_is_as_long_as_it_is_where_the_clocks_change() -> None:
    assert interval_of("on 31 March 2024", NOW, zone=Berlin()) == between("2024-03-30T23:00", "2024-03-31T22:00")
    assert interval_of("on 31 March 2024 at 2:59", NOW, zone=Berlin()) is None


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert interval_of("today", NOW.replace(tzinfo=None)) == between("2024-05-15", "2024-05-16")


@pytest.mark.parametrize(
    "text",
    [
        *("on February 30", "on 31 April 2023", "on 0/0/2023", "on 32/1/2023", "in week 99", "13.13.2023", "the 40th"),
        *("99999 years ago", "9999 years ago", "in 9000 years", "in the year 0", "on May 32", "the last 9999 years"),
        *("at 13 pm", "at 25:00", "2021-2019", "in 9999999999 days", "the sixth Monday of May", "on 3/4 at 9:00"),
    ],
)
def test_a_time_that_there_is_not_gives_no_interval(text: str) -> None:
    assert found_in(text, NOW) == []


def test_a_long_text_that_names_no_time_costs_hardly_more_a_character_than_a_short_one() -> None:
    question = "Which of my friends told me that she does not like coffee? "
    assert growth(lambda text: interval_of(text, NOW), question) < 4


@pytest.mark.parametrize("now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_nothing_is_raised_at_the_ends_of_the_calendar(now: datetime) -> None:
    for text in ("yesterday", "tomorrow", "last winter", "next year", "on Friday", "I will go on the 31st", "in May"):
        for hours in (-12, 0, 14):
            found_in(text, now, zone=timezone(timedelta(hours=hours)))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("half an hour ago", "2024-05-15T10:00", "2024-05-15T10:01"),
        ("three hours ago", "2024-05-15T07:00", "2024-05-15T08:00"),
        ("in the last hour", "2024-05-15T09:30", "2024-05-15T10:30"),
        ("Remind me in 20 minutes", "2024-05-15T10:50", "2024-05-15T10:51"),
        ("within the next two hours", "2024-05-15T10:30", "2024-05-15T12:30"),
        ("over the last year", "2023-05-15", "2024-05-16"),
        ("during the next week", "2024-05-15", "2024-05-23"),
        ("the decade before last", "2000-01-01", "2010-01-01"),
        ("the second half of May 2023", "2023-05-16", "2023-06-01"),
        ("the second half of last year", "2023-07-01", "2024-01-01"),
        ("H1 2022", "2022-01-01", "2022-07-01"),
        ("Q2-2023", "2023-04-01", "2023-07-01"),
        ("2023-05", "2023-05-01", "2023-06-01"),
        ("back in '98", "1998-01-01", "1999-01-01"),
        ("in the twenties", "2020-01-01", "2030-01-01"),
        ("in the late 1990's", "1997-01-01", "2000-01-01"),
        ("in early summer", "2023-06-01", "2023-07-01"),
        ("the last 3 months of 2023", "2023-10-01", "2024-01-01"),
        ("the first week of January", "2024-01-01", "2024-01-08"),
        ("the third day of 2024", "2024-01-03", "2024-01-04"),
        ("the last weekend of April", "2024-04-27", "2024-04-29"),
        ("the week of 7 March 2024", "2024-03-04", "2024-03-11"),
        ("the weekend of 8 March 2024", "2024-03-09", "2024-03-11"),
        ("the week before Easter", "2024-03-18", "2024-03-25"),
        ("three weeks after Easter", "2024-04-15", "2024-04-22"),
        ("the Sunday after Easter", "2024-04-07", "2024-04-08"),
        ("the night before Christmas", "2023-12-24T18:00", "2023-12-25T06:00"),
        ("the morning after 3 May", "2024-05-04T06:00", "2024-05-04T12:00"),
        ("two hours after 5 pm yesterday", "2024-05-14T19:00", "2024-05-14T20:00"),
        ("an hour before noon yesterday", "2024-05-14T11:00", "2024-05-14T12:00"),
        ("We'll meet a week from Friday", "2024-05-24", "2024-05-25"),
        ("two weeks from tomorrow at noon", "2024-05-30T12:00", "2024-05-30T13:00"),
        ("the weekend after next", "2024-06-01", "2024-06-03"),
        ("last evening", "2024-05-14T18:00", "2024-05-15"),
        ("tonight at 8", "2024-05-15T20:00", "2024-05-15T21:00"),
        ("tomorrow night at 2 am", "2024-05-17T02:00", "2024-05-17T03:00"),
        ("on Friday night at 1", "2024-05-11T01:00", "2024-05-11T02:00"),
        ("yesterday from 10 to 2 pm", "2024-05-14T10:00", "2024-05-14T14:00"),
        ("between the 3rd and the 7th of May", "2024-05-03", "2024-05-08"),
        ("between 3 and 7 May", "2024-05-03", "2024-05-08"),
        ("I will be away from Friday to Monday", "2024-05-17", "2024-05-21"),
        ("from last Thursday to Saturday", "2024-05-09", "2024-05-12"),
        ("from Monday to today", "2024-05-13", "2024-05-16"),
        ("last week from Monday to Tuesday", "2024-05-06", "2024-05-08"),
        ("in 2022 from June to August", "2022-06-01", "2022-09-01"),
        ("for the last two years", "2022-05-15", "2024-05-16"),
        ("in 2023 on Feb. 3", "2023-02-03", "2023-02-04"),
        ("Monday the 5th", "2024-02-05", "2024-02-06"),
        ("on Thanksgiving weekend 2022", "2022-11-24", "2022-11-28"),
        ("on the first, in the evening", "2024-05-01T18:00", "2024-05-02"),
        ("on 25/12 we slept", "2023-12-25", "2023-12-26"),
        ("12/31/99", "1999-12-31", "2000-01-01"),
    ],
)
def test_rarer_words_for_times(text: str, start: str, end: str) -> None:
    assert interval_of(text, NOW) == between(start, end)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("from May onwards", "2024-05-01", None),
        ("as of January 2023", "2023-01-01", None),
        ("by Friday", None, "05-11"),
    ],
)
def test_open_intervals_have_one_side(text: str, start: str | None, end: str | None) -> None:
    found = interval_of(text, NOW)
    assert found is not None
    assert str(found.start)[:10] == str(start)
    assert str(found.end)[5:10] == (end or "")


@pytest.mark.parametrize(
    "text",
    [
        *("It may last two years", "I may next move", "the first 3 may enter", "march 10 miles", "may 24 people come"),
        *("How many days are in a year?", "for the first time in 3 years", "once in a decade", "in a minute or two"),
        *("2 or 3 days ago", "more than a year ago", "in his late eighties", "a few days ago", "at 4 kilos"),
        *("The Sunday Times", "the Saturday sailing", "Sunday school", "Friday evenings", "one Friday", "the 3rd row"),
        *("the third quarter of the match", "the fall of Rome", "week 3 of the diet", "H2 database", "a day or two"),
        *(
            "in 2000 words",
            "the 3 and 7 may differ",
            "between 2 and 3",
            "from 9 to 5",
            "the second and the third option",
        ),
        *("the day before", "the week before my birthday", "the end of the world", "last one", "the Christmas tree"),
        *("this may work", "next minute", "the 3 may come", "at 3:16:99:1", "in a year or so"),
    ],
)
def test_words_that_only_look_like_times_give_no_interval(text: str) -> None:
    assert found_in(text, NOW) == []


@pytest.mark.parametrize(
    ("year", "day"), [(1961, "04-02"), (2000, "04-23"), (2008, "03-23"), (2019, "04-21"), (2038, "04-25")]
)
def test_easter_is_on_its_sunday(year: int, day: str) -> None:
    assert easter(year).isoformat() == f"{year}-{day}"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        *(("MLK Day", "01-15"), ("Groundhog Day", "02-02"), ("Presidents' Day", "02-19"), ("Mardi Gras", "02-13")),
        *(("Ash Wednesday", "02-14"), ("Palm Sunday", "03-24"), ("Easter Monday", "04-01"), ("May Day", "05-01")),
        *(("Mothers Day", "05-12"), ("Pentecost", "05-19"), ("Memorial Day", "05-27"), ("Father's Day", "06-16")),
        *(("Juneteenth", "06-19"), ("Canada Day", "07-01"), ("Bastille Day", "07-14"), ("Labour Day", "09-02")),
        *(("Columbus Day", "10-14"), ("All Saints' Day", "11-01"), ("Veterans Day", "11-11"), ("Xmas Eve", "12-24")),
        *(("Cyber Monday", "12-02"), ("Valentines", "02-14"), ("St Paddy's day", "03-17"), ("Epiphany", "01-06")),
        *(("International Women's Day", "03-08"), ("April Fools' Day", "04-01"), ("Guy Fawkes Night", "11-05")),
    ],
)
def test_a_holiday_is_its_day_in_that_year(text: str, day: str) -> None:
    found = interval_of(f"What did we do on {text} 2024?", NOW)
    assert found is not None
    assert found.start == datetime.fromisoformat(f"2024-{day}T00:00:00+00:00")


def test_christmas_of_others_is_not_ours() -> None:
    assert found_in("What did we do at Chinese New Year and on Orthodox Easter?", NOW) == []
