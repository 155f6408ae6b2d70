"""A graph for other programs: GraphML, a Cypher script, RDF as JSON-LD. Piece by piece; pure but for what it counts.

Names and labels are values and never syntax: kinds that are not ours become a value too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol, assert_never, get_args
from urllib.parse import quote

from pydantic import JsonValue

from memos_mcp.late import late
from memos_mcp.traversal import Edge, Node

Form = Literal["graphml", "cypher", "jsonld"]
FORMS: tuple[Form, ...] = get_args(Form)

_NOT_XML = late("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("\r"): "&#13;"}
_OF_NODES = ("id", "kind", "label", "sort", "memory")
_OF_EDGES = ("kind", "said")
_CONTEXT: dict[str, JsonValue] = {
    "memos": "urn:memos:vocabulary:",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
}
_TYPES: dict[str, JsonValue] = {
    "memory": ["prov:Entity", "schema:CreativeWork"],
    "relation": "rdf:Statement",
    "tag": "schema:DefinedTerm",
    "topic": "schema:DefinedTerm",
    "concept": "schema:DefinedTerm",
    "speaker": "prov:Agent",
    "source": "prov:Entity",
    "session": "schema:Conversation",
    "person": "schema:Person",
    "place": "schema:Place",
    "organisation": "schema:Organization",
}
_TERMS = {
    "mentions": "schema:mentions",
    "tagged": "schema:keywords",
    "about": "schema:about",
    "concerns": "memos:concerns",
    "states": "memos:states",
    "from": "rdf:subject",
    "to": "rdf:object",
    "said-by": "prov:wasAttributedTo",
    "from-source": "prov:hadPrimarySource",
    "in-session": "memos:inSession",
    "same-entity": "memos:sameEntity",
    "follows": "memos:follows",
    "supports": "memos:supports",
    "contradicts": "memos:contradicts",
    "supersedes": "prov:wasRevisionOf",
    "derived-from": "prov:wasDerivedFrom",
    "part-of": "schema:isPartOf",
}
_LABELS = {
    "memory": "Memory",
    "entity": "Entity",
    "relation": "Relation",
    "tag": "Tag",
    "topic": "Topic",
    "concept": "Concept",
    "speaker": "Speaker",
    "source": "Source",
    "session": "Session",
}
_BESIDE = {"\\": "\\\\' + '", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029)}


class Written(Protocol):
    """A form: its head, then parts, then its tail."""

    def head(self) -> str:
        """How it begins."""
        ...

    def part(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[str]:
        """Nodes that were not written yet, and edges; their ends may come later."""
        ...

    def tail(self) -> str:
        """How it ends."""
        ...


def form(name: Form) -> Written:
    """A form that begins anew."""
    match name:
        case "graphml":
            return _GraphML()
        case "cypher":
            return _Cypher()
        case "jsonld":
            return _JsonLd()
        case _:
            assert_never(name)


class _GraphML:
    """GraphML 1.0. The ids of nodes are numbered, as there they may hold no spaces; ours are a value of each."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def head(self) -> str:
        keys = [f'<key id="node-{name}" for="node" attr.name="{name}" attr.type="string"/>' for name in _OF_NODES]
        keys += [f'<key id="edge-{name}" for="edge" attr.name="{name}" attr.type="string"/>' for name in _OF_EDGES]
        keys.append('<key id="edge-weight" for="edge" attr.name="weight" attr.type="double"/>')
        lines = "\n".join(keys)
        start = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        return f'{start}\n{lines}\n<graph id="memos" edgedefault="directed">\n'

    def part(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[str]:
        for node in nodes:
            values = (node.id, node.kind, node.label, node.sort, node.memory)
            data = self._data("node", zip(_OF_NODES, values, strict=True))
            yield f'<node id="{self._number(node.id)}">{data}</node>\n'
        for edge in edges:
            data = self._data("edge", zip(_OF_EDGES, (edge.kind, edge.said), strict=True))
            ends = f'source="{self._number(edge.source)}" target="{self._number(edge.target)}"'
            yield f'<edge {ends}>{data}<data key="edge-weight">{edge.weight!r}</data></edge>\n'

    def tail(self) -> str:
        return "</graph>\n</graphml>\n"

    def _number(self, id: str) -> str:
        return f"n{self._numbers.setdefault(id, len(self._numbers))}"

    def _data(self, of: str, values: Iterable[tuple[str, str]]) -> str:
        return "".join(f'<data key="{of}-{name}">{xml(value)}</data>' for name, value in values if value)


class _Cypher:
    """A script for cypher-shell: a statement on each line, values as literals. Run twice it changes nothing more."""

    def head(self) -> str:
        return "CREATE INDEX memos_export IF NOT EXISTS FOR (n:MemosExport) ON (n.id);\n"

    def part(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[str]:
        for node in nodes:
            values = (("kind", node.kind), ("label", node.label), ("sort", node.sort), ("memory", node.memory))
            sets = ", ".join(f"n.{name} = {literal(value)}" for name, value in values if value)
            label = _LABELS.get(node.kind, "Thing")
            yield f"MERGE (n:MemosExport {{id: {literal(node.id)}}}) SET n:{label}, {sets};\n"
        for edge in edges:
            kind = edge.kind.upper().replace("-", "_") if edge.kind in _TERMS else "RELATED"
            ends = " ".join(
                f"MERGE ({name}:MemosExport {{id: {literal(id)}}})"
                for name, id in (("a", edge.source), ("b", edge.target))
            )
            sets = f"r.kind = {literal(edge.kind)}, r.weight = {edge.weight!r}, r.said = {literal(edge.said)}"
            yield f"{ends} MERGE (a)-[r:{kind}]->(b) SET {sets};\n"

    def tail(self) -> str:
        return ""


class _JsonLd:
    """JSON-LD 1.1 in terms of schema.org and PROV; ids are IRIs of the namespace `urn:memos`."""

    def head(self) -> str:
        first = {"@id": "urn:memos:graph", "@type": "schema:Dataset"}
        return f'{{"@context": {json.dumps(_CONTEXT)},\n"@graph": [\n{json.dumps(first)}'

    def part(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[str]:
        objects: dict[str, dict[str, JsonValue]] = {node.id: _described(node) for node in nodes}
        for edge in edges:
            about = objects.setdefault(edge.source, {"@id": iri(edge.source)})
            ends = about.setdefault(_TERMS.get(edge.kind, "memos:related"), [])
            if isinstance(ends, list):
                ends.append({"@id": iri(edge.target)})
        for each in objects.values():
            yield f",\n{json.dumps(each, ensure_ascii=False)}"

    def tail(self) -> str:
        return "\n]}\n"


def _described(node: Node) -> dict[str, JsonValue]:
    kind = _TYPES.get(node.kind) or _TYPES.get(node.sort) or "schema:Thing"
    about: dict[str, JsonValue] = {"@id": iri(node.id), "@type": kind, "schema:name": node.label}
    if node.kind == "relation":
        about["rdf:predicate"] = {"@id": f"{_CONTEXT['memos']}{quote(node.label, safe='')}"}
    if node.sort:
        about["memos:sort"] = node.sort
    if node.memory:
        about["schema:identifier"] = node.memory
    return about


def iri(id: str) -> str:
    """The IRI of a node."""
    return f"urn:memos:{quote(id, safe=':')}"


def xml(text: str) -> str:
    """A text as the content of an XML element; what XML cannot hold is replaced."""
    return _NOT_XML.sub("\ufffd", text).translate(_ESCAPED)


def attribute(text: str) -> str:
    """A text as the value of an XML attribute, with its quotation marks."""
    return f'"{xml(text)}"'


def literal(text: str) -> str:
    """A text as a Cypher expression, on one line.

    Cypher reads backslash-u before all else, also within a string: no backslash of the text is followed by anything.
    """
    inside = "".join(_BESIDE.get(sign) or _CONTROLS.get(ord(sign), sign) for sign in text)
    return f"'{inside}'"
