from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from memos_mcp.cube import Activation, Link, MemCube, Origin, Plaintext, Ref
from memos_mcp.interface.prov import prov
from memos_mcp.ports import MAIN, Action, Event
from memos_mcp.testing.cubes import SOME_DAY, a_cube, a_full_cube

# The relations of PROV-JSON (Member Submission, §3.2): their required and their optional formal parts, and what they
# join. An id stands for a node of that sort.
RELATIONS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "wasGeneratedBy": ({"entity": "entity"}, {"activity": "activity", "time": "time"}),
    "used": ({"activity": "activity"}, {"entity": "entity", "time": "time"}),
    "wasInvalidatedBy": ({"entity": "entity"}, {"activity": "activity", "time": "time"}),
    "wasDerivedFrom": (
        {"generatedEntity": "entity", "usedEntity": "entity"},
        {"activity": "activity", "generation": "id", "usage": "id"},
    ),
    "wasAttributedTo": ({"entity": "entity", "agent": "agent"}, {}),
    "wasAssociatedWith": ({"activity": "activity"}, {"agent": "agent", "plan": "entity"}),
    "actedOnBehalfOf": ({"delegate": "agent", "responsible": "agent"}, {"activity": "activity"}),
    "specializationOf": ({"specificEntity": "entity", "generalEntity": "entity"}, {}),
}
NODES = ("entity", "activity", "agent")
QUALIFIED = re.compile(r"(_|[a-z]+):(?:[\w.~-]|%[0-9A-F]{2})+", re.ASCII)
PLAIN = (str, int, float, bool)

Part = dict[str, dict[str, JsonValue]]
Document = dict[str, Part]


def checked(document: dict[str, JsonValue]) -> Document:
    """The document, if its structure is that of PROV-JSON and every id it names is declared."""
    assert json.loads(json.dumps(document)) == document
    known = cast("Document", document)
    prefixes = {*known["prefix"], "prov", "xsd", "_"}
    assert set(known) <= {"prefix", *NODES, *RELATIONS}
    for sort in NODES:
        for name, about in known.get(sort, {}).items():
            check_name(name, prefixes)
            for key, value in about.items():
                if key in ("prov:startTime", "prov:endTime"):
                    assert sort == "activity"
                    check_time(value)
                else:
                    check_attribute(key, value, prefixes)
    for kind, (required, optional) in RELATIONS.items():
        for name, about in known.get(kind, {}).items():
            check_name(name, prefixes)
            parts = {key.removeprefix("prov:"): value for key, value in about.items() if key != "prov:type"}
            assert set(required) <= set(parts) <= {*required, *optional}
            for part, value in parts.items():
                check_part({**required, **optional}[part], value, known)
            if "prov:type" in about:
                check_attribute("prov:type", about["prov:type"], prefixes)
    return known


def check_name(name: str, prefixes: set[str]) -> None:
    match = QUALIFIED.fullmatch(name)
    assert match, name
    assert match[1] in prefixes


def check_time(value: JsonValue) -> None:
    assert isinstance(value, str)
    assert datetime.fromisoformat(value).tzinfo is not None


def check_part(sort: str, value: JsonValue, known: Document) -> None:
    if sort == "time":
        check_time(value)
    else:
        assert value in known[sort]


def check_attribute(key: str, value: JsonValue, prefixes: set[str]) -> None:
    check_name(key, prefixes)
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            assert set(each) == {"$", "type"}
            assert isinstance(each["$"], str)
            assert isinstance(each["type"], str)
            check_name(each["type"], prefixes)
            if each["type"] == "prov:QUALIFIED_NAME":
                check_name(each["$"], prefixes)
        else:
            assert isinstance(each, PLAIN)


def an_event(seq: int, action: Action, cube: MemCube, caller: str = "ada", branch: str = MAIN) -> Event:
    at = SOME_DAY + timedelta(minutes=seq)
    return Event(seq, at, action, cube.id, cube.version, cube.path, caller, branch=branch, cube=cube)


def related(document: Document, kind: str) -> list[dict[str, JsonValue]]:
    return list(document.get(kind, {}).values())


def test_the_life_of_a_memory_is_told() -> None:
    first = a_cube(origin=Origin(source="chat.json", uri="https://example.org/1", model="gpt", actor="ada"))
    second = first.model_copy(update={"version": 2, "payload": Plaintext(text="Ada likes black tea")})
    gone = Event(4, SOME_DAY, "forget", first.id, 2, first.path, "ben", reason="she asked for it")
    events = [an_event(1, "remember", first), an_event(2, "sight", first), an_event(3, "update", second, "ben"), gone]
    document = checked(prov([], events))
    one, two, memory = f"memory:{first.id}.1", f"memory:{first.id}.2", f"memory:{first.id}"
    assert set(document["entity"]) == {one, two, memory, "source:chat%2Ejson"}
    assert [r["prov:entity"] for r in related(document, "wasGeneratedBy")] == [one, two]
    assert [r["prov:activity"] for r in related(document, "used")] == ["change:2"]
    assert [
        (r["prov:generatedEntity"], r["prov:usedEntity"], cast("dict[str, str]", r["prov:type"])["$"])
        for r in related(document, "wasDerivedFrom")
    ] == [
        (one, "source:chat%2Ejson", "prov:PrimarySource"),
        (two, "source:chat%2Ejson", "prov:PrimarySource"),
        (two, one, "prov:Revision"),
    ]
    assert {str(r["prov:entity"]) for r in related(document, "wasInvalidatedBy")} == {one, two, memory}
    assert {"prov:delegate": "agent:gpt", "prov:responsible": "agent:ada", "prov:activity": "change:1"} in related(
        document, "actedOnBehalfOf"
    )
    assert {"prov:activity": "change:4", "prov:agent": "agent:ben"} in related(document, "wasAssociatedWith")
    assert {"prov:entity": two, "prov:agent": "agent:ben"} in related(document, "wasAttributedTo")
    assert document["activity"]["change:4"]["memos:reason"] == "she asked for it"
    assert document["entity"]["source:chat%2Ejson"]["memos:uri"] == "https://example.org/1"


def test_a_memory_made_from_others_is_derived_from_them() -> None:
    parent, sibling = a_cube(), a_cube()
    child = a_cube(origin=Origin(derived_from=(parent.ref, Ref(id=sibling.id)))).model_copy(
        update={"links": (Link(kind="derived-from", target="other"), Link(kind="supports", target="claim"))}
    )
    document = checked(prov([parent, child], []))
    assert [r["prov:usedEntity"] for r in related(document, "wasDerivedFrom")] == [
        f"memory:{parent.id}.1",
        f"memory:{sibling.id}",
        "memory:other",
    ]
    assert "memory:claim" not in document["entity"]


def test_no_words_of_a_memory_are_in_it() -> None:
    cube = a_full_cube(Plaintext(text="a secret that nobody reads", data={"pin": "4711"}))
    text = json.dumps(prov([cube], [an_event(1, "put", cube)]))
    assert "secret" not in text
    assert "4711" not in text
    assert "gist" not in text


def test_names_of_people_and_files_become_parts_of_an_iri() -> None:
    cube = a_cube(origin=Origin(source="räume/plan 1:2.md", actor="Zoë O'Hara"))
    document = checked(prov([cube], [an_event(1, "remember", cube, "")]))
    assert "agent:Zo%C3%AB%20O%27Hara" in document["agent"]
    assert document["agent"]["agent:Zo%C3%AB%20O%27Hara"]["prov:label"] == "Zoë O'Hara"
    assert "agent:somebody" in document["agent"]
    assert "source:r%C3%A4ume%2Fplan%201%3A2%2Emd" in document["entity"]


def test_a_branch_and_every_kind_of_payload_are_told() -> None:
    cube = a_full_cube(Activation(sources=(Ref(id="a"),), fingerprint="f", tokens=3))
    document = checked(prov([cube], [an_event(7, "restore", cube, branch="what-if")]))
    assert document["activity"]["change:7"]["memos:branch"] == "what-if"
    assert document["entity"][f"memory:{cube.id}.1"]["prov:type"] == {
        "$": "memos:activation",
        "type": "prov:QUALIFIED_NAME",
    }


def test_nothing_is_a_document_too() -> None:
    assert set(checked(prov([], []))) == {"prefix"}


names = st.text(min_size=1, max_size=8)
origins = st.builds(
    Origin,
    source=st.text(max_size=8),
    actor=st.none() | names,
    model=st.none() | names,
    uri=st.none() | names,
    derived_from=st.lists(st.builds(Ref, id=names, version=st.none() | st.integers(1, 3)), max_size=2).map(tuple),
)
actions: st.SearchStrategy[Action] = st.sampled_from(
    ["remember", "sight", "put", "update", "quarantine", "release", "forget", "restore"]
)


@given(
    st.lists(st.tuples(actions, st.sampled_from(["m1", "m2"]), st.integers(0, 3), names, origins, st.booleans())),
    st.lists(st.tuples(names, origins)),
)
def test_any_log_gives_a_valid_document(
    lines: list[tuple[Action, str, int, str, Origin, bool]], others: list[tuple[str, Origin]]
) -> None:
    def made(id: str, version: int, origin: Origin) -> MemCube:
        return a_cube().model_copy(update={"id": id, "version": version, "origin": origin})

    events = [
        Event(
            seq,
            SOME_DAY,
            action,
            id,
            version,
            "user/ada",
            caller,
            cube=made(id, version or 1, origin) if given else None,
        )
        for seq, (action, id, version, caller, origin, given) in enumerate(lines, 1)
    ]
    cubes = [made(id, 1, origin) for id, origin in others]
    assert checked(prov(cubes, events)) == prov(cubes, list(reversed(events)))
