"""What an answer waits for, by what stands in its prompt, and what is worked beside it: the cost model of the choice.

Pure. The constants of reading are the least squares, by shares, over benchmarks/results/ttft.json (a model of 50
million parameters on two cores; `python -m benchmarks.choosing --fit` fits them again); another model says how fast
it reads by `at_speed`. Where a constant was not measured it says that it is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Costs:
    """In seconds, on a model that has nothing else to do.

    `fixed` for each request, `token` for each token read, `pair` for each that it looks back at; `loading` for each
    token of a prefix that is kept. `building`: readings that it takes to keep what was read (1: it is read once more
    beside the answer, 0: the answer leaves it behind). `attach`: to load an adapter, `switch`: to turn to one that is
    loaded (PEFT 0.21, a model of two million parameters on two cores). Assumed: `drag`, the share by which an adapter
    slows reading; `training` an adapter, and `lesson` for each token of its sources, 1,200 readings of it (200 steps
    over pairs as long as it is, forward and back, and as much rehearsal); `idle`, what a second of work counts for
    which nobody waits.
    """

    fixed: float = 0.0266
    token: float = 1.36e-4
    pair: float = 8.35e-8
    loading: float = 7.5e-6
    building: float = 1.0
    attach: float = 0.08
    switch: float = 0.02
    drag: float = 0.1
    training: float = 5.0
    lesson: float = 0.163
    idle: float = 0.02

    def reading(self, tokens: int, before: float = 0) -> float:
        """To read so many tokens after so many that were read before."""
        return tokens * (self.token + self.pair * (before + tokens / 2))

    def beside(self, load: float) -> float:
        """Seconds that others wait for a second of work beside the answers, with so many requests under way."""
        return self.idle + load

    def trained(self, tokens: int) -> float:
        """To train an adapter from sources of so many tokens."""
        return self.training + self.lesson * tokens

    def trained_in(self, seconds: float, tokens: int, trainings: int = 1) -> Costs:
        """As if so many trainings took so many seconds, from sources of so many tokens; nothing measured says nothing.

        How a part that is fixed and one for each token relate stays as it is: few trainings differ enough to tell.
        """
        expected = trainings * self.training + self.lesson * tokens
        if min(seconds, expected) <= 0:
            return self
        pace = seconds / expected
        return replace(self, training=self.training * pace, lesson=self.lesson * pace)

    def at_speed(self, seconds: float) -> Costs:
        """As of a model that was measured to take so long for each token."""
        pace = seconds / self.token
        return replace(
            self,
            fixed=self.fixed * pace,
            token=seconds,
            pair=self.pair * pace,
            training=self.training * pace,
            lesson=self.lesson * pace,
        )


COSTS = Costs()
