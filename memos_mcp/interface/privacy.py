"""Personal data in a text: found, named, and taken out for those who may not see it. Pure.

Ten classes (docs/reference/personal-data.md) and the patterns a user names. The span of a finding is the value alone.
Credentials, cards and IBANs are what `secrets` finds; disguised letters and digits are read as what they stand for.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memos_mcp.errors import InvalidInput
from memos_mcp.interface.disguises import Plain, plain
from memos_mcp.interface.privacy_addresses import emails, ip_addresses
from memos_mcp.interface.privacy_ids import personal_ids
from memos_mcp.interface.privacy_patterns import MOST_PATTERNS, bounded_pattern
from memos_mcp.interface.privacy_phones import known_numbers, library_installed, phones
from memos_mcp.interface.privacy_spans import LETTERS, Span
from memos_mcp.interface.privacy_views import Mark, PersonalData, View, apart, marked, ranked
from memos_mcp.interface.privacy_words import said_secrets
from memos_mcp.interface.secrets import secrets_in
from memos_mcp.late import late

CLASSES: tuple[str, ...] = (
    "PRIVATE_KEY", "URL_CREDENTIALS", "API_KEY", "IBAN", "CARD", "SSN", "IP", "PASSWORD", "EMAIL", "PHONE",
)  # fmt: skip
"""What is known of itself. Where two claim the same characters, the earlier one has them."""

_LEAST = 5  # characters of the shortest value
_REPEATED = 6  # characters that a value has at least to be looked for elsewhere in the text
_MOST_REPEATED = 64  # values that are looked for
_WHOLE = 2_000  # characters of a text that is looked through again as a whole
_NEAR, _AROUND = 200, 400  # characters of context that a finding needs, and that are looked at beside a value
_MOST_OF_CARD = 19  # digits
_OF_SECRETS = {
    "private key": "PRIVATE_KEY",
    "credentials in an address": "URL_CREDENTIALS",
    "credentials of a command": "URL_CREDENTIALS",
    "card number": "CARD",
    "IBAN": "IBAN",
    "password": "PASSWORD",
    "password of a command": "PASSWORD",
    "code by its name": "PASSWORD",
}
_FOREIGN_DIGIT = late(r"(?![0-9])\d")
_UNSAID = "\0"
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_ACCOUNT = late(r"(?<![\w-])[A-Za-z]{2}\d\d(?:[ .-]?[A-Za-z0-9]){11,30}")
_RUN = late(rf"(?<![{LETTERS}.-])\d{{13,19}}(?![{LETTERS}-]|\.\d)")
_BARCODE = late(r"\b(?:ean|gtin|isbn|upc|barcode)(?:-?13)?[ :#.]{0,3}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recogniser:
    """What finds the values of a class in a text without disguise; it is asked if the text has so many digits."""

    kind: str
    find: Callable[[str], Iterable[Span]]
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Recognisers:
    """Finds personal data of its classes; `library` tells whether the library of the extra checks phone numbers."""

    classes: tuple[str, ...]
    known: tuple[Recogniser, ...]
    named: tuple[Recogniser, ...] = ()
    library: bool = False

    def found(self, text: str) -> tuple[PersonalData, ...]:
        """What is personal in a text, in its order; no two overlap. Never raises.

        Cost: 45 µs for a sentence that holds nothing, 120 µs for one that holds something.
        """
        return tuple(self._found(text, self.classes))

    def tagged(self, text: str) -> tuple[str, ...]:
        """The classes of what is personal in a text, in the order of their names: for `governance.sensitivity`."""
        return tuple(sorted({each.kind for each in self._claimed(text) if each.kind in self.classes}))

    def redacted(self, text: str, classes: Collection[str] | None = None) -> View:
        """The text with a mark for each value of these classes (None: of all); doing so again changes nothing.

        Raises InvalidInput for a class that is not among its own.
        """
        return self._view(text, self.classes if classes is None else self._own(classes))

    def partial(self, text: str, allowed: Collection[str]) -> View:
        """The text for somebody who may see these classes only: every other value is a mark.

        Raises InvalidInput for a class that is not among its own.
        """
        may = self._own(allowed)
        return self._view(text, [each for each in self.classes if each not in may])

    def _own(self, classes: Collection[str]) -> Collection[str]:
        unknown = sorted(set(classes) - set(self.classes))
        if unknown:
            raise InvalidInput(
                f"no such class of personal data: {', '.join(unknown)}; there are {', '.join(self.classes)}"
            )
        return classes

    def _view(self, text: str, classes: Collection[str]) -> View:
        found = self._found(text, classes)
        return marked(text, found) if found else View(text)

    def _found(self, text: str, classes: Collection[str]) -> list[PersonalData]:
        """Looks again when the values are taken out: one may have hidden another beside it."""
        found = new = apart(each for each in self._claimed(text) if each.kind in classes)
        while new:
            view = marked(text, found)
            hidden = [each for each in self._claimed_beside(view, new) if each.kind in classes]
            new = [each._replace(start=start, end=end) for each in hidden for start, end in [view.original(*each[1:3])]]
            found = apart([*found, *new])
        return found

    def _claimed_beside(self, view: View, new: Sequence[PersonalData]) -> Iterator[PersonalData]:
        """What is found in a view; of a long one only near the values that were found last."""
        if len(view.text) <= _WHOLE:
            yield from self._claimed(view.text)
            return
        starts = {each.start for each in new}
        for begin, end in _windows([mark for mark in view.marks if mark.original_start in starts], len(view.text)):
            for each in self._claimed(view.text[begin:end]):
                first, last = begin + each.start, begin + each.end
                if (begin == 0 or each.start >= _NEAR) and (end == len(view.text) or last <= end - _NEAR):
                    yield each._replace(start=first, end=last)

    def _claimed(self, text: str) -> list[PersonalData]:
        """What each recogniser claims, of a text that may hold marks."""
        if len(text) < _LEAST:
            return []
        folded = plain(text)
        said, marks = self._without_marks(folded.text if text.isascii() else _western(folded.text))
        digits = len(said.encode(errors="ignore").translate(None, _NO_DIGITS))
        claims = [*_credentials(said, digits), *_asked(self.known, said, digits)]
        claims = ranked(claims, CLASSES) if len(claims) > 1 else claims
        claims += _asked(self.named, said, digits)
        if not claims:
            return []
        claims += _elsewhere(said, claims)
        return [_placed(each, folded) for each in _with_marks(said, claims, marks)]

    def _without_marks(self, text: str) -> tuple[str, list[tuple[int, int]]]:
        """The text with no words in its marks, which name nothing that follows; and where they stand."""
        if "[" not in text:
            return text, []
        form = late(rf"\[(?:{'|'.join([*CLASSES, *(each.kind for each in self.named)])})\]")
        return form.sub(_blank, text), [mark.span() for mark in form.finditer(text)]


def recognisers(
    classes: Iterable[str] = CLASSES,
    patterns: Mapping[str, str] | None = None,
    *,
    library: bool | None = None,
    regions: Sequence[str] = (),
) -> Recognisers:
    """Recognisers of these classes and of patterns by name, which are always on.

    A pattern's group `(?P<value>…)` is the value, else its whole match; docs/reference/personal-data.md says which are
    taken. `library` says whether phone numbers are checked by the library of the extra `privacy` (None: if it is
    installed); with it, numbers in the notation of `regions` ("DE") are found without a word that names them.
    Raises InvalidInput for a class that there is not and for a pattern that could take too long, MissingExtra if the
    library is asked for and not installed.
    """
    chosen, own = tuple(dict.fromkeys(classes)), patterns or {}
    unknown = [each for each in chosen if each not in CLASSES]
    if unknown or own.keys() & set(CLASSES):
        wrong = ", ".join(sorted([*unknown, *(own.keys() & set(CLASSES))]))
        raise InvalidInput(f"{wrong}: classes are {', '.join(CLASSES)}, and a pattern has a name of its own")
    if len(own) > MOST_PATTERNS:
        raise InvalidInput(f"{len(own)} patterns are more than {MOST_PATTERNS}; join some with |")
    checked = library_installed() if library is None else library
    known = (
        Recogniser("IBAN", _accounts, digits=8),
        Recogniser("SSN", personal_ids, digits=6),
        Recogniser("IP", ip_addresses, digits=1),
        Recogniser("EMAIL", emails),
        Recogniser("PHONE", phones(known_numbers() if checked else None, tuple(regions)), digits=7),
    )
    named = tuple(Recogniser(name, _matching(bounded_pattern(name, form))) for name, form in own.items())
    return Recognisers((*chosen, *own), known, named, checked)


def _with_marks(text: str, claims: Iterable[PersonalData], marks: Sequence[tuple[int, int]]) -> Iterator[PersonalData]:
    """A claim takes with it the marks that it overlaps; one that holds nothing but marks is none."""
    for each in claims:
        start, end = each.start, each.end
        index = bisect_right(marks, each.start, key=lambda mark: mark[1])
        while index < len(marks) and marks[index][0] < each.end:
            start, end = min(start, marks[index][0]), max(end, marks[index][1])
            index += 1
        if text[start:end].strip(f"[{_UNSAID}]"):
            yield each._replace(start=start, end=end)


def _blank(mark: re.Match[str]) -> str:
    return f"[{(len(mark[0]) - 2) * _UNSAID}]"


def _western(text: str) -> str:
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)


def _windows(marks: Iterable[Mark], length: int) -> list[tuple[int, int]]:
    """What lies around these marks, in pieces that do not touch."""
    windows: list[tuple[int, int]] = []
    for mark in marks:
        begin, end = max(0, mark.start - _AROUND), min(length, mark.end + _AROUND)
        if windows and begin <= windows[-1][1]:
            begin = windows.pop()[0]
        windows.append((begin, end))
    return windows


def _asked(those: Iterable[Recogniser], text: str, digits: int) -> list[PersonalData]:
    return [PersonalData(one.kind, *span) for one in those if digits >= one.digits for span in one.find(text)]


def _credentials(text: str, digits: int) -> Iterator[PersonalData]:
    """What `secrets` finds; it takes cards that only a space sets apart for one long number."""
    beside = [
        (run.start(), run.end(), each.why)
        for run in (_RUN.finditer(text) if digits > _MOST_OF_CARD else ())
        for each in secrets_in(run[0])
    ]
    for start, end, why in [*secrets_in(text), *beside]:
        kind = _OF_SECRETS.get(why, "API_KEY")
        if kind != "CARD" or not _BARCODE.search(text[max(0, start - 20) : start]):
            yield PersonalData(kind, start, end, why)
    for kind, span in said_secrets(text):
        yield PersonalData(kind, *span)


def _accounts(text: str) -> Iterator[Span]:
    """IBANs in other notations than groups of four capitals: each is put into that one and asked of `secrets`."""
    at = 0
    while match := _ACCOUNT.search(text, at):
        at = match.start() + 1
        places = [place for place in range(*match.span()) if text[place].isalnum()]
        for each in secrets_in("".join(text[place] for place in places).upper()):
            end = places[each.end - 1] + 1
            if each.why == "IBAN" and each.start == 0 and not text[end : end + 1].isalnum():
                at = end
                yield Span(match.start(), end, "IBAN")


def _matching(pattern: re.Pattern[str]) -> Callable[[str], Iterator[Span]]:
    group = "value" if "value" in pattern.groupindex else 0

    def find(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if match.end(group) > match.start(group) >= 0:
                yield Span(*match.span(group), "pattern of yours")

    return find


def _elsewhere(text: str, claims: Iterable[PersonalData]) -> list[PersonalData]:
    """The same values where nothing is said of them."""
    kinds = {text[each.start : each.end]: each.kind for each in claims if each.end - each.start >= _REPEATED}
    starts = {each.start for each in claims}
    found: list[PersonalData] = []
    for value, kind in list(kinds.items())[:_MOST_REPEATED]:
        at = text.find(value)
        while at >= 0:
            end = at + len(value)
            if at not in starts and not _within_word(text, at, end):
                found.append(PersonalData(kind, at, end, "the same value elsewhere"))
            at = text.find(value, end)
    return found


def _within_word(text: str, start: int, end: int) -> bool:
    edges = (text[max(0, start - 1) : start + 1], text[end - 1 : end + 1])
    return any(len(edge) > 1 and edge.isalnum() for edge in edges)


def _placed(each: PersonalData, folded: Plain) -> PersonalData:
    start, end = folded.span(each.start, each.end)
    return each._replace(start=start, end=end)
