"""The memory tool for Anthropic's SDK, blocking and asynchronous: pass it in `tools` of a tool runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never, cast

from anyio import CancelScope, to_thread
from anyio.from_thread import BlockingPortal
from pydantic import ValidationError
from typing_extensions import override

from anthropic_memos.cubes import CubeFiles
from anthropic_memos.files import Folder
from memos_mcp import Memos, MemosError, MissingExtra, sync

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
        return _done(self._memos, self._path, command)


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
        done: str | ToolError = ToolError("The command was not done.")
        with CancelScope(shield=True):
            async with BlockingPortal() as portal:
                done = await to_thread.run_sync(_outcome, sync.Memos(self._memos, portal), self._path, command)
        if isinstance(done, ToolError):
            raise done
        return done


def _done(memos: sync.Memos, path: str | None, command: BetaMemoryTool20250818Command | None) -> str:
    """What a command answers. Raises ToolError, in words that can be sent: half a character would prevent that."""
    try:
        return _answer(Folder(CubeFiles(memos, path or f"{memos.status().path}/memories")), command)
    except MemosError as exc:
        raise ToolError(str(exc).encode(errors="replace").decode()) from exc


def _outcome(memos: sync.Memos, path: str | None, command: BetaMemoryTool20250818Command | None) -> str | ToolError:
    """The same, as a value: what is raised beside a portal comes out of it in a group."""
    try:
        return _done(memos, path, command)
    except ToolError as exc:
        return exc


def _answer(folder: Folder, command: BetaMemoryTool20250818Command | None) -> str:
    match command:
        case None:
            return folder.clear()
        case BetaMemoryTool20250818ViewCommand():
            return folder.view(command.path, command.view_range)
        case BetaMemoryTool20250818CreateCommand():
            return folder.create(command.path, command.file_text)
        case BetaMemoryTool20250818StrReplaceCommand():
            return folder.str_replace(command.path, command.old_str, command.new_str)
        case BetaMemoryTool20250818InsertCommand():
            return folder.insert(command.path, command.insert_line, command.insert_text)
        case BetaMemoryTool20250818DeleteCommand():
            return folder.delete(command.path)
        case BetaMemoryTool20250818RenameCommand():
            return folder.rename(command.old_path, command.new_path)
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
