"""Commands about what was: `memos timeline`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.answers import BroughtBack, Differences, Page, Snapshot
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json, Limit, Path_, Reason
from memos_mcp.cube import MemCube
from memos_mcp.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What was at a moment, and the way back.")

_MOMENT = "A time (UTC), or the label of a snapshot."
_Label = Annotated[str, typer.Argument(metavar="LABEL", help="Its name.")]
_Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of memories.")]


def when(text: str) -> datetime | str:
    """A time, or else a label."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


@app.command()
def snapshot(label: _Label, *, path: Path_ = None, json: Json = False) -> None:
    """Give what is now a name to come back to; nothing is copied."""
    terminal.tell(lambda memos: memos.timeline.snapshot(label, path), lambda made: _snapshots([made]), json=json)


@app.command("list")
def list_(*, path: Path_ = None, json: Json = False) -> None:
    """List snapshots, the oldest first."""
    terminal.tell(lambda memos: memos.timeline.snapshots(path), _snapshots, json=json)


@app.command()
def drop(label: _Label, *, path: Path_ = None, json: Json = False) -> None:
    """Remove a snapshot; the memories stay."""
    terminal.tell(
        lambda memos: memos.timeline.drop(label, path),
        lambda _: shown.done(f"dropped the snapshot {label}", "the memories stay as they are"),
        json=json,
    )


@app.command()
def show(
    moment: Annotated[str, typer.Argument(metavar="MOMENT", help=_MOMENT)],
    *,
    path: Path_ = None,
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List the memories of a moment, newest first."""

    def page(answer: Page) -> RenderableType:
        return shown.page(answer, whole=False)

    terminal.tell(lambda memos: memos.timeline.browse(when(moment), path, limit=limit, after=after), page, json=json)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="MOMENT", help=_MOMENT)],
    after: Annotated[str | None, typer.Argument(metavar="[MOMENT]", help="Now, if left out.")] = None,
    *,
    path: Path_ = None,
    limit: Limit = 50,
    start: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """Show what was added, changed and forgotten between two moments."""
    then = None if after is None else when(after)
    terminal.tell(
        lambda memos: memos.timeline.diff(when(before), then, path, limit=limit, start=start), differences, json=json
    )


@app.command()
def restore(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One memory; all at a path if left out.")] = None,
    *,
    version: Annotated[int | None, typer.Option(help="The version to go back to.")] = None,
    to: Annotated[str | None, typer.Option(metavar="MOMENT", help=_MOMENT)] = None,
    path: Path_ = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Let a memory, or all at a path, say again what they said; itself undone likewise."""
    target = version if to is None else when(to)
    if target is None or (version is not None and (to is not None or id is None)):
        say = "say where to go back to: --version of one memory, or --to with a time or the label of a snapshot"
        terminal.fail(InvalidInput(say), json=json)
    if id is not None:
        terminal.tell(lambda memos: memos.timeline.restore(id, target, reason=reason), shown.cube, json=json)
    elif not isinstance(target, int):
        terminal.tell(lambda memos: memos.timeline.restore_all(target, path, reason=reason), _brought_back, json=json)


@app.command()
def freeze(ids: _Ids, *, reason: Reason = "", json: Json = False) -> None:
    """Keep memories as they are: nobody changes or forgets them until they are thawed."""
    terminal.tell(lambda memos: memos.timeline.freeze(ids, reason=reason), _frozen, json=json)


@app.command()
def thaw(ids: _Ids, *, reason: Reason = "", json: Json = False) -> None:
    """Let frozen memories change again."""
    terminal.tell(lambda memos: memos.timeline.thaw(ids, reason=reason), _frozen, json=json)


def _snapshots(found: Sequence[Snapshot]) -> RenderableType:
    if not found:
        return Text("no snapshots yet", style="dim")
    return Group(*(Text(f"{each.at:%Y-%m-%d %H:%M} UTC  {_named(each)}") for each in found))


def _named(each: Snapshot) -> str:
    return shown.one_line(f"{each.label}  {each.path}  by {each.by}")


def differences(found: Differences) -> RenderableType:
    """What was added, changed and forgotten."""
    lines = [Text(f"+ {each.id}  {shown.words(each, 100)}", style="green") for each in found.added]
    for each in found.changed:
        words = shown.one_line(each.words) or "the same words"
        lines.append(Text(f"~ {each.cube.id}  v{each.was} → v{each.cube.version}  {words}"))
    lines += [Text(f"- {id}  forgotten", style="red") for id in found.forgotten]
    lines += [Text(f"more: --start {found.after}", style="dim")] if found.after else []
    return Group(*lines) if lines else Text("nothing changed", style="dim")


def _brought_back(done: BroughtBack) -> RenderableType:
    rest = [f"{len(done.newer)} newer stay"] if done.newer else []
    rest += [f"{len(done.left)} may not be changed: {', '.join(done.left[:5])}"] if done.left else []
    what = shown.count(len(done.cubes), "memory", "memories")
    return shown.done(f"brought back {what} at {done.path}", "; ".join(rest) or "the way back is another restore")


def _frozen(cubes: Sequence[MemCube]) -> RenderableType:
    return Group(*(shown.done(f"{cube.id} is {cube.state}", shown.words(cube, 60)) for cube in cubes))
