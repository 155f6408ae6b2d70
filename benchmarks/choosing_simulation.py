"""A machine that answers tasks as it is told to: what is waited for, what takes effect, what is worked beside it."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.choosing_policies import Entrant
from benchmarks.choosing_traces import Memory, Trace, Wanted, Work, ref
from memos_mcp.cube import Kind, Ref
from memos_mcp.operation.choosing_costs import COSTS
from memos_mcp.operation.choosing_learning import FIDELITY, PROCEDURES, Outcome, Use, learned
from memos_mcp.operation.choosing_terms import Adapter, Budgets, Dispatch, Fit, Means, Prefix, Task, Way
from memos_mcp.operation.expecting import forecast
from memos_mcp.operation.proposing import in_the_long_run
from memos_mcp.operation.scheduling import Block
from memos_mcp.operation.uses import Use as Used
from memos_mcp.operation.uses import Uses

PER_TOKEN = 8_197
"""Bytes of a kept token, of the model of benchmarks/results/ttft.json."""
HORIZON = 1024
LATE = 20
"""Tasks that go by until an adapter is trained."""
TRAINING = 100
"""Tasks after which it is asked what to train."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is so, whatever the choice takes it to be.

    `pace`: how long reading takes, of what was measured; `adapters`: how surely facts in weights take effect; `steps`:
    procedures; `hit`: the chance that a kept prefix is there; `room`: share of all tokens that can be kept; `again`:
    seconds lost with an answer that lacked something, beside those to ask again with all of it as text; `told`: the
    choice knows the pace, as from `Room.seconds`; `others`: requests that are under way beside those of the trace.
    """

    pace: float = 1.0
    adapters: float = 0.6
    steps: float = 0.97
    hit: float = 0.95
    room: float = 0.25
    again: float = 8.0
    window: int = 4096
    told: bool = False
    others: float = 0.0

    def effect(self, use: Use) -> float:
        """The chance that what is given in a way takes effect."""
        if use[0] != "adapter":
            return FIDELITY[use]
        return min(0.97, FIDELITY[use] + (self.steps - 0.97 if use[2] else self.adapters - 0.6))


@dataclass(slots=True)
class Figures:
    """Sums over tasks, in seconds and shares."""

    tasks: int = 0
    waited: float = 0.0
    right: float = 0.0
    quality: float = 0.0
    needing: int = 0
    others: float = 0.0
    kept: float = 0.0
    trained: float = 0.0
    read: int = 0
    ways: dict[str, int] = field(default_factory=dict[str, int])
    by: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def row(self) -> dict[str, float]:
        """Per task."""
        n = max(self.tasks, 1)
        rest = {f"{nature}s": sum(waits) / len(waits) for nature, waits in sorted(self.by.items())}
        return {
            "in all": (self.right + self.others) / n,
            "until right": self.right / n,
            "others": self.others / n,
            "waited": self.waited / n,
            "quality": self.quality / max(self.needing, 1),
            "kept beside": self.kept / n,
            "trained beside": self.trained / n,
            "tokens read": self.read / n,
            **rest,
        }


@dataclass
class Machine:
    """Keeps prefixes, the least lately used of which go first, and adapters."""

    trace: Trace
    truth: Truth
    entrant: Entrant
    figures: Figures = field(default_factory=Figures)
    held: OrderedDict[tuple[str, tuple[Ref, ...]], None] = field(
        default_factory=OrderedDict[tuple[str, tuple[Ref, ...]], None]
    )
    adapters: dict[str, Adapter] = field(default_factory=dict[str, Adapter])
    coming: list[tuple[int, str, Adapter]] = field(default_factory=list[tuple[int, str, Adapter]])
    loaded: set[str] = field(default_factory=set[str])
    once: set[Ref] = field(default_factory=set[Ref])

    def __post_init__(self) -> None:
        self.memories = dict(self.trace.memories)
        self.known, self.chance = self.entrant.known, random.Random(self.trace.seed)
        self.costs = COSTS.at_speed(COSTS.token * self.truth.pace)
        if self.truth.told:
            costs = self.known.costs.at_speed(self.known.costs.token * self.truth.pace)
            self.known = replace(self.known, costs=costs)
        self.most = int(self.truth.room * self.trace.tokens)
        self.uses, self.sessions = Uses(), dict[str, set[int]]()
        self.versions = dict.fromkeys(self.memories, 1)
        self.changes, self.born = dict[str, list[float]](), dict.fromkeys(self.memories, 0.0)
        for each in self.memories.values():
            self._known(each)

    def follow(self) -> Figures:
        """Answer all tasks."""
        for number, alone in enumerate(self.trace.tasks):
            work = replace(alone, load=alone.load + self.truth.others)
            for each in work.changed:
                self._changed(each, work.at)
            self._train(number, work.at)
            fits = [self._fit(each.id, each.need, work.at) for each in work.wanted]
            task = Task(work.nature, turns=work.turns, tokens=work.tokens)
            plan = self.entrant.policy.plan(task, fits, self._means(work), Budgets(seconds=3.0), self.known)
            self._answered(work, plan)
            for each in work.wanted:
                if each.needed or each.served:
                    self.uses.used(Used(each.id, work.at))
                    self.sessions.setdefault(each.id, set()).add(work.session)
        return self.figures

    def _means(self, work: Work) -> Means:
        return Means(
            prefixes=tuple(Prefix(parts, under) for under, parts in self.held),
            adapters=tuple(replace(each, loaded=each.name in self.loaded) for each in self.adapters.values()),
            window=self.truth.window,
            per_token=PER_TOKEN,
            free=self.most * PER_TOKEN,
            load=work.load,
        )

    def _fit(self, id: str, need: float, at: float) -> Fit:
        memory, known = self.memories[id], self.uses.blocks[id]
        rate, lasting = forecast(known.past, self.uses.now(at).outlook, HORIZON, known.changes)
        fit = Fit(
            ref(id, self.versions[id]),
            memory.tokens,
            need,
            memory.kind,
            expected=rate * lasting,
            uses=known.past.times if known.past else 0,
            sessions=len(self.sessions.get(id, ())),
            closed=memory.closed,
        )
        moments = self.changes.get(id)
        if not moments or not self.entrant.strict:
            return fit
        return replace(fit, changed=at - moments[-1], pace=(moments[-1] - self.born[id]) / len(moments))

    def _lasting(self, id: str, at: float) -> Fit:
        expected = in_the_long_run(self.uses.blocks[id].past, self.uses.now(at).outlook)
        return replace(self._fit(id, 1.0, at), expected=expected)

    def _known(self, each: Memory) -> None:
        self.uses.known(Block(each.id, 1, each.tokens * PER_TOKEN, each.tokens, 0.0, 0.0))

    def _changed(self, memory: Memory, at: float) -> None:
        id, is_new = memory.id, memory.id not in self.memories
        self.memories[id] = memory
        self._known(memory)
        self.versions[id] = self.versions.get(id, 0) + 1
        if is_new:
            self.born[id] = at
            return
        self.changes.setdefault(id, []).append(at)
        self.uses.changed(self.uses.blocks[id], at)
        for key in [key for key in self.held if any(part.id == id for part in key[1])]:
            del self.held[key]
        for topic in [name for name, each in self.adapters.items() if any(part.id == id for part in each.sources)]:
            del self.adapters[topic]

    def _answered(self, work: Work, plan: Dispatch) -> None:
        figures, need = self.figures, {each.id: each for each in work.wanted}
        hit = bool(plan.kept) and self.chance.random() < self.truth.hit
        waited = self._waited(work, plan, hit=hit)
        uses: dict[str, Use] = {
            each.ref.id: (each.way, work.nature, self.memories[each.ref.id].kind in PROCEDURES) for each in plan.choices
        }
        needed = [each for each in work.wanted if each.needed]
        effects = [self.truth.effect(uses[each.id]) if uses[each.id][0] != "out" else 0.0 for each in needed]
        quality = sum(effects) / len(needed) if needed else 1.0
        figures.tasks += 1
        figures.waited += waited
        figures.right += waited + (1 - quality) * self._again(work, needed)
        figures.quality += quality if needed else 0.0
        figures.needing += bool(needed)
        figures.read += plan.read
        figures.by.setdefault(work.nature, []).append(waited)
        for each in plan.choices:
            figures.ways[each.way] = figures.ways.get(each.way, 0) + 1
        stayed = self._stayed(plan)
        self._keep(plan, work, hit=hit)
        self._learn(plan, work, need, stayed, good=self.chance.random() < quality, hit=hit)

    def _stayed(self, plan: Dispatch) -> float | None:
        """Of what was kept once, the share that is wanted now and can be used as kept."""
        wanted = [each for each in plan.choices if each.way in ("text", "prefix") and each.ref in self.once]
        self.once |= set(plan.prefix)
        return sum(each.tokens for each in wanted if each.held) / sum(e.tokens for e in wanted) if wanted else None

    def _waited(self, work: Work, plan: Dispatch, *, hit: bool) -> float:
        costs = self.costs
        hot = sum(self.memories[part.id].tokens for part in plan.prefix[: plan.kept])
        drag = 1 + costs.drag * bool(plan.adapter)
        anew = 0.0 if hit else costs.reading(hot)
        reading = (costs.reading(work.tokens + plan.read, hot) + anew) * drag
        attach = (costs.switch if plan.adapter in self.loaded else costs.attach) if plan.adapter else 0.0
        self.loaded.add(plan.adapter)
        return attach + (costs.fixed + costs.loading * hot + reading) * (1 + work.load)

    def _again(self, work: Work, needed: Sequence[Wanted]) -> float:
        tokens = work.tokens + sum(self.memories[each.id].tokens for each in needed)
        return self.truth.again + (self.costs.fixed + self.costs.reading(tokens)) * (1 + work.load)

    def _keep(self, plan: Dispatch, work: Work, *, hit: bool) -> None:
        here = [key for key in self.held if key[0] == plan.adapter and key[1][: plan.kept] == plan.prefix[: plan.kept]]
        for key in here if plan.kept else ():
            self.held.move_to_end(key)
        if len(plan.prefix) > plan.kept:
            new = sum(self.memories[part.id].tokens for part in plan.prefix[plan.kept :])
            beside = self.costs.building * self.costs.reading(new)
            self.figures.kept += beside
            self.figures.others += beside * self.costs.beside(work.load)
            self.held[plan.adapter, plan.prefix] = None
            while self._tokens() > self.most:
                self.held.popitem(last=False)

    def _tokens(self) -> int:
        """That are kept: what prefixes have in common is there once."""
        named = {(under, tuple(part.id for part in parts)) for under, parts in self.held}
        nodes = {(under, parts[: n + 1]) for under, parts in named for n in range(len(parts))}
        return sum(self.memories[parts[-1]].tokens for _, parts in nodes)

    def _learn(
        self, plan: Dispatch, work: Work, need: Mapping[str, Wanted], stayed: float | None, *, good: bool, hit: bool
    ) -> None:
        if self.entrant.learns:
            given: tuple[tuple[Way, Kind, float], ...] = tuple(
                (each.way, self.memories[each.ref.id].kind, need[each.ref.id].need) for each in plan.choices
            )
            seen = hit if plan.kept else None
            went_on = None if work.nature == "procedure" else work.goes_on
            self.known = replace(
                self.known, learnt=learned(self.known.learnt, Outcome(plan.task, given, seen, stayed, good, went_on))
            )

    def _train(self, number: int, at: float) -> None:
        for due, topic, adapter in self.coming:
            if due == number and all(self.versions[part.id] == part.version for part in adapter.sources):
                self.adapters[topic] = adapter
                self.held = OrderedDict((key, None) for key in self.held if not key[0].startswith(f"{topic}@"))
        if number % TRAINING:
            return
        topics: dict[str, list[Fit]] = {}
        for each in self.memories.values():
            topics.setdefault(f"topic-{each.topic}", []).append(self._lasting(each.id, at))
        steady = {each.id for each in self.memories.values() if not each.pace and each.id not in self.changes}
        trained = self.entrant.policy.trains(topics, self.adapters, self.known, steady)
        for topic, sources in trained.items():
            self._begin(number, topic, sources)

    def _begin(self, number: int, topic: str, sources: Sequence[Ref]) -> None:
        beside = self.costs.trained(sum(self.memories[part.id].tokens for part in sources))
        self.figures.trained += beside
        self.figures.others += beside * self.costs.beside(0)
        late = 0 if number == 0 else LATE
        adapter = Adapter(f"{topic}@{number}", tuple(sources))
        if late:
            self.coming.append((number + late, topic, adapter))
        else:
            self.adapters[topic] = adapter
