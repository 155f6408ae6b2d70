"""What a statement says, as far as two of them can be compared by rules: who, how it is put, what it denies. Pure.

English. A statement is read on its normal form (interface/duplicates.py), which whoever asks passes in. Ways of saying
the same are written in one way; what is not understood stays as it is, so that an equal reading is an equal meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from memos_mcp.cube import Interval, Kind
from memos_mcp.infrastructure.tokens import terms
from memos_mcp.late import late
from memos_mcp.operation.statement_words import SYNONYMS, alike


@dataclass(frozen=True, slots=True)
class Statement:
    """A memory as the decision sees it: its normal form, and the clauses of it if there are several.

    Expressions such as *yesterday* are written as the day they mean; `times` are the intervals of all expressions,
    `names` the words with a capital within a sentence.
    """

    normal: str
    clauses: tuple[str, ...] = ()
    times: tuple[Interval, ...] = ()
    speaker: str | None = None
    said_at: datetime | None = None
    valid: Interval | None = None
    kind: Kind = "fact"
    key: str | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """A clause in one way of saying it.

    `words` are without articles, times, denials and words of change, `line` is their stems, `stems` those of it that
    carry meaning, `text` is all of it, with its marks; `some` says that it speaks of one of many (a meeting), `vague`
    that it does not name whom it is about, `empty` that it says nothing by itself.
    """

    words: tuple[str, ...]
    line: tuple[str, ...]
    stems: frozenset[str]
    when: frozenset[str]
    denied: bool = False
    never: bool = False
    changed: bool = False
    ended: bool = False
    moved: bool = False
    past: bool = False
    some: bool = False
    vague: bool = False
    empty: bool = False
    reserve: frozenset[str] = frozenset()
    text: str = ""

    @property
    def who(self) -> str:
        """The first word: who or what it is about."""
        return self.words[0] if self.words else ""


def _rules(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((late(f"(?<= ){find}(?= )"), put) for find, put in pairs)


_SELF = "\0i"
_PARENTS = {"mum": "mother", "mom": "mother", "mummy": "mother", "dad": "father", "daddy": "father"}
_SAME = SYNONYMS | _PARENTS | {
    "kids": "children", "kid": "child", "purchased": "bought", "purchase": "buy", "favorite": "favourite",
    "began": "started", "begin": "start", "begins": "start", "cellphone": "phone", "mobile": "phone", "grey": "gray",
    "residing": "living", "reside": "live", "resides": "live", "adore": "love", "adores": "love", "detest": "hate",
    "detests": "hate", "named": "called", "husband": "spouse", "wife": "spouse", "colour": "color", "got": "got",
    "wed": "married", "photos": "pictures", "flat": "apartment", "film": "movie", "films": "movies", "job": "job",
}  # fmt: skip
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100"}
_VERBS = frozenset(
    "live like love hate work play drive take weigh cost speak study go run use own need want prefer teach sing read "
    "write eat drink smoke wear visit start open close leave rehearse meet train cook sleep swim ride enjoy know sell "
    "keep manage lead dislike".split()
)
_WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"

_ON = rf"(?= (?:on |at )?(?:{_WEEKDAY}|\0[d@]|\d))"
_CHANGED = _rules(
    (
        rf"(?:(?:have|has|was|is|got|been|be) )*(?:moved|pushed|put|brought|shifted|rescheduled)(?: back| forward)?"
        rf"(?: from \S+)? to{_ON}",
        "\0c be on",
    ),
    (
        r"(?:(?:have|has|been|was|were|is|got) )*(?:went|gone|go|rose|risen|increased|raised|dropped|fallen|fell"
        r"|reduced|lowered|cut|changed|upped|bumped|grown|grew|climbed)(?: up| down| from \S+)? to(?= \S*\d)",
        "\0c be",
    ),
    (r"(?:from|starting|as of) \0[@d]\S+(?: on(?:wards)?)?(?= $)", "\0c"),
    (r"(?:am|is|are) (?:down|up) to(?= \d\S* (?:kg|lb|stone))", "\0c weigh"),
    (r"(?:have |has )?(?:become|became)", "\0c is"),
    (r"(?:have |has )?turned(?= (?:vegan|vegetarian|\d))", "\0c is"),
    (r"(?:have|has) (?:a )?new(?= )", "have \0c new"),
    (r"eat (meat|fish) again", r"\0c eat \1"),
    (r"used to(?= \w)", "\0e"),
    (r"(?:from now on|these days|nowadays|by now|from next (?:week|month|year)(?: on)?|as of (?:now|today))", "\0c"),
    (r"now", "\0c"),
    (r"no longer", "\0e"),
    (r"(?:anymore|any more|any longer)", "\0c"),
    (r"(?:have |has )?(?:stopped|quit|given up|gave up)(?= \w{2,}ing )", "\0e"),
    (r"(?:have |has )?(?:given up|gave up|gone off|quit|sworn off|kicked)(?= (?!on )\w+ $)", "\0e"),
    (r"(?:have |has )?quit(?= \S+'s job )", "\0e"),
    (r"(?:have|has|was|is) (?:been )?(?:rescheduled|postponed|changed|shifted) to", "\0c be on"),
    (r"(?:have|has|was|is) been moved to", "\0c be on"),
    (r"(?:have |has )?(?:just )?(?:moved|relocated) to", "\0c \0m live in"),
    (r"(?:have |has )?gone off", "\0e like"),
    (r"(?:have |has )?left(?= \S+'s job )", "\0e"),
    (r"works? again", "\0c is fixed"),
    (r"(open|closed|single|married|online|fixed|enabled) again", r"\1 \0c"),
    (r"the new(?= \w+ of)", "\0c the"),
    (r"(\S+'s) new(?= \w+ (?:is|are) )", r"\1 \0c"),
)
_PUT = _rules(
    (r"(?:am|is|are|being|be)", "be"),
    (r"(?:were)", "was"),
    (r"(?:have|has) got", "have"),
    (r"has", "have"),
    (r"do(?:es)?(?= \0n)", ""),
    (r"can speak", "speak"),
    (r"be (?:based|living|settled) in", "live in"),
    (r"(?:be employed (?:by|at)|have job (?:at|with)|work for)", "work at"),
    (r"work as", "be"),
    (r"can \0n (?:stand|bear)", "\0n like"),
    (r"\0n (?:stand|bear|like)", "\0n like"),
    (r"(?:hate|dislike)", "\0n like"),
    (r"(?:be fond of|be fan of|be big fan of|be into|enjoy|love)", "like"),
    (r"allergy to", "allergic"),
    (r"have \0n (\S+?)s? allergy", r"\0n be allergic \1"),
    (r"have (\S+?)s? allergy", r"be allergic \1"),
    (r"allergic to (\S+?)s?", r"allergic \1"),
    (r"be called", "name be"),
    (r"name of (\S+(?: \S+)?) be", r"\1 name be"),
    (r"(?:was born on|date of birth be|birthday be on|birthday be|was born(?= \0d))", "birthday be"),
    (r"there be (\S+) (.+?) in (?:the )?(\S+)", r"\3 have \1 \2"),
    (rf"(?:every|each|on) ({_WEEKDAY})s?", r"\0w\1"),
    (r"go (\w+?)(\w)\2ing", r"\1\2"),
    (r"rather", "prefer"),
)
_LEADING_PARENT = late(r"(?<!'s )(?<!\S)(mother|father|grandma|grandpa|grandmother|grandfather)(?='s | )")
_SPOUSES = late(r"^ (?:(\S+)'s spouse be (\S+)|(\S+) be (\S+)'s spouse|(\S+) be married to (\S+)) $")
_ROLE = late(r"^ (?!\S+'s )(\S+) be ((?:\0c )?(?:the|\S+'s)) ((?:\0c )?\w+ of .+) $")
_SOME = late(r" (?:an?|some|any) (?!day |week |month |year |hour |minute |night |time )")
_FILLERS = frozenset(
    "the a an really very so just actually also quite absolutely truly definitely please lot hey oh well note todo fyi "
    "still much any to of do does did currently presently already".split()
)
_PLACED = frozenset("on in at since from by".split())
_MARKS = frozenset({"\0n", "\0c", "\0e", "\0m"})
_RESERVE = frozenset(
    "if unless might may maybe perhaps probably possibly want wants wanted hope hopes wish wishes would could should "
    "think thinks thought believe believes said says say told claims heard suppose guess will going plan plans ? "
    "almost nearly except only thinking considering dreamt dreamed imagine joked joking pretend pretended lol kidding "
    "planning should considered supposed dream dreams haha hypothetically theoretically".split()
)
_NO_RESERVE = late(
    r"(?<= )(?:(?:in|of|by|since|until|last|next) may|may (?=\d)"
    r"|(?:stopped|quit|up|longer|like|love|enjoy|hate|be|not|from) going(?! to ))"
)
_EMPTY = frozenset(
    "yes no ok okay please thanks thank you sure sounds good great right fine cool yeah yep nope hi hello hey bye i "
    "see it that this too me so do not know agree agreed all the lol haha same wow nice exactly true well oh um ah "
    "of course absolutely indeed both neither either yet later".split()
)
_VAGUE = frozenset("he she they it this that these those his her their here him them its".split())
_STATES = frozenset("called based married engaged retired closed divorced allowed related interested".split())
_PAST_OF = {
    "ran": "run", "went": "go", "met": "meet", "bought": "buy", "sold": "sell", "gave": "give", "saw": "see",
    "took": "take", "came": "come", "paid": "pay", "broke": "break", "ate": "eat", "drank": "drink", "wrote": "write",
    "flew": "fly", "won": "win", "lost": "lose", "made": "make", "found": "find", "drove": "drive", "sang": "sing",
    "told": "tell", "built": "build", "swam": "swim", "rode": "ride", "did": "do", "felt": "feel", "kept": "keep",
    "slept": "sleep", "held": "hold", "spent": "spend", "sent": "send", "thought": "think", "taught": "teach",
    "caught": "catch", "brought": "bring", "wore": "wear", "chose": "choose", "spoke": "speak", "fell": "fall",
    "grew": "grow", "knew": "know", "threw": "throw", "drew": "draw", "sat": "sit", "stood": "stand", "left": "leave",
    "became": "become", "said": "say", "had": "have", "heard": "hear", "learnt": "learn", "got": "get",
}  # fmt: skip
_LEMMAS = _PAST_OF | {
    "gone": "go", "given": "give", "seen": "see", "taken": "take", "broken": "break", "eaten": "eat", "flown": "fly",
    "written": "write", "driven": "drive", "sung": "sing", "swum": "swim", "ridden": "ride", "been": "be",
    "worn": "wear", "chosen": "choose", "spoken": "speak", "fallen": "fall", "grown": "grow", "known": "know",
    "done": "do",
}  # fmt: skip
_PASTS = frozenset({"was", "were", "began", *_PAST_OF})
_LIGHT = frozenset("be was have had with and or for as into about any some but who which when that".split())


@lru_cache(maxsize=4096)  # one new statement is compared with many, and each of them again with the next
def read(normal: str, speaker: str | None, other: str | None = None) -> Reading:
    """The reading of a clause in normal form said by `speaker`, who may name the `other` speaker.

    Never raises. Cost: about 70 µs for a sentence.
    """
    text, vague = _named(normal, speaker, other)
    text = _verbs(alike(text))
    for find, put in _CHANGED:
        text = find.sub(put, text)
    text = re.sub(r"(?<= )(?:not|never|no|without|neither|nor)(?= )", "\0n", text)
    text = re.sub(r" (am|is|are|was|were) \0n(?= )", r" \0n \1", text)
    some = _SOME.search(text) is not None
    role = _ROLE.sub(r" role \3 \2 be \1 ", text.replace(" is ", " be "))
    full = _put(role)
    return _reading(_plain(full), normal, full, vague=vague, some=some)


def _named(normal: str, speaker: str | None, other: str | None) -> tuple[str, bool]:
    """The text with the speaker's name for *I* and *my*; whether it is about somebody that it does not name."""
    name = _one_word(speaker) or _SELF
    for each in (speaker, other):
        if joined := _one_word(each):  # two speakers may share a first name
            normal = re.sub(rf"(?<!\S){re.escape(joined.replace('_', ' '))}(?=\s|'s |$)", joined, normal)
    own = {"i": name, "me": name, "myself": name, "my": f"{name}'s", "mine": f"{name}'s"}
    own |= {"we": f"{name}+", "us": f"{name}+", "our": f"{name}+'s", "ours": f"{name}+'s"}
    said = [own.get(word, word) for word in normal.split()]
    vague = bool(said) and said[0] in _VAGUE
    text = " ".join(_alike(word) for word in said)
    text = _LEADING_PARENT.sub(lambda found: f"{name}'s {found[1]}", text, count=1)
    return f" {text} ", vague


def _one_word(speaker: str | None) -> str:
    return "_".join(re.findall(r"[^\W_]+", (speaker or "").lower()))


def _alike(word: str) -> str:
    if word.endswith("'s") and word[:-2] in _SAME:
        return f"{_SAME[word[:-2]]}'s"
    if word.endswith("s'"):
        return f"{word[:-1]}'s"
    return _NUMBERS.get(word) or _SAME.get(word, word)


def _verbs(text: str) -> str:
    return " ".join(
        ["", *(word[:-1] if word.endswith("s") and word[:-1] in _VERBS else _does(word) for word in text.split()), ""]
    )


def _does(word: str) -> str:
    return {"goes": "go", "studies": "study", "teaches": "teach"}.get(word, word)


def _put(text: str) -> str:
    text = re.sub(r"(?<= )(?:really|very|so|just|actually|also|quite|absolutely|a|an)(?= )", "", text)
    text = f" {' '.join(text.split())} "
    for find, put in _PUT:
        text = f" {' '.join(find.sub(put, text).split())} "
    return text


def _plain(text: str) -> str:
    if pair := _SPOUSES.match(text):
        one, other = sorted(name for name in pair.groups() if name)
        return f" {one} {other} spouse "
    return text.replace("'s ", " ").replace("s' ", "s ")


def _reading(text: str, normal: str, full: str, *, vague: bool, some: bool) -> Reading:
    words = text.split()
    when = frozenset(word for word in words if word.startswith(("\0d", "\0@", "\0w")))
    kept: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word in _FILLERS or word in when or word in _MARKS:
            continue
        if word not in _PLACED or (following and following not in when):
            kept.append(word)
    denials = words.count("\0n") + words.count("\0e")
    plain = frozenset(normal.split())
    stems = frozenset(stem for word in kept if _LEMMAS.get(word, word) not in _LIGHT for stem in stems_of(word))
    return Reading(
        tuple(_LEMMAS.get(word, word) for word in kept),
        tuple(stem for word in kept for stem in stems_of(word)),
        stems,
        when,
        denied=denials % 2 == 1,
        never="never" in plain,
        changed="\0c" in words or "\0e" in words,
        ended="\0e" in words,
        moved="\0m" in words,
        past=_is_past(words),
        some=some,
        vague=vague,
        empty=plain <= _EMPTY or not any(map(str.isalnum, normal)),
        reserve=plain & _RESERVE and frozenset(_NO_RESERVE.sub("", f" {normal} ").split()) & _RESERVE,
        text=full,
    )


@lru_cache(maxsize=4096)  # a stemmer in Python takes longer than all else
def stems_of(word: str) -> tuple[str, ...]:
    """The stems of a word: one, for most."""
    if word.startswith("\0") or not word.isalpha():
        return (word,)
    lemma = _LEMMAS.get(word, word)
    return tuple(terms(lemma)) or (lemma,)


def _is_past(words: list[str]) -> bool:
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word == "used" and words[place + 1 : place + 2] == ["to"]:
            return True
        if word in _PASTS or (
            len(word) > 4 and word.endswith("ed") and word not in _STATES and before not in {"be", "have", *_MARKS}
        ):
            return True
    return False
