"""Is a text hostile, does it hold a secret (docs/reference/words.md, Hostile content and Sensitive content)? Pure.

Looked at when a text is remembered and when it is recalled. Who says it matters: what the user or the system says
gives orders by right, and only its secrets and what it hides are findings; the same from anyone else is hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from memos_mcp.cube import SourceClass
from memos_mcp.interface.disguises import Hidden, Plain, hidden, invisible, plain
from memos_mcp.interface.injections import Kind, hostile_in, squeezed
from memos_mcp.interface.secrets import Secret, secrets_in
from memos_mcp.late import late

HOSTILE: frozenset[Kind] = frozenset({"injection", "persistent_instruction", "exfiltration"})
"""The kinds for which a text does not belong into the assistant's context."""
_MAY_ORDER: frozenset[SourceClass] = frozenset({"user", "system"})
_SHOWN = 60  # characters of what was hidden
_RESERVED = late(
    r"(?i)(?:^|[./:])(?:(?:identity|agent|assistant|system)[._/:-]"
    r"(?:role|permissions?|rights|prompt|polic(?:y|ies)|rules|instructions?)|system[_-]?prompt)$"
)
_KEPT = late(
    r"sk-(?:ant-|proj-)?|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|AKIA|ASIA|AIza|[sr]k_(?:live|test)_|whsec_|npm_"
    r"|hf_|pypi-|eyJ|-----BEGIN [A-Z ]+-----|[^\s:/@]+:(?=[^\s])"
)
_COUNTED = late(r"[A-Z]{0,2}[\dA-Z -]{11,}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Characters [start, end) of the text are of this kind; `why` says by what it is known, in words for a person."""

    kind: Kind
    start: int
    end: int
    why: str


@dataclass(frozen=True, slots=True)
class Screening:
    """What was found, by its place in the text."""

    findings: tuple[Finding, ...] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of what was found."""
        return frozenset(each.kind for each in self.findings)

    @property
    def is_hostile(self) -> bool:
        """Should the text be kept out of the assistant's context?"""
        return not HOSTILE.isdisjoint(self.kinds)


_CLEAN = Screening()


def screen(text: str, source_class: SourceClass, *, key: str = "") -> Screening:
    """What is hostile in a text from this source, and its secrets. Never raises.

    `key` is the name it is to be stored under: one that says what the assistant is or may do (`system.prompt`,
    `identity.role`) is for the user alone. Cost: 60 µs for 50 words without anything suspicious, 0.6 ms if many of
    them could be; 20 µs for what the user says.
    """
    return _screened(text, plain(text), source_class, key, secrets_in)


def suspicions(text: str, source_class: SourceClass, *, key: str = "") -> Screening:
    """The same without secrets: 2 µs for what the user says."""
    if source_class in _MAY_ORDER and text.isascii():
        return _CLEAN
    return _screened(text, plain(text), source_class, key, _unasked)


def secrets_of(text: str, found: Callable[[str], list[Secret]] = secrets_in) -> tuple[Finding, ...]:
    """The secrets alone."""
    return tuple(_secret(plain(text), found))


def _unasked(_: str) -> list[Secret]:
    return []


def _secret(folded: Plain, found: Callable[[str], list[Secret]]) -> list[Finding]:
    return [Finding("secret", *folded.span(each.start, each.end), each.why) for each in found(folded.text)]


def _screened(
    text: str, folded: Plain, source_class: SourceClass, key: str, secrets: Callable[[str], list[Secret]]
) -> Screening:
    findings = _secret(folded, secrets)
    if source_class not in _MAY_ORDER:
        findings += _hostile(text, folded, own=source_class == "assistant")
        if _RESERVED.search(key):
            findings.append(Finding("persistent_instruction", 0, len(text), f"the key {key!r} is for the user alone"))
    unseen = invisible(text)
    if unseen:
        findings += _decoded(unseen, {"injection"})
    if not findings:
        return _CLEAN
    return Screening(tuple(sorted(set(findings), key=lambda each: (each.start, each.end, each.kind, each.why))))


def _hostile(text: str, folded: Plain, *, own: bool) -> Iterator[Finding]:
    for each in hostile_in(folded.text.lower(), own=own):
        yield Finding(each.kind, *folded.span(each.start, each.end), each.why)
    for run in hidden(folded.text):
        for each in _decoded(run, {"injection"} if squeezed(run.text) else set()):
            yield Finding(each.kind, *folded.span(each.start, each.end), each.why)


def _decoded(run: Hidden, least: set[Kind]) -> Iterator[Finding]:
    """What a hidden run says is hostile as if it stood there; `least` is what it is if that says nothing else."""
    said = plain(run.text).text
    kinds: set[Kind] = {each.kind for each in hostile_in(said.lower())}
    for kind in kinds or least:
        yield Finding(kind, run.start, run.end, f"{run.form}: {said[:_SHOWN]}")


def masked(text: str, findings: Iterable[Finding]) -> str:
    """The text with its secrets taken out; what shows their kind stays (`sk-…[secret]`, `…[secret]1486`).

    Masking what is masked changes nothing. Findings of other kinds are left as they are.
    """
    pieces: list[str] = []
    place = 0
    for each in sorted((f for f in findings if f.kind == "secret"), key=lambda f: f.start):
        if each.start >= place:
            pieces += [text[place : each.start], _mask(text[each.start : each.end], each.why)]
            place = each.end
    return "".join([*pieces, text[place:]])


def _mask(value: str, why: str) -> str:
    if _COUNTED.fullmatch(value) and why in ("card number", "IBAN"):
        return f"…[secret]{value.replace(' ', '')[-4:]}"
    kept = _KEPT.match(value) if why != "password" else None
    return f"{kept[0] if kept else ''}…[secret]"
