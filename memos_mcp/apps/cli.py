"""The command `memos`: the verbs of `Memos` for a person and for scripts.

Every command takes `--json` (one JSON value on standard output, nothing else); the exit code comes from the error tree.
"""

from __future__ import annotations

import io
import platform
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn, TypeVar

import anyio
import typer
from rich.console import Console, RenderableType

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.answers import Page, Status
from memos_mcp.apps import show as shown
from memos_mcp.apps.faults import exit_code
from memos_mcp.cube import Kind
from memos_mcp.errors import Corrupt, InvalidInput, MemosError
from memos_mcp.interface.reader import MAX_SOURCE
from memos_mcp.memos import Memos
from memos_mcp.ports import Caller, How
from memos_mcp.version import __version__

T = TypeVar("T")

_MOST_BYTES = 4 * MAX_SOURCE


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-03-02 or 2026-03-02T09:20+01:00") from None


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON value.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Path_ = Annotated[str | None, typer.Option("--path", help="Namespace, such as user/ada/projects or shared/team.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Tag; may be repeated.")]
Limit = Annotated[int, typer.Option("--limit", "-n", help="How many memories at most.")]
Expect = Annotated[int | None, typer.Option("--expect", help="Only if this is the current version.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a memory.")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line. A character that the terminal cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="memos")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def top(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Its number.")] = False
) -> None:
    """Remember, recall, govern and trace memories."""


@app.command()
def demo(*, json: Json = False) -> None:
    """Try everything in a few seconds, away from your memories."""
    from memos_mcp.apps import demo as tour  # the MCP client takes half a second to load: not for every command

    def tell(step: tour.Step) -> None:
        if not json:
            shown.printed(step.shown(), Console(highlight=False))

    _print(_guarded(lambda: anyio.run(tour.demo, tell), json=json), tour.next_steps, json=json)


@app.command()
def remember(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT|-", help="What to remember; - reads it.")] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A conversation (JSON), Markdown or text.")] = None,
    path: Path_ = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    session: Annotated[str | None, typer.Option(help="Conversation it belongs to.")] = None,
    said_at: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="TIME", help="When it was said (UTC).")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="What it is, if not what it looks like.")] = None,
    tag: Tags = None,
    json: Json = False,
) -> None:
    """Store what a text says; a repetition is only counted."""
    content = _guarded(lambda: _content(text or [], file), json=json)
    _tell(
        lambda memos: memos.remember(
            content,
            path=path,
            source=file.name if file else "",
            uri=file.absolute().as_uri() if file else None,
            speaker=speaker,
            session=session,
            said_at=said_at,
            kind=kind,
            tags=tag or (),
        ),
        shown.remembered,
        json=json,
    )


@app.command()
def recall(
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="A question or a few words.")],
    *,
    path: Path_ = None,
    limit: Limit = 10,
    budget: Annotated[int, typer.Option(help="Tokens of context to pack (in --json).")] = 1500,
    json: Json = False,
) -> None:
    """Find the memories that answer a question, best first."""
    _tell(
        lambda memos: memos.recall(" ".join(question), path=path, limit=limit, budget=budget), shown.recall, json=json
    )


@app.command("list")
def browse(
    *,
    path: Path_ = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    tag: Tags = None,
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List memories, newest first."""

    def page(answer: Page) -> RenderableType:
        return shown.page(answer, whole=not sys.stdout.isatty())

    _tell(
        lambda memos: memos.browse(path, kinds=[kind] if kind else (), tags=tag or (), limit=limit, after=after),
        page,
        json=json,
    )


@app.command()
def show(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of a memory.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="Key it was put under, instead of its id.")] = None,
    path: Path_ = None,
    version: Annotated[int | None, typer.Option(help="An earlier version.")] = None,
    json: Json = False,
) -> None:
    """Show everything about one memory."""
    _tell(lambda memos: memos.get(id, path=path, key=key, version=version), shown.cube, json=json)


@app.command()
def history(id: Id, *, json: Json = False) -> None:
    """Show every change of a memory, oldest first."""
    _tell(lambda memos: memos.history(id), shown.history, json=json)


@app.command()
def update(
    id: Id,
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT|-", help="The new words; - reads them.")] = None,
    *,
    how: Annotated[How, typer.Option(help="Replace the words, add a line, or add what is new.")] = "overwrite",
    kind: Annotated[Kind | None, typer.Option(help="Its new kind.")] = None,
    tag: Tags = None,
    expect: Expect = None,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Write a new version of a memory; the earlier ones stay."""
    words = _guarded(lambda: _words(text), json=json) if text else None
    _tell(
        lambda memos: memos.update(id, words, how=how, kind=kind, tags=tag, expect=expect, reason=reason),
        shown.cube,
        json=json,
    )


@app.command()
def put(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its name.")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT|-", help="Its words, kept exactly; - reads them.")],
    *,
    path: Path_ = None,
    kind: Annotated[Kind, typer.Option(help="What it is.")] = "document",
    tag: Tags = None,
    expect: Expect = None,
    json: Json = False,
) -> None:
    """Keep a text word for word under a key (see `show --key`)."""
    words = _guarded(lambda: _words(text), json=json)
    _tell(
        lambda memos: memos.put(path, key, text=words, kind=kind, tags=tag or (), expect=expect),
        shown.cube,
        json=json,
    )


@app.command()
def forget(id: Id, *, reason: Reason = "", yes: Yes = False, json: Json = False) -> None:
    """Delete a memory and the words of all its versions."""
    cube = _answer(lambda memos: memos.get(id), json=json)
    _ask(f"Forget {id}, {shown.words(cube, 60)}?", yes=yes, json=json)
    _tell(lambda memos: memos.forget(id, reason=reason), shown.forgotten, json=json)


@app.command()
def namespaces(*, path: Path_ = None, json: Json = False) -> None:
    """List the paths that hold memories."""
    _tell(lambda memos: memos.namespaces(path), shown.namespaces, json=json)


@app.command()
def status(*, json: Json = False) -> None:
    """Show where memories go, how many there are, and the lanes."""
    _tell(lambda memos: memos.status(), shown.status, json=json)


@app.command()
def rebuild(lane: Annotated[str, typer.Argument(metavar="LANE", help="Such as words.")], *, json: Json = False) -> None:
    """Build the index of a lane again from the log."""

    async def work(memos: Memos) -> Status:
        await memos.rebuild(lane)
        await memos.recall(lane, limit=1)  # a lane is built when it is next asked
        return await memos.status()

    _tell(work, shown.status, json=json)


@app.command()
def doctor(*, json: Json = False) -> None:
    """Show every setting with its source, and check the vault."""
    versions = {
        "memos": f"{__version__} in {Path(__file__).parents[1]}",
        "python": f"{platform.python_version()} at {sys.executable}",
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }
    found: tuple[configuration.Setting, ...] = ()
    findings: tuple[shown.Checked, ...]
    code = 0
    try:
        found = configuration.explained()
        findings = tuple(anyio.run(wiring.upkeep(configuration.load()).check))
    except MemosError as error:
        findings = (shown.Problem(error.code, str(error)),)
        code = exit_code(error)
    _print(shown.Health(versions, found, findings), shown.health, json=json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(code or exit_code(Corrupt()))


@app.command()
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to.")], *, json: Json = False) -> None:
    """Copy the vault into a file, also while in use; verified."""
    _tell(
        lambda _: wiring.upkeep(configuration.load()).backup(file),
        lambda made: shown.done(
            f"copied {shown.count(made.memories, 'memory', 'memories')}",
            f"to {made.file}, {made.bytes:,} bytes, verified",
        ),
        json=json,
    )


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")], *, yes: Yes = False, json: Json = False
) -> None:
    """Replace the vault by a backup; what is there now is kept."""
    settings = _guarded(configuration.load, json=json)
    _ask(f"Replace {settings.database} by {file}?", yes=yes, json=json)
    caller = Caller(settings.user)
    _tell(
        lambda _: wiring.upkeep(settings).restore(file, caller=caller),
        lambda back: shown.done(
            f"brought back {shown.count(back.memories, 'memory', 'memories')}",
            f"what was there before is kept at {back.kept}" if back.kept else "",
        ),
        json=json,
    )


def _tell(work: Callable[[Memos], Awaitable[T]], look: Callable[[T], RenderableType], *, json: bool) -> None:
    _print(_answer(work, json=json), look, json=json)


def _answer(work: Callable[[Memos], Awaitable[T]], *, json: bool) -> T:
    async def session() -> T:
        async with wiring.open() as memos:
            return await work(memos)

    return _guarded(lambda: anyio.run(session), json=json)


def _guarded(work: Callable[[], T], *, json: bool) -> T:
    try:
        return work()
    except MemosError as error:
        _fail(error, json=json)


def _fail(error: MemosError, *, json: bool) -> NoReturn:
    if json:
        _print({"error": {"code": error.code, "message": str(error)}}, str, json=True)
    typer.echo(f"memos: {shown.one_line(str(error))}", err=True)
    raise typer.Exit(exit_code(error)) from error


def _print(answer: T, look: Callable[[T], RenderableType], *, json: bool) -> None:
    if json:
        unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        typer.echo(shown.as_json(answer, ascii_only=not unicode))
    else:
        shown.printed(look(answer), Console(highlight=False))


def _ask(question: str, *, yes: bool, json: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        _fail(InvalidInput("there is nobody to ask here: repeat with --yes if you are sure"), json=json)
    typer.echo(f"{shown.one_line(question)} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        _fail(MemosError("nothing was changed"), json=json)


def _content(texts: Sequence[str], file: Path | None) -> str:
    if bool(texts) == (file is not None):
        raise InvalidInput("give either TEXT, - to read it from standard input, or --file FILE")
    return _from_file(file) if file else _words(texts)


def _words(texts: Sequence[str]) -> str:
    return _read(sys.stdin.buffer, "standard input") if list(texts) == ["-"] else " ".join(texts)


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return _read(stream, str(file))
    except OSError as exc:
        raise InvalidInput(f"{file} cannot be read: {exc.strerror}") from exc


def _read(stream: BinaryIO, name: str) -> str:
    data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InvalidInput(f"{name} has more than {_MOST_BYTES // 1_000_000} MB; remember it in parts")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{name} is not a text in UTF-8 (byte {exc.start} is {data[exc.start]:#04x})") from exc
    if "\0" in text:
        raise InvalidInput(f"{name} is not a text: it holds a NUL character")
    return text


if __name__ == "__main__":
    main()
