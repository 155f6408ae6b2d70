"""A memory system with a clock of its own, and its answers without what no two vaults have in common."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_type_hints

from pydantic import BaseModel

from memos_graph import EmbeddedGraph
from memos_mcp import Caller, Memos, MemosError
from memos_mcp.activation import Source
from memos_mcp.infrastructure.graph import Graph
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.walks import Walks
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.adapters import Learning
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.kv import Kv
from memos_mcp.interface.offices import Offices
from memos_mcp.interface.privacy import recognisers
from memos_mcp.interface.privacy_modes import Privacy
from memos_mcp.interface.reader import RulesReader
from memos_mcp.interface.schedules import Schedule
from memos_mcp.models import Worded
from tests.activations import Table
from tests.graphs import EachWord
from tests.learners import Learner

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DOCTOR = "doctor"
MUTE = ("acting_as", "aclose")
"""Public functions that tell nothing."""
_CURSOR = "after"  # a number of the whole vault: only whether there is one
_OF_ITS_OWN = ("seq", "upto", "revision", "tip", "access", "anchor", "seconds")
_ACCESS = re.compile(r"\b[0-9a-f]{12}(?:[0-9a-f]{4})?\b|(?<=\bchange:)\d+")  # made by chance, or a position of the log


class Echo:
    """A chat model that says again all that it is sent."""

    model = "echo"

    async def answer(self, system: str, text: str) -> Worded:
        return Worded(text, len(text), len(system))


def repeated(sources: Sequence[Source], prompt: str) -> str:
    """All that a model has read, memories and prompt, as its answer."""
    return "\n".join((*(source.text for source in sources), prompt))


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, span: timedelta = timedelta(minutes=1)) -> None:
        """So much later."""
        self.now += span


def opened(home: Path, clock: Clock, user: str = "nobody") -> Memos:
    """A system over words and a graph of them, with an access log that keeps texts; all of it has this clock."""
    vault, closing = SqliteAdapter(home / "memos.db", clock=clock), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    accesses = SqliteAccessLog(vault.database, texts=str)
    closing.push_async_callback(accesses.aclose)
    graph = Graph(vault, EmbeddedGraph(home / "graph.db"), EachWord())
    closing.push_async_callback(graph.aclose)
    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store), graph],
        caller=Caller(user),
        clock=clock,
        accesses=accesses,
        graph=Walks(graph),
        closing=closing,
        answerer=Echo(),
        backend=Table(says=repeated),
        parametric=Learner(),
    )


@asynccontextmanager
async def process(home: Path, clock: Clock, **more: Any) -> AsyncGenerator[Memos]:
    """Ada's system over words in one process, with models or without; only a doctor reads addresses and the like."""
    vault, closing = SqliteAdapter(home / "memos.db", clock=clock), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    async with Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller("ada"),
        clock=clock,
        guard=Guard(privacy=Privacy(recognisers(), "redact_at_read", roles=(DOCTOR,))),
        closing=closing,
        **more,
    ) as memos:
        yield memos


LATE = {"Learning": Learning, "Kv": Kv, "Schedule": Schedule}
"""The objects whose modules are imported when they are asked for."""


def verbs() -> dict[str, Callable[..., Awaitable[object]]]:
    """Every public function of Memos and of what hangs off it, by its name (`recall`, `acl.show`)."""
    found = {name: verb for name, verb in _public(Memos) if name not in MUTE}
    for office, made in vars(Offices).items():
        if isinstance(made, property) and made.fget is not None:
            cls = get_type_hints(made.fget, localns=LATE)["return"]
            found |= {f"{office}.{name}": verb for name, verb in _public(cls)}
    return found


def bound(memos: Memos, verb: str) -> Callable[..., Awaitable[object]]:
    """The verb of this system."""
    office, _, name = verb.rpartition(".")
    return getattr(getattr(memos, office) if office else memos, name)


def parameters(verb: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """What it is given, without itself."""
    return {name: each for name, each in inspect.signature(verb).parameters.items() if name != "self"}


def _public(cls: type) -> Iterator[tuple[str, Callable[..., Awaitable[object]]]]:
    for name, verb in vars(cls).items():
        if inspect.isfunction(verb) and not name.startswith("_"):
            yield name, verb


class Ids:
    """Ids that are the same in every vault to which the same is told: `begin` says what they are made of."""

    def __init__(self) -> None:
        self._of, self._number = "", 0

    def begin(self, of: str) -> None:
        """From now on they are this, and this with a number."""
        self._of, self._number = of, 0

    def __call__(self) -> str:
        self._number += 1
        return f"{self._of}{self._number}"


def plain(value: object) -> object:
    """The value as it would be in a vault with other positions."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return round(value, 9)
        case str():
            return _ACCESS.sub("<access>", value)
        case BaseModel():
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {plain(str(key)): plain(each) for key, each in items}
        case Sequence():
            return [plain(each) for each in cast("Sequence[object]", value)]
        case _ if is_dataclass(value):
            return {each.name: _field(each.name, getattr(value, each.name)) for each in fields(value)}
        case datetime() | timedelta():
            return str(value)
        case _:
            return type(value).__name__


def _field(name: str, value: object) -> object:
    if name == _CURSOR:
        return bool(value)
    return "" if name in _OF_ITS_OWN else plain(value)


async def answered(ask: Awaitable[object]) -> object:
    """What somebody is told: the answer, or the error with its words."""
    try:
        return plain(await ask)
    except MemosError as error:
        return [type(error).__name__, plain(str(error)), getattr(error, "rule", "")]


def apart(one: object, other: object, at: str = "") -> str:
    """Where two answers differ first, and how."""
    if isinstance(one, dict) and isinstance(other, dict):
        ours, theirs = cast("dict[object, object]", one), cast("dict[object, object]", other)
        pairs = [(str(key), ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()]
    elif (
        isinstance(one, list)
        and isinstance(other, list)
        and len(cast("list[object]", one)) == len(cast("list[object]", other))
    ):
        pairs = [
            (str(n), a, b)
            for n, (a, b) in enumerate(zip(cast("list[object]", one), cast("list[object]", other), strict=True))
        ]
    else:
        return "" if one == other else f"{at}: {one!r} != {other!r}"
    return next((found for key, a, b in pairs if (found := apart(a, b, f"{at}/{key}"))), "")
