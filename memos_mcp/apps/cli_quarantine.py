"""Commands under `memos quarantine`: what looks hostile is looked at, released, or undone with all of its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.answers import Page
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json, Limit, Path_, Reason, Yes
from memos_mcp.cube import SourceClass
from memos_mcp.errors import InvalidInput
from memos_mcp.ports import Event

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Memories that recall leaves out: look, decide.")

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of memories.")]


@app.command("list")
def list_(
    *,
    path: Path_ = None,
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List what is in quarantine and why, newest first."""
    terminal.tell(lambda memos: memos.quarantine.list(path, limit=limit, after=after), _page, json=json)


@app.command()
def add(ids: Ids, *, reason: Reason = "", json: Json = False) -> None:
    """Keep memories from recall."""
    terminal.tell(lambda memos: memos.quarantine.add(ids, reason=reason), _moved("into quarantine"), json=json)


@app.command()
def release(ids: Ids, *, reason: Reason = "", yes: Yes = False, json: Json = False) -> None:
    """Let memories be found again; you vouch for what they say."""
    cubes = [terminal.answer(lambda memos, id=id: memos.get(id), json=json) for id in ids]
    for cube in cubes:
        terminal.ask(f"Release {cube.id}, {shown.words(cube, 200)}?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.quarantine.release(ids, reason=reason), _moved("released"), json=json)


@app.command()
def undo(
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="Name of the file, page or conversation.")] = "",
    *,
    session: Annotated[str, typer.Option(help="Everything of a conversation.")] = "",
    source_class: Annotated[SourceClass | None, typer.Option("--class", help="Everything of a class.")] = None,
    path: Path_ = None,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Forget all that came from a source, in quarantine or not."""
    named = " and ".join(part for part in (source, session, source_class or "") if part)
    if not named:
        terminal.fail(InvalidInput("name what is to be undone: a SOURCE, a --session or a --class"), json=json)
    terminal.ask(f"Forget everything from {shown.one_line(named)}?", yes=yes, json=json)
    terminal.tell(
        lambda memos: memos.quarantine.undo(
            source, session=session, source_class=source_class, path=path, reason=reason
        ),
        lambda events: shown.done(f"forgot {shown.count(len(events), 'memory', 'memories')}", f"from {named}"),
        json=json,
    )


def _page(answer: Page) -> RenderableType:
    lines: list[RenderableType] = []
    for cube in answer.cubes:
        origin = cube.origin
        whence = " from ".join(part for part in (origin.source_class, origin.source) if part)
        lines.append(Text(shown.one_line(f"{cube.id}  {', '.join(cube.quarantined)}  {whence}"), style="yellow"))
        lines.append(Text(f"  {shown.words(cube, 300)}"))
    more = f"; go on with --after {answer.after}" if answer.after else ""
    foot = f"{len(answer.cubes)} of {answer.total} in quarantine under {', '.join(answer.paths)}{more}"
    return Group(*lines, Text(shown.one_line(foot), style="dim"))


def _moved(how: str) -> Callable[[Sequence[Event]], RenderableType]:
    return lambda events: shown.done(
        f"{shown.count(len(events), 'memory', 'memories')} {how}", "the log keeps who and when"
    )
