"""What tools take: types for arguments, the JSON Schema of a tool, and our own words when arguments are wrong."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from mcp.types import ToolAnnotations
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, WithJsonSchema

from memos_mcp.apps.mcp_answers import Answer
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.cube import Kind
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.texts import texts_in
from memos_mcp.memos import Memos
from memos_mcp.ports import Scope

_KINDS: tuple[Kind, ...] = get_args(Kind)
_SHOWN = 40
_TEXT: dict[str, JsonValue] = {"type": "string"}
_MOMENT = "ISO date or time"
_NAMES_OF_OURS = ("properties", "$defs")


def _whole(value: object) -> object:
    """A number without a fraction, also where a client's JSON knows only floating point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _absent(value: object) -> object:
    return None if value == "" else value


def _flag(value: object) -> object:
    """Yes or no, also where a client writes it as text."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _moment(value: object) -> object:
    if value == "" or not isinstance(value, str):
        return _absent(value)
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError from exc


def _names(value: object) -> object:
    """A list of texts; one text is a list of one, unless it is a list that a client wrote as text."""
    if not isinstance(value, str):
        return value
    listed = _unquoted(value)
    return [listed] if isinstance(listed, str) else listed


def _unquoted(value: object) -> object:
    """The list that some clients send as a text of JSON."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return _absent(value)


Limit = Annotated[int, Field(ge=1, le=50), BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
Budget = Annotated[int, Field(ge=100, le=8000, description="tokens of the answer"), BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
MaybeFlag = Annotated[
    bool | None, BeforeValidator(lambda value: _flag(_absent(value))), WithJsonSchema({"type": "boolean"})
]
MaybeWhole = Annotated[int | None, BeforeValidator(_whole), WithJsonSchema({"type": "integer"})]
MaybeNumber = Annotated[float | None, WithJsonSchema({"type": "number"})]
Moment = Annotated[datetime | None, BeforeValidator(_moment), WithJsonSchema(_TEXT | {"description": _MOMENT})]
Names = Annotated[list[str] | None, BeforeValidator(_names), WithJsonSchema({"type": "array", "items": _TEXT})]
Told = Literal["user", "assistant", "tool", "web", "document"]
MaybeClass = Annotated[Told | None, BeforeValidator(_absent), WithJsonSchema(_TEXT | {"enum": list(get_args(Told))})]
MaybeKind = Annotated[Kind | None, BeforeValidator(_absent), WithJsonSchema(_TEXT | {"enum": list(_KINDS)})]
Messages = Annotated[
    list[dict[str, JsonValue]] | None,
    BeforeValidator(_unquoted),
    WithJsonSchema({"type": "array", "items": {"type": "object"}}),
]


class Tool(BaseModel):
    """A tool: its docstring is the description a model reads, its fields are the arguments, `call` is what it does.

    `meta` is what hosts are told beside (`_meta`). One that is `for_programs` answers them whole, errors too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: ClassVar[str]
    gives: ClassVar[type[Answer]]
    hints: ClassVar[ToolAnnotations]
    scope: ClassVar[Scope]
    meta: ClassVar[Mapping[str, Any]] = {}
    for_programs: ClassVar[bool] = False

    @abstractmethod
    async def run(self, memos: Memos, peer: Peer) -> Answer | Question:
        """Do it; the user may be asked, or told how far it is. Raises MemosError."""

    @classmethod
    def schema_of_arguments(cls) -> dict[str, JsonValue]:
        """What to send."""
        return slim(cls.model_json_schema())

    @classmethod
    def read(cls, arguments: Mapping[str, JsonValue]) -> Self:
        """The call that these arguments ask for. Raises InvalidInput, in one sentence and our own words."""
        known = ", ".join(cls.model_fields)
        for name, value in arguments.items():
            if name not in cls.model_fields:
                takes = f"it takes {known}" if known else "it takes none"
                raise InvalidInput(f"{cls.name} has no argument {name[:_SHOWN]!r}; {takes}")
            _check_texts(cls.name, name, value)
        try:
            return cls(**{name: value for name, value in arguments.items() if value is not None})
        except ValidationError as exc:
            wrong, *inside = exc.errors()[0]["loc"]
        given = arguments.get(str(wrong))
        if given is None:
            raise InvalidInput(f"{cls.name} needs the argument {wrong!r}; it takes {known}")
        expected = _expected(cls.model_json_schema()["properties"][wrong])
        raise InvalidInput(f"{cls.name}: {wrong} must be {expected}, not {_came(given, *inside)}")


class Plain(Tool):
    """A tool that neither asks the user nor tells how far it is."""

    @abstractmethod
    async def call(self, memos: Memos) -> Answer:
        """Do it. Raises MemosError."""

    async def run(self, memos: Memos, peer: Peer) -> Answer | Question:
        """The same."""
        return await self.call(memos)


def slim(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A JSON Schema without what no client needs: every host pays for its size.

    That is titles, empty defaults, and what our docstrings say about objects.
    """
    unused = ("title", "description") if "properties" in schema else ("title",)
    slimmed: dict[str, JsonValue] = {}
    for name, value in schema.items():
        if isinstance(value, dict):
            below = value if name in _NAMES_OF_OURS else slim(value)
            slimmed[name] = {key: slim(each) if isinstance(each, dict) else each for key, each in below.items()}
        elif name not in unused and not (name == "default" and not value):
            slimmed[name] = value
    return slimmed


def _check_texts(tool: str, name: str, value: JsonValue) -> None:
    """NUL and half a surrogate pair are valid JSON, but no text that could be stored and shown again."""
    for text in texts_in(value, names=True):
        if "\0" in text:
            raise InvalidInput(f"{tool}: {name} holds a NUL character; send the text without it")
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise InvalidInput(f"{tool}: {name} holds half a surrogate pair, which is no character; send valid Unicode")


def _expected(schema: Mapping[str, JsonValue]) -> str:
    options, least, most = schema.get("enum"), schema.get("minimum", 0), schema.get("maximum")
    if isinstance(options, list):
        return f"one of {', '.join(map(str, options))}"
    if schema["type"] == "integer":
        return f"a whole number from {least} to {most}" if most else f"a whole number, {least} or more"
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "array":
        return "a list of texts" if schema["items"] == _TEXT else "a list of objects, each with content"
    if schema["type"] == "object":
        return "an object"
    return f"an {_MOMENT} such as 2026-03-02T09:30:00Z" if schema.get("description") == _MOMENT else "a text"


def _came(value: JsonValue, *inside: int | str) -> str:
    match value:
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return str(value)[:_SHOWN]
        case str():
            return f"the text {value[:_SHOWN]!r}{'…' if len(value) > _SHOWN else ''}"
        case list():
            return f"a list that holds {_came(value[inside[0]])}" if inside and isinstance(inside[0], int) else "a list"
        case _:
            return "an object"
