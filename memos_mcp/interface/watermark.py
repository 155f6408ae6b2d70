"""A keyed mark in a text that was handed out, and who it was handed to (long paper §5.5.1). Pure.

What each place of a text says (`carriers`) is one HMAC-SHA-256 of the words around it under the key of the delivery:
nothing is counted off, so that any fragment is evidence, and nothing is said that somebody chose, so that a mark
carries no message. For everybody else's key the places agree by chance alone, and how often chance does that is known:
that is the bound on false attributions (Hoeffding 1963, Theorem 1; channels combined as in Fisher 1925, §21.1).

After Brassil, Low, Maxemchuk and O'Gorman 1995 (marks in the layout of a text, one for each recipient), Por, Wong and
Chee 2012 (UniSpaCh: Unicode spaces), Rizzo, Bertini and Montesi 2019 (keyed marks that survive cropping), and
Kirchenbauer et al. 2023 (bits from a keyed hash of the words before, a test with a bounded rate of false alarms).
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from memos_mcp.errors import InvalidInput
from memos_mcp.interface.carriers import Channel, Place, places, written

LIMIT = 1e-6
"""How often a text that none of the recipients was given may be attributed to any of them."""
LEAST_KEY = 16
"""Bytes of a key at least."""
_BITS: dict[Channel, int] = {"zero-width": 2, "spaces": 1, "typography": 1}
_FOR = b"memos watermark 1\0"  # another version of the places is another mark


@dataclass(frozen=True, slots=True)
class Delivery:
    """One handing over of a text: to whom, when, and a nonce that makes it the only one. Its `id` is what is marked."""

    recipient: str
    at: datetime
    nonce: str

    @property
    def id(self) -> str:
        """The fingerprint of the delivery, as the log keeps it; `delivery` reads it."""
        return f"{self.at.isoformat()} {self.nonce} {self.recipient}"


def delivery(fingerprint: str) -> Delivery:
    """The delivery of an id. Raises InvalidInput."""
    try:
        at, nonce, recipient = fingerprint.split(" ", 2)
        return Delivery(recipient, datetime.fromisoformat(at), nonce)
    except ValueError as exc:
        raise InvalidInput(f"{fingerprint!r} is not the id of a delivery: '<moment> <nonce> <recipient>'") from exc


@dataclass(frozen=True, slots=True)
class Agreement:
    """In how many places of a channel the text says what the mark says there."""

    channel: Channel
    agreed: int
    of: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who a text was given to. `confidence` is 1 less `chance`, the most that chance alone finds so much in anybody."""

    recipient: str
    confidence: float
    chance: float
    evidence: tuple[Agreement, ...]


def marked(text: str, key: bytes, recipient: str) -> str:
    """The text with the mark of a recipient (the name of one, or the id of a Delivery); an older mark is replaced.

    Words, numbers, code, URLs and line breaks stay as they are; apostrophes, quotes and dashes may change their
    form, spaces their kind, and zero-width characters are added. A text without prose comes back as it is. Raises
    InvalidInput for a key that is too short. Cost: 10 µs a word.
    """
    own = _key_of(key, recipient)
    changes = [change for place in places(text) for change in written(place, text, _bits(own, place))]
    pieces: list[str] = []
    at = 0
    for start, end, form in sorted(changes):
        pieces += [text[at:start], form]
        at = end
    return "".join([*pieces, text[at:]])


def attributed(text: str, key: bytes, recipients: Iterable[str], *, limit: float = LIMIT) -> list[Attribution]:
    """Who of these the text, or the fragment of a text, was given to, the surest first; empty if that is not certain.

    A text without a mark, with that of another key, or of nobody among these is attributed to somebody once in
    1/`limit` texts at most, however many recipients are asked for. Cost: 2 µs for each recipient and word.
    """
    told = list(_told(text))
    names = list(dict.fromkeys(recipients))
    found = [_compared(told, _key_of(key, name), name, len(names)) for name in names]
    return sorted((each for each in found if each.chance <= limit), key=lambda each: each.chance)


def _key_of(key: bytes, recipient: str) -> bytes:
    if len(key) < LEAST_KEY:
        raise InvalidInput(f"the key of a watermark has {len(key)} bytes: use {LEAST_KEY} random ones or more")
    if not recipient:
        raise InvalidInput("a watermark names a recipient: say whom the text is for")
    return hmac.digest(key, _FOR + recipient.encode("utf-8", "surrogatepass"), "sha256")


def _bits(own: bytes, place: Place) -> int:
    """What the mark says at a place."""
    return hmac.digest(own, place.known_by.encode(), "sha256")[0] % (1 << _BITS[place.channel])


def _told(text: str) -> Iterator[Place]:
    """The places that say something, each once: one that comes again is no further evidence."""
    known: set[str] = set()
    for place in places(text, guarded=False):
        if place.value is not None and place.known_by not in known:
            known.add(place.known_by)
            yield place


def _compared(told: list[Place], own: bytes, name: str, among: int) -> Attribution:
    agreed = dict.fromkeys(_BITS, 0)
    of = dict.fromkeys(_BITS, 0)
    for place in told:
        of[place.channel] += 1
        agreed[place.channel] += place.value == _bits(own, place)
    evidence = tuple(Agreement(channel, agreed[channel], of[channel]) for channel in _BITS if of[channel])
    chance = min(1.0, _chance(evidence) * among)
    return Attribution(name, 1 - chance, chance, evidence)


def _chance(evidence: tuple[Agreement, ...]) -> float:
    """How likely a foreign mark agrees so well: in a channel, or in all together, times the number of those tests.

    A channel that was wiped agrees by chance; that must not hide what another one says.
    """
    logs = [_tail(each.agreed, each.of, 0.5 ** _BITS[each.channel]) for each in evidence]
    if not logs:
        return 1.0
    both = sum(logs)
    fisher = both + math.log(sum((-both) ** i / math.factorial(i) for i in range(len(logs))))
    return min(1.0, math.exp(min(*logs, fisher)) * (len(logs) + 1)) if len(logs) > 1 else math.exp(both)


def _tail(agreed: int, of: int, by_chance: float) -> float:
    """Logarithm of a bound on the chance of so many agreements or more: Chernoff's, never too small."""
    share = agreed / of
    if share <= by_chance:
        return 0.0
    rest = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - by_chance))
    return -of * (share * math.log(share / by_chance) + rest)
