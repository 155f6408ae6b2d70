"""Commands under `memos lifecycle`: states of memories, how long they are kept, legal hold, and erasure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Id, Json, Limit, Path_, Reason, Yes
from memos_mcp.cube import MemCube, State
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.batches import Migrated
from memos_mcp.interface.lives import Compressed, Erased, Life, Shelved, Swept
from memos_mcp.memos import Memos
from memos_mcp.operation.lifecycle import Move, Policy

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="How long memories stay, and in which state.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of memories.")]


@app.command()
def show(id: Id, *, json: Json = False) -> None:
    """Show the state of a memory, the moves it can make, and the one that is due."""
    terminal.tell(lambda memos: memos.lifecycle.state(id), _life, json=json)


@app.command("list")
def list_(
    state: Annotated[list[State] | None, typer.Argument(metavar="[STATE]...", help="archived, if not said.")] = None,
    *,
    path: Path_ = None,
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List memories by state, also those that recall leaves out."""
    states = state or [State.ARCHIVED]
    terminal.tell(lambda memos: memos.lifecycle.list(states, path=path, limit=limit, after=after), _shelved, json=json)


@app.command()
def move(
    move: Annotated[Move, typer.Argument(help="activate, merge, archive, restore or expire.")],
    ids: Ids,
    *,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Take memories to another state; the log keeps who, when and why."""
    terminal.tell(lambda memos: memos.lifecycle.move(ids, move, reason=reason), _moved, json=json)


@app.command()
def hold(
    ids: Ids,
    *,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the hold.")] = False,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Put memories under legal hold: they are not swept, forgotten or erased."""

    def look(cubes: Sequence[MemCube]) -> RenderableType:
        what = shown.count(len(cubes), "memory", "memories")
        return shown.done(f"{what} {'free again' if lift else 'under legal hold'}", "the log keeps who and when")

    terminal.tell(
        lambda memos: (memos.lifecycle.unhold if lift else memos.lifecycle.hold)(ids, reason=reason), look, json=json
    )


@app.command()
def sweep(
    *,
    path: Path_ = None,
    limit: Annotated[int, typer.Option(help="How many memories are looked at.")] = 1_000_000,
    after: Annotated[int, typer.Option(help="Go on after the last sweep, which says the number.")] = 0,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Archive and expire what is due."""
    terminal.tell(
        lambda memos: memos.lifecycle.sweep(path, limit=limit, after=after, dry_run=dry_run),
        _listed if dry_run else _swept,
        json=json,
    )


@app.command()
def clean(
    *,
    path: Path_ = None,
    limit: Annotated[int, typer.Option(help="How many memories are looked at.")] = 1_000_000,
    after: Annotated[int, typer.Option(help="Go on after the last time, which says the number.")] = 0,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Forget what has been over for as long as policies say."""
    terminal.ask("Forget for good what is over?", yes=yes or dry_run, json=json)
    terminal.tell(
        lambda memos: memos.lifecycle.clean(path, limit=limit, after=after, dry_run=dry_run),
        _listed if dry_run else _done("forgotten"),
        json=json,
    )


@app.command()
def compact(
    *,
    path: Path_ = None,
    limit: Annotated[int, typer.Option(help="How many memories are looked at.")] = 1_000_000,
    after: Annotated[int, typer.Option(help="Go on after the last time, which says the number.")] = 0,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Remove the words of old versions that policies keep no longer."""
    terminal.ask("Remove the words of old versions for good?", yes=yes or dry_run, json=json)
    terminal.tell(
        lambda memos: memos.lifecycle.compact(path, limit=limit, after=after, dry_run=dry_run),
        _listed if dry_run else _done("compacted"),
        json=json,
    )


@app.command()
def compress(*, path: Path_ = None, yes: Yes = False, json: Json = False) -> None:
    """Compact, and write the vault anew without the room that is not in use."""
    terminal.ask("Remove the words of old versions for good, and write the vault anew?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.lifecycle.compress(path), _compressed, json=json)


@app.command()
def migrate(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Namespace, with all beneath it.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Where its memories go.")],
    *,
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take all memories of a namespace to another path; ids, versions and provenance stay."""
    terminal.ask(f"Take everything at and beneath {path} to {to}?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.lifecycle.migrate(path, to, reason=reason), _migrated, json=json)


@app.command()
def policy(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="Namespace; your own, if not said.")] = None,
    *,
    kept_for: Annotated[float | None, typer.Option(min=0, metavar="DAYS", help="Then it expires, used or not.")] = None,
    inactive_after: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Archived after so long without use.")
    ] = None,
    forgotten_after: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Expired after so long without use, once archived.")
    ] = None,
    half_life: Annotated[
        float | None, typer.Option(min=0.001, metavar="DAYS", help="Half its strength is lost in so long without use.")
    ] = None,
    archive_below: Annotated[float | None, typer.Option(min=0, help="The strength under which it is archived.")] = None,
    dropped_after: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Forgotten so long after its end, when you clean.")
    ] = None,
    versions: Annotated[int | None, typer.Option(min=1, help="How many versions are kept.")] = None,
    versions_for: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="How long replaced versions are kept.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="As the namespace above says.")] = False,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Show or change how long memories of a namespace are kept: what is given; the rest stays."""
    days = {
        "kept_for": kept_for,
        "inactive_after": inactive_after,
        "forgotten_after": forgotten_after,
        "half_life": half_life,
        "versions_for": versions_for,
        "dropped_after": dropped_after,
    }
    spans = {name: timedelta(days=value) for name, value in days.items() if value is not None}

    async def work(memos: Memos) -> Policy:
        old = await memos.lifecycle.policy(path)
        numbers = {"archive_below": archive_below, "versions": versions}
        given = spans | {name: value for name, value in numbers.items() if value is not None}
        if not (given or clear):
            return old
        if path is None:
            raise InvalidInput("name the PATH whose memories are meant")
        new = replace(old, **given)
        return await memos.lifecycle.set_policy(path, None if clear else new, reason=reason)

    terminal.tell(work, _policy, json=json)


@app.command()
def erase(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of memories.")] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is all that stays.")],
    source: Annotated[str, typer.Option(help="Everything from this source.")] = "",
    path: Annotated[str | None, typer.Option(help="Everything at and beneath this path.")] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove memories for good, and say which copies still hold them."""
    named = " and ".join(part for part in (" ".join(ids or ()), source, path or "") if part)
    terminal.ask(f"Erase {shown.one_line(named) or 'nothing'} for good?", yes=yes, json=json)
    terminal.tell(
        lambda memos: memos.lifecycle.erase(ids or (), source=source, path=path, reason=reason), _erased, json=json
    )


def _table(rows: Sequence[tuple[str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(shown.one_line(value)))
    return table


def _life(life: Life) -> RenderableType:
    rows = [
        ("state", f"{life.state}: {life.says}"),
        ("moves", ", ".join(life.moves) or "none"),
        ("due", f"{life.due.move}: {life.due.why}" if life.due else "nothing"),
        ("strength", f"{life.strength:.2f}"),
        ("heat", f"{life.heat:.2f}"),
        ("legal hold", "yes" if life.held else "no"),
        ("expires", f"{life.expires_at:%Y-%m-%d %H:%M} UTC" if life.expires_at else "never"),
    ]
    return _table(rows)


def _shelved(page: Shelved) -> RenderableType:
    lines = [Text(f"{cube.id}  {cube.state:9}  {shown.words(cube, 200)}") for cube in page.cubes]
    more = f"; go on with --after {page.after}" if page.after else ""
    return Group(*lines, Text(f"{shown.count(len(page.cubes), 'memory', 'memories')}{more}", style="dim"))


def _moved(cubes: Sequence[MemCube]) -> RenderableType:
    what = shown.count(len(cubes), "memory is", "memories are")
    return shown.done(f"{what} {cubes[0].state if cubes else 'as before'}", "the log keeps who, when and why")


def _swept(done: Swept) -> RenderableType:
    lines = [Text(shown.one_line(f"{event.subject}  {event.reason}")) for event in done.moves]
    return Group(*lines, _done("moved")(done))


def _listed(would: Swept) -> RenderableType:
    lines = [Text(shown.one_line(f"{event.subject}@{event.version}  {event.reason}")) for event in would.moves]
    looked = f"looked at {shown.count(would.looked, 'memory', 'memories')}"
    return Group(*lines, shown.done(f"{len(would.moves)} due, nothing was done", looked))


def _compressed(done: Compressed) -> RenderableType:
    what = f"{shown.count(done.compacted, 'version', 'versions')} compacted, {done.moved} moved to where they belong"
    return shown.done(
        f"the vault has {shown.size(done.after.vault)}", f"it had {shown.size(done.before.vault)}; {what}"
    )


def _migrated(done: Migrated) -> RenderableType:
    lines = [Text(f"stayed: {id}", style="yellow") for id in done.left]
    what = shown.count(len(done.ids), "memory is", "memories are")
    return Group(*lines, shown.done(f"{what} at {shown.one_line(done.to)}", "the log keeps who, when and why"))


def _done(what: str) -> Callable[[Swept], RenderableType]:
    def look(done: Swept) -> RenderableType:
        one, many = ("version", "versions") if what == "compacted" else ("memory", "memories")
        more = f"; go on with --after {done.after}" if done.after else ""
        looked = f"looked at {shown.count(done.looked, 'memory', 'memories')}{more}"
        return shown.done(f"{shown.count(len(done.moves), one, many)} {what}", looked)

    return look


def _policy(policy: Policy) -> RenderableType:
    def span(value: timedelta | None) -> str:
        return "no" if value is None else f"{value / timedelta(days=1):g} days"

    rows = [
        ("kept for", span(policy.kept_for)),
        ("archived without use after", span(policy.inactive_after)),
        ("then expired after", span(policy.forgotten_after)),
        ("half-life", span(policy.half_life)),
        ("archived below", "no" if policy.archive_below is None else f"{policy.archive_below:g}"),
        ("forgotten after its end", span(policy.dropped_after)),
        ("versions kept", "all" if policy.versions is None else str(policy.versions)),
        ("replaced ones kept for", span(policy.versions_for)),
    ]
    return _table(rows)


def _erased(done: Erased) -> RenderableType:
    lines: list[RenderableType] = [
        shown.done(f"erased {shown.count(len(done.events), 'memory', 'memories')}", "the log keeps who, when and why")
    ]
    lines += [Text(shown.one_line(f"still there: {each}"), style="red") for each in done.left]
    if done.copies:
        lines.append(Text("These copies were made while it was there, and hold it:", style="yellow"))
        lines += [Text(shown.one_line(f"  {copy.file}  {copy.at:%Y-%m-%d %H:%M} UTC")) for copy in done.copies]
    return Group(*lines)
