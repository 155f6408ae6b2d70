"""The contract of GraphStore, check by check: whoever implements it runs all of them against an empty store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from memos_graph.errors import GraphError, GraphInvalid
from memos_graph.model import MOST, Edge, Near, Node, Seen
from memos_graph.store import GraphStore

Check = Callable[[GraphStore], Awaitable[None]]
SPACE, OTHER = "user/ada", "shared/team"
_HOSTILE = (
    "') MATCH (n) DETACH DELETE n //",
    "`kind`}) SET n.access = ''",
    "$space",
    "'; DROP TABLE node; --",
    '"',
    "\\",
    "{a: 1}",
    "*",
    "label:x AND -y OR (z",
    "日本 🐈\n\ttab",
)


def same(found: object, expected: object, what: str) -> None:
    """Raise AssertionError unless both are equal."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def all_of(*spaces: str) -> Seen:
    """Everything in these spaces."""
    return Seen(spaces or (SPACE,))


def nodes(names: str, *, access: str = "", kind: str = "thing") -> list[Node]:
    """A node for each letter, labelled with it."""
    return [Node(name, kind, f"label {name}", access) for name in names]


def edges(pairs: str, *, kind: str = "near", access: str = "") -> list[Edge]:
    """An edge for each pair of letters: `ab bc`."""
    return [Edge(pair[0], pair[1], kind, access=access) for pair in pairs.split()]


def ids(found: Sequence[Near]) -> list[tuple[str, int]]:
    """What was found, and how far away."""
    return [(each.node.id, each.hops) for each in found]


async def refused(call: Awaitable[object], error: type[GraphError] = GraphInvalid) -> None:
    """Raise AssertionError unless this error comes."""
    try:
        await call
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


async def _what_is_stored_comes_back(graph: GraphStore) -> None:
    props = {"text": "a \"quoted\" 'text'\n", "number": -3, "share": 0.25, "flag": True, "größe": "ü"}
    ada = Node("ada", "person", "Ada Lovelace", "c1", props)
    tea = Node("tea", "drink", "green tea")
    likes = Edge("ada", "tea", "likes", 0.5, "c1", {"since": "2026"})
    await graph.upsert(SPACE, [ada, tea], [likes])
    found = await graph.get(all_of(), ["tea", "ada", "nobody", "tea"])
    same([(n.space, n.node, n.hops) for n in found], [(SPACE, tea, 0), (SPACE, ada, 0)], "nodes in the order asked for")
    around = await graph.neighbours(all_of(), ["ada"])
    same((ids(around.nodes), around.edges, around.more), ([("tea", 1)], (likes,), False), "the neighbourhood")
    same(await graph.spaces(), [SPACE], "the spaces")


async def _storing_again_replaces(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("ab"), edges("ab"))
    new = Node("a", "place", "Berlin", "c2", {"n": 1})
    heavy = Edge("a", "b", "near", 0.1, "", {"why": "x"})
    for _ in range(2):
        await graph.upsert(SPACE, [new], [heavy])
    same([n.node for n in await graph.get(all_of(), ["a"])], [new], "the node as it became")
    same((await graph.neighbours(all_of(), ["b"])).edges, (heavy,), "the edge as it became")
    same(ids(await graph.find(all_of(), "label a")), [], "the old label")
    same(ids(await graph.find(all_of(), "berlin")), [("a", 0)], "the new label")
    await graph.upsert(SPACE, [], [Edge("a", "b", "far"), Edge("b", "a", "near")])
    same(len((await graph.neighbours(all_of(), ["a"])).edges), 3, "edges of other kinds and directions are others")


async def _a_write_is_whole_or_not_at_all(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("a"), seq=1)
    await refused(graph.upsert(SPACE, nodes("bc"), [*edges("bc"), Edge("b", "nobody", "near")], seq=2))
    same(ids(await graph.get(all_of(), ["a", "b", "c"])), [("a", 0)], "what is there after a refused write")
    same(await graph.position(SPACE), 1, "the position after a refused write")
    wrong = Node("d", "thing", props={"x": float("nan")})
    torn = Node("d", "thing", "x" * 2000 + "\ud800")
    for bad in ([wrong], [torn], [Node("", "thing")], [Node("d", "")], nodes("dd"), [Node("d\0", "thing")]):
        await refused(graph.upsert(SPACE, bad))
    for edge in (Edge("a", "a", "near", 2.0), Edge("a", "a", ""), Edge("a", "a", "x", props={"n": 1 << 64})):
        await refused(graph.upsert(SPACE, [], [edge]))
    for space in ("", "torn \ud800"):
        await refused(graph.upsert(space, nodes("a")))
        await refused(graph.position(space))
        await refused(graph.clear(space))
    await refused(graph.upsert(SPACE, [Node(str(n), "thing") for n in range(MOST + 1)]))
    await refused(graph.neighbours(all_of(), ["a"], hops=99))
    await refused(graph.find(all_of(), "—"))


async def _positions_never_go_back(graph: GraphStore) -> None:
    same(await graph.position(SPACE), 0, "the position of nothing")
    await graph.upsert(SPACE, nodes("a"), seq=5)
    await graph.upsert(SPACE, [Node("a", "thing", "older")], seq=4)
    await graph.upsert(SPACE, [Node("a", "thing", "again")], seq=5)
    await graph.remove(SPACE, ["a"], seq=3)
    same([n.node.label for n in await graph.get(all_of(), ["a"])], ["label a"], "what an older write leaves")
    await graph.upsert(SPACE, [Node("a", "thing", "unnumbered")])
    same(await graph.position(SPACE), 5, "the position after a write without one")
    await graph.remove(SPACE, ["a"], seq=6)
    same((await graph.position(SPACE), await graph.get(all_of(), ["a"])), (6, list[Near]()), "after a removal")
    same(await graph.position(OTHER), 0, "the position of another space")


async def _what_is_removed_is_gone(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("abcd"), [*edges("ab bc cd"), Edge("a", "b", "far")])
    await graph.remove(SPACE, ["c", "nobody"], [Edge("a", "b", "far"), Edge("x", "y", "near")])
    around = await graph.neighbours(all_of(), ["a"], hops=3)
    same((ids(around.nodes), [e.kind for e in around.edges]), ([("b", 1)], ["near"]), "what is left")
    same(ids(await graph.find(all_of(), "label")), [("a", 0), ("b", 0), ("d", 0)], "what is found by its label")
    await graph.upsert(SPACE, nodes("c"))
    same(ids((await graph.neighbours(all_of(), ["c"])).nodes), [], "a node stored anew has no edges")
    await graph.clear(SPACE)
    same(await graph.spaces(), [], "the spaces after one was cleared")
    same(await graph.get(all_of(), ["a"]), [], "a cleared space")
    await graph.upsert(SPACE, nodes("a"))
    await graph.upsert(OTHER, nodes("a"))
    await graph.clear()
    same(await graph.spaces(), [], "a cleared store")


async def _spaces_are_apart(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("ab"), edges("ab"))
    await graph.upsert(OTHER, nodes("ac"), edges("ac"))
    same(ids((await graph.neighbours(all_of(), ["a"], hops=2)).nodes), [("b", 1)], "one space")
    both = await graph.neighbours(all_of(SPACE, OTHER), ["a"], hops=2)
    same(sorted((n.space, n.node.id) for n in both.nodes), [(OTHER, "c"), (SPACE, "b")], "two spaces")
    same(await graph.paths(all_of(SPACE, OTHER), "b", "c"), [], "no path from space to space")
    same(await graph.get(Seen(()), ["a"]), [], "no space")
    await refused(graph.upsert(SPACE, [], edges("ac")))
    await graph.remove(SPACE, ["a", "c"])
    same(ids((await graph.neighbours(all_of(OTHER), ["a"])).nodes), [("c", 1)], "a removal elsewhere")


async def _what_is_hidden_is_not_there(graph: GraphStore) -> None:
    await graph.upsert(SPACE, [*nodes("acd"), *nodes("bh", access="secret")], edges("ab bc ah"))
    await graph.upsert(SPACE, [], [Edge("c", "d", "near", access="secret")])
    some = Seen((SPACE,), frozenset({""}))
    same(ids(await graph.get(some, ["a", "b"])), [("a", 0)], "nodes that are seen")
    same(ids(await graph.find(some, "label")), [("a", 0), ("c", 0), ("d", 0)], "labels that are seen")
    around = await graph.neighbours(some, ["a", "b"], hops=4)
    same((around.nodes, around.edges, around.more), ((), (), False), "no way leads through what is hidden")
    same(await graph.paths(some, "a", "c"), [], "no path leads through what is hidden")
    same(await graph.paths(some, "c", "d"), [], "no path uses a hidden edge")
    same(await graph.neighbours(some, ["h"]), await graph.neighbours(some, ["nobody"]), "hidden as if it were not")
    every = Seen((SPACE,), frozenset({"", "secret"}))
    same(len((await graph.neighbours(every, ["a"], hops=3)).nodes), 4, "who sees both classes")
    same(len(await graph.paths(every, "a", "d")), 1, "his paths")


async def _neighbourhoods_grow_hop_by_hop(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("abcdefg"), [*edges("ab bc cd da ae"), *edges("ef", kind="far")])
    for hops, expected in (
        (0, []),
        (1, [("b", 1), ("d", 1), ("e", 1)]),
        (2, [("b", 1), ("d", 1), ("e", 1), ("c", 2), ("f", 2)]),
    ):
        same(ids((await graph.neighbours(all_of(), ["a"], hops=hops)).nodes), expected, f"{hops} hops")
    near = await graph.neighbours(all_of(), ["a"], hops=3, kinds=["near"])
    same(ids(near.nodes), [("b", 1), ("d", 1), ("e", 1), ("c", 2)], "edges of one kind")
    same({edge.kind for edge in near.edges}, {"near"}, "the kinds of its edges")
    out = await graph.neighbours(all_of(), ["a"], hops=2, direction="out")
    same(ids(out.nodes), [("b", 1), ("e", 1), ("c", 2), ("f", 2)], "outwards")
    same(ids((await graph.neighbours(all_of(), ["a"], direction="in")).nodes), [("d", 1)], "inwards")
    few = await graph.neighbours(all_of(), ["a"], hops=2, limit=2)
    same((ids(few.nodes), few.more), ([("b", 1), ("d", 1)], True), "the nearest two")
    same([e.source + e.target for e in few.edges], ["ab", "da"], "the edges that lead there")
    await graph.upsert(SPACE, [], edges("bd"))
    one = await graph.neighbours(all_of(), ["a"], limit=2)
    same([e.source + e.target for e in one.edges], ["ab", "da"], "an edge between the outermost is not walked")
    two = await graph.neighbours(all_of(), ["a"], hops=2, limit=3)
    same([e.source + e.target for e in two.edges], ["ab", "ae", "bd", "da"], "one between others is")
    await graph.remove(SPACE, edges=edges("bd"))
    many = await graph.neighbours(all_of(), ["a", "c", "a"])
    same(ids(many.nodes), [("b", 1), ("d", 1), ("e", 1)], "around two nodes")


async def _a_space_is_read_page_by_page(graph: GraphStore) -> None:
    await graph.upsert(SPACE, [*nodes("aceg"), *nodes("bd", kind="other"), *nodes("fh", access="secret")])
    await graph.upsert(SPACE, [], [*edges("ab ae ce dc gf"), *edges("ca", kind="far"), *edges("ed", access="secret")])
    await graph.upsert(OTHER, nodes("ax"), edges("ax"))
    some = Seen((SPACE,), frozenset({""}))
    first = await graph.each(some, "thing", edges=["near"], limit=2)
    same((ids(first.nodes), first.more), ([("a", 0), ("c", 0)], True), "the first page")
    same([e.source + e.target for e in first.edges], ["ab", "ae", "ce"], "its edges, all that lead out")
    rest = await graph.each(some, "thing", edges=["near", "far"], after="c", limit=2)
    same((ids(rest.nodes), rest.more), ([("e", 0), ("g", 0)], False), "the last page")
    same(rest.edges, (), "edges that are hidden, or lead to what is")
    every = await graph.each(all_of(), "thing", edges=["near", "far"])
    same("".join(near.node.id for near in every.nodes), "acefgh", "all that there are")
    same([e.source + e.target for e in every.edges], ["ab", "ae", "ca", "ce", "ed", "gf"], "and their edges")
    same((await graph.each(all_of(), "thing")).edges, (), "no edges unless they are asked for")
    same((await graph.each(all_of("nowhere"), "thing", edges=["near"])).nodes, (), "a space that is not there")
    same((await graph.each(all_of(), "nothing")).nodes, (), "a kind that is not there")
    same((await graph.each(all_of(), "\ud800", edges=["near"])).nodes, (), "a kind that cannot be")
    await refused(graph.each(all_of(SPACE, OTHER), "thing"))
    await refused(graph.each(Seen(()), "thing"))
    await refused(graph.each(all_of(), "thing", limit=0))


async def _paths_are_shortest(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("abcdefg"), [*edges("ab bd ac cd de ef"), *edges("af", kind="far")])
    await graph.upsert(SPACE, [], [Edge("b", "a", "strong", 1.0), Edge("a", "b", "near", 0.2)])

    async def ways(start: str, end: str, **given: object) -> list[str]:
        kinds = ["near"] if given.get("near") else []
        found = await graph.paths(all_of(), start, end, kinds=kinds, hops=int(str(given.get("hops", 4))))
        for path in found:
            for edge, one, other in zip(path.edges, path.nodes[:-1], path.nodes[1:], strict=True):
                same({edge.source, edge.target}, {one.id, other.id}, "an edge of a path")
        return ["".join(node.id for node in path.nodes) for path in found]

    same(await ways("a", "d"), ["abd", "acd"], "both shortest paths")
    same(await ways("d", "a"), ["dba", "dca"], "the way back")
    same(await ways("a", "e"), ["afe"], "over any kind")
    same(await ways("a", "f", near=True), ["abdef", "acdef"], "over one kind")
    same(await ways("a", "f", near=True, hops=3), [], "too far")
    same(await ways("a", "a"), ["a"], "from itself")
    same([*await ways("a", "g"), *await ways("a", "nobody")], [], "nowhere")
    (first, *_) = await graph.paths(all_of(), "a", "d", limit=1)
    same(first.edges[0].kind, "strong", "the heaviest edge between two nodes")


async def _labels_are_found_by_words(graph: GraphStore) -> None:
    labels = ("Ada Lovelace", "Ada Byron King", "Àdam Smith", "Café Zentral", "adamant")
    stored = [Node(str(n), "place" if n == 3 else "person", label) for n, label in enumerate(labels)]
    await graph.upsert(SPACE, stored)

    async def found(words: str, *kinds: str, limit: int = 20) -> list[str]:
        return [n.node.label for n in await graph.find(all_of(), words, kinds=kinds, limit=limit)]

    same(await found("ada"), ["adamant", "Àdam Smith", "Ada Lovelace", "Ada Byron King"], "the beginning of a word")
    same(await found("ada love"), ["Ada Lovelace"], "all words, the last one begun")
    same(await found("king ADA"), ["Ada Byron King"], "in any order")
    same(await found("cafe"), ["Café Zentral"], "without accents")
    same(await found("CAFÉ", "person"), [], "of another kind")
    same(await found("lov ada"), [], "only the last word may be begun")
    same(await found("ada", limit=1), ["adamant"], "the first")


async def _nothing_given_is_a_command(graph: GraphStore) -> None:
    await graph.upsert(OTHER, nodes("a"))
    for text in _HOSTILE:
        space = f"space {text}"
        one = Node(text, text, text, text, {text: text})
        other = Node("x", "thing")
        edge = Edge(text, "x", text, 1.0, text, {text: text})
        await graph.upsert(space, [one, other], [edge], seq=1)
        seen = Seen((space,), frozenset({text, ""}))
        same([n.node for n in await graph.get(seen, [text])], [one], "a node")
        around = await graph.neighbours(seen, ["x"], kinds=[text])
        same((ids(around.nodes), around.edges), ([(text, 1)], (edge,)), "its edge")
        same(len(await graph.paths(seen, "x", text, kinds=[text])), 1, "a path over it")
        try:
            await graph.find(seen, text, kinds=[text])
        except GraphInvalid:
            same(any(sign.isalnum() for sign in text), False, "a text with words is looked for")
        await graph.remove(space, [text], [edge], seq=2)
        same(ids(await graph.get(seen, [text, "x"])), [("x", 0)], "what is left")
        await graph.clear(space)
    same((await graph.spaces(), len(await graph.get(all_of(OTHER), ["a"]))), ([OTHER], 1), "what was there before")


async def _what_is_no_text_is_asked_for_in_vain(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("ab"), edges("ab"))
    torn = "\ud800"
    same(await graph.get(all_of(), [torn]), [], "a node")
    same((await graph.neighbours(all_of(), ["a", torn], kinds=[torn])).nodes, (), "edges of a kind")
    same(await graph.paths(all_of(), "a", torn), [], "a path")
    same(await graph.get(Seen((SPACE,), frozenset({torn})), ["a"]), [], "an access class")
    same(await graph.find(all_of(), "label", kinds=[torn]), [], "nodes of a kind")
    await graph.remove(SPACE, [torn], [Edge("a", torn, "near")])
    same(len((await graph.neighbours(all_of(), ["a"])).edges), 1, "what is left after a removal")


async def _long_words_and_names_are_found(graph: GraphStore) -> None:
    space, name, word = "🐈" * 1000, "🐕" * 1000, "a" * 300
    node = Node(name, name, f"{word}b {word}c", name, {name: name})
    await graph.upsert(space, [node, Node("x", "thing", f"{word}d")], [Edge(name, "x", name, access=name)])
    seen = Seen((space,), frozenset({name, ""}))
    same([near.node for near in await graph.find(seen, f"{word}c {word}b")], [node], "by two words")
    same(ids(await graph.find(seen, word)), [("x", 0), (name, 0)], "by how they begin, the shortest label first")
    same(ids((await graph.neighbours(seen, [name], kinds=[name])).nodes), [("x", 1)], "by an edge")
    same(await graph.find(seen, " ".join(f"word{n}" for n in range(2000))), [], "by very many words")


async def _a_limit_is_kept_and_none_is_below_nothing(graph: GraphStore) -> None:
    await graph.upsert(SPACE, nodes("abcd"), edges("ab bd ac cd"))
    none = await graph.neighbours(all_of(), ["a"], limit=0)
    same((none.nodes, none.more), ((), True), "no neighbours, but there are some")
    same(await graph.find(all_of(), "label", limit=0), [], "no label")
    same(await graph.paths(all_of(), "a", "d", limit=0), [], "no path")
    await refused(graph.neighbours(all_of(), ["a"], limit=-1))
    await refused(graph.find(all_of(), "label", limit=-1))
    await refused(graph.paths(all_of(), "a", "d", limit=-1))


CHECKS: tuple[Check, ...] = (
    _what_is_stored_comes_back,
    _storing_again_replaces,
    _a_write_is_whole_or_not_at_all,
    _positions_never_go_back,
    _what_is_removed_is_gone,
    _spaces_are_apart,
    _what_is_hidden_is_not_there,
    _neighbourhoods_grow_hop_by_hop,
    _a_space_is_read_page_by_page,
    _paths_are_shortest,
    _labels_are_found_by_words,
    _nothing_given_is_a_command,
    _what_is_no_text_is_asked_for_in_vain,
    _long_words_and_names_are_found,
    _a_limit_is_kept_and_none_is_below_nothing,
)
"""What every GraphStore does, beginning empty."""
