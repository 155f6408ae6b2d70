"""What kind of memory a text is, by its form (docs/reference/words.md). Pure; an LLM knows better."""

from __future__ import annotations

import re

from memos_mcp.cube import Kind
from memos_mcp.interface.duplicates import DATE, in_full

_LOOKED_AT = 400  # characters: the stance of a statement shows at once
_WORD = re.compile(r"[^\W_]+|\?(?=\W*$)")
_STEPS = re.compile(r"(?:^|\n)\s{0,8}(?:step )?1[.):] [^\n]+\n+\s{0,8}(?:step )?2[.):] ", re.IGNORECASE)
_ASKS = frozenset(
    "what who whom whose which when where why how do does did is are was were can could would will should".split()
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that are enough, words without which the pattern need not be tried, and the pattern: on lower-case words with
# contractions in full and without punctuation. Patterns begin with the space before a word: that is fast.
_TABLE: tuple[tuple[Kind, frozenset[str], frozenset[str], re.Pattern[str]], ...] = (
    (
        "instruction",
        frozenset(),
        _words("always never please remember call address answer reply respond speak talk write future now sure not"),
        re.compile(
            r"^ (?:(?:and|but|so|ok|also) )?(?:please|always|never|do not|make sure|be sure|remember (?:to|that)"
            r"|call me|address me|(?:answer|reply|respond|speak|talk|write)(?: to me| me)? (?:in|with|as|like)) "
            r"| from now on | in (?:the )?future | (?:please|you (?:should|must)) (?:always|never|do not|call|use) "
        ),
    ),
    (
        "preference",
        _words(
            "likes loves prefers hates dislikes enjoys adores detests favourite favorite favourites favorites allergic "
            "allergy allergies intolerant vegetarian vegan"
        ),
        _words(
            "like love prefer hate dislike enjoy adore detest avoid usually always never often rarely normally "
            "typically tend stand bear need fan fond rather every budget"
        ),
        re.compile(
            r" (?:i|we) (?:(?:also|really|still|just|now|absolutely|do not|can not|am|am not|would|a|big|huge) )*"
            r"(?:like(?! to (?:know|ask|see|hear))|love|prefer|hate|dislike|enjoy|adore|detest|avoid|usually|always"
            r"|never|often|rarely|normally|typically|tend to|stand|bear|need (?!to )|rather|fan of|fond of) "
            r"| my budget | (?:i|we) .* every (?:day|morning|evening|night|week|month|year|\w+day) "
        ),
    ),
    ("skill", frozenset(), _words("how finally"), re.compile(r" how to | first .* then .* finally ")),
    (
        "event",
        _words("yesterday tomorrow tonight ago"),
        _words("i we last next on in this"),
        re.compile(
            r" (?:i|we) (?:(?:just|finally|also|already|have|both|recently) )*(?:went|met|visited|moved|bought|sold"
            r"|started|finished|married|flew|drove|won|lost|broke|got|saw|attended|celebrated|booked|took|came|signed"
            r"|joined|adopted|graduated|travelled|traveled|quit|left|made|had|found|heard|ran|planted|painted"
            r"|(?:am|are|plan|intend|will)(?: planning)? (?:going to|to|on|visit|move|travel|start|meet)) "
            r"| (?:last|next|this|on) (?:night|week|weekend|month|year|spring|summer|autumn|fall|winter"
            r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?) | in (?:19|20)\d\d "
        ),
    ),
)


def kind_of(text: str, *, said_by_user: bool) -> Kind:
    """The kind of a statement; `fact` if nothing speaks for another. Only a user gives instructions. Cost: 3 µs."""
    plain = _plain(text[:_LOOKED_AT])
    if plain.endswith("? ") and plain.split(" ", 2)[1] in _ASKS:
        return "fact"
    words = set(plain.split())
    for kind, enough, needed, form in _TABLE:
        if kind == "instruction" and not said_by_user:
            continue
        if not enough.isdisjoint(words) or (not needed.isdisjoint(words) and form.search(plain)):
            return kind
    if "\n" in text and _STEPS.search(text[:_LOOKED_AT]):
        return "skill"
    return "event" if any(map(str.isdigit, plain)) and DATE.search(text[:_LOOKED_AT].lower()) else "fact"


def _plain(text: str) -> str:
    """Lower-case words with a space around each, contractions in full, a question mark only at the end."""
    lower = text.lower().replace("’", "'")
    if "'" in lower:
        lower = in_full(lower)
    return f" {' '.join(_WORD.findall(lower))} "
