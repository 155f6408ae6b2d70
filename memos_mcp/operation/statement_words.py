"""Words and phrases that mean the same in a statement, each written in one way: a bounded table. Pure, English.

Only what means the same whatever stands around it: what is read alike here is merged without asking.
"""

from __future__ import annotations

import re

from memos_mcp.late import late

_GROUPS = (
    "fixed repaired mended", "fix repair mend", "fixes repairs mends", "fixing repairing mending",
    "close shut", "closes shuts", "started began commenced", "start begin commence", "starts begins commences",
    "starting beginning commencing", "finished completed", "large big", "larger bigger", "largest biggest",
    "small little tiny", "sick ill unwell", "afraid scared frightened terrified", "shop store", "shops stores",
    "bike bicycle", "bikes bicycles", "holiday vacation", "holidays vacations", "need require", "needs requires",
    "needed required", "doctor physician", "car automobile", "boss supervisor", "television tv telly",
    "university uni", "exam examination", "exams examinations", "grandmother grandma granny nan", "grandfather grandpa",
    "baby infant", "job occupation profession", "glad happy", "pleased happy", "quick fast", "rapidly quickly",
    "attend attends", "help assist", "helps assists", "helped assisted", "lorry truck",
    "rubbish trash garbage", "trip journey", "gift present", "gifts presents", "picture photo photograph",
    "pictures photographs", "fridge refrigerator",
    "sofa couch", "wonderful great", "salary wage", "dose dosage", "lawyer attorney solicitor",
    "silent quiet", "difficult hard", "simple easy", "physiotherapist physio", "reply answer", "replies answers",
    "got received", "teacher instructor", "buys purchases",
    "partner companion", "enormous huge", "often frequently", "mostly mainly", "story tale",
)  # fmt: skip
SYNONYMS = {word: first for first, *rest in (group.split() for group in _GROUPS) for word in rest}
"""Each word, and the one that stands for it."""

_FORMS: tuple[tuple[str, str, str], ...] = (  # the word that has to be there, what is looked for, what is put
    ("a", r"(?<!for )(?<!in )(?<!after )an? (day|week|month|year|hour)", r"every \1"),
    ("per", r"per (day|week|month|year|hour)", r"every \1"),
    ("each", r"each", "every"),
    ("daily", r"daily", "every day"),
    ("weekly", r"weekly$", "every week"),
    ("monthly", r"monthly$", "every month"),
    ("yearly", r"yearly$", "every year"),
    ("once", r"once every", "every"),
    ("times", r"2 times", "twice"),
    ("thrice", r"thrice", "3 times"),
    ("goes", r"goes (?=\w+ing )", "go "),
    ("wake", r"wake up", "get up"),
    ("wakes", r"wakes up", "gets up"),
    ("unable", r"(?:am|is|are|be) unable to", "can not"),
    ("able", r"(?:am|is|are|be) able to", "can"),
    ("fear", r"(\S+) fear(?!s)", r"\1 is afraid of"),
    ("own", r"(?<!my )(?<!'s )own(?= (?:a|an|\d|the|some|no) )", "have"),
    ("owns", r"owns", "has"),
    ("possess", r"possess", "have"),
    ("possesses", r"possesses", "has"),
    ("employed", r"(?:am|is|are) employed (?:by|at|with)", "work at"),
    ("works", r"works (?:for|with)(?= )", "work at"),
    ("call", r"(\S+) calls? (\S+) home", r"\1 live in \2"),
    ("home", r"(\S+'s) home is (?:in )?", r"\1 home is in "),
    ("resident", r"(?:am|is) a resident of", "live in"),
    ("weight", r"(\S+)'s weight is", r"\1 weigh"),
    ("height", r"(\S+)'s height is (.+)", r"\1 is \2 tall"),
    ("age", r"(\S+)'s age is (\d+)", r"\1 is \2"),
    ("old", r"(is|am|are) (\d+) years? old", r"\1 \2"),
    ("job", r"(\S+)'s job is (?:as |being )?(?:an? )?(?!in |at |to |on |with |very |so )(?=\w+$| \w+ $)", r"\1 is "),
    ("profession", r"(?:an? )?(\S+) by profession", r"\1"),
    ("trade", r"(?:an? )?(\S+) by trade", r"\1"),
    ("rent", r"(\S+) pays? (.+?) (?:in|for|as|of) rent", r"\1's rent is \2"),
    ("bus", r"(?:catch|ride) the bus", "take the bus"),
    ("foot", r"go on foot", "walk"),
    ("birthday", r"birthday falls on", "birthday is"),
    ("place", r"takes place", "is"),
    ("held", r"is held", "is"),
    ("likes", r"likes (\w+)ing", r"like \1ing"),
    ("rid", r"got rid of", "gave away"),
    ("due", r"due to", "because of"),
    ("every", r"every night", "at night"),
    ("only", r"(am|is) (?:an |the )?only child", "have no siblings"),
    ("been", r"(?:have|has) been (fixed|closed|opened|locked|unlocked|cancelled|approved|rejected"
        r"|resolved)", r"is \1"),
    ("got", r"(\S+)'s got(?= )", r"\1 have"),
    ("capable", r"(?:am|is) capable of", "can"),
)  # fmt: skip
_PHRASES: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    word: tuple((late(f"(?<= ){find}(?=[ ]|$)"), put) for at, find, put in _FORMS if at == word)
    for word in {at for at, _, _ in _FORMS}
}


def alike(text: str) -> str:
    """The text, in lower case and between spaces, with each phrase of the table in one way. Cost: about 5 µs."""
    for word in dict.fromkeys(text.split()):
        for find, put in _PHRASES.get(word, ()):
            text = find.sub(put, text)
    return f" {' '.join(text.split())} "
