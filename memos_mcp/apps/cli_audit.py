"""Commands under `memos audit`: who asked for what, whether the log is whole, what is read most."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.accesses import Access, Accesses, Hot, Hotspots, Outcome, Rotated, Stage, Verified
from memos_mcp.answers import Trace
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json, Limit, Path_, Yes
from memos_mcp.cube import Kind
from memos_mcp.errors import Corrupt, InvalidInput
from memos_mcp.interface.lines import Format
from memos_mcp.memos import Memos

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who asked for what: look, check, export.")

Since = Annotated[datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="From then on (UTC).")]
Until = Annotated[datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="Before then (UTC).")]


@app.command()
def query(
    *,
    since: Since = None,
    until: Until = None,
    caller: Annotated[str, typer.Option(help="Only his.")] = "",
    action: Annotated[str, typer.Option(help="Only this verb, such as recall or acl.change.")] = "",
    outcome: Annotated[Outcome | None, typer.Option(help="Only what ended so.")] = None,
    path: Path_ = None,
    kind: Annotated[Kind | None, typer.Option(help="Only what touched this kind.")] = None,
    id: Annotated[str | None, typer.Option("--id", help="Only what touched this memory.")] = None,
    request: Annotated[str | None, typer.Option(help="Only what was part of this request.")] = None,
    limit: Limit = 50,
    after: Annotated[str, typer.Option(help="Go on after the last page, which says the id.")] = "",
    json: Json = False,
) -> None:
    """List accesses, newest first: yours, and those to your memories."""
    terminal.tell(
        lambda memos: memos.audit.query(
            since=since,
            until=until,
            caller=caller,
            action=action,
            outcome=outcome or "",
            path=path,
            kind=kind,
            id=id,
            request=request,
            limit=limit,
            after=after,
        ),
        _lines,
        json=json,
    )


@app.command()
def answer(
    id: Annotated[str, typer.Argument(metavar="ACCESS", help="Id of an access.")], *, json: Json = False
) -> None:
    """Show which memories produced an answer."""
    terminal.tell(lambda memos: memos.audit.answer(id), _line, json=json)


@app.command()
def trace(
    id: Annotated[str, typer.Argument(metavar="REQUEST", help="Id of a request, as query shows it.")],
    *,
    json: Json = False,
) -> None:
    """Show what a request did, step by step, and what it changed."""
    terminal.tell(lambda memos: memos.audit.trace(id), _trace, json=json)


@app.command()
def hotspots(*, path: Path_ = None, limit: Limit = 20, json: Json = False) -> None:
    """Show which of your memories are read most these days, and where they are."""
    terminal.tell(lambda memos: memos.audit.hotspots(path, limit=limit), _hotspots, json=json)


@app.command()
def verify(
    *,
    known: Annotated[
        str, typer.Option(metavar="TIP", help="What an earlier run printed: it must still be there.")
    ] = "",
    json: Json = False,
) -> None:
    """Check that no line was changed, removed or moved. Exit code 7 if one was."""
    found = terminal.answer(lambda memos: memos.audit.verify(known), json=json)
    if not found.ok:
        terminal.fail(Corrupt(f"the access log is not what was written: {found.why}"), json=json)
    terminal.out(found, _verified, json=json)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; else standard output.")] = None,
    *,
    format: Annotated[Format, typer.Option(help="JSON Lines, CSV, or events for a SIEM.")] = "jsonl",
    since: Since = None,
    until: Until = None,
    path: Path_ = None,
) -> None:
    """Write accesses, oldest first."""

    def write(to: TextIO) -> int:
        return terminal.answer(
            lambda memos: memos.audit.export(to.write, format=format, since=since, until=until, path=path), json=False
        )

    if file is None:
        write(sys.stdout)
        return
    try:
        with file.open("x", encoding="utf-8", newline="") as stream:
            number = write(stream)
    except OSError as exc:
        terminal.fail(InvalidInput(f"{file} cannot be written: {exc.strerror}; give a name that is free"), json=False)
    terminal.display(shown.done(f"wrote {shown.count(number, 'line', 'lines')}", f"to {file}"))


@app.command()
def rotate(
    *,
    days: Annotated[int | None, typer.Option("--keep-days", min=0, help="Lines younger than this stay.")] = None,
    last: Annotated[int | None, typer.Option("--keep-last", min=0, help="So many of the last lines stay.")] = None,
    texts_only: Annotated[bool, typer.Option("--texts-only", help="Only questions and reasons go.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove old lines but for those of what is held or frozen; the chain of the rest still holds."""
    what = "questions and reasons" if texts_only else "lines"
    kept = [f"older than {days} days"] if days is not None else []
    kept += [f"before the last {last}"] if last is not None else []
    terminal.ask(f"Remove all {what} {' and '.join(kept)} for good, of everybody?", yes=yes, json=json)

    async def work(memos: Memos) -> Rotated:
        keep = None if days is None else _days(days)
        return await memos.audit.rotate(keep, last=last, texts_only=texts_only)

    terminal.tell(work, _rotated, json=json)


def _days(days: int) -> timedelta:
    try:
        return timedelta(days=days)
    except OverflowError as exc:
        raise InvalidInput(f"{days} days are more than there are") from exc


def _lines(page: Accesses) -> RenderableType:
    if not page.lines:
        return Text("no such access", style="dim")
    more = [Text(f"more: --after {page.after}", style="dim")] if page.after else []
    return Group(*map(_line, page.lines), *more)


def _line(line: Access) -> Text:
    roles = f" ({', '.join(line.roles)})" if line.roles else ""
    text = Text(f"{line.at:%Y-%m-%d %H:%M:%S}  {shown.one_line(line.user + roles)}  {line.verb}", style="bold")
    text.append(f"  {line.outcome}{f' ({line.rule})' if line.rule else ''}", style="not bold")
    where = f"  at {line.path}" if line.path else ""
    memories = "".join(f"  {item.id}@{item.version}" for item in line.items)
    said = f"  {line.said!r}" if line.said else ""
    of = f"  of {line.request}" if line.request != line.id else ""
    return text.append(f"  {shown.one_line(f'{where}{memories}{said}  {line.id}{of}')}", style="not bold dim")


def _trace(found: Trace) -> RenderableType:
    steps = [part for line in found.steps for part in (_line(line), *map(_stage, line.stages))]
    changes = [
        Text(shown.one_line(f"change {each.seq} {each.action} {each.subject}@{each.version} {each.path}"))
        for each in found.changes
    ]
    return Group(*steps, *changes)


def _stage(stage: Stage) -> Text:
    return Text(f"    {shown.one_line(stage.name)}  {stage.number if stage.ok else 'failed'}")


def _hotspots(found: Hotspots) -> RenderableType:
    if not found.memories:
        return Text("nothing was read yet", style="dim")
    return Group(*map(_hot, found.namespaces), *map(_hot, found.memories))


def _hot(hot: Hot) -> Text:
    text = Text(f"{hot.heat:8.2f}  ", style="bold")
    times = shown.count(hot.reads, "read", "reads")
    return text.append(
        f"{hot.id or 'all'}  {shown.one_line(hot.path)}  {times}, last {hot.last_read_at:%Y-%m-%d %H:%M}"
    )


def _verified(found: Verified) -> RenderableType:
    cut = f"; {shown.count(found.removed, 'line was', 'lines were')} cut" if found.removed else ""
    when = f", last those before {found.cut:%Y-%m-%d %H:%M} UTC" if found.cut else ""
    return shown.done(f"the chain of {shown.count(found.lines, 'line', 'lines')} holds{cut}{when}", found.tip)


def _rotated(found: Rotated) -> RenderableType:
    return shown.done(f"removed {found.removed}", f"{shown.count(found.kept, 'line', 'lines')} left")
