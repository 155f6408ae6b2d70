"""The holidays that English texts name, and when they are: western Easter, US dates where countries differ. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from memos_mcp.interface.calendar import Cycle, Span, day_of, easter, nth_weekday, step

_DAY = "(?: day)?"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A date; or a weekday (Monday is 0) of a month by its number, from the end if negative; or days from Easter."""

    month: int = 0
    day: int = 0
    weekday: int | None = None
    later: int = 0

    def of(self, year: datetime) -> Span:
        if not self.month:
            date = easter(year.year)
            day = datetime(date.year, date.month, date.day)  # noqa: DTZ001 - local time
        elif self.weekday is None:
            day = year.replace(month=self.month, day=self.day)
        else:
            month = year.replace(month=self.month)
            day = nth_weekday(month, step("month", month, 1), self.weekday, self.day).start
        return day_of(day + timedelta(days=self.later))


_RULES: dict[str, _Rule] = {
    "(?:christmas|xmas) eve": _Rule(12, 24),
    f"(?:christmas|xmas){_DAY}": _Rule(12, 25),
    "boxing day": _Rule(12, 26),
    "new years?'?s? eve": _Rule(12, 31),
    f"new year(?:s?'?s?{_DAY})?": _Rule(1, 1),
    "epiphany|three kings' day": _Rule(1, 6),
    "(?:mlk|martin luther king)(?:,? jr\\.?)?(?:'s)? day": _Rule(1, 3, 0),
    f"groundhog{_DAY}": _Rule(2, 2),
    f"(?:st\\.? |saint )?valentine'?s'?{_DAY}": _Rule(2, 14),
    "president'?s'? day": _Rule(2, 3, 0),
    "(?:shrove|pancake) tuesday|pancake day|mardi gras": _Rule(later=-47),
    "ash wednesday": _Rule(later=-46),
    "(?:international )?women's day": _Rule(3, 8),
    f"(?:st\\.? |saint )(?:patrick|paddy)'?s'?{_DAY}": _Rule(3, 17),
    "palm sunday": _Rule(later=-7),
    "maundy thursday": _Rule(later=-3),
    "good friday": _Rule(later=-2),
    "easter monday": _Rule(later=1),
    "easter(?: sunday| day)?": _Rule(),
    "april fools?'?s?'? day": _Rule(4, 1),
    "earth day": _Rule(4, 22),
    "may day": _Rule(5, 1),
    "cinco de mayo": _Rule(5, 5),
    "mother'?s'? day": _Rule(5, 2, 6),
    f"ascension{_DAY}": _Rule(later=39),
    "whit sunday|pentecost": _Rule(later=49),
    "whit monday": _Rule(later=50),
    "memorial day": _Rule(5, -1, 0),
    "father'?s'? day": _Rule(6, 3, 6),
    "juneteenth": _Rule(6, 19),
    "canada day": _Rule(7, 1),
    "independence day|(?:4th|fourth) of july": _Rule(7, 4),
    "bastille day": _Rule(7, 14),
    "labor day|labour day": _Rule(9, 1, 0),
    "columbus day": _Rule(10, 2, 0),
    "halloween|hallowe'en": _Rule(10, 31),
    "all saints'? day": _Rule(11, 1),
    "(?:guy fawkes|bonfire) (?:day|night)": _Rule(11, 5),
    "veteran'?s'? day|armistice day|remembrance day": _Rule(11, 11),
    f"thanksgiving{_DAY}": _Rule(11, 4, 3),
    "black friday": _Rule(11, 4, 3, later=1),
    "cyber monday": _Rule(11, 4, 3, later=4),
}
HOLIDAY = "|".join(_RULES)
"""Names of holidays in lower-case text."""
_WORDS = {*re.findall("[a-z]{3,}", HOLIDAY), "st"}
HOLIDAY_WORDS = frozenset(_WORDS | {f"{word}s" for word in _WORDS})
"""The words of those names."""


def holiday(name: str) -> Cycle:
    """The holiday with a name that `HOLIDAY` matches."""
    rule = next(rule for pattern, rule in _RULES.items() if re.fullmatch(pattern, name))
    return Cycle("year", "day", rule.of)
