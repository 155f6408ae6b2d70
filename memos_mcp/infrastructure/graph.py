"""The graph route: memories that have, or are next to what has, the things that a question names.

The graph is a projection of the log in a GraphStore: a file of its own, or a server that may be down. Whoever asks
walks only over memories that he may read now; the past is not asked of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import anyio

from memos_graph.model import Neighbourhood, Seen
from memos_graph.store import GraphStore
from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, MemosError, Unavailable
from memos_mcp.infrastructure.drawing import (
    LINKS,
    OPEN,
    THINGS,
    UNDER,
    WALKED,
    Access,
    class_node,
    memory_node,
    names_in,
)
from memos_mcp.infrastructure.follower import Follower
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.infrastructure.identities import Names, names_of
from memos_mcp.infrastructure.lens import CLEAR, Lens
from memos_mcp.infrastructure.mentions import Mentions
from memos_mcp.infrastructure.nearness import Close, beside, least_shared, named, nearest
from memos_mcp.infrastructure.spaces import Space, Spaces, translated
from memos_mcp.ports import MAIN, Event, MemoryAdapter, Permit, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall, Traits

_MOST_WORDS = 64  # of a question; a pasted page is searched by its first ones
_NAMED, _BESIDE = 200, 20  # memories that have a thing; what more have chooses none of them
_AT_ONCE = 10  # times as many are asked for together
_BRIDGES = 5  # of which it is asked what is next to them: as many as links are followed from in a recall
_PERMITS = 1024
_IS_BUSY = "the graph is busy following the log: ask again"
_KEPT = 16  # questions whose walks are kept for a moment
_ERASING = ("forget", "compact", "depart")
_PATIENCE = 0.5  # seconds that a question, or who forgets, waits for what the background does
_BUSY = 2.0  # seconds until a question waits again, after one did in vain


@dataclass(frozen=True, slots=True)
class Under:
    """What lies beneath a place for who asks: the spaces, the names that are one there, how many memories he sees."""

    where: Where
    spaces: Mapping[str, Space]
    names: Names
    searched: int

    @property
    def key(self) -> Hashable:
        """Equal while nothing changed that a walk could tell."""
        return tuple((root, space.seq) for root, space in self.spaces.items()), self.names.key


class Graph:
    """Route and projection over a GraphStore, which it closes in the end.

    A store that is down fails `find` at once, and no write: what it missed is caught up from the log. With
    `background` nobody who stores anything waits for it; only what is forgotten goes before the answer, if it can.
    A question is given up after `timeout` seconds.
    """

    name = "graph"

    def __init__(
        self,
        vault: MemoryAdapter,
        store: GraphStore,
        mentions: Mentions,
        *,
        lens: Lens = CLEAR,
        background: bool = False,
        timeout: float | None = None,
    ) -> None:
        self.reads = mentions.version
        self._vault = vault
        self._store = store
        self._spaces = Spaces(vault, store, mentions, lens)
        self._follower = Follower(self._spaces) if background else None
        self._timeout = timeout
        self._busy = -1.0
        self._permitted: OrderedDict[Hashable, dict[str, bool]] = OrderedDict()
        self._walks: OrderedDict[Hashable, dict[str, Close]] = OrderedDict()
        self._hubs: OrderedDict[Hashable, set[str]] = OrderedDict()
        self._people: OrderedDict[Hashable, frozenset[str]] = OrderedDict()
        self._followed: Under | None = None
        self._found: Where | None = None

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The best `limit` memories. Cost, embedded: 7 ms at 10,000 memories, 2 ms if a question names rare things."""
        _check(where)
        if _is_past(where):
            return Found((), 0)
        if self._found is where:  # once more: the log may have gone on
            self._followed = None
        self._found = where
        under = await self.under(where)
        walk = await self._walked(call, under)
        best = sorted(walk.values(), key=lambda close: close.order)[:limit]
        hits = (Hit(Ref(id=each.id, version=each.version), each.score, self.name) for each in best)
        return Found(tuple(hits), under.searched)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """Scores of those that the walk reaches; with `near`, of those that links lead to from them."""
        _check(where)
        if _is_past(where) or not refs or (near and call.question_kind == "request"):
            return []
        under = await self.under(where)
        walk = await self._walked(call, under)
        links = await self._linked(under, near) if near else None
        hits: list[Hit] = []
        for ref in refs:
            close = walk.get(memory_node(ref.id))
            if close is None or ref.version not in (None, close.version):
                continue
            link = 0.0 if links is None else links.get(memory_node(ref.id), 0.0)
            if links is None or link:
                traits = Traits(author=close.author, link=link, priority=_priority(under.spaces, close.access))
                hits.append(Hit(ref, close.score, self.name, traits))
        return hits

    async def people(self, where: Where) -> frozenset[str]:
        """Everybody whose words are seen. Cost: 0.3 ms, once between two changes."""
        _check(where)
        if _is_past(where):
            return frozenset()
        under = await self.under(where)
        seen = self.seen(under)
        if not seen:
            return frozenset()
        key = seen, under.key
        known = self._people.get(key)
        if known is None:
            classes, spaces = [class_node(word) for word in seen], Seen(tuple(under.spaces))
            with self.asking(under):
                found = await self._store.neighbours(spaces, classes, kinds=(UNDER,), direction="in")
            known = self._people[key] = frozenset(near.node.label for near in found.nodes)
            while len(self._people) > _KEPT:
                self._people.popitem(last=False)
        return known

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines; a store that does not answer is caught up later, and nobody waits for it."""
        self._followed = None
        if self._follower is None:
            await self._spaces.apply(events)
            return
        if any(event.action in _ERASING for event in events):
            with anyio.move_on_after(0 if self._spaces.down else _PATIENCE) as waited:
                await self._spaces.apply(events)
            if waited.cancelled_caught or self._spaces.late:
                await self._dropped(events)
        self._follower.wake()

    async def _dropped(self, events: Sequence[Event]) -> None:
        """Clear the graphs from which too much is to go for anybody to wait for; `why` says it if that fails too."""
        for root in dict.fromkeys(root_of(event.path) for event in events if event.action in _ERASING):
            with suppress(MemosError):
                await self._spaces.drop(root)

    async def reset(self) -> None:
        """Clear the store and draw everything again from the log. Raises Unavailable, Corrupt."""
        self._followed = None
        self._walks.clear()
        await self._spaces.reset()

    def lane(self) -> Lane:
        """State for `status`: while the store is down, how many lines wait for it, and why."""
        if self._follower is not None:
            self._follower.start()
        spaces, busy = self._spaces, self._follower is not None and self._follower.busy
        return Lane(self.name, on=True, pending=sum(spaces.waiting.values()), why=spaces.why, busy=busy)

    @property
    def store(self) -> GraphStore:
        """What is walked, as far as `walkable` says."""
        return self._store

    async def walkable(self, where: Where) -> tuple[Under, Seen]:
        """What may be walked, as new as the log. Raises Unavailable, Corrupt, InvalidInput."""
        _check(where)
        if _is_past(where):
            raise InvalidInput("the graph knows what there is, not what was: ask it of now")
        under = await self.under(where)
        return under, Seen(tuple(under.spaces), self.seen(under) | {OPEN})

    async def aclose(self) -> None:
        """Stop following, in a file after a moment for what is left to do; close the store."""
        if self._follower is not None:
            if self._follower.busy and self._timeout is None:  # a server may be slow: it is caught up the next time
                with anyio.move_on_after(_PATIENCE):
                    await self._follower.follow()
            await self._follower.aclose()
        with translated():
            await self._store.aclose()

    async def under(self, where: Where) -> Under:
        """What lies there, as new as the log; asked again within a recall, the very same. Raises Unavailable."""
        known = self._followed
        if known is None or known.where is not where:
            counts = await self._vault.count(where.paths, permit=where.permit)
            spaces = await self._opened(dict.fromkeys(root_of(path) for path in counts))
            names = await names_of(self._vault.ledger, where)
            known = self._followed = Under(where, spaces, names, sum(counts.values()))
        return known

    async def _opened(self, roots: Iterable[str]) -> dict[str, Space]:
        """The spaces of these roots; nobody waits long for what the background has to do."""
        if self._follower is None:
            return await self._spaces.under(roots)
        self._follower.start()
        if self._spaces.down or not self._spaces.late.isdisjoint(roots):
            raise Unavailable(self._spaces.why)
        if anyio.current_time() < self._busy:
            raise Unavailable(_IS_BUSY)
        try:
            with anyio.fail_after(_PATIENCE):
                return await self._spaces.under(roots)
        except TimeoutError as exc:
            self._busy = anyio.current_time() + _BUSY
            self._follower.wake()
            raise Unavailable(_IS_BUSY) from exc
        except Unavailable:
            self._follower.wake()
            raise

    @contextmanager
    def asking(self, under: Under) -> Generator[None]:
        """Ask the store; one that does not answer is left alone for some seconds. Raises Unavailable, Corrupt."""
        try:
            with anyio.fail_after(self._timeout), translated():
                yield
        except (TimeoutError, Unavailable) as exc:
            why = str(exc) or f"the graph did not answer within {self._timeout:g} s: is it busy, or the network?"
            self._spaces.lost(under.spaces, why)
            if self._follower is not None:
                self._follower.wake()
            raise Unavailable(why) from exc

    def seen(self, under: Under) -> frozenset[str]:
        """The access classes that may be walked, but for what memories share."""
        seen, where = set[str](), under.where
        for space in under.spaces.values():
            seen |= {word for word, access in space.classes.items() if self._is_open(word, access, where)}
        return frozenset(seen)

    def _is_open(self, word: str, access: Access, where: Where) -> bool:
        permit, path = where.permit, access.path
        if not any(path == top or path.startswith(f"{top}/") for top in where.paths):
            return False
        if permit is None:
            return True
        if access.expires is not None and access.expires <= permit.now.timestamp() // 1:
            return False
        return self._allows(permit, word, access)

    def _allows(self, permit: Permit, word: str, access: Access) -> bool:
        known = self._permitted.get(permit.key)
        if known is None:
            known = self._permitted[permit.key] = {}
            while len(self._permitted) > _PERMITS:
                self._permitted.popitem(last=False)
        if word not in known:
            known[word] = permit.allows(access.path, access.rules)
        return known[word]

    async def _walked(self, call: MemoryCall, under: Under) -> dict[str, Close]:
        """What a question reaches; kept for a moment, as a question is first asked, then scored."""
        classes = self.seen(under)
        key = call.query, classes, under.key
        known = self._walks.get(key)
        if known is None:
            known = await self._walk(call.query, classes, under) if classes else {}
            self._walks[key] = known
            while len(self._walks) > _KEPT:
                self._walks.popitem(last=False)
        return known

    async def _walk(self, question: str, classes: frozenset[str], under: Under) -> dict[str, Close]:
        asked, names = names_in(question, _MOST_WORDS), under.names
        if not asked:
            return {}
        seen = Seen(tuple(under.spaces), classes | {OPEN})
        with self.asking(under):
            having = await self._having(seen, names.and_others(asked), under, _NAMED)
            direct = named(names.joined(having, asked))
            best = sorted(direct, key=lambda node: direct[node].order)[:_BRIDGES]
            if not best:
                return direct
            first = await self._store.neighbours(seen, best, kinds=WALKED)
            things = [near.node.id for near in first.nodes if near.node.kind != "memory"]
            second = names.joined(await self._having(seen, names.and_others(things), under, _BESIDE), things)
            bridges = {node: direct[node] for node in best}
            return nearest(direct, beside(names.joined(first, of=having.nodes), second, bridges))

    async def _having(self, seen: Seen, things: Sequence[str], under: Under, most: int) -> Neighbourhood:
        """The memories that have some of these things, but for what more than `most` have."""

        async def having(of: Seen, some: Sequence[str], limit: int) -> Neighbourhood:
            return await self._store.neighbours(of, some, kinds=THINGS, direction="in", limit=limit)

        classes = seen.classes or frozenset()
        hubs = self._hubs_of((most, classes, *((root, space.losses) for root, space in under.spaces.items())))
        some = [thing for thing in things if thing not in hubs]
        found = await having(seen, some, _AT_ONCE * most)
        parts = [found]
        if found.more:
            each = [(Seen((near.space,), classes | {OPEN}), near.node.id) for near in await self._store.get(seen, some)]
            parts = [await having(of, [thing], most + 1) for of, thing in each]
        few, many = least_shared(parts, most)
        hubs |= many
        return few

    def _hubs_of(self, key: Hashable) -> set[str]:
        """What was found to have too many memories, of those that are seen and since one was taken away last."""
        known = self._hubs.setdefault(key, set())
        while len(self._hubs) > _KEPT:
            self._hubs.popitem(last=False)
        return known

    async def _linked(self, under: Under, near: Sequence[Ref]) -> dict[str, float]:
        """The memories that links lead to, from these or to these."""
        seen, ids = Seen(tuple(under.spaces), self.seen(under)), [memory_node(ref.id) for ref in near]
        with self.asking(under):
            found = await self._store.neighbours(seen, ids, kinds=LINKS)
        links: dict[str, float] = {}
        for edge in found.edges:
            for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
                if here in ids:
                    links[there] = max(links.get(there, 0.0), edge.weight)
        return links


def _check(where: Where) -> None:
    if where.branch != MAIN:
        raise InvalidInput(f"the graph route does not know the branch {where.branch!r}")


def _is_past(where: Where) -> bool:
    """A branch shows its original as it was."""
    return where.at is not None or where.fork is not None


def _priority(spaces: Mapping[str, Space], word: str) -> int:
    return next((space.classes[word].rules.priority for space in spaces.values() if word in space.classes), 0)
