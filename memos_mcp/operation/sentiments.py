"""What a text sounds like, and whether it is said with reserve, by words. Pure, English."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from memos_mcp.infrastructure.tokens import terms
from memos_mcp.late import late

Sentiment = Literal["negative", "neutral", "positive"]

_GOOD = """
admirable admire adorable adore amazing awesome bargain beautiful beautifully best better bliss bonus bravo
breathtaking brilliant calm celebrate charming cheered cheerful cheers clever comfortable comforting comfy confident
congrats congratulations content convenient cool cosy cozy crisp cute dazzling dear delicious delight delighted
delightful devoted dream eager ease easier ecstatic effective efficient effortless elated elegant embraced
encouraging engaging enjoy enjoyable enjoyed enjoying entertaining enthusiastic excellent excited exciting exquisite
fabulous fair fan fans fantastic fascinating favorite favourite fine finest flawless flawlessly fond fortunate fresh
friendly fun funny gem generous gentle gifted glad glorious good gorgeous graceful grateful great greatest handy
happier happiest happily happiness happy healthy heartwarming heavenly helped helpful hilarious honest hope hopeful
ideal impressed impressive improve improved improvement incredible inspiring interesting intuitive joy joyful keen
kind kindness laughed lifesaver like liked likes love loved lovely loves loving lucky magical magnificent marvellous
marvelous masterpiece memorable motivated neat nice nicer nicest okay optimistic outstanding overjoyed passionate
peace peaceful perfect perfectly phenomenal pleasant pleased pleasure polite positive praise praised precious pretty
pride prize promising proud recommend recovered refreshed refreshing relaxed relaxing reliable relief relieved
remarkable respectful reward rewarded rewarding robust safe satisfied satisfying smile smiled smooth smoothly solved
soothing spectacular splendid spotless stunning sublime success successful successfully sunny superb superior
support supportive sweet talented tasty terrific thank thankful thanks thrilled thrilling thriving top touched
touching treasure treat triumph trust upbeat uplifting useful vibrant victory warm welcome welcomed welcoming win
winner wins wise witty won wonderful worth worthwhile wow yay yummy
"""
_BAD = """
abandoned absurd abuse ache afraid aggressive alarming angry annoy annoyance annoyed annoying anxiety anxious
appalled appalling argued argument ashamed atrocious avoid awful awfully awkward bad badly betrayed bitter bland
bleak bored boring bother broke broken bug buggy bullied burden burnout burnt catastrophe catastrophic chaos cheated
clumsy collapsed complain complained complaint confused confusing corrupt coward crash crashed crashes creepy cried
cruel cry crying damage damaged danger dangerous dead death deceived defeated defective delay delayed delays
demanding denied depressed depressing despair desperate despise devastated devastating died difficult dirty disagree
disappoint disappointed disappointing disappointment disappoints disaster disgrace disgusting dishonest dislike
disliked dislikes dismal dismissed distressed disturbing doubtful drained dread dreadful dull embarrassed
embarrassing evil exhausted exhausting expensive exploded fail failed failing fails failure faulty fear fell filthy
fired flawed flop fool forgetful forgot fraud frightened frightening frustrated frustrating frustration furious
gloomy grief grim gross grumpy guilty harm harsh hassle hate hated hates headache heartbroken hectic hideous
hopeless horrible horrified hostile humiliated hungover hurt hurts ignored ill impolite impossible inadequate
incompetent inconvenient inferior infuriating injured insane insufficient insult insulted interrupting interrupts
intolerable irritated irritating isolated jealous kill killed lame lazy leaked leaking lied livid loathe lonely lose
losing loss lost lousy lukewarm mad malicious mediocre mess messy miserable misery miss missed missing mistake
mistrust moody mouldy nasty nausea neglected nervous nightmare noise noisy obnoxious offended outraged outrageous
overpriced overwhelmed pain painful panic pathetic peeling peeve pessimistic petty pity pointless poor poorly
problem problems punish pushy queasy rage refuse refused regret regrets reject rejected repulsive resent ridiculous
ripped robbed rotten rubbish rude ruin ruined ruthless sad sadly scam scared scary scream screwed selfish shabby
shallow shame shock shocked shocking shoddy sick sinister sloppy slow smelly sore sorrow sorry spill spiteful
spoiled stale stink stinks stole stolen strain stress stressed stressful struggle struggled struggling stubborn
stuck stupid suck sucks suffer suffered suffering sulk suspicious tasteless tears tedious tense tension terrible
terrified threat threatened tired tiring torn tortured toxic tragedy tragic trouble ugh ugly unacceptable unbearable
unclear uncomfortable underwhelming uneasy unfair unfortunate unfortunately unfriendly unhappy unhelpful unjust
unkind unlucky unpleasant unreliable unresolved unsafe unstable untidy unwelcome upset useless vile violent vomited
waste wasted weak weird whine worn worried worry worrying worse worst worthless wreck wrecked wrong yelled
"""
_PHRASES = {
    "over the moon": 2, "ten out of ten": 2, "out of ten": 0, "never again": -2, "enough of this": -2,
    "enough of it": -2, "had enough of": -2, "good enough": 1, "not okay": -2, "not ok": -2, "can't sleep": -1,
    "gone off": -1, "is gone": 0, "pain is gone": 1, "let go": -1, "what a night": 1, "what a day": 1,
    "go there again": 1, "stay there again": 1, "buying from them": 0, "at last": 1, "better than": 1,
    "worse than": -1, "for hours": 0, "first steps": 1, "too expensive": -2, "too slow": -1, "too loud": -1,
    "too late": -1, "too much": -1, "too small": -1, "too long": -1, "not working": -1, "doesn't work": -1,
    "does not work": -1, "stopped working": -1, "won't start": -1, "gave me": 0, "no fun": -2, "no use": -1,
    "worth it": 1, "not worth": -2, "big fan": 1, "fan of": 1, "at its best": 1, "fair share": 0, "fine for": -1,
    "a fine of": -1, "parking fine": -1, "trade fair": 0, "the fair": 0, "book fair": 0, "dear sir": 0,
    "headache pill": 0, "the content": 0, "cool down": 0, "keep cool": 0, "bug fix": 0, "fed up": -2,
    "can't stand": -2, "cannot stand": -2, "could not stand": -2, "couldn't stand": -2, "can't bear": -2,
    "can't complain": 2, "cannot complain": 2, "couldn't be happier": 2, "could not be happier": 2, "can't wait": 2,
    "cannot wait": 2, "not bad": 2, "no problem": 1, "no problems": 1, "no trouble": 1, "no worries": 1,
    "looking forward": 2, "cup of tea": 1, "flying colours": 2, "flying colors": 2, "worst of all": -1,
    "let me down": -2, "let down": -1, "gave up": -1, "pissed off": -2, "sick of": -2, "tired of": -2,
    "out of order": -1, "as well": 0, "well known": 0, "would like": 0, "i'd like": 0, "looks like": 0,
    "look like": 0, "sounds like": 0, "something like": 0, "feels like": 0, "feel like": 0, "things like": 0,
    "such as": 0, "just like": 0, "hard drive": 0, "hard copy": 0, "kind of": 0, "what kind": 0, "which kind": 0,
    "second best": 0, "best before": 0, "best regards": 0, "top floor": 0, "sweet potato": 0, "lost and found": 0,
    "missed call": 0, "fell asleep": 0, "driving me": -1, "nobody came": -1, "no good": -2, "pretty much": 0,
    "worth of": 0, "at best": 0, "to miss": 0, "tickets won": 0,
}  # fmt: skip
_NEITHER = ("please",)
"""Words that share a stem with others and tell nothing."""
_NOT = frozenset(
    "not no never nothing nobody none neither nor without hardly barely cannot cant dont doesnt didnt".split()
)
_STRONG = frozenset("very really so too extremely totally absolutely incredibly deeply super".split())
_HEDGES = late(
    r"\b(?:i heard|i've heard|i have heard|someone said|somebody said|they say|people say|it is said|rumou?r|rumou?rs|"
    r"apparently|allegedly|reportedly|supposedly|presumably|maybe|perhaps|possibly|probably|might be|may be|could be|"
    r"i think|i guess|i suppose|i believe|i assume|i'm not sure|i am not sure|not certain|not sure|unsure|"
    r"if i remember|if i recall|as far as i know|afaik|iirc|it seems|seems to|unconfirmed|hearsay|i doubt)\b",
    re.IGNORECASE,
)
_TOKEN = late(r"[^\W\d_]+(?:'[^\W\d_]+)?|[.;!?,]")
_REACH = 3  # words that a negation turns round
_TURN = 2  # how much more counts what comes after "but"


def sentiment_of(text: str) -> Sentiment:
    """What a text sounds like on the whole. Cost: 1 µs a word."""
    points = _points(text.replace("’", "'"))
    return "positive" if points > 0 else "negative" if points < 0 else "neutral"


def hedge_in(text: str) -> bool:
    """Is it said with reserve: heard, supposed, not sure?"""
    return bool(_HEDGES.search(text.replace("’", "'")))


def _points(text: str) -> int:
    words = [word.lower() for word in _TOKEN.findall(text)]
    total, negated, weight, skip = 0, 0, 1, 0
    for at, word in enumerate(words):
        if skip:
            skip -= 1
            continue
        phrase = _phrase(words, at)
        if phrase is not None:
            points, skip = _PHRASES[phrase], len(phrase.split()) - 1
        else:
            points = _lexicon().get(word, _stems().get(_stem(word), 0))
        total += weight * (-points if negated else points)
        negated = _REACH if _negates(word) and phrase is None else max(0, negated - (word not in _STRONG))
        if word in ("but", "however"):
            weight, negated = _TURN, 0
        elif word in ".;!?,":
            negated = 0
    return total


def _phrase(words: list[str], at: int) -> str | None:
    for length in (3, 2):
        phrase = " ".join(words[at : at + length])
        if phrase in _PHRASES:
            return phrase
    return None


def _negates(word: str) -> bool:
    return word in _NOT or word.endswith("n't")


@cache
def _lexicon() -> dict[str, int]:
    found: dict[str, int] = dict.fromkeys(_GOOD.split(), 1)
    return found | dict.fromkeys(_BAD.split(), -1) | dict.fromkeys(_NEITHER, 0)


@cache
def _stems() -> dict[str, int]:
    """The stems of four letters and more: shorter ones are those of other words too."""
    return {stem: points for word, points in _lexicon().items() if len(stem := _stem(word)) > 3}


def _stem(word: str) -> str:
    return next(iter(terms(word)), word)
