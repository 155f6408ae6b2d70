"""LogQuery API: who asked for what, and what he was told, as far as one may know (long paper §5.3.2 and §5.5.1)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from memos_mcp.accesses import (
    OF_BRANCH,
    Access,
    Accesses,
    AccessLog,
    Hot,
    Hotspots,
    Lines,
    Outcome,
    Rotated,
    Used,
    Verified,
)
from memos_mcp.answers import Trace
from memos_mcp.cube import Kind, MemCube, Ref, Usage
from memos_mcp.errors import InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.lines import FORMATS, Format, Onlooker, head, written
from memos_mcp.interface.recording import recorded
from memos_mcp.operation.lifecycle import heat
from memos_mcp.ports import Event

_MOST = 1000
_PAGE = 500
_LOOKED_AT = 5000  # memories, the hottest, of which it is asked whose they are
_OUTCOMES: tuple[Outcome, ...] = ("allowed", "denied", "missing", "failed")


@recorded("audit.")
class Audit:
    """The access log. Hangs off `Memos.audit`.

    Everybody sees his own accesses; the owner of a memory those to it; with the scope `admin` also those to his own
    namespace. What one may not read is left out of all of them.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def query(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        caller: str = "",
        action: str = "",
        outcome: Outcome | Literal[""] = "",
        path: str | None = None,
        kind: Kind | None = None,
        id: str | None = None,
        request: str | None = None,
        limit: int = 50,
        after: str = "",
    ) -> Accesses:
        """Accesses, newest first; `after` of the last page continues.

        Of a time [since, until), by a caller, of a verb (`recall`, `acl.change`), with an outcome, beneath a path, to
        memories of a kind, to one memory, of one request. Raises InvalidInput, Denied, Unavailable if no log is kept.
        """
        checks.check_range("limit", limit, _MOST)
        which = self._which(since, until, caller, action, path, id)
        which = replace(which, request=checks.check_id(request) if request is not None else "")
        fits = self._filter(outcome, path, kind, id)
        found: list[Access] = []
        async for line in self._seen(which, fits, after=after):
            if len(found) == limit:
                return Accesses(tuple(found), found[-1].id)
            found.append(line)
        return Accesses(tuple(found))

    async def answer(self, id: str) -> Access:
        """The access behind an answer (`Recall.access`), with the memories that produced it. Raises NotFound."""
        which = replace(self._which(None, None, "", "", None, None), access=checks.check_id(id))
        async for line in self._seen(which, _any):
            return line
        raise NotFound(f"{self._on.caller.user} has no access {id!r}; audit.query lists those there are")

    async def trace(self, request: str) -> Trace:
        """What a request did, step by step, and the lines of the change log that it wrote, as far as one may know.

        `request` is that of a line; an access that is alone in its request has its own id there. Raises NotFound.
        """
        which = replace(self._which(None, None, "", "", None, None), request=checks.check_id(request))
        steps = [line async for line in self._seen(which, _any, oldest_first=True)]
        if not steps:
            raise NotFound(f"{self._on.caller.user} has no request {request!r}; audit.query says those there are")
        return Trace(request, tuple(steps), await self._changes(which))

    async def usage(self, ids: Sequence[str]) -> Mapping[str, Usage]:
        """How often each of these memories was read, and when last; only of the caller's own. Cost: 30 µs each."""
        governance.check_scope(self._on.caller, "read")
        used = await self._log.used(ids=[checks.check_id(id) for id in ids])
        onlooker, cubes = self._onlooker(), await self._cubes(used)
        own = (cube for cube in cubes.values() if onlooker.owns(cube.path, cube))
        return {
            cube.id: used[cube.id].usage.model_copy(update={"sightings": cube.usage.sightings})
            for cube in own
            if cube.id in used
        }

    async def hotspots(self, path: str | None = None, *, limit: int = 20) -> Hotspots:
        """The caller's own memories that are read most these days, and their namespaces.

        Beneath a path, or everywhere; of the 5,000 hottest there. Raises InvalidInput, Denied.
        """
        checks.check_range("limit", limit, _MOST)
        governance.check_scope(self._on.caller, "read")
        onlooker, now = self._onlooker(), self._on.clock()
        top = onlooker.places if path is None else (governance.check_path(path),)
        used = (await self._log.used(paths=top)).values()
        hottest = sorted((_hot(each, now) for each in used), key=lambda hot: (-hot.heat, hot.id))[:_LOOKED_AT]
        cubes = await self._cubes([hot.id for hot in hottest])
        own = [hot for hot in hottest if hot.id in cubes and onlooker.owns(cubes[hot.id].path, cubes[hot.id])]
        return Hotspots(tuple(own[:limit]), _namespaces(own)[:limit])

    async def verify(self, known: str = "") -> Verified:
        """Is every line what was written? Finds what was changed, removed or moved; takes the scope `admin`.

        `known` is the `tip` of an earlier answer: who wrote the whole log anew could not write that. Cost: 6 µs a line.
        Raises Denied.
        """
        governance.check_scope(self._on.caller, "admin")
        return await self._log.verify(known)

    async def export(
        self,
        write: Callable[[str], object],
        *,
        format: Format = "jsonl",
        since: datetime | None = None,
        until: datetime | None = None,
        path: str | None = None,
    ) -> int:
        """Write lines, oldest first, as JSON Lines, CSV or OCSF events, one after the other; how many there were.

        Raises InvalidInput, Denied.
        """
        if format not in FORMATS:
            raise InvalidInput(f"a format is one of {', '.join(FORMATS)}, not {format!r}")
        which, number = self._which(since, until, "", "", path, None), 0
        write(head(format))
        async for line in self._seen(which, self._filter("", path, None, None), oldest_first=True):
            write(written(line, format))
            number += 1
        return number

    async def rotate(
        self, keep: timedelta | None = None, *, last: int | None = None, texts_only: bool = False
    ) -> Rotated:
        """Remove the lines older than `keep` that are not among the `last`; the chain goes on from anchors.

        Everybody's. Those about what is under legal hold or frozen stay. `texts_only`: all lines stay, without
        questions and reasons and the salts of their digests. Takes the scope `admin`; export first what is to be kept.
        Raises Denied, InvalidInput.
        """
        governance.check_scope(self._on.caller, "admin")
        if (keep is None and last is None) or (keep is not None and keep < timedelta(0)) or (last or 0) < 0:
            raise InvalidInput("say how long lines stay, or how many of the last ones: what is not negative")
        try:
            before = None if keep is None else self._on.clock() - keep
        except OverflowError as exc:
            raise InvalidInput("keep is longer than there is time") from exc
        return await self._log.rotate(before, last=last, texts_only=texts_only)

    @property
    def _log(self) -> AccessLog:
        if self._on.accesses is None:
            raise Unavailable("no access log is kept: audit.mode is off, or the vault is open for reading only")
        return self._on.accesses

    def _onlooker(self) -> Onlooker:
        return Onlooker(self._on.caller, self._on.clock(), self._on.defaults)

    def _which(
        self,
        since: datetime | None,
        until: datetime | None,
        caller: str,
        action: str,
        path: str | None,
        id: str | None,
    ) -> Lines:
        governance.check_scope(self._on.caller, "read")
        return Lines(
            self._on.caller.user,
            self._onlooker().places,
            since=since and checks.check_moment(since, "since"),
            until=until and checks.check_moment(until, "until"),
            caller=caller,
            verb=action,
            memory=checks.check_id(id) if id is not None else "",
            beneath=governance.check_path(path) if path is not None else "",
            nobodys=self._onlooker().knows_of_strangers,
        )

    def _filter(
        self, outcome: Outcome | Literal[""], path: str | None, kind: Kind | None, id: str | None
    ) -> Callable[[Access, Mapping[str, MemCube]], bool]:
        """What is asked of a line once it is cut to what the caller may know: the rest must not be found by it."""
        if outcome and outcome not in _OUTCOMES:
            raise InvalidInput(f"an outcome is one of {', '.join(_OUTCOMES)}, not {outcome!r}")
        checks.check_kinds([kind] if kind else [])
        top = governance.check_path(path) if path is not None else ""

        def fits(line: Access, cubes: Mapping[str, MemCube]) -> bool:
            return (
                outcome in ("", line.outcome)
                and (not top or any(is_beneath(at, top) for at in (line.path, *(i.path for i in line.items))))
                and (kind is None or any(i.id in cubes and cubes[i.id].kind == kind for i in line.items))
                and (id is None or any(item.id == id for item in line.items))
            )

        return fits

    async def _seen(
        self,
        which: Lines,
        fits: Callable[[Access, Mapping[str, MemCube]], bool],
        *,
        after: str = "",
        oldest_first: bool = False,
    ) -> AsyncGenerator[Access]:
        """Lines as the caller may see them."""
        onlooker = self._onlooker()
        cubes: dict[str, MemCube] = {}
        asked: set[str] = set()
        while True:
            page = await self._log.lines(which, after=after, limit=_PAGE, oldest_first=oldest_first)
            new = {item.id for line in page for item in line.items} - asked
            asked |= new
            cubes |= await self._cubes(new)
            for line in page:
                shown = onlooker.view(line, cubes)
                if shown is not None and fits(shown, cubes):
                    yield shown
            if len(page) < _PAGE:
                return
            after = page[-1].id

    async def _changes(self, which: Lines) -> tuple[Event, ...]:
        """The lines of the change log that his own accesses wrote, as he may know of them: no words."""
        found: list[Event] = []
        after, mine = "", replace(which, caller=self._on.caller.user)
        while True:
            page = await self._log.lines(mine, after=after, limit=_PAGE, oldest_first=True)
            for stage in (each for line in page if not line.verb.startswith(OF_BRANCH) for each in line.stages):
                if stage.seq:
                    found += await self._on.vault.events(after=stage.seq - 1, limit=stage.upto - stage.seq + 1)
            if len(page) < _PAGE:
                break
            after = page[-1].id
        wordless = {"reason": "", "cube": None, "origin": None, "rules": None, "now": ""}
        readable = (each for each in found if each.subject and self._on.may_read(each))
        return tuple(replace(each, path=each.now or each.path, **wordless) for each in readable)

    async def _cubes(self, ids: Sequence[str] | set[str] | Mapping[str, object]) -> dict[str, MemCube]:
        return {cube.id: cube for cube in await self._on.vault.get([Ref(id=id) for id in ids])}


def _any(_line: Access, _cubes: Mapping[str, MemCube]) -> bool:
    return True


def _hot(used: Used, now: datetime) -> Hot:
    last = used.usage.last_read_at or now
    return Hot(used.id, used.path, used.usage.reads, last, round(heat(used.usage, now), 3))


def _namespaces(own: Sequence[Hot]) -> tuple[Hot, ...]:
    found: dict[str, Hot] = {}
    for hot in own:
        old = found.get(hot.path, replace(hot, id="", reads=0, heat=0.0))
        last = max(old.last_read_at, hot.last_read_at)
        warmer = round(old.heat + hot.heat, 3)
        found[hot.path] = replace(old, reads=old.reads + hot.reads, last_read_at=last, heat=warmer)
    return tuple(sorted(found.values(), key=lambda hot: (-hot.heat, hot.path)))
