"""Two vaults, one of them without what a caller may not read: whatever he asks of any verb, both answer alike."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos, MemosError, steps
from memos_mcp.infrastructure.decisions import decided, is_beneath, owned_by
from memos_mcp.infrastructure.identities import same_id
from memos_mcp.interface import cubes
from memos_mcp.interface.recording import request
from memos_mcp.interface.timeline import Timeline
from memos_mcp.operation.lifecycle import Policy
from tests.lives import FROM, PATHS, USERS, WORDS, Fate, Told, callers, lives
from tests.worlds import START, Clock, Ids, answered, apart, bound, opened, parameters, plain, verbs

TELLS_ALL = ("audit.verify", "audit.rotate", "lifecycle.compress", "deliveries.deliver")
"""What counts everybody's and takes the scope `admin`, or is made by chance: only that it answers is compared."""
OF_BLOCK = ("verify", "drop", "pin", "memories")
OF_ADAPTER = ("verify", "drop", "report", "sources", "to_kv", "answer", "infer")
OF_ALL = ("list", "waiting", "diff", "merge", "rollback", *OF_ADAPTER)
OF_EVERYBODY = (*(f"kv.{verb}" for verb in ("list", *OF_BLOCK)), *(f"adapters.{verb}" for verb in OF_ALL))
"""Of everybody's KV blocks and adapters for who has `admin` and is kept within no path: he is not asked here."""
TOPIC = "of-{}"  # of an adapter of that memory alone: its version tells of no other
ASKS = 90  # of each pair of vaults
PHASES = (Phase.explicit, Phase.generate)  # an example takes a second: to shrink one would take minutes


@dataclass
class World:
    """A vault in which some memories were told."""

    memos: Memos
    clock: Clock
    ids: Ids
    access: str = "nobodys0"
    blocks: dict[str, str] = field(default_factory=dict[str, str])

    def acting(self, user: str) -> Memos:
        return self.memos.acting_as(Caller(user))


async def tell(
    world: World, lives: Sequence[Told], caller: Caller, hidden: Collection[str], above: Sequence[str]
) -> None:
    """All that happens, without what happens to the hidden ones. `above` is asked for at shared/team."""
    for each in lives:
        world.clock.tick()
        if each.id not in hidden:
            await store(world, each)
    if above:
        await world.acting("ada").acl.set_rules("shared/team", contexts=above)
    await world.acting("ada").lifecycle.set_policy("shared/team", Policy(kept_for=timedelta(days=300)))
    for step in range(3):
        await look_around(world, step, [each.id for each in lives if each.id not in hidden], caller)
        for each in lives:
            world.clock.tick()
            if each.id not in hidden and step == 1:
                with contextlib.suppress(MemosError):
                    world.blocks[f":block {each.id}"] = (await world.acting(each.owner).kv.build([each.id])).name
                with contextlib.suppress(MemosError):
                    await world.acting(each.owner).adapters.train(TOPIC.format(each.id), [each.id])
            if each.id not in hidden and step < len(each.fates):
                await meet(world.acting(each.owner), each.id, each.fates[step])


async def store(world: World, each: Told) -> None:
    owner = world.acting(each.owner)
    world.ids.begin(each.id[:-1])
    if each.key:
        await owner.put(each.path, each.key, text=each.text, tags=["t"], source_class=each.source)
    else:
        await owner.remember(each.text, path=each.path, source="a.txt", tags=["t"], source_class=each.source)


async def look_around(world: World, step: int, ids: Sequence[str], caller: Caller) -> None:
    """Others use the vault as well. What he asked himself when he might still read more, he knows."""
    for user in USERS:
        world.clock.tick()
        memos = world.acting(user)
        if user != caller.user:
            await memos.browse(limit=100)
            for id in ids:
                with contextlib.suppress(MemosError):
                    await memos.get(id)
        await memos.timeline.snapshot(f"label {step}", "shared/team" if user == "ada" else f"user/{user}")


async def meet(owner: Memos, id: str, fate: Fate) -> None:
    with contextlib.suppress(MemosError):  # by its state or its rules: the same wherever it is
        match fate:
            case ("govern", changes):
                await owner.acl.change([id], **changes, reason="so it shall be")
            case ("update", word, source):
                await owner.update(id, f"{word} anew for {owner.caller.user}.", source_class=source)
            case ("move", move):
                await owner.lifecycle.move([id], move)
            case ("freeze",):
                await owner.timeline.freeze([id])
            case ("hold",):
                await owner.lifecycle.hold([id])
            case ("quarantine",):
                await owner.quarantine.add([id])
            case ("forget",):
                await owner.forget(id)
            case _:
                await owner.timeline.restore(id, 1)


async def hidden_from(caller: Caller, world: World) -> set[str]:
    """What he may not read, and is not his own; the rules of what is forgotten still stand."""
    found: set[str] = set()
    for event in await world.memos._on.vault.events(limit=10_000):  # pyright: ignore[reportPrivateUsage]
        path, rules = event.path, event.rules
        if not event.subject:  # of a namespace
            continue
        assert rules is not None
        above = world.memos._on.defaults.above(path)  # pyright: ignore[reportPrivateUsage]
        reads = decided(caller, "read", path, rules, world.clock(), above).allowed
        kept_from = caller.within and not is_beneath(path, caller.within)
        if not reads and (kept_from or not owned_by(caller.user, path, rules)):
            found.add(event.subject)
    return found


@dataclass(frozen=True)
class Ask:
    """A call; `:access` stands for the access of an answer before, `:block ID` for a KV block of that memory alone."""

    verb: str
    given: Mapping[str, object]


def subjects(lives: Sequence[Told]) -> dict[str, list[object]]:
    """What the parameters of verbs may be, by their names, or by those of a verb: of every one at least one value."""
    names = [each.id for each in lives]
    texts = [each.text for each in lives]
    moments: list[object] = ["label 1", START + timedelta(minutes=9), "no such label"]
    return {
        **{each: [*names, "nobody00"] for each in ("id", "other")},
        "ids": [*([name] for name in names), names[:2]],
        "keys": [{each.key: "fresh"} for each in lives if each.key] or [{"none": "fresh"}],
        "key": [*(each.key for each in lives if each.key), "fresh"],
        "path": [*PATHS, "user/ben/work"],
        "content": [*texts, "The harbour is new."],
        "question": [*WORDS, "list number"],
        "text": ["The harbour is old."],
        "source": ["a.txt"],
        "limit": [1, 2],
        "to": moments,
        "deliveries.deliver.to": ["ben"],
        "lifecycle.migrate.to": [*PATHS, "user/ada/new"],
        "at": moments,
        "acl.explain.at": moments[1:2],
        "before": moments,
        "label": ["label 1", "fresh"],
        "move": ["archive", "restore", "expire"],
        "reason": ["for this and that"],
        "policy": [Policy(inactive_after=timedelta(days=3)), None],
        "lane": ["words"],
        "what": [*names, *WORDS, "list", "t", "nobody00"],
        "start": [*names, "tea"],
        "end": [*names, "ferry", "number"],
        "name": [*WORDS, "list"],
        **made_of(names),
        "target": [*names],
        "into": ["ferry"],
        "graph.take_back.id": [same_id(f"user/{user}", "tea", "ferry") for user in USERS],
        "graph.link.kind": ["supports", "contradicts"],
        "keep": [timedelta(days=3650)],
        "readers": [("eve",)],
        "seconds": [0.0],
        **{each: [":access", "nobodys0"] for each in ("request", "access")},
        "steps": [[steps.tag("seen"), steps.archive()], [steps.only("text:tea"), steps.append("And more.")]],
        "where": [
            "tag:t AND NOT text:ferry",
            'text:tea OR from:web OR during:"this year"',
            "path:shared -source:b.txt",
        ],
        **{each: [True] for each in ("explain", "good")},
        "topic": ["t", "travel", "food", "number", "no such topic"],
        "depth": [3],
    }


def made_of(names: Sequence[str]) -> dict[str, list[object]]:
    """The same of what was made of these memories."""
    trained: list[object] = [*(f"{TOPIC.format(name)}@1" for name in names), "none@1"]
    return {
        **{f"kv.{verb}.name": [*(f":block {name}" for name in names), "nobodys0"] for verb in OF_BLOCK},
        **{f"adapters.{verb}.name": trained for verb in OF_ADAPTER},
        **{f"adapters.diff.{each}": trained for each in ("older", "newer")},
        "adapters.from_kv.block": [*(f":block {name}" for name in names), "nobodys0"],
        "adapters.from_kv.topic": ["further"],
        "adapters.adopt.folder": ["no such folder"],
        "adapters.merge.names": [[one, other] for one, other in pairwise(trained)],
        "adapters.rollback.topic": [*map(TOPIC.format, names), "none"],
    }


TRIED = tuple("path limit source key before at readers text where explain topic depth what".split())
"""Parameters that need not be given, and are tried as well."""


def asks(lives: Sequence[Told]) -> Iterator[Ask]:
    """Every verb with every value of each of its parameters; pairs of a place and what was said there."""
    every = subjects(lives)
    for name, verb in verbs().items():
        wanted = {each: p.default is p.empty for each, p in parameters(verb).items() if each != "write"}
        values = {each: every.get(f"{name}.{each}") or every[each] for each, needed in wanted.items() if needed}
        values |= {each: every.get(f"{name}.{each}") or every[each] for each in wanted if each in TRIED}
        first = {each: values[each][0] for each, needed in wanted.items() if needed}
        yield Ask(name, first)
        yield from (Ask(name, {**first, each: value}) for each in values for value in values[each])
    for each in lives:
        yield Ask("remember", {"content": each.text, "path": each.path})
        yield Ask("get", {"key": each.key or "none", "path": each.path})
        yield Ask("recall", {"question": f"the {each.text} during the move", "where": "tag:t", "explain": True})
        yield Ask("ask", {"question": f"Where is the {each.text}", "limit": 100, "turns": [each.text]})
        yield Ask("timeline.restore", {"id": each.id, "to": 1})
        yield Ask("adapters.train", {"topic": "fresh", "ids": [each.id]})
        yield Ask("adapters.rollback", {"topic": TOPIC.format(each.id), "to": f"{TOPIC.format(each.id)}@1"})
        yield Ask("lifecycle.erase", {"path": each.path, "reason": "asked"})
        yield Ask("quarantine.undo", {"path": each.path, "source": "a.txt"})
    for one, other in pairwise(lives):
        yield Ask("graph.paths", {"start": one.id, "end": other.id})
        yield Ask("graph.link", {"id": one.id, "target": other.id, "kind": "contradicts"})
    for path in ("shared/team", "user/ada"):
        yield Ask("graph.merge", {"name": "tea", "into": "ferry", "path": path})
    yield Ask("graph.merges", {"taken_back": True})
    for format in ("graphml", "cypher", "jsonld", "svg", "html"):
        yield Ask("graph.export", {"format": format})
    yield Ask("lifecycle.list", {"states": ("archived", "expired", "frozen", "generated"), "limit": 100})
    yield Ask("lifecycle.list", {"states": ("expired",), "limit": 1})
    for path in PATHS:
        yield Ask("kv.build", {"path": path})
        yield Ask("kv.list", {"path": path})
        yield Ask("adapters.train", {"topic": "fresh", "path": path})
    yield Ask("audit.answer", {"id": ":access"})
    yield Ask("log.news", {"after": 0})


def writes_over(ask: Ask) -> bool:
    """A key that is in use at a shared place says so to whoever tries it, as every name in common does."""
    return ask.verb == "put" and ask.given.get("key") != "fresh"


def of_everybody(caller: Caller, ask: Ask) -> bool:
    """Is he to see what is everybody's?"""
    return ask.verb in OF_EVERYBODY and "admin" in caller.scopes and not caller.within


async def put_to(world: World, caller: Caller, ask: Ask) -> object:
    """What the caller is told, and what was written for him."""
    told: list[str] = []
    known = {":access": world.access, **world.blocks}
    given = {name: known.get(str(value), value) for name, value in ask.given.items()}
    if ask.verb in ("audit.export", "graph.export"):
        given["write"] = told.append
    answer = await answered(keep(world, bound(world.memos.acting_as(caller), ask.verb)(**given)))
    return [type(answer).__name__ if ask.verb in TELLS_ALL else answer, plain(told)]


async def traced(world: World, caller: Caller, asked: str) -> object:
    """What the caller is told of the steps of what he asked."""
    return await answered(world.memos.acting_as(caller).audit.trace(asked))


async def keep(world: World, ask: Awaitable[object]) -> object:
    answer = await ask
    world.access = getattr(answer, "access", "") or world.access
    return answer


@pytest.mark.claim("4.3-35", "4.3-10")
@settings(
    max_examples=25,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(lives=lives(), caller=callers, seed=st.integers(0, 1 << 20), above=st.sets(st.sampled_from(FROM)).map(sorted))
def test_what_one_may_not_read_changes_no_answer_of_any_verb(
    lives: list[Told], caller: Caller, seed: int, above: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as less:
        anyio.run(compared, Path(full), Path(less), lives, caller, seed, above)


async def compared(full: Path, less: Path, lives: list[Told], caller: Caller, seed: int, above: Sequence[str]) -> None:
    clocks, ids = (Clock(), Clock()), Ids()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cubes, "new_id", ids)
        async with opened(full, clocks[0]) as one, opened(less, clocks[1]) as other:
            first, second = World(one, clocks[0], ids), World(other, clocks[1], ids)
            second.blocks = first.blocks
            await tell(first, lives, caller, (), above)
            await tell(second, lives, caller, await hidden_from(caller, first), above)
            chosen = [ask for ask in asks(lives) if not writes_over(ask) and not of_everybody(caller, ask)]
            for number, ask in enumerate(random.Random(seed).sample(chosen, ASKS)):
                answers: list[object] = []
                for world in (first, second):
                    world.clock.tick()
                    ids.begin(f"new{number}-")
                    with request(f"asked{number}"):
                        answers.append(await put_to(world, caller, ask))
                assert apart(answers[0], answers[1]) == "", ask
                traces = [await traced(world, caller, f"asked{number}") for world in (first, second)]
                assert apart(traces[0], traces[1]) == "", ask


def test_every_verb_is_asked() -> None:
    """A verb that is new is asked by itself if its parameters are known by name: else say above what they may be."""
    known = subjects([Told(0, "ada", "user/ada", "tea", "", "user", ())])
    needed = {
        (name, each)
        for name, verb in verbs().items()
        for each, parameter in parameters(verb).items()
        if parameter.default is parameter.empty and each != "write"
    }
    assert {each for each in needed if each[1] not in known and ".".join(each) not in known} == set()
    assert {ask.verb for ask in asks([Told(0, "ada", "user/ada", "tea", "", "user", ())])} == verbs().keys()


def test_a_verb_of_an_object_is_found_by_looking() -> None:
    assert {"recall", "forget_all", "timeline.restore_all", "lifecycle.sweep", "audit.hotspots"} <= verbs().keys()
    assert {name.partition(".")[2] for name in verbs() if name.startswith("timeline.")} == {
        name for name, each in vars(Timeline).items() if callable(each) and not name.startswith("_")
    }
