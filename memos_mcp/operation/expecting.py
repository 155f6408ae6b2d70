"""How often a memory will be used: a rate, learnt from when it was used. Pure.

Time is counted in uses of any memory, as in `policy`: a quiet night forgets nothing. Uses of one memory are taken as a
Poisson process whose rate drifts, what is known of the rate as a Gamma distribution that forgets exponentially (Harvey
and Fernandes 1989, Time Series Models for Count or Qualitative Observations): its mean is a count of uses, each halved
with every half-life since, over an exposure that fades alike. How fast rates drift nobody knows: several half-lives are
tried at once, and each is trusted by how well it foretold which memory came next, with a share of the trust that is
spread anew each time, so that another can win it (Herbster and Warmuth 1998, Tracking the Best Expert).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from memos_mcp.operation import policy


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The half-lives that are tried, in uses; uses taken as seen beforehand, of all memories alike; the share spread.

    One use seen beforehand is the prior of Perks (1947): with many memories of which few are used, more would drown
    what is seen. docs/why/scheduling.md has the plateau of each.
    """

    halves: tuple[int, ...] = (16, 64, 256, 1024, 4096)
    prior: float = 1.0
    share: float = 1 / 1024


FORECASTS = Forecasts()
_LN2 = math.log(2)


@dataclass(frozen=True, slots=True)
class Past:
    """The uses of one memory: how many, and as of the last, its number and the faded counts.

    `lately` fades as results of recall do (`policy.HALF`), `counts` by each of the half-lives that are tried.
    """

    times: int
    last: int
    lately: float
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of all uses: how many, of how many memories; by forecast, their faded count and its trust."""

    uses: int
    memories: int
    counts: tuple[float, ...]
    trust: tuple[float, ...]
    forecasts: Forecasts = FORECASTS


def outlook(forecasts: Forecasts = FORECASTS) -> Outlook:
    """Before the first use: each forecast is trusted alike."""
    number = len(forecasts.halves)
    return Outlook(0, 0, (0.0,) * number, (1 / number,) * number, forecasts)


def used(past: Past | None, now: int, forecasts: Forecasts = FORECASTS) -> Past:
    """Used once more, as use number `now`."""
    fades = _fades(forecasts)
    if past is None:
        return Past(1, now, 1.0, (1.0,) * len(fades))
    gone = now - past.last
    counts = tuple(1 + count * fade**gone for count, fade in zip(past.counts, fades, strict=True))
    return Past(past.times + 1, now, 1 + lately(past, now), counts)


def lately(past: Past, now: int) -> float:
    """Its uses up to use number `now`, each counting half after `policy.HALF` of any memory."""
    return past.lately * 0.5 ** ((now - past.last) / policy.HALF)


def learnt(before: Outlook, past: Past | None, memories: int) -> Outlook:
    """After one more use, of a memory that had this past; there are so many memories."""
    known = before.forecasts
    now = Outlook(before.uses, memories, before.counts, before.trust, known)
    scores = [trust * each for trust, each in zip(before.trust, _rates(past, now), strict=True)]
    total, share = sum(scores), known.share
    trust = tuple((1 - share) * score / total + share / len(scores) for score in scores)
    counts = tuple(1 + count * fade for count, fade in zip(before.counts, _fades(known), strict=True))
    return Outlook(before.uses + 1, memories, counts, trust, known)


def forecast(
    past: Past | None, now: Outlook, horizon: float, changes: Past | None = None, sessions: int | None = None
) -> tuple[float, float]:
    """The chance that the next use is of this memory, and for how many uses of all memories it will stay so.

    Until the rate has drifted off, the memory changes, or the horizon is reached, whatever comes first; each is taken
    to come after an exponential time. Was it used in so many `sessions`, it ends with this one unless there is another:
    after s of them the chance of one more is s / (s + 1) (Laplace's rule of succession, with none as the first).
    """
    another = 1.0 if sessions is None else sessions / (sessions + 1)
    ending = 1 / horizon + (_rates(changes, now)[-1] if changes else 0.0)
    total = lasting = 0.0
    for trust, rate, half in zip(now.trust, _rates(past, now), now.forecasts.halves, strict=True):
        total += trust * rate
        over = ending + _LN2 / half
        lasting += trust * rate * (another / over + (1 - another) / (over + _LN2 / policy.HALF))
    return total, lasting / total


def _rates(past: Past | None, now: Outlook) -> list[float]:
    """By each forecast, the mean of the rate."""
    prior = now.forecasts.prior
    seen = prior / max(1, now.memories)
    if past is None:
        return [seen / (exposure + prior) for exposure in now.counts]
    gone = now.uses - past.last
    parts = zip(past.counts, _fades(now.forecasts), now.counts, strict=True)
    return [(count * fade**gone + seen) / (exposure + prior) for count, fade, exposure in parts]


def _fades(forecasts: Forecasts) -> tuple[float, ...]:
    return _per_use(forecasts.halves)


@cache
def _per_use(halves: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(0.5 ** (1 / half) for half in halves)
