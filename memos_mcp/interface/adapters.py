"""Adapters as they are shown and handled: what was trained of which memories, what its gate found, and the way back.

Plaintext stays the truth (long paper §5.4.2): an adapter leads back to its memories, and on to a KV block of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from memos_mcp.activation import Progress as Reading
from memos_mcp.answers import Changed
from memos_mcp.cube import Kind, MemCube
from memos_mcp.errors import Denied, InvalidInput, Misconfigured
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks, kv
from memos_mcp.interface.adapter_looks import Looks
from memos_mcp.interface.adapter_views import (
    Adapter,
    Between,
    Examined,
    Planned,
    Removed,
    Report,
    Waiting,
)
from memos_mcp.interface.meant import meant
from memos_mcp.interface.putting import Given, put_under
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.timeline import difference
from memos_mcp.operation.probing import Inferred, Probe, asked_about
from memos_mcp.operation.releases import difference as between
from memos_mcp.parametric import Budget, Progress, Recipe, check_topic

_FURTHER = Recipe(rate=0.05)  # keys and values learn at a higher rate than weights
_LONGEST = 256  # tokens of an answer
_REFUSED = "its gate refused it"


@recorded("adapters.")
class Learning(Looks):
    """Adapters: memories trained into a model, which then answers for them. Hangs off `Memos.adapters`.

    A caller knows of those adapters all of whose memories he reads whole; with the scope `admin`, unless he is kept
    within a path, of every other one as well, but not of what. All of this raises Misconfigured if there is no model
    for it, and InvalidInput on a branch, which has none.
    """

    async def list(self, path: str | None = None) -> tuple[Adapter, ...]:
        """The adapters there are, the oldest first; with a path those all of whose memories lie beneath it.

        No model is asked. Cost: 30 µs for each memory in them. Raises InvalidInput, Denied.
        """
        return await self._shown(await self._knowing.at(await self._adapters().records.all(), path))

    async def waiting(self) -> tuple[Waiting, ...]:
        """What he wanted trained that is not yet, and what of that was refused last; the oldest first.

        With the scope `admin` what everybody wanted, but not of what. Raises Denied.
        """
        governance.check_scope(self._on.caller, "read")
        records, found = self._adapters().records, list[Waiting]()
        for want in await records.wants():
            if await self._is_told(want.by, want.ids) or self._knowing.all:
                why = (want.why,) if want.why else ()
                found.append(Waiting(want.topic, want.by, want.at, len(want.ids), refused=False, why=why))
        for each in await records.refusals():
            told = await self._is_told(each.by, [ref.id for ref in each.sources])
            if told or self._knowing.all:
                why = each.why if told else (_REFUSED,)  # the reasons name memories
                found.append(Waiting(each.topic, each.by, each.at, len(each.sources), refused=True, why=why))
        return tuple(sorted(found, key=lambda each: (each.since, each.topic)))

    async def plan(self) -> tuple[Planned, ...]:
        """What the scheduler would have trained of his by itself, what is due first; nothing is. A dry run.

        Rules and skills beneath his own path that apply again and again. Raises Denied, Misconfigured (nothing is
        trained by itself, or no access log counts uses).
        """
        governance.check_scope(self._on.caller, "read")
        self._adapters()
        if self._on.teacher is None:
            raise Misconfigured(
                "nothing is trained by itself: set parametric.schedule to on, and audit.mode not to off"
            )
        his = [each for each in await self._on.teacher.plan() if each.user == self._on.caller.user]
        return tuple(
            Planned(each.topic, len(each.sources), each.seconds, each.now, each.reason)
            for lessons in his
            for each in lessons.trainings
        )

    async def train(
        self,
        topic: str,
        ids: Sequence[str] = (),
        *,
        path: str | None = None,
        tags: Sequence[str] = (),
        kinds: Sequence[Kind] = (),
        where: str = "",
        seconds: float = 900.0,
        rank: int = 16,
        steps: int = 300,
        told: Progress | None = None,
    ) -> Examined:
        """Train these memories, or those at or beneath a path with all of these, into an adapter for a topic.

        If its gate lets it through, it answers for the topic from then on. Named memories have to be his to read whole,
        and able to be learnt; of others, those that are not are left out. `told` hears of so many steps of so many. It
        is trained again, as he may read its memories then, when one of them changes. Cancelled, it leaves what it takes
        to go on; the same again costs nothing. Cost: minutes, up to `seconds`. Raises NotFound, Denied, Conflict (a
        memory was changed meanwhile, or another process trains), InvalidInput (none, more than 1,000, or no such name).
        """
        governance.check_scope(self._on.caller, "write")
        adapters, budget = self._adapters(), _budget(seconds, rank, steps)
        check_topic(topic)
        its = await meant(self._on, ids, path=path, tags=tags, kinds=kinds, where=where)
        cubes, left_out = self._able(its)
        taught = await adapters.train(self._want(topic, cubes, budget), cubes, every=its.named, told=told)
        return await self._examined(taught, left_out)

    async def merge(self, topic: str, names: Sequence[str]) -> Examined:
        """Put adapters together as one, for a topic, without training: it only resembles them, `lost` says how little.

        To train all of their memories together is better. Raises NotFound, Denied, Conflict (one cannot be used),
        InvalidInput (less than two, or memories that contradict each other).
        """
        governance.check_scope(self._on.caller, "write")
        adapters, once = self._adapters(), list(dict.fromkeys([names] if isinstance(names, str) else names))
        check_topic(topic)
        if len(once) < 2:
            raise InvalidInput(
                "name at least two adapters to put together: `memos adapters list` shows those there are"
            )
        parts = [await self._sound(name) for name in once]
        cubes = list({id: cube for part in parts for id, cube in part.cubes.items()}.values())
        budget = Budget(rank=sum(part.made.payload.rank for part in parts))
        return await self._examined(await adapters.merge(self._want(topic, cubes, budget), once))

    async def rollback(self, topic: str, to: str = "") -> Adapter:
        """Have an earlier adapter answer for its topic again: the one before that which does, or the one named `to`.

        For who trained it, or the scope `admin`. Raises NotFound, Denied, Conflict (it cannot be used), InvalidInput.
        """
        governance.check_scope(self._on.caller, "write")
        adapters = self._adapters()
        found = await self._his(to or await self._before(check_topic(topic)))
        if found.made.topic != topic:
            raise InvalidInput(f"{found.made.name} is an adapter for {found.made.topic!r}, and none for {topic!r}")
        self._check(found)
        await adapters.turn(found.made.name)
        return await self._look(found.made.name)

    async def verify(self, name: str) -> Adapter:
        """An adapter as it is, its bytes looked at too: `why`. Raises NotFound, Unavailable, MissingExtra."""
        shown = await self._look(name)
        return shown if shown.why else replace(shown, why=await self._adapters().verify(name))

    async def drop(self, name: str) -> Removed:
        """Remove an adapter for good; its memories stay. For who trained it, or `admin`. Raises NotFound, Denied."""
        governance.check_scope(self._on.caller, "write")
        await self._his(name)
        return Removed(name, await self._adapters().drop(name))

    async def report(self, name: str) -> Report:
        """What was measured of an adapter, and how it was trained. Raises NotFound."""
        found, kept = await self._one(name), await self._adapters().records.one(name)
        if kept is None:
            raise self._adapters().unknown(name)
        (shown,) = await self._shown([found])
        figures = kept.report.figures if kept.report else None
        if figures is not None and not found.open:
            figures = replace(figures, sources=())
        return Report(shown, kept.want.budget, kept.want.recipe, figures)

    async def diff(self, older: str, newer: str) -> Between:
        """What one adapter was trained from and another was not, as far as he may read it. Raises NotFound."""
        was, now = await self._one(older), await self._one(newer)
        found = between(was.made.payload, now.made.payload)
        refs = [*found.added, *found.gone, *(ref for pair in found.changed for ref in pair)]
        cubes = {cube.ref: cube for cube in await self._knowing.memories(refs)}
        pairs = [(cubes[old], cubes[new]) for old, new in found.changed if old in cubes and new in cubes]
        return Between(
            older,
            newer,
            tuple(cubes[ref] for ref in found.added if ref in cubes),
            tuple(cubes[ref] for ref in found.gone if ref in cubes),
            tuple([Changed(cube, old.version, await difference(old, cube)) for old, cube in pairs]),
        )

    async def sources(self, name: str) -> tuple[MemCube, ...]:
        """The memories behind an adapter, in the versions that were learnt: those that he may read whole.

        Raises NotFound.
        """
        return await self._knowing.memories((await self._one(name)).made.sources)

    async def to_kv(self, name: str, *, pin: bool = False, told: Reading | None = None) -> kv.Kept:
        """A KV block of the memories behind an adapter, as `kv.build`. Raises as that, and Conflict (one changed)."""
        found = await self._sound(name)
        return await kv.Kv(self._on).build([ref.id for ref in found.made.sources], pin=pin, told=told)

    async def from_kv(
        self,
        block: str,
        topic: str,
        *,
        seconds: float = 900.0,
        steps: int = 300,
        told: Progress | None = None,
    ) -> Examined:
        """Train a KV block further, into an adapter for a topic: a cartridge, which only answers in this process.

        It has to be read by the very model that is trained. Cost and errors as those of `train`.
        """
        governance.check_scope(self._on.caller, "write")
        adapters, budget = self._adapters(), _budget(seconds, Budget().rank, steps)
        check_topic(topic)
        if self._on.activations is None:
            raise Misconfigured("there is no activation memory to take a KV block from: set activation.kind")
        made = await self._on.activations.block(block)
        is_his = self._knowing.all or made.is_for(self._on.caller.user)
        found = await self._knowing.one(made) if is_his else None
        if found is None or not found.open:
            raise self._on.activations.unknown(block)
        want = replace(self._want(topic, list(found.cubes.values()), budget), recipe=_FURTHER)
        return await self._examined(await adapters.cartridge(want, found.made, told=told))

    async def adopt(self, folder: str | Path, topic: str) -> Adapter:
        """Take over an adapter that peft saved elsewhere for this model. It is his alone, and was never examined.

        Of what it was trained is not known: `infer` asks it, and nothing but `drop` ends it. Raises NotFound,
        InvalidInput (other files than those of an adapter, links, another model), Denied, Conflict, Corrupt.
        """
        governance.check_scope(self._on.caller, "write")
        if self._on.caller.within:
            raise Denied(
                "nobody knows where what it was trained from lies, so who is kept within a path may not take it over: "
                "use a token for all of the user's memory",
                "within",
            )
        adapters = self._adapters()
        want = self._want(check_topic(topic), (), Budget())
        return await self._look((await adapters.adopt(want, _folder(folder))).name)

    async def infer(
        self, name: str, *, about: Sequence[str] = (), questions: Sequence[str] = (), path: str | None = None
    ) -> tuple[MemCube, ...]:
        """Memories of what an adopted adapter answers to questions, and to what is asked `about` people or things.

        Kept is what it says surely and the model without it does not, each under a key and with the tag `inferred`:
        nobody has said it. Asked again, they get new versions. Cost: two answers for each question. Raises NotFound,
        Denied, InvalidInput (nothing to ask, or its memories are known: see `sources`).
        """
        governance.check_scope(self._on.caller, "write")
        found = await self._his(name)
        if found.made.sources:
            raise InvalidInput(
                f"what {name} was trained from is known: `memos adapters sources {name}` has it word for word"
            )
        probes = (*map(Probe, questions), *asked_about(about))
        if not probes:
            raise InvalidInput("say what to ask: questions, or about whom or what")
        told = await self._adapters().infer(name, probes)
        return tuple([await put_under(self._on, path, f"{name}: {each.question}", _inferred(each)) for each in told])

    async def answer(self, name: str, question: str) -> str:
        """What the model says to a question with one adapter, word for word: nothing is looked up.

        Raises NotFound, Denied, Conflict (it cannot be used), InvalidInput, Unavailable.
        """
        checks.check_note(question, "the question")
        found = await self._one(name)
        if not found.open:
            raise Denied(f"{self._on.caller.user} may not read all that the adapter {name} was trained from")
        self._check(found)
        where = await self._on.readable(None)
        return await self._adapters().answer(self._on, name, question, beneath=where.paths, limit=_LONGEST)


def _budget(seconds: float, rank: int, steps: int) -> Budget:
    """Raises InvalidInput."""
    if not (0 < seconds < math.inf and rank > 0 and steps > 0):
        raise InvalidInput(f"a training takes seconds, rank and steps above 0, not {seconds:g}, {rank} and {steps}")
    return Budget(seconds=seconds, rank=rank, steps=steps)


def _folder(given: str | Path) -> Path:
    return Path(given).expanduser()


def _inferred(each: Inferred) -> Given:
    return Given(each.text, None, "fact", ("inferred",), "assistant", None, None)
