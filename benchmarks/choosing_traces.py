"""Work for the simulation of the choice of types: dialogues, lookups and procedures, made by seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from memos_mcp.cube import Kind, Ref
from memos_mcp.operation.choosing_terms import Nature

TOPICS = 10
SHAPE: tuple[tuple[Kind, int, int, int], ...] = (
    ("fact", 24, 20, 120),
    ("document", 3, 400, 2000),
    ("skill", 6, 100, 500),
)
"""Of each topic: so many of a kind, of so many tokens."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the work is like.

    Shares of the tasks that begin which are dialogues and procedures, the rest looks something up; chance that a
    dialogue goes on; `restless`: share of the facts that change; topics change places every `drift` tasks.
    """

    dialogues: float = 0.3
    procedures: float = 0.3
    going_on: float = 0.8
    restless: float = 0.1
    drift: int = 200
    every: float = 20.0


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory; one that is restless changes every `pace` seconds on average, one that is `closed` stays text."""

    id: str
    topic: int | str
    kind: Kind
    tokens: int
    pace: float | None = None
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A memory that fits a task: how likely it is needed, and whether it is.

    `served`: recall found it for this very task, which the scheduler counts as a use whether or not it was needed.
    """

    id: str
    need: float
    needed: bool
    served: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A task: when, in which session, after so many turns, with what fits it; what is new or changed since the last."""

    at: float
    session: int
    nature: Nature
    turns: int
    tokens: int
    load: float
    wanted: tuple[Wanted, ...]
    changed: tuple[Memory, ...] = ()
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """Tasks one after the other, and the memories that are there before the first; `seed` is of what else is drawn."""

    memories: Mapping[str, Memory]
    tasks: tuple[Work, ...]
    seed: int

    @property
    def tokens(self) -> int:
        """Of all memories that there ever are, in their last versions."""
        last = {**self.memories, **{each.id: each for work in self.tasks for each in work.changed}}
        return sum(each.tokens for each in last.values())


@dataclass(slots=True)
class _Talk:
    session: int
    topic: int
    core: list[Memory]
    said: dict[str, float] = field(default_factory=dict[str, float])
    turns: int = 0


class World:
    """Memories by topic, and the tasks that come; the same seed and mix give the same."""

    def __init__(self, seed: int, mix: Mix | None = None) -> None:
        self.mix, self.seed = mix or Mix(), seed
        self._chance = random.Random(seed)
        self._order = list(range(TOPICS))
        self.memories = {each.id: each for topic in range(TOPICS) for each in self._topic(topic)}
        self._chance.shuffle(self._order)
        self._sessions = 0
        self._phase = self._chance.uniform(0, 2 * math.pi)

    def trace(self, number: int) -> Trace:
        """So many tasks, one after the other."""
        return Trace(self.memories, tuple(self._tasks(number)), self.seed)

    def _tasks(self, number: int) -> Iterator[Work]:
        chance, at, talks = self._chance, 0.0, list[_Talk]()
        for count in range(number):
            if count % self.mix.drift == self.mix.drift - 1:
                a, b = chance.sample(range(TOPICS), 2)
                self._order[a], self._order[b] = self._order[b], self._order[a]
            gone = chance.expovariate(1 / self.mix.every)
            at += gone
            changed = tuple(
                each
                for each in self.memories.values()
                if each.pace and chance.random() < 1 - math.exp(-gone / each.pace)
            )
            load = max(0.0, 1 + math.sin(self._phase + count / 60) + chance.uniform(-0.5, 0.5))
            yield self._task(at, load, changed, talks)

    def _topic(self, topic: int) -> Iterator[Memory]:
        for kind, number, least, most in SHAPE:
            for n in range(number):
                restless = kind == "fact" and self._chance.random() < self.mix.restless
                pace = self._chance.uniform(300, 3000) if restless else None
                yield Memory(f"{kind}-{topic}-{n}", topic, kind, self._chance.randint(least, most), pace)

    def _task(self, at: float, load: float, changed: tuple[Memory, ...], talks: list[_Talk]) -> Work:
        chance, mix = self._chance, self.mix
        if talks and chance.random() < 0.6:
            talk = talks[chance.randrange(len(talks))]
        else:
            self._sessions += 1
            topic, kind = self._popular(), chance.random()
            if kind >= mix.dialogues:
                is_work = kind < mix.dialogues + mix.procedures
                wanted = self._work(topic) if is_work else self._lookup(topic)
                nature: Nature = "procedure" if is_work else "fact"
                return Work(at, self._sessions, nature, 0, chance.randint(20, 80), load, self._asked(wanted), changed)
            core = [*self._some(topic, "document", 1), *self._some(topic, "fact", 3)]
            talk = _Talk(self._sessions, topic, core)
            talks.append(talk)
        return self._turn(talk, at, load, changed, talks)

    def _turn(self, talk: _Talk, at: float, load: float, changed: tuple[Memory, ...], talks: list[_Talk]) -> Work:
        goes_on = self._chance.random() < self.mix.going_on
        for id in talk.said:
            talk.said[id] = 0.15
        talk.said |= {each.id: 0.8 for each in (*talk.core, *self._some(talk.topic, "fact", 1))}
        talk.said |= {each.id: talk.said.get(each.id, 0.05) for each in self._some(talk.topic, "fact", 2)}
        nature: Nature = "dialogue" if talk.turns else "fact"
        tokens = 50 + 90 * min(talk.turns, 8)
        work = Work(at, talk.session, nature, talk.turns, tokens, load, self._asked(talk.said), changed, goes_on)
        talk.turns += 1
        if not goes_on:
            talks.remove(talk)
        return work

    def _lookup(self, topic: int) -> dict[str, float]:
        one = {each.id: 0.8 for each in self._some(topic, "fact", 1)}
        rest = {each.id: 0.08 for each in (*self._some(topic, "fact", 4), *self._some(topic, "document", 1))}
        return rest | one

    def _work(self, topic: int) -> dict[str, float]:
        steps = {each.id: 0.75 for each in self._some(topic, "skill", 3)}
        rest = {each.id: 0.25 for each in (*self._some(topic, "document", 1), *self._some(topic, "fact", 2))}
        return rest | steps

    def _asked(self, wanted: dict[str, float]) -> tuple[Wanted, ...]:
        return tuple(Wanted(id, need, self._chance.random() < need) for id, need in wanted.items())

    def _popular(self) -> int:
        weights = [1 / (rank + 1) for rank in range(TOPICS)]
        return self._chance.choices(self._order, weights)[0]

    def _some(self, topic: int, kind: Kind, number: int) -> list[Memory]:
        found = [each for each in self.memories.values() if each.topic == topic and each.kind == kind]
        weights = [1 / (rank + 1) for rank in range(len(found))]
        picked = dict[str, Memory]()
        while len(picked) < number:
            each = self._chance.choices(found, weights)[0]
            picked[each.id] = each
        return list(picked.values())


def ref(id: str, version: int) -> Ref:
    """One version of a memory."""
    return Ref(id=id, version=version)
