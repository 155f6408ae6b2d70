"""Adapters on an SGLang server, or on all behind a router: given to it, answered with, taken away for good.

A server knows an adapter by a name that is made here, is never told to a client and never given twice. Forgetting is
three things in this order: the name is refused, the copy that the server reads is removed, the server unloads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from memos_mcp.capacity import Capacity
from memos_mcp.cube import Parametric
from memos_mcp.errors import InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.infrastructure.activation.sglang import LEAST
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker
from memos_mcp.infrastructure.activation.sharing import Keys
from memos_mcp.infrastructure.parametric.folders import place_of, removed
from memos_mcp.infrastructure.parametric.sglang_asking import Asking
from memos_mcp.infrastructure.parametric.sglang_copies import Copies
from memos_mcp.infrastructure.parametric.sglang_loading import Loading, model_of
from memos_mcp.infrastructure.parametric.sglang_register import Record, Register
from memos_mcp.infrastructure.parametric.taking import Taken, taken
from memos_mcp.infrastructure.parametric.weights import fit
from memos_mcp.ledger import Ledger

T = TypeVar("T")


class _Ended(BaseModel):
    model_config = ConfigDict(frozen=True)

    type: str = "stop"


class _Meta(BaseModel):
    model_config = ConfigDict(frozen=True)

    finish_reason: _Ended | None = None


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    text: str
    meta_info: _Meta


class SGLangAdapters:
    """A ParametricBackend over servers that were started with `--enable-lora`. Safe to call from several tasks at once.

    What was attached stays so over restarts of the servers, and of this process; workers that join later get it, too.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        key: str | None = None,
        *,
        ledger: Ledger,
        trained: Path,
        copies: Path,
        seen_as: str | None = None,
        base: str | None = None,
        least: str = LEAST,
        timeout_s: float = 120,
        brief_s: float = 10,
        backoff_s: float = 0.5,
        follow_s: float = 10,
    ) -> None:
        """`trained` has the adapters; servers read them from `copies`, a folder of this vault alone: `seen_as` to them.

        `base` is the fingerprint of the model that they run; without it, the folder of that model must be readable
        here. `secret`, `key` and times are as for blocks: see `activation.sglang`. Raises Misconfigured.
        """
        self._keys = Keys(secret)
        self._crew = Crew(
            url, key, least=least, timeout_s=timeout_s, brief_s=brief_s, backoff_s=backoff_s, follow_s=follow_s
        )
        self._trained, self._base, self._timeout_s = trained, base, timeout_s
        self._copies, self._register = Copies(copies, seen_as), Register(ledger)
        self._loading = Loading(self._crew, self._register, self._copies, timeout_s)
        self._asking = Asking(self._crew)
        self._changing: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._beginning, self._begun = anyio.Lock(), False
        self._working = CapacityLimiter(2)
        self._model, self._turn = "", 0

    @property
    def model(self) -> str:
        """The name of the model that answers; empty before a server was asked."""
        return self._model

    async def start(self) -> None:
        """Look at the servers now: what is on is loaded, what was refused is not. Raises Unavailable, Misconfigured."""
        await self._begin()
        for worker in await self._crew.serving():
            offer = await self._loading.offer(worker)
            offer.demand(worker.link)
            self._model = offer.name
            await self._loading.settle(worker)

    async def capacity(self) -> Capacity | None:
        """As the servers say; None if none of them does in a second."""
        return await self._crew.capacity()

    async def attach(self, adapter: Parametric) -> None:
        """Have all servers load it, or none: every byte is compared first, and whether it fits their model.

        Raises NotFound (not there, or dropped), Corrupt, InvalidInput (of another model, refused), Misconfigured (a
        flag that the servers lack), Unavailable.
        """
        async with self._changing[adapter.blob]:
            await self._begin()
            its = await self._looked_at(adapter)
            workers = await self._crew.serving()
            record, revision = await self._register.read(adapter.blob)
            if record.state == "on" and await self._run(partial(self._copies.has, record.part)):
                for worker in workers:
                    await self._loading.ready(worker, record.served)
                return
            model = await self._fitting(its, workers)
            await self._register.claim(its.name, adapter.blob)
            begun = record.begun(its.name, model, tuple(dict.fromkeys(each.id for each in adapter.sources)))
            revision = await self._register.write(adapter.blob, begun, revision)
            try:
                await self._run(partial(self._copies.place, begun.part, its.files))
                for worker in workers:
                    await self._loading.load(worker, begun)
                await self._register.write(adapter.blob, begun.on(), revision)
            except BaseException:
                await self._rolled_back(adapter.blob, begun)
                raise

    async def detach(self, adapter: Parametric) -> None:
        """Have no server know it any more; answers that run end first. One that is not attached is no error.

        From the first moment on nobody asks for it. Raises Unavailable for a server that did not say that it let go.
        """
        await self._end(adapter.blob, dropped=False)

    async def drop(self, adapter: Parametric) -> None:
        """Detach it and remove it for good: neither it nor its name is ever given to a server again. Raises as detach.

        What it answered may lie in the caches of the servers until they need the room; no request reaches that.
        """
        await self._end(adapter.blob, dropped=True)

    async def retire(self, sources: Collection[str]) -> list[str]:
        """Drop whatever was ever attached here and was trained from a memory with one of these ids; its names.

        Raises Unavailable, after all of them, for servers that did not say that they let go: repeat it.
        """
        ids, gone = frozenset(sources), list[str]()
        trouble: Unavailable | None = None
        for blob, record in (await self._register.all()).items():
            if not ids.isdisjoint(record.sources):
                gone.append(record.name)
                try:
                    await self._end(blob, dropped=True)
                except Unavailable as exc:
                    trouble = exc
        if trouble is not None:
            raise trouble
        return gone

    async def generate(self, adapter: Parametric | None, prompt: str, *, tenant: str = "", limit: int = 256) -> str:
        """The likeliest answer of an attached adapter, or of the model alone. What is cached is the tenant's own.

        Raises InvalidInput (empty, or too long), NotFound (not attached), Unavailable, Misconfigured.
        """
        if limit < 1:
            raise InvalidInput(f"an answer needs at least one token, not {limit}")
        served = await self._served(adapter)
        workers = await self._crew.serving()
        self._turn += 1
        first = self._turn % len(workers)
        trouble: MemosError | None = None
        for worker in (*workers[first:], *workers[:first]):
            try:
                return await self._asked(worker, adapter, served, prompt, tenant, limit)
            except (Unavailable, Misconfigured) as exc:  # another worker may be right
                self._crew.doubt()
                trouble = exc
        await self._served(adapter)  # it may have gone meanwhile
        raise trouble or Unavailable(f"{self._crew.front.name} has no worker: start one")

    async def verify(self, adapter: Parametric) -> None:
        """Look whether it is there, whole, and of this model. Raises NotFound, Corrupt, InvalidInput, Unavailable."""
        await self._looked_at(adapter)

    async def aclose(self) -> None:
        """Close the connections. What is attached stays on the servers."""
        await self._crew.aclose()

    async def _looked_at(self, adapter: Parametric) -> Taken:
        record, _ = await self._register.read(adapter.blob)
        if record.state == "dropped":
            raise NotFound(f"the adapter {record.name or adapter.blob} was dropped: train another one from its sources")
        if self._base is not None and adapter.fingerprint != self._base:
            raise InvalidInput(
                f"the adapter {adapter.blob} was trained for another model than the one that SGLang runs: "
                "train it for that"
            )
        return await self._run(partial(taken, self._trained, adapter))

    async def _fitting(self, its: Taken, workers: Sequence[Worker]) -> str:
        """Whose adapter it will be: what all workers run."""
        offers = [await self._loading.offer(worker) for worker in workers]
        for worker, offer in zip(workers, offers, strict=True):
            offer.demand(worker.link, its.config)
        offer = offers[0]
        model, sizes = await model_of(offer)
        if sizes is not None:
            fit(its.pairs, sizes, its.name)
        elif self._base is None:
            raise Misconfigured(
                f"{offer.name} cannot be looked at from here, and a wrong adapter would end its server: "
                "say the fingerprint of that model"
            )
        self._model = offer.name
        return model

    async def _rolled_back(self, blob: str, begun: Record) -> None:
        """As if it had never been attached, whatever ended it; a server that cannot be told is told when it returns."""
        with anyio.CancelScope(shield=True):
            try:
                now, revision = await self._register.read(blob)
                if now.part == begun.part:
                    await self._register.write(blob, now.ended(), revision)
                await self._run(partial(self._copies.remove, begun.part))
                await self._loading.gone([begun.served])
            except MemosError:
                self._begun = False  # done when it is begun again
                self._loading.doubt_all()

    async def _end(self, blob: str, *, dropped: bool) -> None:
        place = place_of(self._trained, blob)
        async with self._changing[blob]:
            was, now = await self._register.end(blob, dropped=dropped)
            try:
                await self._run(partial(self._copies.remove, was.part))
                if dropped:
                    await self._run(partial(removed, place, self._trained))
                if now.refused:
                    await self._loading.gone(now.refused[-1:])
            except BaseException:
                self._begun = False
                self._loading.doubt_all()
                raise

    async def _begin(self) -> None:
        """Finish what a process that was killed left: half an attaching is taken back, half a drop done."""
        async with self._beginning:
            if self._begun:
                return
            await self._run(self._copies.sweep)
            there = await self._run(self._copies.all)
            kept: set[str] = set()
            for blob, record in (await self._register.all()).items():
                match record.state:
                    case "on":
                        kept.add(record.part)
                    case "attaching":  # by a process that was killed, or one that gives up now or is done already
                        kept.add((await self._register.abandoned(blob, record)).part)
                    case "dropped":
                        await self._run(partial(removed, place_of(self._trained, blob), self._trained))
                    case "off":
                        pass
            for part in there:
                if part not in kept:
                    await self._run(partial(self._copies.remove, part))
            self._begun = True

    async def _served(self, adapter: Parametric | None) -> str | None:
        if adapter is None:
            return None
        record, _ = await self._register.read(adapter.blob)
        if record.state != "on":
            raise NotFound(f"the adapter {record.name or adapter.blob} is not attached: attach it first")
        return record.served

    async def _asked(
        self, worker: Worker, adapter: Parametric | None, served: str | None, prompt: str, tenant: str, limit: int
    ) -> str:
        if served is not None:
            await self._loading.ready(worker, served)
        ids = await self._asking.ids(worker, prompt)
        most = worker.about.max_req_input_len
        if most and len(ids) + limit > most:
            raise InvalidInput(
                f"{len(ids) + limit:,} tokens are more than the {most:,} that SGLang takes: ask for less"
            )
        key = self._keys.of(tenant, f"adapter {served}" if served else "no adapter")
        body: dict[str, JsonValue] = {
            "input_ids": list[JsonValue](ids),
            "sampling_params": {"max_new_tokens": limit, "temperature": 0},
            "cache_salt": key.salt,
            "extra_key": key.extra,
            "lora_path": served,
        }
        answer = await worker.link.ask("POST", "generate", body)
        if not answer.fine and served is not None:
            await self._served(adapter)  # it may have gone meanwhile
            self._loading.doubt(worker)
            await self._loading.ready(worker, served)
            answer = await worker.link.ask("POST", "generate", body)
        try:
            said = _Said.model_validate_json(worker.link.accepted(answer))
        except ValidationError as exc:
            raise worker.link.nonsense() from exc
        if said.meta_info.finish_reason and said.meta_info.finish_reason.type == "abort":
            raise Unavailable(f"{worker.link.name} gave up in the middle of its answer: ask again")
        return said.text.strip()

    async def _run(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._working)
