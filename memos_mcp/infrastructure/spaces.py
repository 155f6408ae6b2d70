"""The graph of each root as the log says: a space, followed line by line, and never turned back.

Lines that add a memory are written together at the position of the last of them. A line that changes one is written
for itself, in two steps: what is gone at the position before, then what it is now. Who is killed in between, or is
slower than another process, repeats what is ignored or does it again: both lead to the same.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b

import anyio
from anyio import to_thread

from memos_graph.errors import GraphError, GraphUnavailable
from memos_graph.model import Edge, Node, Seen
from memos_graph.store import GraphStore
from memos_mcp.branching import is_over
from memos_mcp.cube import SHELVED, MemCube
from memos_mcp.errors import Corrupt, MemosError, Unavailable
from memos_mcp.infrastructure import drawing
from memos_mcp.infrastructure.drawing import (
    LINKS,
    NOBODY,
    SAID_BY,
    Access,
    Drawing,
    drawn,
    is_shared,
    memory_node,
    stub,
)
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.infrastructure.mentions import Mentions
from memos_mcp.ports import Event, MemoryAdapter

logger = logging.getLogger(__name__)

_PAGE = 200
_PAGES = 4  # that anybody waits for: half a second; what is left is drawn when the next one asks
_BATCH = 4000  # nodes or edges written at once
REST = 5.0
"""Seconds that a store is left alone which did not answer."""
_FEW = 10  # lines that are drawn faster than another thread is reached
_EVERY = 10_000
_ALL = 1 << 30
_MANY = 100  # memories that have a thing, from which on it is not looked each time whether any is left
_LANE = "lane:graph"
_SHOWS = ("remember", "put", "update", "govern", "release", "arrive", "move", "freeze", "thaw")
_HIDES = ("forget", "quarantine", "depart")


@dataclass(slots=True)
class Space:
    """What is known of the graph of a root: the line it follows the log up to, and its access classes.

    `many` are things that at least so many memories have, `losses` how often one was taken away or changed.
    """

    seq: int
    classes: dict[str, Access] = field(default_factory=dict[str, Access])
    many: dict[str, int] = field(default_factory=dict[str, int])
    losses: int = 0


@dataclass(slots=True)
class _Old:
    """What the graph has of a memory, and what else leads to it."""

    node: Node | None
    out: dict[tuple[str, str, str], Edge]
    linked: bool


@contextmanager
def translated() -> Generator[None]:
    """The errors of the graph in our words. Raises Unavailable, Corrupt."""
    try:
        yield
    except GraphUnavailable as exc:
        raise Unavailable(str(exc)) from exc
    except GraphError as exc:
        raise Corrupt(f"{exc}; `memos rebuild graph` makes it anew") from exc


class Spaces:
    """The graphs of all roots in one store, which is no longer the store of anything else.

    `waiting` are lines not written yet by root, `why` says why not. A store that did not answer is `down` and left
    alone for some seconds: meanwhile nobody waits for it. `late` are roots of which there is more to write at once.
    """

    def __init__(self, vault: MemoryAdapter, store: GraphStore, mentions: Mentions, lens: Lens = CLEAR) -> None:
        self.waiting: dict[str, int] = {}
        self.why, self.down = "", False
        self.late: set[str] = set()
        self._vault = vault
        self._store = store
        self._mentions = mentions
        self._lens = lens
        self._made_by = f"{drawing.FORM}:{lens.stamp}:{mentions.version}"
        self._known: dict[str, Space] = {}
        self._seq: int | None = None
        self._following = anyio.Lock()
        self._rests = -1.0

    async def under(self, roots: Iterable[str]) -> dict[str, Space]:
        """The spaces of these roots, as new as the log. Raises Unavailable, Corrupt."""
        async with self._following:
            await self._follow()
            return {root: await self._opened(root) for root in roots}

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines, and what waits; what cannot be written now is left to the next time."""
        async with self._following:
            await self._follow(events)
            for root in dict.fromkeys((*self.waiting, *(root_of(e.path) for e in events if _counts(e)))):
                with suppress(MemosError):  # `why` says it, and the next time it is caught up
                    await self._opened(root)

    async def look(self) -> None:
        """Open each graph that there is the next time: in one that nobody asks for something may have to go, too."""
        async with self._following:
            with self._watched(""):
                roots = await self._store.spaces()
            self.waiting |= {root: 0 for root in roots if root not in self._known and root not in self.waiting}

    async def drop(self, root: str) -> None:
        """Clear a graph, which is drawn anew: quicker than to take much out of it. Raises Unavailable, Corrupt."""
        async with self._following:
            with self._watched(root):
                await self._store.clear(root)
            self._known.pop(root, None)
            self.waiting.setdefault(root, 0)

    def lost(self, roots: Iterable[str], why: str) -> None:
        """The store did not answer a question about these: it is looked at again when it has rested."""
        self.why, self.down, self._rests = why, True, anyio.current_time() + REST
        for root in roots:
            self._known.pop(root, None)
            self.waiting.setdefault(root, 0)

    async def reset(self) -> None:
        """Clear the store, and draw everything again. Raises Unavailable, Corrupt."""
        async with self._following:
            for known in (self._known, self.waiting, self.late):
                known.clear()
            self._rests = -1.0
            with self._watched(""):
                await self._store.clear()
            await self._follow()
            paths = await self._vault.places(("user", "shared", "global"))
            for root in sorted({root_of(path) for path in paths}):
                await self._opened(root, _ALL)

    async def _follow(self, given: Sequence[Event] = ()) -> None:
        given = [event for event in given if event.seq]
        if self._seq is None:
            newest = given or await self._vault.events(after=-1, limit=1)
            self._seq = newest[0].seq - 1 if newest else 0
        seq = self._seq
        news = [event for event in given if event.seq > seq]
        if not news or news[0].seq != seq + 1 or news[-1].seq != seq + len(news):
            news = await self._vault.events(after=seq, limit=_PAGE)
        pages = 0
        while news:
            pages += 1
            if pages > _PAGES:  # somebody else wrote a lot, and may have drawn it too: each is looked at again
                self._known.clear()
            await self._take(news)
            self._seq = news[-1].seq
            news = await self._vault.events(after=self._seq, limit=_PAGE)

    async def _take(self, news: Sequence[Event]) -> None:
        if any(event.action == "restore" for event in news):
            for known in (self._known, self.waiting, self.late):
                known.clear()  # each is looked at again: the log may not be the one that it followed
            return
        by_root: dict[str, list[Event]] = {}
        for event in filter(_counts, news):
            by_root.setdefault(root_of(event.path), []).append(event)
        for root, lines in by_root.items():
            self.waiting[root] = self.waiting.get(root, 0) + len(lines)
            space = self._known.get(root)
            if space is not None:
                with suppress(MemosError):
                    await self._guarded(root, space, lines)

    async def _opened(self, root: str, pages: int = _PAGES) -> Space:
        """A space as new as the log. Raises Unavailable if so many pages of it are not enough."""
        space = self._known.get(root)
        if space is None:
            with self._watched(root):
                space = await self._open(root)
            for _ in range(pages):
                lines = await self._vault.events(after=space.seq, limit=_PAGE, root=root)
                if not lines:
                    break
                await self._guarded(root, space, lines)
            else:
                self.why = "the graph is catching up with the log: ask again"
                self.waiting.setdefault(root, 0)
                self.late.add(root)
                raise Unavailable(self.why)
            self._known[root] = space
            self.waiting.pop(root, None)
            self.late.discard(root)
            self.why = ""
        return space

    async def _guarded(self, root: str, space: Space, lines: Sequence[Event]) -> None:
        with self._watched(root):
            await self._write(root, space, [line for line in lines if line.seq > space.seq])
        space.seq = max(space.seq, lines[-1].seq)
        if root in self._known:
            self.waiting.pop(root, None)

    @contextmanager
    def _watched(self, root: str) -> Generator[None]:
        """Ask the store, unless it rests. What is not sure to be written is looked at again."""
        if anyio.current_time() < self._rests:
            self._known.pop(root, None)
            raise Unavailable(self.why)
        try:
            with translated():
                yield
        except BaseException as exc:
            self._known.pop(root, None)
            if isinstance(exc, MemosError):
                self.why = str(exc)
                logger.warning("the graph will catch up later", extra={"root": root, "why": self.why})
            if isinstance(exc, Unavailable):
                self.down, self._rests = True, anyio.current_time() + REST
            raise
        self.why, self.down = "", False

    async def _open(self, root: str) -> Space:
        """A space as it is; one that was not made by us of this log is cleared."""
        every = Seen((root,))
        position = await self._store.position(root)
        if position and not await self._is_ours(every):
            await self._store.clear(root)
            position = 0
        found = await self._store.find(every, drawing.CLASS, kinds=(drawing.CLASS,), limit=_ALL) if position else []
        return Space(position // 2, drawing.access_in(found))

    async def _is_ours(self, every: Seen) -> bool:
        lanes = await self._store.get(every, [_LANE])
        if not lanes:
            return False
        props = lanes[0].node.props
        seq = props.get("seq")
        if props.get("made_by") != self._made_by or not isinstance(seq, int):
            return False
        lines = await self._vault.events(after=seq - 1, limit=1)
        return bool(lines) and lines[0].seq == seq and _digest(lines[0]) == props.get("line")

    async def _write(self, root: str, space: Space, lines: Sequence[Event]) -> None:
        drawings = await self._drawn(root, lines)
        batch, last = Drawing(), None
        for line, new in zip(lines, drawings, strict=True):
            if _is_first(line):
                if new is not None:
                    batch.add(new)
                    last = line
                if batch.size < _BATCH:
                    continue
            await self._put(root, space, batch, last)
            batch, last = Drawing(), None
            if line.action == "compact":  # of a version before this one nothing is to be left in the file either
                await self._store.remove(root)
            if not _is_first(line) and (new is not None or line.action in _HIDES or _takes_away(line, root)):
                await self._change(root, space, line, new)
        await self._put(root, space, batch, last)

    async def _drawn(self, root: str, lines: Sequence[Event]) -> list[Drawing | None]:
        """What each line leaves of its memory; None: nothing."""

        def draw() -> list[Drawing | None]:
            return [self._draw(root, line) for line in self._lens.lines(lines)]

        return draw() if len(lines) < _FEW else await to_thread.run_sync(draw)

    def _draw(self, root: str, line: Event) -> Drawing | None:
        cube = line.cube
        if line.action not in _SHOWS or cube is None or _is_hidden(cube, root):
            return None
        return drawn(cube, line.version, self._mentions.of(cube))

    async def _put(self, root: str, space: Space, batch: Drawing, last: Event | None) -> None:
        """Write whole memories at the position of a line."""
        if last is None:
            return
        await self._stubbed(root, batch)
        space.classes |= batch.classes
        nodes = [*batch.nodes.values(), self._lane(last)]
        await self._store.upsert(root, nodes, list(batch.edges.values()), seq=2 * last.seq)

    async def _change(self, root: str, space: Space, line: Event, new: Drawing | None) -> None:
        """Write what a line made of a memory that may be there."""
        me, new = memory_node(line.subject), new or Drawing()
        old = await self._old(root, me)
        space.losses += 1
        if old.node is None and not new.nodes:
            space.many.clear()  # somebody else took it away
            return
        if new.nodes and old.node == new.nodes[me] and old.out == {k: e for k, e in new.edges.items() if k[0] == me}:
            return
        lost = {key: edge for key, edge in old.out.items() if key not in new.edges}
        gone = [edge.target for edge in lost.values() if edge.target.startswith("relation:")]
        if not new.nodes:
            if line.action != "forget" and old.linked:
                new.nodes[me] = stub(me)
            else:
                gone.append(me)
        await self._stubbed(root, new)
        gone += await self._orphans(root, space, lost.values(), {me, *gone}, new)
        if lost or gone:
            await self._store.remove(root, gone, list(lost.values()), seq=2 * line.seq - 1)
        space.classes |= new.classes
        nodes = [*new.nodes.values(), self._lane(line)]
        await self._store.upsert(root, nodes, list(new.edges.values()), seq=2 * line.seq)

    async def _stubbed(self, root: str, batch: Drawing) -> None:
        """Give the memories that are linked to, and not there, a node that nobody sees."""
        ends = batch.ends()
        there = {near.node.id for near in await self._store.get(Seen((root,)), ends)} if ends else set[str]()
        batch.nodes |= {end: stub(end) for end in ends if end not in there}

    async def _old(self, root: str, me: str) -> _Old:
        every = Seen((root,))
        found = await self._store.get(every, [me])
        if not found:
            return _Old(None, {}, linked=False)
        around = await self._store.neighbours(every, [me], limit=_EVERY)
        out = {(e.source, e.kind, e.target): e for e in around.edges if e.source == me}
        return _Old(found[0].node, out, linked=any(edge.target == me for edge in around.edges))

    async def _orphans(
        self, root: str, space: Space, lost: Collection[Edge], leaving: set[str], new: Drawing
    ) -> list[str]:
        """What no other memory has: nothing is left of it either."""
        orphans = list[str]()
        speakers = [edge.target for edge in lost if edge.kind == SAID_BY]
        shared = [edge.target for edge in lost if is_shared(edge.target)]
        classes = [drawing.class_node(speaker.split(":", 2)[1]) for speaker in speakers]
        ends = [edge.target for edge in lost if edge.kind in LINKS]
        linked = await self._store.get(Seen((root,)), ends) if ends else []
        stubs = [near.node.id for near in linked if near.node.access == NOBODY]
        for node in dict.fromkeys((*shared, *classes, *stubs)):
            if node not in new.nodes and not await self._others(root, space, node, leaving):
                orphans.append(node)
                leaving.add(node)
        return orphans

    async def _others(self, root: str, space: Space, node: str, leaving: Collection[str]) -> bool:
        """Has any other memory a thing? Of what many have, it is asked again when that many may be gone."""
        left = space.many.get(node, 0) - 1
        if left > 0:
            space.many[node] = left
            return True
        space.many.pop(node, None)
        around = await self._store.neighbours(Seen((root,)), [node], direction="in", limit=_MANY + len(leaving))
        others = sum(near.node.id not in leaving for near in around.nodes)
        if others >= _MANY:
            space.many[node] = others
        return bool(others)

    def _lane(self, line: Event) -> Node:
        """Says who drew this, and up to which line of which log."""
        props = {"made_by": self._made_by, "seq": line.seq, "line": _digest(line)}
        return Node(_LANE, "lane", "", NOBODY, props)


def _counts(event: Event) -> bool:
    """Is a line about a memory? What a branch changes is asked of with its original as it was, and that is past."""
    return bool(event.seq and event.subject) and not is_over(event.path)


def _is_first(line: Event) -> bool:
    """Does a line write a memory that was not there?"""
    return line.action in ("remember", "put") and line.version == 1


def _is_hidden(cube: MemCube, root: str) -> bool:
    return bool(cube.quarantined) or cube.state in SHELVED or root_of(cube.path) != root


def _takes_away(line: Event, root: str) -> bool:
    """Does a line of which nothing is drawn say that a memory is not recalled, or not shown, any more?"""
    return line.state in SHELVED or (line.cube is not None and (line.action in _SHOWS or _is_hidden(line.cube, root)))


def _digest(line: Event) -> str:
    return blake2b(f"{line.at.isoformat()} {line.action} {line.subject}".encode(), digest_size=12).hexdigest()
