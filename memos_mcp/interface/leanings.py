"""Does a statement tell what somebody likes, dislikes, needs or does regularly? Pure, English.

By the verbs of taste, constraint and habit, and by what things do to people. Texts are as `shorthand.written_out` gives
them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from memos_mcp.interface.shorthand import any_of
from memos_mcp.late import late

_ADVERBS = (
    r"(?:(?:[a-z]+ly|really|also|just|still|now|absolutely|totally|do|does|did|not|never|much|very|quite|actually"
    r"|always|simply"
    r"|particularly|especially|so|too|generally|usually|mostly|would|both|all|kind of|kinda|sort of|personally|secretly"
    r"|honestly|definitely|strongly|truly|far|sometimes|often|only|tend to|have always|has always|have never|has never"
    r"|used to|am|is|are|been|have|has|will|can|more of|a bit|a little|rather|pretty|completely|at all) )*"
)
_SOMEBODY = (
    r"(?:i|we|he|she|they|you both|(?:my|our|his|her) (?:[\w-]+ ){0,2}?[\w-]+|both of us|none of us|all of us"
    r"|neither of us)"
)
_TASTE = frozenset(
    "like love prefer hate dislike enjoy adore detest loathe despise avoid crave dread appreciate fancy favour favor "
    "resent cherish relish savour savor abhor treasure".split()
)
_TASTE_OF_ONE = frozenset(
    "likes loves prefers hates dislikes enjoys adores detests loathes despises avoids craves dreads fancies "
    "abhors".split()
)
_SEVERAL = frozenset(
    "i we they kids children twins boys girls both parents us people grandparents guests colleagues sons "
    "daughters".split()
)
_BETWEEN = frozenset(
    "really also just still now absolutely totally do does did not never much very quite actually always simply "
    "particularly especially so too generally usually mostly would both all kind of kinda sort personally secretly "
    "honestly definitely strongly truly far sometimes often only tend to have has used can completely rather pretty "
    "kindof at heart most sure could".split()
)
_NO_TASTE = frozenset("you that_you it_if this_one letter".split())
_NOT_LIKED = frozenset("to_know to_ask to_hear to_see to_say".split())
_HARD_TO_BEAR = (
    r"\b(?:can|could|will|do|does) not (?:really |even |ever |physically |possibly )?"
    + any_of(
        "stand bear abide stomach tolerate digest touch handle cope_with deal_with do_without live_without "
        "function_without work_without get_enough eat drink sit climb hear see walk lie bend sleep lift swallow "
        "manage afford have take care_for go_near kneel drive fly wear breathe concentrate focus resist stay_up mind"
    )
    + r"\b(?! (?:it|that|this) (?:again|any ?more|yet)\b)"
)
_IDIOM = late(
    r"\b(?:swears? by|sticks? (?:to|with)|steers? clear|stays? away from|keeps? away from|soft spot|sucker for"
    r"|weakness for|sweet tooth|weak at the knees|lives? for|(?<!i )(?<!we )live on|big on|huge on"
    r"|more of an? [\w -]+ (?:person|fan"
    r"|type|guy|girl|man|woman)|not (?:really |much |exactly )?(?:a|an|much of an?|one for|big on|into|my)\b[^.]{0,30}"
    r"\b(?:person|fan|lover|drinker|eater|reader|type|thing|style|taste|jam|cup of tea|guy|girl|parties|crowds)"
    r"|(?:night owl|early bird|morning person|homebody|introvert|extrovert|foodie|bookworm|people person|dog person"
    r"|cat person)|(?:my|our) (?:thing|cup of tea|jam|style|go-to|usual|happy place|comfort|guilty pleasure|pet peeve"
    r"|pet hate|dream|ideal|perfect|preferred|preference|first choice|weakness|passion|obsession)"
    r"|deal ?breakers?|no-go|turn-?off|out of the question|favou?rites?|nothing beats|nothing better than|nothing with"
    r"|second to none|take it or leave it|given the choice|if i had the choice|any day of the week"
    r"|get on my nerves|gets on my nerves|(?:makes?|made) my (?:day|skin crawl|eyes|nose|stomach|head|throat|knees?)"
    r"|(?:does|do) my head in|puts? me off|turns? me off|freaks? me out|stress(?:es)? me out|wears? me out"
    r"|winds? me up|cheers? me up|calms? me down|keeps? me (?:up|awake|sane|going|calm|grounded|happy)"
    r"|drives? me (?:up|mad|crazy|nuts|insane|round|bonkers)|brings? (?:me|us) (?:out|joy|peace|back)"
    r"|gives? me (?:the creeps|goosebumps|joy|energy|life|peace|a (?:headache|migraine|rash|buzz|lift|thrill"
    r"|(?:\w+ )?cough|stomach ?ache|sore \w+)|heartburn|hives|nausea|indigestion|headaches|migraines|anxiety|a kick)"
    r"|agrees? with me|do(?:es)? not (?:sit|go down|agree) (?:well )?with me|could kill me|would kill me|can kill me"
    r"|upsets? my|hurts? my|sets? off my|triggers? my|is (?:too|so|way too) \w+ for (?:me|us|my)"
    r"|(?:are|is) (?:too|so|way too) \w+ for (?:me|us|my)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun|week)days?(?: (?:mornings?|evenings?|nights?|afternoons?"
    r"|lunch))? (?:are|is) (?:always |usually |mostly )?for)\b"
)
_AM_SO = late(
    rf"(?:\b{_SOMEBODY}|^) (?:am|is|are|was always|ha(?:ve|s) (?:always|never)(?: really)? been) {_ADVERBS}"
    + any_of(
        "into keen crazy mad nuts passionate scared afraid terrified frightened fond tired_of sick_of obsessed picky "
        "sensitive partial happiest at_my_best most_productive claustrophobic squeamish fussy particular addicted "
        "drawn_to "
        "hooked uncomfortable comfortable ticklish wary nervous anxious easily useless_at no_good_(?:at|in) hopeless "
        "strict_about careful_with conscious_(?:of|about) cautious proud_of a_(?:big|huge|massive)_fan a_fan "
        "a_lover a_sucker a_creature attached_to averse allergic intolerant lactose coeliac celiac vegan vegetarian "
        "pescatarian pescetarian teetotal diabetic dyslexic colou?r-?blind deaf blind hard_of_hearing halal kosher "
        "strictly gluten on_(?:a|an)_(?:[\\w-]+_){0,3}(?:diet|budget) on_a_budget watching avoiding cutting "
        "trying_to_(?:eat|drink|cut|avoid|keep|save|spend|stay|lose|limit|reduce|use|stick) off_(?:sugar|alcohol"
        "|coffee|meat|dairy|caffeine|carbs|gluten) saving only_(?:free|available) not_(?:free|available) "
        "never_(?:free|available) usually_(?:free|available) in_a_wheelchair on_crutches"
    )
    + r"\b"
)
_CONDITIONS = (
    r"(?:allerg\w+|intoleran\w+|coeliac|celiac|vegan|vegetarian|pesc[ae]tarian|halal|kosher|teetotal\w*|lactose"
    r"|diabetic"
    r"|claustrophobi\w+|\w+phobi[ac]|dyslexi\w+|colou?r-?blind\w*|hard of hearing|hearing aids?|wheelchair|crutches"
    r"|low[- ](?:salt|sodium|carb|fat|fodmap|sugar)|keto|[\w-]+[ -]free (?:diet|food|menu|options?)|diet|step-free"
    r"|large print|subtitles|non-?drinker|non-?smoker|seasick|carsick|airsick|travel[- ]?sick|motion sick\w*|vertigo"
    r"|hay fever|hayfever)"
)
_CONDITION = late(
    r"^(?!the\b|this\b|that\b|there\b).*\b(?:am|is|are|was|were|been|went|eats?|keeps?|needs?|uses?|has|have|gets?"
    r"|got|rely|relies|suffers?|on|with|strictly|mostly|follows?|require|requires)\b(?: (?!and\b|the\b|but\b)[\w-]+)"
    rf"{{0,4}}? {_CONDITIONS}\b|^(?:allergic|allergy|vegan|vegetarian|lactose|gluten|coeliac|celiac|diabetic)\b"
    r"|\b(?:my|our|his|her|their|has an?|have an?) (?:[\w-]+ ){0,2}(?:allergy|allergies|intolerance|phobia)\b"
)
_FEELING = any_of(
    "sea-?sick car-?sick travel-?sick anxious nervous migraines headaches hives heartburn cold_easily tired_easily "
    "overwhelmed hangry bloated dizzy bored_(?:easily|quickly) grumpy cranky irritable stressed claustrophobic shy "
    "sunburn\\w* breathless vertigo impatient homesick upset_(?:when|if|by) distracted restless a_rash sleepy"
)
_GETS = late(
    rf"\b(?:get|gets|feel|feels|become|becomes) (?:so |very |really |quite |easily |a bit |terribly )*{_FEELING}\b"
)
_EFFECT = (
    r"(?:bor|annoy|bother|relax|calm|scar|disgust|irritat|fascinat|delight|stress|exhaust|upset|excit|tir|sooth"
    r"|frighten|repel|terrif|drain|depress|intrigu|overwhelm|energis|energiz|comfort|suit|help|inspir|motivat|amus"
    r"|confus|frustrat|infuriat|nauseat|sadden|unsettl|distract|ground|recharg|tempt|put|stresses)(?:es|s|ies|e|y)?"
)
_HARMS = late(
    r"\b(?:wrecks?|ruins?|kills?|hurts?|irritates?|upsets?|aggravates?|strains?|dries out|triggers?|inflames?|affects?"
    r"|bothers?"
    r"|messes with|plays havoc with|makes|gives) (?:up |with )?(?:my|our) (?:[\w-]+ )?(?:back|knees?|stomach|skin|eyes"
    r"|ears|head"
    r"|hips?|neck|joints?|tummy|feet|gut|sleep|mood|throat|nerves|shoulders?|wrists?|concentration|sinuses|asthma"
    r"|eczema)\b"
    r"|\b(?:will|do|does|can) not \w+(?: \w+)? without\b|\b(?:gives?|causes?|triggers?) (?:me|him|her|my \w+|our \w+) "
    r"(?:[\w-]+ )?(?:asthma|rashes|a rash|hives|headaches?|migraines?|nightmares|allerg\w+|cramps|spots|wind"
    r"|palpitations)\b"
    r"|\b(?:i|we|he|she|they|my \w+) (?:\w+ )?(?:struggles?|have trouble|has trouble|have difficulty"
    r"|has difficulty) (?:with|to|\w+ing)\b"
    r"|\b(?:i|we) (?:work|sleep|concentrate|learn|focus|write|think|function|perform|study|feel|cope) (?:so |much "
    r"|far )?"
    r"(?:best|better|well|badly|worse)\b|\b(?:we are|i am|ours is|i come from) an? [\w-]+(?:[ -][\w-]+)? (?:household"
    r"|family|eater"
    r"|sleeper|drinker|reader|traveller|traveler|planner|listener)\b|\bi am (?:very |really |quite |so "
    r"|not )?interested in\b"
    r"|\b(?:is|are) (?:my|our) (?:colou?r|drink|dish|team|band|comfort|kind|sort|idea|drug|poison|happy|safe)\b"
    r"|\b(?:hard|difficult|tough|impossible|easy|easier|tricky|exhausting|painful|stressful|awkward) for (?:me|us|my)\b"
    r"|^(?:mon|tues|wednes|thurs|fri|satur|sun)day(?: night| evening| morning)? is (?:my|our|always|family)\b"
    r"|\b(?:have|has) always (?:preferred|liked|loved|hated|enjoyed|avoided|disliked)\b|\b(?:is|are) when (?:i"
    r"|we) (?!was\b|were\b|had\b)|\b(?:have|has) (?:got )?(?:no|little|zero|a low"
    r"|low) (?:patience|interest|tolerance|appetite"
    r"|stomach|head|taste) for\b|^no \w+ .*\b(?:in (?:our|my|this) house|at home|at the (?:dinner )?table)\b"
    r"|\bnot allowed (?:to|any)\b"
    r"|\b(?:am|are) used to \w+ing\b|\btakes? (?:my|his|her|their|our) (?:coffee|tea|steak|eggs|whisky|porridge) \w+"
    r"|\b(?:big|huge|massive|great|no|not a) fan\b|\bthe only (?:[\w-]+ )?(?:\w+ )?i (?:eat|drink|like|watch|read|wear"
    r"|use|listen)\b"
)
_DOES_TO_ME = late(
    rf"(?<!please)(?<!you)(?<!to)(?<!will)(?<!could)(?<!can) {_EFFECT} (?:me|us)\b(?! (?:with|to) (?!death|sleep|tears"
    rf"|no))"
    r"|\b(?:makes?|leaves?|gets?|keeps?|gives?) (?:me|us|him|her|my \w+) (?:feel |so |really |very |quite |a bit "
    r"|all )*"
    r"(?:ill|sick|nervous|happy|sad|sleepy|tired|crazy|mad|cold|down|anxious|uneasy|uncomfortable|dizzy|wheeze|sneeze"
    r"|itch\w*|cough|bloated|jittery|drowsy|feel|cry|smile|laugh|sweat|queasy|angry|impatient|better|shiver|gag"
    r"|nauseous"
    r"|miserable|restless|hyper|shaky|irritable|gassy|energy|joy|fine|best|swell|puke|vomit|faint|panic|tense|calm"
    r"|relaxed|exhausted|drained|homesick|breathless)\b"
    r"|\bmy skin crawls\b"
)
_BODY = late(
    r"\bmy (?:back|knees?|stomach|skin|eyes?|ears?|head|hips?|neck|joints?|body|tummy|feet|gut|wrists?|shoulders?"
    r"|hearing|eyesight|sinuses|heart|nerves|brain) (?:(?:can|could|do|does|will) not|can only|hate|hates|act|acts"
    r"|play|plays"
    r"|flare|flares|swell|swells|hurt|hurts|need|needs|ache|aches|only|tend|tends) (?!be\b|going\b)"
)
_FOR_ME = late(
    r"\bfor (?:me|us)\b,? (?:always|only|please|thanks|never)|\bfor (?:me|us)\W*$|^for me\b"
    r"|\b(?:works?|suits?|fits?) (?:best|better|well|fine|great|perfectly)?\W*(?:for )?(?:me|us)\b|\bdo(?:es)? not "
    r"(?:really )?(?:work|suit) (?:for )?(?:me|us)\b|\b(?:a|an|pure|sheer|absolute|total) (?:nightmare|torture|bliss"
    r"|heaven|horror|delight|joy|pleasure|must|chore|struggle|luxury|comfort)\b(?! (?:to be|that happened))"
    r"|^nothing (?!is\b|was\b|has\b|happen|much\b|new\b|to\b)[\w-]+ |^no [\w -]{2,30},? (?:for me|thanks|thank you)"
    r"|\bthe better\W*$| over [\w -]+ any (?:day|time)\b"
    r"|\b(?:is|are) (?:best|ideal|better|perfect|easier|easiest|hell|bliss|heaven) for me\b"
)
_WOULD = late(
    r"\b(?:would|'d) (?:much |far |always |definitely |probably )*(?:rather|sooner|choose|pick|go for|opt|die for"
    r"|kill for|take [\w -]+ over|never (?:eat|buy|wear|live|fly|go|use))\b"
    r"|\b(?:i|we) (?:always |usually |generally |mostly |never |only |often )*(?:go for|opt for|choose|gravitate|lean"
    r" towards?)\b|\b(?:i|we) (?:do|would) not (?:mind|care for|go for|like|fancy)\b"
    r"|\bi (?:just |always |really )?find (?!out\b|it\b.*\bin the\b|my\b|the (?:key|way)\b)[\w' -]{2,50}? "
    r"(?:\w+ing|\w+ful|\w+ive|\w+less|\w+ous|hard|dull|ugly|tedious|difficult|easy|easier|too \w+|so \w+|very \w+|sad"
    r"|soothing|uncomfortable|unbearable|cringe|creepy|overrated|stressful|helpful|painful|handy|fun|impossible)\b"
    r"|\brefuses? to (?:eat|drink|wear|fly|go|sit|use|sleep|travel|touch|take)\b"
    r"|\b(?:do|does|will|would) not (?:really |ever |even )?(?:touch|eat|drink|smoke|do (?!anything|it|that)|wear|watch"
    r"|use|fly|drive|take (?:milk|sugar|my|any)|celebrate|own a car|gamble|like)\b"
    r"|\b(?:he|she|they|my \w+|our \w+) (?:only|never|always|will only) (?:eats?|drinks?|wears?|likes?|sleeps?"
    r"|watch\w*)\b"
)
_NEED = late(
    rf"\b(?:i|we|he|she|they|my (?:mum|mom|mother|dad|father|son|daughter|wife|husband|partner|sister|brother|\w+)) "
    rf"{_ADVERBS}(?:need|needs|require|requires|must have|depend on|depends on|rely on|relies on|could use|can only"
    r"|may only|am only allowed|is only allowed) (?!to\b|replac|fix|repair|new (?:brakes|tyres|tires)|\w+ing\b)\w+"
    r"|\b(?:i|we) (?:really |also |always |only )*(?:have to|need to|has to|must) (?:be (?:home|back|in bed|at home"
    r"|careful|near"
    r"|able|asleep)|avoid|watch|limit|cut (?:down|out)|keep (?:my|an eye)|stay away|sit|lie|wear|eat|stretch|take"
    r" (?:breaks|it easy|my|a break)|leave (?:by|at|before)|pick up|inject|rest|drink|work from|stop (?:by|at))\b"
)
_MONEY = late(
    r"\b(?:my|our) (?:\w+ ){0,2}(?:budget|limit|maximum|max)\b|\bon an? (?:tight |small |shoestring |strict "
    r"|low )?budget\b"
    r"|\bbudget (?:of|is)\b(?<!project budget is)|\b(?:i|we) (?:can|could|want to|would like to) (?:only "
    r"|just )?(?:spend"
    r"|pay|afford)\b|\b(?:i|we|my|our|us|me|rent|price|it|anything|hotel\w*|flights?|cost\w*|nothing|ideally)\b.*"
    r"(?:\bat (?:the )?most\b|\bno more than\b|\bmax(?:imum)?\b|\b(?:go|going|spend|pay|cost) (?:\w+ )?(?:above|over"
    r"|beyond|more than)\b|\b(?:stay|keep|kept|remain|under|below|within) .{0,25}[£$€\d])"
    r"|\b(?:at the most|at most)\W*$"
)
_TIMES = late(
    r"\b(?:can|do|could|will) not (?:really )?do (?!anything|it\b|that\b|this\b|so\b|much)\w+"
    r"|\bno (?:\w+ )?(?:calls|meetings|appointments|lessons|visits|workouts|coffee|screens|work|food|alcohol|emails?)"
    r" (?:before|after|on|at|past|until)\b|\b(?:never|not) (?:available |free |reachable )?(?:before|after|past) "
    r"(?:\d|noon|eight|nine|ten|seven|six|lunch|breakfast|dark)|\b(?:only|usually) (?:free|available|reachable|at home"
    r"|around)\b|\b(?:prefer|rather)\b|\bto unwind\b|\bto relax\b"
)
_STRONG = (_BODY, _HARMS, _AM_SO, _IDIOM, _CONDITION, _NEED, _MONEY, _WOULD)
_HARD = late(_HARD_TO_BEAR)
_WORD = late(r"[a-z]+")

# --- habits ---

_OFTEN = (
    r"(?:always|usually|normally|typically|generally|often|rarely|seldom|regularly|mostly|mainly|sometimes|occasionally"
    r"|frequently|hardly(?: ever)?|never|only ever|routinely|religiously|habitually|automatically|almost (?:always"
    r"|never)"
    r"|nearly always|tend to|try (?:not )?to|like to|only (?=\w+ .*\b(?:if|when|at|in|on|with|for|after|before|from"
    r"|by)\b)|make (?:it )?a (?:point|habit) (?:of|to)|no longer(?! (?:work|live|own|have|study|belong|need|know)\b)"
    r"|barely)"
)
_NOT_PRESENT = (
    r"(?!(?:am|are|is|was|were|have|has|had|did|will|can|could|would|should|shall|may|might|must|own|know|went|got|said"
    r"|met|saw|took|came|left|made|bought|sold|found|lost|broke|ran|gave|told|spent|ate|drank|slept|\w+ed|want|mean"
    r"|hope|think|believe|understand|remember|forgot|wish|guess|live|speak|belong|weigh|need|lived|work (?:as|at|for"
    r"|in)"
    r"|teach|study|wrote|flew|drove|won|began|sent|paid|heard|fell|felt|held|kept|put|cut|read that|booked)\b)"
)
_I = rf"\b(?:i|we) (?:also |just |still |now |mostly |then |both |really |only )*{_NOT_PRESENT}"
_HABITS = any_of(
    "eat drink sleep wake get_up go_to_bed commute cycle jog swim wear_(?!size|a_size|glasses|\\d) read listen watch "
    "cook bake smoke vape "
    "volunteer meditate nap snack skip order ski hike knit garden sing fish camp shower tip shop donate journal pray "
    "fast dance climb surf walk collect paint_(?!houses) ride sketch brew play do_(?:yoga|pilates|the|my|most|all) "
    "take_(?:my|the_(?:\\S+_)?(?:bus|train|stairs|tram|metro|tube)|two|no|long|cold|naps|notes|sugar|milk|it|vitamin) "
    "travel_(?:by|with|light|second|first|only) bike spend_(?:every|most|my|sundays|all) drive_(?:to|an?_automatic) "
    "run_(?!an?\\b|the\\b|my\\b|our\\b|on\\b|out\\b|two\\b|three\\b) pay_(?:cash|by|in_cash|everything) "
    "train_(?!as\\b|people\\b) go_(?:to_(?:the_)?(?:gym|church|mosque|bed|yoga|choir|pilates)|running|swimming"
    "|climbing|dancing|hiking|for_(?:a_)?(?:run|walk)s?|barefoot|cycling|skiing|camping|fishing|out)"
)
_DAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days"
_RECURS = (
    rf"(?:\b(?:every|each) (?:single |other |second |third )?(?:day|morning|evening|afternoon|night|week|weekend|month"
    rf"|year"
    r"|spring|summer|autumn|fall|winter|time|meal|hour|lunch\w*|christmas|easter|few|\w+day|[a-z]+ (?:weeks|days|hours"
    rf"|months))|\b(?:once|twice|thrice|\w+ times|\d+x|several times) (?:a|per|every|each) (?:day|week|month|year"
    rf"|night)"
    rf"|\b(?:on )?{_DAYS}\b|\bon (?:school|work|week) ?(?:days|nights)|\bat weekends|\bon (?:the )?weekends|\bdaily\b"
    r"|\bnightly\b|\bweekly\b|\bin the (?:mornings|evenings|afternoons)|\bmost (?:days|mornings|evenings|nights"
    r"|weekends)"
    r"|\bsome (?:days|mornings|nights)|\bfirst thing\b|\bbefore (?:going|bed|breakfast|work|sleep|dinner|every|each"
    r"|long)\b"
    r"|\bafter (?:work|lunch|dinner|school|meals|every|each|supper|breakfast)\b|\bwhen(?:ever)? (?:i|we) can\b"
    r"|\ball year round|\bthese days\b|\bfor breakfast\b|\bwith (?:breakfast|dinner|lunch|every)\b)"
)
_HABIT = late(
    rf"{_I}(?:{_OFTEN}(?! (?:been|had|went|got|met|saw|\w+ed|knew|heard|wanted|meant|said|told|thought|be)\b)"
    rf"|(?:do not )?{_HABITS}\b(?! for a living)|\w[^.!?]*{_RECURS})"
    rf"|\b(?:i|we) (?:do not|am not|are not) (?:usually|normally|often|generally|always|ever|really) "
    rf"|(?:^|, )(?:{_RECURS}|(?:mon|tues|wednes|thurs|fri|satur|sun)day (?:mornings|afternoons|evenings|nights))"
    rf"[^.!?]*?{_I}|^(?:when|whenever|if|before|after|in|on|at|come)\b[^,.]*, {_I}(?!just\b)\w+"
    rf"|^(?:never|always|usually|rarely|hardly ever|mostly|normally|often) (?!give|use|write|answer|reply|ask|tell|call"
    r"|show|say|send|book|include|be\b|put|start|suggest|mention|explain|make sure|let|assume|share|keep|end|address"
    r"|quote|cite|add|double|check|speak|respond|offer|do not|remind|delete|refer|format|sign|round)\w+"
    rf"|\bmy (?:morning|daily|weekly|usual|evening|nightly|bedtime) (?:routine|order|walk|ritual|run|commute|coffee)\b"
    rf"|\b(?:i|we) (?:try|tend|like|prefer|love) (?:not )?to\b|\bas often as (?:i|we) can\b|\bhabit of\b|\b(?:movie"
    rf"|film|pizza|game|date|taco|quiz|curry|board game) night\b|^(?:on )?{_DAYS} are\b"
    r"|\b(?:i|we) (?:really |do not |would )?want (?!you\b|to (?:know|ask|see|hear|thank|tell|say)\b)"
    r"|\b(?:i|we) (?:am|are) (?:usually|always|never|normally|rarely|generally|often|only) "
)


def is_strong_leaning(plain: str) -> bool:
    """Does it tell of a leaning whatever else it says: a taste, an intolerance, a need, a limit?"""
    words = _WORD.findall(plain)
    return _has_taste(words) or any(form.search(plain) for form in _STRONG if _may_be(form, words))


def is_leaning(plain: str) -> bool:
    """Does it tell of a leaning or habit if it does not tell of something that happens once?"""
    words = _WORD.findall(plain)
    return any(form.search(plain) for form in _WEAK if _may_be(form, words))


def _may_be(form: re.Pattern[str], words: Collection[str]) -> bool:
    """Has it one of the words without which the form need not be tried?"""
    needed = _NEEDED.get(form)
    return needed is None or not needed.isdisjoint(words)


def _has_taste(words: Sequence[str]) -> bool:
    for at, word in enumerate(words):
        if word not in _TASTE and word not in _TASTE_OF_ONE:
            continue
        after = words[at + 1 : at + 3]
        if after[:1] and (after[0] in _NO_TASTE or "_".join(after) in _NO_TASTE):
            continue
        if word == "like" and "_".join(after) in _NOT_LIKED:
            continue
        start = at
        while start and words[start - 1] in _BETWEEN:
            start -= 1
        who = words[start - 1] if start else ""
        if word in _TASTE_OF_ONE and at:
            return True
        if word in _TASTE and (who in _SEVERAL or (not who and word not in _ORDERED)):
            return True
    return False


_ORDERED = frozenset({"avoid", "appreciate", "favour", "favor", "prefer", "cherish", "savour", "savor", "treasure"})
_WEAK = (_DOES_TO_ME, _FOR_ME, _TIMES, _HARD, _GETS, _HABIT)
_NEEDED: dict[re.Pattern[str], frozenset[str]] = {
    _DOES_TO_ME: frozenset("me us my him her".split()),
    _FOR_ME: frozenset(
        "me us nightmare torture bliss heaven horror delight joy pleasure must chore struggle luxury comfort no better "
        "nothing "
        "over".split()
    ),
    _HARD: frozenset({"not"}),
    _GETS: frozenset("get gets feel feels become becomes".split()),
    _HABIT: frozenset("i we my never always usually rarely hardly mostly normally often habit night".split()),
    _NEED: frozenset("need needs require requires must depend depends rely relies use only have has".split()),
    _AM_SO: frozenset("am is are been".split()),
}
