"""Lanes asked together: whoever fails, and whenever, the others answer."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from memos_mcp.cube import Ref
from memos_mcp.errors import InvalidInput, MemosError, Unavailable
from memos_mcp.operation.lanes import CANDIDATES, Lanes, Ranking
from memos_mcp.operation.operator import LINK, WORDS_RECALL
from memos_mcp.ports import Event, Where
from memos_mcp.search import Found, Hit, Lane, MemoryCall, Traits

pytestmark = pytest.mark.anyio
CALL = MemoryCall("q", "q")
REQUEST = MemoryCall("q", "q", question_kind="request")
WHERE = Where(("user/ada",))


@dataclass
class Fixed:
    """A route that finds its first `found` memories and knows the scores of all; it fails where it is told to."""

    name: str
    scores: Mapping[str, float]
    found: int = 100
    fails: frozenset[str] = frozenset()
    links: Mapping[str, float] = field(default_factory=dict[str, float])
    versions: Mapping[str, int] = field(default_factory=dict[str, int])
    pending: int = 0
    searched: int = 10
    speakers: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list[str])
    limit: int = 0

    def _does(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise Unavailable(f"{self.name} cannot {what}")

    def _ref(self, key: str) -> Ref:
        return Ref(id=key, version=self.versions.get(key, 1))

    async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
        await anyio.lowlevel.checkpoint()
        self._does("find")
        self.limit = limit
        best = sorted(self.scores.items(), key=lambda item: -item[1])[: self.found]
        return Found(tuple(Hit(self._ref(key), score, self.name) for key, score in best), self.searched, self.pending)

    async def score(self, call: MemoryCall, where: Where, refs: Sequence[Ref], near: Sequence[Ref] = ()) -> list[Hit]:
        self._does("link" if near else "score")
        if near:
            return [Hit(ref, 0.0, self.name, Traits(link=self.links[ref.id])) for ref in refs if ref.id in self.links]
        known = [ref for ref in refs if ref == self._ref(ref.id)]
        return [Hit(ref, self.scores[ref.id], self.name) for ref in known if ref.id in self.scores]

    async def people(self, where: Where) -> frozenset[str]:
        self._does("people")
        return self.speakers

    async def apply(self, events: Sequence[Event]) -> None:
        self._does("apply")

    async def reset(self) -> None:
        self._does("reset")

    def lane(self) -> Lane:
        return Lane(self.name, on=True, pending=self.pending)


def words(**more: object) -> Fixed:
    return Fixed("words", {"a": 0.4, "b": 0.2, "c": 0.0}, **more)  # pyright: ignore[reportArgumentType] - by field


def meanings(**more: object) -> Fixed:
    return Fixed("vectors", {"a": 0.1, "b": 0.3, "d": 0.9}, **more)  # pyright: ignore[reportArgumentType] - by field


async def rank(*routes: Fixed, call: MemoryCall = CALL, limit: int = 10) -> Ranking:
    return await Lanes(routes).rank(call, WHERE, limit)


def order(ranking: Ranking) -> list[str]:
    return [each.ref.id for each in ranking.fused]


async def test_what_one_lane_found_is_scored_by_all() -> None:
    ranking = await rank(words(found=1), meanings(found=1))
    assert set(order(ranking)) == {"a", "d"}
    (a,) = (each for each in ranking.fused if each.ref.id == "a")
    assert a.lanes == {"words": 0.4, "vectors": 0.1}
    assert a.score == pytest.approx(WORDS_RECALL * 0.4 + 0.1)
    assert (ranking.missing, ranking.searched, ranking.pending) == ((), 10, 0)


async def test_at_least_so_many_candidates_are_looked_for() -> None:
    for limit, most in ((5, CANDIDATES), (CANDIDATES + 30, CANDIDATES + 30)):
        route = words()
        await rank(route, limit=limit)
        assert route.limit == most


@pytest.mark.parametrize("fails", ["find", "score", "link"])
async def test_a_lane_that_fails_is_named_and_the_other_answers(fails: str) -> None:
    ranking = await rank(words(), meanings(fails=frozenset({fails})))
    assert [(m.route, m.why) for m in ranking.missing] == [("vectors", f"vectors cannot {fails}")]
    assert order(ranking)[-1] == "c"
    assert {"a", "b", "c"} <= set(order(ranking))


async def test_what_a_lane_found_before_it_failed_still_counts() -> None:
    ranking = await rank(words(), meanings(fails=frozenset({"score"})))
    (d,) = (each for each in ranking.fused if each.ref.id == "d")
    assert d.lanes == {"vectors": 0.9}


async def test_a_lane_that_failed_to_find_is_not_asked_to_score() -> None:
    route = meanings(fails=frozenset({"find"}))
    await rank(words(), route)
    assert route.asked == ["find"]


@pytest.mark.parametrize("fails", ["find", "score", "link"])
async def test_if_all_fail_to_find_recall_fails_else_what_was_found_stays(fails: str) -> None:
    both = [each(fails=frozenset({fails})) for each in (words, meanings)]
    if fails == "find":
        with pytest.raises(MemosError, match="cannot find"):
            await rank(*both)
        return
    ranking = await rank(*both)
    assert set(order(ranking)) == {"a", "b", "c", "d"}
    assert {m.route for m in ranking.missing} == {"words", "vectors"}


async def test_nothing_found_is_an_empty_ranking() -> None:
    ranking = await rank(Fixed("words", {}), Fixed("vectors", {}))
    assert (ranking.fused, ranking.searched) == ((), 10)


@pytest.mark.parametrize("call", [CALL, REQUEST])
async def test_the_order_of_the_lanes_does_not_matter(call: MemoryCall) -> None:
    lanes = [
        words(links={"c": 1.0}),
        meanings(pending=3, searched=7),
        Fixed("graph", {"e": 0.5, "a": 0.2}, fails=frozenset({"score"})),
    ]
    rankings = [await rank(*routes, call=call) for routes in itertools.permutations(lanes)]
    assert all(ranking == rankings[0] for ranking in rankings)
    assert (rankings[0].searched, rankings[0].pending) == (10, 3)


async def test_links_raise_what_is_near_to_the_best_in_recall_only() -> None:
    without, linked = await rank(words()), await rank(words(links={"c": 1.0}))
    gained = [
        each.score - other.score
        for each in linked.fused
        for other in without.fused
        if each.ref == other.ref and each.ref.id == "c"
    ]
    assert gained == pytest.approx([LINK])
    assert await rank(words(links={"c": 1.0}), call=REQUEST) == await rank(words(), call=REQUEST)


async def test_of_two_versions_that_were_found_the_newer_one_counts() -> None:
    for routes in (
        (words(), meanings(versions={"a": 2})),
        (words(versions={"a": 2}), meanings()),
    ):
        ranking = await rank(*routes)
        assert [each.ref.version for each in ranking.fused if each.ref.id == "a"] == [2]


async def test_people_are_those_of_every_lane_that_answers() -> None:
    routes = [
        words(speakers=frozenset({"Ada"})),
        meanings(speakers=frozenset({"Ben"})),
        Fixed("graph", {}, fails=frozenset({"people"})),
    ]
    assert await Lanes(routes).people(WHERE) == {"Ada", "Ben"}
    assert await Lanes(routes[2:]).people(WHERE) == frozenset()


async def test_a_lane_that_cannot_follow_does_not_keep_the_others_from_it() -> None:
    routes = [words(fails=frozenset({"apply"})), meanings()]
    await Lanes(routes).apply([])
    assert [route.asked for route in routes] == [["apply"], ["apply"]]


async def test_lanes_are_chosen_by_name() -> None:
    lanes = Lanes([words(), meanings()])
    assert [lane.name for lane in lanes.chosen(["vectors"]).states()] == ["vectors"]
    assert lanes.chosen([]) is lanes
    with pytest.raises(InvalidInput, match=r"no lane 'graph'.*words, vectors"):
        lanes.chosen(["words", "graph"])


async def test_a_lane_waits_for_no_other() -> None:
    """Both find at once: one that needs the other to begin does not wait for ever."""
    begun = anyio.Event()

    class Waiting(Fixed):
        async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
            await begun.wait()
            return await super().find(call, where, limit)

    class Beginning(Fixed):
        async def find(self, call: MemoryCall, where: Where, limit: int) -> Found:
            begun.set()
            return await super().find(call, where, limit)

    for routes in itertools.permutations([Waiting("words", {"a": 0.1}), Beginning("vectors", {"a": 0.1})]):
        with anyio.fail_after(5):
            assert order(await rank(*routes)) == ["a"]
