"""The graph route: memories that have, or are next to what has, the things that a question names.

The graph is a projection of the log in a GraphStore: a file of its own, or a server that may be down. Whoever asks
walks only over memories that he may read now; the past is not asked of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence

from memos_graph.model import Neighbourhood, Seen
from memos_graph.store import GraphStore
from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput
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
from memos_mcp.infrastructure.governance import root_of
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
_KEPT = 16  # questions whose walks are kept for a moment


class Graph:
    """Route and projection over a GraphStore, which it closes in the end.

    A store that is down fails `find` at once, and no write: what it missed is caught up from the log.
    """

    name = "graph"

    def __init__(self, vault: MemoryAdapter, store: GraphStore, mentions: Mentions, *, lens: Lens = CLEAR) -> None:
        self._vault = vault
        self._store = store
        self._spaces = Spaces(vault, store, mentions, lens)
        self._permitted: OrderedDict[Hashable, dict[str, bool]] = OrderedDict()
        self._walks: OrderedDict[Hashable, dict[str, Close]] = OrderedDict()
        self._hubs: OrderedDict[Hashable, set[str]] = OrderedDict()
        self._followed: tuple[Where, dict[str, Space], int] | None = None
        self._found: Where | None = None

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        """The best `limit` memories. Cost, embedded: 7 ms at 10,000 memories, 2 ms if a question names rare things."""
        _check(where)
        if _is_past(where):
            return Found((), 0)
        if self._found is where:  # once more: the log may have gone on
            self._followed = None
        self._found = where
        spaces, searched = await self._under(where)
        walk = await self._walked(call, where, spaces)
        best = sorted(walk.values(), key=lambda close: close.order)[:limit]
        hits = (Hit(Ref(id=each.id, version=each.version), each.score, self.name) for each in best)
        return Found(tuple(hits), searched)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        """Scores of those that the walk reaches; with `near`, of those that links lead to from them."""
        _check(where)
        if _is_past(where) or not refs:
            return []
        spaces, _ = await self._under(where)
        walk = await self._walked(call, where, spaces)
        links = await self._linked(where, spaces, near) if near else None
        hits: list[Hit] = []
        for ref in refs:
            close = walk.get(memory_node(ref.id))
            if close is None or ref.version not in (None, close.version):
                continue
            link = 0.0 if links is None else links.get(memory_node(ref.id), 0.0)
            if links is None or link:
                traits = Traits(author=close.author, link=link, priority=_priority(spaces, close.access))
                hits.append(Hit(ref, close.score, self.name, traits))
        return hits

    async def people(self, where: Where) -> frozenset[str]:
        """Everybody whose words are seen. Cost: 0.3 ms."""
        _check(where)
        if _is_past(where):
            return frozenset()
        spaces, _ = await self._under(where)
        classes = [class_node(word) for word in self._seen(where, spaces)]
        with translated():
            found = await self._store.neighbours(Seen(tuple(spaces)), classes, kinds=(UNDER,), direction="in")
        return frozenset(near.node.label for near in found.nodes)

    async def apply(self, events: Sequence[Event]) -> None:
        """Follow these lines; a store that does not answer is caught up later, and nobody waits for it."""
        self._followed = None
        await self._spaces.apply(events)

    async def reset(self) -> None:
        """Clear the store and draw everything again from the log. Raises Unavailable, Corrupt."""
        self._followed = None
        self._walks.clear()
        await self._spaces.reset()

    def lane(self) -> Lane:
        """State for `status`: while the store is down, how many lines wait for it, and why."""
        return Lane(self.name, on=True, pending=sum(self._spaces.waiting.values()), why=self._spaces.why)

    async def aclose(self) -> None:
        """Close the store."""
        with translated():
            await self._store.aclose()

    async def _under(self, where: Where) -> tuple[dict[str, Space], int]:
        """The spaces in which memories are seen, and how many are; asked again within a recall, the very same."""
        known = self._followed
        if known is None or known[0] is not where:
            counts = await self._vault.count(where.paths, permit=where.permit)
            spaces = await self._spaces.under(dict.fromkeys(root_of(path) for path in counts))
            known = self._followed = (where, spaces, sum(counts.values()))
        return known[1], known[2]

    def _seen(self, where: Where, spaces: Mapping[str, Space]) -> frozenset[str]:
        """The access classes that may be walked, but for what memories share."""
        seen = set[str]()
        for space in spaces.values():
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

    async def _walked(self, call: MemoryCall, where: Where, spaces: Mapping[str, Space]) -> dict[str, Close]:
        """What a question reaches; kept for a moment, as a question is first asked, then scored."""
        classes = self._seen(where, spaces)
        key = call.query, classes, tuple((root, space.seq) for root, space in spaces.items())
        known = self._walks.get(key)
        if known is None:
            known = await self._walk(call.query, classes, spaces) if classes else {}
            self._walks[key] = known
            while len(self._walks) > _KEPT:
                self._walks.popitem(last=False)
        return known

    async def _walk(self, question: str, classes: frozenset[str], spaces: Mapping[str, Space]) -> dict[str, Close]:
        names = names_in(question, _MOST_WORDS)
        seen = Seen(tuple(spaces), classes | {OPEN})
        with translated():
            direct = named(await self._having(seen, names, spaces, _NAMED)) if names else {}
            best = sorted(direct, key=lambda node: direct[node].order)[:_BRIDGES]
            if not best:
                return direct
            first = await self._store.neighbours(seen, best, kinds=WALKED)
            things = [near.node.id for near in first.nodes if near.node.kind != "memory"]
            second = await self._having(seen, things, spaces, _BESIDE)
            bridges = {node: direct[node] for node in best}
            return nearest(direct, beside(first, second, bridges))

    async def _having(self, seen: Seen, things: Sequence[str], spaces: Mapping[str, Space], most: int) -> Neighbourhood:
        """The memories that have some of these things, but for what more than `most` have."""

        async def having(of: Seen, some: Sequence[str], limit: int) -> Neighbourhood:
            return await self._store.neighbours(of, some, kinds=THINGS, direction="in", limit=limit)

        classes = seen.classes or frozenset()
        hubs = self._hubs_of((most, classes, *((root, space.losses) for root, space in spaces.items())))
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

    async def _linked(self, where: Where, spaces: Mapping[str, Space], near: Sequence[Ref]) -> dict[str, float]:
        """The memories that links lead to, from these or to these."""
        seen, ids = Seen(tuple(spaces), self._seen(where, spaces)), [memory_node(ref.id) for ref in near]
        with translated():
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
