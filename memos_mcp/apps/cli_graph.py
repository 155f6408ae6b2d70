"""Commands under `memos graph`: what memories have to do with each other, shown, drawn and written for others."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.cli_care import PATIENCE
from memos_mcp.apps.terminal import Expect, Id, Json, Limit, Path_, Reason
from memos_mcp.cube import MemCube
from memos_mcp.errors import InvalidInput, Unavailable
from memos_mcp.infrastructure.identities import Same
from memos_mcp.interface.entity_page import EntityPage, Named
from memos_mcp.interface.graph_forms import Form
from memos_mcp.interface.graphs import Entities
from memos_mcp.memos import Memos
from memos_mcp.operation.entity_values import EntityKind
from memos_mcp.traversal import EDGE_KINDS, Edge, EdgeKind, LinkKind, Neighbourhood, Node, Way, Ways

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The graph of memories: look, follow, draw, write.")

T = TypeVar("T")
_LONGEST = 80
What = Annotated[str, typer.Argument(metavar="WHAT", help="Id of a memory, or name of an entity, topic or tag.")]
Maybe = Annotated[str, typer.Argument(metavar="[WHAT]", help="What it is about; else all at the path.")]
Hops = Annotated[int, typer.Option(help="How many edges far.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only edges of this kind; may be repeated.")]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="Id of another memory.")]


@app.command()
def near(
    what: What, *, path: Path_ = None, hops: Hops = 2, kind: Kinds = None, limit: Limit = 50, json: Json = False
) -> None:
    """Show what lies around a memory or an entity, nearest first."""
    _tell(
        lambda memos: memos.graph.neighbourhood(what, path=path, hops=hops, kinds=_kinds(kind), limit=limit),
        _neighbourhood,
        json=json,
    )


@app.command()
def paths(
    start: What,
    end: Annotated[str, typer.Argument(metavar="END", help="The same.")],
    *,
    path: Path_ = None,
    hops: Hops = 4,
    kind: Kinds = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many ways at most.")] = 5,
    json: Json = False,
) -> None:
    """Show the shortest ways between two memories or entities."""
    _tell(
        lambda memos: memos.graph.paths(start, end, path=path, hops=hops, kinds=_kinds(kind), limit=limit),
        _ways,
        json=json,
    )


@app.command()
def entity(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or another one of it.")],
    *,
    path: Path_ = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Show all about somebody or something that memories name."""
    _tell(lambda memos: memos.graph.entity(name, path=path, limit=limit), _page, json=json)


@app.command()
def entities(
    *,
    path: Path_ = None,
    kind: Annotated[EntityKind | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many at most.")] = 50,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List who and what memories name, those named most first."""
    _tell(lambda memos: memos.graph.entities(path, kind=kind or "", limit=limit, after=after), _entities, json=json)


@app.command()
def link(
    id: Id,
    target: Target,
    kind: Annotated[LinkKind, typer.Argument(help="How it stands to that one.")],
    *,
    expect: Expect = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """State how a memory stands to another one, in a new version."""
    _tell(lambda memos: memos.graph.link(id, target, kind, expect=expect, reason=reason), _linked, json=json)


@app.command()
def unlink(
    id: Id,
    target: Target,
    kind: Annotated[LinkKind | None, typer.Argument(help="Only this link.")] = None,
    *,
    expect: Expect = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Take links of a memory to another one away, in a new version."""
    _tell(lambda memos: memos.graph.unlink(id, target, kind, expect=expect, reason=reason), _linked, json=json)


@app.command()
def merge(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Another name.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The name by which it is known.")],
    *,
    path: Path_ = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Say that two names are of one entity; no memory is changed."""
    _tell(lambda memos: memos.graph.merge(name, into, path=path, reason=reason), _merged, json=json)


@app.command("take-back")
def take_back(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a merge, as `memos graph merges` shows it.")],
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Keep nothing of it: neither names nor reasons.")] = False,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Let the names of a merge be two again."""
    _tell(lambda memos: memos.graph.take_back(id, keep=not forget, reason=reason), _merged, json=json)


@app.command()
def merges(
    *,
    path: Path_ = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were taken back too.")] = False,
    json: Json = False,
) -> None:
    """List the names that are one."""
    _tell(lambda memos: memos.graph.merges(path, taken_back=every), _merges, json=json)


@app.command()
def export(
    what: Maybe = "",
    *,
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Where to; else standard output.")] = None,
    format: Annotated[Form, typer.Option(help="GraphML, a Cypher script, or RDF as JSON-LD.")] = "graphml",
    path: Path_ = None,
    hops: Hops = 2,
    kind: Kinds = None,
) -> None:
    """Write what lies around something, or all at a path, for other programs."""

    def write(stream: TextIO) -> int:
        return _answer(
            lambda memos: memos.graph.export(
                stream.write, what, path=path, format=format, hops=hops, kinds=_kinds(kind), limit=200
            ),
        )

    if to is None:
        write(sys.stdout)
        return
    _done(to, _into(to, write))


@app.command()
def picture(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A name that ends in .svg or .html.")],
    what: Maybe = "",
    *,
    path: Path_ = None,
    hops: Hops = 2,
    kind: Kinds = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many nodes at most, up to 200.")] = 80,
) -> None:
    """Draw what lies around something, or the newest at a path: one file, which fetches and runs nothing."""
    if file.suffix not in (".svg", ".html"):
        terminal.fail(InvalidInput(f"{file} ends in neither .svg nor .html: name the file so"), json=False)

    def write(stream: TextIO) -> int:
        return _answer(
            lambda memos: memos.graph.export(
                stream.write,
                what,
                path=path,
                format="svg" if file.suffix == ".svg" else "html",
                hops=hops,
                kinds=_kinds(kind),
                limit=limit,
            ),
        )

    _done(file, _into(file, write))


def _kinds(given: Sequence[str] | None) -> tuple[EdgeKind, ...]:
    unknown = [each for each in given or () if each not in EDGE_KINDS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(EDGE_KINDS)}", param_hint="--kind")
    return tuple(kind for kind in EDGE_KINDS if kind in (given or ()))


def _tell(ask: Callable[[Memos], Awaitable[T]], look: Callable[[T], RenderableType], *, json: bool) -> None:
    terminal.tell(_settled(ask), look, json=json)


def _answer(ask: Callable[[Memos], Awaitable[int]]) -> int:
    return terminal.answer(_settled(ask), json=False)


def _settled(ask: Callable[[Memos], Awaitable[T]]) -> Callable[[Memos], Awaitable[T]]:
    """Ask when the graph has caught up: this process ends with the answer, no later one would be better."""

    async def work(memos: Memos) -> T:
        await memos.settle(PATIENCE)
        return await ask(memos)

    return work


def _into(file: Path, write: Callable[[TextIO], int]) -> int:
    try:
        stream = file.open("x", encoding="utf-8", newline="")
    except OSError as exc:
        terminal.fail(InvalidInput(f"{file} cannot be written: {exc.strerror}; give a name that is free"), json=False)
    try:
        with stream:
            return write(stream)
    except typer.Exit:
        file.unlink()  # nothing, or a part of it: neither is what was asked for
        raise
    except OSError as exc:
        terminal.fail(Unavailable(f"{file} cannot be written: {exc.strerror}; name another file"), json=False)


def _done(file: Path, number: int) -> None:
    terminal.display(shown.done(f"wrote {shown.count(number, 'node', 'nodes')}", f"to {file}"))


def _neighbourhood(found: Neighbourhood) -> RenderableType:
    names = {node.id: node for node in found.nodes}
    rows = Table.grid(padding=(0, 2))
    rows.add_column(justify="right", style="dim")
    for node in found.nodes:
        by = [_by(edge, names) for edge in found.edges if node.hops and edge.target == node.id]
        by += [_by(edge, names, back=True) for edge in found.edges if node.hops and edge.source == node.id]
        rows.add_row(
            str(node.hops), Text(node.sort or node.kind, style="cyan"), _named(node), Text(by[0] if by else "")
        )
    more = "; there is more: --limit or --hops" if found.more else ""
    foot = f"{shown.count(len(found.nodes), 'node', 'nodes')}, {shown.count(len(found.edges), 'edge', 'edges')}{more}"
    return Group(rows, Text(foot, style="dim"))


def _by(edge: Edge, names: Mapping[str, Node], *, back: bool = False) -> str:
    """The edge by which something is there, and from where it comes."""
    other = names[edge.target if back else edge.source]
    return shown.one_line(f"{edge.kind} {'→' if back else '←'} {_short(other)}")


def _ways(found: Ways) -> RenderableType:
    if not found.ways:
        more = "; not all could be searched: fewer --hops, or one --kind" if found.more else ""
        return Text(f"no way so short leads from one to the other{more}", style="dim")
    return Group(*map(_way, found.ways))


def _way(way: Way) -> Text:
    line = _named(way.nodes[0])
    for edge, one, other in zip(way.edges, way.nodes, way.nodes[1:], strict=False):
        arrow = f"—{edge.kind}→" if edge.source == one.id else f"←{edge.kind}—"
        line.append(f" {shown.one_line(arrow)} ", style="dim").append_text(_named(other))
    return line


def _page(page: EntityPage) -> RenderableType:
    also = f"; also {', '.join(page.aliases)}" if page.aliases else ""
    since = f", {page.first:%Y-%m-%d} to {page.last:%Y-%m-%d}" if page.first and page.last else ""
    told = f"named in {shown.count(page.total, 'memory', 'memories')}{since}{also}"
    lines = [Text(shown.one_line(f"{page.name}, {page.kind or 'entity'}"), style="bold"), _indented(told, "dim")]
    for each in page.said:
        ended = " (no longer)" if each.ended else ""
        said = _indented(f"{each.source} {each.kind} {each.target}{ended}", "cyan")
        by = f"{each.at:%Y-%m-%d} {each.by}: “{each.sentence}” [{each.memory}]"
        lines.append(said.append("  ").append(shown.one_line(by), style="default"))
    lines += [_indented(f"{cube.id} {shown.words(cube, _LONGEST)}", "default") for cube in page.memories]
    lines += [_indented(f"{one} and {other} contradict each other", "red") for one, other in page.contradictions]
    beside = ", ".join(f"{each.name} ({each.memories})" for each in page.beside)
    return Group(*lines, *([_indented(f"beside it: {beside}", "dim")] if beside else []))


def _indented(text: str, style: str) -> Text:
    return Text("  ").append(shown.one_line(text), style=style)


def _entities(found: Entities) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(justify="right")
    for each in found.entities:
        rows.add_row(*_row(each))
    of = f"of {'the' if found.whole else 'the newest'} {shown.count(found.looked, 'memory', 'memories')}"
    more = f"; go on with --after {found.after}" if found.after else ""
    return Group(rows, Text(f"{shown.count(len(found.entities), 'name', 'names')} {of}{more}", style="dim"))


def _row(each: Named) -> tuple[str, Text, Text]:
    return str(each.memories), Text(shown.one_line(each.name)), Text(each.kind, style="dim")


def _linked(cube: MemCube) -> RenderableType:
    links = ", ".join(f"{link.kind} {link.target}" for link in cube.links) or "no links"
    return shown.done(f"{cube.id} is at version {cube.version}", links)


def _merged(same: Same) -> RenderableType:
    if same.stands:
        return shown.done(f"{shown.one_line(same.name)} is {shown.one_line(same.into)}", f"merge {same.id}")
    return shown.done(f"{shown.one_line(same.name)} and {shown.one_line(same.into)} are two", f"merge {same.id}")


def _merges(found: Sequence[Same]) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    for each in found:
        names = f"{each.name} {'is' if each.stands else 'is no longer'} {each.into}"
        by = f"{each.by} {each.at:%Y-%m-%d}{f': {each.why}' if each.why else ''}"
        rows.add_row(Text(each.id, style="dim"), *(Text(shown.one_line(text)) for text in (names, each.path, by)))
    return rows if found else Text("no names were merged", style="dim")


def _named(node: Node) -> Text:
    words = Text(shown.one_line(f"“{node.label}”" if node.kind == "memory" else node.label))
    return words.append(f" [{node.memory}]", style="dim") if node.kind == "memory" else words


def _short(node: Node) -> str:
    return node.label if len(node.label) <= _LONGEST // 2 else f"{node.label[: _LONGEST // 2]}…"
