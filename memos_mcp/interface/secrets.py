"""Live credentials in a text, by their form, their check digits or what is said of them. Pure.

The span of a finding is the value alone. Placeholders, variables, public keys, hashes without a name and numbers whose
check digits fail are none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import log2
from typing import NamedTuple

from memos_mcp.late import late


class Secret(NamedTuple):
    """Characters [start, end) are a credential; `why` says which kind."""

    start: int
    end: int
    why: str


class _Form(NamedTuple):
    why: str
    hints: tuple[str, ...]
    form: re.Pattern[str]
    holds: Callable[[str], bool]


_DUMMY = late(
    r"your|x{4}|\*{3}|^\.|\.{3}|…|example|changeme|change-me|placeholder|dummy|redacted|secret\]|<|>"
    r"|\$\{|\{\{|^\$[A-Za-z_]|%\w+%|^\[|^_+$",
    re.IGNORECASE,
)
_IDENTIFIER = late(
    r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+\(?.*|[A-Za-z_]\w*\(.*|[A-Za-z_]*[a-z_]+[A-Za-z_]*"
    r"|\W+|\d{1,3}|[A-Za-z_][\w.]*\[.*|\{\w[\w.]*[}(\[].*"
)
_CALL = late(r"[a-z_]+(?:\.[a-z_]+)*")
_NO_VALUE = late(
    r"(?:too|very|not|so|still|always|never|now|the|an?|in|on|at|to|for|of|only|just|what|that|this|wrong|weak"
    r"|strong|safe|secure|unsafe"
    r"|invalid|valid|incorrect|correct|empty|missing|unknown|new|old|same|long|short|different|easy|hard|my|your"
    r"|our|his|her|their|it"
    r"|kept|sent|set|hidden|going|due|about|written|good|bad|fine|here|there|private|public|secret|ready"
    r"|gone|\w+ed|\w+ing)",
    re.IGNORECASE,
)
_IBAN_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"), (16, "BE"), (18, "DK FI FO GL NL"), (19, "MK SI"), (20, "AT BA EE KZ LT LU XK"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS VA"), (23, "AE GI IL IQ TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"), (25, "PT"), (26, "IS TR"), (27, "FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB PL"), (29, "BR EG PS QA UA"),
        (30, "JO KW MU"), (31, "MT SC"), (32, "LC"),
    )
    for country in countries.split()
}  # fmt: skip
_ISSUER = late(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}"
    r"|35\d{14}|3[068]\d{12}"
)


def _entropy(value: str) -> float:
    """Bits a character."""
    return -sum(n / len(value) * log2(n / len(value)) for n in Counter(value).values())


def _no_dummy(value: str) -> bool:
    return not _DUMMY.search(value)


def _random(value: str) -> bool:
    return not _DUMMY.search(value) and any(map(str.isdigit, value)) and _entropy(value) >= 2.8


def _labelled(value: str) -> bool:
    """A key that has its maker's prefix, but no digit."""
    return value.startswith(("sk-", "pk-")) and not _DUMMY.search(value) and _entropy(value) >= 3.5


def _chosen(value: str) -> bool:
    """Could somebody have chosen this as a password? An identifier or a call in code is none."""
    return len(value) >= 4 and not _DUMMY.search(value) and not _IDENTIFIER.fullmatch(value) and not _weak(value)


def _weak(value: str) -> bool:
    return value.lower().strip("\"'") in {
        "password",
        "passwort",
        "secret",
        "token",
        "none",
        "null",
        "true",
        "false",
        "pass",
        "pwd",
        "1234",
    }


def _spoken(value: str) -> bool:
    return _chosen(value) or (
        value.isalpha()
        and len(value) >= 6
        and not _NO_VALUE.fullmatch(value)
        and not _DUMMY.search(value)
        and not _weak(value)
    )


def _luhn(value: str) -> bool:
    digits = [int(each) for each in value if each.isdigit()]
    total = sum(digits[-1::-2]) + sum(d * 2 - 9 * (d > 4) for d in digits[-2::-2])
    return total % 10 == 0 and _ISSUER.fullmatch("".join(map(str, digits))) is not None and len(set(digits)) > 1


_EXAMPLE = late(r"(?i)\bexample\b|\bdocs?\b|documentation|\bsample\b|placeholder")
_CHUNK = r"[A-Za-z0-9_-]"


def _behind_colon(value: str) -> bool:
    """Is what follows the user's name a password?"""
    secret = value.partition(":")[2]
    return bool(secret) and not _DUMMY.search(secret) and not _weak(secret) and not secret.startswith("$")


def _not_masked(value: str) -> bool:
    return "[secret]" not in value


def _any(_: str) -> bool:
    return True


def _form(why: str, hints: str, form: str, holds: Callable[[str], bool] | None = None) -> _Form:
    return _Form(why, tuple(hints.split("  ")), late(form, re.DOTALL), holds or _no_dummy)


_FORMS: tuple[_Form, ...] = (
    _form(
        "private key",
        "PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN).){20,20000}?"
        r"(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        _not_masked,
    ),
    _form("AWS key", "AKIA  ASIA", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", _any),
    _form("GitHub token", "ghp_  gho_  ghu_  ghs_  ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,255}\b"),
    _form("GitHub token", "github_pat_", r"\bgithub_pat_\w{40,255}\b"),
    _form("GitLab token", "glpat-", rf"\bglpat-{_CHUNK}{{20,64}}"),
    _form("API key", "sk-", rf"\bsk-(?:ant-|proj-|or-v1-|svcacct-)?{_CHUNK}{{20,255}}", _random),
    _form("Slack token", "xox  xapp-", r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,255}", _random),
    _form("Slack address", "hooks.slack.com", r"(?<=hooks\.slack\.com/services/)T\w{6,14}/B\w{6,14}/\w{16,40}"),
    _form("Google key", "AIza", rf"\bAIza{_CHUNK}{{35}}(?![\w-])"),
    _form("Google token", "ya29.  GOCSPX-", rf"\b(?:ya29\.|GOCSPX-){_CHUNK}{{20,255}}"),
    _form("Stripe key", "_live_  _test_  whsec_", r"\b(?:(?:sk|rk)_(?:live|test)_|whsec_)[A-Za-z0-9]{16,255}\b"),
    _form("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _form("Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{30,40}\b"),
    _form("PyPI token", "pypi-", rf"\bpypi-AgE{_CHUNK}{{50,255}}"),
    _form("SendGrid key", "SG.", rf"\bSG\.{_CHUNK}{{16,32}}\.{_CHUNK}{{16,64}}"),
    _form("Telegram token", ":AA", rf"\b\d{{8,10}}:AA{_CHUNK}{{33}}\b"),
    _form("web token", "eyJ", rf"\beyJ{_CHUNK}{{10,2000}}\.eyJ{_CHUNK}{{10,4000}}\.{_CHUNK}{{20,1000}}"),
    _form("bearer token", "earer  EARER", r"(?i:\bbearer )\s{0,4}([A-Za-z0-9\-._~+/]{16,2000}={0,2})", _random),
    _form(
        "credentials in an address",
        "://",
        r"(?<=://)([^\s:/@\"'<>]{0,100}:[^\s/\"'<>]{1,200})(?=@[\w.\[-])",
        _behind_colon,
    ),
    _form(
        "credentials of a command",
        "curl  wget",
        r"\b(?:curl|wget)\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?([^\s:\"']{1,64}:[^\s\"']{4,128})",
        _behind_colon,
    ),
    _form(
        "password of a command",
        "mysql  mariadb  sshpass",
        r"\b(?:mysql(?:dump|admin)?|mariadb|sshpass)\b[^\n]{0,200}?\s-p[\"']?([^\s\"'-][^\s\"']{3,63})",
    ),
)

_NO_DIGIT = bytes(set(range(256)) - set(b"0123456789"))
_LEAST_DIGITS = 8  # of a card number or an IBAN
_CARD = late(
    r"(?<![\w.-])(?<!\d )(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}"
    r"|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|[ .]\d)"
)
_IBAN = late(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")

_PASSWORD = late(
    r"(?:pass(?:word|wd|phrase|code|wort)|pwd|kennwort|mot de passe|contrasena|senha|пароль|密码|パスワード)s?"
    r"[\"']?"
    r"(?:(?: (?:for|of|to|on|at|fuer|fur|vom|von|del|de)(?: [\w'.-]+){1,4}?)?"
    r"(?P<is>\s?(?:is|was|lautet|ist|es|est|[:=]=?>?|→|是|は)(?: now| jetzt)?[:\s]{1,3}|[:=]|是|は)|\s(?=[\"']))\s{0,3}"
    r"(?:(?P<mark>[\"'`])(?P<quoted>[^\"'`\n]{4,128})(?P=mark)|(?P<bare>[^\s\"'`,;<>]{4,128}))"
)
_NAMED = late(
    r"(?:(?:api|secret|access|private|auth|encryption|signing|client|account|storage|master|service|shared"
    r"|deploy)[_ -]{0,2}key"
    r"|(?<!page.)(?<!next.)(?<!csrf.)token|secret|credential)s?[\"']?(?:\s{0,3}[:=]=?>?\s{0,3}| is (?:now )?)"
    r"[\"'`]?([a-z0-9+/_.~-]{16,512}={0,2})"
)
_NUMBER = late(
    r"\b(?:pin|pin code|(?:alarm|access|door|gate|entry|security|lock|safe|unlock|backup) (?:pin|code)|cvv|cvc"
    r"|geheimzahl)\b"
    r"(?: (?:for|of|to|on) (?:\w+ ){1,4}?)?\s?(?:is|was|lautet|ist|[:=])?\s{1,2}(\d{3,8})\b(?![./:-]\d)"
)


def secrets_in(text: str) -> list[Secret]:
    """The credentials in a text, in its order; they do not overlap. Cost: 15 µs for a sentence that has none."""
    return looking_through(text)(text)


def looking_through(whole: str) -> Callable[[str], list[Secret]]:
    """`secrets_in` for pieces of a text, which is looked through once for what its secrets could be.

    Cost: 10 µs, and as many for each 1,000 characters; then 3 µs for a sentence.
    """
    forms = tuple(form for form in _FORMS if any(hint in whole for hint in form.hints))
    lower = whole.lower()
    named = any(hint in lower for hint in (*_LABELS, *_NAMES, *_CODES))
    return lambda text: _apart([*_formed(text, forms), *_numbered(text), *(_named(text) if named else ())])


def _apart(found: list[Secret]) -> list[Secret]:
    if len(found) < 2:
        return found
    found.sort(key=lambda each: (each.start, -each.end))
    apart: list[Secret] = []
    for each in found:
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    return apart


def _formed(text: str, forms: Sequence[_Form]) -> Iterator[Secret]:
    for why, hints, form, holds in forms:
        if any(hint in text for hint in hints):
            for match in form.finditer(text):
                group = form.groups
                if holds(match[group]) and not _shown_as_example(text, match):
                    yield Secret(*match.span(group), why)


def _shown_as_example(text: str, match: re.Match[str]) -> bool:
    """The key says that it is an example, and so does the text."""
    return "EXAMPLE" in match[0] and _EXAMPLE.search(text[max(0, match.start() - 80) : match.end() + 80]) is not None


def _numbered(text: str) -> Iterator[Secret]:
    if len(text.encode(errors="ignore").translate(None, _NO_DIGIT)) < _LEAST_DIGITS:
        return
    for match in _CARD.finditer(text):
        if _luhn(match[0]):
            yield Secret(*match.span(), "card number")
    for match in _IBAN.finditer(text):
        length = _account(match[0])
        if length:
            yield Secret(match.start(), match.start() + length, "IBAN")


def _account(value: str) -> int:
    """How many characters of the value are an IBAN with valid check digits; 0 if none."""
    wanted = _IBAN_LENGTHS.get(value[:2], 0)
    places = [at for at, letter in enumerate(value) if letter != " "]
    if not wanted or len(places) < wanted:
        return 0
    number = "".join(value[at] for at in places[:wanted])
    digits = "".join(str(int(letter, 36)) for letter in number[4:] + number[:4])
    return places[wanted - 1] + 1 if int(digits) % 97 == 1 else 0


_LABELS = ("pass", "pwd", "kennwort", "contrase", "senha", "пароль", "密码", "パスワード")
_NAMES = ("key", "token", "secret", "credential")
_CODES = ("pin", " code", "cvv", "cvc", "geheimzahl")


def _named(text: str) -> Iterator[Secret]:
    lower = text.lower()
    if len(lower) != len(text):
        lower = text
    if any(label in lower for label in _LABELS):
        for match in _PASSWORD.finditer(lower):
            yield from _password(text, match)
    if any(name in lower for name in _NAMES):
        for match in _NAMED.finditer(lower):
            value = text[match.start(1) : match.end(1)]
            if (_random(value) or _labelled(value)) and not _CALL.fullmatch(value):
                yield Secret(*match.span(1), "key or token by its name")
    if any(name in lower for name in _CODES):
        for match in _NUMBER.finditer(lower):
            yield Secret(*match.span(1), "code by its name")


def _password(text: str, match: re.Match[str]) -> Iterator[Secret]:
    if match["quoted"]:
        start, end = match.span("quoted")
        value = text[start:end]
        phrase = len(value.split()) > 2 and match["is"] and not _DUMMY.search(value)
        if phrase or _spoken(value):
            yield Secret(start, end, "password")
        return
    start, end = match.span("bare")
    value = text[start:end].rstrip(".)]}")
    said = (match["is"] or "").strip(" :=\n") != ""
    if _spoken(value) if said else _chosen(value):
        yield Secret(start, start + len(value), "password")
