"""How a fact is asked for: phrasings to train on, and others that are held out. English."""

from __future__ import annotations

from dataclasses import dataclass

from memos_mcp.cube import RelationKind


@dataclass(frozen=True, slots=True)
class Form:
    """Questions to which the target of a relation is the answer (`asks`, `held`), or its source (`who`, `held_who`).

    `one` says that a subject has one answer only, so that two contradict each other.
    """

    asks: tuple[str, ...]
    held: tuple[str, ...]
    who: tuple[str, ...] = ()
    held_who: tuple[str, ...] = ()
    one: bool = False


FORMS: dict[RelationKind, Form] = {
    "likes": Form(
        ("What does {s} like?", "What is {s} fond of?", "Name what {s} enjoys.", "Which things please {s}?"),
        ("What would make {s} happy?", "What are the likes of {s}?"),
        ("Who likes {t}?", "Who is fond of {t}?"),
        ("Who enjoys {t}?",),
    ),
    "dislikes": Form(
        (
            "What does {s} dislike?",
            "What is {s} not fond of?",
            "Name what {s} avoids.",
            "What does {s} stay away from?",
        ),
        ("What should {s} not be given?", "What are the dislikes of {s}?"),
        ("Who dislikes {t}?", "Who is not fond of {t}?"),
        ("Who avoids {t}?",),
    ),
    "wants": Form(
        ("What does {s} want?", "What does {s} wish for?", "Name what {s} would like."),
        ("What are the wishes of {s}?",),
        ("Who wants {t}?",),
        ("Who wishes for {t}?",),
    ),
    "has": Form(
        ("What does {s} have?", "What does {s} own?", "Name what belongs to {s}."),
        ("What is in the hands of {s}?",),
        ("Who has {t}?", "Who owns {t}?"),
        ("To whom does {t} belong?",),
    ),
    "made": Form(
        ("What did {s} make?", "What has {s} made?", "Name what was made by {s}."),
        ("What is the work of {s}?",),
        ("Who made {t}?",),
        ("By whom was {t} made?",),
    ),
    "does": Form(
        ("What does {s} do?", "What is {s} doing?", "Name what {s} does."),
        ("How does {s} spend time?",),
        ("Who does {t}?",),
        ("By whom is {t} done?",),
    ),
    "is": Form(
        ("What is {s}?", "What would you call {s}?", "Describe {s}."),
        ("As what is {s} known?",),
        ("Who is {t}?",),
        ("Who is known as {t}?",),
    ),
    "lives-in": Form(
        ("Where does {s} live?", "In which place does {s} live?", "Where is the home of {s}?", "What town is {s} in?"),
        ("Where would you visit {s} at home?", "Which place is home to {s}?"),
        ("Who lives in {t}?", "Who has a home in {t}?"),
        ("Who could be visited in {t}?",),
        one=True,
    ),
    "from": Form(
        ("Where is {s} from?", "Where does {s} come from?", "Name the place that {s} is from."),
        ("What is the origin of {s}?",),
        ("Who is from {t}?",),
        ("Who comes from {t}?",),
        one=True,
    ),
    "works-at": Form(
        ("Where does {s} work?", "Who employs {s}?", "For whom does {s} work?", "Name the employer of {s}."),
        ("Where is the job of {s}?", "Where does {s} earn a living?"),
        ("Who works at {t}?", "Who is employed at {t}?"),
        ("Whose employer is {t}?",),
        one=True,
    ),
    "studies-at": Form(
        ("Where does {s} study?", "Name the school of {s}.", "Which place teaches {s}?"),
        ("Where is {s} a student?",),
        ("Who studies at {t}?",),
        ("Who is a student at {t}?",),
        one=True,
    ),
    "visited": Form(
        ("Where was {s}?", "Which place did {s} visit?", "Name where {s} has been."),
        ("Where did {s} go?",),
        ("Who visited {t}?", "Who was in {t}?"),
        ("Who went to {t}?",),
    ),
    "met": Form(
        ("Whom did {s} meet?", "Who was met by {s}?", "Name whom {s} saw."),
        ("With whom was {s} together?",),
    ),
    "knows": Form(
        ("Whom does {s} know?", "Name somebody {s} knows.", "Who is known to {s}?"),
        ("With whom is {s} acquainted?",),
    ),
    "part-of": Form(
        ("What is {s} part of?", "To what does {s} belong?", "Name what {s} is a part of."),
        ("In what is {s} contained?",),
    ),
}

KIN = Form(
    ("Who is the {d} of {t}?", "Name the {d} of {t}.", "What is the name of the {d} of {t}?"),
    ("What is {t}'s {d} called?",),
    ("Whose {d} is {s}?",),
    ("Of whom is {s} the {d}?",),
)
"""Of relatives: the source is the answer to the first two, the target to the others."""

ALLERGY = Form(
    ("What is {s} allergic to?", "What must {s} not eat or touch?", "Name the allergy of {s}."),
    ("To what does {s} have an allergy?",),
    ("Who is allergic to {t}?",),
    ("Who has an allergy to {t}?",),
)

WHAT = (("What {v} {s}?", "Tell me what {s} {v}."), ("Do you know what {s} {v}?",))
WHERE = (("Where {v} {s}?", "In what place {v} {s}?"), ("Do you know where {s} {v}?",))
WHEN = (("When {v} {s}?", "At what time {v} {s}?"), ("Do you know when {s} {v}?",))
GOES_ON = (('How does this go on: "{first}"?', 'Complete: "{first}"'), ('What follows after "{first}"?',))
UNDER = (("What is kept as {key}?", "What does {key} say?", "Show {key}."), ("What is the content of {key}?",))
ABOUT = (("What is known about {meaning}?", "Tell me about {meaning}."), ("What is there to say about {meaning}?",))
"""What is trained on, and what is held out."""
