"""Where memories come from and what became of them: stated, followed both ways, bounded, and closed to others."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp import Caller, Conflict, Denied, InvalidInput, Memos, NotFound
from memos_mcp.errors import IllegalMove
from memos_mcp.interface.lineage import Lineage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def made(memos: Memos, text: str, *sources: str, path: str | None = None) -> str:
    id = await stored(memos, text, path)
    await memos.provenance.attach(id, derived_from=sources)
    return id


def versions(document: Mapping[str, JsonValue]) -> set[str]:
    """The versions that a document describes."""
    entities = document["entity"]
    assert isinstance(entities, dict)
    about = {name: each for name, each in entities.items() if isinstance(each, dict)}
    return {name.removeprefix("memory:") for name, each in about.items() if "memos:version" in each}


def away(lineage: Lineage) -> dict[str, int]:
    return {each.id: each.away for each in lineage.memories}


@pytest.mark.claim("5.3.2-06")
async def test_a_memory_is_followed_to_its_sources_and_to_what_was_made_from_it(memos: Memos) -> None:
    tea, cup = await stored(memos, "Ada drinks tea"), await stored(memos, "Ada has a blue cup")
    both = await made(memos, "Ada drinks tea from a blue cup", tea, cup)
    digest = await made(memos, "Habits of Ada", both)
    await stored(memos, "Ben has a dog")
    assert away(await memos.provenance.trace(both)) == {tea: -1, cup: -1, both: 0, digest: 1}
    assert away(await memos.provenance.trace(digest, "up")) == {tea: -2, cup: -2, both: -1, digest: 0}
    down = await memos.provenance.trace(tea, "down")
    assert away(down) == {tea: 0, both: 1, digest: 2}
    assert [(each.id, each.source, each.tie) for each in down.descents] == [
        (both, tea, "derived-from"),
        (digest, both, "derived-from"),
    ]
    assert (down.descents[0].version, down.descents[0].source_version) == (2, 1)
    assert away(await memos.provenance.trace(digest, "down")) == {digest: 0}


@pytest.mark.claim("4.3-06", "5.3.2-01", "5.3.2-02")
async def test_what_caused_a_memory_is_stated_when_it_is_made_and_when_it_is_changed(memos: Memos) -> None:
    said = datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    given = await memos.remember("Eigg has a ferry", source="mail", session="trip", speaker="Ben", said_at=said)
    (ferry,) = given.ids
    url = "https://example.org/ferry"
    cube = await memos.provenance.attach(
        ferry, trigger="nightly digest", model="small-1", uri=url, reason="it was checked"
    )
    assert (cube.version, cube.text) == (2, "Eigg has a ferry")
    (traced,) = (await memos.provenance.trace(ferry)).memories
    first, second = traced.steps
    assert first.origin
    assert second.origin
    assert (first.action, first.by, first.origin.source, first.origin.speaker) == ("remember", "ada", "mail", "Ben")
    assert (second.action, second.reason, second.version) == ("update", "it was checked", 2)
    now = second.origin
    assert (now.trigger, now.model, now.uri, now.session, now.said_at) == (
        "nightly digest",
        "small-1",
        url,
        "trip",
        said,
    )
    assert (first.origin.trigger, first.origin.model) == (None, None)


async def test_the_provenance_id_stays_through_every_change(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    await memos.update(tea, "Ada drinks green tea")
    await memos.provenance.attach(tea, trigger="asked")
    await memos.timeline.restore(tea, 1)
    await memos.lifecycle.move([tea], "archive")
    (traced,) = (await memos.provenance.trace(tea)).memories
    assert (traced.provenance, traced.cube and traced.cube.version) == (tea, 4)
    assert [step.action for step in traced.steps] == ["remember", "update", "update", "update", "move"]


async def test_what_is_attached_again_changes_nothing(memos: Memos) -> None:
    tea, cup = await stored(memos, "tea"), await stored(memos, "a cup")
    assert (await memos.provenance.attach(tea, derived_from=[cup], trigger="t")).version == 2
    assert (await memos.provenance.attach(tea, derived_from=[cup, cup], trigger="t")).version == 2
    with pytest.raises(Conflict, match="at version 2, not 1"):
        await memos.provenance.attach(tea, trigger="u", expect=1)


async def test_a_circle_and_a_long_chain_end(memos: Memos) -> None:
    a, b = await stored(memos, "tea"), await stored(memos, "a cup")
    await memos.provenance.attach(a, derived_from=[b])
    await memos.provenance.attach(b, derived_from=[a])
    found = await memos.provenance.trace(a)
    assert away(found) == {b: -1, a: 0}
    assert {(each.id, each.source) for each in found.descents} == {(a, b), (b, a)}
    chain = [await stored(memos, "link 0")]
    for number in range(1, 6):
        chain.append(await made(memos, f"link {number}", chain[-1]))
    up = await memos.provenance.trace(chain[-1], "up", depth=2)
    assert (away(up), up.more) == ({chain[3]: -2, chain[4]: -1, chain[5]: 0}, True)
    down = await memos.provenance.trace(chain[0], "down", depth=2)
    assert (away(down), down.more) == ({chain[0]: 0, chain[1]: 1, chain[2]: 2}, True)
    assert not (await memos.provenance.trace(chain[0], "down", depth=5)).more
    assert not (await memos.provenance.trace(chain[-1], "up", depth=5)).more


async def test_what_one_may_not_read_is_left_out_as_if_it_had_never_been(memos: Memos) -> None:
    secret = await stored(memos, "the tea is poisoned")
    open_ = await made(memos, "do not drink the tea", secret, path="shared/team")
    result = await made(memos, "the tea was poured away", open_, path="shared/team")
    hidden = await made(memos, "who poured it", open_)
    ben = memos.acting_as(Caller("ben"))
    found = await ben.provenance.trace(open_)
    assert away(found) == {open_: 0, result: 1}
    assert found.unknown == (secret,), "the memory that he may read says so itself"
    assert hidden not in repr(found)
    assert "poisoned" not in repr(found)
    await memos.forget(secret)
    assert (await ben.provenance.trace(open_)).unknown == (secret,), "as if it were gone"
    document = json.dumps(await ben.provenance.prov([open_], direction="both"))
    assert hidden not in document
    assert secret in document
    for id in (hidden, secret):
        with pytest.raises(NotFound, match="ben has no memory"):
            await ben.provenance.trace(id)
        with pytest.raises(NotFound, match="ben has no memory"):
            await ben.provenance.prov([id])
        with pytest.raises(NotFound, match="ben has no memory"):
            await ben.provenance.attach(result, derived_from=[id])
    assert away(await memos.provenance.trace(open_)) == {secret: -1, open_: 0, result: 1, hidden: 1}


async def test_a_chain_does_not_go_on_behind_what_one_may_not_read(memos: Memos) -> None:
    first = await stored(memos, "first", "shared/team")
    hidden = await made(memos, "second", first)
    last = await made(memos, "third", hidden, path="shared/team")
    ben = memos.acting_as(Caller("ben"))
    down = await ben.provenance.trace(first, "down", depth=1)
    assert (away(down), down.more) == ({first: 0}, False)
    up = await ben.provenance.trace(last, "up")
    assert (away(up), up.unknown, up.more) == ({last: 0}, (hidden,), False)


async def test_a_forgotten_memory_keeps_its_place_and_none_of_its_words(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    cup = await made(memos, "a cup for it", tea)
    await memos.lifecycle.erase([tea], reason="asked to")
    found = await memos.provenance.trace(cup, "up")
    gone = found.memories[0]
    assert (gone.id, gone.cube, [step.action for step in gone.steps]) == (tea, None, ["remember", "forget"])
    assert all(step.origin is None for step in gone.steps)
    assert gone.steps[-1].reason == "asked to"
    assert "drinks" not in repr(found)


async def test_only_who_may_change_a_memory_states_where_it_comes_from(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    await memos.acl.change([tea], readers=["ben"])
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ben")).provenance.attach(tea, trigger="t")
    await memos.timeline.freeze([tea])
    with pytest.raises(IllegalMove):
        await memos.provenance.attach(tea, trigger="t")


async def test_secrets_are_masked_in_what_is_attached(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    cube = await memos.provenance.attach(tea, uri="https://ada:hunter2hunter2@example.org/x")
    assert "hunter2" not in cube.model_dump_json()


@pytest.mark.parametrize(
    "wrong",
    [{}, {"trigger": "a\nb"}, {"derived_from": [""]}, {"derived_from": ["self"]}, {"model": "m" * 2000}],
)
async def test_what_cannot_be_attached_is_refused(memos: Memos, wrong: dict[str, object]) -> None:
    tea = await stored(memos, "Ada drinks tea")
    if wrong.get("derived_from") == ["self"]:
        wrong = {"derived_from": [tea]}
    with pytest.raises(InvalidInput):
        await memos.provenance.attach(tea, **wrong)  # pyright: ignore[reportArgumentType] what a caller may send
    assert (await memos.get(tea)).version == 1


async def test_a_document_holds_a_path_or_a_lineage(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea", "user/ada/food")
    cup = await made(memos, "a cup for it", tea, path="user/ada/things")
    await memos.lifecycle.move([tea], "archive")

    assert versions(await memos.provenance.prov(path="user/ada/food")) == {f"{tea}.1"}
    assert versions(await memos.provenance.prov(path="user/ada")) == {f"{tea}.1", f"{cup}.1", f"{cup}.2"}
    assert versions(await memos.provenance.prov([cup])) == {f"{cup}.1", f"{cup}.2"}
    document = await memos.provenance.prov([cup], direction="up")
    assert versions(document) == {f"{tea}.1", f"{cup}.1", f"{cup}.2"}
    assert "drinks" not in json.dumps(document)
    for wrong in ({}, {"ids": [tea], "path": "user/ada"}):
        with pytest.raises(InvalidInput, match="name what the document is about"):
            await memos.provenance.prov(**wrong)  # pyright: ignore[reportArgumentType] what a caller may send
    with pytest.raises(InvalidInput, match="a direction is one of"):
        await memos.provenance.trace(tea, "sideways")  # pyright: ignore[reportArgumentType] what a caller may send


async def test_a_trace_is_in_the_access_log_with_what_it_showed(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    cup = await made(memos, "a cup for it", tea)
    await memos.provenance.trace(cup)
    (line,) = (await memos.audit.query(action="provenance.trace")).lines
    assert {item.id for item in line.items} == {tea, cup}


@pytest.mark.claim("4.2-18")
async def test_every_version_names_the_one_before_it_and_the_memories_it_was_made_from(memos: Memos) -> None:
    tea = await stored(memos, "Ada drinks tea")
    both = await made(memos, "Ada drinks tea from a cup", tea)
    await memos.update(both, "Ada drinks tea from a blue cup")
    await memos.timeline.restore(both, 1)
    relations = (await memos.provenance.prov([both], direction="up"))["wasDerivedFrom"]
    assert isinstance(relations, dict)
    pairs = {
        (str(each["prov:generatedEntity"]), str(each["prov:usedEntity"]))
        for each in relations.values()
        if isinstance(each, dict)
    }
    assert {(f"memory:{both}.{n}", f"memory:{both}.{n - 1}") for n in (2, 3, 4)} <= pairs
    assert {made_from for version, made_from in pairs if version == f"memory:{both}.2"} == {
        f"memory:{both}.1",
        f"memory:{tea}.1",
    }
