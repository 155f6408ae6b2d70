"""MemReader by rules: text, Markdown, chats and JSON Lines → drafts with provenance (long paper §5.3.1). Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.chat import SHAPES, Turn, messages_in, named_session, refused, transcript, turns_of
from memos_mcp.interface.duplicates import normalise, piece_key, statement_key, turn_key
from memos_mcp.interface.intent import call_of
from memos_mcp.interface.passages import has_headings, passages
from memos_mcp.interface.statements import kind_of_statement
from memos_mcp.ports import Draft, Reading
from memos_mcp.search import MemoryCall
from memos_mcp.search import Turn as Said

MAX_SOURCE = 2_000_000
"""Characters read at once; larger sources are read in parts."""
LONGEST_TURN = 8000
"""Characters of a turn that is kept whole: its pieces would each be found less well (facts: measured)."""
_LONGEST_NAME = 256


def check_text(text: str, what: str = "the text", *, empty: bool = False) -> str:
    """The text, if it can be stored. Raises InvalidInput if it is empty (unless allowed), too long or not all text."""
    if not empty and (not text or text.isspace()):
        raise InvalidInput(f"{what} is empty: there is nothing to remember or to look for")
    if len(text) > MAX_SOURCE:
        raise InvalidInput(f"{what} has {len(text):,} characters: split it and send parts of at most {MAX_SOURCE:,}")
    if "\0" in text:
        raise InvalidInput(f"{what} holds a NUL character at position {text.index(chr(0))}: remove it")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise InvalidInput(
                f"{what} holds half a character (a lone surrogate) at position {exc.start}: decode it anew"
            ) from exc
    return text


class RulesReader:
    """Reads without any model: what is stored are the words of the source, never others.

    The span of a draft is in the text it was read from: the source, if that is a text; else, as for messages in JSON,
    the message itself. The spans of a text cover every character that is no space.
    """

    async def read(self, source: JsonValue, *, origin: Origin) -> Reading:
        """Drafts of a text, a message, a list of either, or `{"messages": […], "session": …}`.

        Long texts are cut at headings, paragraphs and sentences. Messages without words are left out; a conversation
        without a session gets one named after its first turn. Cost: 40 µs a message, 30 µs per 1,000 characters of
        text. Raises InvalidInput, and then nothing was read.
        """
        return Reading(await to_thread.run_sync(drafts_of, source, origin))

    async def understand(
        self,
        question: str,
        *,
        turns: Sequence[Said] = (),
        now: datetime,
        people: Collection[str] = (),
        asker: str = "",
    ) -> MemoryCall:
        """The call behind a question, by rules. Cost: 0.5 ms, and 0.1 ms a turn. Raises InvalidInput."""
        from memos_mcp.interface.understanding import meant  # its many forms load with a question, not at start

        meaning = meant(check_text(question, "the question").strip(), turns, now=now, people=people)
        return call_of(meaning, now=now, people=people, asker=asker)


def drafts_of(source: JsonValue, origin: Origin) -> tuple[Draft, ...]:
    """What `RulesReader.read` reads. Raises InvalidInput."""
    for name in (origin.session, origin.speaker, origin.uri, origin.source):
        check_text(name or "", "the name of the session, speaker or source", empty=True)
    drafts = _Drafts(origin)
    for item in _items(source, origin):
        if isinstance(item, str):
            drafts.told(item)
        else:
            drafts.said(item)
    if not drafts.found:
        raise InvalidInput("there is nothing to remember: no message has any words")
    return tuple(drafts.found)


def _items(source: JsonValue, origin: Origin) -> Sequence[str | Turn]:
    """The statements and turns of a source, each checked."""
    if isinstance(source, str):
        check_text(source)
        messages = messages_in(source)
        if messages is None:
            return transcript(source, origin.said_at) or [source]
        source = messages
    session: str | None = None
    if isinstance(source, dict) and isinstance(source.get("messages"), list):
        named = named_session(source) or source.get("id")
        session = str(named) if isinstance(named, str | int) else None
        source = source["messages"]
    if isinstance(source, dict):
        source = [source]
    if not isinstance(source, list):
        raise InvalidInput(f"{type(source).__name__} cannot be remembered: give a text, or messages; {SHAPES}")
    if not source:
        raise InvalidInput("there is nothing to remember: the list is empty")
    return list(_listed(source, session))


def _listed(source: list[JsonValue], session: str | None) -> Iterator[str | Turn]:
    size = 0
    names: set[str | None] = {None}
    for index, item in enumerate(source):
        if isinstance(item, str):
            yield check_text(item, f"text {index} (counted from 0)")
            size += len(item)
        elif isinstance(item, dict):
            for turn in turns_of(item, index, session):
                check_text(turn.text, f"message {index} (counted from 0)")
                if not names.issuperset((turn.name, turn.role, turn.session)):
                    names |= _checked_names(turn, index)
                size += len(turn.text)
                yield turn
        else:
            raise refused(index, f"is neither a text nor a message: {SHAPES}")
        if size > MAX_SOURCE:
            raise InvalidInput(f"the list has more than {MAX_SOURCE:,} characters: send it in parts")


def _checked_names(turn: Turn, index: int) -> set[str | None]:
    for name in (turn.name, turn.role, turn.session):
        if name and (len(name) > _LONGEST_NAME or not name.isprintable()):
            raise refused(index, f"has a speaker or session that is not up to {_LONGEST_NAME} printable characters")
    return {turn.name, turn.role, turn.session}


class _Drafts:
    """Drafts as they are read. The key of a turn hangs on the turn before it in its session."""

    def __init__(self, origin: Origin) -> None:
        self.found: list[Draft] = []
        self._origin = origin
        self._session: str | None = None
        self._last: dict[str | None, bytes] = {}

    def told(self, text: str) -> None:
        """A statement, or the pieces of a document."""
        origin = self._origin
        cut = passages(text)
        if len(cut) == 1 and not has_headings(text):
            start, end, _ = cut[0]
            words = text[start:end]
            kind = kind_of_statement(words, said_by_user=origin.source_class == "user")
            place = origin.model_copy(update={"span": (start, end), "position": len(self.found)})
            self.found.append(Draft(words, kind, origin=place, once=statement_key(words, origin.speaker)))
            return
        seen: Counter[str] = Counter()
        for start, end, above in cut:
            words = text[start:end]
            same = normalise(words)
            once = piece_key(origin.source, origin.speaker, words, seen[same])
            seen[same] += 1
            place = origin.model_copy(update={"span": (start, end), "position": len(self.found)})
            self.found.append(Draft(words, "document", above, origin=place, once=once))

    def said(self, turn: Turn) -> None:
        """A turn; a long one in pieces."""
        origin = self._origin
        named = turn.session or origin.session
        by_user = turn.source_class == "user"
        speaker = turn.name or (turn.role if turn.role and not (by_user and origin.speaker) else origin.speaker)
        said_at = turn.said_at or origin.said_at
        if named is None and self._session is None:
            self._session = _session_of(turn, speaker)
        place: dict[str, object] = {
            "session": named or self._session,
            "speaker": speaker,
            "said_at": said_at,
            "source_class": turn.source_class or origin.source_class,
        }
        text, at = turn.text, turn.at
        if len(text) <= LONGEST_TURN:
            once = self._last[named] = turn_key(self._last.get(named, b""), speaker, said_at, text, named)
            place["span"], place["position"] = turn.span, len(self.found)
            kind = kind_of_statement(text, said_by_user=by_user)
            self.found.append(Draft(text, kind, origin=origin.model_copy(update=place), once=once))
            return
        cut = passages(text)
        for start, end, above in cut:
            words = text[start:end]
            once = self._last[named] = turn_key(self._last.get(named, b""), speaker, said_at, words, named)
            begin = turn.span[0] if start == 0 else at + start
            stop = turn.span[1] if end == len(text) else at + end
            place["span"], place["position"] = (begin, stop), len(self.found)
            self.found.append(Draft(words, "document", above, origin=origin.model_copy(update=place), once=once))


def _session_of(first: Turn, speaker: str | None) -> str:
    """A name for a conversation that has none: the same for the same beginning."""
    when = first.said_at.isoformat() if first.said_at else ""
    words = "\0".join((speaker or "", when, first.text)).encode()
    return f"chat-{hashlib.sha256(words).hexdigest()[:12]}"
