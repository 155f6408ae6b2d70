"""What a recogniser gives back, and what is said just before a number. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

LETTERS = r"A-Za-z0-9_\u00c0-\u052f"
"""Letters and digits of scripts that set words apart, for a class of characters: what may not stand beside a number."""


class Span(NamedTuple):
    """Characters [start, end) of a text are the value; `why` says by what it was known."""

    start: int
    end: int
    why: str


def said_before(label: re.Pattern[str], text: str, at: int, within: int = 40) -> int:
    """Where the last label before this place ends; -1 if none stands within so many characters.

    Labels are written in small letters, without accents.
    """
    end = -1
    for match in label.finditer(text[max(0, at - within) : at].lower()):
        end = match.end()
    return end if end < 0 else max(0, at - within) + end


def digits_of(value: str) -> str:
    """The digits of a value, in their order."""
    return "".join(filter(str.isdigit, value))


def luhn(digits: str) -> bool:
    """Does the last digit check the others (ISO/IEC 7812)?"""
    values = [int(digit) for digit in digits]
    return (sum(values[-1::-2]) + sum(d * 2 - 9 * (d > 4) for d in values[-2::-2])) % 10 == 0
