"""Commands about what is handed out: `memos deliver`, `memos deliveries`, `memos attribute`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.interface.deliveries import Delivered, Leak, Receipt, Receipts

_FAINT = "the text is too short to be traced, if it turns up elsewhere"


def deliver(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Memories whose words it has.")] = None,
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Whom it is for.")],
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A text that was made from them instead.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write it, instead of here.")] = None,
    json: Json = False,
) -> None:
    """Hand out the words of memories with an invisible mark that says to whom."""
    text = terminal.guarded(lambda: terminal.content_of([], file), json=json) if file else None
    terminal.guarded(lambda: _check_output(output, json=json), json=json)
    done = terminal.answer(lambda memos: memos.deliveries.deliver(ids or (), to=to, text=text), json=json)
    if output:
        terminal.guarded(lambda: _write(output, done.text), json=json)
    if json:
        terminal.out(done, str, json=True)
        return
    if output:
        terminal.display(_delivered(done, output))
    else:
        typer.echo(shown.plain(done.text))
    if not done.traceable:
        typer.echo(f"memos: {_FAINT}", err=True)


def attribute(
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="The text that turned up, or a part of it; - reads it.")
    ],
    *,
    json: Json = False,
) -> None:
    """Say to whom a text was delivered, if it was."""
    texts = ["-"] if str(file) == "-" else []
    text = terminal.guarded(lambda: terminal.content_of(texts, None if texts else file), json=json)
    terminal.tell(lambda memos: memos.deliveries.attribute(text), _leaks, json=json)


def deliveries(
    *,
    id: Annotated[str | None, typer.Option("--id", help="Only of this memory.")] = None,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Only to this recipient.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many at most.")] = 50,
    after: Annotated[str, typer.Option(help="Go on after the last page, which says the word.")] = "",
    json: Json = False,
) -> None:
    """List what was delivered, newest first: to whom, when, and which memories."""
    terminal.tell(lambda memos: memos.deliveries.list(id=id, to=to, limit=limit, after=after), _receipts, json=json)


def _check_output(output: Path | None, *, json: bool) -> None:
    """Nothing is delivered that could not be handed over as it is."""
    if output is None:
        if not json and (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
            raise InvalidInput("this terminal would spoil the mark, as it has no UTF-8: name a file with --output")
    elif output.exists():
        raise InvalidInput(f"{output} exists already; give the copy a name that is free")
    elif not output.absolute().parent.is_dir():
        raise InvalidInput(f"there is no folder {output.absolute().parent} for the copy")


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text if text.endswith("\n") else f"{text}\n")
    except OSError as exc:
        raise Unavailable(f"{output} cannot be written: {exc.strerror}; deliver it again elsewhere") from exc


def _delivered(done: Delivered, output: Path) -> RenderableType:
    what = shown.count(len(done.receipt.memories), "memory", "memories")
    return shown.done(f"wrote {output} for {done.receipt.recipient}", f"{what}, delivery {done.receipt.id}")


def _leaks(found: Sequence[Leak]) -> RenderableType:
    if not found:
        return Text("it was delivered to nobody that you know of, or too little of a mark is left", style="dim")
    lines: list[RenderableType] = []
    for each in found:
        lines.append(Text(shown.one_line(each.receipt.recipient), style="bold"))
        lines.append(Text(f"  by chance alone: {each.chance:.0e} at most"))
        agreed = ", ".join(f"{one.channel} {one.agreed} of {one.of}" for one in each.evidence)
        lines.append(Text(f"  the mark agrees in: {agreed}", style="dim"))
        lines.append(_receipt(each.receipt))
    return Group(*lines)


def _receipts(page: Receipts) -> RenderableType:
    if not page.receipts:
        return Text("nothing was delivered yet", style="dim")
    more = [Text(f"more: --after {page.after}", style="dim")] if page.after else []
    return Group(*map(_receipt, page.receipts), *more)


def _receipt(each: Receipt) -> Text:
    memories = ", ".join(f"{one.id} v{one.version}{' (forgotten)' if one.gone else ''}" for one in each.memories)
    line = f"  {each.at:%Y-%m-%d %H:%M} UTC  to {each.recipient} by {each.by}  {memories or 'a text'}  [{each.id}]"
    return Text(f"  {shown.one_line(line)}")
