"""Files of a graph hold what is in it, and names in it are never syntax."""

from __future__ import annotations

import json
import re

from memos_mcp.interface.graph_forms import Form, form, iri, literal
from memos_mcp.interface.graph_picture import MOST, drawn, page, placed
from memos_mcp.traversal import Edge, Neighbourhood, Node
from tests.graphs import parsed

HOSTILE = (
    "O'Brien",
    "x'}) DETACH DELETE n //",
    "\\u0027}) DETACH DELETE n //",
    "a\\",
    "\\'; MATCH (n) DETACH DELETE n;",
    "`tick` $param {id: 1}",
    'quote " and \n new line\tand \r return',
    "</text><script>alert(1)</script>",
    "]]><!-- & &amp; &#x27;",
    "turned \u202e text and \x1b[31m",
    "名前 🦊 é",
    "@id",
)
NODES = tuple(Node(f"tag:{text}", "tag", text) for text in HOSTILE)
EDGES = tuple(Edge("memory:m1", node.id, "tagged") for node in NODES)
MEMORY = Node("memory:m1", "memory", "Ben's tea", sort="fact", memory="m1", version=1)
STATED = Node("relation:memory:m1:ff", "relation", "likes <b>", memory="m1")
OTHERS = (
    Edge("memory:m1", STATED.id, "states"),
    Edge(STATED.id, NODES[0].id, "from"),
    Edge(STATED.id, NODES[1].id, "to", 0.5, "the <i>", "thing"),
    Edge("memory:m1", "memory:m1", "x'}) DELETE"),
)
GRAPH = Neighbourhood((MEMORY.id,), (MEMORY, STATED, *NODES), (*EDGES, *OTHERS))


def written(name: Form) -> str:
    to = form(name)
    first, second = to.part((MEMORY, STATED), OTHERS), to.part(NODES, EDGES)
    return "".join((to.head(), *first, *second, to.tail()))


def test_graphml_is_read_back_as_it_was() -> None:
    root = parsed(written("graphml"))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert [each.tag for each in root] == [f"{space}key"] * 8 + [f"{space}graph"]
    keys = {key.get("id") for key in root.iter(f"{space}key")}
    nodes = {node.get("id"): {data.get("key"): data.text or "" for data in node} for node in root.iter(f"{space}node")}
    assert all(set(data) <= keys for data in nodes.values())
    labels = {data["node-id"]: data["node-label"] for data in nodes.values()}
    told = {node.id.replace("\x1b", "\ufffd"): node.label.replace("\x1b", "\ufffd") for node in GRAPH.nodes}
    assert labels == told
    assert all(re.fullmatch("n[0-9]+", str(id)) for id in nodes)
    edges = list(root.iter(f"{space}edge"))
    assert len(edges) == len(GRAPH.edges)
    assert all(edge.get("source") in nodes and edge.get("target") in nodes for edge in edges)


def test_a_cypher_script_has_one_statement_on_each_line() -> None:
    lines = written("cypher").splitlines()
    assert len(lines) == 1 + len(GRAPH.nodes) + len(GRAPH.edges)
    bare = [re.sub(r"'(?:[^'\\]|\\[\\'nrt]|\\u[0-9a-f]{4})*'", "''", line) for line in lines]
    shapes = {re.sub(r"'' \+ |[0-9.]+|:[A-Z_a-z]+", "", line) for line in bare}
    assert len(shapes) <= 8, shapes
    assert not any("DELETE" in line or "$" in line for line in bare)


def test_no_backslash_of_a_text_is_followed_by_anything() -> None:
    assert literal("\\u0027") == "'\\\\' + 'u0027'"
    assert literal("a\\") == "'a\\\\' + ''"
    assert literal("it's\n") == "'it\\'s\\n'"


def test_json_ld_names_everything_by_an_iri() -> None:
    document = json.loads(written("jsonld"))
    context = document["@context"]
    objects = document["@graph"]
    assert {iri(node.id) for node in GRAPH.nodes} <= {each["@id"] for each in objects}
    for each in objects:
        assert re.fullmatch(r"urn:memos:[A-Za-z0-9._~:%-]+", each["@id"])
        for name, value in each.items():
            assert name in ("@id", "@type") or name.partition(":")[0] in context
            for end in re.findall(r'"@id": "([^"]*)"', json.dumps(value)):
                assert re.fullmatch(r"urn:memos:[A-Za-z0-9._~:%-]+", end)
    (stated,) = (each for each in objects if each["@id"] == iri(STATED.id) and "@type" in each)
    assert stated["@type"] == "rdf:Statement"
    assert stated["rdf:predicate"] == {"@id": "urn:memos:vocabulary:likes%20%3Cb%3E"}
    assert stated["rdf:subject"] == [{"@id": iri(NODES[0].id)}]


def test_a_picture_runs_and_fetches_nothing() -> None:
    svg, html = drawn(GRAPH, "<script>"), page(GRAPH, "<script>")
    root = parsed(svg)
    assert {each.tag.partition("}")[2] for each in root.iter()} == {
        "svg",
        "title",
        "rect",
        "g",
        "circle",
        "text",
        "line",
    }
    assert not re.search(r"<script|<style|href|url\(|\son\w+=", svg)
    assert "\u202e" not in svg
    assert "\x1b" not in html
    assert re.findall(r"<(script|iframe|img|link|object|embed)", html) == []
    assert "default-src 'none'" in html
    assert "https://" not in html.replace("http://www.w3.org/2000/svg", "")


def test_the_same_graph_gives_the_same_picture() -> None:
    assert drawn(GRAPH, "tea") == drawn(GRAPH, "tea")


def test_nodes_stand_apart_and_within_the_picture() -> None:
    places = placed(40, [(n, n // 3) for n in range(1, 40)])
    assert all(0 < x < 1200 and 0 < y < 800 for x, y in places)
    assert min(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a in places for b in places if a is not b) > 5
    assert placed(0, []) == []
    assert placed(1, []) == [(600, 400)]


def test_a_picture_says_that_not_all_is_drawn() -> None:
    many = Neighbourhood((), tuple(Node(f"tag:{n}", "tag", str(n)) for n in range(MOST + 1)), ())
    assert "200 things" in drawn(many, "many")
    assert "more than is drawn" in drawn(many, "many")
