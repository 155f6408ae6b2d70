"""What a file holds, in parts that are remembered one after the other. Pure.

A part is a whole conversation or a whole document, because the duplicate key of a turn hangs on the turn before it as
far as one reading goes, and its position counts from there: so a file that grew, or whose conversations changed places,
still has the keys and positions it had. What is longer than the reader takes at once is cut as late as can be, so that
its beginning stays the part that it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.basic_memory import Note, note_in, note_parts
from memos_mcp.interface.chat import SHAPES, Turn, messages_in, named_session, transcript, turns_of
from memos_mcp.interface.exports import conversation_in, is_spoken, is_worded
from memos_mcp.interface.knowledge_graph import entities_in, graph_parts, is_graph
from memos_mcp.interface.mem0 import export_parts, is_export
from memos_mcp.interface.parts import Format, Found, LeftOut, Nothing, Part, Unread
from memos_mcp.interface.passages import LIMIT, Passage, passages
from memos_mcp.interface.reader import MAX_SOURCE, check_text, drafts_of
from memos_mcp.late import late

_SPACE = late(r"\s*")
_INDEX = late(r"^message \d+ \(counted from 0\) ")
_NOBODY = Origin()


class _Element(NamedTuple):
    """A value of a JSON document or of JSON Lines. `number` tells it from the others: None if it is alone."""

    value: JsonValue | Unread
    line: int
    number: int | None
    share: float = 0.0


class _Said(NamedTuple):
    """A message that can be read: its characters, its memories, and what tells its first turn from another."""

    message: JsonValue
    size: int
    texts: int
    opening: int


def parts_of_text(text: str, name: str, *, said_at: datetime | None = None) -> Iterator[Found]:
    """The conversation, the note or the document that a text is; `name` is the session of turns that name none.

    Cost: as reading it.
    """
    if not text.strip():
        yield Nothing("empty")
    elif "\0" in text:
        yield Unread("holds a NUL character, so it is not a text", text.count("\n", 0, text.index("\0")) + 1)
    elif note := note_in(text, name):
        yield from _of_note(note)
    elif messages_in(text) is not None:
        yield from parts_of_json(text, name)
    elif turns := transcript(text, said_at):
        yield from _of_transcript(text, turns, name)
    else:
        yield from _of_document(text)


def parts_of_json(text: str, name: str) -> Iterator[Found]:
    """What is said in a JSON document, or in JSON Lines if the text is such; other JSON is nothing.

    A conversation that has no name of its own has the file's, with a number if it is one of several.
    """
    if _is_lines(text):
        yield from parts_of_lines(lambda: text.split("\n"), name)
    elif not text.strip():
        yield Nothing("empty")
    else:
        yield from _talks(lambda: _elements(text), name, is_spoken)


def parts_of_lines(read: Callable[[], Iterable[str | Unread]], name: str) -> Iterator[Found]:
    """What is said in JSON Lines: in each line a message, a conversation or an entry. `read` is called twice.

    Turns belong to the session that they name, wherever they stand; those that name none are one conversation. Only
    conversations that go on are held in memory, and the names of entities.
    """
    yield from _talks(lambda: _of_lines(read()), name, is_worded)


def _of_lines(lines: Iterable[str | Unread]) -> Iterator[_Element]:
    for number, line in enumerate(lines, start=1):
        if isinstance(line, Unread):
            yield _Element(line, number, number)
        elif line.strip():
            yield _Element(_parsed(line), number, number)


def _parsed(line: str) -> JsonValue | Unread:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as exc:
        return Unread(_no_json(exc))


def _no_json(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON: {error.msg}"
        case RecursionError():
            return "is JSON nested too deeply to be read"
        case _:
            return f"is JSON that cannot be read: {error}"


def _is_lines(text: str) -> bool:
    head, _, rest = text.lstrip().partition("\n")
    return head.startswith("{") and bool(rest.strip()) and isinstance(_parsed(head), dict)


def _elements(text: str) -> Iterator[_Element]:
    try:
        if text.lstrip().startswith("["):
            yield from _of_array(text)
        else:
            yield _Element(json.loads(text), 1, None)
    except (ValueError, RecursionError) as exc:
        line = exc.lineno if isinstance(exc, json.JSONDecodeError) else 1
        yield _Element(Unread(_no_json(exc)), line, None)


def _of_array(text: str) -> Iterator[_Element]:
    """Its elements one by one, so that those of a large one are never held together. Raises JSONDecodeError."""
    decoder = json.JSONDecoder()
    at, line, counted, number = text.index("["), 1, 0, 0
    mark = "["
    while text.startswith(mark, at):
        at, mark = _after_space(text, at + 1), ","
        if number == 0 and text.startswith("]", at):
            break
        line, counted, number = line + text.count("\n", counted, at), at, number + 1
        value, at = decoder.raw_decode(text, at)
        yield _Element(value, line, number, at / len(text))
        at = _after_space(text, at)
    if text[at:].rstrip() != "]":
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


class _Survey:
    """A first look at all elements: how many there are, which is the last of each session, and which entities."""

    def __init__(self, elements: Iterable[_Element], is_message: Callable[[JsonValue], bool]) -> None:
        self.of = 0
        self.last: dict[str | None, int] = {}
        self.worth = False
        self.types: dict[str, str] = {}
        self.unread: Unread | None = None
        for self.of, (value, line, _, _) in enumerate(elements, start=1):
            if isinstance(value, Unread):
                self.unread = self.unread or Unread(value.why, line)
            elif is_graph(value):
                self.types.update(entities_in(value))
                self.worth = True
            elif is_message(value) and not is_export(value):
                self.last[_session(value)] = self.of
            else:
                self.worth = self.worth or is_export(value) or conversation_in(value) is not None


def _talks(
    read: Callable[[], Iterable[_Element]], name: str, is_message: Callable[[JsonValue], bool]
) -> Iterator[Found]:
    survey = _Survey(read(), is_message)
    if not survey.last and not survey.worth:
        yield survey.unread or Nothing("JSON without messages" if survey.of else "empty")
        return
    going_on: dict[str | None, _Talk] = {}
    for at, (value, line, number, upto) in enumerate(islice(read(), survey.of), start=1):
        share = upto or at / survey.of
        if isinstance(value, Unread):
            yield Unread(value.why, line)
        elif entries := _entries(value, survey.types):
            yield from (_placed(each, line, share) for each in entries)
        elif is_message(value):
            session = _session(value)
            talk = going_on.setdefault(session, _Talk(name))
            yield from talk.add(value, line, share)
            if at >= survey.last.get(session, 0):
                yield from going_on.pop(session).rest(share)
        elif (found := conversation_in(value)) is not None:
            talk = _Talk(found.session or (name if number is None else f"{name}#{number}"), found.format)
            for index, message in enumerate(found.messages):
                yield from talk.add(message, line, share, f"message {index} (counted from 0) ")
            yield from talk.rest(share)
        else:
            yield Unread(f"is no message: {SHAPES}", line)


def _entries(value: JsonValue, types: dict[str, str]) -> Iterator[Part | Unread | LeftOut] | None:
    """What the entry of another memory system becomes; None if this is none."""
    if is_graph(value):
        return graph_parts(value, types)
    return export_parts(value) if is_export(value) else None


def _placed(found: Part | Unread | LeftOut, line: int | None, share: float) -> Part | Unread | LeftOut:
    match found:
        case Part():
            return replace(found, line=line, share=share)
        case Unread(why=why):
            return Unread(why, line)
        case LeftOut():
            return found


def _session(message: JsonValue) -> str | None:
    named = named_session(message) if isinstance(message, dict) else None
    return named if isinstance(named, str) else None


@dataclass(slots=True)
class _Talk:
    """A conversation while it is read. The part after a cut begins with a turn that no part of it began with.

    Otherwise the two turns would be one to the reader.
    """

    session: str
    format: Format = "messages"
    _said: list[_Said] = field(default_factory=list[_Said])
    _size: int = 0
    _begun: set[int] = field(default_factory=set[int])
    _names: set[tuple[str | None, ...]] = field(default_factory=set[tuple[str | None, ...]])

    def add(self, message: JsonValue, line: int | None, share: float, which: str = "") -> Iterator[Part | Unread]:
        """One more message; the parts that end before it."""
        try:
            said = _weighed(message, self._names)
        except InvalidInput as exc:
            yield Unread(which + _INDEX.sub("", str(exc)), line)
            return
        if said is None:
            return
        while self._size + said.size > MAX_SOURCE:
            yield self._cut([*self._said, said], share)
        self._said.append(said)
        self._size += said.size

    def rest(self, share: float) -> Iterator[Part]:
        """The last part."""
        if self._said:
            yield self._part(self._said, share)

    def _cut(self, said: list[_Said], share: float) -> Part:
        self._begun.add(said[0].opening)
        fresh = (at for at in range(len(said) - 1, 0, -1) if said[at].opening not in self._begun)
        at = next(fresh, len(said) - 1)
        self._said = said[at:-1]
        self._size = sum(each.size for each in self._said)
        return self._part(said[:at], share)

    def _part(self, said: list[_Said], share: float) -> Part:
        return Part([each.message for each in said], sum(each.texts for each in said), share, self.session, self.format)


def _weighed(message: JsonValue, names: set[tuple[str | None, ...]]) -> _Said | None:
    """The message if it has words. `names` were read before. Raises InvalidInput."""
    if not isinstance(message, dict):
        raise InvalidInput(f"is no message: {SHAPES}")
    turns = turns_of(message, 0, None)
    if not turns:
        return None
    size = sum(len(check_text(turn.text, "the message")) for turn in turns)
    if size > MAX_SOURCE:
        raise InvalidInput(f"the message has {size:,} characters: at most {MAX_SOURCE:,} are read at once")
    found = {(turn.name, turn.role, turn.session) for turn in turns}
    if not found <= names:
        drafts_of([message], _NOBODY)
        names |= found
    first = turns[0]
    opening = hash((first.name, first.role, first.said_at, first.text.lower()))
    return _Said(message, size, sum(map(_pieces, turns)), opening)


def _of_transcript(text: str, turns: list[Turn], name: str) -> Iterator[Found]:
    if len(text) <= MAX_SOURCE:
        yield Part(text, sum(map(_pieces, turns)), 1.0, name, "transcript")
        return
    talk = _Talk(name, "transcript")
    for turn in turns:
        said_at = turn.said_at.isoformat() if turn.said_at else None
        message: JsonValue = {"role": turn.role, "name": turn.name, "content": turn.text, "said_at": said_at}
        yield from talk.add(message, None, turn.span[1] / len(text))
    yield from talk.rest(1.0)


def _pieces(turn: Turn) -> int:
    return len(passages(turn.text)) if len(turn.text) > LIMIT else 1


def _of_note(note: Note) -> Iterator[Found]:
    for part in _of_document(note.prose) if note.prose else ():
        yield replace(note.like, content=[part.content], texts=part.texts, share=part.share)
    for found in note_parts(note):
        yield _placed(found, None, 1.0)


def _of_document(text: str) -> Iterator[Part]:
    cut = passages(text)
    if len(text) <= MAX_SOURCE:
        yield Part(text, len(cut), 1.0, source_class="document")
        return
    start = 0
    while start < len(cut):
        stop = _stop(cut, start)
        begin, end = cut[start].start, cut[stop - 1].end
        yield Part(text[begin:end], stop - start, end / len(text), source_class="document")
        start = stop


def _stop(cut: list[Passage], start: int) -> int:
    """Where the part ends that begins with this piece: before the highest heading of its second half if there is one.

    At least two pieces stay, because a single one would be read as a statement.
    """
    limit = cut[start].start + MAX_SOURCE
    most = next((at for at in range(start, len(cut)) if cut[at].end > limit), len(cut))
    if most == len(cut):
        return most
    later = range(most, start + (most - start) // 2, -1)
    headings = [at for at in later if cut[at].headings != cut[at - 1].headings]
    best = min(headings, key=lambda at: cut[at].headings.count(" > "), default=most)
    return min(best, len(cut) - 2)
