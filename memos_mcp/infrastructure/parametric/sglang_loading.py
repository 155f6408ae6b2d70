"""Which worker has which adapter: what is on is loaded there, what was refused is not, after each of its starts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from memos_mcp.errors import InvalidInput, MemosError, Misconfigured, Unavailable
from memos_mcp.infrastructure.activation.sglang_link import Link
from memos_mcp.infrastructure.activation.sglang_shapes import About, read
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker
from memos_mcp.infrastructure.parametric.profile import AdapterConfig
from memos_mcp.infrastructure.parametric.sglang_copies import Copies
from memos_mcp.infrastructure.parametric.sglang_register import Record, Register
from memos_mcp.infrastructure.parametric.weights import Sizes

logger = logging.getLogger(__name__)


class Offer(About):
    """What a server was started with for adapters, at `/server_info`."""

    model_path: str = ""
    served_model_name: str | None = None
    enable_lora: bool | None = None
    max_lora_rank: int | None = None
    lora_target_modules: list[str] | None = None
    weight_version: str | None = None
    dp_size: int = 1

    @property
    def name(self) -> str:
        """What its model is called."""
        return self.served_model_name or self.model_path

    def demand(self, link: Link, config: AdapterConfig | None = None) -> None:
        """Raises Misconfigured, naming the flag, if it loads no adapters, or not this one."""
        if not self.enable_lora:
            raise Misconfigured(
                f"{link.name} was started without adapters: start it with --enable-lora --max-lora-rank 32 "
                "--lora-target-modules q_proj k_proj v_proj o_proj gate_proj up_proj down_proj"
            )
        if self.dp_size > 1:
            raise Misconfigured(
                f"{link.name} runs its model {self.dp_size} times, and loads no adapter while it runs: start it with "
                "--dp-size 1, several of them behind a router"
            )
        if config is None:
            return
        if self.max_lora_rank is not None and config.r > self.max_lora_rank:
            raise Misconfigured(
                f"{link.name} takes adapters of rank {self.max_lora_rank} at most: start it with "
                f"--max-lora-rank {config.r}, or train with a smaller budget of rank"
            )
        allowed = self.lora_target_modules
        if allowed is not None and "all" not in allowed and not set(config.target_modules) <= set(allowed):
            wanted = " ".join(sorted({*allowed, *config.target_modules}))
            raise Misconfigured(
                f"{link.name} adapts {' '.join(sorted(allowed))} alone: start it with --lora-target-modules {wanted}"
            )


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: str


class _Models(BaseModel):
    model_config = ConfigDict(frozen=True)

    data: list[_Model]


class Loading:
    """Loads and unloads. What a worker has is looked at when it is new, and whenever something went wrong there."""

    def __init__(self, crew: Crew, register: Register, copies: Copies, timeout_s: float) -> None:
        self._crew, self._register, self._copies, self._timeout_s = crew, register, copies, timeout_s
        self._has: dict[str, set[str]] = {}
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def offer(self, worker: Worker) -> Offer:
        """What it was started with. Raises Unavailable, Misconfigured."""
        return read(worker.link, Offer, await self._crew.brief(worker.link, "GET", "server_info"))

    async def ready(self, worker: Worker, served: str) -> None:
        """Have a worker ready for an adapter that is on; nothing is asked of one that is.

        Raises Unavailable, Misconfigured.
        """
        if served in self._has.get(worker.id, ()):
            return
        async with self._locks[worker.link.url]:
            if served not in self._has.get(worker.id, ()):
                await self._settle(worker)
        if served not in self._has.get(worker.id, ()):
            raise Unavailable(
                f"{worker.link.name} does not load an adapter that is attached: it runs another model, or cannot read "
                "the folder of copies"
            )

    async def settle(self, worker: Worker) -> None:
        """Load what is on and unload what was refused, if this worker is new here. Raises as `ready`."""
        async with self._locks[worker.link.url]:
            if worker.id not in self._has:
                await self._settle(worker)

    async def load(self, worker: Worker, record: Record) -> None:
        """Have a worker load an adapter. Raises InvalidInput if it refuses it, Unavailable, Misconfigured."""
        body: dict[str, JsonValue] = {"lora_name": record.served, "lora_path": self._copies.seen(record.part)}
        try:
            answer = await worker.link.ask("POST", "load_lora_adapter", body, within_s=self._timeout_s)
            if answer.status == 404:
                worker.link.accepted(answer)
            if not answer.fine and record.served not in await self._listed(worker):
                raise InvalidInput(
                    f"{worker.link.name} refused the adapter {record.name}: can it read the folder of copies, and was "
                    "the adapter trained for its model?"
                )
        except BaseException:
            self.doubt(worker)
            raise
        self._has.get(worker.id, set[str]()).add(record.served)

    async def unload(self, worker: Worker, served: str) -> None:
        """Have a worker let go of a name, after the answers that run; no error if it has none such.

        Raises Unavailable, Misconfigured.
        """
        try:
            body: dict[str, JsonValue] = {"lora_name": served}
            answer = await worker.link.ask("POST", "unload_lora_adapter", body, within_s=self._timeout_s)
            if not answer.fine and served in await self._listed(worker):
                raise Unavailable(f"{worker.link.name} did not unload an adapter: repeat it")
        except BaseException:
            self.doubt(worker)
            raise
        self._has.get(worker.id, set[str]()).discard(served)

    async def gone(self, served: Sequence[str]) -> None:
        """Have all workers let go of names.

        Raises Unavailable for those that did not: they are told before they answer again.
        """
        untold: list[str] = []

        async def one(worker: Worker) -> None:
            try:
                for name in served:
                    await self.unload(worker, name)
            except MemosError as exc:
                logger.warning("an adapter was not unloaded", extra={"worker": worker.link.url, "why": str(exc)})
                untold.append(worker.link.name)

        workers = await self._crew.serving()
        for id_ in self._has.keys() - {worker.id for worker in workers}:
            del self._has[id_]
        async with anyio.create_task_group() as tasks:
            for worker in workers:
                tasks.start_soon(one, worker)
        if untold:
            raise Unavailable(
                f"nothing uses the adapter any more, but {' and '.join(sorted(untold))} did not say that it is "
                "unloaded: repeat it, or stop that server"
            )

    def doubt(self, worker: Worker) -> None:
        """Something was not as expected there: look before it is used again."""
        self._has.pop(worker.id, None)

    def doubt_all(self) -> None:
        """Look at every worker before it is used again."""
        self._has.clear()

    async def _settle(self, worker: Worker) -> None:
        offer = await self.offer(worker)
        offer.demand(worker.link)
        records = await self._register.all()
        refused = {name for record in records.values() for name in record.refused}
        model, _ = await model_of(offer)
        on = {each.served: each for each in records.values() if each.state == "on" and each.model == model}
        there = await self._listed(worker)
        for name in sorted(there & refused):
            await self.unload(worker, name)
        has = there & on.keys()
        for name in sorted(on.keys() - there):
            try:
                await self.load(worker, on[name])
            except InvalidInput as exc:
                logger.warning("an adapter was not loaded", extra={"worker": worker.link.url, "why": str(exc)})
            else:
                has.add(name)
        self._has[worker.id] = has

    async def _listed(self, worker: Worker) -> set[str]:
        data = await self._crew.brief(worker.link, "GET", "v1/models")
        try:
            return {each.id for each in _Models.model_validate_json(data).data}
        except ValidationError as exc:
            raise worker.link.nonsense() from exc


async def model_of(offer: Offer) -> tuple[str, Sizes | None]:
    """What a server runs, equal for the same model as far as can be told, and its sizes where they can be read."""
    sizes = await to_thread.run_sync(_sizes, Path(offer.model_path) / "config.json")
    seen = sizes.model_dump_json() if sizes else ""
    return f"{offer.model_path}@{offer.weight_version or ''} {seen}".strip(), sizes


def _sizes(file: Path) -> Sizes | None:
    try:
        return Sizes.model_validate_json(file.read_bytes()) if file.is_absolute() else None
    except (OSError, ValidationError):
        return None
