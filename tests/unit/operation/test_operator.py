from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Ref
from memos_mcp.operation.operator import fuse
from memos_mcp.ports import Found, Hit


def found(route: str, **scores: float) -> Found:
    return Found(tuple(Hit(Ref(id=key, version=1), score, route) for key, score in scores.items()), 10)


def test_scores_of_the_lanes_add_up() -> None:
    best = fuse({"words": found("words", a=0.5, b=0.4), "vectors": found("vectors", b=0.3)})
    assert [(f.ref.id, f.score) for f in best] == [("b", 0.7), ("a", 0.5)]
    assert best[0].lanes == {"words": 0.4, "vectors": 0.3}


@given(st.permutations(["words", "vectors", "graph"]))
def test_the_order_of_the_lanes_does_not_matter(order: list[str]) -> None:
    lanes = {"words": found("words", a=0.1, b=0.7), "vectors": found("vectors", a=0.2), "graph": found("graph", c=0.3)}
    assert fuse({name: lanes[name] for name in order}) == fuse(lanes)
