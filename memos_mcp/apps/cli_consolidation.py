"""Commands about what became of memories when others came: `memos consolidation`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Id, Json, Limit, Path_, Reason
from memos_mcp.interface.consolidations import (
    Consolidated,
    Consolidating,
    Contradiction,
    Contradictions,
    Decided,
)

_LONGEST = 100

app = typer.Typer(no_args_is_help=True, help="What became of memories when others came.")
After = Annotated[str, typer.Option(help="Go on after the last page, which says the word.")]


@app.command()
def status(*, json: Json = False) -> None:
    """Say whether new memories are looked at beside older ones, and how many wait."""
    terminal.tell(lambda memos: memos.consolidation.status(), _status, json=json)


@app.command()
def run(
    *,
    seconds: Annotated[float, typer.Option(help="How long at most; the rest is done later.")] = 60.0,
    json: Json = False,
) -> None:
    """Do now what a server does in the background."""
    terminal.tell(lambda memos: memos.consolidation.run(seconds), _status, json=json)


@app.command("decided")
def decided(
    *,
    path: Path_ = None,
    id: Annotated[str | None, typer.Option("--id", help="Only of this memory.")] = None,
    limit: Limit = 20,
    after: After = "",
    json: Json = False,
) -> None:
    """List what was done to memories, newest first, and why."""
    terminal.tell(lambda memos: memos.consolidation.decided(path, id=id, limit=limit, after=after), _decided, json=json)


@app.command()
def contradictions(*, path: Path_ = None, limit: Limit = 20, after: After = "", json: Json = False) -> None:
    """List pairs of memories that contradict each other: both are kept."""
    terminal.tell(
        lambda memos: memos.consolidation.contradictions(path, limit=limit, after=after), _contradictions, json=json
    )


@app.command()
def undo(
    id: Id,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Id of the other memory.")],
    *,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Undo what was done to two memories; it is not done again."""
    terminal.tell(
        lambda memos: memos.consolidation.undo(id, other, reason=reason),
        lambda done: shown.done(f"undone: {done.id} and {done.other} are as before", "it is not done again"),
        json=json,
    )


def _status(found: Consolidating) -> RenderableType:
    if not found.on:
        return Text("off: set consolidation.mode to on", style="dim")
    waiting = shown.count(found.pending, "memory waits", "memories wait") if found.pending else "nothing waits"
    return Text(f"on, {waiting}{': ' if found.why else ''}{found.why}")


def _decided(page: Decided) -> RenderableType:
    if not page.deeds:
        return Text("nothing was done to memories here", style="dim")
    return Group(*map(_deed, page.deeds), *_more(page.after))


def _deed(each: Consolidated) -> Text:
    undone = f"  (undone by {each.undone})" if each.undone else ""
    line = f"{each.at:%Y-%m-%d %H:%M} UTC  {each.id} {each.relation} {each.other}: {each.did}; {each.reason}{undone}"
    return Text(shown.one_line(line), style="dim" if each.undone else "")


def _contradictions(page: Contradictions) -> RenderableType:
    if not page.pairs:
        return Text("nothing here contradicts", style="dim")
    return Group(*map(_pair, page.pairs), *_more(page.after))


def _pair(each: Contradiction) -> RenderableType:
    lines = [f"{cube.id}  {shown.words(cube, _LONGEST)}" for cube in (each.old, each.new)]
    return Group(*(Text(line) for line in lines), Text(f"    {shown.one_line(each.reason)}", style="dim"))


def _more(after: str) -> list[Text]:
    return [Text(f"more: --after {after}", style="dim")] if after else []
