"""E-mail and IP addresses in a text. Pure.

An address of the documentation's domains is one as any other; `you@example.com`, `user@host` and the like are
placeholders. Any literal of an IP address counts, of this machine too; a version or section number does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from memos_mcp.interface.privacy_spans import LETTERS, Span, said_before
from memos_mcp.late import late

_LABEL = rf"[{LETTERS}](?:[\w-]{{0,61}}\w)?"
_NAME = rf"(?<![{LETTERS}.%+'-])[{LETTERS}](?:[{LETTERS}.%+'-]{{0,62}}[{LETTERS}+-])?"
_TOP = r"(?:xn--[a-z0-9-]{1,59}|[^\W\d_]{2,24})"
_EMAIL = late(rf"(?P<name>{_NAME})@(?P<domain>(?:{_LABEL}\.){{1,8}}{_TOP})(?![\w@-]|\.\w)")
_DOT = r" ?(?:\.|\( ?dot ?\)|\[ ?dot ?\]) ?"
_SPELT = late(
    rf"(?P<name>{_NAME}) ?(?:\( ?at ?\)|\[ ?at ?\]|\{{ ?at ?\}}) ?"
    rf"(?P<domain>{_LABEL}(?:{_DOT}{_LABEL}){{0,6}}{_DOT}{_TOP})"
    r"(?!\w)",
    re.IGNORECASE,
)
_PLACEHOLDER = late(
    r"(?:you|your[._-]?(?:name|e?-?mail|address|login|user)?|user(?:[._-]?name)?|name|e-?mail|address|login|someone|somebody"
    r"|first(?:[._-]?name)?[._-]?last(?:[._-]?name)?|example|foo|bar|x{1,9}|abc|<.*>)",
    re.IGNORECASE,
)
_NO_TOP = frozenset(
    "png jpg jpeg gif svg webp ico css js mjs ts json html htm pdf txt log xml yml yaml toml service socket timer"
    " target mount slice scope zip gz dart".split()
)
_NO_MAIL = late(
    r"(?:[a-z][a-z+.-]{1,20}://|\b(?:ssh|scp|sftp|rsync)\b(?: [^\s@]{1,80}){0,4} "
    r"|\b(?:message-id|in-reply-to|references): ?<)$",
    re.IGNORECASE,
)
_REMOTE = late(r":(?=[/~]|[\w.-]{1,80}/)")

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_V4 = late(
    rf"(?:(?<![{LETTERS}.:-])(?<!\d,)|(?<=[\w\]]:)|(?<=\d-))(?:{_OCTET}\.){{3}}{_OCTET}"
    rf"(?![{LETTERS}]|\.\w|-[A-Za-z]|\+\w)"
)
_V6 = late(
    rf"(?<![{LETTERS}:.])(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:[0-9A-Fa-f]{{1,4}}|(?:\d{{1,3}}\.){{3}}\d{{1,3}})(?![{LETTERS}:]|\.\w)"
)
_VERSION = late(
    r"(?:\b(?:v\.?|versions?|ver\.?|versao|release|firmware|build|driver|kernel|patch|chapter|sections?|sec\.|article|clause"
    r"|paragraph|abschnitte?|kapitel|ziffer|artikel|windows|android|ios|oid)|§+|[=~<>]=)[ :=]?\s?$"
)
_VERSIONS = late(
    r"\b(?:versions?|release[sd]?|firmware|builds?|drivers?|upgrade[sd]?|update[sd]?|sections?|chapters?|clauses?|articles?"
    r"|abschnitte?|kapitel|windows|changelog|patch(?:ed)?)\b"
)
_NETWORK = late(
    r"\b(?:ips?|address(?:es)?|adresse|hosts?|servers?|gateway|router|subnet|dns|ping|clients?|proxy|nameserver|logs|ports?"
    r"|requests?|network|firewall|login)\b"
)
_AGENT = late(r"[a-z]/$")  # Chrome/120.0.0.0
_LARGE = 63  # a number of a version is seldom larger


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses, also as `name (at) host [dot] org`."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if _mailed(text, match):
                yield Span(*match.span(), "e-mail address")
    lower = text.lower()
    if "at)" in lower or "at]" in lower or "at }" in lower or "at )" in lower or "at ]" in lower:
        for match in _SPELT.finditer(text):
            if not _PLACEHOLDER.fullmatch(match["name"]):
                yield Span(*match.span(), "e-mail address, spelt out")


def _mailed(text: str, match: re.Match[str]) -> bool:
    if _PLACEHOLDER.fullmatch(match["name"]) or match["domain"].rpartition(".")[2].lower() in _NO_TOP:
        return False
    if _NO_MAIL.search(text[max(0, match.start() - 100) : match.start()]):
        return False
    return match["name"] != "git" and not _REMOTE.match(text, match.end())


def ip_addresses(text: str) -> Iterator[Span]:
    """IP addresses of both kinds; without their port, length of prefix or zone."""
    if text.count(".") >= 3:
        for match in _V4.finditer(text):
            if _v4(text, match):
                yield Span(*match.span(), "IPv4 address")
    if text.count(":") >= 2:
        for match in _V6.finditer(text):
            if _v6(text, match):
                yield Span(*match.span(), "IPv6 address")


def _v4(text: str, match: re.Match[str]) -> bool:
    """Is it an address, not a version or the number of a section?"""
    start, greatest = match.start(), max(map(int, match[0].split(".")))
    before = text[max(0, start - 40) : start].lower()
    if _VERSION.search(before) or (_AGENT.search(before) and match[0].endswith(".0")):
        return False
    versions = said_before(_VERSIONS, text, start, 60)
    return versions < 0 or greatest > _LARGE or said_before(_NETWORK, text, start, 60) > versions


def _v6(text: str, match: re.Match[str]) -> bool:
    value = match[0]
    try:
        address = IPv6Address(value)
    except AddressValueError:
        return False
    if "::" not in value:
        return True
    groups = [group for group in value.split(":") if group]
    if value.startswith("::"):  # in a slice of Python: [::2]
        return text[match.start() - 1 : match.start()] != "[" or (
            address.is_loopback and not re.search(r"\w\[$", text[: match.start()])
        )
    return any(map(str.isdigit, value)) and len(groups[0]) >= 3
