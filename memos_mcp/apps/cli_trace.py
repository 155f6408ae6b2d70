"""Commands about where memories come from: `memos trace`, `memos attach`."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Expect, Id, Json, Reason
from memos_mcp.cube import Origin
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.interface.lineage import Direction, Lineage, Traced
from memos_mcp.memos import Memos

_LONGEST = 80


def trace(
    id: Id,
    *,
    up: Annotated[bool, typer.Option("--up", help="Only what it was made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what was made from it.")] = False,
    depth: Annotated[int, typer.Option(help="How many steps far.")] = 10,
    prov: Annotated[Path | None, typer.Option("--prov", metavar="FILE", help="Write it as PROV-JSON (W3C).")] = None,
    json: Json = False,
) -> None:
    """Show what a memory was made from, what caused it, and what was made from it."""
    direction: Direction = "both" if up == down else "up" if up else "down"
    if prov is None:
        terminal.tell(lambda memos: memos.provenance.trace(id, direction, depth=depth), _lineage, json=json)
        return
    terminal.guarded(lambda: _check_free(prov), json=json)

    async def work(memos: Memos) -> dict[str, int | str]:
        document = await memos.provenance.prov([id], direction=direction, depth=depth)
        _write(prov, json_.dumps(document, ensure_ascii=False, indent=1))
        sorts = {
            sort: len(nodes) for sort in ("entity", "activity", "agent") if isinstance(nodes := document[sort], dict)
        }
        return {"file": str(prov), **sorts}

    terminal.tell(work, lambda done: shown.done(f"wrote {done['file']}", f"{done['entity']} entities"), json=json)


def attach(
    id: Id,
    *,
    sources: Annotated[
        list[str] | None, typer.Option("--from", metavar="ID", help="What it was made from; may be repeated.")
    ] = None,
    trigger: Annotated[str | None, typer.Option(help="The event or task that caused it.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that produced it.")] = None,
    uri: Annotated[str | None, typer.Option(help="Where more is to be found.")] = None,
    expect: Expect = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """State where a memory comes from, in a new version."""
    terminal.tell(
        lambda memos: memos.provenance.attach(
            id, derived_from=sources or (), trigger=trigger, model=model, uri=uri, expect=expect, reason=reason
        ),
        lambda cube: shown.done(f"{cube.id} is at version {cube.version}", "memos trace shows where it comes from"),
        json=json,
    )


def _check_free(file: Path) -> None:
    if file.exists():
        raise InvalidInput(f"{file} exists already; give the document a name that is free")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
    except OSError as exc:
        raise Unavailable(f"{file} cannot be written: {exc.strerror}; name another file") from exc


def _lineage(found: Lineage) -> RenderableType:
    lines: list[RenderableType] = []
    for each in found.memories:
        lines += _traced(each, found)
    if found.more:
        lines.append(Text("it goes on: --depth follows it further", style="dim"))
    return Group(*lines)


def _traced(each: Traced, found: Lineage) -> list[Text]:
    """A memory: how far away, its words, what it comes from, and what was done to it."""
    style, away = ("", f"{each.away:+d}") if each.away else ("bold", "0")
    lines = [Text(shown.one_line(f"{away}  {each.id}  {_words(each)}"), style=style)]
    for one in found.descents:
        if one.id == each.id:
            at = f" v{one.source_version}" if one.source_version else ""
            lost = "  (not there, or not for you)" if one.source in found.unknown else ""
            lines.append(Text(shown.one_line(f"{one.tie} {one.source}{at}{lost}"), style="cyan"))
    for step in each.steps:
        why = f"  ({step.reason})" if step.reason else ""
        said = _said(step.origin) if step.origin else ""
        line = f"v{step.version} {step.at:%Y-%m-%d %H:%M} UTC {step.action} by {step.by}{why}{said}"
        lines.append(Text(shown.one_line(line), style="dim"))
    return [lines[0], *(Text("    ").append_text(line) for line in lines[1:])]


def _words(each: Traced) -> str:
    if each.cube is None:
        return "forgotten"
    return "in quarantine" if each.cube.quarantined else shown.words(each.cube, _LONGEST)


def _said(origin: Origin) -> str:
    place = f" at {origin.span[0]}-{origin.span[1]}" if origin.span else ""
    parts = (
        ("from", f"{origin.source}{place}" if origin.source else ""),
        ("session", origin.session),
        ("speaker", origin.speaker),
        ("trigger", origin.trigger),
        ("model", origin.model),
        ("uri", origin.uri),
    )
    said = "; ".join(f"{name} {value}" for name, value in parts if value)
    return f"  {said}" if said else ""
