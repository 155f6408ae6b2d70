"""What a file is cut into: the parts that are remembered one after the other, and what becomes no part. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Literal

from pydantic import JsonValue

from memos_mcp.cube import Kind, SourceClass
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.passages import LIMIT, has_headings, passages
from memos_mcp.interface.reader import LONGEST_TURN, check_text

Format = Literal["text", "transcript", "messages", "ChatGPT", "Claude", "knowledge graph", "mem0", "basic-memory"]
"""What a part was written as."""

_MOST_TAGS = 32
_LONGEST_TAG = 128
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Part:
    """What one call of `remember` takes; it becomes `texts` memories. With it `share` of the file is read (0 to 1).

    What it says of itself goes before what is known of everything; `session` is for turns that name none. `entry` is
    its name within the file, if it has one, and `line` where it stands.
    """

    content: JsonValue
    texts: int
    share: float
    session: str | None = None
    format: Format = "text"
    source_class: SourceClass = "user"
    speaker: str | None = None
    said_at: datetime | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] = ()
    entry: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """What cannot be read, and in which line; the rest of the file can."""

    why: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in the file that has no place in a memory; the rest of the file is remembered without it."""

    what: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why the file holds nothing that could be remembered."""

    why: str


Found = Part | Unread | LeftOut | Nothing


def stated(texts: Iterable[str], like: Part, about: str = "") -> Iterator[Part | Unread]:
    """Parts of statements, each one memory in its own words, after `about` and a colon; `like` has their traits.

    A text that would be cut as a document is kept whole as a turn, up to 8,000 characters; pieces of a longer one each
    begin with `about`. Statements come together, so that they are stored together.
    """
    short: list[JsonValue] = []
    long: list[str] = []
    for text in texts:
        try:
            words = _about(about, check_text(text).strip())
        except InvalidInput as exc:
            yield Unread(str(exc))
            continue
        if len(words) <= LIMIT and not has_headings(words):
            short.append(words)
        elif len(words) <= LONGEST_TURN:
            long.append(words)
        else:
            long += [_about(about, text[at:to]) for at, to, _ in passages(text)]
    if short:
        yield replace(like, content=short, texts=len(short))
    for words in long:
        session = like.session or like.entry or blake2b(words.encode(), digest_size=8).hexdigest()
        yield replace(like, content=[{"text": words}], texts=1, session=session)


def _about(about: str, text: str) -> str:
    name, begin = (each.casefold().replace("_", " ") for each in (about, text[: len(about)]))
    named = name == begin and not text[len(about) : len(about) + 1].isalnum()
    return text if named or not about else f"{about}: {text}"


def name_in(value: JsonValue) -> str | None:
    """A name that a person, a conversation or an entry has, on one line; None if this is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = " ".join(str(value).split())
    return text[:_LONGEST_NAME] if text and text.isprintable() else None


def tags_in(*values: JsonValue) -> tuple[str, ...]:
    """The tags that texts and lists of texts are; what cannot be one is left out."""
    found: dict[str, None] = {}
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            tag = each.strip() if isinstance(each, str) else ""
            if tag and tag.isprintable() and len(tag) <= _LONGEST_TAG:
                found[tag] = None
    return tuple(found)[:_MOST_TAGS]


def left_over(known: Sequence[str], value: dict[str, JsonValue], within: str = "") -> Iterator[LeftOut]:
    """The fields that hold something and are none of these."""
    for key, held in value.items():
        if key not in known and held not in (None, "", [], {}):
            yield LeftOut(f"{within}{name_in(key[:_LONGEST_TAG]) or '?'}")
