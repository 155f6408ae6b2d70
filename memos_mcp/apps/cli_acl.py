"""Commands about who may use a memory or a namespace: `memos acl`, `memos explain`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Id, Json, Path_, Reason
from memos_mcp.cube import Governance, MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.decisions import Act, Decision
from memos_mcp.namespaces import Default
from memos_mcp.ports import Revision

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may use a memory or a namespace.")

_NAMES = "A user, role:NAME or *; more than once. An empty one clears the list."


@app.command()
def show(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A memory; else the rules of a namespace.")] = None,
    *,
    path: Path_ = None,
    json: Json = False,
) -> None:
    """Show the rules of a memory, or those that memories at a path inherit."""
    if id is None:
        terminal.tell(lambda memos: memos.acl.rules(path), _inherited, json=json)
    elif path is None:
        terminal.tell(lambda memos: memos.acl.show(id), _rules, json=json)
    else:
        terminal.fail(InvalidInput("give either the id of a memory or --path of a namespace"), json=json)


@app.command("set")
def set_(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of memories; or --path.")] = None,
    *,
    path: Path_ = None,
    reader: Annotated[list[str] | None, typer.Option(help=f"Who may read. {_NAMES}")] = None,
    writer: Annotated[list[str] | None, typer.Option(help="Who may read and change.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="Who may not, whatever else allows it.")] = None,
    read_only: Annotated[bool | None, typer.Option("--read-only/--no-read-only", help="Nobody changes it.")] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:VALUE", help="What it may be used for; hours:8-18, days:mon-fri; from-web:NAME."),
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="When it ends (UTC).")
    ] = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="It has no end.")] = False,
    priority: Annotated[
        int | None, typer.Option(min=-10, max=10, help="Of equal memories the higher one comes first; 0 if not said.")
    ] = None,
    decay: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Lost per day without use, 0 to 1; 'policy': as that says.")
    ] = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Change the rules of memories, or of a namespace: what is given; the rest stays."""
    if path is not None:
        if ids or expires or never_expires or priority is not None or decay is not None:
            say = "a namespace has no ids, end, priority or decay: memories have; see `memos lifecycle policy`"
            terminal.fail(InvalidInput(say), json=json)
        terminal.tell(
            lambda memos: memos.acl.set_rules(
                path,
                readers=_list(reader),
                writers=_list(writer),
                denied=_list(deny),
                read_only=read_only,
                contexts=_list(context),
                reason=reason,
            ),
            lambda made: _inherited([made]),
            json=json,
        )
        return
    if not ids:
        terminal.fail(InvalidInput("name the memories, or the namespace with --path"), json=json)
    terminal.tell(
        lambda memos: memos.acl.change(
            ids,
            readers=_list(reader),
            writers=_list(writer),
            denied=_list(deny),
            read_only=read_only,
            contexts=_list(context),
            expires_at="never" if never_expires else expires,
            priority=priority,
            decay=_share(decay),
            reason=reason,
        ),
        _changed,
        json=json,
    )


@app.command()
def report(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One memory; all of yours if left out.")] = None,
    *,
    path: Path_ = None,
    json: Json = False,
) -> None:
    """Show every change of rules: when, by whom, from what to what."""
    terminal.tell(lambda memos: memos.acl.report(id, path=path), _revisions, json=json)


def explain(
    id: Id,
    act: Annotated[Act, typer.Argument(help="What is to be done.")] = "read",
    *,
    user: Annotated[str | None, typer.Option(help="Who; you, if not said.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="In which role; more than once.")] = None,
    context: Annotated[list[str] | None, typer.Option(metavar="KIND:VALUE", help="For what.")] = None,
    at: Annotated[datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="When (UTC).")] = None,
    json: Json = False,
) -> None:
    """Say whether somebody may do something to a memory, and by which rule."""
    terminal.tell(
        lambda memos: memos.acl.explain(id, act, user=user, roles=role or (), context=context or (), at=at),
        _decision,
        json=json,
    )


def _list(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else [each for each in given if each]


def _share(given: str | None) -> float | Literal["policy"] | None:
    if given is None or given == "policy":
        return given
    try:
        return float(given)
    except ValueError:
        raise InvalidInput(f"a decay is a share such as 0.1, or policy, not {given!r}") from None


def _rules(rules: Governance) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    for name, value in _said(rules):
        rows.add_row(Text(name, style="dim"), Text(shown.one_line(value)))
    return rows


def _inherited(found: Sequence[Default]) -> RenderableType:
    if not found:
        return Text("no rules: as the path says", style="dim")
    return Group(*(Group(Text(shown.one_line(each.path), style="bold"), _given(each.rules)) for each in found))


def _given(rules: Governance) -> RenderableType:
    """What a namespace says, and nothing else."""
    open_ = dict(_said(Governance()))
    rows = Table.grid(padding=(0, 2))
    for name, value in _said(rules):
        if value != open_[name]:
            rows.add_row(Text(f"  {name}", style="dim"), Text(shown.one_line(value)))
    return rows if rows.row_count else Text("  no rules", style="dim")


def _said(rules: Governance) -> list[tuple[str, str]]:
    return [
        ("owner", rules.owner or "nobody"),
        ("readers", ", ".join(rules.readers) or "as the path says"),
        ("writers", ", ".join(rules.writers) or "as the path says"),
        ("denied", ", ".join(rules.denied) or "nobody"),
        ("read-only", "yes" if rules.read_only else "no"),
        ("contexts", ", ".join(rules.contexts) or "all"),
        ("priority", str(rules.priority)),
        ("decay", "as the policy says" if rules.decay is None else f"{rules.decay:g} a day"),
        ("from", ", ".join(rules.came_from)),
        ("expires", f"{rules.expires_at:%Y-%m-%d %H:%M} UTC" if rules.expires_at else "never"),
    ]


def _changed(cubes: Sequence[MemCube]) -> RenderableType:
    what = shown.count(len(cubes), "memory", "memories")
    return shown.done(f"changed the rules of {what}", "the log keeps who, when and from what")


def _revisions(found: Sequence[Revision]) -> RenderableType:
    if not found:
        return Text("no rule was ever changed", style="dim")
    return Group(*map(_revision, found))


def _revision(each: Revision) -> Text:
    line = Text(
        f"{each.at:%Y-%m-%d %H:%M} UTC  {each.id or shown.one_line(each.path)}  by {shown.one_line(each.by)}",
        style="bold",
    )
    old = dict(_said(each.old))
    changes = [f"{name}: {old[name]} → {value}" for name, value in _said(each.new) if old[name] != value]
    line.append(f"  {shown.one_line('; '.join(changes))}", style="not bold")
    return line.append(f"  ({shown.one_line(each.reason)})" if each.reason else "", style="not bold dim")


def _decision(decision: Decision) -> RenderableType:
    return shown.done("yes" if decision.allowed else "no", f"{decision.rule}: {decision.why}")
