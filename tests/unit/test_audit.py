"""The access log through the public API: what is written, who sees what of it, and that nobody is told too much."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import (
    Caller,
    Conflict,
    Corrupt,
    Denied,
    InvalidInput,
    Memos,
    Misconfigured,
    NotFound,
    Unavailable,
    wiring,
)
from memos_mcp.accesses import Access, Item

pytestmark = pytest.mark.anyio
EVE = Caller("eve")
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"  # of the right form, and nobody's
BEN = Caller("ben", ("nurse",), ("app:desk",))


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def lines(memos: Memos, **given: object) -> list[tuple[str, str, str, str]]:
    found = (await memos.audit.query(**given)).lines  # pyright: ignore[reportArgumentType]
    return [(each.user, each.verb, each.outcome, each.rule) for each in found if not each.verb.startswith("audit.")]


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("memos.db*"))


@pytest.mark.claim("4.1-25", "4.2-15", "4.3-08")
async def test_each_time_a_memory_is_served_caller_time_and_version_are_noted(memos: Memos) -> None:
    id = await stored(memos, "the tea plan", "shared/ward")
    await memos.update(id, "the new tea plan")
    before = datetime.now(UTC)
    await memos.acting_as(BEN).get(id)
    (line,) = (await memos.audit.query(action="get", id=id)).lines
    assert (line.user, line.roles, line.context) == ("ben", ("nurse",), ("app:desk",))
    assert before <= line.at <= datetime.now(UTC)
    assert line.items == (Item(id, 2, "shared/ward", "shared"),)


@pytest.mark.claim("4.3-27")
async def test_every_verb_leaves_one_line(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    await memos.recall("tea")
    await memos.get(id)
    await memos.browse()
    await memos.update(id, "the new tea plan")
    await memos.history(id)
    await memos.put(None, "note", text="x")
    await memos.rename({"note": "letter"})
    await memos.acl.change([id], readers=["ben"])
    await memos.acl.show(id)
    await memos.quarantine.add([id])
    await memos.quarantine.release([id])
    await memos.forget(id)
    with pytest.raises(InvalidInput):
        await memos.recall("", limit=0)
    with pytest.raises(Conflict):
        await memos.put(None, "letter", text="y", expect=7)
    found = (await memos.audit.query()).lines
    verbs = ["remember", "recall", "get", "browse", "update", "history", "put", "rename", "acl.change", "acl.show"]
    verbs += ["quarantine.add", "quarantine.release", "forget", "recall", "put"]
    assert [each.verb for each in found][::-1] == verbs
    assert [each.outcome for each in found][:2] == ["failed", "failed"]
    assert [each.rule for each in found][:2] == ["conflict", "invalid_input"]
    assert all(
        any(item.id == id for item in each.items) for each in found if each.verb not in ("put", "rename", "recall")
    )


@pytest.mark.claim("5.3.2-20")
async def test_an_answer_names_the_memories_that_produced_it(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    await stored(memos, "violins are loud")
    found = await memos.recall("tea")
    line = await memos.audit.answer(found.access)
    assert line.items == (Item(id, 1, "user/ada", "owner"),)
    with pytest.raises(NotFound) as others:
        await memos.acting_as(EVE).audit.answer(found.access)
    with pytest.raises(NotFound) as nobodys:
        await memos.acting_as(EVE).audit.answer("nobodys0")
    assert str(others.value) == str(nobodys.value).replace("nobodys0", found.access)


@pytest.mark.claim("4.3-27")
async def test_a_refusal_is_told_to_the_owner_with_its_rule_and_to_the_caller_as_he_saw_it(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    eve = memos.acting_as(EVE)
    for wanted in (id, "nobody00"):
        with pytest.raises(NotFound):
            await eve.get(wanted)
    assert await lines(memos, caller="eve") == [("eve", "get", "denied", "private")]
    (refused,) = (await memos.audit.query(id=id, caller="eve")).lines
    assert ([item.id for item in refused.items], refused.at <= datetime.now(UTC)) == ([id], True)
    assert await lines(eve) == [("eve", "get", "missing", "")] * 2
    assert [line.items for line in (await eve.audit.query(action="get")).lines] == [(), ()]
    assert (await eve.audit.query(id=id)).lines == ()
    assert await lines(eve, outcome="denied") == []


async def test_who_tries_the_key_of_a_hidden_memory_is_not_told_its_rule_by_the_log(memos: Memos) -> None:
    note = await memos.put("shared/ward", "chart", text="no shellfish")
    await memos.acl.change([note.id], readers=["ada"], denied=["eve"])
    eve = memos.acting_as(EVE)
    with pytest.raises(Denied):
        await eve.put("shared/ward", "chart", text="x")
    assert await lines(memos, caller="eve") == [("eve", "put", "denied", "denied")]
    (line,) = (await eve.audit.query(action="put")).lines
    assert (line.outcome, line.rule, line.items) == ("denied", "", ())


async def test_who_asks_for_a_namespace_that_is_not_his_is_seen_by_its_owner(memos: Memos) -> None:
    eve = memos.acting_as(EVE)
    with pytest.raises(Denied):
        await eve.browse("user/ada/work")
    assert await lines(memos, caller="eve") == [("eve", "browse", "denied", "path")]
    assert await lines(memos.acting_as(Caller("ada", scopes=("read",))), caller="eve") == []
    assert await lines(memos.acting_as(Caller("ben")), caller="eve") == []


async def test_of_anothers_access_only_what_it_was_to_ones_own_memories_is_told(memos: Memos) -> None:
    ours = await stored(memos, "the tea plan", "shared/ward")
    eve = memos.acting_as(EVE)
    await stored(eve, "tea at home")
    hers = await stored(eve, "tea at the ward", "shared/ward")
    found = await eve.recall("tea")
    assert len(found.cubes) == 3
    line = await memos.audit.answer(found.access)
    assert [item.id for item in line.items] == [ours]
    assert line.path == ""
    assert hers not in {item.id for item in (await eve.audit.query(action="remember")).lines[-1].items}


async def test_a_reader_who_was_let_out_finds_nothing_of_it_in_his_own_lines(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    await memos.acl.change([id], readers=["ben"])
    ben = memos.acting_as(BEN)
    await ben.get(id)
    assert len((await ben.audit.query(id=id)).lines) == 1
    await memos.acl.change([id], readers=[])
    assert (await ben.audit.query(id=id)).lines == ()
    assert len((await memos.audit.query(id=id, caller="ben")).lines) == 1


async def test_who_is_kept_within_a_path_sees_only_what_is_about_it(memos: Memos) -> None:
    work = await stored(memos, "the tea plan", "user/ada/work")
    await stored(memos, "tea at home")
    agent = memos.acting_as(Caller("ada", within="user/ada/work"))
    await memos.recall("tea")
    await memos.recall("tea", path="user/ada")
    found = (await agent.audit.query(action="recall")).lines
    assert [[item.id for item in line.items] for line in found] == [[work]]


@pytest.mark.claim("4.2-16", "5.3.2-19")
async def test_reads_are_counted_and_make_no_version(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    for _ in range(3):
        await memos.recall("tea")
    await memos.acting_as(EVE).recall("tea")
    await memos.browse()
    seen = await memos.get(id)
    usage = (await memos.audit.usage([id]))[id]
    assert (usage.reads, usage.sightings, seen.version) == (4, 1, 1)
    assert usage.last_read_at is not None
    assert [event.action for event in await memos.history(id)] == ["remember"]
    hot = await memos.audit.hotspots()
    assert [(each.id, each.reads) for each in hot.memories] == [(id, 4)]
    assert [(each.path, each.reads) for each in hot.namespaces] == [("user/ada", 4)]
    assert (await memos.acting_as(EVE).audit.hotspots()).memories == ()
    assert await memos.acting_as(EVE).audit.usage([id]) == {}


@pytest.mark.claim("5.3.2-18")
async def test_lines_are_filtered_and_paged(memos: Memos) -> None:
    await memos.put("user/ada/work", "plan", text="tea", kind="document")
    await stored(memos, "I like tea.")
    for _ in range(5):
        await memos.recall("tea")
    assert {line.verb for line in (await memos.audit.query(path="user/ada/work")).lines} == {"put", "recall"}
    assert {line.verb for line in (await memos.audit.query(kind="preference")).lines} == {"remember", "recall"}
    assert (await memos.audit.query(until=datetime(2020, 1, 1, tzinfo=UTC))).lines == ()
    now = datetime.now(UTC)
    await memos.put("shared/ward", "chart", text="milk")
    await memos.acting_as(BEN).get(path="shared/ward", key="chart")
    assert await lines(memos, since=now, action="put") == [("ada", "put", "allowed", "")]
    assert await lines(memos, caller="ben") == [("ben", "get", "allowed", "")]
    found: list[Access] = []
    page = await memos.audit.query(action="recall", limit=2)
    found += page.lines
    while page.after:
        page = await memos.audit.query(action="recall", limit=2, after=page.after)
        found += page.lines
    assert len({line.id for line in found}) == len(found) == 5
    for wrong in ({"outcome": "perhaps"}, {"kind": "poem"}, {"limit": 0}, {"path": "../x"}, {"id": ""}):
        with pytest.raises(InvalidInput):
            await memos.audit.query(**wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.claim("5.5.1-09", "5.5.1-10")
async def test_the_log_is_exported_for_people_and_machines(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    await memos.recall("=tea")
    with pytest.raises(NotFound):
        await memos.acting_as(Caller("=eve")).get(id)
    told: dict[str, str] = {}
    until = datetime.now(UTC)
    for format in ("jsonl", "csv", "ocsf"):
        parts: list[str] = []
        assert await memos.audit.export(parts.append, format=format, path="user/ada", until=until) == 3
        told[format] = "".join(parts)
    assert "tea" not in "".join(told.values())
    rows = [json.loads(line) for line in told["jsonl"].splitlines()]
    assert [(row["verb"], row["outcome"]) for row in rows] == [
        ("remember", "allowed"),
        ("recall", "allowed"),
        ("get", "denied"),
    ]
    assert rows[1]["memories"] == [{"id": id, "version": 1, "path": "user/ada", "rule": "owner"}]
    table = list(csv.DictReader(io.StringIO(told["csv"])))
    assert [row["user"] for row in table] == ["ada", "ada", "'=eve"]
    events = [json.loads(line) for line in told["ocsf"].splitlines()]
    assert [(each["type_uid"], each["status_id"]) for each in events] == [(600_301, 1), (600_302, 1), (600_302, 2)]
    assert events[1]["resources"][0]["uid"] == id
    with pytest.raises(InvalidInput):
        await memos.audit.export(parts.append, format="xml")  # pyright: ignore[reportArgumentType]
    await memos.acl.change([id], readers=["ben"], reason="the party")
    (revision,) = await memos.acl.report()
    assert (revision.by, revision.new.readers, revision.reason) == ("ada", ("ben",), "the party")


async def test_the_log_is_verified_and_rotated_by_who_may(memos: Memos) -> None:
    await stored(memos, "the tea plan")
    found = await memos.audit.verify()
    assert (found.ok, found.lines) == (True, 1)
    assert (await memos.audit.rotate(timedelta(days=1))).removed == 0
    assert (await memos.audit.rotate(timedelta(0))).removed == 3
    found = await memos.audit.verify()
    assert (found.ok, found.lines) == (True, 1)
    with pytest.raises(InvalidInput):
        await memos.audit.rotate(timedelta(days=-1))
    writer = memos.acting_as(Caller("ada", scopes=("read", "write")))
    with pytest.raises(Denied):
        await writer.audit.verify()
    with pytest.raises(Denied):
        await writer.audit.rotate(timedelta(0))
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ada", scopes=("write",))).audit.query()


async def test_no_word_of_a_question_stands_in_the_log(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, "the tea plan")
    await memos.recall("where is the zanzibar ferry")
    await memos.update(id, "the new tea plan", reason="quokka")
    assert (await memos.audit.verify()).ok
    with closing(sqlite3.connect(tmp_path / "memos.db")) as db:
        rows = [*db.execute("SELECT * FROM access"), *db.execute("SELECT * FROM access_said")]
        rows += db.execute("SELECT * FROM access_at")
    assert not any("zanzibar" in str(row) or "quokka" in str(row) or "tea" in str(row) for row in rows)


async def test_questions_are_kept_where_asked_for_and_can_be_erased(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", audit={"texts": True}, embedder={"kind": "none"}) as memos:
        await stored(memos, "the zanzibar plan", "shared/ward")
        await memos.acting_as(EVE).recall("zanzibar ferry")
        await memos.recall(f"zanzibar {TOKEN}")
        masked, others = (await memos.audit.query(action="recall")).lines
        assert masked.said.startswith("zanzibar")
        assert TOKEN not in masked.said
        assert others.said == ""
        (line,) = (await memos.acting_as(EVE).audit.query(action="recall")).lines
        assert line.said == "zanzibar ferry"
        await memos.audit.rotate(timedelta(0), texts_only=True)
        assert (await memos.audit.verify()).ok
    assert b"zanzibar ferry" not in raw(tmp_path)
    assert TOKEN.encode() not in raw(tmp_path)


async def test_a_vault_without_a_log_answers_as_before(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", audit={"mode": "off"}) as memos:
        await stored(memos, "the tea plan")
        assert (await memos.recall("tea")).access == ""
        with pytest.raises(Unavailable, match="no access log is kept"):
            await memos.audit.query()
    async with memos_mcp.open(home=tmp_path, user="ada", vault={"read_only": True}) as memos:
        assert len((await memos.recall("tea")).cubes) == 1
    with pytest.raises(Misconfigured, match=r"audit\.mode"):
        memos_mcp.open(home=tmp_path, vault={"read_only": True}, audit={"mode": "strict"})


async def test_a_restore_takes_nothing_out_of_the_log(tmp_path: Path) -> None:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        await stored(memos, "the tea plan")
        await memos.audit.verify()
        await wiring.upkeep(home=tmp_path).backup(tmp_path / "copy.db")
        await memos.recall("tea")
        await wiring.upkeep(home=tmp_path).restore(tmp_path / "copy.db", caller=Caller("ada"))
        assert await lines(memos) == [("ada", "recall", "allowed", ""), ("ada", "remember", "allowed", "")]
        assert (await memos.audit.verify()).ok


async def test_who_only_waits_for_news_writes_no_line(memos: Memos) -> None:
    last = (await memos.log.news()).upto
    id = await stored(memos, "the tea plan")
    await memos.log.news(last)
    assert (await memos.log.news(last + 1)).events == ()
    found = (await memos.audit.query(action="log.news")).lines
    assert [[item.id for item in line.items] for line in found] == [[id]]


async def test_a_log_that_cannot_be_written_fails_only_the_strict(tmp_path: Path) -> None:
    for mode in ("grouped", "strict"):
        async with memos_mcp.open(home=tmp_path / mode, user="ada", audit={"mode": mode}) as memos:
            await stored(memos, "the tea plan")
            await memos.audit.verify()
            with closing(sqlite3.connect(tmp_path / mode / "memos.db")) as db:
                db.execute("ALTER TABLE access_at RENAME TO elsewhere")
                db.commit()
            if mode == "strict":
                with pytest.raises(Corrupt):
                    await memos.recall("tea")
            else:
                assert len((await memos.recall("tea")).cubes) == 1
            with closing(sqlite3.connect(tmp_path / mode / "memos.db")) as db:
                db.execute("ALTER TABLE elsewhere RENAME TO access_at")
                db.commit()
            assert [line.verb for line in (await memos.audit.query(action="recall")).lines] == ["recall"]
