"""Activation memory in process: a model of transformers and the KV blocks of what it read. Needs the extra `kv`."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.activation import Progress, Reply, Room, Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.activation import compose as composing
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.blocks import Block, Header, prefixes
from memos_mcp.infrastructure.activation.caches import Reading, busy, storable, window_of
from memos_mcp.infrastructure.activation.compose import SHARE
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.activation.identity import fingerprint
from memos_mcp.infrastructure.activation.rotation import Rotation, rotation_of
from memos_mcp.infrastructure.activation.seam import HEADER, Pieces, Seam
from memos_mcp.infrastructure.activation.stock import Stock

T = TypeVar("T")

_GIB = 2**30
_LEFT = (
    "The file is removed, not overwritten: the bytes may stay on the disk until it needs the room. An answer that had "
    "begun goes on; what other processes hold in memory is let go at its next use."
)


class TransformersBackend:
    """An ActivationBackend over a causal model with full attention in every layer; what it answers is the likeliest.

    A block belongs to one tenant and to the exact model, tokenizer, template, adapters and weights: all of that is
    compared before each use. Questions run two at a time; the model is read once at a time. Several processes may
    share a folder.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        *,
        name: str,
        revision: str = "",
        header: str = HEADER,
        memory: int = 4 * _GIB,
        disk: int = 20 * _GIB,
    ) -> None:
        """`memory` and `disk` are budgets in bytes. Raises InvalidInput for a model whose cache cannot be kept."""
        storable(network)
        self._network: PreTrainedModel | None = network.eval()
        self.seam = Seam(tokenizer, header)
        self.stock = Stock(folder, memory=memory, disk=disk, device=str(network.device))
        self._name, self._revision = name, revision
        self._rotation: Rotation | None = None
        self._tokens, self._seconds = 0, 0.0
        self._kept, self._written = 0, 0.0
        self._opened = False
        self._opening, self._reading = anyio.Lock(), anyio.Lock()
        self._computing = CapacityLimiter(2)

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self._name

    @property
    def network(self) -> PreTrainedModel:
        """The model itself. Raises Unavailable after `aclose`."""
        if self._network is None:
            raise Unavailable(f"the model {self._name!r} was closed: open it again")
        return self._network

    async def room(self) -> Room:
        """What the disk may hold; seconds are the mean over all tokens that were read. Raises Unavailable (closed)."""
        here = await self._here()
        seconds = self._seconds / self._tokens if self._tokens else None
        keeping = self._written / self._kept if self._kept else 0.0
        return Room(_per_token(self.network, here), self.stock.disk.limit, seconds, keeping)

    async def capacity(self) -> Capacity:
        """What the model was made for, and what is computed or waits, for each of the two that run at once."""
        return Capacity(window_of(self.network), busy(self._computing))

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        """Read these memories in this order, unless the model has; of a beginning that it has read only the rest.

        Costs about as much as one prompt with them: it pays from the second question on. A block that was damaged is
        made again. Who calls it off waits for the slice that is being read, and nothing is kept. Raises InvalidInput,
        Unavailable (they do not fit the budgets).
        """
        parts = self.seam.parts([source.text for source in sources])
        if len(parts) < 2:
            raise InvalidInput("there is nothing to read: name at least one memory")
        ids, lengths = [each for part in parts for each in part], [len(part) for part in parts]
        self._room(len(ids))
        async with self._reading:
            here = await self._here()
            header = Header(
                fingerprint=here,
                tenant=tenant,
                sources=tuple(source.ref for source in sources),
                lengths=tuple(lengths),
            )
            begins = prefixes(here, tenant, ids, lengths)
            name, block = await self._same(begins[-1], header)
            if name is None or block is None:
                self.stock.fits(len(ids) * _per_token(self.network, here))
                block = await self._read(header, ids, await self._known(begins, here), told)
                started = time.perf_counter()
                name = await self.stock.keep(block, pinned=pinned)
                self._kept, self._written = self._kept + len(ids), self._written + time.perf_counter() - started
            elif pinned:
                self.stock.pin(name, on=True)
        return _activation(name, block)

    async def compose(
        self, activations: Sequence[Activation], *, tenant: str = "", share: float = SHARE, pinned: bool = False
    ) -> Activation:
        """Join blocks that were read apart, in this order, and compute a `share` of the later ones' tokens anew.

        0 joins in milliseconds, but no memory has seen another; 1 is as if all had been read in one go. Raises
        InvalidInput (positions of this model cannot be moved, a joined block among them), NotFound, Mismatch, Corrupt.
        """
        if not 0 <= share <= 1:
            raise InvalidInput(f"a share is between 0 and 1, not {share}")
        async with self._reading:
            here = await self._here()
            names = [_blob(each) for each in activations]
            blocks = [await self._block(each, tenant, here) for each in activations]
            name = self.stock.composed(names, share)
            block = await self._sound(name, here) if name is not None else None
            if name is None or block is None:
                head = blocks[0].header.lengths[0] if blocks else 0
                self._room(head + sum(len(each.ids) - head for each in blocks))
                self._rotation = self._rotation or await self._run(partial(rotation_of, self.network))
                block = await self._run(partial(_joined, self.network, blocks, names, self._rotation, share))
                name = await self.stock.keep(block, pinned=pinned)
            elif pinned:
                self.stock.pin(name, on=True)
        return _activation(name, block)

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        """Answer a prompt after these memories, or after the head of the prompt alone, in at most `limit` tokens.

        Raises InvalidInput (no prompt; Mismatch: made for another model), NotFound (dropped, pushed out, or another
        tenant's: warm it again), Corrupt, Unavailable.
        """
        return (await self.generate_all(activation, [prompt], tenant=tenant, limit=limit))[0]

    async def generate_all(
        self, activation: Activation | None, prompts: Sequence[str], *, tenant: str = "", limit: int = 256
    ) -> list[Reply]:
        """Answer several prompts at once, each as if alone. Raises as `generate`."""
        if not prompts:
            return []
        said: list[list[int]] = [[] for _ in prompts]
        questions = [self._question(activation, prompt) for prompt in prompts]
        async for tokens in self._steps(activation, questions, tenant, limit):
            for its, token in zip(said, tokens, strict=True):
                if token is not None:
                    its.append(token)
        reused = activation.tokens if activation is not None else 0
        return [
            Reply(self.seam.text(its), reused, len(question), len(its))
            for its, question in zip(said, questions, strict=True)
        ]

    async def stream(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> AsyncGenerator[str]:
        """The answer in pieces, as they are made; who leaves the loop ends it (`aclosing`). Raises as `generate`."""
        pieces, question = Pieces(self.seam), self._question(activation, prompt)
        async with aclosing(self._steps(activation, [question], tenant, limit)) as steps:
            async for (token,) in steps:
                if token is not None and (piece := pieces.add(token)):
                    yield piece
        if piece := pieces.rest():
            yield piece

    async def verify(self, activation: Activation) -> None:
        """Compare the file with its hash, and what it says with the model. Raises NotFound, Corrupt, InvalidInput."""
        here = await self._here()
        _named(await self.stock.verify(_blob(activation), here), activation)

    async def pin(self, activation: Activation, *, on: bool = True) -> None:
        """Keep this block in memory and on the disk whatever comes, or no longer. Raises NotFound."""
        await self._ready()
        self.stock.pin(_blob(activation), on=on)

    async def drop(self, activation: Activation) -> str:
        """Remove the block from memory and disk; no process answers with it from now on. Raises Unavailable."""
        await self._ready()
        return _LEFT if await self.stock.drop(_blob(activation)) else ""

    async def aclose(self) -> None:
        """Let go of the model and of what is in memory; an answer that has begun goes on."""
        self._network = None
        self.stock.unload()

    async def _steps(
        self, activation: Activation | None, questions: Sequence[Sequence[int]], tenant: str, limit: int
    ) -> AsyncGenerator[list[int | None]]:
        if limit < 1:
            raise InvalidInput(f"an answer needs at least one token, not {limit}")
        known = activation.tokens if activation is not None else 0
        limit = min(limit, self._room(known + max(map(len, questions))))
        block = await self._block(activation, tenant, await self._here()) if activation is not None else None
        run = await self._run(partial(Answering, self.network, block, questions))
        for _ in range(limit):
            tokens = await self._run(run.step)
            if not any(run.open):
                return
            yield tokens

    def _question(self, activation: Activation | None, prompt: str) -> list[int]:
        return self.seam.question(prompt) if activation is not None else self.seam.alone(prompt)

    async def _block(self, activation: Activation, tenant: str, here: Fingerprint) -> Block:
        """The block that an activation speaks of. Raises NotFound for that of another tenant, and as `Stock.get`."""
        name = _blob(activation)
        block = await self.stock.get(name, here)
        if block.header.tenant != tenant:
            raise NotFound(f"the KV block {name} is not kept for this tenant: warm its memories for it")
        _named(block.header, activation)
        return block

    def _room(self, tokens: int) -> int:
        """How many more the model reads after so many. Raises InvalidInput if that is none."""
        most = window_of(self.network) or 2**31
        if tokens >= most:
            raise InvalidInput(f"these are {tokens:,} tokens and the model reads {most:,}: keep or ask less at once")
        return most - tokens

    async def _same(self, begin: str, header: Header) -> tuple[str | None, Block | None]:
        """The block of these sources that begins so and ends there, from wherever, if it is whole."""
        name = self.stock.same(begin, header.sources)
        if name is None:
            await self.stock.look()
            name = self.stock.same(begin, header.sources)
        return name, await self._sound(name, header.fingerprint) if name is not None else None

    async def _read(self, header: Header, ids: Sequence[int], known: Block | None, told: Progress | None) -> Block:
        reading = Reading(self.network, ids, known)
        while not reading.over:
            count = await self._run(reading.step)
            if told is not None:
                told(count, len(ids))
        self._tokens, self._seconds = self._tokens + reading.tokens, self._seconds + reading.seconds
        keys, values = await self._run(reading.taken)
        return Block(header, tuple(ids), tuple(keys), tuple(values))

    async def _known(self, begins: Sequence[str], here: Fingerprint) -> Block | None:
        """The longest beginning that was read before."""
        while (found := self.stock.longest(begins)) is not None:
            name, count = found
            block = await self._sound(name, here)
            if block is not None:
                return block.first(count)
        return None

    async def _sound(self, name: str, here: Fingerprint) -> Block | None:
        try:
            return await self.stock.get(name, here)
        except (Corrupt, NotFound):
            await self.stock.drop(name)
            return None

    async def _here(self) -> Fingerprint:
        await self._ready()
        return await self._run(partial(fingerprint, self.network, self.seam, self._name, self._revision))

    async def _ready(self) -> None:
        _ = self.network  # raises once it is closed
        async with self._opening:
            if not self._opened:
                await self.stock.look()
                self._opened = True

    async def _run(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._computing)


def _joined(
    model: PreTrainedModel, blocks: Sequence[Block], names: Sequence[str], rotation: Rotation, share: float
) -> Block:
    ids, keys, values = composing.joined(blocks, rotation)
    block = Block(composing.header(blocks, names, share), ids, keys, values)
    return composing.recomputed(model, block, len(blocks[0].ids), share)


def _named(header: Header, activation: Activation) -> None:
    """Raises Corrupt if this is not the block that an activation speaks of."""
    if header.sources != activation.sources or header.fingerprint.key != activation.fingerprint:
        raise Corrupt(f"the KV block {activation.blob} is not of the memories that the cube names: warm them again")


def _per_token(network: PreTrainedModel, here: Fingerprint) -> int:
    """Bytes of a token: keys and values of each layer."""
    return 2 * here.layers * here.kv_heads * here.head_dim * network.dtype.itemsize


def _blob(activation: Activation) -> str:
    if activation.blob is None:
        raise InvalidInput("this activation is kept by a server, not in process: ask the backend that made it")
    return activation.blob


def _activation(name: str, block: Block) -> Activation:
    header = block.header
    return Activation(sources=header.sources, fingerprint=header.fingerprint.key, tokens=header.tokens, blob=name)
