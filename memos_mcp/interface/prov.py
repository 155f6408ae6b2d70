"""Where memories come from, as W3C PROV: the serialization PROV-JSON (Member Submission, 24 April 2013). Pure.

| PROV | here |
|---|---|
| entity | a memory, each of its versions (a specialization of it), and each source it was read from |
| activity | a line of the change log |
| agent | a caller, or a model that read for one |
| wasGeneratedBy, used, wasInvalidatedBy | what the line wrote, what it touched, what it forgot |
| wasDerivedFrom | another memory; with `prov:Revision` the version before, with `prov:PrimarySource` the source |
| wasAttributedTo, wasAssociatedWith, actedOnBehalfOf | whose version, who caused the line, for whom a model acted |

It holds ids, names and times, and never the words of a memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from pydantic import JsonValue

from memos_mcp.cube import MemCube, Ref
from memos_mcp.ports import MAIN, Action, Event

PREFIXES = {
    "memos": "urn:memos:terms:",
    "memory": "urn:memos:memory:",
    "change": "urn:memos:change:",
    "agent": "urn:memos:agent:",
    "source": "urn:memos:source:",
}
"""Local names are percent-encoded, so that any name of a person or a file is a part of an IRI."""
_WRITES: frozenset[Action] = frozenset({"remember", "put", "update", "restore"})


def prov(cubes: Iterable[MemCube], events: Iterable[Event]) -> dict[str, JsonValue]:
    """A PROV-JSON document about these versions and lines of the log.

    Versions that the events carry count as given. What is only referred to (a forgotten version, the memory another
    was derived from) is there as an entity without attributes. The same input gives the same document.
    """
    lines = sorted(events, key=lambda event: event.seq)
    given = {(cube.id, cube.version): cube for cube in (*(e.cube for e in lines if e.cube), *cubes)}
    document = _Document()
    for _, cube in sorted(given.items()):
        _version(document, cube)
    written: set[tuple[str, int]] = set()
    for event in lines:
        _line(document, event, given.get((event.subject, event.version)), written)
    return document.value()


@dataclass(slots=True)
class _Document:
    nodes: dict[str, dict[str, dict[str, JsonValue]]] = field(
        default_factory=lambda: {"entity": {}, "activity": {}, "agent": {}}
    )
    relations: dict[str, dict[str, dict[str, JsonValue]]] = field(
        default_factory=dict[str, dict[str, dict[str, JsonValue]]]
    )
    versions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def node(self, sort: str, name: str, **about: JsonValue) -> str:
        """Declare it; attributes that are empty are left out, and others are added to what is known."""
        known = self.nodes[sort].setdefault(name, {})
        known.update({key.replace("_", ":", 1): value for key, value in about.items() if value not in (None, "", [])})
        return name

    def relate(self, kind: str, **about: JsonValue) -> None:
        """State a relation, once."""
        relation: dict[str, JsonValue] = {f"prov:{key}": value for key, value in about.items() if value is not None}
        self.relations.setdefault(kind, {})[json.dumps(relation)] = relation

    def value(self) -> dict[str, JsonValue]:
        """The document, without empty parts."""
        parts: dict[str, JsonValue] = {"prefix": dict(PREFIXES)}
        parts |= {sort: {**nodes} for sort, nodes in self.nodes.items() if nodes}
        for kind, relations in self.relations.items():
            parts[kind] = {f"_:{kind}{at}": relation for at, relation in enumerate(relations.values(), 1)}
        return parts


def _named(prefix: str, name: str) -> str:
    return f"{prefix}:{quote(name, safe='').replace('.', '%2E')}"  # a point parts an id and its version


def _is(name: str) -> JsonValue:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _moment(moment: datetime | None) -> JsonValue:
    return None if moment is None else {"$": moment.isoformat(), "type": "xsd:dateTime"}


def _agent(document: _Document, name: str) -> str:
    return document.node("agent", _named("agent", name or "somebody"), prov_label=name)


def _model(document: _Document, name: str) -> str:
    return document.node("agent", _named("agent", name), prov_label=name, prov_type=_is("prov:SoftwareAgent"))


def _memory(document: _Document, id: str) -> str:
    return document.node("entity", _named("memory", id), prov_type=_is("memos:Memory"))


def _of(document: _Document, ref: Ref) -> str:
    """One version, or the memory if none is named."""
    memory = _memory(document, ref.id)
    if ref.version is None:
        return memory
    version = f"{memory}.{ref.version}"
    if version not in document.nodes["entity"]:
        document.node("entity", version)
        document.versions.setdefault(memory, []).append(version)
    document.relate("specializationOf", specificEntity=version, generalEntity=memory)
    return version


def _version(document: _Document, cube: MemCube) -> None:
    origin, version = cube.origin, _of(document, cube.ref)
    document.node(
        "entity",
        version,
        prov_type=_is(f"memos:{cube.payload.kind}"),
        memos_version=cube.version,
        memos_path=cube.path,
        memos_key=cube.key,
        memos_kind=cube.kind,
        memos_provenance=origin.provenance,
        memos_sourceClass=origin.source_class,
        memos_session=origin.session,
        memos_position=origin.position,
        memos_span=f"{origin.span[0]}-{origin.span[1]}" if origin.span else None,
        memos_speaker=origin.speaker,
        memos_saidAt=_moment(origin.said_at),
        memos_trigger=origin.trigger,
    )
    for ref in origin.derived_from:
        document.relate("wasDerivedFrom", generatedEntity=version, usedEntity=_of(document, ref))
    for link in cube.links:
        if link.kind in ("derived-from", "supersedes"):
            document.relate("wasDerivedFrom", generatedEntity=version, usedEntity=_memory(document, link.target))
    if origin.source or origin.uri:
        source = _named("source", origin.source or origin.uri or "")
        document.node("entity", source, prov_type=_is("memos:Source"), prov_label=origin.source, memos_uri=origin.uri)
        primary = _is("prov:PrimarySource")
        document.relate("wasDerivedFrom", generatedEntity=version, usedEntity=source, type=primary)
    for agent in (_agent(document, origin.actor) if origin.actor else None, _modelled(document, cube)):
        if agent:
            document.relate("wasAttributedTo", entity=version, agent=agent)


def _modelled(document: _Document, cube: MemCube) -> str | None:
    return _model(document, cube.origin.model) if cube.origin.model else None


def _line(document: _Document, event: Event, cube: MemCube | None, written: set[tuple[str, int]]) -> None:
    at = event.at.isoformat()
    change = document.node(
        "activity",
        f"change:{event.seq}",
        prov_startTime=at,
        prov_endTime=at,
        prov_type=_is(f"memos:{event.action}"),
        memos_reason=event.reason,
        memos_path=event.path,
        memos_branch=event.branch if event.branch != MAIN else None,
    )
    caller = _agent(document, event.caller)
    document.relate("wasAssociatedWith", activity=change, agent=caller)
    version = _of(document, Ref(id=event.subject, version=max(1, event.version)))
    key = (event.subject, event.version)
    if event.action == "forget":
        _forgotten(document, event, change)
    elif event.action in _WRITES and key not in written:
        written.add(key)
        document.relate("wasGeneratedBy", entity=version, activity=change, time=at)
        if event.version > 1:
            before = _of(document, Ref(id=event.subject, version=event.version - 1))
            revision = _is("prov:Revision")
            document.relate(
                "wasDerivedFrom", generatedEntity=version, usedEntity=before, activity=change, type=revision
            )
        document.relate("wasAttributedTo", entity=version, agent=caller)
        model = _modelled(document, cube) if cube else None
        if model:
            document.relate("wasAssociatedWith", activity=change, agent=model)
            document.relate("actedOnBehalfOf", delegate=model, responsible=caller, activity=change)
    else:
        document.relate("used", activity=change, entity=version, time=at)


def _forgotten(document: _Document, event: Event, change: str) -> None:
    """All versions that are known end with it, and the memory itself."""
    memory = _memory(document, event.subject)
    for name in (memory, *document.versions.get(memory, ())):
        document.relate("wasInvalidatedBy", entity=name, activity=change, time=event.at.isoformat())
