"""The terms in which the type of a memory is chosen: the task, what fits it, what there is, what may be spent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from memos_mcp.cube import Kind, Ref
from memos_mcp.search import Goal, Intent

Nature = Literal["fact", "dialogue", "procedure"]
"""A question on its own; one of several turns; work by procedures or of experts."""
Way = Literal["text", "prefix", "adapter", "out"]
"""How a memory reaches the model: read in the prompt, kept as the state after reading, trained, or not at all."""
NATURES: tuple[Nature, ...] = get_args(Nature)
_ANY = Goal()
FORMS: frozenset[Way] = frozenset({"text", "prefix", "adapter"})


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered: `turns` of the dialogue came before; `tokens` are read anyway, question and turns."""

    nature: Nature
    intent: Intent = "retrieve"
    goal: Goal = _ANY
    turns: int = 0
    tokens: int = 64


@dataclass(frozen=True, slots=True)
class Fit:
    """A memory that fits a task; `need` is the chance that the answer needs it.

    `expected` further uses by other tasks while it stays as it is, after `uses` in so many `sessions`. It `changed` so
    many seconds ago, and does so every `pace` seconds on average; it `ends` in so many. `here`: it was said in this
    very session. `closed` says why its words may stand in the prompt only, `barred` why not even there.
    """

    ref: Ref
    tokens: int
    need: float
    kind: Kind = "fact"
    expected: float = 0.0
    uses: int = 0
    sessions: int = 0
    changed: float | None = None
    pace: float | None = None
    ends: float | None = None
    here: bool = False
    closed: str = ""
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Memories that are kept as read, in this order, by the base model or `under` an adapter."""

    parts: tuple[Ref, ...]
    under: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """Weights trained from these memories.

    `barred` says why they may not be used: a source that the caller may not read, or that was changed or erased,
    whether or not it fits the task.
    """

    name: str
    sources: tuple[Ref, ...]
    bytes: int = 0
    loaded: bool = False
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """What there is.

    Kept prefixes and adapters; a `window` of so many tokens, of which `reserve` are for the answer; bytes that a token
    takes when it is kept, and that are `free`; `load`: requests under way for each that the model can serve at once.
    """

    prefixes: tuple[Prefix, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    window: int = 8192
    reserve: int = 256
    per_token: int = 46_080
    free: int = 0
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a task may take.

    `seconds` until the answer begins, `tokens` of memories read anew, `builds` prefixes kept anew, of so many `bytes`.
    """

    seconds: float = math.inf
    tokens: int = 1_000_000
    builds: int = 1
    bytes: int = 1 << 62


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds whatever it costs, and what a needed memory is worth.

    `worth`: seconds of waiting that a memory which is needed outweighs (assumed). A memory has come to rest when it was
    quiet for `settled` seconds, and for `calm` of its usual intervals: e⁻³, 5 %, is the chance of that if it still
    changed as before. What changes within `brief` seconds goes into no cache, what does within `lasting` into no
    weights; what ends within `brief` into neither. Kept is only what is expected to be used `least` times more.
    `again`: the chance that what was given in a turn is wanted in the next (assumed). `forms` are the types to choose
    from.
    """

    worth: float = 8.0
    calm: float = 3.0
    settled: float = 60.0
    brief: float = 86_400.0
    lasting: float = 30 * 86_400.0
    least: float = 0.5
    again: float = 0.8
    forms: frozenset[Way] = FORMS


RULES = Rules()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a memory is injected: in the weights as an adapter, at the start of the prompt, or before the question."""

    where: Literal["weights", "start", "question", "nowhere"]
    number: int = 0
    name: str = ""

    def __str__(self) -> str:
        """In words."""
        match self.where:
            case "weights":
                return f"in the weights, by adapter {self.name}"
            case "start":
                return f"at the start of the prompt, as part {self.number} of the prefix"
            case "question":
                return f"in the prompt, as text {self.number} before the question"
            case "nowhere":
                return "nowhere"


@dataclass(frozen=True, slots=True)
class Choice:
    """How one memory reaches the model, where, with how many tokens of the window, and why, in a sentence.

    `held`: the prefix is there already; otherwise it is read for this answer and kept.
    """

    ref: Ref
    way: Way
    place: Place
    tokens: int
    reason: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What is given to the model for a task: a choice for each memory that fits, in the order given.

    `prefix` is what the prompt starts with, of which the first `kept` are held already; `texts` follow, the likeliest
    last, next to the question. `seconds` until the answer begins, `read` tokens of memories anew, `window` tokens of
    memories in all. `adapter` is the one to attach.
    """

    task: Task
    choices: tuple[Choice, ...]
    adapter: str = ""
    prefix: tuple[Ref, ...] = ()
    kept: int = 0
    texts: tuple[Ref, ...] = ()
    seconds: float = 0.0
    read: int = 0
    window: int = 0

    @property
    def holds(self) -> bool:
        """Is anything given at all?"""
        return bool(self.adapter or self.prefix or self.texts)

    def __str__(self) -> str:
        """What it would do and why, a line for each memory: the plan explained, and a dry run."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield (
            f"{_NATURES[self.task.nature]}: the answer begins after about {self.seconds:.2g} s, "
            f"{self.read:,} tokens of memories are read, {self.window:,} of the window are taken"
        )
        for each in self.choices:
            name = f"{each.ref.id} version {each.ref.version}" if each.ref.version else each.ref.id
            where = "left out" if each.way == "out" else f"{each.way}, {each.place}"
            yield f"- {name}: {where}; {each.reason}"


_NATURES: dict[Nature, str] = {
    "fact": "a question on its own",
    "dialogue": "a dialogue of several turns",
    "procedure": "procedures or expert work",
}
