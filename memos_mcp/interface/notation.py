"""One notation for numbers, amounts, clock times and days, so that two statements can be compared. Pure, English.

What is written is never changed: only the statement that consolidation decides about (interface/stating.py).
"""

from __future__ import annotations

import re
import unicodedata

from memos_mcp.late import late

_ONES = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())} | {
    w: n + 13 for n, w in enumerate("thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())
}
_TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_MANY = {"hundred": 100, "thousand": 1000, "dozen": 12}
_ONE = "|".join(sorted(_ONES, key=len, reverse=True))
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_ONE}))?|{_ONE})"
_NUMBER = late(
    rf"\b(?:(?P<times>{_SMALL}|an?) (?P<many>hundred|thousand|dozen)(?:(?: and)? (?P<rest>{_SMALL}))?"
    rf"|(?P<alone>{_SMALL}))"
    r"\b(?!'s)",
    re.IGNORECASE,
)
_HOUR = rf"(?P<hour>\d{{1,2}}|{_ONE})"
_PAST = late(
    rf"\b(?P<part>half|(?:a )?quarter|twenty|ten|five) (?P<side>past|to|after) {_HOUR}(?: o'clock)?\b(?! \d)",
    re.IGNORECASE,
)
_PARTS = {"half": 30, "quarter": 15, "a quarter": 15, "twenty": 20, "ten": 10, "five": 5}
_POINT_TIME = late(
    r"(?<=\bat )(\d{1,2})\.(\d\d)(?![\d.%])"
    r"(?! ?(?:k?m|cm|kg|euro|dollar|percent|points?|€|\$))",
    re.IGNORECASE,
)
_O_CLOCK = late(rf"\b{_HOUR} o['’]clock\b", re.IGNORECASE)
_HALF_DAY = late(
    r"\b(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?:(?P<half>[ap])\.?m\b\.?"
    r"|(?<=\d\d) in the (?P<part>morning|afternoon|evening)\b)",
    re.IGNORECASE,
)
_METRES = late(r"(?<=\d)( ?)m(?= (?:long|tall|wide|deep|high|away)\b)")
_NOUGHT = late(r"(?<![\d:.])0(?=\d:\d\d\b)")
_NOON = late(r"\b(?<=at )noon\b", re.IGNORECASE)
_THOUSANDS = late(r"(?<![\w.,])(\d{1,3}(?:\.\d)?)k\b", re.IGNORECASE)
_POUNDS = late(r"£ ?(\d[\d,]*(?:\.\d+)?)(?! ?(?:k|m|bn|million)\b)")
_THE_DAY = late(r"\bthe (?=\d{1,2}(?:st|nd|rd|th)(?: of)? [A-Z])")
_TITLE = late(r"\b(Dr|Mrs?|Ms|St|Prof)\.(?= )")
_IS = late(
    r"(?<!\blet)(?<!\bLet)['’]s (?=(?:at|on|in|an?|the|not|now|from|allergic|married|engaged|single|vegan"
    r"|vegetarian)\b)"
)
_LATIN = late("[\u00c0-\u024f]+")
_SPELLED = late(
    r"\b(?:e-mail|favorite|color|gray|neighbor|theater|center|program|licence|practise|ok)\b", re.IGNORECASE
)
_SPELLINGS = {
    "e-mail": "email", "favorite": "favourite", "color": "colour", "gray": "grey", "neighbor": "neighbour",
    "theater": "theatre", "center": "centre", "program": "programme", "licence": "license", "practise": "practice",
    "ok": "okay",
}  # fmt: skip


def noted(text: str) -> str:
    """The text with its numbers in digits, its clock times as 19:45 and its spelling British. Cost: about 20 µs."""
    text = _LATIN.sub(_folded, text).replace(" & ", " and ")
    text = _IS.sub(" is ", text)
    text = _TITLE.sub(r"\1", _THE_DAY.sub("", text))
    text = _PAST.sub(_past, text)
    text = _O_CLOCK.sub(lambda found: f"{_number(found['hour'])}:00", text)
    text = _POINT_TIME.sub(r"\1:\2", text)
    text = _NUMBER.sub(_digits, text)
    text = _HALF_DAY.sub(_of_the_day, _NOON.sub("12:00", text))
    text = _METRES.sub(" metres", _NOUGHT.sub("", text))
    text = _THOUSANDS.sub(lambda found: f"{float(found[1]) * 1000:.0f}", text)
    return _SPELLED.sub(_spelled, _POUNDS.sub(r"\1 pounds", text))


def _folded(found: re.Match[str]) -> str:
    return "".join(mark for mark in unicodedata.normalize("NFKD", found[0]) if not unicodedata.combining(mark))


def _number(word: str) -> int:
    if word.isdecimal():
        return int(word)
    tens, _, ones = word.lower().replace("-", " ").partition(" ")
    return _TENS.get(tens, _ONES.get(tens, 0)) + _ONES.get(ones, 0)


def _past(found: re.Match[str]) -> str:
    hour, minute = _number(found["hour"]), _PARTS[found["part"].lower()]
    if hour > 24:
        return found[0]
    return f"{hour}:{minute:02}" if found["side"].lower() != "to" else f"{(hour - 1) or 12}:{60 - minute:02}"


def _digits(found: re.Match[str]) -> str:
    if found["alone"]:
        return found[0] if found[0].lower() == "one" else str(_number(found[0]))
    times = 1 if found["times"].lower() in ("a", "an") else _number(found["times"])
    return str(times * _MANY[found["many"].lower()] + _number(found["rest"] or "zero"))


def _of_the_day(found: re.Match[str]) -> str:
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if not 1 <= hour <= 12:
        return found[0]
    later = half == "p" or (found["part"] or "").lower() in ("afternoon", "evening")
    return f"{hour % 12 + 12 * later}:{found['minute'] or '00'}"


def _spelled(found: re.Match[str]) -> str:
    return _SPELLINGS.get(found[0].lower(), found[0])
