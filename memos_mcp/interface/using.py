"""What was used, from the logs: lines of the access log and of the log of changes, as the scheduler counts them.

The access log is the queue of uses: every process of a vault writes to it, and it outlasts them. What follows from it
is not kept: a process that begins reads the last lines again, which takes less than one block does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from anyio import to_thread

from memos_mcp.accesses import READS, Access, AccessLog, Item, Lines
from memos_mcp.cube import FIXED, MemCube, Ref
from memos_mcp.interface.guard import Guard
from memos_mcp.operation import prefixes
from memos_mcp.operation.context import tokens, words_of
from memos_mcp.operation.scheduling import Block
from memos_mcp.operation.uses import Sessions, Use, Uses
from memos_mcp.ports import MAIN, Action, Event, MemoryAdapter

Vector = tuple[float, ...]
Meaning = Callable[[Sequence[MemCube]], Awaitable[Sequence[Vector]]]
"""The vectors of memories, for what is planned by similarity."""
LINES = 2048
"""Of each log that are read at the start: with some memories each, more uses than the longest half-life."""
SECONDS = 0.001
"""To read a token, before it was measured: between 0.6 ms (20 M parameters, two cores) and 3.3 ms (135 M)."""
_KNOWN = 4096  # memories that are counted, those used last
_PAGE = 1000
_FRAME = 24  # tokens of id, class and brackets around the words of a memory
_CHANGING: frozenset[Action] = frozenset({"put", "update"})
_EVERYWHERE = Lines("", ("user", "shared", "global"))


@dataclass(frozen=True, slots=True)
class Rates:
    """What a token takes and costs here, and how many there are for one that is estimated."""

    per_token: float = 0.0
    seconds: float = SECONDS
    scale: float = 1.0


def tokens_of(cube: MemCube) -> int:
    """As they are estimated, with what stands around the words of a memory."""
    return _FRAME + tokens(words_of(cube))


def block_of(cube: MemCube, rates: Rates) -> Block:
    """A memory as the scheduler sees it. What is frozen or expired cannot change, and stands still at once."""
    number = round(rates.scale * tokens_of(cube))
    changed = None if cube.state in FIXED else cube.updated_at.timestamp()
    seconds = number * rates.seconds
    size = round(number * rates.per_token)
    return Block(cube.id, cube.version, size, number, seconds, seconds, changed=changed, labels=frozenset(cube.tags))


def fits(cube: MemCube, guard: Guard, now: datetime) -> bool:
    """May it stand in a block: words, in use, not suspected, and not over?"""
    end = cube.governance.expires_at
    return prefixes.keepable(guard.seen(cube)) and (end is None or end > now)


def used(line: Access) -> tuple[Item, ...]:
    """The memories that a line says were used: what recall found, not what a model read beside it in a warm block."""
    if line.verb not in READS or line.outcome != "allowed":
        return ()
    served = next((stage.number for stage in line.stages if stage.name == "served"), len(line.items))
    return line.items[:served]


class Folded:
    """Uses and changes of memories, in the order in which they happened."""

    def __init__(self) -> None:
        self.uses, self.sessions = Uses(), Sessions()

    def fold(
        self,
        lines: Iterable[Access],
        events: Iterable[Event],
        cubes: Mapping[str, MemCube],
        vectors: Mapping[str, Vector] | None = None,
    ) -> None:
        """Count them, as far as they are about these memories; their vectors are by id, if they are wanted."""
        vectors = vectors or {}
        for id, cube in cubes.items():
            self.known(replace(block_of(cube, Rates()), vector=vectors.get(id, ())))
        happened = [*_uses(lines, cubes), *_changes(events, cubes)]
        for at, _, id, user in sorted(happened, key=lambda each: each[:3]):
            if user is None:
                self.uses.changed(self.uses.blocks[id], at)
            else:
                first, labels = self.sessions.is_first(id, user, at), frozenset(cubes[id].tags)
                self.uses.used(Use(id, at, labels, vectors.get(id, ()), first))
        self._forget()

    def known(self, block: Block) -> None:
        """This is what its block takes now."""
        self.uses.known(block)

    def _forget(self) -> None:
        blocks = self.uses.blocks
        pasts = sorted((block.past.last if block.past else -1, id) for id, block in blocks.items())
        for _, id in pasts[: max(0, len(blocks) - _KNOWN)]:
            self.uses.erased(id)


class Heard(Folded):
    """The logs of a vault, followed by one process."""

    def __init__(self, vault: MemoryAdapter, accesses: AccessLog, meaning: Meaning | None = None) -> None:
        super().__init__()
        self._vault, self._accesses, self._meaning = vault, accesses, meaning
        self._vectors: dict[Ref, Vector] = {}
        self._line, self._seq = "", -LINES
        self.touched: set[str] = set()
        """The memories of the lines of the log of changes that were read last."""

    async def listen(self) -> set[str]:
        """Fold what is new; the memories that were used. Cost: 1 ms if nothing is; 0.2 ms a question."""
        lines, events = await self._lines(), await self._events()
        self.touched = {event.subject for event in events}
        ids = {item.id for line in lines for item in used(line)}
        wanted = ids | (self.touched & self.uses.blocks.keys())
        cubes = {cube.id: cube for cube in await self._vault.get([Ref(id=id) for id in sorted(wanted)])}
        for id in wanted - cubes.keys():
            self.uses.erased(id)
        if wanted:
            vectors = await self.vectors(list(cubes.values()))
            await to_thread.run_sync(self.fold, lines, events, cubes, vectors)
        return ids & cubes.keys()

    async def vectors(self, cubes: Sequence[MemCube]) -> dict[str, Vector]:
        """Of these, by id; none if nothing is planned by them. Cost: some 5 ms for each version, once."""
        if self._meaning is None:
            return {}
        new = [cube for cube in cubes if cube.ref not in self._vectors]
        for cube, vector in zip(new, await self._meaning(new) if new else (), strict=True):
            self._vectors[cube.ref] = vector
        found = {cube.id: self._vectors[cube.ref] for cube in cubes}
        for ref in list(self._vectors)[:-_KNOWN]:
            del self._vectors[ref]
        return found

    async def _lines(self) -> list[Access]:
        """The lines beyond the last one that was read; all anew if that is not there any more."""
        newest = await self._accesses.lines(_EVERYWHERE, limit=1)
        if not newest or newest[0].id == self._line:
            return []
        found: list[Access] = []
        if self._line:
            while page := await self._accesses.lines(
                _EVERYWHERE, after=found[-1].id if found else self._line, limit=_PAGE, oldest_first=True
            ):
                found += page
        if not found:
            self.uses, self.sessions, self._seq = Uses(), Sessions(), -LINES
            found = await last(self._accesses, _EVERYWHERE)
        self._line = found[-1].id
        return found

    async def _events(self) -> list[Event]:
        found: list[Event] = []
        while page := await self._vault.events(after=self._seq, limit=LINES if self._seq < 0 else _PAGE):
            found += page
            self._seq = page[-1].seq
        return found


async def last(accesses: AccessLog, which: Lines) -> list[Access]:
    """The last lines of the log, oldest first."""
    found: list[Access] = []
    while len(found) < LINES:
        page = await accesses.lines(which, after=found[-1].id if found else "", limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            break
    return found[:LINES][::-1]


def _uses(lines: Iterable[Access], cubes: Mapping[str, MemCube]) -> Iterator[tuple[float, int, str, str | None]]:
    for number, line in enumerate(lines):
        for place, item in enumerate(used(line)):
            if item.id in cubes:
                yield line.at.timestamp(), 1000 * number + place, item.id, line.user


def _changes(events: Iterable[Event], cubes: Mapping[str, MemCube]) -> Iterator[tuple[float, int, str, str | None]]:
    for event in events:
        if event.action in _CHANGING and event.version > 1 and event.branch == MAIN and event.subject in cubes:
            yield event.at.timestamp(), event.seq, event.subject, None
