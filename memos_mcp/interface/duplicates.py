"""When two texts are the same statement (docs/reference/words.md, Consolidation: duplicate). Pure.

Same but for case, spacing, punctuation, contraction, or the notation of the same date, amount or unit. In doubt two
texts differ: a repeat stored twice costs a line, two statements taken for one lose one.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import cache, lru_cache
from hashlib import blake2b

from memos_mcp.late import late

# Patterns begin with a character they look for and look behind only then: `re` finds them ten times faster so.
_MONTHS: tuple[str, ...] = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W\d_])\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:,? ?[ -](?P<{}>\d{{4}})(?!\d))?"
DATE = late(
    r"(?<![\w.,/-])(?:"
    r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?![\w/-])"
    rf"|(?P<day1>{_DAY})\.?(?: of)?[ -](?P<month1>{_MONTH})(?!-\d\d?(?!\d)){_YEAR.format('year1')}"
    rf"|(?P<month2>{_MONTH})[ -](?P<day2>{_DAY})(?![\d-]){_YEAR.format('year2')}"
    r")(?!\w|[.,:]\d)"
)
"""A date whose reading is certain, in lower-case text with single spaces; `date_of` reads it."""
_YEAR_FIRST = late(r"\d{4}[-/.]\d")

_SAID_OF = "|".join(rf"(?<=\b{w}')" for w in "it he she that there here what who where how when why".split())
_SHORT = late(
    rf"'(?<=[a-z]')(?:(?P<am>m)|(?P<are>re)|(?P<have>ve)|(?P<will>ll)|(?P<us>(?<=\blet')s)"
    rf"|(?:{_SAID_OF})(?:(?P<has>s(?= (?:been|got)\b))|(?P<is>s))"
    rf"|(?P<had>d(?= (?:been|better)\b))|(?P<would>d(?= (?:like|love|rather|prefer|be|have)\b)))(?![\w'])"
)
_NEGATED = (("can't", "can not"), ("won't", "will not"), ("shan't", "shall not"), ("n't", " not"))
_QUOTED = late(r"'(?:(?<!\w')|(?<!\d')(?<!\b\w')(?!\w))")

_GROUPED = late(r"\d(?<![\w.,]\d)\d{0,2}(?:,\d{3})+(?!\d|,\d)")
_AMOUNT = late(
    r"([$€])(?<![\w$€].) ?(\d+(?:\.\d+)?)(?!\w|[.,]\d)"
    r"|(\d(?<![\w.,]\d)\d*(?:\.\d+)?) ?(dollars?|euros?|eur|[$€](?! ?\d))(?!\w)"
)
# Only forms that mean one thing after a number: not m, g, s, c, pounds, GB (gigabit or gigabyte without its case).
_FORMS = {
    "km": "kilometer kilometers kilometre kilometres",
    "cm": "centimeter centimeters centimetre centimetres",
    "mm": "millimeter millimeters millimetre millimetres",
    "meters": "meter metre metres",
    "miles": "mile mi",
    "ft": "foot feet",
    "inches": "inch",
    "kg": "kgs kilo kilos kilogram kilograms",
    "mg": "milligram milligrams",
    "grams": "gram",
    "lb": "lbs",
    "oz": "ounce ounces",
    "l": "liter liters litre litres",
    "ml": "milliliter milliliters millilitre millilitres",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "sec": "secs second seconds",
    "%": "percent per_cent",
    "celsius": "°c °_c °_celsius °celsius degrees_celsius degrees_c",
    "fahrenheit": "°f °_f °_fahrenheit °fahrenheit degrees_fahrenheit degrees_f",
    "mph": "miles_per_hour",
    "kmh": "km/h kph kilometers_per_hour kilometres_per_hour",
    "am": "a.m a.m.",
    "pm": "p.m p.m.",
}
_UNITS = {form.replace("_", " "): unit for unit, forms in _FORMS.items() for form in (unit, *forms.split())}
_MEASURED = late(rf"(\d)[ -]?({'|'.join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))})(?![\w'])")

# A kept mark becomes NUL and a letter: NUL is in no text, so nothing that is written can look like it.
_INNER = {".": "\0p", ",": "\0c", ":": "\0t", "-": "\0m", " - ": "\0m"}
_BETWEEN_DIGITS = late(r"(\d)([.,:]|-| - )(?=\d)")
_POINT = late(r"\.(?<![\w.)]\.)(?=\w)")
_DASHES = late("-+")
_NOT = late(r"!(?=[=\w])")
_ASKED = late(r"\?[?!]*")
_FACE = late(r"([:;=])'?-?([()\[\]{}])(?=[\s.,!?]|$)")

_DROPPED = '.,;:!"()[]{}`-'
_SYMBOL = late(r"([#$%&*+/<=>@\\^|~])")
_GONE = _DROPPED + " \t\n\r\v\f\x1c\x1d\x1e\x1f"  # what str takes for a space, and bytes does not, is one here too
_BYTES = bytes(32 if chr(c) in _GONE else ord(chr(c).lower()) if c < 128 else c for c in range(256))
_LETTERS = bytes(c for c in range(128) if chr(c).isalpha() or chr(c).isspace() or chr(c) in ',"')
_NO_DIGITS = bytes(c for c in range(128) if not chr(c).isdecimal())
_NO_SYMBOLS = bytes(c for c in range(128) if chr(c) not in "#$%&*+/<=>@\\^|~")
# Per mille, primes, full-width symbols, Arabic percent and decimal signs.
_OWN_WORD = frozenset("§¶‰‱†‡\u2032\u2033\u2034\uff03\uff05\uff06\uff20\uff0a\uff0f\uff3c\uff0e\u066a\u066b\u066c")
_IN_WORD = frozenset("·_‿")
_SAME = (
    dict.fromkeys(map(ord, "’\u02bc\uff07"), "'")
    | dict.fromkeys(map(ord, "–\u2010\u2011\u2212"), "-")
    | dict.fromkeys(map(ord, "\uff1f\u061f\u2e2e\u203d\u2047\u2048\u2049\ufe56\u055e\u1367\u037e"), "?")
    | dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"), "")
)
_GREEK_QUESTION = late("(?<=[\u0370-\u03ff\u1f00-\u1fff]);")


def statement_key(text: str, speaker: str | None) -> bytes:
    """Duplicate key of a statement: equal for its repeats by the same speaker. Cost: 2 µs for 60 plain characters."""
    return _digest(b"", "statement", speaker, normalise(text))


def turn_key(previous: bytes, speaker: str | None, said_at: datetime | None, text: str, session: str | None) -> bytes:
    """Duplicate key of a turn after the turn with the key `previous` (empty for the first).

    So a "Thanks!" repeated within a conversation is a turn of its own, while the conversation read again, or grown
    longer, has the same keys as far as it is the same.
    """
    moment = "" if said_at is None else repr(said_at.timestamp())
    return _digest(previous, "turn", session, speaker, moment, text)


def piece_key(source: str, speaker: str | None, text: str, occurrence: int) -> bytes:
    """Duplicate key of a piece of a long text; `occurrence` counts the pieces before it that say the same."""
    return _digest(b"", "piece", source, speaker, str(occurrence), normalise(text))


def _digest(seed: bytes, *parts: str | None) -> bytes:
    joined = "\0\0".join([part.lower() if part else "" for part in parts])
    return blake2b(seed + joined.encode(), digest_size=16).digest()


@lru_cache(maxsize=8)  # a reader asks twice: for the kind and for the key
def normalise(text: str) -> str:
    """The statement without its notation: equal for duplicates only. To be compared, not shown.

    Cost: 1 µs for 60 plain characters, 10 µs with a date and contractions.
    """
    if not text.isascii():
        plain = _beyond_ascii(text)
    elif marks := text.encode().translate(None, _LETTERS):
        plain = _ascii(text.lower(), marks)
    else:
        plain = _words(text)
    return plain.replace("cannot", "can not") or "\0 " + " ".join(text.split())


def _words(text: str) -> str:
    return b" ".join(text.encode().translate(_BYTES).split()).decode()


def _ascii(text: str, marks: bytes) -> str:
    if b"'" in marks:
        text = in_full(text)
    if marks.translate(None, _NO_DIGITS):
        text = _numbers(text)
    text = _marks(text)
    return _words(_SYMBOL.sub(r" \1 ", text) if marks.translate(None, _NO_SYMBOLS) else text)


def _beyond_ascii(text: str) -> str:
    text = unicodedata.normalize("NFC", _GREEK_QUESTION.sub("?", text.translate(_SAME))).lower()
    text = _marks(_numbers(in_full(text)))
    return " ".join(text.translate(_table()).split())


def in_full(text: str) -> str:
    """Contractions of a lower-case text written out: don't → do not."""
    if "n't" in text:
        for short, full in _NEGATED:
            text = text.replace(short, full)
    return _QUOTED.sub(" ", _SHORT.sub(lambda m: f" {m.lastgroup}", text))


def _numbers(text: str) -> str:
    text = " ".join(text.split())
    if _YEAR_FIRST.search(text) or any(month in text for month in _MONTHS):
        text = DATE.sub(_one_date, text)
    if "," in text:
        text = _GROUPED.sub(lambda m: m[0].replace(",", ""), text)
    text = _MEASURED.sub(lambda m: f"{m[1]} {_UNITS[m[2]]}", _AMOUNT.sub(_one_amount, text))
    if text.count('"') % 2:  # inches: an odd one closes no quotation
        text = re.sub(r'(\d)"', "\\1\0i", text)
    return _BETWEEN_DIGITS.sub(lambda m: m[1] + _INNER[m[2]], text)


def date_of(found: re.Match[str]) -> tuple[int | None, int, int] | None:
    """Year if given, month and day of a match of `DATE`; None if there is no such day."""
    groups = found.groupdict()
    year, month, day = (groups[k] or groups[f"{k}1"] or groups[f"{k}2"] for k in ("year", "month", "day"))
    which = int(month) if month.isdecimal() else _MONTHS.index(month[:3]) + 1
    number = int(day.rstrip("stndrh"))
    return (int(year) if year else None, which, number) if 1 <= which <= 12 and 1 <= number <= 31 else None


def _one_date(found: re.Match[str]) -> str:
    date = date_of(found)
    return found[0] if date is None else f"\0d{date[0] or ''}m{date[1]}d{date[2]}"


def _one_amount(found: re.Match[str]) -> str:
    currency, number = (found[1], found[2]) if found[1] else (found[4], found[3])
    return f"\0{'u' if currency[0] in '$d' else 'e'}{number.removesuffix('.00')}"


def _marks(text: str) -> str:
    """Punctuation that carries meaning, rewritten so that it survives."""
    if ":" in text or ";" in text or "=" in text:
        text = _FACE.sub(_one_face, text)
    if "-" in text:
        text = _DASHES.sub(_one_dash, text)
    if "." in text:
        text = _POINT.sub("\0p", text)
    if "?" in text:
        text = _ASKED.sub(" ? ", text)
    if "!" in text:
        text = _NOT.sub("\0n", text)
    return text


def _one_dash(dash: re.Match[str]) -> str:
    """Kept if it touches a word on one side only: a sign, an option, a blood group; otherwise it is punctuation."""
    before, after = dash.string[dash.start() - 1 : dash.start()], dash.string[dash.end() : dash.end() + 1]
    return "\0m" * len(dash[0]) if before.isalnum() != (after.isalnum() or after in (*".$€\0",)) else " "


def _one_face(face: re.Match[str]) -> str:
    eyes, mouth = face.groups()
    return " \0" + ("w" if eyes == ";" else "g" if mouth in ")]}" else "b") + " "


@cache
def _table() -> dict[int, str]:
    """What becomes of each mark: symbols and emoji are words of their own, punctuation is a space."""
    table: dict[int, str] = {}
    for code in (*range(0x20, 0x3100), *range(0xFE10, 0x10000), *range(0x1F000, 0x1FB00)):
        char, category = chr(code), unicodedata.category(chr(code))[0]
        if char in _DROPPED:
            table[code] = " "
        elif char not in _IN_WORD and (category == "S" or char in _OWN_WORD or _SYMBOL.match(char) or char == "?"):
            table[code] = f" {char} "
        elif char not in _IN_WORD and char != "'" and category in "PZ":
            table[code] = " "
    return table
