from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from memos_mcp.cube import Interval
from memos_mcp.interface.times import found_in, interval_of

WORDS = st.sampled_from(
    "the a an in on at of to and from since before after until by last next this past week month year day days ago"
    " early mid late end beginning first second 5th 31st 30 2023 99 '98 90s 1990s Monday Friday may May march Dec"
    " Easter Christmas Eve summer winter morning night noon 3pm 14:30 13/4/2023 3/4 2023-05-08 2023-W53 Q3 quarter"
    " weekend decade today yesterday tomorrow fortnight - – , . ? 's o'clock half hour will week-end two couple".split()
)
TEXTS = st.one_of(
    st.text(max_size=2000),
    st.lists(WORDS, max_size=60).map(" ".join),
    st.lists(st.one_of(WORDS, st.text(max_size=3)), max_size=60).map("".join),
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(TEXTS, MOMENTS, ZONES, st.sampled_from([None, True, False]))
@example("the day before " * 130, datetime(2024, 5, 15, tzinfo=UTC), UTC, None)
@example("Monday 5 May, " * 140, datetime(2024, 5, 15, tzinfo=UTC), UTC, None)
@example("1/" * 1000, datetime(2024, 5, 15, tzinfo=UTC), UTC, True)
@example("5 " * 1000, datetime(2024, 5, 15, tzinfo=UTC), UTC, True)
def test_any_text_has_intervals_that_end_after_they_start_in_order(
    text: str, now: datetime, zone: timezone, day_first: bool | None
) -> None:
    found = found_in(text, now, day_first=day_first, zone=zone)
    place = 0
    for each in found:
        start, end = each.interval.start, each.interval.end
        assert start is not None or end is not None
        assert start is None or end is None or start < end
        assert place <= each.span[0] < each.span[1] <= len(text)
        place = each.span[1]
    chosen = interval_of(text, now, day_first=day_first, zone=zone)
    assert chosen in [each.interval for each in found] if found else chosen is None


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.datetimes(timezones=st.just(UTC)))
def test_a_date_written_in_full_is_its_day_whenever_it_is_said(day: date, now: datetime) -> None:
    for form in ("%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d.%m.%Y"):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = interval_of(f"What happened on {day.strftime(form)}?", now)
        assert found == Interval(start=start, end=start + timedelta(days=1))
