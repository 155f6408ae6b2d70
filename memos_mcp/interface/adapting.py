"""Parametric memory follows the log: adapters of memories, as long as each of these is what was learnt (long §5.4.2).

The plaintext stays the truth. Which adapters there are stands in the ledger, the backend has the weights. One with a
memory that is changed, moved, forgotten, over or given to others is out of reach at once, and none is used before each
of its memories was looked at again (`standing.py`). What it was trained from is then trained again in the background,
as far as it is still there. A process that was killed goes on where it was: what was wanted stands in the ledger before
anything is learnt, and the adapter with its record and its place in one commit after it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import anyio

from memos_mcp.answers import KvBlock, Learned, Release, Way
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Governance, MemCube, Plaintext, Ref
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, MemosError, NotFound
from memos_mcp.infrastructure.decisions import decided
from memos_mcp.interface.adapter_ends import CHANGED, Ends
from memos_mcp.interface.adapter_records import TURN, Kept, Records, Refusal, Taught, Want
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.covering import Covering
from memos_mcp.interface.framing import without_secrets
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.scheduled import Turn
from memos_mcp.interface.standing import Standing
from memos_mcp.operation import prefixes
from memos_mcp.operation.context import tokens, words_of
from memos_mcp.operation.gate import judged
from memos_mcp.operation.lessons import lesson_of
from memos_mcp.operation.pairs import Author, Written, authored, written
from memos_mcp.operation.probing import Inferred, Probe, probed
from memos_mcp.parametric import AdapterBackend, GateReport, Lesson, Progress, Trained
from memos_mcp.ports import MAIN, Caller, Event, MemoryAdapter

logger = logging.getLogger(__name__)

_QUIET = frozenset({"sight"})  # lines that change nothing of what is read


class Adapters:
    """The adapters of a vault."""

    name = "parametric"

    def __init__(
        self,
        vault: MemoryAdapter,
        backend: AdapterBackend,
        guard: Guard,
        clock: Callable[[], datetime],
        author: Author | None = None,
    ) -> None:
        self.records, self.woken = Records(vault), _nobody
        self._vault, self._backend, self._guard, self._clock, self._author = vault, backend, guard, clock, author
        self._standing = Standing(vault, guard)
        self._covering = Covering(self.records, self._standing, backend, self.trainable)
        self._ends = Ends(vault, self.records, backend, clock)
        self._turn, self._training = Turn(vault, clock, TURN), anyio.Lock()
        self._begun = False
        self.at_hand = set[str]()
        """The names of those that have answered in this process, so that they are attached."""

    @property
    def model(self) -> str:
        """The model that is trained and answers here; empty if there is none."""
        return self._backend.model

    async def capacity(self) -> Capacity | None:
        """How much the model reads and how busy it is; None before it was asked anything here."""
        return await self._backend.capacity()

    async def release(self, name: str) -> Release:
        """An adapter. Raises NotFound."""
        return (await self._kept(name)).release

    def unknown(self, name: str) -> NotFound:
        """What is said of an adapter that is not there, or not for who asks: the same."""
        return NotFound(f"there is no adapter {name!r}: `memos adapters list` shows those there are")

    def trainable(self, cube: MemCube) -> str:
        """Why a memory cannot be learnt; empty if it can."""
        if not prefixes.keepable(self._guard.seen(cube)):
            return "it has no words, is archived, over or in quarantine"
        if cube.governance.sensitivity:
            return f"it is sensitive ({', '.join(cube.governance.sensitivity)}), and is kept in no other form"
        end = cube.governance.expires_at
        return "it is over" if end is not None and end <= self._clock() else ""

    async def train(
        self, want: Want, cubes: Sequence[MemCube], *, every: bool = False, told: Progress | None = None
    ) -> Taught:
        """An adapter of these memories, as they are in the vault, if its gate lets it through; the same if there is.

        It answers for its topic from then on. `every`: none of them may be left out. A process that is killed
        meanwhile, or any other, goes on with it; who cancels it does not want it any more, but can go on. Raises
        InvalidInput (one cannot be learnt, or there is nothing to ask afterwards), Conflict (one was changed meanwhile,
        or another process trains), and as the backend.
        """
        for cube in cubes:
            if why := self.trainable(cube):
                raise InvalidInput(f"memory {cube.id} cannot be trained: {why}")
        if self._author and (taught := await self._known(want, cubes)):
            return taught
        lesson, left_out = await self._lesson(want, cubes)
        if every and left_out:
            raise InvalidInput(f"memory {left_out[0][0].id} cannot be trained: {left_out[0][1]}")
        async with self._alone():
            await self.records.want(want)
            try:
                trained = await self._backend.train(lesson, judged, told=told)
            except (InvalidInput, anyio.get_cancelled_exc_class()):
                with anyio.CancelScope(shield=True):
                    await self.records.unwant(want)
                raise
            return replace(await self._kept_of(want, cubes, trained, "trained"), left_out=left_out)

    async def merge(self, want: Want, names: Sequence[str]) -> Taught:
        """Adapters as one that only resembles them, under a topic; `Release.lost` says what it cost. None is trained.

        To train all of their memories together is better. Raises NotFound, InvalidInput, Conflict, and as the backend.
        """
        parts = [await self.release(name) for name in dict.fromkeys(names)]
        cubes = await self._vault.get([Ref(id=id) for id in want.ids])
        lesson, left_out = await self._lesson(want, cubes)
        async with self._alone():
            merged = await self._backend.merge(lesson, [each.payload for each in parts], judged)
            return replace(await self._kept_of(want, cubes, merged, "merged"), left_out=left_out)

    async def cartridge(self, want: Want, block: KvBlock, *, told: Progress | None = None) -> Taught:
        """A KV block trained further, under a topic: it answers from weights, and begins as the block does.

        Raises Conflict (a memory in it was changed, or another process trains), and as the backend.
        """
        cubes = await self._standing.of(block)
        if cubes is None:
            raise Conflict(f"a memory in the KV block {block.name} is not what was read any more: build it again")
        lesson, left_out = await self._lesson(want, cubes)
        async with self._alone():
            trained = await self._backend.cartridge(lesson, block.activation, judged, told=told)
            return replace(await self._kept_of(want, cubes, trained, "cartridge"), left_out=left_out)

    async def adopt(self, want: Want, folder: Path) -> Release:
        """An adapter that was trained elsewhere, for nobody but who adopts it. Raises as the backend."""
        async with self._alone():
            payload = await self._backend.adopt(folder, want.topic, rules=Governance(owner=want.by))
            taken, nobody = await self._backend.size(payload), prefixes.tenant_of(())
            release = Release(payload, self.model, self._clock(), 0.0, want.by, nobody, 0, taken, "adopted")
            await self.records.promoted(Kept(release, want))
        return release

    async def infer(self, name: str, probes: Sequence[Probe]) -> tuple[Inferred, ...]:
        """What an adapter seems to know of what is asked, the surest first. Raises NotFound, and as the backend."""
        return await probed(self._backend, (await self.release(name)).payload, probes)

    async def turn(self, name: str) -> Release:
        """Have this version of its topic answer. Raises NotFound, also if a memory in it is not what was learnt."""
        release = await self.release(name)
        if await self._standing.of(release) is None:
            raise self.unknown(name)
        await self.records.turned(release)
        return release

    async def drop(self, name: str) -> str:
        """Remove an adapter for good, and do not train it again; what of that has to be done later."""
        kept = await self.records.one(name)
        if kept is None:
            return ""
        return await self._ends.dropped(kept)

    async def verify(self, name: str) -> str:
        """Why an adapter cannot be used as it is; empty if it can. Raises NotFound (there is none), Unavailable."""
        release = await self.release(name)
        if await self._standing.of(release) is None:
            return "a memory in it is not what was learnt any more"
        try:
            await self._backend.verify(release.payload)
        except (NotFound, Corrupt, InvalidInput) as exc:
            return str(exc)
        return ""

    async def apply(self, events: Sequence[Event]) -> None:
        """Retire what was trained from a memory that these lines changed. Raises Unavailable."""
        changed = [each for each in events if each.branch == MAIN and each.subject and each.action not in _QUIET]
        ids = {each.subject for each in changed}
        if not ids:
            return
        over = [each for each in prefixes.touched(await self.records.all(), ids) if not await self._standing.of(each)]
        for release in over:
            await self._retired(release.name, CHANGED)
        await self._ends.unlearnt(sorted({each.subject for each in changed if each.action == "forget"}))

    async def follow(self) -> None:
        """Retire every adapter with a memory that is not what was learnt any more, and finish what was left behind."""
        await self._vault.namespaces.fresh()
        for kept in await self.records.kept():
            if await self._is_over(kept):
                await self._retired(kept.release.name, CHANGED)
        for release in await self.records.owed():
            await self._ends.paid(release)
        await self._ends.unlearnt(await self.records.unlearnt())
        await self._backend.tidy([each.payload for each in await self.records.all()])

    async def tend(self) -> str:
        """Look after all of it; why something waits."""
        try:
            await self.follow()
        except MemosError as exc:
            return str(exc)
        return ""

    async def keep_up(self) -> str:
        """Look after all of it, and train what is wanted, as far as its memories are there; why something waits."""
        waits = ""
        try:
            if why := await self.tend():
                return why
            for want in await self.records.wants():
                if self._training.locked():
                    return ""
                waits = await self._again(want) or waits
        except MemosError as exc:
            return str(exc)
        return waits

    async def covering(self, on: Bound, used: Sequence[MemCube], beneath: Sequence[str]) -> Learned | None:
        """The first of `all_covering`."""
        return next(iter(await self.all_covering(on, used, beneath, 1)), None)

    async def all_covering(
        self, on: Bound, used: Sequence[MemCube], beneath: Sequence[str], most: int = 4
    ) -> tuple[Learned, ...]:
        """The adapters that were trained from most of these, the best first, of those he may use beneath these paths.

        One that is met and has a memory that is not what was learnt, or over, is out of reach for good from then on.
        The first who asks wakes what another process was killed at. Cost: 20 µs for each memory in them.
        """
        if not self._begun:
            self._begun = True
            self.woken()
        found, over = await self._covering.of(on, used, beneath, most)
        for release in over:
            await self._ends.retired(release.name, CHANGED, owed=self.woken is not _nobody)
        if over:
            self.woken()
        return tuple(found)

    async def answer(self, on: Bound, name: str, prompt: str, *, beneath: Sequence[str], limit: int) -> str:
        """What the model says with an adapter: an access to each of its memories.

        Raises NotFound (it may not be used any more), and as the backend.
        """
        release = await self.release(name)
        if not await self._covering.is_usable(on, release, beneath):
            raise self.unknown(name)
        try:
            said = await self._backend.generate(release.payload, prompt, limit=limit)
        except (NotFound, Corrupt):
            await self._retired(name, "what was kept of it was lost")
            raise
        self.at_hand.add(name)
        for cube in await self._vault.get([Ref(id=ref.id) for ref in release.sources]):
            on.decided("read", cube)
        return said

    async def plain(self, prompt: str, *, limit: int) -> str:
        """What the model says without an adapter. Raises as the backend."""
        return await self._backend.generate(None, prompt, limit=limit)

    async def aclose(self) -> None:
        """Let go of the backend; the adapters stay."""
        await self._backend.aclose()

    async def _again(self, want: Want) -> str:
        """Train what is wanted, of what is still there and open to who wants it; why it has to wait."""
        cubes = await self._vault.get([Ref(id=id) for id in want.ids])
        open_ = [cube for cube in cubes if self.is_open(want.caller, cube)]
        try:
            taught = await self.train(replace(want, ids=tuple(cube.id for cube in open_)), open_)
        except InvalidInput as exc:
            await self.records.unwant(want)
            logger.info("an adapter is not trained again", extra={"topic": want.topic, "why": str(exc)})
        except MemosError as exc:
            return str(exc)
        else:
            if taught.release is None:
                logger.info("an adapter was refused", extra={"topic": want.topic, "why": "; ".join(taught.report.why)})
        return ""

    async def _lesson(self, want: Want, cubes: Sequence[MemCube]) -> tuple[Lesson, tuple[tuple[Ref, str], ...]]:
        """What is to be learnt of these, without secrets. Raises InvalidInput."""
        seen = [_without_secrets(self._guard.seen(cube)) for cube in prefixes.ordered(cubes)]
        pairs: Written = await authored(seen, self._author) if self._author else written(seen)
        return lesson_of(want.topic, seen, pairs=pairs, budget=want.budget, recipe=want.recipe), pairs.left_out

    async def _kept_of(self, want: Want, cubes: Sequence[MemCube], trained: Trained, how: Way) -> Taught:
        """In the ledger, if it was let through. Raises Conflict."""
        report = trained.report
        if trained.adapter is None:
            refs = tuple(cube.ref for cube in cubes)
            refusal = Refusal(want.topic, want.by, refs, self._clock(), report.why)
            await self.records.refused(want, refusal)
            await self._ends.forgotten(want.ids)
            return Taught(report)
        learnt = {ref.id for ref in trained.adapter.sources}
        its = [cube for cube in cubes if cube.id in learnt]
        release = Release(
            payload=trained.adapter,
            model=self.model,
            at=self._clock(),
            seconds=trained.seconds,
            by=want.by,
            tenant=prefixes.tenant_of(its),
            tokens=sum(tokens(words_of(cube)) for cube in its),
            bytes=await self._backend.size(trained.adapter),
            how=how,
            gain=report.gain,
            harm=report.harm,
            lost=trained.lost,
        )
        kept = await self.records.one(release.name) if trained.known else None
        if kept is not None and kept.want.by != want.by:
            await self.records.shared(want, kept.release)
            return Taught(report, kept.release, known=True)
        return await self._promoted(Kept(kept.release if kept else release, want, report), report, known=trained.known)

    async def _known(self, want: Want, cubes: Sequence[MemCube]) -> Taught | None:
        """One that he had trained of just these, as they are: an author, asked again, would ask something else.

        Raises Conflict.
        """
        refs = [cube.ref for cube in cubes]
        for kept in reversed(await self.records.kept()):
            its, report = kept.release, kept.report
            if report is None or its.model != self.model or not kept.fulfils(want, refs):
                continue
            if await self._backend.size(its.payload) and await self._standing.of(its):
                return await self._promoted(replace(kept, want=want), report, known=True)
        return None

    async def _promoted(self, kept: Kept, report: GateReport, *, known: bool) -> Taught:
        """It answers from now on, if each of its memories is still what was learnt. Raises Conflict."""
        want, release = kept.want, kept.release
        await self.records.promoted(kept)
        if await self._standing.of(release) is None:
            await self._retired(release.name, "a memory in it was changed while it was learnt")
            await self._ends.forgotten(want.ids)
            raise Conflict("a memory was changed while it was learnt: it is trained again as it is now")
        return Taught(report, release, known)

    async def _kept(self, name: str) -> Kept:
        kept = await self.records.one(name)
        if kept is None:
            raise self.unknown(name)
        return kept

    async def _is_over(self, kept: Kept) -> bool:
        """Is a memory in it not what was learnt, or not for who wanted it? One that was adopted has none."""
        cubes = await self._standing.of(kept.release)
        return bool(kept.release.sources) and (
            cubes is None or not all(self.is_open(kept.want.caller, c) for c in cubes)
        )

    def is_open(self, caller: Caller, cube: MemCube) -> bool:
        """May it be learnt, and for him?"""
        above = self._vault.namespaces.known.above(cube.path)
        allowed = decided(caller, "read", cube.path, cube.governance, self._clock(), above).allowed
        return allowed and not self.trainable(cube) and self._standing.whole(caller, cube)

    async def _retired(self, name: str, why: str) -> None:
        """Out of reach at once, and trained again soon, if it answered."""
        await self._ends.retired(name, why)
        self.woken()

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        """Nobody else trains meanwhile. Raises Conflict."""
        async with self._training, self._turn.held("another process is training an adapter: try again when it is done"):
            yield


def _nobody() -> None:
    """Nothing follows in the background."""


def _without_secrets(cube: MemCube) -> MemCube:
    if not isinstance(cube.payload, Plaintext):
        return cube
    return cube.model_copy(update={"payload": cube.payload.model_copy(update={"text": without_secrets(cube.text)})})
