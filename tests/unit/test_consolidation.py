"""What becomes of memories when others come, through the API."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp import Caller, Memos
from memos_mcp.cube import Link, MemCube, Ref, State
from memos_mcp.errors import Conflict, Denied, InvalidInput, NotFound
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface import consolidating
from memos_mcp.interface.consolidating import SYSTEM, Follower
from memos_mcp.interface.reader import RulesReader
from tests.worlds import Clock

pytestmark = pytest.mark.anyio

SAID = datetime(2025, 3, 3, 18, tzinfo=UTC)
HOME = "user/ada"


def opened(home: Path, *, user: str = "ada", clock: Clock | None = None, consolidation: bool = True) -> Memos:
    ticking = clock or Clock()
    vault, closing = SqliteAdapter(home / "memos.db", clock=ticking), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    return Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller(user),
        clock=ticking,
        closing=closing,
        consolidation=consolidation,
    )


async def told(memos: Memos, text: str, *, days: int = 0, speaker: str | None = "Ada", **given: object) -> str:
    """Remembered and looked at: its id."""
    done = await memos.remember(
        text,
        speaker=speaker,
        said_at=SAID + timedelta(days=days),
        settle=True,
        **given,  # pyright: ignore[reportArgumentType]
    )
    return done.ids[0]


async def stored(memos: Memos, id: str) -> MemCube:
    return (await memos._on.vault.get([Ref(id=id)]))[0]  # pyright: ignore[reportPrivateUsage]


async def test_what_changed_since_ends_and_stays_reachable_by_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        new = await told(memos, "I've moved to Braga.", days=200)
        ended, moved = await stored(memos, old), await stored(memos, new)
        assert ended.valid is not None
        assert (ended.valid.start, ended.valid.end) == (SAID, SAID + timedelta(days=200))
        assert ended.text == "I live in Porto."
        assert moved.links == (Link(kind="supersedes", target=old),)
        found = await memos.recall("Porto or Braga?")
        assert {cube.id for cube in found.cubes} == {old, new}
        assert "I live in Porto. (until 2025-09-19)" in found.context
        (deed,) = (await memos.consolidation.decided()).deeds
        assert (deed.id, deed.other, deed.relation, deed.did) == (new, old, "update", "ended")


async def test_a_statement_in_other_words_is_put_away_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.", source="a")
        new = await told(memos, "I reside in Porto.", days=3, source="b")
        kept, joined = await stored(memos, old), await stored(memos, new)
        assert kept.usage.sightings == 2
        assert kept.version == 1
        assert joined.state is State.ARCHIVED
        assert joined.links == (Link(kind="supports", target=old),)
        assert joined.text == "I reside in Porto."
        assert [cube.id for cube in (await memos.browse()).cubes] == [old]
        assert (await memos.get(new)).text == "I reside in Porto."


@pytest.mark.claim("5.3.2-14")
async def test_of_a_source_what_is_known_is_joined_one_by_one_and_the_rest_is_kept(tmp_path: Path) -> None:
    known = ["My dog is called Biscuit.", "I have two kids."]
    source = ["My dog's name is Biscuit.", "The kiln is in the shed.", "I've got two children.", "I keep bees."]
    async with opened(tmp_path) as memos:
        await memos.remember(list[JsonValue](known), source="monday")
        ids = (await memos.remember(list[JsonValue](source), source="tuesday", settle=True)).ids
        states = [(await stored(memos, id)).state for id in ids]
        assert states == [State.ARCHIVED, State.GENERATED, State.ARCHIVED, State.GENERATED]
        texts = {cube.text: cube.usage.sightings for cube in (await memos.browse()).cubes}
        assert texts == dict.fromkeys(known, 2) | dict.fromkeys((source[1], source[3]), 1)


async def test_what_was_joined_stays_so_when_it_is_said_again_unless_the_other_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.", source="a")
        new = await told(memos, "I reside in Porto.", source="b")
        assert await told(memos, "I reside in Porto.", source="c") == new
        assert (await stored(memos, new)).state is State.ARCHIVED
        await memos.forget(old)
        assert await told(memos, "I reside in Porto.", source="d") == new
        assert (await stored(memos, new)).state is State.ACTIVATED


async def test_what_stood_where_a_secret_was_masked_is_not_guessed(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "The wifi password is heron-7-lamp")
        new = await told(memos, "The wifi password is now otter-2-desk", days=30)
        assert (await stored(memos, old)).version == (await stored(memos, new)).version == 1


async def test_a_contradiction_is_kept_linked_and_listed_until_one_of_them_goes(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "My birthday is 4 May 1990.")
        new = await told(memos, "My birthday is 5 May 1990.", days=30)
        assert (await stored(memos, old)).links == (Link(kind="contradicts", target=new),)
        assert (await stored(memos, new)).links == (Link(kind="contradicts", target=old),)
        (pair,) = (await memos.consolidation.contradictions()).pairs
        assert (pair.old.id, pair.new.id) == (old, new)
        assert "1990" not in pair.reason
        await memos.update(new, "My birthday is on a Tuesday this year.")
        assert (await memos.consolidation.contradictions()).pairs == ()


async def test_what_adds_to_another_is_linked(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I have a dog.")
        new = await told(memos, "I have a dog called Biscuit.", days=10)
        assert (await stored(memos, new)).links == (Link(kind="supports", target=old),)
        assert (await stored(memos, old)).version == 1


async def test_each_change_is_logged_as_of_the_system_with_a_reason_without_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        new = await told(memos, "I live in Braga.", days=200)
        lines = [*await memos.history(old), *await memos.history(new)]
        assert {line.caller for line in lines if line.version == 2} == {SYSTEM.user}
        reasons = [line.reason for line in lines if line.version == 2]
        assert all(reason.startswith("consolidation: update with ") for reason in reasons)
        assert all("it has one value at a time" in reason for reason in reasons)
        assert not any(word in reason.lower() for reason in reasons for word in ("porto", "braga"))


async def test_what_is_undone_stands_as_before_and_is_not_done_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        new = await told(memos, "I reside in Porto.", days=3)
        done = await memos.consolidation.undo(old, new, reason="two homes")
        assert done.undone == "ada"
        assert (await stored(memos, new)).state is State.ACTIVATED
        assert (await stored(memos, new)).links == ()
        third = await told(memos, "I've moved to Braga.", days=200)
        await memos.consolidation.undo(third, old)
        assert (await stored(memos, old)).valid is None
        await memos.settle()
        await memos.settle()
        assert (await stored(memos, old)).valid is None
        assert (await stored(memos, new)).state is State.ACTIVATED
        assert {each.undone for each in (await memos.consolidation.decided(id=old)).deeds} == {"ada"}
        assert (await memos.consolidation.undo(old, new)).undone == "ada"


async def test_an_end_that_somebody_changed_since_stays_when_it_is_undone(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "My birthday is 4 May 1990.")
        new = await told(memos, "My birthday is 5 May 1990.", days=30)
        await memos.forget(old)
        with pytest.raises(NotFound):
            await memos.consolidation.undo(new, old)


async def test_nothing_was_done_to_two_strangers(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        new = await told(memos, "The rent is 900 euros.")
        with pytest.raises(NotFound, match="nothing was done"):
            await memos.consolidation.undo(new, old)
        with pytest.raises(InvalidInput, match="no page"):
            await memos.consolidation.decided(after="nonsense")


async def test_pages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        for number in range(5):
            await told(memos, f"The rent of flat {number}x is {900 + number} euros a month.")
            await told(memos, f"The rent of flat {number}x is now {950 + number} euros a month.", days=90)
        whole = [each.id for each in (await memos.consolidation.decided(limit=100)).deeds]
        assert len(whole) == 5
        paged: list[str] = []
        after = ""
        while True:
            page = await memos.consolidation.decided(limit=2, after=after)
            paged += [each.id for each in page.deeds]
            if not (after := page.after):
                break
        assert paged == whole


async def test_only_equals_in_place_and_rules_are_compared(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.", path="user/ada/work")
        await told(memos, "I reside in Porto.", days=3)
        await told(memos, "I am living in Porto.", days=4, path="user/ada/work", source_class="web")
        later = timedelta(days=9)
        await told(memos, "I'm residing in Porto.", days=5, path="user/ada/work", expires=later)
        bob = memos.acting_as(Caller("bob"))
        await told(memos, "Our bins go out on Mondays.", path="shared/team")
        await told(bob, "Our bins go out on Thursdays now.", days=90, path="shared/team")
        assert (await memos.consolidation.decided()).deeds == ()
        assert (await stored(memos, old)).usage.sightings == 1


@pytest.mark.parametrize("what", ["freeze", "hold", "read-only", "quarantine", "archive", "key", "document"])
async def test_what_is_fixed_put_away_or_no_statement_stays_as_it_is(tmp_path: Path, what: str) -> None:
    async with opened(tmp_path) as memos:
        if what == "key":
            old = (await memos.put(HOME, "home", text="I live in Porto.", kind="fact")).id
        else:
            old = await told(memos, "I live in Porto.", kind="document" if what == "document" else None)
        match what:
            case "freeze":
                await memos.timeline.freeze([old])
            case "hold":
                await memos.lifecycle.hold([old])
            case "read-only":
                await memos.acl.change([old], read_only=True)
            case "quarantine":
                await memos.quarantine.add([old])
            case "archive":
                await memos.lifecycle.move([old], "archive")
            case _:
                pass
        before = await stored(memos, old)
        new = await told(memos, "I've moved to Braga.", days=200)
        assert await stored(memos, old) == before
        assert (await stored(memos, new)).version == 1


async def test_a_turn_of_a_conversation_is_linked_and_never_put_away(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": text} for text in ("I live in Porto.", "Nice day.", "I reside in Porto.")]
    async with opened(tmp_path) as memos:
        ids = (await memos.remember({"messages": turns, "session": "s"}, settle=True)).ids  # pyright: ignore[reportArgumentType]
        cube = await stored(memos, ids[2])
        assert cube.state is State.GENERATED
        assert cube.links == (Link(kind="supports", target=ids[0]),)


async def test_new_words_count_from_when_they_were_written(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as memos:
        old = (await memos.remember("I drive a van.", settle=True)).ids[0]
        clock.tick(timedelta(days=100))
        new = (await memos.remember("I live in Braga.", settle=True)).ids[0]
        clock.tick(timedelta(days=100))
        await memos.update(old, "I live in Lyon.")
        await memos.settle()
        ended = await stored(memos, new)
        assert ended.valid is not None
        assert ended.valid.end == clock.now
        assert (await stored(memos, old)).valid is None


async def test_it_runs_in_the_background_after_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, run = anyio.Event(), Follower.run

    async def told_of(self: Follower) -> None:
        await run(self)
        looked.set()

    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        monkeypatch.setattr(consolidating, "_GRACE", 0.0)
        monkeypatch.setattr(consolidating, "_QUIET", 0.001)
        monkeypatch.setattr(Follower, "run", told_of)
        await memos.remember("I live in Braga.", speaker="Ada", said_at=SAID + timedelta(days=200))
        with anyio.fail_after(10):
            await looked.wait()
        assert (await stored(memos, old)).valid is not None


async def test_without_it_nothing_is_done_and_it_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, consolidation=False) as memos:
        await told(memos, "I live in Porto.")
        await told(memos, "I live in Braga.", days=200)
        assert (await memos.consolidation.run()).on is False
    async with opened(tmp_path) as memos:
        assert (await memos.consolidation.status()).pending == 2
        assert (await memos.consolidation.run()).pending == 0
        assert len((await memos.consolidation.decided()).deeds) == 1


async def test_the_setting_switches_it_off_and_a_read_only_vault_has_none(tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"embedder": {"kind": "none"}, "user": "ada"}
    async with memos_mcp.open(home=tmp_path, **quiet) as memos:
        await memos.remember("I live in Porto.")
        assert (await memos.consolidation.status()).on
    async with memos_mcp.open(home=tmp_path, **quiet, consolidation={"mode": "off"}) as memos:
        assert not (await memos.consolidation.status()).on
    async with memos_mcp.open(home=tmp_path, **quiet, vault={"read_only": True}, audit={"mode": "off"}) as memos:
        assert not (await memos.consolidation.status()).on


async def test_a_branch_is_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "I live in Porto.")
        await memos.branches.make("what-if", HOME)
        branch = await memos.on_branch("what-if")
        await told(branch, "I've moved to Braga.", days=200)
        assert (await branch.get(old)).valid is None
        assert not (await branch.consolidation.run()).on
        with pytest.raises(InvalidInput, match="branch"):
            await branch.consolidation.undo(old, old)
        await memos.settle()
        assert (await stored(memos, old)).version == 1


async def test_two_processes_never_both_act(tmp_path: Path) -> None:
    async with opened(tmp_path, consolidation=False) as memos:
        for number in range(20):
            await told(memos, f"The rent of flat {number}x is {900 + number} euros a month.")
            await told(memos, f"The rent of flat {number}x is now {950 + number} euros a month.", days=90)
    async with opened(tmp_path) as one, opened(tmp_path) as other, anyio.create_task_group() as tasks:
        tasks.start_soon(one.settle)
        tasks.start_soon(other.settle)
    async with opened(tmp_path) as memos:
        done = (await memos.consolidation.decided(limit=100)).deeds
        assert len(done) == 20
        for each in done:
            assert [line.version for line in await memos.history(each.id)] == [1, 2]
            assert [line.version for line in await memos.history(each.other)] == [1, 2]


async def test_a_memory_changed_meanwhile_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as memos:
        vault = memos._on.vault  # pyright: ignore[reportPrivateUsage]
        old = await told(memos, "I live in Porto.")
        commit, tried = vault.commit, list[str]()

        async def late(changes: object, **given: object) -> object:
            if given["caller"] is SYSTEM and not tried:
                tried.append("once")
                await memos.update(old, tags=["home"])
                raise Conflict("somebody came first")
            return await commit(changes, **given)  # pyright: ignore[reportArgumentType]

        monkeypatch.setattr(vault, "commit", late)
        await told(memos, "I live in Braga.", days=200)
        cube = await stored(memos, old)
        assert cube.tags == ("home",)
        assert cube.valid is not None


async def test_who_may_not_decide_about_both_cannot_undo_and_who_may_not_read_both_sees_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as memos:
        old = await told(memos, "Our bins go out on Mondays.", path="shared/team")
        new = await told(memos, "Our bins go out on Thursdays now.", days=90, path="shared/team")
        bob = memos.acting_as(Caller("bob"))
        assert len((await bob.consolidation.decided("shared/team")).deeds) == 1
        await memos.acl.change([old], readers=["ada"])
        assert (await bob.consolidation.decided("shared/team")).deeds == ()
        with pytest.raises(NotFound):
            await bob.consolidation.undo(new, old)
        await memos.acl.change([old], readers=["bob"], writers=["ada"])
        with pytest.raises(Denied):
            await bob.consolidation.undo(new, old)


async def test_hidden_personal_data_is_not_compared(tmp_path: Path) -> None:
    given: dict[str, Any] = {"embedder": {"kind": "none"}, "privacy": {"mode": "redact_at_read"}}
    async with memos_mcp.open(home=tmp_path, user="ada", **given) as memos:
        await told(memos, "My email is ada@example.org.")
        await told(memos, "My email is lovelace@example.org now.", days=90)
        assert (await memos.consolidation.decided()).deeds == ()
