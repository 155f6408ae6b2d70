"""What a watermark survives: `python -m benchmarks.watermark`.

Chat turns and prose are marked, harmed, and attributed among 1,000 recipients at the limit of one false attribution in
a million texts. A figure is the share of texts that were attributed to the right one (and to nobody else).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

from benchmarks.common import keep
from benchmarks.texts import NAMES, PLACES, THINGS, TRAITS, Texts
from memos_mcp.interface.watermark import LIMIT, attributed, marked

WORDS = (25, 50, 100, 200, 500, 1000)
FRAGMENTS = (8, 10, 12, 14, 16, 20)
RECIPIENTS = 1000
_ASKED = 4  # of the recipients, at the limit that all of them would have: the others cost time and change nothing
_SPOKEN = (
    "I don't think {name}'s {thing} is a problem.",
    "“We've been to {place} before,” {name} said.",
    "{name} wouldn't say why – the {thing} was {trait}.",
    "They're sure that {name}'s {thing} isn't lost.",
    '"That\'s what I meant by {trait}," said {name}.',
    "It doesn't matter to {name} now – {place} is far.",
    "You can't have a {thing} – {name} is there.",
    "{name} says we'll see what the {thing} is like.",
)
"""Every fourth sentence: prose has an apostrophe, a quotation or a dash about every 20 words, chat turns fewer."""

Harm = Callable[[str, random.Random], str]


def _crop(share: float) -> Harm:
    def crop(text: str, chance: random.Random) -> str:
        size = round(len(text) * share)
        start = chance.randrange(len(text) - size + 1)
        return text[start : start + size]

    return crop


def _reflow(text: str, _: random.Random) -> str:
    words = text.split()
    return "\n".join(" ".join(words[at : at + 11]) for at in range(0, len(words), 11))


def _form(name: str) -> Harm:
    def form(text: str, _: random.Random) -> str:
        return unicodedata.normalize("NFC" if name == "NFC" else "NFKC", text)

    return form


def _bare(text: str, _: random.Random) -> str:
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def _straight(text: str, _: random.Random) -> str:
    return text.translate(str.maketrans("’‘“”–—", "''\"\"--"))  # noqa: RUF001


def _edited(share: float) -> Harm:
    def edited(text: str, chance: random.Random) -> str:
        return "".join("something " if chance.random() < share else word for word in _with_gaps(text))

    return edited


def _with_gaps(text: str) -> list[str]:
    pieces: list[str] = []
    for letter in text:
        if pieces and not pieces[-1][-1].isspace():
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _then(*harms: Harm) -> Harm:
    def both(text: str, chance: random.Random) -> str:
        for harm in harms:
            text = harm(text, chance)
        return text

    return both


HARMS: dict[str, Harm] = {
    "copied whole": lambda text, _: text,
    "cropped to 75 %": _crop(0.75),
    "cropped to 50 %": _crop(0.5),
    "cropped to 25 %": _crop(0.25),
    "reflowed": _reflow,
    "upper case": lambda text, _: text.upper(),
    "NFC": _form("NFC"),
    "NFKC": _form("NFKC"),
    "zero-width characters removed": _bare,
    "quotes and dashes straightened": _straight,
    "every tenth word replaced": _edited(0.1),
    "every third word replaced": _edited(0.33),
    "zero-width removed, quotes straightened": _then(_bare, _straight),
    "zero-width removed, every tenth word replaced": _then(_bare, _edited(0.1)),
    "zero-width removed, reflowed": _then(_bare, _reflow),
    "zero-width removed, NFKC": _then(_bare, _form("NFKC")),
    "typed again": _then(_bare, _form("NFKC"), _straight),
}


def prose(length: int, seed: int) -> str:
    """A text of so many words, every fourth sentence of it spoken."""
    source, chance = Texts(seed), random.Random(seed)
    said: list[str] = []
    while len(said) < length:
        fill = {"name": NAMES, "thing": THINGS, "place": PLACES, "trait": TRAITS}
        spoken = chance.choice(_SPOKEN).format(**{slot: chance.choice(words) for slot, words in fill.items()})
        said += source.text().split() + spoken.split()
    return " ".join(said[:length])


def right(text: str, key: bytes, recipient: str) -> bool:
    """Is the text attributed to this recipient alone, among all of them?"""
    asked = [recipient, *(f"other {n}" for n in range(_ASKED - 1))]
    found = attributed(text, key, asked, limit=LIMIT * _ASKED / RECIPIENTS)
    return [each.recipient for each in found] == [recipient]


def robustness(rounds: int) -> dict[str, dict[str, float]]:
    """By harm, then by words of the text: the share that was attributed."""
    table: dict[str, dict[str, float]] = {name: {} for name in HARMS}
    for words in WORDS:
        hits = dict.fromkeys(HARMS, 0)
        for seed in range(rounds):
            chance = random.Random(seed)
            key, recipient = chance.randbytes(32), f"reader {seed}"
            text = marked(prose(words, seed), key, recipient)
            for name, harm in HARMS.items():
                hits[name] += right(harm(text, chance), key, recipient)
        for name in HARMS:
            table[name][str(words)] = hits[name] / rounds
    return table


def fragments(rounds: int) -> dict[str, float]:
    """By words of a fragment of a text of 400: the share that was attributed."""
    shares: dict[str, float] = {}
    for words in FRAGMENTS:
        hits = 0
        for seed in range(rounds):
            chance = random.Random(seed)
            key, recipient = chance.randbytes(32), f"reader {seed}"
            pieces = _with_gaps(marked(prose(400, seed), key, recipient))
            start = chance.randrange(len(pieces) - words)
            hits += right("".join(pieces[start : start + words]).rstrip(), key, recipient)
        shares[str(words)] = hits / rounds
    return shares


def false_alarms(tries: int) -> dict[str, JsonValue]:
    """How often foreign texts are attributed, at the limit and at one that chance could reach."""
    loose, alarms, loosely = 0.1, 0, 0
    for seed in range(tries):
        chance = random.Random(seed)
        key, text = chance.randbytes(32), prose(100, seed % 50)
        foreign = (text, marked(text, chance.randbytes(32), "reader"), marked(text, key, "stranger"))[seed % 3]
        names = [f"reader {n}" for n in range(10)]
        alarms += bool(attributed(foreign, key, names))
        loosely += bool(attributed(foreign, key, names, limit=loose))
    return {"tries": tries, f"at {LIMIT:g}": alarms / tries, f"at {loose:g}": loosely / tries}


def cost() -> dict[str, float]:
    """Microseconds for each word, the best of five."""
    text, key = prose(1000, 0), bytes(32)
    seen = marked(text, key, "reader")
    names = [f"reader {n}" for n in range(20)]
    marking: list[float] = []
    finding: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        marked(text, key, "reader")
        between = time.perf_counter()
        attributed(seen, key, names)
        marking.append(between - start)
        finding.append((time.perf_counter() - between) / len(names))
    return {"mark": round(min(marking) * 1000, 2), "attribute, each recipient": round(min(finding) * 1000, 2)}


def as_table(table: dict[str, dict[str, float]]) -> str:
    """Markdown, as it stands in docs/how-to/trace-a-leak.md."""
    lines = ["| what happened to the text | " + " | ".join(f"{n} words" for n in WORDS) + " |"]
    lines.append("|---|" + "---|" * len(WORDS))
    for name, shares in table.items():
        lines.append(f"| {name} | " + " | ".join(f"{shares[str(n)]:.0%}" for n in WORDS) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table, pieces = robustness(options.rounds), fragments(options.rounds)
    sys.stdout.write(as_table(table) + "\n\n")
    sys.stdout.write(", ".join(f"{words} words: {share:.0%}" for words, share in pieces.items()) + "\n\n")
    rows: dict[str, JsonValue] = {name: {**shares} for name, shares in table.items()}
    keep(
        "watermark",
        {
            "rounds": options.rounds,
            "recipients": RECIPIENTS,
            "limit": LIMIT,
            "robustness": rows,
            "fragments": {**pieces},
            "false": false_alarms(options.rounds * 40),
            "microseconds per word": {**cost()},
        },
        options.out,
    )


if __name__ == "__main__":
    main()
