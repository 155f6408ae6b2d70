"""Whatever happens to memories, what was made of them is used by nobody who may not read all of it, as it is now.

Memories go to and fro between the three types: read into KV blocks, trained into adapters, read from the memories of an
adapter; each keeps what governance and provenance promise.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos, MemosError
from memos_mcp.answers import Learned, Release
from memos_mcp.cube import SHELVED, Ref
from memos_mcp.infrastructure.decisions import decided, is_beneath, sees_all
from memos_mcp.interface.adapter_records import CURRENT, OWED, UNLEARNT, Want
from memos_mcp.interface.adapting import Adapters
from memos_mcp.interface.standing import Standing
from tests.learners import Learner, usable
from tests.property.test_activating import PATHS, WORDS, Life, Reading, World, happen, lives, now
from tests.worlds import DOCTOR, Clock, process


def its(memos: Memos) -> Adapters:
    found = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(lived=lives, alone=st.booleans())
def test_what_was_made_of_memories_is_for_those_who_may_read_them_now(lived: list[Life], alone: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), lived, alone)


async def live(folder: Path, lived: Sequence[Life], alone: bool) -> None:
    clock, learners, tables = Clock(), (Learner(), Learner()), (Reading(), Reading())
    learners[1].kept, learners[1].named = learners[0].kept, learners[0].named  # one folder
    async with (
        process(folder, clock, backend=tables[0], parametric=learners[0]) as one,
        process(folder, clock, backend=tables[1], parametric=learners[1]) as other,
    ):
        processes = [(one, learners[0])] if alone else [(one, learners[0]), (other, learners[1])]
        world = World([(one, tables[0]), (other, tables[1])], clock)
        for path, word in zip(PATHS, (*WORDS, *WORDS), strict=False):
            await happen(world, one, ("remember", path, word, path == "shared/team"))
        for number, (step, at, trainer, path, asker) in enumerate(lived):
            clock.tick(timedelta(hours=7))
            memos, learner = processes[at % len(processes)]
            await convert(world, memos, trainer, f"topic{number % 3}")
            with contextlib.suppress(MemosError):  # by its state or its rules
                await happen(world, memos, step)
            await nothing_stays(world, memos, learner)
            for each, _ in processes:
                await look(world, each, asker, path)
        for memos, learner in processes:
            await again(world, memos)
            await nothing_stays(world, memos, learner)
            kept = {release.payload.blob for release in await its(memos).records.all()}
            assert learner.kept.keys() == kept


async def convert(world: World, memos: Memos, caller: Caller, topic: str) -> None:
    """From words to weights, from there to a block, and back to words: the same memories, for the same people."""
    acting = memos.acting_as(caller)
    on = acting._on  # pyright: ignore[reportPrivateUsage]
    await memos.settle()
    with contextlib.suppress(MemosError):  # he may read nothing of it
        found = (await acting.browse(where="text:tea OR text:ferry OR text:violin")).cubes
        standing = Standing(on.vault, on.guard)
        whole = [cube for cube in await on.vault.get([Ref(id=cube.id) for cube in found]) if standing.reads(on, cube)]
        learnable = [cube for cube in whole if not its(memos).trainable(cube)]
        want = Want(topic, caller.user, tuple(cube.id for cube in learnable), world.clock(), roles=caller.roles)
        taught = await its(memos).train(replace(want, context=caller.context, within=caller.within), learnable)
        event("trained")
        assert taught.release is not None
        assert (await its(memos).train(want, learnable)).known  # nothing is promoted twice
        assert on.activations is not None
        sources = await on.vault.get([Ref(id=ref.id) for ref in taught.release.sources])
        block = await on.activations.build(sources, by=caller.user)
        assert set(block.sources) == set(taught.release.sources)
        assert block.tenant == taught.release.tenant
        back = await on.vault.get(block.sources)
        assert {cube.text for cube in back} == {cube.text for cube in sources}


async def look(world: World, memos: Memos, caller: Caller, path: str | None) -> None:
    """What somebody could use, if the path is open to him."""
    on = memos.acting_as(caller)._on  # pyright: ignore[reportPrivateUsage]
    await memos.settle()
    with contextlib.suppress(MemosError):  # the path is not his
        where = await on.readable(path)
        for each in await usable(memos, where.paths, caller):
            event("usable")
            await allowed(world, memos, caller, where.paths, each)


async def allowed(world: World, memos: Memos, caller: Caller, paths: Iterable[str], made: Release | Learned) -> None:
    """Each memory behind it: one he may read now, whole, as it is now, in use, and where he asked."""
    defaults = memos._on.defaults  # pyright: ignore[reportPrivateUsage]
    for ref in made.sources:
        cube = await now(memos, ref.id)
        assert cube is not None
        assert cube.ref == ref
        above = defaults.above(cube.path)
        assert decided(caller, "read", cube.path, cube.governance, world.clock(), above).allowed
        assert any(is_beneath(cube.path, place) for place in paths)
        assert cube.state not in SHELVED
        assert not cube.quarantined
        assert "@" not in cube.text or sees_all(caller, cube.path, cube.governance, (DOCTOR,))


async def again(world: World, memos: Memos) -> None:
    """What lost a memory is trained again, of what is left and who wanted it may read; then nothing is wanted."""
    await memos.settle()
    assert await its(memos).keep_up() == ""
    assert await its(memos).records.wants() == ()
    current = {*(await its(memos).records.current()).values()}
    for release in await its(memos).records.all():
        if release.name in current:
            kept = await its(memos).records.one(release.name)
            assert kept is not None
            on = memos.acting_as(kept.want.caller)._on  # pyright: ignore[reportPrivateUsage]
            await allowed(world, memos, kept.want.caller, (await on.readable(None)).paths, release)


async def nothing_stays(world: World, memos: Memos, learner: Learner) -> None:
    """Of what was forgotten there is no record, and nothing that was trained from it."""
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    releases = await its(memos).records.all()
    for release in releases:
        assert not {ref.id for ref in release.sources} & world.gone.keys()
    assert {str(note.value) for note in await ledger.list(CURRENT)} <= {release.name for release in releases}
    assert await ledger.list(OWED) == []
    assert await ledger.list(UNLEARNT) == []
    for adapter, _ in learner.kept.values():
        assert not {ref.id for ref in adapter.sources} & world.gone.keys()
