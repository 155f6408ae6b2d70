"""MemReader by rules: text, Markdown, chats and JSON Lines → drafts with provenance (long paper §5.3.1). Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.chat import SHAPES, Message, message, messages_in, transcript
from memos_mcp.interface.duplicates import piece_key, statement_key, turn_key
from memos_mcp.interface.kinds import kind_of
from memos_mcp.interface.markdown import pieces
from memos_mcp.ports import Draft, MemoryCall

MAX_SOURCE = 2_000_000
"""Characters read at once; larger sources are read in parts."""


def check_text(text: str, what: str = "the text", *, empty: bool = False) -> str:
    """The text, if it can be stored. Raises InvalidInput: empty (unless allowed), too long, NUL, half a character."""
    if not empty and (not text or text.isspace()):
        raise InvalidInput(f"{what} is empty: there is nothing to keep or to look for")
    if len(text) > MAX_SOURCE:
        raise InvalidInput(f"{what} has {len(text):,} characters; send it in parts of at most {MAX_SOURCE:,}")
    if "\x00" in text:
        raise InvalidInput(f"{what} holds a NUL character at position {text.index(chr(0))}; remove it")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput(
            f"{what} holds half a character (a lone surrogate) at position {exc.start}; decode it properly"
        ) from exc
    return text


class RulesReader:
    """Reads without any model. The spans of the drafts of a text cover everything in it that is no space."""

    def read(self, source: JsonValue, *, origin: Origin) -> list[Draft]:
        """Drafts of a text, a message, a list of either, or `{"session": …, "messages": […]}`.

        Long texts are cut at headings, paragraphs and sentences. Cost: about 10 µs a message. Raises InvalidInput.
        """
        match source:
            case str():
                return self._text(check_text(source), origin)
            case {"messages": list(turns)}:
                session = source.get("session") or source.get("id") or source.get("session_id")
                given = (
                    origin.model_copy(update={"session": str(session)}) if session and not origin.session else origin
                )
                return self._list(turns, given)
            case dict():
                return self._list([source], origin)
            case list():
                return self._list(source, origin)
            case _:
                raise InvalidInput(f"cannot remember {type(source).__name__}; accepted are {SHAPES}")

    def understand(self, question: str) -> MemoryCall:
        """The question as it is. Raises InvalidInput."""
        asked = check_text(question, "the question").strip()
        return MemoryCall(asked=asked, query=asked)

    def _text(self, text: str, origin: Origin) -> list[Draft]:
        found = messages_in(text)
        if found is not None:
            return self.read(found, origin=origin)
        turns = transcript(text)
        if turns is not None:
            return _numbered(_chat(turns, origin))
        return _numbered(_document(text, origin))

    def _list(self, source: Sequence[JsonValue], origin: Origin) -> list[Draft]:
        if not source:
            raise InvalidInput("the list is empty: there is nothing to remember")
        drafts: list[Draft] = []
        turns: list[Message] = []
        size = 0
        for index, element in enumerate(source):
            if isinstance(element, str):
                drafts += _chat(turns, origin) + _document(check_text(element, f"element {index}"), origin)
                turns = []
                size += len(element)
            else:
                turn = message(element, index)
                _check_turn(turn, index)
                turns += [turn] if turn.text and not turn.text.isspace() else []
                size += len(turn.text)
            if size > MAX_SOURCE:
                raise InvalidInput(f"the list has more than {MAX_SOURCE:,} characters; send it in parts")
        drafts += _chat(turns, origin)
        if not drafts:
            raise InvalidInput("the messages are empty: there is nothing to remember")
        return _numbered(drafts)


def _check_turn(turn: Message, index: int) -> None:
    check_text(turn.text, f"the text of element {index}", empty=True)
    for name in (turn.speaker, turn.session):
        if name is not None and (not name.isprintable() or len(name) > 256):
            raise InvalidInput(f"the speaker or session of element {index} is no name: up to 256 printable characters")


def _numbered(drafts: Sequence[Draft]) -> list[Draft]:
    return [replace(d, origin=d.origin.model_copy(update={"position": i})) for i, d in enumerate(drafts)]


def _document(text: str, origin: Origin) -> list[Draft]:
    """A short text is one statement; a long one, or one with headings, is cut into pieces."""
    found = pieces(text)
    if len(found) == 1 and not found[0].headings:
        start, end, _ = found[0]
        said = text[start:end]
        kind = kind_of(said, said_by_user=origin.source_class == "user")
        place = origin.model_copy(update={"span": (start, end)})
        return [Draft(text=said, kind=kind, origin=place, once=statement_key(said, origin.speaker))]
    seen: Counter[str] = Counter()
    drafts: list[Draft] = []
    for start, end, headings in found:
        piece = text[start:end]
        once = piece_key(origin.source, origin.speaker, piece, seen[piece])
        seen[piece] += 1
        place = origin.model_copy(update={"span": (start, end)})
        drafts.append(Draft(text=piece, kind="document", meaning=headings, origin=place, once=once))
    return drafts


def _chat(turns: Sequence[Message], origin: Origin) -> list[Draft]:
    """Turns, each keyed by all before it in its session: told again they are known, repeated words are not."""
    if not turns:
        return []
    given = origin.session or turns[0].session
    derived = given or _session_of(turns[0])
    keys: dict[str | None, bytes] = {}
    drafts: list[Draft] = []
    for turn in turns:
        speaker = turn.speaker or origin.speaker
        session = turn.session or origin.session
        said_at = turn.said_at or origin.said_at
        known = keys.get(session, (session or "").encode())
        once = keys[session] = turn_key(known, speaker, said_at, turn.text, session)
        place = origin.model_copy(
            update={
                "session": session or derived,
                "speaker": speaker,
                "said_at": said_at,
                "source_class": turn.source_class or origin.source_class,
                "span": turn.span,
            }
        )
        drafts += _turn(turn, place, once)
    return drafts


def _turn(turn: Message, origin: Origin, once: bytes) -> list[Draft]:
    """One draft, or several for a long message; together they have the span of the turn."""
    text = turn.text
    found = pieces(text)
    if len(found) == 1:
        only = found[0]
        span = turn.span or (only.start, only.end)
        said = text[only.start : only.end]
        kind = kind_of(said, said_by_user=origin.source_class == "user")
        return [Draft(said, kind, origin=origin.model_copy(update={"span": span}), once=once)]
    first, last = turn.span or (found[0].start, found[-1].end)
    drafts: list[Draft] = []
    for n, (start, end, headings) in enumerate(found):
        span = (start + turn.at if n else first, end + turn.at if n < len(found) - 1 else last)
        key = turn_key(once, None, None, str(n), None) if n else once
        kind = kind_of(text[start:end], said_by_user=origin.source_class == "user")
        drafts.append(Draft(text[start:end], kind, headings, origin=origin.model_copy(update={"span": span}), once=key))
    return drafts


def _session_of(first: Message) -> str:
    """A name for a conversation that has none: the same for the same beginning."""
    when = first.said_at.isoformat() if first.said_at else ""
    words = "\0".join((first.speaker or "", when, first.text)).encode()
    return f"chat-{hashlib.sha256(words).hexdigest()[:12]}"
