"""The Protocols of parametric memory: memories trained into a small adapter of a model (short paper §4.1, long §5.4.2).

Plaintext stays the truth: an adapter can be dropped and trained again from its sources, and goes when one of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, Governance, Parametric, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.late import late

Progress = Callable[[int, int], None]
"""Told while an adapter is trained: so many steps of so many."""

_TOPIC = late(r"[a-z0-9][a-z0-9_-]{0,63}")
_NO_RULES = Governance()


def check_topic(topic: str) -> str:
    """What adapters can be named for, so that a server can be told of it. Raises InvalidInput."""
    if not _TOPIC.fullmatch(topic):
        raise InvalidInput(f"{topic!r} cannot name an adapter: use up to 64 small letters, digits, - and _")
    return topic


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer, as one memory has it. Held-out ones are asked afterwards and never trained on."""

    question: str
    answer: str
    source: Ref
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What a training may take: seconds, rank and bytes of the adapter, steps. Out of time it ends early, and says so.

    Seconds count over all attempts at the same lesson.
    """

    seconds: float = 900.0
    rank: int = 16
    bytes: int = 256 * 2**20
    steps: int = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is trained: rate of learning, weight of staying near the base on other text, rows of a step, seed."""

    rate: float = 1e-3
    kl: float = 1.0
    batch: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learnt: pairs, and the rules of the strictest source, which are written beside the adapter.

    On `rehearsal` the model is kept as it was, `control` says whether it was: texts that have nothing to do with the
    pairs. Without them the model writes both itself.
    """

    topic: str
    pairs: tuple[Pair, ...]
    rules: Governance = _NO_RULES
    rehearsal: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    recipe: Recipe = Recipe()
    budget: Budget = Budget()

    @property
    def sources(self) -> tuple[Ref, ...]:
        """Every source once, in order."""
        return tuple(dict.fromkeys(pair.source for pair in self.pairs))


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Of one source: log-p per token of the answers to its held-out questions, before and after.

    `recognised` is the share of these questions whose answer became likelier than those of other sources; None where
    there is no other.
    """

    source: Ref
    before: float
    after: float
    recognised: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of an adapter. `control` is the loss per token on text that has nothing to do with it."""

    sources: tuple[SourceFigures, ...]
    trained_before: float
    trained_after: float
    control_before: float
    control_after: float
    steps: int
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class GateReport:
    """Whether an adapter may be used, by which figures, and why not."""

    promoted: bool
    why: tuple[str, ...]
    figures: Figures
    gain: float
    harm: float


Judge = Callable[[Figures], GateReport]
"""Decides by what was measured."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What became of a lesson: no adapter if the gate refused it. `losses` are those of the steps.

    `seconds` is what this attempt took, and `known` says that nothing had to be trained. `lost` is what merging cost
    in log-p per token of the trained answers, against the adapters that were merged.
    """

    adapter: Parametric | None
    report: GateReport
    losses: tuple[float, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    known: bool = False
    lost: float | None = None


class Trainer(Protocol):
    """Makes adapters. One lesson at a time; answers of the same model go on meanwhile."""

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        """Learn a lesson; the same one again costs nothing, and one that was broken off goes on where it was.

        Cancelling it leaves what it takes to go on. Raises InvalidInput (nothing to learn or to ask afterwards, or no
        adapter of a rank that fits the budget), Conflict (a source was taken back meanwhile), Unavailable.
        """
        ...

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        """Log-p per token of each answer to its question, with an attached adapter or with none.

        Raises NotFound (not attached).
        """
        ...

    async def retire(self, sources: Collection[str]) -> list[str]:
        """Remove whatever was trained from a memory with one of these ids, half-trained things and reports as well.

        What is being trained from one ends. The names that are gone, which are never given again. Raises Unavailable.
        """
        ...


class ParametricBackend(Protocol):
    """Answers with adapters. Safe to call from several tasks at once."""

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        ...

    async def capacity(self) -> Capacity | None:
        """How much it reads and how busy it is, as far as it is known within a second; None before it is open."""
        ...

    async def attach(self, adapter: Parametric) -> None:
        """Have it at hand, after a look at every byte of it; one that is attached costs nothing.

        Raises NotFound, Corrupt, InvalidInput (made for another model, or nothing that may be loaded), Unavailable.
        """
        ...

    async def detach(self, adapter: Parametric) -> None:
        """Let go of it; the model is what it was. One that is not attached is no error."""
        ...

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        """Answer with an attached adapter, or with none, in at most `limit` tokens.

        Raises InvalidInput (an empty prompt), NotFound (not attached).
        """
        ...

    async def verify(self, adapter: Parametric) -> None:
        """Look whether it is there, whole, and of this model. Raises NotFound, Corrupt, InvalidInput."""
        ...

    async def drop(self, adapter: Parametric) -> None:
        """Detach it and remove it for good; its name is never given again. One that is not there is no error."""
        ...

    async def aclose(self) -> None:
        """Let go of the model, or of the connections to it."""
        ...


class AdapterBackend(Trainer, ParametricBackend, Protocol):
    """One that trains and answers, and whose adapters outlive the process that made them.

    What it answers with it attaches by itself. It forgets without opening a model.
    """

    async def merge(self, lesson: Lesson, adapters: Sequence[Parametric], judge: Judge) -> Trained:
        """Adapters as one that only resembles them; the pairs of the lesson measure what was lost.

        Raises InvalidInput (less than two, ranks over the budget, other sources), and as `attach`.
        """
        ...

    async def cartridge(
        self, lesson: Lesson, block: Activation, judge: Judge, *, told: Progress | None = None
    ) -> Trained:
        """Learn a lesson into a KV block of these memories, which this very model has read (Eyuboglu et al. 2025).

        Raises as `train`, and NotFound, Corrupt, InvalidInput (of another model, or kept by a server).
        """
        ...

    async def adopt(self, folder: Path, topic: str, *, rules: Governance = _NO_RULES) -> Parametric:
        """An adapter that was trained elsewhere for this model, copied: it has no sources, and nothing retires it.

        Raises NotFound, InvalidInput (other files, not of the portable profile, not for this model), Corrupt,
        Unavailable.
        """
        ...

    async def size(self, adapter: Parametric) -> int:
        """What it takes on the disk, in bytes; 0 if it is not there."""
        ...

    async def tidy(self, kept: Sequence[Parametric]) -> None:
        """Remove what is kept beside these, if nobody can be making it now: a process that was killed left it."""
        ...
