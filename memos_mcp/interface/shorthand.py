"""A sentence in the form that rules read: lower case, contractions and chat shorthand written out. Pure, English."""

from __future__ import annotations

from memos_mcp.interface.duplicates import in_full
from memos_mcp.late import late

_SHORT = {
    "u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please", "thx": "thanks", "ty": "thanks",
    "rmb": "remember", "w/": "with", "w/o": "without", "bc": "because", "cuz": "because", "cos": "because",
    "tmrw": "tomorrow", "tmr": "tomorrow", "tomoz": "tomorrow", "tonite": "tonight", "gonna": "going to",
    "wanna": "want to", "gotta": "have to", "im": "i am", "ive": "i have", "ill": "i will", "id": "i would",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "cant": "can not", "cannot": "can not",
    "wont": "will not", "isnt": "is not", "wasnt": "was not", "arent": "are not", "havent": "have not",
    "hasnt": "has not", "couldnt": "could not", "wouldnt": "would not", "shouldnt": "should not", "thats": "that is",
    "whats": "what is", "hes": "he is", "shes": "she is", "theyre": "they are", "youre": "you are", "lets": "let us",
    "abt": "about", "msg": "message", "appt": "appointment", "bday": "birthday", "fav": "favourite",
    "fave": "favourite", "rn": "right now", "atm": "right now", "tho": "though", "y'all": "you", "coz": "because",
    "i'd": "i would", "we'd": "we would", "i'll": "i will", "prefs": "preferences",
}  # fmt: skip
_AFTER_I_MAY_BE = frozenset({"ill", "id", "im", "ive"})  # "he is ill", "my id"
_STARTS = frozenset({"", "and", "but", "so", "if", "when", "that", "because", "think"})
_WORD = late(r"[a-z][a-z'/]*")
LONGEST = 400
"""Characters that are read of a statement: what it is shows at once."""


def written_out(text: str, most: int = LONGEST) -> str:
    """The text in lower case on one line, with straight apostrophes and nothing shortened. Cost: 5 µs."""
    plain = " ".join(text[:most].lower().replace("’", "'").split())
    words = plain.split(" ")
    for at, word in enumerate(words):
        found = _WORD.match(word)
        if found and found[0] in _SHORT and not _is_a_word(found[0], words[at - 1] if at else ""):
            words[at] = _SHORT[found[0]] + word[found.end() :]
    return in_full(" ".join(words)).strip()


def _is_a_word(short: str, before: str) -> bool:
    return short in _AFTER_I_MAY_BE and before.rstrip(",.;:!?") not in _STARTS and before[-1:] not in (",", ".", ";")


def any_of(words: str) -> str:
    """A pattern that fits one of the words; an underscore stands for a space within."""
    return f"(?:{'|'.join(word.replace('_', ' ') for word in words.split())})"
