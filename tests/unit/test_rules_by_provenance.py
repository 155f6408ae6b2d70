"""Rules that ask where a memory comes from: who may use what is from the web, a tool, a document."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, InvalidInput, Memos, NotFound
from memos_mcp.cube import SourceClass
from memos_mcp.infrastructure.storage import database
from memos_mcp.infrastructure.storage.migrations import migrations

pytestmark = pytest.mark.anyio

BEN, EDITOR = Caller("ben"), Caller("eve", roles=("editor",))
TEAM = "shared/team"
WITHOUT_SOURCES = """INSERT OR IGNORE INTO policy (rules, restricted)
    SELECT json_remove(rules, '$.came_from'), restricted FROM policy;
INSERT OR IGNORE INTO guest SELECT g.name, n.policy FROM guest g JOIN policy o ON o.policy = g.policy
    JOIN policy n ON n.rules = json_remove(o.rules, '$.came_from');
UPDATE memory SET policy = (SELECT n.policy FROM policy o JOIN policy n ON n.rules = json_remove(o.rules, '$.came_from')
    WHERE o.policy = memory.policy);"""
"""The rules of memories as an older version wrote them."""


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def stored(memos: Memos, text: str, source_class: SourceClass = "user", path: str = TEAM) -> str:
    (id,) = (await memos.remember(text, path=path, source_class=source_class)).ids
    return id


async def seen_by(memos: Memos, question: str = "tea") -> list[str]:
    """What a caller sees in every way there is; they must agree."""
    found = await memos.recall(question, limit=50)
    page = await memos.browse(limit=100)
    assert sorted(cube.id for cube in found.cubes) == sorted(cube.id for cube in page.cubes)
    assert found.searched == page.total == len(page.cubes)
    assert sum(each.memories for each in await memos.namespaces()) == page.total == (await memos.status()).memories
    return sorted(cube.text for cube in page.cubes)


@pytest.mark.claim("5.3.2-05")
async def test_what_comes_from_the_web_is_for_editors_alone(memos: Memos) -> None:
    page = await stored(memos, "tea of the web", "web")
    await stored(memos, "tea of a user")
    ben, editor = memos.acting_as(BEN), memos.acting_as(EDITOR)
    assert await seen_by(ben) == ["tea of a user", "tea of the web"]
    await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor"])
    assert await seen_by(ben) == await seen_by(memos) == ["tea of a user"]
    assert await seen_by(editor) == ["tea of a user", "tea of the web"]
    with pytest.raises(NotFound):
        await ben.update(page, "tea of ben")
    assert (await memos.acl.explain(page, user="ben")).why == (
        "what comes from a source of class web is for role:editor alone, as shared/team says"
    )
    assert (await memos.acl.explain(page, user="ben", roles=["editor"])).allowed
    await memos.acl.set_rules(TEAM, contexts=[])
    assert await seen_by(ben) == ["tea of a user", "tea of the web"]


@pytest.mark.claim("5.3.2-05")
async def test_a_change_from_the_web_closes_a_memory_with_its_past(memos: Memos) -> None:
    await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor"])
    id = await stored(memos, "tea of a user")
    await stored(memos, "more tea")
    ben, editor = memos.acting_as(BEN), memos.acting_as(EDITOR)
    assert await seen_by(ben) == ["more tea", "tea of a user"]
    before = (await memos.timeline.snapshot("before", TEAM)).at
    cube = await editor.update(id, "and tea of the web", how="append", source_class="web")
    assert cube.governance.came_from == ("user", "web")
    assert await seen_by(ben) == ["more tea"]
    assert (await ben.recall("tea", at=before)).searched == 1
    assert (await ben.timeline.browse(before)).total == 1
    with pytest.raises(NotFound):
        await ben.get(id, version=1)
    await editor.update(id, "tea, as the user says")
    assert await seen_by(ben) == ["more tea"]
    assert (await editor.get(id, version=2)).text.endswith("and tea of the web")


async def test_rules_of_a_memory_ask_where_it_comes_from_and_change_nothing_about_that(memos: Memos) -> None:
    id = await stored(memos, "tea of a tool", "tool", "user/ada")
    (cube,) = await memos.acl.change([id], readers=["ben", "eve"], contexts=["from-tool:ben", "from-tool:ada"])
    assert cube.governance.came_from == ("tool",)
    assert await seen_by(memos.acting_as(BEN)) == ["tea of a tool"]
    assert await seen_by(memos.acting_as(EDITOR)) == []


async def test_a_context_of_a_memory_leaves_what_its_namespace_says_of_sources(memos: Memos) -> None:
    id = await stored(memos, "tea of the web", "web")
    await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor", "application:desk"])
    await memos.acl.change([id], contexts=["application:bed"])
    at_bed = Caller("eve", roles=("editor",), context=("application:bed",))
    assert await seen_by(memos.acting_as(at_bed)) == ["tea of the web"]
    assert await seen_by(memos.acting_as(Caller("ben", context=("application:bed",)))) == []
    await memos.acl.change([id], contexts=["from-web:ben"])
    assert await seen_by(memos.acting_as(Caller("ben", context=("application:desk",)))) == ["tea of the web"]
    assert await seen_by(memos.acting_as(BEN)) == []


async def test_who_repeats_what_he_may_not_read_has_what_he_said_himself(memos: Memos) -> None:
    await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor"])
    web = await stored(memos.acting_as(EDITOR), "The tea is cold.", "web")
    said = await memos.acting_as(BEN).remember("The tea is cold.", path=TEAM)
    assert web not in said.ids
    assert await seen_by(memos.acting_as(BEN)) == ["The tea is cold."]


async def test_a_branch_and_its_merge_keep_where_a_memory_comes_from(memos: Memos) -> None:
    await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor"])
    id = await stored(memos, "tea of a user")
    await memos.branches.make("idea", TEAM)
    editor = await memos.acting_as(EDITOR).on_branch("idea", TEAM)
    await editor.update(id, "tea of the web", source_class="web")
    await editor.update(id, "and what a user makes of it", how="append")
    ben = await memos.acting_as(BEN).on_branch("idea", TEAM)
    assert (await ben.recall("tea", path=TEAM)).searched == 0
    await memos.acting_as(EDITOR).branches.merge("idea", TEAM)
    assert await seen_by(memos.acting_as(BEN)) == []


@pytest.mark.parametrize("wrong", ["from-moon:ben", "from-web:", "from-web", "from-web:role:"])
async def test_a_condition_that_says_not_who_or_from_where_is_refused(memos: Memos, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        await memos.acl.set_rules("user/ada", contexts=[wrong])


async def test_memories_of_an_older_vault_are_known_by_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(database, "migrations", lambda: migrations()[:12])
        async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
            await stored(memos, "tea of the web", "web")
            id = await stored(memos, "tea of a user")
            await memos.update(id, "tea of a tool", source_class="tool")
            await memos.acl.change([id], readers=["ben"])
    with sqlite3.connect(tmp_path / "memos.db") as db:
        db.executescript(WITHOUT_SOURCES)
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos:
        found = {cube.text: cube.governance for cube in (await memos.browse()).cubes}
        assert found["tea of the web"].came_from == ("web",)
        assert found["tea of a tool"].came_from == ("tool", "user")
        assert found["tea of a tool"].readers == ("ben",)
        await memos.acl.set_rules(TEAM, contexts=["from-web:role:editor"])
        assert await seen_by(memos) == ["tea of a tool"]
        assert await seen_by(memos.acting_as(BEN)) == ["tea of a tool"]
