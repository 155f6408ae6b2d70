"""What can be weighed of a sentence: its words, their order by class, how it begins and ends, what came before. Pure.

Words of the closed classes stand for themselves; names, persons, numbers and days for their class, any other word for
its ending. So "which films did I see" and "which boats did he sell" begin alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from memos_mcp.interface.command_forms import POLITE
from memos_mcp.interface.commands import is_request, plain
from memos_mcp.interface.duplicates import in_full
from memos_mcp.interface.mentions import ROLES
from memos_mcp.interface.orders import VERBS
from memos_mcp.interface.word_classes import CLASSES, CLOSED, DAYS
from memos_mcp.late import late
from memos_mcp.search import Turn

_LONGEST = 300
_INNER_NAME = late(r"(?<=[\w,;:] )(?!I\b)[A-Z][\w-]*(?: [A-Z][\w-]*)*")
_TOKEN = late(r"<name>|[a-z]+(?:-[a-z]+)*|\d[\w.:/]*|[?!:,;.]")
_LED = late(f"^{POLITE}")
_BREAKS = frozenset(",.;:!? and but so".split())
_ENDINGS = ("ing", "ed", "ly", "est", "er", "s")


def features(sentence: str, text: str, turns: Sequence[Turn] = ()) -> frozenset[str]:
    """Of a sentence said after turns, and the text as which it stands alone. Cost: 60 µs."""
    lower = plain(_INNER_NAME.sub("<name>", text[:_LONGEST]))
    led = _LED.match(lower)
    core = lower[led.end() :] if led and led.end() < len(lower) else lower
    words = _TOKEN.findall(in_full(core))
    kinds = [_kind(word) for word in words]
    short = _TOKEN.findall(in_full(plain(sentence[:_LONGEST])))
    return frozenset(
        (*_of_words(words, kinds), *_of_form(words, kinds), *_of_turns(short, kinds, turns), f"led:{core != lower}")
    )


def _of_words(words: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    yield from (f"w:{word}" for word in words)
    begin = ["^", *kinds]
    yield from (f"s:{' '.join(kinds[:size])}" for size in (1, 2, 3, 4) if len(kinds) >= size)
    if words:
        yield f"s:{words[0]}"
        yield f"s:{' '.join(words[:2])}"
        yield f"e:{kinds[-1]}"
        yield f"e:{' '.join(kinds[-2:])}"
    yield from (f"b:{a} {b}" for a, b in pairwise(begin))
    yield from (f"t:{a} {b} {c}" for a, b, c in zip(begin, kinds, kinds[1:], strict=False))
    yield f"n:{min(len(words), 12) // 2}"
    first = kinds[0] if kinds else ""
    yield from (f"f:{first} {kind}" for kind in set(kinds) if kind[0] in "<?#")
    breaks = [at for at, word in enumerate(words[:-1]) if word in _BREAKS]
    yield from (f"p:{' '.join(kinds[at + 1 : at + 1 + size])}" for at in breaks for size in (1, 2))


def _of_form(words: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    """What is asked, of whom and when: a clause that asks, an order, a phrase without a verb; my own matter or any."""
    starts = [0, *(at + 1 for at, word in enumerate(words[:-1]) if word in _BREAKS)]
    asks = bool(words) and any(_is_asked(words, kinds, at) for at in starts)
    verb = any(word in _VERBAL or kind in _TOLD for word, kind in zip(words, kinds, strict=True))
    orders = bool(words) and words[0] in VERBS and (len(words) < 2 or words[1] not in _BE)
    form = "asked" if asks else "ordered" if orders else "told" if verb else "phrase"
    ours = next((name for name, some in _OURS if not some.isdisjoint(kinds)), "any")
    past = "past" if not _PAST.isdisjoint(kinds) else "now"
    yield from (f"q:{form}", f"q:{form} {ours}", f"q:{form} {past}", f"q:{form} {ours} {past}", f"q:{ours}")
    if kinds:
        yield f"q:{kinds[0]} {ours}"
        yield f"q:{' '.join(kinds[:2])} {ours}"
    yield from (f"q:{form} {kind}" for kind in set(kinds) if kind[0] == "<")


def _is_asked(words: Sequence[str], kinds: Sequence[str], at: int) -> bool:
    if words[at] in _WH:
        return True
    return (
        words[at] in _AUX
        and at + 1 < len(words)
        and (words[at + 1] in _SUBJECTS or kinds[at + 1] in ("<who>", "<name>"))
    )


_WH = frozenset("who whom whose what which when where why how".split())
_AUX = frozenset("am is are was were do does did have has had will would can could should may might must".split())
_BE = frozenset("is are was were am has have had will and".split())
_SUBJECTS = frozenset(
    "i you he she it we they the my our your his her its their this that there a an any anyone anybody someone "
    "somebody everyone not".split()
)
_VERBAL = _AUX | frozenset("i he she we they got said told went came wants needs gets".split())
_TOLD = frozenset(("<past>", "<state>", "<moved>", "-ed"))
_PAST = frozenset(("<past>", "<moved>", "-ed", "did", "was", "were", "had", "been", "ago", "went", "said", "told"))
_OURS = (
    ("mine", frozenset("i my me we our us mine ours".split())),
    ("yours", frozenset("you your".split())),
    ("his", frozenset(("he", "she", "his", "her", "him", "they", "their", "them", "<name>", "<who>"))),
    ("the", frozenset("the this that these those it".split())),
    ("an", frozenset("a an one".split())),
)


def _of_turns(short: Sequence[str], kinds: Sequence[str], turns: Sequence[Turn]) -> Iterator[str]:
    if not turns:
        yield "c:first"
        return
    asked = next((turn.text for turn in reversed(turns) if turn.by_user), "")
    how = "question" if is_request(asked) else "statement"
    last = turns[-1]
    then = "" if last.by_user else " offered" if last.text.rstrip().endswith("?") else " answered"
    yield f"c:{how}{then}"
    yield f"c:{how}{then} ^{short[0] if short else ''}"
    yield f"c:{how}{then} {kinds[0] if kinds else ''}"
    yield f"c:{how}{then} {'?' if short and short[-1] == '?' else '.'}{min(len(short), 8) // 2}"
    yield from (f"c:{how} {word}" for word in short if word in CLOSED)


def _kind(word: str) -> str:
    if word in CLASSES:
        return CLASSES[word]
    if word in CLOSED or not word[0].isalpha():
        return "#" if word[0].isdigit() else word
    if word in DAYS:
        return "<day>"
    if word in ROLES:
        return "<who>"
    return next((f"-{end}" for end in _ENDINGS if word.endswith(end) and len(word) > len(end) + 1), "-")
