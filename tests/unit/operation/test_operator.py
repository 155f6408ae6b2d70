import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Ref
from memos_mcp.operation import operator
from memos_mcp.operation.operator import Fused, candidates, fuse
from memos_mcp.search import Hit, MemoryCall, Traits

CALL = MemoryCall("q", "q")
REQUEST = MemoryCall("q", "q", question_kind="request")


def hits(route: str, traits: Traits | None = None, **scores: float) -> list[Hit]:
    return [Hit(Ref(id=key, version=1), score, route, traits) for key, score in scores.items()]


def fused(call: MemoryCall, *found: Hit) -> list[Fused]:
    return fuse(call, candidates(found), {hit.route for hit in found})


def test_scores_of_the_lanes_add_up_words_weighted() -> None:
    best = fused(CALL, *hits("words", a=0.5, b=0.4), *hits("vectors", a=0.1, b=0.3))
    assert [(f.ref.id, round(f.score, 6)) for f in best] == [("b", 0.9), ("a", 0.85)]
    assert best[0].lanes == {"words": 0.4, "vectors": 0.3}


def test_shared_words_count_less_in_a_request() -> None:
    found = *hits("words", a=0.9, b=0.0), *hits("vectors", a=0.1, b=0.5)
    assert fused(CALL, *found)[0].ref.id == "a"
    assert fused(REQUEST, *found)[0].ref.id == "b"


def test_a_memory_that_a_lane_does_not_have_yet_is_neither_put_first_nor_last() -> None:
    found = *hits("words", a=0.1, b=0.1, c=0.1, new=0.1), *hits("vectors", a=0.1, b=0.3, c=0.5)
    order = [f.ref.id for f in fused(CALL, *found)]
    assert order[0] == "c"
    assert order[-1] == "a"


def test_how_the_words_are_met_counts_and_what_is_not_known_counts_as_the_middle() -> None:
    met = {"a": 0.1, "b": 0.3, "c": 0.5, "new": None}
    told = [hit for key, share in met.items() for hit in hits("vectors", Traits(met=share), **{key: 0.2})]
    known = hits("words", Traits(author="ada", stance=0.5), a=0.0, b=0.0, c=0.0, new=0.0)
    for call in (CALL, REQUEST):
        scores = {f.ref.id: f.score for f in fused(call, *told, *known)}
        assert scores["c"] - scores["a"] == pytest.approx(0.4 * operator.MET)
        assert scores["new"] == scores["b"]


def test_what_two_lanes_tell_of_a_memory_is_put_together() -> None:
    found = [
        *hits("vectors", Traits(met=0.4), a=0.1),
        *hits("words", Traits(author="ada", first=True, priority=2), a=0.1),
    ]
    (only,) = candidates(found)
    assert only.traits == Traits(author="ada", first=True, priority=2, met=0.4)


def test_what_is_like_the_best_is_raised_and_what_is_not_known_counts_as_the_middle() -> None:
    found = fused(REQUEST, *hits("words", a=0.3, b=0.2, c=0.2, new=0.2))
    alike = [
        hit
        for key, share in {"a": 0.9, "b": 0.1, "c": 0.8}.items()
        for hit in hits("vectors", Traits(alike=share), **{key: 0.0})
    ]
    before, after = ({f.ref.id: f.score for f in each} for each in (found, operator.liked(found, alike)))
    gained = {key: round((after[key] - before[key]) / operator.ALIKE, 6) for key in after}
    assert gained == {"a": 0.9, "b": 0.1, "c": 0.8, "new": 0.8}


def test_what_the_graph_does_not_have_has_nothing_of_it_and_a_request_is_not_asked_of_names() -> None:
    found = *hits("words", a=0.1, b=0.1), *hits("graph", a=0.5)
    assert {f.ref.id: round(f.score, 6) for f in fused(CALL, *found)} == {
        "a": round(0.15 + operator.GRAPH * 0.5, 6),
        "b": 0.15,
    }
    assert len({f.score for f in fused(REQUEST, *found)}) == 1


def test_of_two_lanes_that_know_a_link_the_closer_one_counts() -> None:
    found = fused(CALL, *hits("words", a=0.1))
    for links in ((0.2, 0.9), (0.9, 0.2)):
        near = [hit for share in links for hit in hits("words", Traits(link=share), a=0.0)]
        assert operator.linked(found, near)[0].score == found[0].score + operator.LINK * 0.9


def test_of_equal_ones_the_higher_priority_is_first_and_nothing_else_moves() -> None:
    found = (
        *hits("words", a=0.2, b=0.3),
        *hits("words", Traits(priority=-1), c=0.2),
        *hits("words", Traits(priority=9), d=0.2),
    )
    assert [f.ref.id for f in fused(CALL, *found)] == ["b", "d", "a", "c"]


def test_who_said_it_counts_whatever_the_case() -> None:
    call = MemoryCall("q", "q", subject=("Ada",))
    found = *hits("words", Traits(author="ada"), a=0.1), *hits("words", Traits(author="Ben"), b=0.2)
    assert [f.ref.id for f in fused(call, *found)] == ["a", "b"]
    assert [f.ref.id for f in fused(CALL, *found)] == ["b", "a"]


def test_a_time_is_a_hint_unless_nothing_else_is_asked_for() -> None:
    found = *hits("words", Traits(during=True), a=0.0), *hits("words", Traits(), b=0.15)
    assert fused(CALL, *found)[0].ref.id == "b"
    assert fused(MemoryCall("q", "q", only_time=True), *found)[0].ref.id == "a"


def test_a_stance_counts_for_requests_and_a_session_for_recall() -> None:
    found = *hits("words", Traits(stance=1.0), a=0.1), *hits("words", Traits(session=1.0, first=True), b=0.1)
    assert fused(REQUEST, *found)[0].ref.id == "a"
    assert fused(CALL, *found)[0].ref.id == "b"


def test_of_equal_ones_the_one_found_first_stays_first() -> None:
    assert [f.ref.id for f in fused(CALL, *hits("words", b=0.1, a=0.1))] == ["b", "a"]


@given(st.permutations(["words", "vectors", "graph"]))
def test_the_order_of_the_lanes_does_not_matter(order: list[str]) -> None:
    lanes = {"words": hits("words", a=0.1, b=0.7), "vectors": hits("vectors", a=0.2), "graph": hits("graph", c=0.3)}
    assert fused(CALL, *(hit for name in order for hit in lanes[name])) == fused(
        CALL, *(hit for name in lanes for hit in lanes[name])
    )


def test_a_full_match_of_words_beats_the_usual_spread_of_cosines() -> None:
    assert operator.WORDS_RECALL > 0.5 > operator.WORDS_REQUEST
