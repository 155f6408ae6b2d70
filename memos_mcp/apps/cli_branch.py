"""Commands about what-if branches: `memos branch`. `memos --branch LABEL VERB …` asks and changes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.answers import Clash, Joined
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.cli_timeline import differences
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.terminal import Json, Limit, Path_, Reason, Yes
from memos_mcp.branching import Branch
from memos_mcp.errors import Conflict
from memos_mcp.interface.joining import Side

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What if: change memories without touching them.")

_Label = Annotated[str, typer.Argument(metavar="LABEL", help="Its name.")]


@app.command()
def make(label: _Label, *, path: Path_ = None, json: Json = False) -> None:
    """Make a branch of what is at a path now; nothing is copied."""
    terminal.tell(lambda memos: memos.branches.make(label, path), lambda made: _branches([made]), json=json)


@app.command("list")
def list_(*, path: Path_ = None, json: Json = False) -> None:
    """List branches, the oldest first."""
    terminal.tell(lambda memos: memos.branches.list(path), _branches, json=json)


@app.command()
def diff(
    label: _Label,
    *,
    path: Path_ = None,
    limit: Limit = 50,
    start: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """Show what a branch added, changed and forgot."""
    terminal.tell(lambda memos: memos.branches.diff(label, path, limit=limit, start=start), differences, json=json)


@app.command()
def merge(
    label: _Label,
    *,
    path: Path_ = None,
    prefer: Annotated[Side | None, typer.Option(help="Whose words count where both changed the same.")] = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Write what a branch changed to the original, which ends it; or show what clashes, and write nothing."""
    done = terminal.answer(lambda memos: memos.branches.merge(label, path, prefer=prefer, reason=reason), json=json)
    terminal.out(done, _joined, json=json)
    if done.clashes:
        raise typer.Exit(exit_code(Conflict("")))


@app.command()
def drop(label: _Label, *, path: Path_ = None, reason: Reason = "", yes: Yes = False, json: Json = False) -> None:
    """End a branch: what was written in it is forgotten, the original stays."""
    terminal.ask(f"Drop the branch {label} and what was written in it?", yes=yes, json=json)
    terminal.tell(
        lambda memos: memos.branches.drop(label, path, reason=reason),
        lambda gone: shown.done(f"dropped the branch {gone.label} of {gone.path}", "the original stays as it is"),
        json=json,
    )


def _branches(found: Sequence[Branch]) -> RenderableType:
    if not found:
        return Text("no branches yet", style="dim")
    return Group(*(Text(f"{each.at:%Y-%m-%d %H:%M} UTC  {_named(each)}") for each in found))


def _named(each: Branch) -> str:
    return shown.one_line(f"{each.label}  {each.path}  by {each.by}")


def _joined(done: Joined) -> RenderableType:
    if not done.clashes:
        what = shown.count(len(done.events), "change", "changes")
        return shown.done(f"merged {what} of the branch {done.label} to {done.path}", "the branch is no more")
    head = Text(f"nothing was merged: {shown.count(len(done.clashes), 'clash', 'clashes')}", style="red")
    advice = Text("make both say the same, or repeat with --prefer branch or --prefer original", style="dim")
    return Group(head, *(line for clash in done.clashes for line in _clash(clash)), advice)


def _clash(clash: Clash) -> Sequence[Text]:
    sides = (("was", clash.base), ("original", clash.original), ("branch", clash.branch))
    head = Text(shown.one_line(f"! {clash.id}  {clash.what}{f': {clash.why}' if clash.why else ''}"))
    return [head, *(Text(f"    {side}: {shown.one_line(text)}") for side, text in sides if text)]
