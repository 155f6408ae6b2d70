"""Natural text for benchmarks: chat turns of 25 words or more, and natural questions about them. Repeatable."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NAMES = "Ada Ben Carla Dmitri Elena Farid Grace Hugo Ines Jonas Keiko Liam Marta Nadia Omar Priya".split()
PLACES = "Porto Leeds Kyoto Bergen Oaxaca Tartu Galway Perth Lyon Turin Quito Busan Tromso Malmo Cork Split".split()
THINGS = (
    "violin bicycle greenhouse telescope kettle sofa laptop garden kitchen novel recipe marathon guitar painting "
    "camera boat tent piano lamp jacket carpet sewing machine window roof bakery library museum concert "
    "exhibition workshop course meeting project report budget contract interview schedule flight train ferry "
    "hotel cabin beach forest river mountain festival market restaurant breakfast dinner soup bread cheese coffee "
    "tea cake salad curry noodles"
).split()
TRAITS = (
    "old new small large cheap expensive wonderful terrible quiet noisy bright dark heavy light broken beautiful "
    "strange simple comfortable crowded delicious boring surprising useful favourite wooden blue green yellow red "
    "local early late"
).split()
DEEDS = (
    "repaired bought sold lost found painted cleaned visited booked cancelled planned finished started borrowed "
    "returned photographed cooked baked planted watered moved ordered forgot recommended compared measured "
    "carried packed"
).split()
FEELINGS = "happy tired worried excited proud annoyed relieved curious nervous grateful confused hopeful".split()
RELATIONS = "sister brother neighbour colleague doctor teacher cousin friend landlord manager grandmother uncle".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

_OPENINGS = (
    "You know, last {day} I {deed} the {trait} {thing} that my {relation} {name} had left in {place},",
    "I was in {place} with {name} because we {deed} a {thing} there,",
    "My {relation} told me on {day} that the {thing} near {place} has become really {trait},",
    "Honestly I have been {feeling} about the {thing} since {name} {deed} it in {place},",
    "We talked about the {trait} {thing} for an hour, and then {name} {deed} the {thing2} as well,",
)
_MIDDLES = (
    "and it turned out to be much more {trait2} than I had thought when we first spoke about it,",
    "although the {thing2} was so {trait2} that nobody wanted to stay there for more than {n} minutes,",
    "so I asked whether they could send the {thing2} before {day2} because otherwise I would have to pay {n} euros,",
    "which made me {feeling2}, since I had only {n} days left and the {thing2} was not ready yet,",
)
_ENDINGS = (
    "but in the end everybody was {feeling2} and we want to do it again next year.",
    "and now I keep thinking that I should have {deed2} it long before.",
    "so if you hear of a {trait2} {thing3} in {place2}, please let me know.",
    "and {name2} still does not believe that it took us {n} tries.",
)
_QUESTIONS = (
    "What did {name} do with the {trait} {thing} in {place}?",
    "Why was my {relation} {feeling} about the {thing}?",
    "When did {name} say that the {thing} was {trait}?",
    "How many days were left until the {thing} in {place} was ready?",
    "Who {deed} the {thing} that we talked about with {name}?",
    "Do you remember how {trait} the {thing} near {place} was and what {name} wanted to do about it?",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One chat message."""

    speaker: str
    said_at: datetime
    session: str
    text: str


class Texts:
    """Turns and questions for one seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def turns(self, n: int, *, per_session: int = 20) -> list[Turn]:
        """`n` turns of conversations between two people, a day apart."""
        start = datetime(2023, 1, 2, 9, tzinfo=UTC)
        pair = self._random.sample(NAMES, 2)
        return [
            Turn(
                pair[i % 2],
                start + timedelta(days=i // per_session, minutes=i % per_session),
                f"session-{i // per_session}",
                self.text(),
            )
            for i in range(n)
        ]

    def text(self) -> str:
        """A message of about 40 words."""
        parts = (_OPENINGS, _MIDDLES, _ENDINGS)
        return " ".join(self._random.choice(part).format(**self._words()) for part in parts)

    def question(self) -> str:
        """A natural question in the words of such messages."""
        return self._random.choice(_QUESTIONS).format(**self._words())

    def _words(self) -> dict[str, object]:
        pick = self._random.choice
        return {
            **{f"{kind}{i}": pick(words) for i in ("", "2", "3") for kind, words in _SLOTS.items()},
            "n": self._random.randint(2, 400),
        }


_SLOTS = {
    "name": NAMES,
    "place": PLACES,
    "thing": THINGS,
    "trait": TRAITS,
    "deed": DEEDS,
    "feeling": FEELINGS,
    "relation": RELATIONS,
    "day": DAYS,
}
