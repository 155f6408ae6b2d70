"""Notes of basic-memory: Markdown with a front matter, observations and relations. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from pydantic import JsonValue

from memos_mcp.interface.checks import KINDS
from memos_mcp.interface.knowledge_graph import sentence
from memos_mcp.interface.moments import moment
from memos_mcp.interface.parts import LeftOut, Part, Unread, left_over, name_in, stated, tags_in
from memos_mcp.late import late

_LIKE = Part([], 0, 0.0, format="basic-memory", source_class="document")
_LONGEST_FRONT = 64_000
_FENCE = "---"
_FIELD = late(r"([\w-]+):(?:\s+(.*))?")
_ITEM = late(r"\s{0,12}-\s+(.*)")
_CODE = late(r" {0,12}(`{3,}|~{3,})")
_POINT = late(r"\s{0,40}[-*+]\s+(\S.*)")
_CLOCK = late(r"\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?(?:\s+-\s.*)?")
_OBSERVED = late(r"\[([^\[\]()]{1,128})\]\s+(\S.*)")
_RELATED = late(
    r"(?:\"([^\"\[\]]{1,128})\"|'([^'\[\]]{1,128})'|([^\s\[\]]{1,128}))?\s{0,9}"
    r"\[\[([^\[\]]{1,512})\]\]\s{0,9}(\([^\[\]]*\))?"
)
_HASHED = late(r"(?:^|(?<=\s))#([^\s#]+)")
_CONTEXT = late(r"\s(\([^()]*\))$")
_HEADING = late(r" {0,3}(#{1,6})[ \t]+\S")
_DATED = ("created", "created_at", "date")
_PLACED = ("title", "type", "permalink", "tags", *_DATED)


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its title, the traits of all it says, what it says in prose, and observations and relations.

    `fields` are those of the front matter.
    """

    title: str
    like: Part
    prose: str
    lines: tuple[str, ...]
    fields: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])


def note_in(text: str, name: str) -> Note | None:
    """The note that a Markdown text is; None without a front matter that has a permalink as basic-memory writes it.

    `name` is the file's: its title, if the note gives none.
    """
    front, body = _split(text)
    permalink = front.get("permalink")
    if not isinstance(permalink, str) or not permalink or permalink.startswith("/") or "layout" in front:
        return None  # a page of a web site
    title = name_in(front.get("title")) or PurePosixPath(name).stem
    sort = front.get("type")
    said_at = next((at for at in (moment(front.get(key)) for key in _DATED) if at), None)
    given = front.get("tags")
    tags = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    plain: list[JsonValue] = [tag.strip().lstrip("#") for tag in tags if isinstance(tag, str)]
    like = replace(
        _LIKE, tags=tags_in(None if sort == "note" else sort, plain), said_at=said_at, entry=name_in(permalink) or ""
    )
    prose, lines = _parted(body, title)
    return Note(title, like, prose, lines, front)


def note_parts(note: Note) -> Iterator[Part | Unread | LeftOut]:
    """Statements of the observations and relations; the category and the tags of an observation are its tags."""
    for line in note.lines:
        if found := _RELATED.fullmatch(line):
            kind = found[1] or found[2] or found[3] or "links to"
            said = sentence(note.title, kind, found[4].partition("|")[0].strip())
            tags = tags_in(kind if kind != "links to" else None, list(note.like.tags))
            yield from stated([f"{said} {found[5]}" if found[5] else said], replace(note.like, tags=tags))
        elif found := _OBSERVED.fullmatch(line):
            category = found[1].strip()
            kind = next((each for each in KINDS if each == category.lower()), note.like.kind)
            tags = tags_in(category, list(_HASHED.findall(found[2])), list(note.like.tags))
            yield from stated([_untagged(found[2])], replace(note.like, tags=tags, kind=kind), note.title)
    yield from left_over(_PLACED, note.fields)


def _split(text: str) -> tuple[dict[str, JsonValue], str]:
    """The front matter and what follows it; none if it does not end."""
    if not text.startswith(_FENCE):
        return {}, text
    lines = text[:_LONGEST_FRONT].split("\n")
    end = next((at for at, line in enumerate(lines) if at and line.rstrip() == _FENCE), 0)
    if lines[0].rstrip() != _FENCE or not end:
        return {}, text
    return _fields(lines[1:end]), text[sum(len(line) + 1 for line in lines[: end + 1]) :]


def _fields(lines: list[str]) -> dict[str, JsonValue]:
    """The fields that are texts and lists of texts; of others, that they are there."""
    fields: dict[str, JsonValue] = {}
    key = ""
    for line in lines:
        if found := _FIELD.fullmatch(line.rstrip()):
            key, value = found[1], (found[2] or "").strip()
            listed = value.startswith("[") and value.endswith("]")
            fields[key] = [_bare(each) for each in value[1:-1].split(",")] if listed else _bare(value)
        elif key and (item := _ITEM.fullmatch(line.rstrip())):
            held = fields[key]
            fields[key] = [*(held if isinstance(held, list) else [held] if held else []), _bare(item[1])]
        elif key and isinstance(held := fields[key], str):
            fields[key] = f"{held} {line.strip()}".strip()
    return fields


def _bare(value: str) -> str:
    text = value.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _parted(body: str, title: str) -> tuple[str, tuple[str, ...]]:
    """The prose, under the title, and the lines of observations and relations, each on one line."""
    prose: list[str] = []
    lines: list[str] = []
    fence, goes_on = "", False
    for line in body.split("\n"):
        mark = _CODE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        point = None if fence or mark else _POINT.fullmatch(line.rstrip())
        if point and _is_said(point[1]):
            lines.append(point[1])
            goes_on = _RELATED.fullmatch(point[1]) is None
        elif goes_on and not (point or mark or fence) and line.startswith("  ") and line.strip():
            lines[-1] += f" {line.strip()}"
        else:
            goes_on = False
            prose.append(line)
    kept = _headed(prose) if lines else prose
    words = "\n".join(kept).strip()
    first = _HEADING.match(words)
    headed = not words or (first and len(first[1]) == 1)
    return words if headed else f"# {title}\n\n{words}", tuple(lines)


def _is_said(point: str) -> bool:
    if _RELATED.fullmatch(point):
        return True
    found = _OBSERVED.fullmatch(point)
    category = found[1].strip() if found else ""
    is_task = len(category) == 1 and (category in "xX" or not category.isalnum())
    return bool(category) and not is_task and not _CLOCK.fullmatch(category)


def _headed(lines: list[str]) -> list[str]:
    """Without the headings that nothing is left below."""
    kept: list[str] = []
    words, below = False, 0  # directly below, and the level of the heading that follows
    for line in reversed(lines):
        if found := _HEADING.match(line):
            level = len(found[1])
            if not words and below <= level:
                continue
            words, below = False, level
        words = words or (not found and bool(line.strip()))
        kept.append(line)
    return kept[::-1]


def _untagged(text: str) -> str:
    """Without the tags at its end, which say nothing; those within are words of it."""
    context = _CONTEXT.search(text)
    words = (text[: context.start()] if context else text).split(" ")
    while len(words) > 1 and (words[-1].startswith("#") or not words[-1]):
        words.pop()
    return " ".join([*words, context[1]] if context else words)
