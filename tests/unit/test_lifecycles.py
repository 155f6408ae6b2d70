"""States of memories and how long they stay, from the verb to everything that must follow it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, NotFound
from memos_mcp.cube import State
from memos_mcp.errors import IllegalMove
from memos_mcp.interface.lives import Shelved, Swept
from memos_mcp.interface.reader import RulesReader
from memos_mcp.operation.lifecycle import Policy
from memos_mcp.wiring import upkeep

pytestmark = pytest.mark.anyio

BEN = Caller("ben")


def days(number: float) -> timedelta:
    return timedelta(days=number)


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada") as system:
        yield system


async def stored(memos: Memos, text: str, path: str | None = None) -> str:
    (id,) = (await memos.remember(text, path=path)).ids
    return id


async def seen(memos: Memos) -> list[str]:
    """What is seen in every way there is; they must agree."""
    found = await memos.recall("tea", limit=50)
    page = await memos.browse(limit=100)
    assert sorted(cube.id for cube in found.cubes) == sorted(cube.id for cube in page.cubes)
    assert found.searched == page.total == len(page.cubes)
    assert sum(each.memories for each in await memos.namespaces()) == page.total == (await memos.status()).memories
    return sorted(cube.text for cube in page.cubes)


def later(memos: Memos, by: timedelta) -> Memos:
    """The same system when time has passed."""
    on, routes = memos._on, memos._routes  # pyright: ignore[reportPrivateUsage] the clock is no argument of a verb

    def clock() -> datetime:
        return datetime.now(UTC) + by

    reader, ada = RulesReader(), memos.caller
    return Memos(vault=on.vault, reader=reader, routes=routes, caller=ada, clock=clock, accesses=on.accesses)


@pytest.mark.claim("4.4-02", "5.2-10")
async def test_what_is_archived_is_kept_and_comes_back(memos: Memos) -> None:
    old = await stored(memos, "old tea")
    await stored(memos, "new tea")
    (cube,) = await memos.lifecycle.move([old], "archive", reason="no longer true")
    assert (cube.state, cube.version) == (State.ARCHIVED, 1)
    assert await seen(memos) == ["new tea"]
    assert (await memos.get(old)).text == "old tea"
    assert [c.id for c in (await memos.lifecycle.list()).cubes] == [old]
    assert [(e.action, e.reason) for e in await memos.history(old)][-1] == ("move", "archive: no longer true")
    await memos.update(old, "older tea")
    assert await seen(memos) == ["new tea"]
    await memos.lifecycle.move([old], "restore")
    assert await seen(memos) == ["new tea", "older tea"]
    assert (await memos.lifecycle.list()).cubes == ()


async def test_what_is_expired_is_over_for_everybody_until_it_is_restored(memos: Memos) -> None:
    id = await stored(memos, "old tea")
    await memos.lifecycle.move([id], "expire")
    assert await seen(memos) == []
    with pytest.raises(NotFound):
        await memos.get(id)
    life = await memos.lifecycle.state(id)
    assert (life.state, life.moves) == (State.EXPIRED, ("restore",))
    assert [c.id for c in (await memos.lifecycle.list([State.EXPIRED])).cubes] == [id]
    again = await stored(memos, "old tea")
    assert again != id
    await memos.forget(again)
    await memos.lifecycle.move([id], "restore")
    assert await seen(memos) == ["old tea"]
    assert (await memos.get(id)).governance.expires_at is None


async def test_what_is_archived_and_said_again_is_in_use_again(memos: Memos) -> None:
    id = await stored(memos, "Ada likes tea.")
    await memos.lifecycle.move([id], "archive")
    assert await stored(memos, "Ada likes tea.") == id
    assert (await memos.lifecycle.state(id)).state is State.ACTIVATED
    assert await seen(memos) == ["Ada likes tea."]
    await memos.put(None, "plan", text="the tea plan")
    await memos.lifecycle.move([(await memos.get(key="plan")).id], "archive")
    await memos.put(None, "plan", text="the new tea plan")
    assert await seen(memos) == ["Ada likes tea.", "the new tea plan"]


async def test_moves_are_all_or_none_and_say_why_not(memos: Memos) -> None:
    one, two = await stored(memos, "one tea"), await stored(memos, "two tea")
    await memos.lifecycle.move([two], "archive")
    with pytest.raises(IllegalMove, match=f"memory {two}: the memory is archived already"):
        await memos.lifecycle.move([one, two], "archive")
    assert await seen(memos) == ["one tea"]
    with pytest.raises(InvalidInput, match="a move is one of"):
        await memos.lifecycle.move([one], "freeze")
    with pytest.raises(InvalidInput, match="a state is one of"):
        await memos.lifecycle.list(["lost"])  # pyright: ignore[reportArgumentType] as a client might
    assert await memos.lifecycle.move([], "archive") == ()


@pytest.mark.claim("5.2-18")
async def test_only_who_decides_about_a_memory_moves_it(memos: Memos) -> None:
    id = await stored(memos, "the tea plan")
    ben = memos.acting_as(BEN)
    for hidden in (ben.lifecycle.state(id), ben.lifecycle.move([id], "archive"), ben.lifecycle.hold([id])):
        with pytest.raises(NotFound, match="ben has no memory"):
            await hidden
    await memos.acl.change([id], readers=["ben"])
    with pytest.raises(Denied):
        await ben.lifecycle.move([id], "archive")
    assert (await ben.lifecycle.sweep()).looked == 0
    assert (await ben.lifecycle.state(id)).state is State.GENERATED
    rules = await memos.acl.show(id)
    await memos.lifecycle.move([id], "archive")
    assert await memos.acl.show(id) == rules
    assert [c.id for c in (await ben.lifecycle.list()).cubes] == [id]
    await memos.acl.change([id], readers=[])
    assert (await ben.lifecycle.list()).cubes == ()


@pytest.mark.claim("4.4-04", "5.2-14", "5.2-17", "5.4.3-01", "5.4.3-14", "5.5.1-04")
async def test_a_sweep_goes_through_the_years(memos: Memos) -> None:
    notes = await stored(memos, "tea at noon", "user/ada/notes")
    chart = await stored(memos, "tea chart", "user/ada/notes/kept")
    plain = await stored(memos, "plain tea")
    await memos.lifecycle.set_policy("user/ada/notes", Policy(inactive_after=days(365), forgotten_after=days(730)))
    await memos.lifecycle.set_policy("user/ada/notes/kept", Policy())
    assert (await memos.lifecycle.policy("user/ada/notes/2026")).inactive_after == days(365)
    assert await memos.lifecycle.policy() == Policy()
    assert (await memos.lifecycle.sweep()).moves == ()

    async def swept(by: timedelta) -> list[tuple[str, str]]:
        done = await later(memos, by).lifecycle.sweep()
        return [(event.subject, event.reason) for event in done.moves]

    assert await swept(days(364)) == []
    assert await swept(days(366)) == [(notes, "archive: it was not used for 366 days")]
    assert await swept(days(366)) == []
    assert await swept(days(729)) == []
    assert await swept(days(731)) == [(notes, "expire: it was not used for 731 days")]
    assert {cube.id for cube in (await memos.browse()).cubes} == {chart, plain}
    await memos.lifecycle.set_policy("user/ada/notes/kept", None)
    assert (await memos.lifecycle.policy("user/ada/notes/kept")).inactive_after == days(365)
    assert await swept(days(5000)) == [(chart, "archive: it was not used for 5000 days")]


async def test_what_somebody_brought_back_is_not_swept_again_at_once(memos: Memos) -> None:
    id = await stored(memos, "old tea")
    await memos.lifecycle.set_policy("user/ada", Policy(kept_for=days(0), inactive_after=days(1)))
    assert (await memos.lifecycle.state(id)).due is not None
    assert len((await memos.lifecycle.sweep()).moves) == 1
    await memos.lifecycle.move([id], "restore")
    assert (await memos.lifecycle.sweep()).moves == ()
    assert (await memos.lifecycle.state(id)).due is None
    (event,) = (await later(memos, days(2)).lifecycle.sweep()).moves
    assert event.reason.startswith("archive: it was not used for")


async def test_an_end_expires_and_a_hold_keeps(memos: Memos) -> None:
    ends, held = await stored(memos, "tea until noon"), await stored(memos, "tea for the court")
    await memos.acl.change([ends, held], expires_at=datetime.now(UTC) + days(1))
    (cube,) = await memos.lifecycle.hold([held], reason="case 7")
    assert cube.governance.held
    done = await later(memos, days(2)).lifecycle.sweep()
    assert [event.subject for event in done.moves] == [ends]
    await memos.acl.change([held], readers=["ben"])
    for refused in (
        memos.forget(held),
        memos.forget_all([held]),
        memos.lifecycle.erase([held], reason="asked"),
        memos.lifecycle.erase(path="user/ada", reason="asked"),
        memos.lifecycle.move([held], "expire"),
    ):
        with pytest.raises(Denied, match="under legal hold"):
            await refused
    clerk = memos.acting_as(Caller("ada", scopes=("read", "write")))
    with pytest.raises(Denied, match="admin"):
        await clerk.lifecycle.unhold([held])
    with pytest.raises(Denied, match="admin"):
        await clerk.lifecycle.set_policy("user/ada", Policy())
    await memos.lifecycle.unhold([held])
    assert (await later(memos, days(2)).lifecycle.sweep()).moves[0].subject == held


@pytest.mark.no_cover
async def test_a_sweep_in_pages_does_what_one_does(memos: Memos) -> None:
    for number in range(450):
        await memos.put(None, f"{number}", text=f"tea {number}")
    await memos.lifecycle.set_policy("user/ada", Policy(kept_for=days(1)))
    when, after, moved = later(memos, days(2)), 0, 0
    for _ in range(10):
        done = await when.lifecycle.sweep(limit=100, after=after)
        moved, after = moved + len(done.moves), done.after
        assert done.looked == len(done.moves) <= 100
        if not after:
            break
    assert moved == 450
    assert (await memos.status()).memories == 0


async def test_policies_are_set_where_one_may_write(memos: Memos) -> None:
    with pytest.raises(Denied):
        await memos.lifecycle.set_policy("user/ben", Policy())
    with pytest.raises(Denied):
        await memos.lifecycle.policy("user/ben")


async def test_a_sweep_does_not_tell_of_the_memories_of_others(memos: Memos) -> None:
    hers = await stored(memos, "the tea of the team", "shared/team")
    eve = memos.acting_as(Caller("eve"))
    assert (await eve.lifecycle.sweep("shared/team", limit=1)).after
    await memos.acl.change([hers], readers=["ben"])
    assert await eve.lifecycle.sweep("shared/team", limit=1) == Swept((), 0, 0)
    assert await eve.lifecycle.compact("shared/team", limit=1) == Swept((), 0, 0)
    assert await eve.lifecycle.list([State.GENERATED], path="shared/team", limit=1) == Shelved((), 0)
    assert (await eve.lifecycle.erase(path="shared/team", reason="mine")).events == ()
    assert (await memos.get(hers)).id == hers


@pytest.mark.claim("5.2-15")
async def test_a_label_asks_for_a_move(memos: Memos) -> None:
    id = (await memos.remember("the tea plan", tags=["closed"])).ids[0]
    await stored(memos, "another tea plan")
    await memos.lifecycle.set_policy("user/ada", Policy(labels={"closed": "archive"}))
    (event,) = (await memos.lifecycle.sweep()).moves
    assert (event.subject, event.reason) == (id, "archive: its tag 'closed' asks for it")


@pytest.mark.claim("5.2-13")
async def test_what_is_confirmed_often_is_merged(memos: Memos) -> None:
    id = await stored(memos, "Ada likes tea.")
    await memos.lifecycle.move([id], "activate")
    for source in ("a", "b", "c"):
        await memos.remember("Ada likes tea.", source=source)
    (event,) = (await memos.lifecycle.sweep()).moves
    assert (event.reason, event.state) == ("merge: it was confirmed 3 times", State.MERGED)


@pytest.mark.claim("5.4.3-14")
async def test_what_has_long_been_over_is_forgotten(memos: Memos, tmp_path: Path) -> None:
    over, held, back = [await stored(memos, f"the {word} tea") for word in ("zanzibar", "court", "new")]
    await memos.lifecycle.move([over, back], "expire")
    await memos.lifecycle.hold([held])
    await memos.acl.change([held], expires_at=datetime.now(UTC))
    assert (await later(memos, days(9999)).lifecycle.clean()).moves == ()
    await memos.lifecycle.set_policy("user/ada", Policy(dropped_after=days(30)))
    assert (await later(memos, days(29)).lifecycle.clean()).moves == ()
    await memos.lifecycle.move([back], "restore")
    (event,) = (await later(memos, days(31)).lifecycle.clean()).moves
    assert (event.action, event.subject, event.reason) == ("forget", over, "its time has been over for 31 days")
    assert b"zanzibar" not in (tmp_path / "memos.db").read_bytes()
    assert await seen(memos) == ["the new tea"]


async def test_old_versions_are_compacted_and_the_log_still_holds(memos: Memos, tmp_path: Path) -> None:
    id, held = await stored(memos, "the zebra tea"), await stored(memos, "the court tea")
    for number in range(2, 7):
        await memos.update(id, f"the tea {number} with quagga")
        await memos.update(held, f"the court tea {number}")
    await memos.lifecycle.hold([held])
    assert (await memos.lifecycle.compact()).moves == ()
    await memos.lifecycle.set_policy("user/ada", Policy(versions=2, versions_for=days(10)))
    assert (await memos.lifecycle.compact()).moves == ()
    done = await later(memos, days(11)).lifecycle.compact()
    assert [(event.subject, event.action, event.version) for event in done.moves] == [
        (id, "compact", 2),
        (id, "compact", 3),
        (id, "compact", 4),
    ]
    assert (await later(memos, days(11)).lifecycle.compact()).moves == ()
    assert [(await memos.get(id, version=n)).text for n in (1, 5, 6)] == [
        "the zebra tea",
        "the tea 5 with quagga",
        "the tea 6 with quagga",
    ]
    with pytest.raises(NotFound, match="version 3"):
        await memos.get(id, version=3)
    history = await memos.history(id)
    assert [event.version for event in history if event.cube] == [1, 5, 6]
    assert b"the tea 3 with" not in (tmp_path / "memos.db").read_bytes()
    assert [finding for finding in await upkeep(home=tmp_path).check() if not finding.ok] == []
    assert (await memos.recall("quagga")).cubes[0].version == 6
    assert await memos.remember("the zebra tea", source="again")


@pytest.mark.claim("5.2-12")
async def test_what_is_read_often_is_activated_and_reads_count_against_fading(memos: Memos) -> None:
    read, unread = await stored(memos, "the tea plan"), await stored(memos, "old tea")
    for _ in range(3):
        await memos.get(read)
    assert (await memos.lifecycle.state(read)).heat == pytest.approx(3, abs=0.1)
    assert (await memos.lifecycle.state(unread)).heat == 0
    (event,) = (await memos.lifecycle.sweep()).moves
    assert (event.subject, event.state) == (read, State.ACTIVATED)
    assert event.reason == "activate: it was read 3 times, last within 7 days"
    strong, weak = [(await memos.lifecycle.state(id)).strength for id in (read, unread)]
    assert strong > 2 * weak


@pytest.mark.claim("5.4.3-02")
async def test_what_a_later_task_refers_to_becomes_activated(memos: Memos) -> None:
    id, other = await stored(memos, "the tea plan"), await stored(memos, "a violin")
    await memos.lifecycle.set_policy("user/ada", Policy(reads=1))
    assert (await memos.recall("tea plan")).cubes[0].id == id
    assert [(event.subject, event.state) for event in (await memos.lifecycle.sweep()).moves] == [(id, State.ACTIVATED)]
    assert (await memos.get(other)).state is State.GENERATED


@pytest.mark.claim("4.2-11")
async def test_what_is_not_used_fades_where_a_policy_says_so(memos: Memos) -> None:
    used, unused = await stored(memos, "the tea plan"), await stored(memos, "old tea")
    await memos.lifecycle.set_policy("user/ada", Policy(half_life=days(30), reads=None))
    strengths = [(await later(memos, days(n)).lifecycle.state(unused)).strength for n in (0, 30, 60)]
    assert strengths == pytest.approx([1, 0.5, 0.25], rel=0.01)
    await later(memos, days(299)).get(used)
    (event,) = (await later(memos, days(300)).lifecycle.sweep()).moves
    assert event.subject == unused
    assert event.reason.startswith("archive: its strength is 0.001")


async def test_how_often_others_read_a_memory_is_told_to_who_decides_about_it(memos: Memos) -> None:
    id = await stored(memos, "the tea plan", "shared/team")
    await memos.acl.change([id], readers=["ben"])
    for _ in range(3):
        await memos.get(id)
    ben = memos.acting_as(BEN)
    assert (await ben.lifecycle.state(id)).heat == 0
    assert (await memos.lifecycle.state(id)).heat > 2


async def test_a_dry_run_tells_what_would_be_done_and_does_nothing(memos: Memos) -> None:
    id = await stored(memos, "old tea")
    for number in range(2, 5):
        await memos.update(id, f"old tea {number}")
    await memos.lifecycle.set_policy("user/ada", Policy(kept_for=days(1), dropped_after=days(1), versions=1))
    when = later(memos, days(2))
    last = (await memos.log.news()).upto
    plan = await when.lifecycle.sweep(dry_run=True)
    assert [(event.seq, event.action, event.subject, event.state) for event in plan.moves] == [
        (0, "move", id, State.EXPIRED)
    ]
    plan = await when.lifecycle.compact(dry_run=True)
    assert [(event.seq, event.action, event.version) for event in plan.moves] == [(0, "compact", 2), (0, "compact", 3)]
    assert (await memos.log.news()).upto == last
    await when.lifecycle.sweep()
    plan = await later(memos, days(9)).lifecycle.clean(dry_run=True)
    assert [(event.seq, event.action, event.subject) for event in plan.moves] == [(0, "forget", id)]
    assert (await memos.lifecycle.state(id)).state is State.EXPIRED


async def test_a_moment_is_recalled_although_all_there_was_is_archived_now(memos: Memos, tmp_path: Path) -> None:
    id = await stored(memos, "the tea plan", "shared/ward")
    await memos.timeline.snapshot("before", "shared/ward")
    await memos.lifecycle.move([id], "archive")
    await memos.rebuild("words")
    found = await memos.recall("tea", path="shared/ward", at="before")
    assert ([cube.id for cube in found.cubes], found.searched) == ([id], 1)
    assert (await memos.recall("tea", path="shared/ward")).searched == 0
