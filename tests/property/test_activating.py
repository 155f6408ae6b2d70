"""Whatever happens to memories, an answer after a KV block comes from what whoever asks may read now, as it is now."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos, MemosError
from memos_mcp.activation import Source
from memos_mcp.answers import Answer
from memos_mcp.cube import SHELVED, MemCube, Ref
from memos_mcp.infrastructure.decisions import decided, is_beneath, sees_all
from memos_mcp.interface.activating import HITS, KIND, OWED, Activations
from tests.activations import Table
from tests.worlds import DOCTOR, Clock, process

USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ada/work", "user/ben", "shared/team", "global")
WORDS = ("tea", "ferry", "violin")
ASKED = "What of tea, ferry and violin?"
PAIR = ("{} lives in Porto, near the tea house.", "{} lives in Braga now, near the ferry.")

NAMES = st.lists(st.sampled_from((*USERS, "role:nurse", "*")), max_size=2).map(tuple)
CONTEXTS = st.lists(st.sampled_from(("app:desk", "purpose:care", "from-web:ben")), max_size=1).map(tuple)
callers = st.builds(
    Caller,
    user=st.sampled_from(USERS),
    roles=st.sampled_from(((), (), ("nurse",), (DOCTOR,))),
    context=st.sampled_from(((), (), ("app:desk",), ("purpose:care",))),
    within=st.sampled_from(("", "", "", "shared/team")),
)
rules = st.fixed_dictionaries(
    {},
    optional={"readers": NAMES, "writers": NAMES, "denied": NAMES, "contexts": CONTEXTS, "read_only": st.booleans()},
).filter(bool)
NUMBER = st.integers(0, 30)
MOVES = ("archive", "restore", "expire", "merge", "freeze", "thaw", "quarantine", "release", "hold", "again", "rename")
Step = tuple[Any, ...]
steps = st.one_of(
    st.tuples(st.just("remember"), st.sampled_from(PATHS), st.sampled_from(WORDS), st.booleans()),
    st.tuples(st.just("pair"), st.sampled_from(PATHS)),
    st.tuples(st.just("update"), NUMBER, st.sampled_from(WORDS)),
    st.tuples(st.sampled_from(("forget", "forget", "erase")), NUMBER),
    st.tuples(st.just("govern"), NUMBER, rules),
    st.tuples(st.just("govern"), NUMBER, rules),
    st.tuples(st.just("rule"), st.sampled_from(PATHS), rules),
    st.tuples(st.just("rule"), st.sampled_from(PATHS), rules),
    st.tuples(st.just("end"), NUMBER, st.integers(1, 3)),
    st.tuples(st.sampled_from(MOVES), NUMBER),
    st.tuples(st.just("migrate"), st.sampled_from(PATHS), st.sampled_from((*PATHS, "shared/new"))),
    st.tuples(st.just("back"), NUMBER),
    st.tuples(st.just("all back"), st.sampled_from(PATHS)),
    st.tuples(st.just("branch"), st.sampled_from(PATHS), NUMBER, st.booleans()),
)
Life = tuple[Step, int, Caller, str | None, Caller]
lives = st.lists(
    st.tuples(steps, st.integers(0, 1), callers, st.sampled_from((None, None, *PATHS)), callers),
    min_size=5,
    max_size=14,
)


@dataclass
class Reading(Table):
    """A model that keeps in mind what it had read when it answered last."""

    last: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        self.says = self.said

    def said(self, sources: Sequence[Source], prompt: str) -> str:
        self.last = tuple(sources)
        return "So it is."


Process = tuple[Memos, Reading]


@dataclass
class World:
    """A vault, and the processes on it, each with a model of its own."""

    processes: Sequence[Process]
    clock: Clock
    ids: dict[str, str] = field(default_factory=dict[str, str])
    gone: dict[str, str] = field(default_factory=dict[str, str])
    number: count[int] = field(default_factory=count)

    def cube_of(self, number: int) -> str:
        """One of the memories there were."""
        return [*self.ids, "nobody"][number % (len(self.ids) + 1)]


def kv(memos: Memos) -> Activations:
    found = memos._on.activations  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    return found


async def now(memos: Memos, id: str) -> MemCube | None:
    cubes = await memos._on.vault.get([Ref(id=id)])  # pyright: ignore[reportPrivateUsage]
    return cubes[0] if cubes else None


def owner_of(path: str) -> Caller:
    """Who decides about what lies there."""
    return Caller(path.split("/")[1] if path.startswith("user/") else "ada", roles=(DOCTOR,))


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(lived=lives, alone=st.booleans())
def test_an_answer_after_a_block_comes_from_what_the_asker_may_read_now(lived: list[Life], alone: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), lived, alone)


async def live(folder: Path, lived: Sequence[Life], alone: bool) -> None:
    clock, tables = Clock(), (Reading(), Reading())
    async with (
        process(folder, clock, backend=tables[0], consolidation=True) as one,
        process(folder, clock, backend=tables[1], consolidation=True) as other,
    ):
        processes = [(one, tables[0])] if alone else [(one, tables[0]), (other, tables[1])]
        world = World(processes, clock)
        for path, word in zip(PATHS, (*WORDS, *WORDS), strict=False):
            await happen(world, one, ("remember", path, word, path == "shared/team"))
        for step, at, builder, path, asker in lived:
            clock.tick(timedelta(hours=7))
            memos, table = processes[at % len(processes)]
            await build(world, (memos, table), builder)
            with contextlib.suppress(MemosError):  # by its state or its rules
                await happen(world, memos, step)
            await nothing_stays(world, memos, table if alone else Table())
            for each in processes:
                await ask(world, each, asker, path)
        assert (await one.ask(ASKED, at=clock())).via != "prefix"
        assert (await one.ask(ASKED, where="NOT text:nobody")).via != "prefix"
        for memos, table in processes:
            await kv(memos).follow()
            await nothing_stays(world, memos, table)
            assert table.kept.keys() <= {block.activation.blob for block in await kv(memos).blocks()}


async def build(world: World, process: Process, caller: Caller) -> None:
    """A block of all that somebody may read; it serves him at once."""
    acting = process[0].acting_as(caller)
    await acting.settle()
    with contextlib.suppress(MemosError):  # there is nothing
        block = await acting.kv.build(where="text:tea OR text:ferry OR text:violin")
        assert block.name in {each.name for each in await acting.kv.list()}
        answer = await ask(world, process, caller, None)
        if answer is not None and answer.recall.cubes and not any(cube.hidden for cube in answer.recall.cubes):
            assert answer.via == "prefix"


async def happen(world: World, memos: Memos, step: Step) -> None:
    match step:
        case ("remember", path, word, personal):
            mark = f"mark{next(world.number)}"
            mail = f" Write to {mark}@example.org." if personal else ""
            done = await memos.acting_as(owner_of(path)).remember(f"The {word} {mark} is here.{mail}", path=path)
            world.ids[done.ids[0]] = mark
        case ("pair", path):
            for text in PAIR:
                mark = f"mark{next(world.number)}"
                done = await memos.acting_as(owner_of(path)).remember(text.format(mark), path=path, speaker="Ada")
                world.ids[done.ids[0]] = mark
            await memos.settle()
        case ("rule", path, changed):
            await memos.acting_as(Caller("ada")).acl.set_rules(path, **changed)
        case ("migrate", path, to):
            await memos.acting_as(owner_of(path)).lifecycle.migrate(path, to)
        case ("all back", path):
            await memos.acting_as(owner_of(path)).timeline.restore_all(world.clock() - timedelta(hours=15), path)
        case ("branch", path, number, merge):
            await branch(world, memos, path, world.cube_of(number), merge)
        case (what, number, *more):
            id = world.cube_of(number)
            cube = await now(memos, id)
            if cube is not None:
                await befall(world, memos.acting_as(owner_of(cube.path)), what, cube, more)
        case _:
            pass


async def befall(world: World, owner: Memos, what: str, cube: MemCube, more: Sequence[Any]) -> None:
    """Something happens to a memory."""
    id = cube.id
    match what:
        case "update":
            await owner.update(id, f"The {more[0]} mark{next(world.number)} is there.")
        case "forget":
            await owner.forget(id)
            world.gone[id] = world.ids.pop(id)
        case "erase":
            await owner.lifecycle.erase([id], reason="asked")
            world.gone[id] = world.ids.pop(id)
        case "govern":
            await owner.acl.change([id], **more[0])
        case "end":
            await owner.acl.change([id], expires_at=world.clock() + timedelta(hours=7 * more[0] - 1))
        case "again":
            await owner.remember(cube.text, path=cube.path)
        case "rename":
            await owner.put(cube.path, "a-key", text="The tea under a key.")
            await owner.rename({"a-key": "another"}, path=cube.path)
        case "back":
            await owner.timeline.restore(id, 1)
        case _:
            await move(owner, id, what)


async def move(owner: Memos, id: str, what: str) -> None:
    """It is taken to another state."""
    match what:
        case "freeze":
            await owner.timeline.freeze([id])
        case "thaw":
            await owner.timeline.thaw([id])
        case "quarantine":
            await owner.quarantine.add([id])
        case "release":
            await owner.quarantine.release([id])
        case "hold":
            await owner.lifecycle.hold([id])
        case _:
            await owner.lifecycle.move([id], what)  # pyright: ignore[reportArgumentType] - of MOVES


async def branch(world: World, memos: Memos, path: str, id: str, merge: bool) -> None:
    """What if: there nobody is answered after a block; what is merged ends those it changes."""
    owner, label = memos.acting_as(owner_of(path)), f"idea {next(world.number)}"
    await owner.branches.make(label, path)
    there = await owner.on_branch(label, path)
    await there.remember("The tea of the branch is new.")
    with contextlib.suppress(MemosError):
        await there.update(id, "The ferry of the branch is late.")
    assert (await there.ask(ASKED)).via != "prefix"
    if merge:
        await owner.branches.merge(label, path)


async def ask(world: World, process: Process, caller: Caller, path: str | None) -> Answer | None:
    """What somebody is answered, if the path is open to him; looked at."""
    memos, table = process
    acting = memos.acting_as(caller)
    await memos.settle()
    with contextlib.suppress(MemosError):  # the path is not his
        answer = await acting.ask(ASKED, path=path)
        event(f"via {answer.via}")
        assert answer.fallback == ""
        if answer.via == "prefix":
            await allowed(world, memos, caller, path, answer, table.last)
        return answer
    return None


async def allowed(
    world: World, memos: Memos, caller: Caller, path: str | None, answer: Answer, read: Sequence[Source]
) -> None:
    """Each memory that the model had read: one he may read now, whole, as it is now, in use, and where he asked."""
    defaults = memos._on.defaults  # pyright: ignore[reportPrivateUsage]
    assert answer.recall.prefix is not None
    assert answer.recall.prefix.sources == tuple(source.ref for source in read)
    for source in read:
        cube = await now(memos, source.ref.id)
        assert cube is not None
        assert cube.ref == source.ref
        assert cube.text in source.text
        above = defaults.above(cube.path)
        assert decided(caller, "read", cube.path, cube.governance, world.clock(), above).allowed
        assert any(is_beneath(cube.path, place) for place in ([path] if path else answer.recall.paths))
        assert cube.state not in SHELVED
        assert not cube.quarantined
        assert "@" not in cube.text or sees_all(caller, cube.path, cube.governance, (DOCTOR,))


async def nothing_stays(world: World, memos: Memos, table: Table) -> None:
    """Of what was forgotten there is no record, and no word in what the process that forgot it keeps."""
    ledger = memos._on.vault.ledger  # pyright: ignore[reportPrivateUsage]
    for block in await kv(memos).blocks():
        assert not {ref.id for ref in block.sources} & world.gone.keys()
    names = {note.key for note in await ledger.list(KIND)}
    assert {note.key for note in await ledger.list(HITS)} <= names
    assert await ledger.list(OWED) == []
    said = [source.text for _, sources in table.kept.values() for source in sources]
    for mark in world.gone.values():
        assert not any(f" {mark} " in text for text in said)
