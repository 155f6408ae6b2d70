"""Activated memories stay made: reading one again costs a look-up, and never shows what it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos_mcp.cube import Governance, MemCube, Plaintext, Ref, State
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.ports import Change
from memos_mcp.testing.cubes import ADA, a_cube, remember

pytestmark = pytest.mark.anyio


async def one(vault: SqliteAdapter, cube: MemCube) -> MemCube:
    (found,) = await vault.get([Ref(id=cube.id)])
    return found


@pytest.mark.claim("5.4.3-12")
async def test_what_is_activated_is_kept_in_memory_before_all_else(tmp_path: Path) -> None:
    vault, other = SqliteAdapter(tmp_path / "memos.db"), SqliteAdapter(tmp_path / "memos.db")
    hot, warm = a_cube("tea"), a_cube("coffee")
    await remember(vault, hot, warm)
    await vault.commit([Change("move", hot.id, hot.model_copy(update={"state": State.ACTIVATED}))], caller=ADA)
    first = await one(vault, hot)
    assert await one(vault, hot) is first
    assert await one(vault, warm) is not await one(vault, warm)
    rules = first.model_copy(update={"governance": Governance(readers=("ben",))})
    await other.commit([Change("govern", hot.id, rules)], caller=ADA)
    assert (await one(vault, hot)).governance.readers == ("ben",)
    new = first.model_copy(update={"version": 2, "payload": Plaintext(text="green tea")})
    await other.commit([Change("update", hot.id, new)], caller=ADA)
    assert (await one(vault, hot)).text == "green tea"
    await other.commit([Change("forget", hot.id)], caller=ADA)
    assert await vault.get([hot.ref]) == []
    await vault.aclose()
    await other.aclose()


async def test_damage_is_noticed_although_the_memory_was_made_before(tmp_path: Path) -> None:
    vault = SqliteAdapter(tmp_path / "memos.db")
    hot = a_cube("tea")
    await remember(vault, hot)
    await vault.commit([Change("move", hot.id, hot.model_copy(update={"state": State.ACTIVATED}))], caller=ADA)
    assert (await one(vault, hot)).text == "tea"
    with vault.database.write() as db:
        db.execute("UPDATE version SET payload = replace(payload, 'tea', 'gin')")
    with pytest.raises(Corrupt):
        await one(vault, hot)
    await vault.aclose()


async def test_who_changes_data_that_he_was_given_changes_it_for_nobody_else(tmp_path: Path) -> None:
    vault = SqliteAdapter(tmp_path / "memos.db")
    hot = a_cube("tea").model_copy(update={"payload": Plaintext(text="tea", data={"cups": 2})})
    await remember(vault, hot)
    await vault.commit([Change("move", hot.id, hot.model_copy(update={"state": State.ACTIVATED}))], caller=ADA)
    given = (await one(vault, hot)).payload
    assert isinstance(given, Plaintext)
    assert isinstance(given.data, dict)
    given.data["cups"] = 99
    assert (await one(vault, hot)).payload == Plaintext(text="tea", data={"cups": 2})
    await vault.aclose()
