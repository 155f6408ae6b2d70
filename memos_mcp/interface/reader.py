"""MemReader by rules: text, Markdown, chats and JSON Lines → drafts with provenance (long paper §5.3.1). Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.chat import SHAPES, Message, message, messages_in, transcript
from memos_mcp.interface.duplicates import statement_key, turn_key
from memos_mcp.interface.kinds import kind_of
from memos_mcp.interface.passages import LIMIT, passages, sections, trimmed
from memos_mcp.ports import Draft, MemoryCall

MAX_SOURCE = 2_000_000
"""Characters read at once; larger sources are read in parts."""


def check_text(text: str, what: str = "the text", *, empty: bool = False) -> str:
    """The text, if it can be stored. Raises InvalidInput for an empty one (unless allowed), NUL, or half a character."""
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
            return self._list(found, origin)
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
                text = check_text(element, f"element {index}")
                drafts += _document(text, origin)
            else:
                turns.append(message(element, index))
                text = check_text(turns[-1].text, f"the text of element {index}", empty=True)
                _check_names(turns[-1], index)
            size += len(text)
            if size > MAX_SOURCE:
                raise InvalidInput(f"the list has more than {MAX_SOURCE:,} characters; send it in parts")
        drafts += _chat([turn for turn in turns if turn.text.strip()], origin)
        if not drafts:
            raise InvalidInput("the messages are empty: there is nothing to remember")
        return _numbered(drafts)


def _check_names(turn: Message, index: int) -> None:
    for name in (turn.speaker, turn.session):
        if name is not None and (not name.isprintable() or len(name) > 256):
            raise InvalidInput(f"the speaker or session of element {index} is no name: up to 256 printable characters")


def _numbered(drafts: Sequence[Draft] | Iterator[Draft]) -> list[Draft]:
    return [
        Draft(
            text=d.text,
            kind=d.kind,
            meaning=d.meaning,
            origin=d.origin.model_copy(update={"position": i}),
            once=d.once,
        )
        for i, d in enumerate(drafts)
    ]


def _document(text: str, origin: Origin) -> list[Draft]:
    """A short text is one statement; a long one, or one with headings, is cut into passages."""
    found = [(span, above) for section, above in sections(text) for span in passages(text, section)]
    if len(found) == 1 and not found[0][1]:
        start, end = trimmed(text, 0, len(text))
        kind = kind_of(text[start:end], said_by_user=origin.source_class == "user")
        once = statement_key(text[start:end], origin.speaker)
        return [
            Draft(text=text[start:end], kind=kind, origin=origin.model_copy(update={"span": (start, end)}), once=once)
        ]
    seen: Counter[str] = Counter()
    drafts: list[Draft] = []
    for (start, end), above in found:
        passage = text[start:end]
        once = turn_key(str(seen[passage]).encode(), origin.source, None, passage, "passage")
        seen[passage] += 1
        place = origin.model_copy(update={"span": (start, end)})
        drafts.append(Draft(text=passage, kind="document", meaning=above, origin=place, once=once))
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
        drafts += _turn(turn.text, place, once)
    return drafts


def _turn(text: str, origin: Origin, once: bytes) -> list[Draft]:
    """One draft, or several for a long message."""
    user = origin.source_class == "user"
    whole = trimmed(text, 0, len(text))
    if len(text) <= LIMIT:
        start, end = whole
        place = origin if origin.span else origin.model_copy(update={"span": whole})
        return [Draft(text=text[start:end], kind=kind_of(text[start:end], said_by_user=user), origin=place, once=once)]
    at = origin.span[1] - len(text) if origin.span else 0
    drafts: list[Draft] = []
    for n, (start, end) in enumerate(passages(text, whole)):
        span = (origin.span[0] if n == 0 and origin.span else start + at, end + at)
        place = origin.model_copy(update={"span": span})
        drafts.append(
            Draft(
                text=text[start:end],
                kind=kind_of(text[start:end], said_by_user=user),
                origin=place,
                once=once if n == 0 else turn_key(once, None, None, str(n), None),
            )
        )
    return drafts


def _session_of(first: Message) -> str:
    """A name for a conversation that has none: the same for the same beginning."""
    when = first.said_at.isoformat() if first.said_at else ""
    words = "\0".join((first.speaker or "", when, first.text)).encode()
    return f"chat-{hashlib.sha256(words).hexdigest()[:12]}"
