"""Numbers a state gives to one person: social security, tax and identity numbers of some countries. Pure.

Those with check digits have to pass them; those that look like anything else have to be named before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from memos_mcp.interface.privacy_spans import LETTERS, Span, digits_of, luhn, said_before
from memos_mcp.late import late


class _Form(NamedTuple):
    why: str
    form: str
    holds: Callable[[str], bool]
    label: str


def _any(_: str) -> bool:
    return True


def _french(value: str) -> bool:
    compact = value.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return 97 - int(compact[:13]) % 97 == int(compact[13:])


def _spanish(value: str) -> bool:
    compact = value.replace("-", "").replace(" ", "")
    number = compact[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == compact[-1]


_ODD = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)) | dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)


def _italian(value: str) -> bool:
    odd = sum(_ODD[letter] for letter in value[:15:2])
    even = sum(int(letter) if letter.isdigit() else ord(letter) - ord("A") for letter in value[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == value[15]


def _brazilian(value: str) -> bool:
    digits = [int(digit) for digit in digits_of(value)]
    for known in (9, 10):
        rest = sum(digit * (known + 1 - place) for place, digit in enumerate(digits[:known])) * 10 % 11 % 10
        if rest != digits[known]:
            return False
    return len(set(digits)) > 1


def _swiss(value: str) -> bool:
    digits = [int(digit) for digit in digits_of(value)]
    return sum(digit * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10 == 0


def _german(value: str) -> bool:
    product = 10
    *digits, last = map(int, digits_of(value))
    for digit in digits:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == last


def _polish(value: str) -> bool:
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return sum(int(digit) * weight for digit, weight in zip(value, weights, strict=True)) % 10 == 0


def _dutch(value: str) -> bool:
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(int(digit) * weight for digit, weight in zip(digits_of(value), weights, strict=True)) % 11 == 0


def _swedish(value: str) -> bool:
    return luhn(digits_of(value)[-10:])


def _finnish(value: str) -> bool:
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[7:10]) % 31] == value[10]


def _canadian(value: str) -> bool:
    return luhn(digits_of(value))


def _form(why: str, form: str, holds: Callable[[str], bool] = _any, label: str = "") -> _Form:
    return _Form(why, form, holds, label)


def _alone(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![{LETTERS}.-])(?:{form})(?![{LETTERS}-]|[.,]\d)")


_US = r"(?!000|666|9\d\d)\d{3}%s(?!00)\d{2}%s(?!0000)\d{4}"
_UK = r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_FORMS: tuple[_Form, ...] = (
    _form("US social security number", _US % ("-", "-")),
    _form("US social security number", _US % ("[ -]?", "[ -]?"), label=r"\bssns?\b|social.?security|\bitin\b"),
    _form("UK national insurance number", _UK + r" \d\d \d\d \d\d [A-D]"),
    _form(
        "UK national insurance number",
        _UK + r" ?\d\d ?\d\d ?\d\d ?[A-D]",
        label=r"\bnino?\b|\bni (?:no|num)|national.?insurance|insurance n",
    ),
    _form(
        "French NIR",
        r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
        _french,
    ),
    _form("Spanish DNI or NIE", r"(?:\d{8}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]", _spanish),
    _form(
        "Italian codice fiscale", r"[A-Z]{6}\d\d[A-EHLMPRST](?:[04][1-9]|[1256]\d|[37][01])[A-Z]\d{3}[A-Z]", _italian
    ),
    _form("Brazilian CPF", r"\d{3}\.\d{3}\.\d{3}-\d\d", _brazilian),
    _form("Brazilian CPF", r"\d{11}", _brazilian, r"\bcpf\b"),
    _form("Swiss AHV number", r"756\.?\d{4}\.?\d{4}\.?\d\d", _swiss),
    _form(
        "German tax id",
        r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}",
        _german,
        r"steuer-?(?:id|identi)|\bidnr|\btax.?id|\btin\b|steuerliche identi",
    ),
    _form(
        "Canadian social insurance number",
        r"\d{3}[ -]?\d{3}[ -]?\d{3}",
        _canadian,
        r"\bsin\b|social.?insurance|\bnas\b|assurance.?sociale",
    ),
    _form("Swedish personnummer", r"(?:19|20)?\d{6}[-+]?\d{4}", _swedish, r"person(?:nummer|nr)"),
    _form("Finnish henkilötunnus", r"[0-3]\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _finnish),
    _form("Danish CPR number", r"[0-3]\d[01]\d{3}-?\d{4}", label=r"\bcpr\b"),
    _form("Polish PESEL", r"\d{11}", _polish, r"\bpesel\b"),
    _form("Dutch BSN", r"\d{9}|\d{4}[. ]\d\d[. ]\d{3}", _dutch, r"\bbsn\b|burgerservice|sofi-?nummer"),
    _form("Aadhaar number", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", label=r"aadhaar|aadhar"),
    _form("Mexican CURP", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"),
)


_UNNAMED = [each for each in _FORMS if not each.label]
_NAMED = [(each, _alone(each.form), late(each.label)) for each in _FORMS if each.label]
_ONE_UNNAMED = _alone("|".join(f"({each.form})" for each in _UNNAMED))
_HINTS = (
    *"ssn secur itin nin insur cpf steuer idnr tax tin sin nas social person cpr pesel bsn burger sofi aadha".split(),
    "ni n",
)


def personal_ids(text: str) -> Iterator[Span]:
    """Numbers of persons in the notations of their countries."""
    for match in _ONE_UNNAMED.finditer(text):
        each = _UNNAMED[(match.lastindex or 1) - 1]
        if each.holds(match[0]):
            yield Span(*match.span(), each.why)
    lower = text.lower()
    if any(hint in lower for hint in _HINTS):
        for each, form, name in _NAMED:
            for match in form.finditer(text):
                if each.holds(match[0]) and said_before(name, text, match.start()) >= 0:
                    yield Span(*match.span(), each.why)
