"""KV blocks as they are shown and handled: who knows of which, and who may build, drop and pin them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from memos_mcp import Caller, Denied, InvalidInput, Memos, MemosError, Misconfigured, NotFound
from memos_mcp.cube import Activation
from memos_mcp.interface.activating import HITS, KIND, OWED
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.privacy import recognisers
from memos_mcp.interface.privacy_modes import Privacy
from tests.activations import Table, remembering

pytestmark = pytest.mark.anyio

TEAM = "shared/team"
GREEN, BLACK = "Ada likes green tea.", "Ben likes black tea."


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def memos(tmp_path: Path, table: Table) -> AsyncGenerator[Memos]:
    async with remembering(tmp_path, table) as memos:
        yield memos


async def told(memos: Memos, *texts: str, path: str | None = None) -> list[str]:
    return [id for text in texts for id in (await memos.remember(text, path=path)).ids]


async def test_a_block_is_built_shown_used_and_dropped(memos: Memos, table: Table) -> None:
    ids = await told(memos, GREEN, BLACK)
    steps: list[tuple[int, int]] = []
    built = await memos.kv.build(ids, told=lambda done, of: steps.append((done, of)))
    assert [ref.id for ref in built.sources] == ids
    assert (built.memories, built.by, built.model, built.hits, built.why) == (2, "ada", "table", 0, "")
    assert steps[-1] == (built.tokens, built.tokens)
    assert built.bytes == 10 * built.tokens
    assert (await memos.ask("Who likes tea?")).via == "prefix"
    (seen,) = await memos.kv.list()
    assert (seen.name, seen.hits, seen.saved) == (built.name, 1, built.tokens)
    assert seen.last_used_at is not None
    assert (await memos.kv.drop(built.name)).said == ""
    assert (await memos.kv.list(), table.kept) == ((), {})
    assert (await memos.get(ids[0])).text == GREEN


async def test_the_same_memories_are_one_block_whoever_builds_it(memos: Memos, table: Table) -> None:
    ids = await told(memos, GREEN, BLACK, path=TEAM)
    one = await memos.kv.build(ids)
    other = await memos.acting_as(Caller("ben")).kv.build(ids[::-1])
    assert (one.name, one.by) == (other.name, other.by)
    assert len(table.read) == 1


async def test_memories_are_named_by_what_they_have_in_common(memos: Memos) -> None:
    (tea,) = (await memos.remember(GREEN, path=TEAM, tags=["drinks"])).ids
    (cat,) = (await memos.remember("The cat sleeps.", path=TEAM, tags=["pets"])).ids
    (own,) = await told(memos, BLACK)
    assert {ref.id for ref in (await memos.kv.build(path=TEAM)).sources} == {tea, cat}
    assert [ref.id for ref in (await memos.kv.build(tags=["drinks"])).sources] == [tea]
    assert [ref.id for ref in (await memos.kv.build(where="text:black")).sources] == [own]
    assert {each.memories for each in await memos.kv.list(TEAM)} == {1, 2}
    assert len(await memos.kv.list(TEAM)) == 2
    for nothing in ({"tags": ["none"]}, {"path": "shared/empty"}):
        with pytest.raises(InvalidInput, match="no memory"):
            await memos.kv.build(**nothing)  # pyright: ignore[reportArgumentType] - of two kinds
    for both in ({}, {"ids": [tea], "path": TEAM}):
        with pytest.raises(InvalidInput, match="either the ids"):
            await memos.kv.build(**both)  # pyright: ignore[reportArgumentType]


async def test_more_memories_than_a_block_takes_are_refused(memos: Memos) -> None:
    await memos.remember([{"text": f"Note {n} of the list."} for n in range(1001)], path=TEAM)
    with pytest.raises(InvalidInput, match="more than 1,000"):
        await memos.kv.build(path=TEAM)
    with pytest.raises(InvalidInput, match="too many"):
        await memos.kv.build([f"id{n}" for n in range(1001)])


async def test_what_one_may_not_read_is_not_built_shown_checked_dropped_or_pinned(memos: Memos) -> None:
    ids = await told(memos, GREEN, BLACK, path=TEAM)
    name = (await memos.kv.build(ids)).name
    await memos.acl.change([ids[0]], readers=["ada"])
    block = await memos.kv.build(ids)
    eve = memos.acting_as(Caller("eve", scopes=("read", "write")))
    assert block.name != name
    assert await eve.kv.list() == ()
    with pytest.raises(NotFound) as unknown:
        await eve.kv.verify("nothing")
    for ask in (eve.kv.verify, eve.kv.drop, eve.kv.pin, eve.kv.memories):
        with pytest.raises(NotFound) as hidden:
            await ask(block.name)
        assert str(hidden.value) == str(unknown.value).replace("nothing", block.name)
    with pytest.raises(NotFound, match=f"eve has no memory '{ids[0]}'"):
        await eve.kv.build(ids)
    assert [ref.id for ref in (await eve.kv.build(path=TEAM)).sources] == ids[1:]


async def test_who_looks_after_the_vault_sees_every_block_but_not_of_what(memos: Memos) -> None:
    block = await memos.kv.build(await told(memos, GREEN))
    admin = memos.acting_as(Caller("eve"))
    (seen,) = await admin.kv.list()
    assert (seen.name, seen.memories, seen.bytes, seen.sources) == (block.name, 1, block.bytes, ())
    assert await admin.kv.list("shared") == ()
    assert await memos.acting_as(Caller("eve", within=TEAM)).kv.list() == ()
    assert (await admin.kv.verify(block.name)).sources == ()
    await admin.kv.drop(block.name)
    assert await memos.kv.list() == ()


async def test_only_who_built_a_block_or_looks_after_the_vault_ends_or_pins_it(memos: Memos) -> None:
    block = await memos.kv.build(await told(memos, GREEN, path=TEAM))
    ben = memos.acting_as(Caller("ben", scopes=("read", "write")))
    assert [each.name for each in await ben.kv.list()] == [block.name]
    for ask in (ben.kv.drop, ben.kv.pin):
        with pytest.raises(Denied, match="ada's"):
            await ask(block.name)
    reader = memos.acting_as(Caller("ada", scopes=("read",)))
    for ask in (reader.kv.drop, reader.kv.pin, reader.kv.build):
        with pytest.raises(Denied, match="scope 'write'"):
            await ask(block.name)


async def test_a_block_leads_back_to_its_memories_as_they_were_read(memos: Memos) -> None:
    ids = await told(memos, GREEN, BLACK, path=TEAM)
    block = await memos.kv.build(ids)
    ben = memos.acting_as(Caller("ben", scopes=("read", "write")))
    assert [cube.text for cube in await ben.kv.memories(block.name)] == [GREEN, BLACK]
    own = await memos.kv.build(await told(memos, "The cat sleeps."))
    assert await memos.acting_as(Caller("eve")).kv.memories(own.name) == ()
    for name in (own.name, "nothing"):
        with pytest.raises(NotFound):
            await ben.kv.memories(name)


async def test_a_pin_is_set_and_taken_away(memos: Memos) -> None:
    block = await memos.kv.build(await told(memos, GREEN))
    assert (await memos.kv.pin(block.name)).pinned
    assert (await memos.kv.pin(block.name)).pinned
    assert not (await memos.kv.pin(block.name, on=False)).pinned
    assert (await memos.kv.build([block.sources[0].id], pin=True)).pinned
    assert [each.pinned for each in await memos.kv.list()] == [True]


async def test_verifying_says_why_a_block_cannot_be_used(memos: Memos, table: Table) -> None:
    block = await memos.kv.build(await told(memos, GREEN))
    assert (await memos.kv.verify(block.name)).why == ""
    table.kept.clear()
    lost = await memos.kv.verify(block.name)
    assert (lost.why, lost.cold) == ("", True)
    assert (await memos.ask("Who likes tea?")).via == "prefix"
    assert not (await memos.kv.verify(block.name)).cold
    table.model = "another"
    assert (await memos.kv.verify(block.name)).why == "it was built for table, and another answers here"
    assert (await memos.kv.list())[0].why == "it was built for table, and another answers here"


async def test_a_memory_that_is_changed_out_of_sight_shows_in_the_list(memos: Memos) -> None:
    (id,) = await told(memos, GREEN)
    await memos.kv.build([id])
    on = memos._on  # pyright: ignore[reportPrivateUsage]
    (note,) = await on.vault.ledger.list(KIND)
    await memos.update(id, BLACK)
    await on.vault.ledger.write(KIND, note.key, note.value)  # as a process that was slow leaves it
    assert "not what was read" in (await memos.kv.list())[0].why


@pytest.mark.parametrize("what", ["quarantine", "archive", "expire", "forget"])
async def test_what_is_not_in_use_gets_into_no_block(memos: Memos, what: str) -> None:
    one, other = await told(memos, GREEN, BLACK, path=TEAM)
    match what:
        case "quarantine":
            await memos.quarantine.add([one])
        case "archive":
            await memos.lifecycle.move([one], "archive")
        case "expire":
            await memos.acl.change([one], expires_at=memos._on.clock() - timedelta(days=1))  # pyright: ignore[reportPrivateUsage]
        case _:
            await memos.forget(one)
    with pytest.raises((InvalidInput, NotFound)):
        await memos.kv.build([one, other])
    assert [ref.id for ref in (await memos.kv.build(path=TEAM)).sources] == [other]


async def test_who_sees_marks_builds_no_block_of_the_words_beneath(tmp_path: Path) -> None:
    privacy = Privacy(recognisers(), "redact_at_read")
    async with remembering(tmp_path, Table(), guard=Guard(privacy=privacy)) as memos:
        (id,) = await told(memos, "Write to ada@example.org for tea.", path=TEAM)
        ben = memos.acting_as(Caller("ben", scopes=("read", "write")))
        with pytest.raises(InvalidInput, match="in part"):
            await ben.kv.build([id])
        with pytest.raises(InvalidInput, match="no memory"):
            await ben.kv.build(path=TEAM)
        block = await memos.kv.build([id])
        assert await ben.kv.list() == ()
        assert (await ben.ask("Where is tea?")).via == "text"
        with pytest.raises(NotFound):
            await ben.kv.verify(block.name)


async def test_a_branch_has_no_blocks(memos: Memos) -> None:
    await told(memos, GREEN)
    await memos.branches.make("idea")
    with pytest.raises(InvalidInput, match="of its original"):
        await (await memos.on_branch("idea")).kv.list()


async def test_without_a_model_it_says_which_setting(tmp_path: Path) -> None:
    async with remembering(tmp_path, None) as memos:
        for ask in (memos.kv.list(), memos.kv.build(["a"]), memos.kv.verify("a"), memos.kv.drop("a")):
            with pytest.raises(Misconfigured, match=r"activation\.kind"):
                await ask


async def test_a_record_that_cannot_be_read_is_dropped(memos: Memos) -> None:
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    await ledger.write(KIND, "torn", {"name": "torn"})
    with pytest.raises(MemosError, match="`memos kv drop` it"):
        await memos.kv.list()
    with pytest.raises(NotFound):
        await memos.acting_as(Caller("ada", scopes=("read", "write"))).kv.drop("torn")
    assert "could not be read" in (await memos.kv.drop("torn")).said
    assert [await ledger.list(kind) for kind in (KIND, HITS, OWED)] == [[], [], []]


class Shut(Table):
    """A server that refuses its key when something is to be dropped."""

    async def drop(self, activation: Activation) -> str:
        raise Misconfigured("the server refuses the key: set activation.key")


async def test_every_block_of_a_memory_ends_with_it_though_the_server_refuses_to_hear_of_it(tmp_path: Path) -> None:
    table = Shut()
    async with remembering(tmp_path, table) as memos:
        ids = await told(memos, GREEN, BLACK)
        await memos.kv.build(ids)
        await memos.kv.build(ids[:1])
        await memos.forget(ids[0])
        assert await memos.kv.list() == ()
        assert len(await memos._on.vault.ledger.list(OWED)) == 2  # pyright: ignore[reportPrivateUsage]


async def test_what_one_process_drops_the_other_does_not_serve(memos: Memos, table: Table, tmp_path: Path) -> None:
    another = Table()
    async with remembering(tmp_path, another) as other:
        ids = await told(memos, GREEN, BLACK)
        block = await memos.kv.build(ids)
        assert (await other.ask("Who likes tea?")).recall.prefix == (await memos.ask("Who likes tea?")).recall.prefix
        assert [each.hits for each in await other.kv.list()] == [2]
        await other.kv.drop(block.name)
        assert table.kept != {}
        assert (await memos.ask("Who likes tea?")).via == "text"
        await memos.kv.build(ids)
        await other.forget(ids[0])
        assert (await memos.kv.list(), (await memos.ask("Who likes tea?")).via) == ((), "text")


async def test_an_erasure_says_what_the_model_cannot_promise_of_its_blocks(memos: Memos, table: Table) -> None:
    one, other = await told(memos, GREEN, BLACK)
    await memos.kv.build([one])
    table.promise = "The server frees it when room is needed."
    assert (await memos.lifecycle.erase([one], reason="asked")).left == (f"KV blocks: {table.promise}",)
    assert (await memos.lifecycle.erase([other], reason="asked")).left == ()


async def test_what_was_done_stands_in_the_access_log_with_its_memories(memos: Memos) -> None:
    ids = await told(memos, GREEN, BLACK)
    block = await memos.kv.build(ids)
    await memos.kv.drop(block.name)
    lines = {line.verb: {item.id for item in line.items} for line in (await memos.audit.query()).lines}
    assert lines["kv.build"] == lines["kv.drop"] == set(ids)
