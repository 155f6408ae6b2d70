"""What every verb leaves in the access log: one line, whatever it answered; the only place that writes them.

Before it begins, the rules of namespaces are looked at anew. A verb that calls another is one access. While it runs,
`Bound` notes here what was looked at and by which rule, and who does the work which stage is done. A door says what is
one request (`request`): all accesses within it carry its id.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from memos_mcp.accesses import OF_BRANCH, READS, Access, AccessLog, Item, Stage
from memos_mcp.answers import Answer, News, Page, Recall
from memos_mcp.cube import MemCube
from memos_mcp.errors import Denied, InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import Decision
from memos_mcp.operation.lanes import Ranking
from memos_mcp.ports import Caller, Event, Revision

if TYPE_CHECKING:
    from memos_mcp.interface.scheduling import Scheduler

T = TypeVar("T")
_WORDLESS = ("aclose", "settle", "status")  # verbs that tell of no memory
_QUIET = ("log.news",)  # asked again and again: only what they tell is an access
_SAID = ("question", "reason")


class _Bound(Protocol):
    """What is needed of `Bound`."""

    @property
    def caller(self) -> Caller: ...
    @property
    def clock(self) -> Callable[[], datetime]: ...
    @property
    def accesses(self) -> AccessLog | None: ...
    @property
    def branch_at(self) -> str: ...
    @property
    def scheduler(self) -> Scheduler | None: ...
    async def look_again(self) -> None: ...


class _Verbs(Protocol):
    _on: _Bound


@dataclass(slots=True)
class _Note:
    """An access that is going on, with the id of its line."""

    id: str
    rules: dict[str, Item] = field(default_factory=dict[str, Item])
    written: list[Item] = field(default_factory=list[Item])
    refused: Item | None = None
    stages: list[Stage] = field(default_factory=list[Stage])


@dataclass(slots=True)
class _Request:
    """A request that is going on; `free`: no line has its id yet."""

    id: str
    free: bool

    def line(self) -> str:
        """The id of its next line: the first one has that of the request itself, if that was made here."""
        id, self.free = self.id if self.free else secrets.token_hex(8), False
        return id


_NOTE: ContextVar[_Note | None] = ContextVar("access", default=None)
_REQUEST: ContextVar[_Request | None] = ContextVar("request", default=None)
_Verb = Callable[..., Awaitable[object]]


def recorded(prefix: str = "") -> Callable[[type[T]], type[T]]:
    """Every public verb of the class writes its line, under its name after `prefix`."""

    def decorate(cls: type[T]) -> type[T]:
        for name, verb in list(vars(cls).items()):
            if inspect.iscoroutinefunction(verb) and not name.startswith("_") and name not in _WORDLESS:
                setattr(cls, name, _recording(prefix + name, verb))
        return cls

    return decorate


@contextmanager
def request(id: str = "") -> Generator[str]:
    """Everything asked within is one request, with the id of the caller's own or, without one, with one made here."""
    going_on = _Request(id or secrets.token_hex(8), free=not id)
    token = _REQUEST.set(going_on)
    try:
        yield going_on.id
    finally:
        _REQUEST.reset(token)


def line() -> str:
    """The id of the line of the verb that is running; empty if no access log is kept."""
    note = _NOTE.get()
    return note.id if note is not None else ""


def staged(name: str, number: int = 0, *, ok: bool = True) -> None:
    """A stage of the verb that is running is done, with so many."""
    note = _NOTE.get()
    if note is not None:
        note.stages.append(Stage(name, number, ok))


def searched(ranking: Ranking, served: int) -> None:
    """The lanes were asked, as the caller is told."""
    for lane, number in ranking.found.items():
        staged(f"lane.{lane}", number)
    for missing in ranking.missing:
        staged(f"lane.{missing.route}", ok=False)
    staged("searched", ranking.searched)
    staged("served", served)


def looked(id: str, version: int, path: str, decision: Decision) -> None:
    """A decision about a memory: part of the line of the verb that is running."""
    note = _NOTE.get()
    if note is not None:
        item = Item(id, version, path, decision.rule)
        if decision.allowed:
            note.rules[id] = item
        else:
            note.refused = item


def wrote(events: Sequence[Event]) -> None:
    """Changes that were made."""
    note = _NOTE.get()
    if note is not None:
        note.written += [Item(each.subject, each.version, each.path) for each in events if each.subject]
        committed(events)


def committed(events: Sequence[Event]) -> None:
    """Lines of the change log that the verb wrote, one after the other."""
    note, seqs = _NOTE.get(), [each.seq for each in events if each.seq]
    if note is not None and seqs:
        note.stages.append(Stage("committed", len(seqs), seq=min(seqs), upto=max(seqs)))


def _recording(name: str, verb: _Verb) -> _Verb:
    signature = inspect.signature(verb)

    @wraps(verb)
    async def recording(self: _Verbs, *args: object, **kwargs: object) -> object:
        on = self._on  # pyright: ignore[reportPrivateUsage] - of the class that this is a method of
        if _NOTE.get() is not None:
            return await verb(self, *args, **kwargs)
        if on.accesses is None:
            await on.look_again()
            return await verb(self, *args, **kwargs)
        given = signature.bind(self, *args, **kwargs).arguments
        asked = _REQUEST.get() or _Request(secrets.token_hex(8), free=True)
        access = Access(
            asked.line(),
            on.clock(),
            on.caller.user,
            f"{OF_BRANCH}{name}" if on.branch_at else name,
            "allowed",
            roles=on.caller.roles,
            context=on.caller.context,
            path=_path(given.get("path")),
            said=next((said for word in _SAID if isinstance(said := given.get(word), str)), ""),
            request=asked.id,
        )
        note = _Note(access.id)
        token = _NOTE.set(note)
        try:
            await on.look_again()
            answer = await verb(self, *args, **kwargs)
        except MemosError as error:
            await on.accesses.write(_refused(replace(access, stages=tuple(note.stages)), note, error))
            raise
        finally:
            _NOTE.reset(token)
        items = tuple(dict.fromkeys(_served(note, answer)))
        if items or name not in _QUIET:
            await on.accesses.write(replace(access, items=items, stages=tuple(note.stages)))
        if on.scheduler is not None and access.verb in READS:
            on.scheduler.wake()
        return _known_as(access.id, answer)

    return recording


def _known_as(access: str, answer: object) -> object:
    """The answer with the line behind it, if it can say so."""
    match answer:
        case Recall():
            return replace(answer, access=access)
        case Answer():
            return replace(answer, recall=replace(answer.recall, access=access))
        case _:
            return answer


def _path(given: object) -> str:
    try:
        return governance.check_path(given) if isinstance(given, str) else ""
    except InvalidInput:
        return ""


def _refused(access: Access, note: _Note, error: MemosError) -> Access:
    """The line of a verb that failed: what he was told, and the rule, which he may not have been told."""
    items = (replace(note.refused, rule=""),) if note.refused else ()
    rule = note.refused.rule if note.refused else ""
    match error:
        case Denied():
            return replace(access, outcome="denied", rule=rule or error.rule, items=items)
        case NotFound():
            return replace(access, outcome="missing", rule=rule, items=items)
        case _:
            return replace(access, outcome="failed", rule=error.code)


def _served(note: _Note, answer: object) -> list[Item]:
    """The memories that an answer tells of, each with the rule that let it."""
    if note.written:
        return note.written
    match answer:
        case MemCube():
            found = [_of(answer)]
        case Recall() | Page():
            found = [_of(cube) for cube in answer.cubes]
        case Answer():
            found = [_of(cube) for cube in answer.recall.cubes]
            made = {"prefix": answer.recall.prefix, "adapter": answer.recall.adapter}.get(answer.via)
            if made is not None:  # the model has read, or learnt, all of it
                found += [note.rules[ref.id] for ref in made.sources if ref.id in note.rules]
        case News():
            found = [Item(each.subject, each.version, each.path) for each in answer.events]
        case tuple():
            found = _listed(cast("Sequence[object]", answer))
        case _:
            return list(note.rules.values())
    known = note.rules
    return [replace(each, rule=known[each.id].rule) if each.id in known else each for each in found]


def _listed(answer: Sequence[object]) -> list[Item]:
    found: list[Item] = []
    for each in answer:
        match each:
            case MemCube():
                found.append(_of(each))
            case Event():
                found.append(Item(each.subject, each.version, each.path))
            case Revision() if each.id:
                found.append(Item(each.id, 0, each.path))
            case _:
                pass
    return found


def _of(cube: MemCube) -> Item:
    return Item(cube.id, cube.version, cube.path)
