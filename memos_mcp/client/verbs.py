"""The verbs of a client as they cross a wire: what each takes and answers as JSON, and what it needs.

Both sides read the same types: those of the methods of `Client`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    create_model,
)

from memos_mcp.client.faces import Client
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.before import turns_of
from memos_mcp.memos import Memos
from memos_mcp.ports import Scope
from memos_mcp.search import Turn

_MOMENT = "moment"
_LONGEST_WAIT = 600  # seconds: who waits keeps one of his places at the server


def _always(_: Mapping[str, object]) -> bool:
    return True


def _never(_: Mapping[str, object]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Verb:
    """`run` does it with a Memos, for who has the `scope`; `again`: asked twice with these it changes nothing more."""

    run: Callable[..., Awaitable[Any]]
    scope: Scope
    again: Callable[[Mapping[str, object]], bool]


async def _extend(memos: Memos, ids: str | Sequence[str], expires: datetime | timedelta) -> None:
    await memos.acl.change([ids] if isinstance(ids, str) else ids, expires_at=expires)


VERBS: Mapping[str, Verb] = {
    "remember": Verb(Memos.remember, "write", lambda given: bool(given.get("source"))),
    "recall": Verb(Memos.recall, "read", _always),
    "ask": Verb(Memos.ask, "read", _always),
    "feedback": Verb(Memos.feedback, "write", _never),
    "put": Verb(Memos.put, "write", lambda given: given.get("expect") is not None),
    "get": Verb(Memos.get, "read", _always),
    "browse": Verb(Memos.browse, "read", _always),
    "namespaces": Verb(Memos.namespaces, "read", _always),
    "forget": Verb(Memos.forget, "write", _never),
    "forget_all": Verb(Memos.forget_all, "write", _never),
    "extend": Verb(_extend, "write", _always),
    "settle": Verb(Memos.settle, "read", _always),
    "status": Verb(Memos.status, "read", _always),
}
"""Every verb of a client, and nothing else."""


def _when(value: object) -> object:
    """A moment is sent as one, so that no label of a snapshot is taken for it."""
    match value:
        case {"moment": str(moment)}:
            return datetime.fromisoformat(moment)
        case _:
            return value


def _sent(when: datetime | str | None) -> dict[str, str] | str | None:
    return {_MOMENT: when.isoformat()} if isinstance(when, datetime) else when


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


_AS_SENT: Mapping[str, Any] = {
    "seconds": Annotated[float, Field(ge=0, le=_LONGEST_WAIT)],
    "at": Annotated[datetime | str | None, BeforeValidator(_when), PlainSerializer(_sent)],
    "tags": Annotated[tuple[str, ...], BeforeValidator(_one_or_more)],
    "turns": tuple[Turn, ...],
}
"""Arguments that are sent in a shape of their own."""


def written(verb: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a verb as JSON, without what is as if it were not given. Raises InvalidInput."""
    if "turns" in given:
        given = {**given, "turns": turns_of(given["turns"])}  # pyright: ignore[reportArgumentType] - it looks itself
    return _model(verb, given).model_dump(mode="json", exclude_defaults=True)


def read(verb: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    """The same as values of Python. Raises InvalidInput."""
    return dict(_model(verb, arguments))


@cache
def answers(verb: str) -> TypeAdapter[Any]:
    """What a verb answers, to and from JSON."""
    return TypeAdapter(get_type_hints(vars(Client)[verb])["return"])


def _model(verb: str, given: Mapping[str, object]) -> BaseModel:
    try:
        return _takes(verb).model_validate(given)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        raise InvalidInput(f"{verb}: {where} cannot be used: {first['msg']}") from exc
    except (TypeError, RecursionError) as exc:
        raise InvalidInput(f"{verb}: what is given is not JSON: {exc}") from exc


@cache
def _takes(verb: str) -> type[BaseModel]:
    method = vars(Client)[verb]
    hints = get_type_hints(method)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if name != "self":
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (_AS_SENT.get(name, hints[name]), default)
    return create_model(verb, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
