"""The tool `memory`: the commands of Anthropic's memory tool (`memory_20250818`), for any model."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from memos_mcp.apps.mcp_arguments import Plain
from memos_mcp.apps.mcp_full_answers import Told
from memos_mcp.apps.mcp_hints import DELETES
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.memos import Memos
from memos_mcp.notes import CubeFiles, Folder

Command = Literal["view", "create", "str_replace", "insert", "delete", "rename"]

_VIEW = 3500  # tokens of a view, which an answer holds twice
_TAKES: dict[Command, tuple[str, ...]] = {
    "view": ("path",),
    "create": ("path", "file_text"),
    "str_replace": ("path", "old_str", "new_str"),
    "insert": ("path", "insert_line", "insert_text"),
    "delete": ("path",),
    "rename": ("old_path", "new_path"),
}
_MAY_TAKE = {"view": ("view_range",)}


def _line(value: object) -> object:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise InvalidInput("memory: insert_line must be the number of a line; 0 is the beginning")
    return whole


def _range(value: object) -> object:
    numbers = cast("list[object]", value) if isinstance(value, list) else []
    if value and (len(numbers) != 2 or not all(type(each) is int or _is_whole(each) for each in numbers)):
        raise InvalidInput("memory: view_range must be two line numbers, such as [1, 20]; -1 is the end")
    return [int(cast("float", each)) for each in numbers] or None


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


Line = Annotated[
    int,
    BeforeValidator(_line),
    WithJsonSchema({"type": "integer", "description": "after which line; 0: the beginning"}),
]
Range = Annotated[
    list[int] | None,
    BeforeValidator(_range),
    WithJsonSchema(
        {"type": "array", "items": {"type": "integer"}, "description": "for view: first and last line; -1 is the end"}
    ),
]


class MemoryFiles(Plain):
    """Notes as files below /memories, by one command: view (path, view_range) shows a file or directory.

    create (path, file_text); str_replace (path, old_str, new_str): old_str must occur exactly once; insert (path,
    insert_line, insert_text); delete (path); rename (old_path, new_path).
    """

    name = "memory"
    gives = Told
    hints = DELETES
    scope = "write"

    command: Command
    path: Annotated[str, Field(description="such as /memories/tea.md")] = ""
    view_range: Range = None
    file_text: str = ""
    old_str: str = ""
    new_str: str = ""
    insert_line: Line = 0
    insert_text: str = ""
    old_path: str = ""
    new_path: str = ""

    async def call(self, memos: Memos) -> Told:
        """Do the command. Refusals have the words of Anthropic's own tool."""
        self._check()
        home = (await memos.status()).path
        try:
            return Told(text=await self._done(Folder(CubeFiles(memos, f"{home}/memories"), budget=_VIEW)))
        except NotFound as exc:
            raise InvalidInput(str(exc)) from exc  # it is a path that is not there, and no id

    def _check(self) -> None:
        """Raise InvalidInput for what the command needs and for what is none of its business."""
        needs = _TAKES[self.command]
        takes = f"{self.command} takes {', '.join((*needs, *_MAY_TAKE.get(self.command, ())))}"
        for name in needs:
            if name not in self.model_fields_set:
                raise InvalidInput(f"memory: {self.command} needs {name}; {takes}")
        for name in sorted(self.model_fields_set.difference(needs, _MAY_TAKE.get(self.command, ()), ["command"])):
            if cast("JsonValue", getattr(self, name)):
                raise InvalidInput(f"memory: {name} does not belong to {self.command}; {takes}")

    async def _done(self, folder: Folder) -> str:
        match self.command:
            case "view":
                return await folder.view(self.path, self.view_range)
            case "create":
                return await folder.create(self.path, self.file_text)
            case "str_replace":
                return await folder.str_replace(self.path, self.old_str, self.new_str)
            case "insert":
                return await folder.insert(self.path, self.insert_line, self.insert_text)
            case "delete":
                return await folder.delete(self.path)
            case "rename":
                return await folder.rename(self.old_path, self.new_path)
