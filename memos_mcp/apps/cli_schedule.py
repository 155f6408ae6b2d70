"""Commands about which memories get a KV block: `memos schedule`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json, Limit
from memos_mcp.interface.schedules import Past, Ran, Scheduled, Scheduling
from memos_mcp.operation.scheduling import size

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def schedule(
    context: typer.Context,
    *,
    policy: Annotated[
        str, typer.Option(help="paying, recent, frequent, labelled or similar; default: the setting.")
    ] = "",
    json: Json = False,
) -> None:
    """Say which memories would get a KV block now or lose it, and why; nothing is done."""
    if context.invoked_subcommand is None:
        terminal.tell(lambda memos: memos.scheduler.plan(policy), _plan, json=json)


@app.command()
def run(*, json: Json = False) -> None:
    """Do now what a server does in the background."""
    terminal.tell(lambda memos: memos.scheduler.run(), _ran, json=json)


@app.command()
def log(
    *,
    limit: Limit = 20,
    after: Annotated[str, typer.Option(help="Go on after the last page, which says the word.")] = "",
    json: Json = False,
) -> None:
    """List what was done, newest first, and why."""
    terminal.tell(lambda memos: memos.scheduler.decisions(limit, after), _past, json=json)


def _plan(found: Scheduling) -> RenderableType:
    room = Text(f"{size(found.held)} of {size(found.budget)} are taken", style="dim")
    return Group(*map(_line, found.decisions), room) if found.decisions else Group(_none("nothing was used yet"), room)


def _ran(found: Ran) -> RenderableType:
    lines = list(map(_line, found.decisions)) or [_none("nothing was to be done")]
    return Group(*lines, *([Text(found.why)] if found.why else []))


def _past(page: Past) -> RenderableType:
    if not page.decisions:
        return _none("nothing was done yet")
    more = [_none(f'more: --after "{page.after}"')] if page.after else []
    return Group(*map(_line, page.decisions), *more)


def _line(each: Scheduled) -> Text:
    when = f"{each.at:%Y-%m-%d %H:%M} UTC  " if each.at else ""
    line = f"{when}{each.move} {each.id} v{each.version}  {size(each.bytes)}: {each.reason}"
    return Text(shown.one_line(line), style="dim" if each.move == "keep" else "")


def _none(text: str) -> Text:
    return Text(text, style="dim")
