"""How answers look in a terminal, and as JSON. A user's text is never markup and never a control sequence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic_core import to_jsonable_python
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp.answers import Namespace, Page, Recall, Remembered, Status
from memos_mcp.cube import MemCube
from memos_mcp.errors import Dispute
from memos_mcp.interface.differences import differences
from memos_mcp.keeping import Sizes
from memos_mcp.operation.context import words_of
from memos_mcp.ports import Event
from memos_mcp.search import Lane
from memos_mcp.settings import Setting

_MOST_IDS = 3
_LONGEST_COMPARED = 20_000  # characters; more takes long
_KEPT = "\t\n"
_VISIBLE = (
    {code: 0x2400 + code for code in range(32) if chr(code) not in _KEPT}  # control pictures: ␛ instead of an escape
    | {127: 0x2421}
    | dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD)  # C1, turned text
)


class Checked(Protocol):
    """What a check of the vault found."""

    @property
    def name(self) -> str:
        """What was looked at."""
        ...

    @property
    def ok(self) -> bool:
        """Is it as it should be?"""
        ...

    @property
    def detail(self) -> str:
        """What was seen, and what to do about it."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept the checks themselves from running."""

    name: str
    detail: str
    ok: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What `memos doctor` answers."""

    versions: dict[str, str]
    settings: tuple[Setting, ...]
    findings: tuple[Checked, ...]


def as_json(answer: object, *, ascii_only: bool = False) -> str:
    """An answer as one line of JSON."""
    return json.dumps(to_jsonable_python(answer), ensure_ascii=ascii_only)


def printed(answer: RenderableType, console: Console) -> None:
    """Write an answer; a pipe gets whole lines, a terminal lines that fit."""
    console.print(answer, markup=False, highlight=False, crop=console.is_terminal, emoji=False)


def plain(text: str) -> str:
    """The text without anything a terminal would obey."""
    return text.translate(_VISIBLE)


def one_line(text: str) -> str:
    """The text on one line, without anything a terminal would obey."""
    return plain(" ".join(text.split()))


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"


def remembered(answer: Remembered) -> RenderableType:
    """How many memories a text became, their ids, and what else one has to know of them."""
    known = f", {answer.repeated} known already" if answer.repeated else ""
    head = _sentence(f"{count(answer.new, 'new memory', 'new memories')}{known}", f" at {answer.path}")
    ids = list(dict.fromkeys(answer.ids))
    more = f"  and {len(ids) - _MOST_IDS} more; `memos list` shows them" if len(ids) > _MOST_IDS else ""
    shown = Text(f"{' '.join(ids[:_MOST_IDS])}{more}", style="dim")
    notes = [answer.fallback] if answer.fallback else []
    if answer.masked:
        notes.append(f"{count(answer.masked, 'secret was', 'secrets were')} masked; keep them in a password manager")
    if answer.quarantined:
        held = count(answer.quarantined, "memory looks", "memories look")
        notes.append(f"{held} hostile and will not be recalled: `memos quarantine list` shows why")
    return Group(head, shown, *noted(notes))


def words(cube: MemCube, longest: int) -> str:
    """The beginning of its words, in quotation marks."""
    text = one_line(words_of(cube))
    return f'"{text}"' if len(text) <= longest else f'"{text[: longest - 1]}…"'


def recall(answer: Recall) -> RenderableType:
    """The memories, best first, and what was searched."""
    rows = Table.grid(padding=(0, 1))
    rows.add_column(justify="right", style="dim")
    rows.add_column()
    for rank, found in enumerate(answer.memories, start=1):
        rows.add_row(str(rank), memory(found.cube))
    return Group(
        *([rows] if answer.memories else []),
        *explained(answer),
        Text(one_line(answer.summary), style="dim"),
        *noted(notes_of(answer)),
    )


def explained(answer: Recall) -> list[Text]:
    """Its plan, if that was asked for."""
    return [Text(one_line(line), style="cyan") for line in answer.explained.splitlines()]


def notes_of(answer: Recall) -> list[str]:
    """What one has to know of a recall to judge it."""
    notes = [f"the {each.route} lane failed: {each.why}" for each in answer.missing]
    if answer.pending:
        notes.append(f"{count(answer.pending, 'memory is', 'memories are')} not in every lane yet")
    if answer.withheld:
        notes.append(f"{count(answer.withheld, 'memory that matches looks', 'memories that match look')} hostile")
    if answer.stopped:
        notes.append("not all memories were asked whether the conditions hold: narrow the path, or add words")
    return notes


def memory(cube: MemCube) -> Text:
    """When, who and which, then the words."""
    head = " ".join(_when_and_who(cube))
    traits = [cube.id, *([cube.key] if cube.key else []), *(f"#{tag}" for tag in cube.tags)]
    if cube.usage.sightings > 1:
        traits.append(f"said {cube.usage.sightings} times")
    return Text.assemble(
        (f"{head}  " if head else "", "bold cyan"), (one_line(" · ".join(traits)), "dim"), "\n", plain(words_of(cube))
    )


def memories(cubes: Sequence[MemCube]) -> RenderableType:
    """Each of them, whole."""
    return Group(*map(memory, cubes)) if cubes else Text("no memories that you may read", style="dim")


def page(answer: Page, *, whole: bool) -> RenderableType:
    """A line for each memory, newest first, and how to see more."""
    foot = f"{len(answer.cubes)} of {answer.total} memories under {', '.join(answer.paths)}"
    more = f"; go on with --after {answer.after}" if answer.after else ""
    lines = [_line(cube, whole=whole) for cube in answer.cubes]
    return Group(*lines, Text(one_line(foot + more), style="dim"))


def cube(answer: MemCube) -> RenderableType:
    """Everything about one version of a memory that a person asks for."""
    origin = answer.origin
    said = f"{_stamp(origin.said_at)} by {origin.speaker or 'somebody'}" if origin.said_at else origin.speaker
    rows: list[tuple[str, object]] = [
        ("memory", f"{answer.id}, version {answer.version}"),
        ("path", answer.path),
        ("key", answer.key),
        ("kind", answer.kind),
        ("tags", ", ".join(answer.tags)),
        ("said", said),
        ("session", origin.session),
        ("source", origin.source),
        ("from", origin.source_class if origin.source_class != "user" else ""),
        ("quarantine", ", ".join(answer.quarantined)),
        ("hidden", ", ".join(answer.hidden)),
        ("stored", f"{_stamp(answer.created_at)} by {origin.actor or answer.governance.owner}"),
        ("changed", _stamp(answer.updated_at) if answer.updated_at != answer.created_at else ""),
        ("over", _stamp(end) if (end := answer.governance.expires_at) else ""),
        ("repeated", f"said {answer.usage.sightings} times" if answer.usage.sightings > 1 else ""),
    ]
    return Group(_pairs(rows), Text(), Text(plain(words_of(answer))))


def dispute(each: Dispute) -> str:
    """Where two changes do not go together, and what each made of it."""
    sides = (("was", each.base), ("yours", each.yours), ("now", each.theirs))
    said = (f"    {name:<5}  {plain(text).replace(chr(10), f'{chr(10)}           ') or '-'}" for name, text in sides)
    return "\n".join((f"  {one_line(each.at)}", *said))


def history(events: Sequence[Event]) -> RenderableType:
    """Each line of the log about a memory, with the words it wrote, or what it changed of those before."""
    rows = Table.grid(padding=(0, 2))
    last = ""
    for event in events:
        body = Text(f"{event.action} by {one_line(event.caller)}", style="bold")
        if event.reason:
            body.append(f"  {one_line(event.reason)}", style="not bold italic")
        if event.cube is not None and event.action != "sight":
            words = words_of(event.cube)
            body.append("\n").append_text(_changed(last, words))
            last = words
        rows.add_row(Text(f"v{event.version}", style="cyan"), Text(_stamp(event.at), style="dim"), body)
    return rows


def _changed(old: str, new: str) -> Text:
    """What goes struck through, what comes underlined; a text without its like before it as it is."""
    if not old or old == new or len(old) + len(new) > _LONGEST_COMPARED:
        return Text(plain(new), style="not bold")
    styles = {"same": "not bold", "removed": "not bold strike red", "added": "not bold underline green"}
    marks = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
    shown = Text(style="not bold")
    for piece in differences(old, new):
        head, end = marks[piece.kind]
        shown.append(f"{head}{plain(piece.text)}{end}", style=styles[piece.kind])
    return shown


def forgotten(event: Event) -> RenderableType:
    """That a memory is gone."""
    return done(f"forgot {event.subject}", "its words are deleted, the log keeps who and when")


def namespaces(answer: Sequence[Namespace]) -> RenderableType:
    """Each path with the number of its memories."""
    if not answer:
        return Text("no memories yet", style="dim")
    rows = Table.grid(padding=(0, 2))
    rows.add_column(justify="right")
    for each in answer:
        rows.add_row(str(each.memories), Text(one_line(each.path)))
    return rows


def status(answer: Status) -> RenderableType:
    """Where memories go, how many there are, and how each lane is."""
    return _pairs(
        [
            ("memories", f"{answer.memories} under {', '.join(answer.paths)}"),
            ("writes to", f"{answer.path}, as {answer.user}"),
            ("quarantine", answer.quarantined and f"{answer.quarantined}, see `memos quarantine list`"),
            ("vault", answer.vault),
            ("sizes", answer.sizes and _sizes(answer.sizes)),
            *((f"{lane.name} lane", _lane(lane)) for lane in answer.lanes),
        ]
    )


def size(number: int) -> str:
    """Bytes, as a person reads them."""
    return f"{number / 1_000_000:.1f} MB" if number >= 1_000_000 else f"{number / 1000:.0f} kB"


def _sizes(sizes: Sizes) -> str:
    cold = f", {size(sizes.cold)} of it in cold storage" if sizes.cold else ""
    inside = f"indexes {size(sizes.indexes)}, access log about {size(sizes.accesses)}, free {size(sizes.free)}"
    return f"{size(sizes.vault)}{cold}: {inside}; write-ahead log {size(sizes.log)}"


def health(answer: Health) -> RenderableType:
    """Versions, every setting with its source, then the findings."""
    settings = Table.grid(padding=(0, 2))
    for each in answer.settings:
        settings.add_row(Text(each.name), Text(one_line(each.value)), Text(one_line(each.source), style="dim"))
    findings = Table.grid(padding=(0, 1))
    for finding in answer.findings:
        mark = Text("✓", style="green") if finding.ok else Text("✗", style="bold red")
        findings.add_row(mark, Text(finding.name), Text(one_line(finding.detail)))
    return Group(_pairs(answer.versions.items()), Text(), settings, Text(), findings)


def done(what: str, detail: str) -> RenderableType:
    """That something was done."""
    return _sentence(what, f"  {detail}" if detail else "")


def _line(cube: MemCube, *, whole: bool) -> Text:
    line = Text(no_wrap=True, overflow="ignore" if whole else "ellipsis")
    line.append(f"{one_line(cube.id)}  ", style="dim")
    head = " ".join(_when_and_who(cube))
    return line.append(f"{head}: " if head else "", style="cyan").append(one_line(words_of(cube)))


def _when_and_who(cube: MemCube) -> list[str]:
    origin = cube.origin
    when = f"{origin.said_at:%Y-%m-%d}" if origin.said_at else ""
    return [part for part in (when, one_line(origin.speaker or "")) if part]


def _pairs(rows: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value:
            table.add_row(Text(name, style="dim"), Text(one_line(str(value))))
    return table


def noted(notes: Iterable[str]) -> Iterable[Text]:
    """Notes beneath an answer."""
    return (Text(one_line(note), style="yellow") for note in notes)


def _sentence(strong: str, rest: str) -> Text:
    return Text(one_line(strong), style="bold").append(plain(rest), style="not bold dim")


def _lane(lane: Lane) -> str:
    parts = ["on" if lane.on else "off", f"{lane.pending} waiting", f"{lane.held / 1024 / 1024:.1f} MiB held"]
    return ", ".join([*parts, *([lane.why] if lane.why else [])])


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
