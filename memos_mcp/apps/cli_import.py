"""The command `memos import`: files and folders → memories."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.files import Failed
from memos_mcp.apps.importing import Counts, Given, Imported, Step, import_files
from memos_mcp.apps.terminal import Json, Path_, Tags
from memos_mcp.cube import Kind
from memos_mcp.errors import InvalidInput

JOURNAL = "imports.jsonl"
"""In the data folder."""
_MOST_FAILED = 20
_STOPPED = 130  # as the shell reports Ctrl-C


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Texts, conversations, exports.")],
    *,
    path: Path_ = None,
    tag: Tags = None,
    kind: Annotated[Kind | None, typer.Option(help="What everything is, if not what it looks like.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Who said what names no speaker.")] = None,
    said_at: Annotated[
        datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="When what has no time was said.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first thing that cannot be read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, store nothing.")] = False,
    json: Json = False,
) -> None:
    """Store what files and folders hold; what is known already is only counted."""
    given = Given(path, speaker, said_at, kind, tuple(tag or ()))
    journal = terminal.guarded(configuration.load, json=json).home.expanduser() / JOURNAL
    with _watched(bar=not json and sys.stderr.isatty()) as watch:
        answer = terminal.answer(
            lambda memos: import_files(
                memos, files, given=given, journal=journal, strict=strict, dry_run=dry_run, told=watch.told
            ),
            json=json,
        )
    terminal.out(answer, _dry if dry_run else _look, json=json)
    if answer.failed:
        raise typer.Exit(exit_code(InvalidInput()))


class _Watch:
    """How far it is, on a bar."""

    def __init__(self, bar: Progress) -> None:
        self.last: Step | None = None
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def told(self, step: Step) -> None:
        self.last = step
        about = f"{shown.one_line(step.file)}  {step.new:,} new"
        self._bar.update(self._task, completed=step.done, total=step.of, description=about)


@contextmanager
def _watched(*, bar: bool) -> Generator[_Watch]:
    """Watch an import; if it ends before its end, say how far it came."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=not bar)
    watch = _Watch(progress)
    try:
        with progress:
            yield watch
    except typer.Exit:
        _say_how_far(watch.last)
        raise
    except KeyboardInterrupt:
        typer.echo("memos: stopped", err=True)
        _say_how_far(watch.last)
        raise typer.Exit(_STOPPED) from None


def _say_how_far(step: Step | None) -> None:
    if step is None:
        return
    share = f"{step.done / step.of:.0%} of all" if step.of else "all"
    stored = shown.count(step.new, "new memory is", "new memories are")
    typer.echo(f"memos: {share} is read, {stored} stored; the same command goes on from there", err=True)


def _look(answer: Imported) -> RenderableType:
    return _report(answer, _kept(answer.new, answer.repeated), _kept_of)


def _dry(answer: Imported) -> RenderableType:
    what = f"{shown.count(answer.texts, 'text', 'texts')} to remember, nothing stored"
    again = f"{answer.repeated:,} of them are known already or repeat others; " if answer.repeated else ""
    note = f"{again}what else is known shows when they are stored"
    return _report(answer, what, _foreseen_of, note)


def _kept(new: int, repeated: int) -> str:
    known = f", {repeated:,} known already" if repeated else ""
    return f"{new:,} {'new memory' if new == 1 else 'new memories'}{known}"


def _kept_of(counts: Counts) -> str:
    return _kept(counts.new, counts.repeated)


def _foreseen_of(counts: Counts) -> str:
    again = f", {counts.repeated:,} of them again" if counts.repeated else ""
    return f"{shown.count(counts.texts, 'text', 'texts')}{again}"


def _report(answer: Imported, what: str, of_format: Callable[[Counts], str], note: str = "") -> RenderableType:
    where = f"from {shown.count(answer.files, 'file', 'files')}, in {shown.count(answer.parts, 'part', 'parts')}"
    lines: list[RenderableType] = [shown.done(what, where)]
    if len(answer.formats) > 1:
        lines += [Text(f"  {each.format}: {of_format(each)}") for each in answer.formats if each.parts]
    if note:
        lines.append(Text(note, style="dim"))
    lines += _screened(answer)
    if answer.fallback:
        lines.append(Text(shown.one_line(answer.fallback), style="yellow"))
    for each in answer.formats:
        if each.left_out:
            lines.append(Text(f"no place for, in {each.format}: {_named(each.left_out)}", style="dim"))
    if answer.skipped:
        why = Counter(each.why for each in answer.skipped)
        lines.append(Text(f"left out {len(answer.skipped)}: {_named(why)}", style="dim"))
    if answer.failed:
        lines.append(Text(f"could not be read: {len(answer.failed)}", style="bold red"))
        lines += [Text(shown.one_line(_failure(each))) for each in answer.failed[:_MOST_FAILED]]
    if len(answer.failed) > _MOST_FAILED:
        lines.append(Text(f"and {len(answer.failed) - _MOST_FAILED} more; --json names all", style="dim"))
    return Group(*lines)


def _screened(answer: Imported) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if answer.quarantined:
        held = shown.count(answer.quarantined, "memory looks", "memories look")
        lines.append(Text(f"{held} hostile and went to quarantine: recall leaves them out", style="yellow"))
    if answer.masked:
        lines.append(Text(f"{shown.count(answer.masked, 'secret was', 'secrets were')} masked", style="yellow"))
    return lines


def _named(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {shown.one_line(what)}" for what, number in Counter(counts).most_common())


def _failure(failed: Failed) -> str:
    return f"{failed.file}{f':{failed.line}' if failed.line else ''} {failed.why}"
