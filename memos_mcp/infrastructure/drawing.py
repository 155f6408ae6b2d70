"""What a memory is in the graph: a node, and edges to what it has in common with others. Pure.

Each edge belongs to one memory and is of its access class. What memories share (a tag, an entity, a session) is open,
and its label is made of its id alone: nobody reaches it but over a memory that he sees, and no memory that he does not
see tells him anything by it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

from memos_graph.model import Edge, Near, Node
from memos_mcp.cube import Governance, MemCube
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.authors import author_of
from memos_mcp.infrastructure.mentions import Entity, Mentioned, Relation
from memos_mcp.late import late

FORM = 3
"""Of what is drawn: a graph of another form is made anew."""
OPEN = "*"
"""The access class of what memories share."""
NOBODY = "-"
"""The access class of what no question walks to."""
MENTIONS, TAGGED = "mentions", "tagged"
LINKS = ("same-entity", "follows", "supports", "contradicts", "supersedes", "derived-from", "part-of")
"""Edges from memory to memory."""
THINGS = (MENTIONS, TAGGED)
"""Edges from a memory to what it has in common with others, as far as a question follows them."""
WALKED = (*THINGS, *LINKS)
"""Edges that a question follows. A session or a source has too many memories to bring any of them nearer."""
ABOUT = "about"
"""Edges from a memory to its topics: far too many memories have one for a question to follow it."""
CONCERNS = "concerns"
"""Edges from a memory to words that it may share with others. An entity that it mentions is a concept by itself."""
PLACING = (ABOUT, TAGGED, MENTIONS, CONCERNS)
"""Edges that say where in the tree of topic, concept and fact a memory hangs."""
UNDER, SAID_BY = "under", "said-by"
_STATES, _FROM, _TO = "states", "from", "to"
CLASS = "class"
"""Kind and label of access classes."""
_MOST = 1_000  # edges of one memory
_LONG = 200
_GIST = 48
_NAME = late(r"\w+[+#]*")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a memory: its path, its rules, and until when (seconds since 1970)."""

    path: str
    rules: Governance
    expires: int | None = None

    @property
    def word(self) -> str:
        """The access class in the graph: opaque, equal for equals."""
        return _class_of(self)[0]


@dataclass(slots=True)
class Drawing:
    """Nodes and edges of one or more memories, each once."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict[tuple[str, str, str], Edge])
    classes: dict[str, Access] = field(default_factory=dict[str, Access])

    def add(self, other: Drawing) -> None:
        """All of another one too."""
        self.nodes |= other.nodes
        self.edges |= other.edges
        self.classes |= other.classes

    @property
    def size(self) -> int:
        """How much there is to write."""
        return max(len(self.nodes), len(self.edges))

    def ends(self) -> list[str]:
        """The memories that edges lead to and that are not drawn here."""
        return list(dict.fromkeys(e.target for e in self.edges.values() if e.target not in self.nodes))


def memory_node(id: str) -> str:
    """The node of a memory."""
    return f"memory:{_key(id)}"


def thing_node(kind: str, name: str) -> str:
    """The node of an entity, a tag or a topic of this name."""
    return _named(kind, name)


def stub(node: str) -> Node:
    """Stands for a memory that is not shown: so that links to it are there when it is."""
    return Node(node, "memory", "", NOBODY)


def access_of(cube: MemCube) -> Access:
    """The access class of a memory."""
    rules = cube.governance
    if rules.expires_at is None:
        return Access(cube.path, rules)
    until = int(rules.expires_at.timestamp() // 1)
    return Access(cube.path, rules.model_copy(update={"expires_at": None}), until)


def drawn(cube: MemCube, version: int, mentioned: Mentioned) -> Drawing:
    """A memory, what it speaks of and where it comes from. Cost: about 40 µs."""
    access, me = access_of(cube), memory_node(cube.id)
    word = access.word
    drawing = Drawing(classes={word: access})
    speaker = _speaker(cube, word)
    spoken = Node(speaker, "speaker", author_of(cube.origin).replace("\0", " "), word)  # known to who may read it
    for node in (_memory(cube, version, word, made=mentioned.made), _class_of(access)[1], spoken):
        drawing.nodes[node.id] = node
    of = class_node(word)
    drawing.edges[speaker, UNDER, of] = Edge(speaker, of, UNDER, access=NOBODY)
    drawing.edges |= edges_of(cube, mentioned, word)
    for edge in drawing.edges.values():
        for end in (edge.source, edge.target):
            if end not in drawing.nodes and not end.startswith("memory:"):
                drawing.nodes[end] = _shared(end)
    for relation in mentioned.relations:
        node = _relation(me, relation)
        if node in drawing.nodes:
            drawing.nodes[node] = Node(node, "relation", _plain(relation.kind), word, _said(relation))
    return drawing


def edges_of(cube: MemCube, mentioned: Mentioned, word: str = "") -> dict[tuple[str, str, str], Edge]:
    """The edges that belong to a memory, by their ends and kinds: each once, as it comes first."""
    edges: dict[tuple[str, str, str], Edge] = {}
    for edge in islice(_edges(cube, mentioned, word), _MOST):
        edges.setdefault((edge.source, edge.kind, edge.target), edge)
    return edges


def access_in(found: Iterable[Near]) -> dict[str, Access]:
    """The access classes that a graph has. Raises Corrupt."""
    try:
        return {access.word: access for access in (_access(near.node.props) for near in found)}
    except (KeyError, ValueError) as exc:
        raise Corrupt("an access class in the graph is damaged: run `memos rebuild graph`") from exc


def entity_node(name: str) -> str:
    """The node of an entity, by any of its names."""
    return _named("entity", name)


def concept_node(stem: str) -> str:
    """The node of a word that memories may share."""
    return f"concept:{_key(stem)}"


def class_node(word: str) -> str:
    """The node of an access class."""
    return f"class:{word}"


def is_shared(node: str) -> bool:
    """Is it something that goes when no memory has it any more?"""
    return not node.startswith(("memory:", "relation:", "lane:"))


def names_in(question: str, most: int) -> list[str]:
    """The nodes that a question may name: entities and tags of one to three of its first words."""
    words = _words(question)[:most]
    runs = [" ".join(words[n : n + length]) for length in (3, 2, 1) for n in range(len(words) - length + 1)]
    return [f"{kind}:{run}" for run in dict.fromkeys(runs) for kind in ("entity", "tag")]


def _access(props: Mapping[str, object]) -> Access:
    expires = props.get("expires")
    rules = Governance.model_validate_json(str(props["rules"]))
    return Access(str(props["path"]), rules, expires if isinstance(expires, int) else None)


@lru_cache(maxsize=1024)
def _class_of(access: Access) -> tuple[str, Node]:
    """The word of an access class, and its node."""
    rules = access.rules.model_dump_json(exclude_defaults=True)
    said = json.dumps([access.path, rules, access.expires])
    word = blake2b(said.encode(), digest_size=12).hexdigest()
    props: dict[str, str | int | float | bool] = {"path": access.path, "rules": rules}
    if access.expires is not None:
        props["expires"] = access.expires
    return word, Node(class_node(word), CLASS, CLASS, NOBODY, props)


def _memory(cube: MemCube, version: int, word: str, *, made: bool) -> Node:
    """`partly`: some see more of it than is drawn; `made`: it hangs nowhere in the tree of topics."""
    gist = " ".join((cube.meaning or cube.text[: 4 * _GIST]).replace("\0", " ").split())[:_GIST]
    props = {"id": cube.id, "version": version, "kind": cube.kind, "at": int(cube.updated_at.timestamp())}
    flags = {name: True for name, holds in (("partly", bool(cube.hidden)), ("made", made)) if holds}
    return Node(memory_node(cube.id), "memory", gist, word, props | {"author": author_of(cube.origin)} | flags)


def _edges(cube: MemCube, mentioned: Mentioned, word: str) -> Iterator[Edge]:
    me, origin = memory_node(cube.id), cube.origin
    yield Edge(me, _speaker(cube, word), SAID_BY, access=word)
    for link in cube.links:
        if link.target != cube.id:
            yield Edge(me, memory_node(link.target), link.kind, access=word)
    for ref in origin.derived_from:
        if ref.id != cube.id:
            yield Edge(me, memory_node(ref.id), "derived-from", access=word)
    for node, tags in _tags(cube):
        yield Edge(me, node, TAGGED, access=word, props={} if [node] == [f"tag:{tag}" for tag in tags] else _as(tags))
    if origin.source:
        yield Edge(me, f"source:{_key(origin.source)}", "from-source", access=word)
    if origin.session:
        yield Edge(me, f"session:{_key(origin.session)}", "in-session", access=word)
    for stem, said in mentioned.words:
        yield Edge(me, concept_node(stem), CONCERNS, access=word, props={} if said == stem else {"as": said})
    yield from _mentions(me, mentioned, word)


def _tags(cube: MemCube) -> Iterator[tuple[str, list[str]]]:
    """The nodes of its tags, each with those that it stands for: spellings of a word are one."""
    tags: dict[str, list[str]] = {}
    for tag in sorted(cube.tags):
        tags.setdefault(_named("tag", tag), []).append(tag)
    yield from tags.items()


def _as(tags: Iterable[str]) -> dict[str, str | int | float | bool]:
    return {"as": "\n".join(tags)}


def _mentions(me: str, mentioned: Mentioned, word: str) -> Iterator[Edge]:
    for topic in mentioned.topics:
        yield Edge(me, _named("topic", topic), ABOUT, access=word)
    for entity in mentioned.entities:
        weight = min(1.0, max(0.0, entity.weight))
        props: dict[str, str | int | float | bool] = {"as": _plain(entity.name), "kind": _plain(entity.kind)}
        if entity.aside:
            props["aside"] = True
        for name in (entity.name, *entity.aliases):
            yield Edge(me, _named("entity", name), MENTIONS, weight, word, props)
    for relation in mentioned.relations:
        node = _relation(me, relation)
        yield Edge(me, node, _STATES, access=word)
        for name, kind in ((relation.source, _FROM), (relation.target, _TO)):
            end = Entity(name)
            yield Edge(me, _named("entity", end.name), MENTIONS, 1.0, word, {"as": _plain(name), "kind": end.kind})
            yield Edge(node, _named("entity", name), kind, access=word)


def _relation(me: str, relation: Relation) -> str:
    said = json.dumps([relation.source, relation.kind, relation.target])
    return f"relation:{me}:{blake2b(said.encode(), digest_size=8).hexdigest()}"


def _said(relation: Relation) -> dict[str, str | int | float | bool]:
    props: dict[str, str | int | float | bool] = {"said": _plain(relation.said), "detail": _plain(relation.detail)}
    return {name: value for name, value in {**props, "ended": relation.ended}.items() if value}


def _shared(node: str) -> Node:
    kind, _, key = node.partition(":")
    return Node(node, kind, key, OPEN)


def _speaker(cube: MemCube, word: str) -> str:
    return f"speaker:{word}:{_key(author_of(cube.origin))}"


@lru_cache(maxsize=8192)
def _named(kind: str, name: str) -> str:
    return f"{kind}:{_key(' '.join(_words(name)) or name.strip().casefold() or '-')}"


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    return _NAME.findall("".join(sign for sign in folded if not unicodedata.combining(sign)))


def _plain(text: str) -> str:
    return text.replace("\0", " ")[:_LONG]


def _key(text: str) -> str:
    """A text as part of an id: a long one is cut, and told apart by its digest."""
    if len(text) <= _LONG and "\0" not in text:
        return text
    return f"{_plain(text)[: _LONG // 2]}#{blake2b(text.encode(), digest_size=12).hexdigest()}"
