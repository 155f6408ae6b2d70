"""Conditions and words of a search in one line: `tag:health AND during:"last year" "blood pressure"`. Pure.

A field with a value is a condition; conditions are joined by AND (or nothing), OR and NOT, in capitals, with
parentheses. AND binds closer than OR. Words and "quoted phrases" that stand beside the conditions are what memories
are ranked by, and leave none out; under OR or NOT they are the condition `text:`, as a ranking knows no "or".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Literal, NoReturn, assert_never, cast, get_args

from memos_mcp.cube import SourceClass, State
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.governance import check_path
from memos_mcp.interface.checks import KINDS
from memos_mcp.interface.conditions import Condition, Every, Field, Has, Not, Side, Some, When, meant_by, texts_of
from memos_mcp.late import late
from memos_mcp.operation.annotating import CREDIBILITIES, LAYERS
from memos_mcp.operation.sentiments import Sentiment

_LONGEST = 4_000  # characters: a query is written by hand, or by a model for one question
_DEEPEST = 32  # parentheses and NOTs within one another
_FIELDS: tuple[Field, ...] = get_args(Field)
_SIDES: tuple[Side, ...] = get_args(Side)
_CLOSED: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "state": tuple(State),
    "from": get_args(SourceClass),
    "layer": LAYERS,
    "credibility": CREDIBILITIES,
    "sentiment": get_args(Sentiment),
}

_TOKEN = late(
    r"\s*(?:(?P<open>\()|(?P<close>\))"
    r"|(?P<minus>-(?=[A-Za-z]+:[^\s/)]|[\"“]))"
    r"|(?P<field>[A-Za-z]+):(?!//)(?=[^\s()])"
    r"|(?P<quote>[\"“])"
    r"|(?P<word>[^\s()\"“]+))"
)
_QUOTED = {'"': late(r'((?:[^"\\]|\\.)*)"', re.DOTALL), "“": late(r"((?:[^”\\]|\\.)*)”", re.DOTALL)}
_ESCAPED = late(r"\\(.)", re.DOTALL)
_OPERATORS: tuple[Literal["AND", "OR", "NOT"], ...] = ("AND", "OR", "NOT")
_VALUE = late(r'[^\s()"“]+')
_WORD = late(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Query:
    """What must hold of a memory (None: nothing), and the words and phrases to rank by, in order."""

    where: Condition | None = None
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What memories are ranked by: the words; where there are none, those that conditions look for."""
        return " ".join(self.words or texts_of(self.where))


def parse(text: str, *, now: datetime) -> Query:
    """Read a query said at `now`.

    Raises InvalidInput, with the place and what to do: an unknown field, kind, state, source class, path or time,
    a parenthesis or quotation mark without its other half, an operator without its conditions.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"the query has {len(text)} characters; at most {_LONGEST} are read")
    reading = _Reading(text, now)
    whole = reading.either(0)
    if token := reading.token:
        _wrong("there is a ')' without its '('; remove it, or put it in quotes", token.at)
    if whole is None:
        raise InvalidInput('the query is empty; write words, or a condition such as tag:health or during:"last year"')
    parts = whole.of if isinstance(whole, _Row) else (whole,)
    words = tuple(part.value for part in parts if isinstance(part, _Words))
    conditions = _flat(Every, [part for part in parts if not isinstance(part, _Words)])
    return Query(Every(conditions) if len(conditions) > 1 else next(iter(conditions), None), words)


def written(query: Query) -> str:
    """The query in the form that `parse` reads back as the same."""
    parts = query.where.of if isinstance(query.where, Every) else (query.where,)
    conditions = " AND ".join(_written(part, within=True) for part in parts if part is not None)
    return " ".join([*filter(None, [conditions]), *(_in_quotes(word) for word in query.words)])


def _written(condition: Condition, *, within: bool) -> str:
    match condition:
        case Has(field=name, value=value) | When(side=name, words=value):
            return f"{name}:{value if _VALUE.fullmatch(value) else _quoted(value)}"
        case Not(of=of):
            return f"NOT {_written(of, within=True)}"
        case Every(of=parts) | Some(of=parts):
            joint = " AND " if isinstance(condition, Every) else " OR "
            text = joint.join(_written(part, within=True) for part in parts)
            return f"({text})" if within else text
        case _:
            assert_never(condition)


def _in_quotes(word: str) -> str:
    """A word as it is if it is read as one word, else a phrase."""
    found = _TOKEN.match(word)
    plain = found is not None and found["word"] == word and word not in _OPERATORS
    return word if plain else _quoted(word)


def _quoted(text: str) -> str:
    marked = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{marked}"'


@dataclass(frozen=True, slots=True)
class _Words:
    """A word or phrase whose part is not decided yet: ranking, or a condition."""

    value: str
    at: int


@dataclass(frozen=True, slots=True)
class _Row:
    """What stands side by side or is joined by AND."""

    of: tuple[_Part, ...]


_Part = _Words | _Row | Condition


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["(", ")", "-", "AND", "OR", "NOT", "field", "word"]
    at: int
    value: str = ""
    name: str = ""


class _Reading:
    """A text being read: the token that comes next, and what may follow."""

    def __init__(self, text: str, now: datetime) -> None:
        self._tokens = _tokens(text)
        self._now = now
        self.token = next(self._tokens, None)

    def either(self, depth: int) -> _Part | None:
        first = self._row(depth)
        parts = [first]
        while token := self._taken("OR"):
            other = self._row(depth)
            if parts[-1] is None or other is None:
                _wrong("OR stands between two conditions; add the other one, or write it in quotes", token.at)
            parts.append(other)
        return first if len(parts) == 1 else Some(_flat(Some, [part for part in parts if part is not None]))

    def _row(self, depth: int) -> _Part | None:
        parts: list[_Part] = []
        while self.token and self.token.kind not in (")", "OR"):
            joined = self._taken("AND")
            one = self._one(depth) if self.token else None
            if joined and (one is None or not parts):
                _wrong("AND stands between two conditions; add the other one, or write it in quotes", joined.at)
            if one is not None:
                parts.extend(one.of if isinstance(one, _Row | Every) else (one,))
        return (_Row(tuple(parts)) if len(parts) > 1 else parts[0]) if parts else None

    def _one(self, depth: int) -> _Part | None:
        token = self.token
        if token is None or token.kind in (")", "AND", "OR"):
            return None
        if depth > _DEEPEST:
            _wrong(f"more than {_DEEPEST} parentheses and NOTs within one another; write it flatter", token.at)
        self.token = next(self._tokens, None)
        match token.kind:
            case "(":
                return self._group(token, depth)
            case "NOT" | "-":
                one = self._one(depth + 1)
                if one is None:
                    _wrong("NOT stands before a condition; add it, or write NOT in quotes", token.at)
                return Not(_condition(one))
            case "field":
                return _field(token, self._now)
            case _:
                return _Words(token.value, token.at)

    def _group(self, opened: _Token, depth: int) -> _Part:
        inner = self.either(depth + 1)
        if not self._taken(")"):
            _wrong("there is a '(' without its ')'; close it, or put it in quotes", opened.at)
        if inner is None:
            _wrong("there is nothing between '(' and ')'; remove them, or put them in quotes", opened.at)
        return inner

    def _taken(self, kind: Literal["AND", "OR", ")"]) -> _Token | None:
        token = self.token
        if token is None or token.kind != kind:
            return None
        self.token = next(self._tokens, None)
        return token


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while found := _TOKEN.match(text, place):
        name = found.lastgroup
        at, place = found.start(name or 0), found.end()
        match name:
            case "open" | "close" | "minus":
                yield _Token("(" if name == "open" else ")" if name == "close" else "-", at)
            case "quote":
                value, place = _closed(text, at)
                yield _Token("word", at, value)
            case "field":
                value, place = _value(text, place)
                yield _Token("field", at, value, found["field"])
            case _:
                word = found["word"]
                yield _Token(word if word in _OPERATORS else "word", at, word)


def _value(text: str, at: int) -> tuple[str, int]:
    if text[at] in _QUOTED:
        return _closed(text, at)
    found = cast("re.Match[str]", _VALUE.match(text, at))
    return found[0], found.end()


def _closed(text: str, at: int) -> tuple[str, int]:
    found = _QUOTED[text[at]].match(text, at + 1)
    if not found:
        _wrong("a quotation mark is never closed; close it, or leave it out", at)
    value = _ESCAPED.sub(r"\1", found[1])
    if not value.strip():
        _wrong("there is nothing between the quotation marks; write something there, or remove them", at)
    return value, found.end()


def _field(token: _Token, now: datetime) -> Has | When:
    name, value = token.name.lower(), token.value
    if name in _SIDES:
        return _when(name, value, token.at, now)
    if name not in _FIELDS:
        close = get_close_matches(name, [*_FIELDS, *_SIDES], 1)
        hint = f"did you mean {close[0]!r}" if close else f"there are {', '.join([*_FIELDS, *_SIDES])}"
        _wrong(f"there is no field {token.name!r}; {hint}; to search for the words, put them in quotes", token.at)
    if name in _CLOSED and value.lower() not in _CLOSED[name]:
        _wrong(f"{value!r} is no {name}; it is one of {', '.join(_CLOSED[name])}", token.at)
    if name == "path":
        try:
            value = check_path(value)
        except InvalidInput as exc:
            raise InvalidInput(f"{exc} (at character {token.at + 1} of the query)") from exc
    if name == "text" and not _WORD.search(value):
        _wrong(f"{value!r} has no word to look for; write one after text:", token.at)
    return Has(name, value.lower() if name in _CLOSED else value)


def _when(side: Side, words: str, at: int, now: datetime) -> When:
    meant = meant_by(words, now)
    if meant is None:
        _wrong(f'{words!r} is no time; write one such as {side}:"last year", {side}:2025-03 or {side}:"May 2024"', at)
    if (side == "before" and meant.start is None) or (side == "after" and meant.end is None):
        _wrong(f"nothing is {side} {words!r}, which is open on that side; use during: with it", at)
    return When(side, words)


def _condition(part: _Part) -> Condition:
    """A part as a condition: words become the text of the memory."""
    if isinstance(part, _Words):
        if not _WORD.search(part.value):
            _wrong(f"{part.value!r} has no word to look for; write one, or leave it out beside OR and NOT", part.at)
        return Has("text", part.value)
    if isinstance(part, _Row):
        return Every(_flat(Every, part.of))
    return part


def _flat(join: type[Every] | type[Some], parts: Iterable[_Part]) -> tuple[Condition, ...]:
    conditions = (_condition(part) for part in parts)
    return tuple(each for one in conditions for each in (one.of if isinstance(one, join) else (one,)))


def _wrong(what: str, at: int) -> NoReturn:
    raise InvalidInput(f"at character {at + 1} of the query: {what}")
