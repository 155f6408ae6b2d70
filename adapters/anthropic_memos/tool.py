"""The memory tool for Anthropic's SDK, blocking and asynchronous: pass it in `tools` of a tool runner."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any, assert_never, cast

from anyio import CancelScope
from pydantic import ValidationError
from typing_extensions import override

from anthropic_memos.blocking import Blocking, ended
from memos_mcp import Memos, MemosError, MissingExtra, sync
from memos_mcp.notes import CubeFiles, Folder

try:
    from anthropic.lib.tools import (
        BetaAbstractMemoryTool,
        BetaAsyncAbstractMemoryTool,
        BetaFunctionToolResultType,
        ToolError,
    )
    from anthropic.types.beta import (
        BetaCacheControlEphemeralParam,
        BetaMemoryTool20250818Command,
        BetaMemoryTool20250818CreateCommand,
        BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand,
        BetaMemoryTool20250818RenameCommand,
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )
except ModuleNotFoundError as exc:
    raise MissingExtra("anthropic") from exc

_COMMANDS = {
    "view": BetaMemoryTool20250818ViewCommand,
    "create": BetaMemoryTool20250818CreateCommand,
    "str_replace": BetaMemoryTool20250818StrReplaceCommand,
    "insert": BetaMemoryTool20250818InsertCommand,
    "delete": BetaMemoryTool20250818DeleteCommand,
    "rename": BetaMemoryTool20250818RenameCommand,
}


class MemosMemoryTool(BetaAbstractMemoryTool):
    """Files below /memories, kept as memories at `path` of the vault (`<home>/memories` unless said).

    Every command answers as Anthropic's own tool and raises ToolError where that refuses; an edit is a new version, and
    of two at the same time none is lost. Whoever opened `memos` closes it.
    """

    def __init__(
        self,
        memos: sync.Memos,
        path: str | None = None,
        *,
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memos = memos
        self._path = path

    @override
    def call(self, input: object) -> BetaFunctionToolResultType:
        return self.execute(_parsed(input))

    @override
    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return self._done(command)

    @override
    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return self._done(command)

    @override
    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return self._done(command)

    @override
    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return self._done(command)

    @override
    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return self._done(command)

    @override
    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return self._done(command)

    @override
    def clear_all_memory(self) -> str:
        return self._done(None)

    def _done(self, command: BetaMemoryTool20250818Command | None) -> str:
        return ended(self._answer(command))

    async def _answer(self, command: BetaMemoryTool20250818Command | None) -> str:
        with _refusals():
            path = self._path or f"{self._memos.status().path}/memories"
            return await _answer(Folder(CubeFiles(Blocking(self._memos), path)), command)


class AsyncMemosMemoryTool(BetaAsyncAbstractMemoryTool):
    """The same for the asynchronous client. A command that has begun is done to its end, even if it is cancelled."""

    def __init__(
        self, memos: Memos, path: str | None = None, *, cache_control: BetaCacheControlEphemeralParam | None = None
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memos = memos
        self._path = path

    @override
    async def call(self, input: object) -> BetaFunctionToolResultType:
        return await self.execute(_parsed(input))

    @override
    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await self._done(command)

    @override
    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await self._done(command)

    @override
    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await self._done(command)

    @override
    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await self._done(command)

    @override
    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await self._done(command)

    @override
    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await self._done(command)

    @override
    async def clear_all_memory(self) -> str:
        return await self._done(None)

    async def _done(self, command: BetaMemoryTool20250818Command | None) -> str:
        with _refusals():
            return await _to_its_end(self._answer(command))

    async def _answer(self, command: BetaMemoryTool20250818Command | None) -> str:
        path = self._path or f"{(await self._memos.status()).path}/memories"
        return await _answer(Folder(CubeFiles(self._memos, path)), command)


async def _to_its_end(work: Coroutine[Any, Any, str]) -> str:
    """What was begun is done, even if the task is cancelled meanwhile."""
    done = list[str]()
    with CancelScope(shield=True):
        done.append(await work)
    return done[0]


@contextmanager
def _refusals() -> Generator[None]:
    """What we refuse is a ToolError, in words that can be sent: half a character would prevent that."""
    try:
        yield
    except MemosError as exc:
        raise ToolError(str(exc).encode(errors="replace").decode()) from exc


async def _answer(folder: Folder, command: BetaMemoryTool20250818Command | None) -> str:
    match command:
        case None:
            return await folder.clear()
        case BetaMemoryTool20250818ViewCommand():
            return await folder.view(command.path, command.view_range)
        case BetaMemoryTool20250818CreateCommand():
            return await folder.create(command.path, command.file_text)
        case BetaMemoryTool20250818StrReplaceCommand():
            return await folder.str_replace(command.path, command.old_str, command.new_str)
        case BetaMemoryTool20250818InsertCommand():
            return await folder.insert(command.path, command.insert_line, command.insert_text)
        case BetaMemoryTool20250818DeleteCommand():
            return await folder.delete(command.path)
        case BetaMemoryTool20250818RenameCommand():
            return await folder.rename(command.old_path, command.new_path)
        case _:
            assert_never(command)


def _parsed(given: object) -> BetaMemoryTool20250818Command:
    """What a model sent, as a command. Raises ToolError."""
    name = cast("Mapping[str, object]", given).get("command") if isinstance(given, Mapping) else None
    shape = _COMMANDS.get(name) if isinstance(name, str) else None
    if shape is None:
        raise ToolError(f"There is no command {name!a}: use one of {', '.join(_COMMANDS)}.")
    try:
        return shape.model_validate(given)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        raise ToolError(f"The command {name} cannot be used like this: {first['loc'][0]}: {first['msg']}.") from exc
