"""What the benchmarks of the time to the first token share: the grid of the MemOS paper's KV table, and its texts."""

from __future__ import annotations

import random

from benchmarks.texts import Texts
from memos_mcp.activation import Source
from memos_mcp.cube import Ref

CONTEXTS, QUESTIONS = (600, 2800, 6000), (170, 300, 950)
SHAPES = {  # hidden, intermediate, layers, heads, KV heads
    "2m": (128, 256, 4, 4, 2),
    "20m": (384, 1024, 8, 6, 2),
    "135m": (576, 1536, 30, 9, 3),
    "360m": (960, 2560, 32, 15, 5),
    "1b": (2048, 8192, 16, 32, 8),
    "8b": (4096, 14336, 32, 32, 8),
}
_MEMORY = 60  # words of one memory


def memories(words: int, seed: int) -> list[Source]:
    """Memories of about so many words together."""
    return [
        Source(Ref(id=f"{words}-{seed}-{at}", version=1), prose(_MEMORY, f"{words}-{seed}-{at}"))
        for at in range(words // _MEMORY)
    ]


def prose(words: int, seed: str) -> str:
    """A text of exactly so many words."""
    source, said = Texts(random.Random(seed).randrange(2**31)), list[str]()
    while len(said) < words:
        said += source.text().split()
    return " ".join(said[:words])
