"""What a graph refuses to store or to be asked, and what it says then."""

from __future__ import annotations

import pytest

from memos_graph import Edge, GraphInvalid, Node, Seen
from memos_graph.model import MOST, MOST_HOPS, check_edges, check_nodes, check_question, storable


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (Node("", "thing"), "a node is named by 1 to 1000 characters"),
        (Node("x" * 1001, "thing"), "a node is named by 1 to 1000 characters"),
        (Node("a\0b", "thing"), "without NUL"),
        (Node("a", ""), "the kind of node 'a'"),
        (Node("a", "thing", "\ud800"), "the label of node 'a'"),
        (Node("a", "thing", "nul \0"), "the label of node 'a'"),
        (Node("a", "thing", access="\ud800"), "the access class of node 'a'"),
        (Node("a", "thing", props={"": 1}), "a property of node 'a'"),
        (Node("a", "thing", props={"far": float("inf")}), "'far' of node 'a' is inf: give a finite number"),
        (Node("a", "thing", props={"big": 1 << 63}), "'big' of node 'a' is beyond 64 bits: give it as text"),
        (Node("a", "thing", props={"odd": "\udfff"}), "'odd' of node 'a' is no Unicode text"),
    ],
)
def test_a_node_that_cannot_be_found_again_is_refused(node: Node, told: str) -> None:
    with pytest.raises(GraphInvalid) as raised:
        check_nodes([node])
    assert told in str(raised.value)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), float("inf")])
def test_the_weight_of_an_edge_is_a_share(weight: float) -> None:
    with pytest.raises(GraphInvalid, match="must be between 0 and 1"):
        check_edges([Edge("a", "b", "near", weight)])


def test_the_ends_of_what_can_be_stored_can_be() -> None:
    props = {"least": -(1 << 63), "most": (1 << 63) - 1, "yes": True, "none": ""}
    check_nodes([Node("x" * 1000, "thing", "", "team", props)])
    check_edges([Edge("a", "b", "near", 0.0), Edge("a", "b", "far", 1.0), Edge("b", "a", "near", 0.5)])


def test_nothing_is_given_twice_in_one_call() -> None:
    with pytest.raises(GraphInvalid, match="the node 'a' is given twice"):
        check_nodes([Node("a", "thing"), Node("a", "person")])
    with pytest.raises(GraphInvalid, match="is given twice"):
        check_edges([Edge("a", "b", "near"), Edge("a", "b", "near", 0.2)])


def test_one_call_has_its_limits() -> None:
    with pytest.raises(GraphInvalid, match="at most 10,000 ids at a time, not 10,001"):
        check_question(Seen(("s",)), ["a"] * (MOST + 1), 1)
    for hops in (-1, MOST_HOPS + 1):
        with pytest.raises(GraphInvalid, match=f"hops are 0 to {MOST_HOPS}, not {hops}"):
            check_question(Seen(("s",)), ["a"], hops)
    with pytest.raises(GraphInvalid, match="a space is named by"):
        check_question(Seen(("",)), ["a"], 1)


def test_of_names_that_are_no_text_a_store_is_not_asked() -> None:
    assert storable(["a", "\ud800", "é"]) == ["a", "é"]
