"""Commands under `memos kv`: what a model keeps of memories that it has read, listed, built, checked and dropped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.terminal import Json, Path_, Tags, Where, Yes
from memos_mcp.apps.watching import watched
from memos_mcp.cube import Kind
from memos_mcp.errors import Corrupt
from memos_mcp.interface.kv import Dropped, Kept
from memos_mcp.memos import Memos

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What a model keeps of memories that it has read.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a block, as `list` shows it.")]


@app.command("list")
def list_(*, path: Path_ = None, json: Json = False) -> None:
    """List KV blocks, the oldest first, with what they take and what they saved."""
    terminal.tell(lambda memos: memos.kv.list(path), _listed, json=json)


@app.command()
def build(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of memories.")] = None,
    *,
    path: Path_ = None,
    tag: Tags = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    where: Where = "",
    pin: Annotated[bool, typer.Option("--pin", help="Keep it though it is used little.")] = False,
    json: Json = False,
) -> None:
    """Have the model read memories, so that questions about them are answered sooner; name them, or say which."""
    with watched("tokens", bar=not json and sys.stderr.isatty()) as told:
        answer = terminal.answer(
            lambda memos: memos.kv.build(
                ids or (), path=path, tags=tag or (), kinds=[kind] if kind else (), where=where, pin=pin, told=told
            ),
            json=json,
        )
    terminal.out(answer, built, json=json)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Blocks; all without one.")] = None,
    *,
    json: Json = False,
) -> None:
    """Look whether blocks are kept, whole, of this model, and their memories what was read."""

    async def work(memos: Memos) -> tuple[Kept, ...]:
        every = names or [each.name for each in await memos.kv.list()]
        return tuple([await memos.kv.verify(name) for name in every])

    answer = terminal.answer(work, json=json)
    terminal.out(answer, _verified, json=json)
    if any(each.why for each in answer):
        raise typer.Exit(exit_code(Corrupt()))


@app.command()
def memories(name: Name, *, json: Json = False) -> None:
    """Show the memories of a block, as the model read them."""
    terminal.tell(lambda memos: memos.kv.memories(name), shown.memories, json=json)


@app.command()
def drop(name: Name, *, yes: Yes = False, json: Json = False) -> None:
    """Remove a block; its memories stay."""
    terminal.ask(f"Drop the KV block {name}?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.kv.drop(name), _dropped, json=json)


@app.command()
def pin(
    name: Name,
    *,
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    json: Json = False,
) -> None:
    """Keep a block though it is used little."""
    terminal.tell(lambda memos: memos.kv.pin(name, on=not off), _listed_one, json=json)


def built(each: Kept) -> RenderableType:
    """A block that is there now."""
    return shown.done(f"KV block {each.name}", f"{_size(each)}, in {each.seconds:.1f} s")


def _listed(answer: Sequence[Kept]) -> RenderableType:
    if not answer:
        return Text("no KV blocks yet; `memos kv build` makes one", style="dim")
    total = sum(each.bytes for each in answer)
    foot = f"{shown.count(len(answer), 'block', 'blocks')}, {shown.size(total)}"
    return Group(*map(_listed_one, answer), Text(foot, style="dim"))


def _listed_one(each: Kept) -> RenderableType:
    head = f"{each.name}: {_size(each)}{', of a dialogue' * each.dialogue}{', pinned' * each.pinned}"
    used = f", last {each.last_used_at:%Y-%m-%d %H:%M} UTC" if each.last_used_at else ""
    hits = f"{shown.count(each.hits, 'hit', 'hits')}, {each.saved:,} tokens saved{used}"
    since = f"built {each.at:%Y-%m-%d %H:%M} UTC by {each.by} for {each.model} in {each.seconds:.1f} s"
    lines = [Text(shown.one_line(head), style="bold"), Text(f"  {shown.one_line(f'{hits}; {since}')}", style="dim")]
    if each.why:
        lines.append(Text(f"  cannot be used: {shown.one_line(each.why)}", style="yellow"))
    return Group(*lines)


def _size(each: Kept) -> str:
    memories = shown.count(each.memories, "memory", "memories")
    return f"{memories}, {each.tokens:,} tokens, {shown.size(each.bytes)}"


def _verified(answer: Sequence[Kept]) -> RenderableType:
    if not answer:
        return Text("no KV blocks", style="dim")
    lines: list[RenderableType] = []
    for each in answer:
        cold = "; not held now, so the next question has it read again" if each.cold else ""
        mark = ("✗ ", "bold red") if each.why else ("✓ ", "green")
        lines.append(Text.assemble(mark, shown.one_line(f"{each.name}: {each.why or _size(each)}{cold}")))
    return Group(*lines)


def _dropped(gone: Dropped) -> RenderableType:
    notes = shown.noted([gone.said] if gone.said else [])
    return Group(shown.done(f"dropped the KV block {gone.name}", "its memories stay"), *notes)
