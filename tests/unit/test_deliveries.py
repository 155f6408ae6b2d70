"""What is handed out carries a mark and stands in a register; a text that turns up is attributed by it."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep

pytestmark = pytest.mark.anyio

MINUTES = (
    "The committee didn't decide anything on Tuesday, because the report that Ines had promised wasn't ready. Ben will "
    "ask the neighbours whether they'd lend us their tent, and Carla is looking for somebody who plays the accordion."
)
BEN = Caller("ben")


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def minutes(memos: Memos, path: str | None = None) -> str:
    return (await memos.put(path, "minutes", text=MINUTES)).id


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def visible(text: str) -> str:
    return unicodedata.normalize("NFKC", text.replace("\u200b", "").replace("\u2060", "")).replace("\u2019", "'")


@pytest.mark.claim("4.2-14", "5.5.1-08")
async def test_a_leaked_fragment_names_whom_it_was_given_to_and_what_it_says(memos: Memos) -> None:
    id = await minutes(memos)
    copies = {name: await memos.deliveries.deliver([id], to=name) for name in ("ben", "carla", "Dan of ACME")}
    assert {visible(copy.text) for copy in copies.values()} == {MINUTES}
    assert all(copy.traceable for copy in copies.values())
    leaked = copies["carla"].text.upper()[40:230].replace(" ", "\n", 3)
    (leak,) = await memos.deliveries.attribute(leaked)
    assert leak.receipt == copies["carla"].receipt
    assert (leak.receipt.recipient, leak.receipt.by) == ("carla", "ada")
    assert [(each.id, each.version, each.gone) for each in leak.receipt.memories] == [(id, 1, False)]
    assert leak.confidence == 1 - leak.chance > 0.999999
    assert await memos.deliveries.attribute(MINUTES) == (), "nobody was given it without a mark"
    assert (await memos.get(id)).text == MINUTES


@pytest.mark.claim("5.5.1-07")
async def test_a_text_made_from_memories_carries_what_it_was_made_from(memos: Memos) -> None:
    id = await minutes(memos)
    await memos.update(id, MINUTES + " It will rain.", expect=1)
    answer = (
        "Nothing was decided, as the report wasn't ready; Ben asks the neighbours for their tent, and Carla finds "
        "somebody who plays the accordion."
    )
    copy = await memos.deliveries.deliver([id], to="ben", text=answer)
    (leak,) = await memos.deliveries.attribute(f"Somebody wrote: {copy.text}")
    assert [(each.id, each.version) for each in leak.receipt.memories] == [(id, 2)]
    free = await memos.deliveries.deliver(to="ben", text=answer)
    assert free.receipt.memories == ()


async def test_the_register_names_ids_and_never_words(memos: Memos, tmp_path: Path) -> None:
    id = await minutes(memos)
    await memos.deliveries.deliver([id], to="ben")
    await memos.lifecycle.erase([id], reason="asked to")
    (receipt,) = (await memos.deliveries.list()).receipts
    assert [(each.id, each.gone) for each in receipt.memories] == [(id, True)]
    await memos.aclose()
    raw = bytes_of(tmp_path)
    assert b"committee" not in raw
    assert b"accordion" not in raw


async def test_the_register_is_read_by_recipient_and_memory_page_by_page(memos: Memos) -> None:
    id = await minutes(memos)
    other = (await memos.remember("the tent is green and dry, and it lies in the garden of our neighbours")).ids[0]
    for name in ("ben", "carla", "ben"):
        await memos.deliveries.deliver([id], to=name)
    await memos.deliveries.deliver([other], to="ben")
    assert [each.recipient for each in (await memos.deliveries.list()).receipts] == ["ben", "ben", "carla", "ben"]
    assert len((await memos.deliveries.list(to="ben")).receipts) == 3
    assert len((await memos.deliveries.list(to="ben", id=id)).receipts) == 2
    first = await memos.deliveries.list(limit=3)
    rest = await memos.deliveries.list(limit=3, after=first.after)
    assert len(first.receipts + rest.receipts) == 4
    assert rest.after == ""
    with pytest.raises(InvalidInput, match="begin anew"):
        await memos.deliveries.list(after="nobody")


async def test_only_what_one_may_read_is_delivered(memos: Memos) -> None:
    id = await minutes(memos)
    ben = memos.acting_as(BEN)
    with pytest.raises(NotFound, match="ben has no memory"):
        await ben.deliveries.deliver([id], to="eve")
    await memos.acl.change([id], readers=["ben"])
    assert (await ben.deliveries.deliver([id], to="eve")).receipt.by == "ben"
    await memos.quarantine.add([id])
    with pytest.raises(InvalidInput, match="in quarantine"):
        await memos.deliveries.deliver([id], to="eve")
    with pytest.raises(Denied):
        await memos.acting_as(Caller("ada", scopes=("read",))).deliveries.deliver([id], to="eve")


async def test_a_delivery_is_known_to_who_made_it_and_to_the_owner_with_admin(memos: Memos) -> None:
    id, own = await minutes(memos), await minutes(memos.acting_as(BEN))
    await memos.acl.change([id], readers=["ben", "eve"])
    ben = memos.acting_as(BEN)
    copy = await ben.deliveries.deliver([id, own], to="carla")
    (mine,) = (await ben.deliveries.list()).receipts
    assert [each.id for each in mine.memories] == [id, own]
    (seen,) = (await memos.deliveries.list()).receipts
    assert [each.id for each in seen.memories] == [id], "what is not hers is left out"
    assert len(await memos.deliveries.attribute(copy.text)) == 1
    for nobody in (Caller("eve"), Caller("ada", scopes=("read", "write")), replace(BEN, within="user/ben/x")):
        other = memos.acting_as(nobody)
        assert (await other.deliveries.list()).receipts == ()
        assert await other.deliveries.attribute(copy.text) == ()
    await memos.acl.change([id], readers=[])
    (cut,) = (await ben.deliveries.list()).receipts
    assert [each.id for each in cut.memories] == [own], "he may no longer know of the other"


async def test_the_key_is_made_once_and_never_told(memos: Memos, tmp_path: Path) -> None:
    id = await minutes(memos)
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage] what no verb shows
    told: list[str] = []

    async def deliver() -> None:
        copy = await memos.deliveries.deliver([id], to="ben")
        told.append(repr(copy))
        (leak,) = await memos.deliveries.attribute(copy.text)
        told.append(repr(leak))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(deliver)
    key = await ledger.read("watermark", "key")
    assert key
    assert (key.revision, len(bytes.fromhex(str(key.value)))) == (1, 32)
    await memos.audit.export(told.append)
    assert not any(str(key.value) in text for text in told)
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as later:
        copy = await later.deliveries.deliver([id], to="dan")
        assert [each.receipt.recipient for each in await memos.deliveries.attribute(copy.text)] == ["dan"]


async def test_a_short_text_says_that_it_cannot_be_traced(memos: Memos) -> None:
    (tea,) = (await memos.remember("Ada drinks green tea")).ids
    copy = await memos.deliveries.deliver([tea], to="ben")
    assert not copy.traceable
    assert await memos.deliveries.attribute(copy.text) == ()
    data = await memos.put(None, "numbers", data={"a": [1, 2, 3]})
    copy = await memos.deliveries.deliver([data.id], to="ben")
    assert (copy.text, copy.traceable) == ('{"a": [1, 2, 3]}', False)


@pytest.mark.parametrize(
    "wrong",
    [{"to": " "}, {"to": "a\nb"}, {"to": "x" * 200}, {"ids": []}, {"text": " "}, {"ids": ["x", ""]}],
)
async def test_a_delivery_names_what_and_to_whom(memos: Memos, wrong: dict[str, object]) -> None:
    id = await minutes(memos)
    given: dict[str, object] = {"ids": [id], "to": "ben"} | wrong
    with pytest.raises((InvalidInput, NotFound)):
        await memos.deliveries.deliver(**given)  # pyright: ignore[reportArgumentType] what a caller may send
    assert (await memos.deliveries.list()).receipts == ()


async def test_a_delivery_is_in_the_access_log_and_outlives_the_process(memos: Memos, tmp_path: Path) -> None:
    id = await minutes(memos)
    copy = await memos.deliveries.deliver([id], to="ben")
    (line,) = (await memos.audit.query(action="deliveries.deliver")).lines
    assert [(item.id, item.version) for item in line.items] == [(id, 1)]
    await memos.aclose()
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as later:
        assert len(await later.deliveries.attribute(copy.text)) == 1


async def test_marks_can_be_traced_in_a_vault_that_was_brought_back_in_the_place_of_a_damaged_one(
    memos: Memos, tmp_path: Path
) -> None:
    id = await minutes(memos)
    copy = await memos.deliveries.deliver([id], to="ben")
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage] what no verb writes
    await ledger.write("token", "t", {"name": "old"})
    file = tmp_path / "memos.db"
    upkeep, backup = Upkeep(Database(file)), tmp_path / "backup.db"
    await upkeep.backup(backup)
    await memos.aclose()
    file.write_bytes(bytes(20_000) + file.read_bytes()[20_000:])
    await upkeep.restore(backup, caller=Caller("ada"))
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as later:
        assert [leak.receipt.recipient for leak in await later.deliveries.attribute(copy.text)] == ["ben"]
        tokens = later._on.vault.ledger  # pyright: ignore[reportPrivateUsage] the same
        assert await tokens.read("token", "t") is None
