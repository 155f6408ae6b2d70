"""Words that mean the same to whoever asks for memories: the classes by which `features.py` reads. English."""

from __future__ import annotations

DAYS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays "
    "saturdays sundays january february march april june july august september october november december today "
    "tomorrow yesterday tonight".split()
)
CLOSED = frozenset(
    "a an the my our your his her its their this that these those some any all each both no none another other i you "
    "he she it we they me us him them mine yours ours who whom whose which what when where why how if whether am is "
    "are was were be been being do does did done have has had having will would shall should can could may might "
    "must ought need not never always ever just only also too still yet already again now then so very really and or "
    "but because than as in on at of for with from by about to over under after before since until during between "
    "out off up down back away around without there here much many more most less least few several one two three "
    "everything everyone everybody anything anyone anybody something someone somebody nothing nobody please yes "
    "actually right said says say tell give show list find get let make take go going gone got know think want use "
    "call mind check look see stop start come came went time times wrong new old last next same different long far "
    "often instead".split()
)
"""Words of which there are few and no new ones: they stand for themselves."""

_CLASSES = {
    "rid": (
        "delete erase wipe purge scrub discard unlearn remove bin scrap scratch drop lose ditch dump strike undo "
        "disregard ignore cancel clear unsave junk trash chuck expunge destroy void toss forget forgetting deleting "
        "erasing removing forgotten deleted erased removed wiped"
    ),
    "keep": (
        "remember save store keep note jot record log memorise memorize file pin bookmark stash register enter add "
        "put stick pop write retain hold remembering saving noting saved noted remind"
    ),
    "change": (
        "change update correct replace amend edit modify fix adjust overwrite revise swap alter rename correcting "
        "changing updating"
    ),
    "move": "move shift push postpone reschedule delay bump bring extend",
    "moved": (
        "moved switched changed shifted postponed rescheduled delayed renamed replaced migrated swapped cancelled "
        "risen slipped left stopped quit turned"
    ),
    "sum": (
        "summary summarise summarize recap overview gist rundown digest tldr highlights outline brief debrief "
        "handover synopsis sum nutshell latest status essentials takeaways condense progress story picture"
    ),
    "text": (
        "poem email e-mail letter essay paragraph sentence haiku limerick toast speech caption joke slogan song "
        "lyrics cv resume headline blog post tweet reply text function class script query regex snippet heading "
        "title riddle poems sentences paragraphs article spelling grammar typos wording phrase word synonym rhyme"
    ),
    "make": (
        "draft compose translate rephrase reword rewrite proofread paraphrase convert calculate solve draw sing "
        "spell define invent brainstorm generate refactor debug optimise optimize explain describe suggest recommend "
        "shorten polish tidy improve create design imagine pretend quiz continue simplify plan turn"
    ),
    "compare": (
        "compare contrast versus vs difference differ comparison differs similar similarities pros cons against "
        "common side weigh stack measure compared"
    ),
    "count": "count tally total headcount number frequently",
    "more": (
        "better worse cheaper bigger smaller larger longer shorter faster slower older younger taller heavier "
        "lighter earlier later nearer closer further farther higher lower easier harder stronger weaker warmer "
        "colder hotter busier quieter louder safer happier healthier newer wider deeper thicker thinner cleaner "
        "nicer richer poorer fewer sooner quicker stricter brighter darker tougher smarter softer dearer pricier "
        "comfier spicier sweeter"
    ),
    "most": (
        "best worst cheapest biggest smallest largest longest shortest fastest slowest oldest youngest tallest "
        "heaviest nearest closest furthest highest lowest easiest hardest"
    ),
    "taste": (
        "like likes liked love loves hate hates prefer prefers enjoy enjoys dislike dislikes adore detest favourite "
        "favorite fan fond stand bear allergic vegan vegetarian intolerant allergy allergies diet budget usually "
        "normally usual regularly typically rather hobbies scared afraid picky fussy coeliac diabetic kosher halal "
        "eat drink eats drinks preferred into avoid"
    ),
    "answer": (
        "answer answers replies emoji emojis tone jargon format bullet bullets tables abbreviations english french "
        "german spanish dutch formal short units euros pounds metric slang sources commit tests tabs spaces "
        "docstrings comments names branch lowercase respond speak address sign language"
    ),
    "past": (
        "bought sold lost found met saw took made heard ran broke fell gave sent paid flew drove began became "
        "brought caught kept ate drank won wrote spent told passed finished booked started decided agreed arrived "
        "happened"
    ),
    "state": "lives works called located owns studies costs opens closes weighs means",
    "chat": (
        "thanks thank cheers ta great lovely brilliant nice cool perfect hello hi hey bye morning evening lol haha "
        "ok okay fab smashing grand alright welcome sure yeah yep oh ah wow"
    ),
    "sorry": "sorry oops whoops wait mistake correction nope apologies meant",
    "data": "code password phone name surname birthday postcode extension size",
    "freq": "every mondays tuesdays wednesdays thursdays fridays saturdays sundays weekly daily",
    "now": "nowadays currently anymore",
}
CLASSES = {word: f"<{name}>" for name, words in _CLASSES.items() for word in words.split()}
"""Of each of these words the class, in angle brackets: delete, erase and bin are <rid>."""
