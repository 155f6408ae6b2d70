"""MemScheduler's choice: as what each memory reaches the model, text, kept prefix or adapter (long paper §5.4.2). Pure.

What a memory is worth to the task, less what is waited for it, decides, within the budgets; `choosing_rules` says what
no cost outweighs. A prefix that was read under other weights is another prefix, so that an adapter is weighed against
the prefixes that it makes useless; one is used at a time, as adapters put together lose most of what each has learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from memos_mcp.cube import Ref
from memos_mcp.operation.choosing_costs import COSTS, Costs
from memos_mcp.operation.choosing_learning import PROCEDURES, Learnt
from memos_mcp.operation.choosing_rules import UNASKED, WORDED, not_kept, not_trained
from memos_mcp.operation.choosing_terms import (
    RULES,
    Adapter,
    Budgets,
    Choice,
    Dispatch,
    Fit,
    Means,
    Place,
    Prefix,
    Rules,
    Task,
    Way,
)
from memos_mcp.operation.scheduling import size

_NOWHERE = Place("nowhere")


@dataclass(frozen=True, slots=True)
class Known:
    """What a choice goes by beside the task: rules, costs, and what was learnt."""

    rules: Rules = RULES
    costs: Costs = COSTS
    learnt: Learnt = field(default_factory=Learnt)


KNOWN = Known()


def choose(
    task: Task, fits: Sequence[Fit], means: Means, budgets: Budgets | None = None, known: Known = KNOWN
) -> Dispatch:
    """How each of the memories reaches the model; their ids are distinct.

    Neither the window nor a budget is exceeded: if the question alone takes more, nothing is given. What is barred is
    left out, and no prefix and no adapter is used that has a part of it. A kept prefix is used as far as its parts are
    among the fits: pass the memories of earlier turns too, with the chance that they are needed still. The same facts
    in any order give the same choices. Cost: 10 µs for each memory, times the kept prefixes and adapters that fit.
    """
    case = _Case(task, tuple(fits), means, budgets or Budgets(), known)
    courses = [_Course(case, adapter, run) for adapter in case.adapters() for run in case.runs(adapter)]
    for course in courses:
        course.settle()
    return max(courses, key=lambda each: each.rank).dispatch()


def expected_again(fit: Fit, task: Task, known: Known = KNOWN) -> float:
    """How often a memory that is given will be wanted once more while it stays as it is.

    In the turns to follow; and by other tasks, as far as it was wanted in several sessions: after s of them the chance
    of one more is s / (s + 1) (Laplace's rule of succession, with none as the first).
    """
    turns = known.learnt.more(task) * known.rules.again * fit.need
    return turns + fit.expected * fit.sessions / (fit.sessions + 1)


@dataclass(frozen=True)
class _Case:
    """What is asked, and what of it holds for every course."""

    task: Task
    fits: tuple[Fit, ...]
    means: Means
    budgets: Budgets
    known: Known

    @cached_property
    def usable(self) -> dict[str, Fit]:
        return {fit.ref.id: fit for fit in self.fits if not self.unasked(fit)}

    @cached_property
    def spoiling(self) -> dict[str, Ref | None]:
        """Fits that an adapter may have a part of in this version alone, or in none."""
        rules = self.known.rules
        return {fit.ref.id: None if fit.barred or not_trained(fit, rules) else fit.ref for fit in self.fits}

    @cached_property
    def open(self) -> tuple[Adapter, ...]:
        """The adapters that may be used: none of what they were trained from has changed or may not go into weights."""
        if "adapter" not in self.known.rules.forms or self.task.intent in WORDED:
            return ()
        ordered = sorted(self.means.adapters, key=lambda each: each.name)
        return tuple(each for each in ordered if not each.barred and self._has_room(each) and self._is_sound(each))

    def unasked(self, fit: Fit) -> str:
        """Why it is not dispatched at all."""
        intent = self.task.intent
        if fit.barred:
            return fit.barred
        if intent in UNASKED:
            return f"to {intent} asks nothing of a model"
        if intent == "none" and fit.kind not in PROCEDURES:
            return "nothing of memory is asked for, and it says not how to act"
        return ""

    def adapters(self) -> Iterator[Adapter | None]:
        yield None
        yield from self.open

    def runs(self, adapter: Adapter | None) -> list[tuple[Ref, ...]]:
        """The beginnings of kept prefixes that can be used, and none."""
        under = adapter.name if adapter else ""
        if "prefix" not in self.known.rules.forms:
            return [()]
        found = {self._run(each) for each in self.means.prefixes if each.under == under}
        return sorted({(), *found}, key=lambda run: [ref.id for ref in run])

    def _has_room(self, adapter: Adapter) -> bool:
        return adapter.loaded or adapter.bytes <= self.means.free

    def _is_sound(self, adapter: Adapter) -> bool:
        return all(self.spoiling[ref.id] == ref for ref in adapter.sources if ref.id in self.spoiling)

    def _run(self, prefix: Prefix) -> tuple[Ref, ...]:
        run, taken = list[Ref](), self.task.tokens + self.means.reserve
        for ref in prefix.parts:
            fit = self.usable.get(ref.id)
            if fit is None or fit.ref != ref or not_kept(fit, self.known.rules):
                break
            taken += fit.tokens
            if taken > self.means.window:
                break
            run.append(ref)
        return tuple(run)


@dataclass
class _Course:
    """One way to go: with this adapter or none, after this beginning of a kept prefix."""

    case: _Case
    adapter: Adapter | None
    run: tuple[Ref, ...]
    ways: dict[str, Way] = field(default_factory=dict[str, Way])
    why: dict[str, str] = field(default_factory=dict[str, str])
    new: list[Fit] = field(default_factory=list[Fit])

    @cached_property
    def held(self) -> frozenset[str]:
        """The memories at the beginning."""
        return frozenset(ref.id for ref in self.run)

    @cached_property
    def kept(self) -> int:
        return sum(self.case.usable[ref.id].tokens for ref in self.run)

    @cached_property
    def trained(self) -> frozenset[Ref]:
        here = self.case.usable
        return frozenset(ref for ref in self.adapter.sources if ref.id in here) if self.adapter else frozenset()

    @cached_property
    def pace(self) -> float:
        """Seconds that a token of memory takes, halfway between the question alone and all that could be read."""
        case, costs = self.case, self.case.known.costs
        most = min(case.means.window, case.task.tokens + sum(fit.tokens for fit in case.usable.values()))
        return (costs.token + costs.pair * most / 2) * (1 + costs.drag * bool(self.adapter)) * (1 + case.means.load)

    @cached_property
    def begun(self) -> float:
        """Seconds for the beginning and what an adapter takes."""
        return self.seconds(0) - _Course(self.case, None, ()).seconds(0)

    @property
    def rank(self) -> tuple[bool, float, int]:
        """The better the higher; what takes more than may be taken comes last."""
        usable, learnt = self.case.usable, self.case.known.learnt
        effects = sum(
            self.case.known.rules.worth * usable[id].need * learnt.fidelity(way, self.case.task.nature, usable[id].kind)
            for id, way in self.ways.items()
            if id in usable
        )
        read = self.read
        plain = not self.run and not self.adapter
        return self.fits(read) or plain, effects - self.pace * read - self.begun, -read

    @property
    def read(self) -> int:
        """Tokens of memories that are read anew."""
        usable = self.case.usable
        anew = (id for id, way in self.ways.items() if way in ("text", "prefix") and id not in self.held)
        return sum(usable[id].tokens for id in anew)

    def seconds(self, read: int) -> float:
        """Until the answer begins, if so many tokens of memories are read anew."""
        costs, learnt, load = self.case.known.costs, self.case.known.learnt, self.case.means.load
        drag = 1 + costs.drag * bool(self.adapter)
        again = (1 - learnt.hit()) * costs.reading(self.kept)
        reading = (costs.reading(self.case.task.tokens + read, self.kept) + again) * drag
        attach = (costs.switch if self.adapter.loaded else costs.attach) if self.adapter else 0.0
        return attach + (costs.fixed + costs.loading * self.kept + reading) * (1 + load)

    def fits(self, read: int) -> bool:
        """Is it within the window and the budgets?"""
        return not self.over(read)

    def over(self, read: int) -> str:
        """Which limit it exceeds."""
        case = self.case
        if case.task.tokens + case.means.reserve + self.kept + read > case.means.window:
            return f"the window of {case.means.window:,} tokens is full"
        if read > case.budgets.tokens:
            return f"{case.budgets.tokens:,} tokens of memories are the budget"
        if self.seconds(read) > case.budgets.seconds:
            return f"the answer is to begin within {case.budgets.seconds:.3g} s"
        return ""

    def settle(self) -> None:
        """Choose for each memory: what is best alone, then within the budgets, then what is kept of what is read."""
        losses = dict[str, float]()
        for id, fit in self.case.usable.items():
            if id in self.held:
                self.ways[id] = "prefix"
                continue
            options = self.options(fit)
            self.ways[id] = max(options, key=lambda way: (options[way], way == "adapter", way == "out"))
            if self.ways[id] == "text":
                losses[id] = (options["text"] - max(options["out"], options.get("adapter", 0.0))) / max(fit.tokens, 1)
        self.cut(losses)
        self.keep()

    def options(self, fit: Fit) -> dict[Way, float]:
        """What each way is worth, in seconds; text stands for all that is read."""
        known, nature = self.case.known, self.case.task.nature
        need = known.rules.worth * fit.need
        found: dict[Way, float] = {"out": 0.0}
        if "text" in known.rules.forms or ("prefix" in known.rules.forms and not self.unkept(fit)):
            found["text"] = need * known.learnt.fidelity("text", nature, fit.kind) - self.pace * fit.tokens
        if fit.ref in self.trained:
            found["adapter"] = need * known.learnt.fidelity("adapter", nature, fit.kind)
        return found

    def cut(self, losses: dict[str, float]) -> None:
        """Give up what is worth least for its tokens until the rest fits, and take back what fits after all."""
        usable, read = self.case.usable, self.read
        gone = list[str]()
        for id in sorted(losses, key=lambda id: (losses[id], id)):
            over = self.over(read)
            if not over:
                break
            read -= usable[id].tokens
            gone.append(id)
            self.ways[id] = "adapter" if self._has(usable[id]) else "out"
            self.why[id] = f"there is no room for it: {over}"
        for id in reversed(gone):
            if self.fits(read + usable[id].tokens):
                read += usable[id].tokens
                self.ways[id] = "text"
                del self.why[id]

    def keep(self) -> None:
        """Of what is read, keep what pays; where text is not to be had, leave out what is not kept."""
        case = self.case
        read = [case.usable[id] for id, way in self.ways.items() if way == "text"]
        bytes = min(case.budgets.bytes, self._free())
        for fit in sorted(read, key=lambda fit: (-self.again(fit), fit.ref.id)):
            why = self.unkept(fit)
            takes = fit.tokens * case.means.per_token
            if not why and takes > bytes:
                why = f"keeping it would pay, but of {size(takes)} only {size(max(bytes, 0))} are free"
            if not why:
                bytes -= takes
                self.new.append(fit)
                self.ways[fit.ref.id] = "prefix"
            elif "text" not in case.known.rules.forms:
                self.ways[fit.ref.id] = "out"
            self.why[fit.ref.id] = why

    def unkept(self, fit: Fit) -> str:
        """Why it is not to be kept, were there room."""
        known = self.case.known
        if "prefix" not in known.rules.forms:
            return "it is read when it is needed"
        why = not_kept(fit, known.rules)
        if why:
            return why
        costs, load = known.costs, self.case.means.load
        saved = known.learnt.hit() * known.learnt.stay() * (1 - costs.loading / costs.token) * (1 + load)
        pays = max(known.rules.least, costs.building * costs.beside(load) / max(saved, 1e-9))
        again = self.again(fit)
        if again < pays:
            return f"{_times(again)} expected, and keeping it pays from {pays:.2g} on"
        return "" if self.case.budgets.builds > 0 else "keeping it would pay, but no more may be kept now"

    def again(self, fit: Fit) -> float:
        return expected_again(fit, self.case.task, self.case.known)

    def dispatch(self) -> Dispatch:
        """As it is said to the caller."""
        case, usable = self.case, self.case.usable
        texts = sorted((usable[id] for id, way in self.ways.items() if way == "text"), key=_likeliest_last)
        prefix = (*self.run, *(fit.ref for fit in self.new))
        at = {ref.id: Place("start", n) for n, ref in enumerate(prefix, 1)}
        at |= {fit.ref.id: Place("question", n) for n, fit in enumerate(texts, 1)}
        choices = [self._choice(fit, at.get(fit.ref.id)) for fit in case.fits]
        return Dispatch(
            case.task,
            tuple(choices),
            adapter=self.adapter.name if self.adapter else "",
            prefix=prefix,
            kept=len(self.run),
            texts=tuple(fit.ref for fit in texts),
            seconds=self.seconds(self.read),
            read=self.read,
            window=self.kept + self.read,
        )

    def _choice(self, fit: Fit, place: Place | None) -> Choice:
        why = self.case.unasked(fit)
        way = "out" if why else self.ways[fit.ref.id]
        held = fit.ref.id in self.held
        match way:
            case "adapter" if self.adapter:
                place, why = Place("weights", name=self.adapter.name), self._why_trained(fit)
            case "prefix":
                why = self._why_kept(fit, held=held)
            case "text":
                why = self._why_read(fit)
            case _:
                why = why or self.why.get(fit.ref.id) or self._why_out(fit)
        tokens = fit.tokens if way in ("text", "prefix") else 0
        return Choice(fit.ref, way, place or _NOWHERE, tokens, why, held)

    def _why_trained(self, fit: Fit) -> str:
        sure = self.case.known.learnt.fidelity("adapter", self.case.task.nature, fit.kind)
        cut = self.why.get(fit.ref.id)
        clause = f"nothing is read for it, and it takes effect in {sure:.0%} of answers"
        return f"{clause}; as text {cut}" if cut else clause

    def _why_kept(self, fit: Fit, *, held: bool) -> str:
        costs, load = self.case.known.costs, 1 + self.case.means.load
        if held:
            loaded = costs.loading * fit.tokens * load
            return f"it is kept as read: {loaded:.2g} s to load it instead of {self.pace * fit.tokens:.2g} s to read it"
        return f"{_times(self.again(fit))} expected, and each saves {self.pace * fit.tokens:.2g} s of reading"

    def _why_read(self, fit: Fit) -> str:
        why = self.why.get(fit.ref.id) or "it is read when it is needed"
        trained = next((each.name for each in self.case.open if fit.ref in each.sources), "")
        if not trained:
            return why
        learnt, nature = self.case.known.learnt, self.case.task.nature
        read, learned = (learnt.fidelity(way, nature, fit.kind) for way in ("text", "adapter"))
        if learned < read:
            return f"{why}; {trained} has it, but takes effect in {learned:.0%} of answers against {read:.0%}"
        return f"{why}; to attach {trained}, which has it, would take longer or make useless what is kept"

    def _why_out(self, fit: Fit) -> str:
        if "text" not in self.case.known.rules.forms:
            return "no other form of it is to be had"
        return f"at {fit.need:.0%} it is needed too seldom for {self.pace * fit.tokens:.2g} s of reading"

    def _has(self, fit: Fit) -> bool:
        return fit.ref in self.trained

    def _free(self) -> int:
        taken = self.adapter.bytes if self.adapter and not self.adapter.loaded else 0
        return self.case.means.free - taken


def _likeliest_last(fit: Fit) -> tuple[float, str]:
    """What stands next to the question is heeded most (Liu et al. 2023, Lost in the Middle)."""
    return fit.need, fit.ref.id


def _times(count: float) -> str:
    return f"{count:.2g} further uses are"
