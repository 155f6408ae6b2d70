"""How commands answer: run a verb, print its answer for a person or as one JSON value, exit by the error tree."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn, TypeVar

import anyio
import typer
from rich.console import Console, RenderableType

from memos_mcp import wiring
from memos_mcp.apps import show as shown
from memos_mcp.apps.faults import exit_code
from memos_mcp.errors import InvalidInput, MemosError, MergeConflict
from memos_mcp.interface.reader import MAX_SOURCE
from memos_mcp.memos import Memos

T = TypeVar("T")

_BRANCH: ContextVar[str | None] = ContextVar("branch", default=None)
_MOST_BYTES = 4 * MAX_SOURCE
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def moment(text: str) -> datetime:
    """A time given as an option."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-03-02 or 2026-03-02T09:20+01:00") from None


def end(text: str) -> datetime | timedelta:
    """A time given as an option, or how long it is until then."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isdecimal():
        return moment(text)
    try:
        return int(number) * unit
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is longer than there is time") from None


Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON value.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Path_ = Annotated[str | None, typer.Option("--path", help="Namespace, such as user/ada/projects or shared/team.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Tag; may be repeated.")]
Where = Annotated[
    str, typer.Option("--where", metavar="CONDITIONS", help='Such as: tag:health AND during:"last year".')
]
Limit = Annotated[int, typer.Option("--limit", "-n", help="How many memories at most.")]
Expires = Annotated[
    datetime | None,
    typer.Option("--expires", parser=end, metavar="TIME", help="When it is over: a time (UTC), or 30m, 12h, 90d, 4w."),
]
Expect = Annotated[int | None, typer.Option("--expect", help="Only if this is the current version.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a memory.")]


def tell(work: Callable[[Memos], Awaitable[T]], look: Callable[[T], RenderableType], *, json: bool) -> None:
    """Run a verb of Memos and print its answer."""
    out(answer(work, json=json), look, json=json)


def answer(work: Callable[[Memos], Awaitable[T]], *, json: bool) -> T:
    """Run a verb of Memos, as the settings open it, on the branch that was named."""
    label = _BRANCH.get()

    async def session() -> T:
        async with wiring.open() as memos:
            return await work(await memos.on_branch(label) if label else memos)

    return guarded(lambda: anyio.run(session), json=json)


def on_branch(label: str | None) -> None:
    """What this command asks and changes is that of the branch."""
    _BRANCH.set(label)


def guarded(work: Callable[[], T], *, json: bool) -> T:
    """Run; an error of ours ends the command with its exit code."""
    try:
        return work()
    except MemosError as error:
        fail(error, json=json)


def fail(error: MemosError, *, json: bool) -> NoReturn:
    """End the command with an error."""
    disputes = error.disputes if isinstance(error, MergeConflict) else ()
    if json:
        told = {"code": error.code, "message": str(error)}
        out({"error": told | ({"disputes": disputes} if disputes else {})}, str, json=True)
    typer.echo(f"memos: {shown.one_line(str(error))}", err=True)
    for each in disputes:
        typer.echo(shown.dispute(each), err=True)
    raise typer.Exit(exit_code(error)) from error


def out(answer: T, look: Callable[[T], RenderableType], *, json: bool) -> None:
    """Print an answer, as JSON or as it looks best."""
    if json:
        unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        typer.echo(shown.as_json(answer, ascii_only=not unicode))
    else:
        display(look(answer))


def display(look: RenderableType) -> None:
    """Print for a person."""
    shown.printed(look, Console(highlight=False))


def ask(question: str, *, yes: bool, json: bool) -> None:
    """Go on only if a person says yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(InvalidInput("there is nobody to ask here: repeat with --yes if you are sure"), json=json)
    typer.echo(f"{shown.one_line(question)} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        fail(MemosError("nothing was changed"), json=json)


def content_of(texts: Sequence[str], file: Path | None) -> str:
    """The words given as arguments, by file or on standard input."""
    if bool(texts) == (file is not None):
        raise InvalidInput("give either TEXT, - to read it from standard input, or --file FILE")
    return _from_file(file) if file else words_of(texts)


def words_of(texts: Sequence[str]) -> str:
    """The words given as arguments; - reads standard input."""
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
