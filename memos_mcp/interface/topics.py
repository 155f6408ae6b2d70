"""Topics: what memories are about, as a tree of topic, concept and fact, and summed up (long paper §5.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from anyio import to_thread

from memos_mcp.cube import MemCube, Plaintext, Ref, State
from memos_mcp.errors import Conflict, InvalidInput, NotFound
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.cubes import from_class, named
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.topic_reading import looked, read, reckoned, worded
from memos_mcp.interface.topics_summary import (
    TAG,
    Summary,
    alike,
    is_summary,
    key_of,
    origin_of,
    orphaned,
    rules_again,
    rules_of,
    staleness,
    subject_of,
    text_of,
)
from memos_mcp.operation.annotating import DENIED, Annotation, annotated
from memos_mcp.operation.topic_tree import Branch, Fact, Topic, shown
from memos_mcp.ports import Change, Name, Which

_MOST = 100
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Tree:
    """Topics, those of the most memories first, then clusters of what has none; `after` continues, 0 at the end.

    `memories` were looked at, `loose` of them hang nowhere; `partly`: there are more, and the newest were read.
    """

    topics: tuple[Topic, ...]
    paths: tuple[str, ...]
    memories: int
    loose: int
    partly: bool
    after: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """Memories without a topic that share something rare, and what that is."""

    name: str
    memories: int
    facts: tuple[Fact, ...]


@recorded("topics.")
class Topics:
    """What memories are about. Hangs off `Memos.topics`.

    A tree is made of what the caller may read, as he sees it, and of nothing else. Summaries are not part of it.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def tree(
        self,
        path: str | None = None,
        *,
        topic: str = "",
        depth: int = 2,
        breadth: int = 10,
        limit: int = 20,
        after: int = 0,
    ) -> Tree:
        """The topics of what lies beneath the path, or of all that may be read: at depth 2 with concepts, at 3 facts.

        One `topic` or cluster alone, if named; `breadth` is how many concepts, and facts of each, are told. Read from
        the graph: 0.1 ms a memory. Where there is none, or it is behind, and on branches: 0.5 ms a memory, 0.1 ms the
        next time, of the newest 5,000. Raises InvalidInput, Denied.
        """
        checks.check_range("depth", depth, _DEEPEST)
        checks.check_range("breadth", breadth, _MOST)
        checks.check_range("limit", limit, _MOST)
        where = await self._on.readable(path)
        every = await looked(self._on, where)
        wanted = [each for each in every.branches if not topic or each.name.casefold() == topic.casefold()]
        told = [shown(each, depth, breadth) for each in wanted[after : after + limit]]
        words = await worded(self._on, every, (fact for each in told for held in each.concepts for fact in held.facts))
        held = {leaf.fact.id for each in every.branches for leaf in each.leaves}
        more = after + limit if len(wanted) > after + limit else 0
        topics = tuple(_worded(each, words) for each in told)
        return Tree(topics, where.paths, every.memories, every.memories - len(held), every.partly, more)

    async def clusters(self, path: str | None = None, *, breadth: int = 10, limit: int = 20) -> tuple[Gathered, ...]:
        """What lies beneath the path without a topic, put together by what it shares; the largest first. As `tree`."""
        checks.check_range("breadth", breadth, _MOST)
        checks.check_range("limit", limit, _MOST)
        every = await looked(self._on, await self._on.readable(path))
        found = [each for each in every.branches if each.cluster][:limit]
        words = await worded(self._on, every, (leaf.fact for each in found for leaf in each.leaves[:breadth]))
        return tuple(
            Gathered(each.name, len(each.leaves), _said((leaf.fact for leaf in each.leaves[:breadth]), words))
            for each in found
        )

    async def annotate(self, id: str) -> Annotation:
        """What is noted of a memory: tags that were set, topics that are predicted, source, credibility, sentiment.

        Raises NotFound, InvalidInput.
        """
        return annotated(await self._on.one(Ref(id=checks.check_id(id))))

    async def confirm(self, id: str, topic: str, *, expect: int | None = None, reason: str = "") -> MemCube:
        """Set a topic as a tag: it is about this, and no longer only predicted to be. A new version.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return await self._tagged(id, topic, f"{DENIED}{topic.strip()}", expect, reason)

    async def deny(self, id: str, topic: str, *, expect: int | None = None, reason: str = "") -> MemCube:
        """Say that it is not about this, by the tag `-topic`: the tag of that name goes, and it is not predicted again.

        Raises NotFound, Denied, Conflict, InvalidInput.
        """
        return await self._tagged(id, f"{DENIED}{topic.strip()}", topic.strip(), expect, reason)

    async def summarise(self, topic: str, path: str | None = None, *, reason: str = "") -> Summary:
        """Sum up what lies at the path about a topic, a tag or a cluster: a memory that leads back to its sources.

        An extract: their most central sentences. It has the rules of its sources; where those differ, it is made of
        the most that have the same. Made again, it is a new version of the same memory. Raises InvalidInput, Denied,
        NotFound (nothing is about it), Conflict.
        """
        home, about, why = self._on.writable(path), _topic(topic), checks.check_reason(reason)
        if self._on.branch_at:
            raise InvalidInput("a branch has no summaries of its own: merge it, then summarise")
        name = Name(home, self._on.guard.check_key(checks.check_key(key_of(about, self._on.caller.user))))
        found = _about(about, *await self._grown(home))
        if not found:
            raise NotFound(f"{self._on.caller.user} finds nothing at {home} about {about!r}; topics.tree lists topics")

        async def attempt() -> MemCube:
            cube, first = await self._made(name, about, alike(found))
            change = Change("put", cube.id, cube, expect=cube.version - 1, reason=why)
            return await self._on.written(change, cube, first)

        cube = await self._on.repeated(attempt, None)
        if await orphaned(self._on.vault, cube):
            await self._on.commit(Change("forget", cube.id, reason="a source went while it was made"))
            raise Conflict(f"what lies at {home} about {about!r} changed meanwhile: repeat")
        return await self._as_it_is(cube, found)

    async def summaries(self, path: str | None = None, *, limit: int = 20) -> tuple[Summary, ...]:
        """The summaries beneath the path, newest first, each with why it is out of date, if it is. Raises Denied.

        Those that a source has gone from, as when a hold was lifted since, are forgotten now if the caller may do that.
        """
        checks.check_range("limit", limit, _MOST)
        rows = await self._on.scan(await self._on.readable(path), Which(tags=(TAG,)), limit=_MOST)
        cubes = [cube for _, each in rows if is_summary(each) and (cube := self._on.shown(each))]
        cubes = [cube for cube in cubes if not cube.quarantined and not await self._ended(cube)][:limit]
        here = {path: await self._grown(path) for path in dict.fromkeys(cube.path for cube in cubes)}
        return tuple([await self._as_it_is(cube, _about(subject_of(cube), *here[cube.path])) for cube in cubes])

    async def _ended(self, cube: MemCube) -> bool:
        """Finish what a source began when it went: True if the summary is forgotten now."""
        fixed = cube.governance.held or cube.state is State.FROZEN or bool(self._on.branch_at)
        if fixed or not await orphaned(self._on.vault, cube) or not self._on.governs(cube.path, cube.governance):
            return False
        await self._on.commit(Change("forget", cube.id, reason="a source is gone"))
        return True

    async def _tagged(self, id: str, tag: str, other: str, expect: int | None, reason: str) -> MemCube:
        """A version with one tag and without another; none if nothing changes."""
        why = checks.check_reason(reason)
        (label,) = self._on.guard.labels(checks.check_tags([tag]))

        async def attempt() -> MemCube:
            old = await self._on.one(Ref(id=checks.check_id(id)))
            self._on.check("write", old)
            if expect not in (None, old.version):
                raise Conflict(f"memory {id} is at version {old.version}, not {expect}: read it again, then repeat")
            without = [each for each in old.tags if each.casefold() not in (label.casefold(), other.casefold())]
            tags = checks.check_tags([*without, label])
            if tags == old.tags:
                return old
            cube = old.model_copy(update={"version": old.version + 1, "tags": tags})
            return await self._on.written(Change("update", id, cube, expect=old.version, reason=why), cube)

        return await self._on.repeated(attempt, expect)

    async def _grown(self, home: str) -> tuple[list[MemCube], list[Branch]]:
        """What lies at the very path, and the tree of that."""
        cubes, _ = await read(self._on, await self._on.readable(home), at=home)
        return cubes, await to_thread.run_sync(reckoned, cubes)

    async def _made(self, name: Name, topic: str, sources: Sequence[MemCube]) -> tuple[MemCube, list[Change]]:
        """The summary, or its next version, and what has to be changed first: its rules. Raises Denied, Conflict."""
        on, user = self._on, self._on.caller.user
        old = next(iter(await on.vault.get([name])), None)
        first: list[Change] = []
        rules = rules_of(sources, user)
        if old is not None:
            if not is_summary(old):
                raise Conflict(f"the key {name.key!r} at {name.path} is in use: rename or forget what has it")
            old, first = on.put_again(old, name.key, None)
            on.check("govern", old)
            rules = rules_again(rules, old.governance)
            ruled = Change("govern", old.id, old.model_copy(update={"governance": rules}), reason="as of its sources")
            first += [ruled] if rules != old.governance else []
        whence = origin_of(topic, sources, user, "")
        words = Plaintext(text=text_of(topic, sources))
        payload, doubts = await on.guard.payload(words, whence.source_class, name.key)
        tags = checks.check_tags([TAG, topic])
        cube = named(name, payload, old, owner=user, kind="document", tags=tags, now=on.clock(), end=rules.expires_at)
        origin = whence.model_copy(update={"provenance": cube.id})
        cube = from_class(cube.model_copy(update={"origin": origin, "governance": rules}), whence.source_class, doubts)
        return cube, first

    async def _as_it_is(self, cube: MemCube, about: Sequence[MemCube]) -> Summary:
        """A summary with what became of its sources, as far as the caller sees them."""
        there = await self._on.vault.get([Ref(id=ref.id) for ref in cube.origin.derived_from])
        now = [each for each in there if self._on.would("read", each).allowed and not each.quarantined]
        taken = alike(about) if about else []
        left, model = len(about) - len(taken), cube.origin.model or ""
        return Summary(cube, subject_of(cube), cube.origin.derived_from, staleness(cube, now, taken), left, model)


def _worded(topic: Topic, words: Mapping[str, Fact]) -> Topic:
    concepts = (replace(each, facts=_said(each.facts, words)) for each in topic.concepts)
    return replace(topic, concepts=tuple(concepts))


def _said(facts: Iterable[Fact], words: Mapping[str, Fact]) -> tuple[Fact, ...]:
    return tuple(words[fact.id] for fact in facts if fact.id in words)


def _about(topic: str, cubes: Sequence[MemCube], branches: Sequence[Branch]) -> list[MemCube]:
    """The memories of a topic, tag or cluster."""
    branch = next((each for each in branches if each.name.casefold() == topic.casefold()), None)
    ids = {leaf.fact.id for leaf in branch.leaves} if branch else set[str]()
    return [cube for cube in cubes if cube.id in ids]


def _topic(given: str) -> str:
    (topic,) = checks.check_tags([given])
    return topic
