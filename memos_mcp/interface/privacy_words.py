"""Passwords, codes and keys that somebody names in words which `secrets` does not know. Pure.

Where words and signs say that a value follows, it is put behind the words that `secrets` knows, which then judges
whether it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from memos_mcp.interface.privacy_spans import Span
from memos_mcp.interface.secrets import secrets_in
from memos_mcp.late import late


class _Saying(NamedTuple):
    kind: str
    hints: tuple[str, ...]
    form: re.Pattern[str]
    known_as: str


_VALUE = r"[\"'`]?(?P<value>[^\s\"'`,;]{4,64})"
_CODE = r"(?P<value>\d{3,8}|\d\d-\d\d-\d\d)(?![\w-]|[.,:/]\d)"
_SAYINGS = (
    _Saying(
        "PASSWORD",
        ("pw", "pass"),
        late(rf"\b(?:(?:pw|pwd|passwd)(?:\s?[:=]\s?|\s)|pass\s?[:=]\s?){_VALUE}", re.IGNORECASE),
        "password: ",
    ),
    _Saying(
        "PASSWORD",
        ("pass", "kennwort", "wachtwoord", "losenord", "haslo", "parola", "senha", "contrasena"),
        late(
            r"\b(?:[\w-]{0,30}pass(?:word|wort|phrase|code)|kennwort|mot de passe|wachtwoord|losenord|haslo|parola"
            r"|senha|contrasena)(?: (?!polic|rule|length|manag|reset|hint|require|strength|format)[\w'-]{1,20}){0,5}"
            rf"\s?[:=]\s?{_VALUE}",
            re.IGNORECASE,
        ),
        "password: ",
    ),
    _Saying(
        "PASSWORD",
        ("login", "zugang", "credential", "user"),
        late(
            r"\b(?:login|zugang(?:sdaten)?|credentials?|user(?:name)?)(?: is| ist|:| =)? ?[\w.@+-]{2,40}"
            rf" [/|] {_VALUE}",
            re.IGNORECASE,
        ),
        "password: ",
    ),
    _Saying(
        "PASSWORD",
        (" code", "code ", "comb", "opens", "unlocks"),
        late(
            r"\b(?:(?:gate|door|alarm|safe|lock|entry|access|garage|shed|bike|locker|unlock)[ -]?"
            r"(?:code|combination|combo)\b[^\n.;\d]{0,30}?(?:\b(?:is|ist|now)|'s|:|=)"
            rf"|\b(?:safe|lock|locker|door|gate)\b[^\n.;\d]{{0,20}}\b(?:opens|unlocks) with)\s{_CODE}",
            re.IGNORECASE,
        ),
        "PIN: ",
    ),
    _Saying(
        "API_KEY",
        ("_key", "_token", "_secret"),
        late(
            r"\b(?![A-Z0-9_]{0,40}PUBLIC)[A-Z][A-Z0-9_]{1,40}_(?:KEY|TOKEN|SECRET)[\"']?\s?[:=]\s?[\"']?"
            r"(?P<value>[A-Za-z0-9+/_.~-]{16,512}={0,2})"
        ),
        "api_key: ",
    ),
)


def said_secrets(text: str) -> Iterator[tuple[str, Span]]:
    """The class of each and where it stands."""
    lower = text.lower()
    for kind, hints, form, known_as in _SAYINGS:
        if any(hint in lower for hint in hints):
            for match in form.finditer(text):
                end = _judged(known_as, match["value"])
                if end:
                    yield kind, Span(match.start("value"), match.start("value") + end, "named in a text")


def _judged(known_as: str, value: str) -> int:
    """How many characters of the value are a secret if it is called one."""
    if known_as.startswith("PIN"):
        return len(value)
    for start, end, _ in secrets_in(f"{known_as}{value}"):
        if start == len(known_as):
            return end - start
    return 0
