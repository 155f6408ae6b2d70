"""Time to the first token with memories as text and as KV: `tools/python tools/env.py kv python -m benchmarks.ttft`.

The grid of the MemOS paper's KV table: contexts of about 600, 2,800 and 6,000 tokens, questions of about 170, 300 and
950, on a Llama-shaped model of random weights (`--model 20m`, `135m`, `360m`; on a GPU `1b` and `8b`, with `--device
cuda --dtype bfloat16`). Each cell reads the question after the
memories in four ways, one after the other in each round: all of it (full), the memories' KV in memory (memory), mapped
from its file with the hash compared (disk), and joined from blocks of a few memories each (composed, joining counted;
the share computed anew is `--share`). Figures are medians of the rounds, ratios those of the medians of one run; the
seconds of the processor tell more where others use the machine.
"""

# pyright: reportMissingModuleSource=false

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import torch
from pydantic import JsonValue
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.common import keep
from benchmarks.texts import Texts
from benchmarks.ttft_grid import CONTEXTS, QUESTIONS, SHAPES, memories, prose
from memos_mcp.activation import Source
from memos_mcp.cube import Activation
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.transformers import TransformersBackend

WAYS = ("full", "memory", "disk", "composed")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def backend(shape: str, folder: Path, device: str = "cpu", dtype: str = "float32") -> TransformersBackend:
    """A model of random weights that reads a token for each word."""
    hidden, intermediate, layers, heads, kv_heads = SHAPES[shape]
    texts = Texts(1)
    words = sorted({word for _ in range(4000) for word in texts.text().split()})
    vocabulary = {word: at for at, word in enumerate(["<unk>", "</s>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>", pad_token="</s>")
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=max(len(vocabulary), 49152 if shape != "2m" else 0),
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=16384,
        eos_token_id=None,
    )
    torch.set_default_device(device)
    torch.set_default_dtype(DTYPES[dtype])
    model = LlamaForCausalLM(config).eval()
    torch.set_default_device("cpu")
    torch.set_default_dtype(torch.float32)
    return TransformersBackend(model, fast, folder, name=shape)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock and of the processor."""

    wall: float
    cpu: float


async def timed(work: Callable[[], Awaitable[object]]) -> Took:
    """What it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


async def first(its: TransformersBackend, activation: Activation, question: str) -> None:
    """The first token after a block, as a user of the backend gets it: fingerprint compared, block looked up."""
    await its.generate(activation, question, limit=1)


async def whole(its: TransformersBackend, sources: Sequence[Source], question: str) -> None:
    """The first token with everything read."""
    parts = its.seam.parts([source.text for source in sources])
    ids = [*(each for part in parts for each in part), *its.seam.question(question)]
    await anyio.to_thread.run_sync(Answering(its.network, None, [ids]).step)


async def composed(its: TransformersBackend, blocks: Sequence[Activation], question: str, share: float) -> None:
    """The first token after blocks that are joined for this question."""
    joined = await its.compose(blocks, share=share)
    await first(its, joined, question)
    await its.drop(joined)


async def context(
    its: TransformersBackend, tokens: int, questions: Sequence[int], rounds: int, share: float
) -> list[dict[str, JsonValue]]:
    """One row for each length of the question, on one context."""
    sources = memories(tokens, 1)
    build = await timed(partial(its.warm, sources))
    activation = await its.warm(sources)
    size = next(each.size for each in its.stock.disk.held if each.name == activation.blob)
    step = max(1, len(sources) // 4)
    blocks = [await its.warm(sources[at : at + step]) for at in range(0, len(sources), step)]
    rows: list[dict[str, JsonValue]] = []
    for length in questions:
        taken: dict[str, list[Took]] = {way: [] for way in WAYS}
        for number in range(rounds):
            question = prose(length, f"question {number}")
            await its.warm(sources)
            taken["full"].append(await timed(partial(whole, its, sources, question)))
            taken["memory"].append(await timed(partial(first, its, activation, question)))
            its.stock.unload()
            taken["disk"].append(await timed(partial(first, its, activation, question)))
            taken["composed"].append(await timed(partial(composed, its, blocks, question, share)))
        rows.append(row(activation.tokens, length, taken, build, size))
        print(rows[-1])
    return rows


def row(tokens: int, question: int, taken: dict[str, list[Took]], build: Took, size: int) -> dict[str, JsonValue]:
    """Medians in milliseconds, what is saved of the full time, and after how many questions the block has paid."""
    wall = {way: statistics.median(each.wall for each in its) for way, its in taken.items()}
    cpu = {way: statistics.median(each.cpu for each in its) for way, its in taken.items()}
    saved = cpu["full"] - cpu["memory"]
    return {
        "memory tokens": tokens,
        "question tokens": question,
        "ms": {way: round(seconds * 1000, 1) for way, seconds in wall.items()},
        "cpu ms": {way: round(seconds * 1000, 1) for way, seconds in cpu.items()},
        "less": {way: round(1 - wall[way] / wall["full"], 3) for way in WAYS[1:]},
        "cpu less": {way: round(1 - cpu[way] / cpu["full"], 3) for way in WAYS[1:]},
        "build ms": round(build.wall * 1000, 1),
        "pays after questions": round(build.cpu / saved, 2) if saved > 0 else None,
        "bytes": size,
    }


async def measured(options: argparse.Namespace) -> dict[str, JsonValue]:
    """The whole grid."""
    with tempfile.TemporaryDirectory(prefix="memos-ttft-") as folder:
        its = backend(options.model, Path(folder), options.device, options.dtype)
        await timed(partial(whole, its, memories(120, 0), prose(20, "warming up")))
        rows: list[JsonValue] = []
        for tokens in options.contexts:
            rows += await context(its, tokens, options.questions, options.rounds, options.share)
        parameters = sum(each.numel() for _, each in its.network.named_parameters())
        return {
            "model": options.model,
            "parameters": parameters,
            "dtype": str(its.network.dtype),
            "device": torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device,
            "threads": torch.get_num_threads(),
            "rounds": options.rounds,
            "share": options.share,
            "rows": rows,
        }


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(SHAPES), default="20m")
    parser.add_argument("--contexts", type=int, nargs="+", default=CONTEXTS)
    parser.add_argument("--questions", type=int, nargs="+", default=QUESTIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep("ttft", anyio.run(measured, options), options.out)


if __name__ == "__main__":
    main()
