"""Activation memory in process: a model of transformers and the KV blocks of what it read. Needs the extra `kv`."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memos_mcp.activation import Reply, Source
from memos_mcp.cube import Activation
from memos_mcp.errors import Corrupt, InvalidInput, NotFound
from memos_mcp.infrastructure.activation import compose as composing
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.blocks import Block, Header, prefixes
from memos_mcp.infrastructure.activation.caches import prefilled, storable
from memos_mcp.infrastructure.activation.compose import SHARE
from memos_mcp.infrastructure.activation.fingerprint import Fingerprint
from memos_mcp.infrastructure.activation.identity import fingerprint
from memos_mcp.infrastructure.activation.rotation import Rotation, rotation_of
from memos_mcp.infrastructure.activation.seam import HEADER, Pieces, Seam
from memos_mcp.infrastructure.activation.stock import Stock

T = TypeVar("T")

_GIB = 2**30


class TransformersBackend:
    """An ActivationBackend over a causal model with full attention in every layer; what it answers is the likeliest.

    A block belongs to the exact model, tokenizer, template, adapters and weights: all of that is compared before each
    use. Questions run two at a time; the model is read once at a time.
    """

    def __init__(
        self,
        model: PreTrainedModel,
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
        storable(model)
        self.model, self.seam = model.eval(), Seam(tokenizer, header)
        self.stock = Stock(folder, memory=memory, disk=disk, device=str(model.device))
        self._name, self._revision = name, revision
        self._rotation: Rotation | None = None
        self._opened = False
        self._opening, self._reading = anyio.Lock(), anyio.Lock()
        self._computing = CapacityLimiter(2)

    async def warm(self, sources: Sequence[Source], *, pinned: bool = False) -> Activation:
        """Read these memories in this order, unless the model has; of a beginning that it has read only the rest.

        Costs about as much as one prompt with them: it pays from the second question on. A block that was damaged is
        made again. Raises InvalidInput, Unavailable (they do not fit the budgets).
        """
        parts = self.seam.parts([source.text for source in sources])
        if len(parts) < 2:
            raise InvalidInput("there is nothing to read: name at least one memory")
        ids, lengths = [each for part in parts for each in part], [len(part) for part in parts]
        self._room(len(ids))
        async with self._reading:
            await self._ready()
            here = await self._here()
            begins = prefixes(here, ids, lengths)
            refs = tuple(source.ref for source in sources)
            name = self.stock.same(begins[-1], refs)
            block = await self._sound(name, here) if name is not None else None
            if name is None or block is None:
                known = await self._known(begins, here)
                header = Header(fingerprint=here, sources=refs, lengths=tuple(lengths))
                block = await self._run(partial(_read, self.model, header, ids, known))
                name = await self.stock.keep(block, pinned=pinned)
            elif pinned:
                self.stock.pin(name, on=True)
        return _activation(name, block)

    async def compose(
        self, activations: Sequence[Activation], *, share: float = SHARE, pinned: bool = False
    ) -> Activation:
        """Join blocks that were read apart, in this order, and compute a `share` of the later ones' tokens anew.

        0 joins in milliseconds, but no memory has seen another; 1 is as if all had been read in one go. Raises
        InvalidInput (positions of this model cannot be moved, a joined block among them), NotFound, Mismatch, Corrupt.
        """
        if not 0 <= share <= 1:
            raise InvalidInput(f"a share is between 0 and 1, not {share}")
        async with self._reading:
            await self._ready()
            here = await self._here()
            names = [_blob(each) for each in activations]
            blocks = [_named(await self.stock.get(_blob(each), here), each) for each in activations]
            name = self.stock.composed(names, share)
            block = await self._sound(name, here) if name is not None else None
            if name is None or block is None:
                head = blocks[0].header.lengths[0] if blocks else 0
                self._room(head + sum(len(each.ids) - head for each in blocks))
                self._rotation = self._rotation or await self._run(partial(rotation_of, self.model))
                block = await self._run(partial(_joined, self.model, blocks, names, self._rotation, share))
                name = await self.stock.keep(block, pinned=pinned)
            elif pinned:
                self.stock.pin(name, on=True)
        return _activation(name, block)

    async def generate(self, activation: Activation, prompt: str, *, limit: int = 256) -> Reply:
        """Answer a prompt after these memories, in at most `limit` tokens.

        Raises InvalidInput (no prompt; Mismatch: made for another model), NotFound (dropped or pushed out: warm it
        again), Corrupt, Unavailable.
        """
        return (await self.generate_all(activation, [prompt], limit=limit))[0]

    async def generate_all(self, activation: Activation, prompts: Sequence[str], *, limit: int = 256) -> list[Reply]:
        """Answer several prompts at once, each as if alone. Raises as `generate`."""
        if not prompts:
            return []
        said: list[list[int]] = [[] for _ in prompts]
        questions = [self.seam.question(prompt) for prompt in prompts]
        async for tokens in self._steps(activation, questions, limit):
            for its, token in zip(said, tokens, strict=True):
                if token is not None:
                    its.append(token)
        return [
            Reply(self.seam.text(its), activation.tokens, len(question), len(its))
            for its, question in zip(said, questions, strict=True)
        ]

    async def stream(self, activation: Activation, prompt: str, *, limit: int = 256) -> AsyncGenerator[str]:
        """The answer in pieces, as they are made; who leaves the loop ends it (`aclosing`). Raises as `generate`."""
        pieces = Pieces(self.seam)
        async with aclosing(self._steps(activation, [self.seam.question(prompt)], limit)) as steps:
            async for (token,) in steps:
                if token is not None and (piece := pieces.add(token)):
                    yield piece
        if piece := pieces.rest():
            yield piece

    async def pin(self, activation: Activation, *, on: bool = True) -> None:
        """Keep this block in memory and on the disk whatever comes, or no longer. Raises NotFound."""
        await self._ready()
        self.stock.pin(_blob(activation), on=on)

    async def drop(self, activation: Activation) -> None:
        """Remove the block from memory and disk. Raises Unavailable."""
        await self._ready()
        await self.stock.drop(_blob(activation))

    async def aclose(self) -> None:
        """Let go of what is in memory."""
        self.stock.unload()

    async def _steps(
        self, activation: Activation, questions: Sequence[Sequence[int]], limit: int
    ) -> AsyncGenerator[list[int | None]]:
        if limit < 1:
            raise InvalidInput(f"an answer needs at least one token, not {limit}")
        limit = min(limit, self._room(activation.tokens + max(map(len, questions))))
        await self._ready()
        block = _named(await self.stock.get(_blob(activation), await self._here()), activation)
        run = await self._run(partial(Answering, self.model, block, questions))
        for _ in range(limit):
            tokens = await self._run(run.step)
            if not any(run.open):
                return
            yield tokens

    def _room(self, tokens: int) -> int:
        """How many more the model reads after so many. Raises InvalidInput if that is none."""
        most = int(getattr(self.model.config.get_text_config(decoder=True), "max_position_embeddings", None) or 2**31)
        if tokens >= most:
            raise InvalidInput(f"these are {tokens:,} tokens and the model reads {most:,}: keep or ask less at once")
        return most - tokens

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
        return await self._run(partial(fingerprint, self.model, self.seam, self._name, self._revision))

    async def _ready(self) -> None:
        async with self._opening:
            if not self._opened:
                await self.stock.open()
                self._opened = True

    async def _run(self, work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=self._computing)


def _read(model: PreTrainedModel, header: Header, ids: Sequence[int], known: Block | None) -> Block:
    rest = ids[len(known.ids) if known is not None else 0 :]
    if known is not None and not rest:
        return replace(
            known,
            header=header,
            keys=tuple(each.clone() for each in known.keys),
            values=tuple(each.clone() for each in known.values),
        )
    keys, values = prefilled(model, rest, known)
    return Block(header, tuple(ids), tuple(keys), tuple(values))


def _joined(
    model: PreTrainedModel, blocks: Sequence[Block], names: Sequence[str], rotation: Rotation, share: float
) -> Block:
    ids, keys, values = composing.joined(blocks, rotation)
    block = Block(composing.header(blocks, names, share), ids, keys, values)
    return composing.recomputed(model, block, len(blocks[0].ids), share)


def _named(block: Block, activation: Activation) -> Block:
    """The block that an activation speaks of. Raises Corrupt if it is another one."""
    header = block.header
    if header.sources != activation.sources or header.fingerprint.key != activation.fingerprint:
        raise Corrupt(f"the KV block {activation.blob} is not of the memories that the cube names: warm them again")
    return block


def _blob(activation: Activation) -> str:
    if activation.blob is None:
        raise InvalidInput("this activation is kept by a server, not in process: ask the backend that made it")
    return activation.blob


def _activation(name: str, block: Block) -> Activation:
    header = block.header
    return Activation(sources=header.sources, fingerprint=header.fingerprint.key, tokens=header.tokens, blob=name)
