"""Traces of uses for the simulation of the scheduler: made by seed, or recorded, one JSON object in a line.

A line says what was so at a moment in seconds. `memory`: it is there, or has another version, with so many tokens and
these labels and this vector; `use`: it was used for a question with these labels and this vector, for the `first` time
in its session or not, if sessions are known; `erased`: it is gone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TOPICS = 12
_DIMENSIONS = 16


class Line(BaseModel):
    """One line of a trace: `{"at": 12.5, "what": "use", "id": "m7", "labels": ["boats"]}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    what: Literal["memory", "use", "erased"]
    id: str
    version: Annotated[int, Field(ge=1)] = 1
    tokens: Annotated[int, Field(ge=1)] = 1
    labels: tuple[str, ...] = ()
    vector: tuple[float, ...] = ()
    first: bool | None = None


Trace = tuple[Line, ...]


def read(lines: Iterable[str]) -> Trace:
    """A recorded trace. Raises ValueError for a line that is none."""
    return tuple(Line.model_validate_json(line) for line in lines if line.strip())


def written(trace: Iterable[Line]) -> Iterator[str]:
    """The lines of a trace."""
    for line in trace:
        yield line.model_dump_json(exclude_defaults=True) + "\n"


def zipf(seed: int, uses: int, *, memories: int = 300, exponent: float = 1.0) -> Trace:
    """The memory of rank r is used with probability 1 / r^exponent, whatever was used before."""
    world = _World(seed, memories)
    weights = _weights(memories, exponent)
    return world.told(world.chance.choices(world.order, cum_weights=weights)[0] for _ in range(uses))


def bursts(seed: int, uses: int, *, memories: int = 300, length: float = 12.0, background: float = 0.3) -> Trace:
    """About six memories at a time are used again and again, so many times on average, then hardly ever.

    The rest, of this share, is as `zipf` with 0.8.
    """
    world = _World(seed, memories)
    weights, chance, busy = _weights(memories, 0.8), world.chance, list[str]()

    def one() -> str:
        if chance.random() < background:
            return chance.choices(world.order, cum_weights=weights)[0]
        while len(busy) < 6:
            busy.append(chance.choice(world.order))
        at = chance.randrange(len(busy))
        return busy.pop(at) if chance.random() < 1 / length else busy[at]

    return world.told(one() for _ in range(uses))


def drift(seed: int, uses: int, *, memories: int = 300, every: int = 25, topic: int = 300) -> Trace:
    """As `zipf`, but two memories change places every so many uses, and those of one topic weigh six times, in turn."""
    world = _World(seed, memories)
    chance, order = world.chance, world.order.copy()
    weights, now = _weights(memories, 1.0), 0

    def one(number: int) -> str:
        nonlocal now
        if number % topic == 0:
            now = chance.randrange(TOPICS)
        if number % every == 0:
            a, b = chance.randrange(memories), chance.randrange(memories)
            order[a], order[b] = order[b], order[a]
        while True:
            id = chance.choices(order, cum_weights=weights)[0]
            if world.topic[id] == now or chance.random() < 1 / 6:
                return id

    return world.told(one(number) for number in range(uses))


def changes(seed: int, uses: int, *, memories: int = 300, changing: float = 0.2, every: float = 3.0) -> Trace:
    """As `zipf`, but this share of the memories has another version after so many uses of its own, on average."""
    world = _World(seed, memories)
    weights, chance = _weights(memories, 1.0), world.chance
    restless = set(chance.sample(world.order, round(changing * memories)))
    ids = (chance.choices(world.order, cum_weights=weights)[0] for _ in range(uses))
    return world.told(ids, lambda id: id in restless and chance.random() < 1 / every)


def talks(seed: int, uses: int, *, memories: int = 300, own: float = 0.5, length: float = 24.0) -> Trace:
    """Three people at a time have sessions of so many uses on average; this share is of three memories of its own.

    These are drawn for each session from two thirds of the memories, the rest is as `zipf` of the other third. The
    first use of a memory in a session is marked.
    """
    world = _World(seed, memories)
    chance, common, rare = world.chance, world.order[: memories // 3], world.order[memories // 3 :]
    weights, going_on, seen = _weights(len(common), 1.0), list[tuple[list[str], set[str]]](), list[bool]()

    def one() -> str:
        while len(going_on) < 3:
            going_on.append((chance.sample(rare, 3), set()))
        at = chance.randrange(3)
        its, used = going_on[at]
        if chance.random() < 1 / length:
            del going_on[at]
        id = chance.choice(its) if chance.random() < own else chance.choices(common, cum_weights=weights)[0]
        seen.append(id not in used)
        used.add(id)
        return id

    trace = world.told([one() for _ in range(uses)])
    marks = iter(seen)
    return tuple(line.model_copy(update={"first": next(marks)}) if line.what == "use" else line for line in trace)


FAMILIES: dict[str, Callable[[int, int], Trace]] = {"zipf": zipf, "bursts": bursts, "drift": drift, "changes": changes}


class _World:
    """Memories of many sizes, each of a topic, in an order that has nothing to do with either."""

    def __init__(self, seed: int, memories: int) -> None:
        self.chance = random.Random(seed)
        self.order = [f"m{number}" for number in range(memories)]
        directions = [self._unit() for _ in range(TOPICS)]
        self.topic = {id: self.chance.randrange(TOPICS) for id in self.order}
        self.tokens = {id: min(8192, max(64, round(self.chance.lognormvariate(math.log(600), 1)))) for id in self.order}
        self._directions = directions
        self.vector = {id: self._near(id) for id in self.order}
        self.chance.shuffle(self.order)

    def told(self, ids: Iterable[str], changes: Callable[[str], bool] = lambda _: False) -> Trace:
        """The memories, then the uses, 5 s apart on average, and a change right after the use that it follows."""
        lines = [self._memory(id, 0.0, 1) for id in sorted(self.order)]
        versions, at = dict.fromkeys(self.order, 1), 0.0
        for id in ids:
            at = round(at + self.chance.expovariate(1 / 5), 3)
            label = (f"topic {self.topic[id]}",)
            lines.append(Line(at=at, what="use", id=id, labels=label, vector=self._near(id)))
            if changes(id):
                versions[id] += 1
                lines.append(self._memory(id, at, versions[id]))
        return tuple(lines)

    def _memory(self, id: str, at: float, version: int) -> Line:
        return Line(
            at=at,
            what="memory",
            id=id,
            version=version,
            tokens=self.tokens[id],
            labels=(f"topic {self.topic[id]}",),
            vector=self.vector[id],
        )

    def _unit(self) -> tuple[float, ...]:
        return _scaled([self.chance.gauss(0, 1) for _ in range(_DIMENSIONS)])

    def _near(self, id: str) -> tuple[float, ...]:
        direction = self._directions[self.topic[id]]
        return _scaled([each + self.chance.gauss(0, 0.15) for each in direction])


def _weights(memories: int, exponent: float) -> list[float]:
    return list(accumulate(1 / rank**exponent for rank in range(1, memories + 1)))


def _scaled(vector: Sequence[float]) -> tuple[float, ...]:
    norm = math.hypot(*vector)
    return tuple(round(each / norm, 4) for each in vector)
