"""The words that tell entities and relations: roles, names, places, and what makes a name one of an organisation.

English, closed, written by hand; a name that is in none of the lists is judged by the words around it.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KIN_FEMALE = _words(
    "gran mother mum mom mama sister wife daughter grandmother grandma granny nana aunt auntie niece girlfriend "
    "fiancée mother-in-law sister-in-law daughter-in-law stepmother stepsister half-sister granddaughter godmother "
    "ex-wife ex-girlfriend stepdaughter"
)
KIN_MALE = _words(
    "father dad papa brother husband son grandfather grandpa granddad uncle nephew boyfriend fiancé father-in-law "
    "brother-in-law son-in-law stepfather stepbrother half-brother grandson godfather ex-husband ex-boyfriend "
    "stepson"
)
KIN_EITHER = _words(
    "parents partner spouse cousin cousins child children kid kids sibling siblings twin twins brothers sisters "
    "sons daughters grandparents grandkids grandchildren in-laws family baby uncles aunts nieces nephews fiance ex"
)
KIN = KIN_FEMALE | KIN_MALE | KIN_EITHER
KNOWN_AS = _words(
    "friend friends colleague colleagues coworker coworkers co-worker neighbour neighbor neighbours neighbors boss "
    "manager landlord landlady roommate flatmate housemate doctor dentist therapist teacher tutor coach trainer "
    "lawyer accountant hairdresser barber mentor supervisor advisor client classmate teammate physio "
    "physiotherapist nanny babysitter mechanic gardener assistant professor instructor lead gp vet tenant intern "
    "bandmate"
)
SAME_ROLE = {
    "mum": "mother", "mom": "mother", "mama": "mother", "dad": "father", "papa": "father", "grandma": "grandmother",
    "granny": "grandmother", "gran": "grandmother", "nana": "grandmother", "grandpa": "grandfather",
    "granddad": "grandfather",
    "auntie": "aunt", "coworker": "colleague", "co-worker": "colleague", "neighbor": "neighbour",
    "neighbors": "neighbours", "roommate": "flatmate", "housemate": "flatmate", "fiancé": "fiance",
    "fiancée": "fiance", "gp": "doctor",
}  # fmt: skip
CALLED = _words("gran mum mom mama dad papa grandma granny nana grandpa granddad")
"""Roles that stand without "my"."""
ROLE_TRAITS = _words(
    "older younger elder eldest oldest youngest little big twin best good old new late close dear former ex two "
    "three four only other next-door lovely team project line department maternal paternal beloved childhood family "
    "piano personal mutual english german french spanish yoga guitar swimming running tennis"
)
OWNED = _words(
    "dog cat puppy kitten horse parrot rabbit hamster tortoise pet car bike bicycle motorbike van boat house flat "
    "apartment garden phone laptop piano guitar violin"
)
NAMED_AFTER = _words("called named")

HONORIFICS = _words("dr mr mrs ms miss mx prof professor doctor sir dame herr frau señor señora aunt uncle auntie")
SMALL = _words("of the de la del der den di da do dos du van von el al bin ibn le and &")
"""Small words that may stand within a name."""
ORGANISATIONS = _words(
    "university college school academy institute hospital clinic bank museum museo musée ltd limited gmbh ag inc "
    "corp corporation company co llc plc foundation society association agency ministry department council church "
    "orchestra choir club centre center fc library theatre theater gallery labs laboratories robotics airlines "
    "airways group union federation committee court kindergarten universität hochschule studio studios partners "
    "consulting systems technologies bakery pharmacy café restaurant cooperative co-op"
)
LANDSCAPE = _words(
    "street road avenue lane square park lake river mount mountain mountains bay beach island islands valley county "
    "city airport station bridge forest castle village harbour hill hills peninsula desert coast canyon falls"
)
REGIONS = _words(
    "africa america antarctica asia australia europe afghanistan albania algeria argentina armenia austria "
    "bangladesh belgium bolivia brazil bulgaria cambodia cameroon canada chile china colombia croatia cuba cyprus "
    "czechia denmark ecuador egypt england estonia ethiopia finland france georgia germany ghana greece guatemala "
    "hungary iceland india indonesia iran iraq ireland israel italy jamaica japan jordan kenya korea kosovo latvia "
    "lebanon lithuania luxembourg malaysia malta mexico moldova mongolia montenegro morocco nepal netherlands "
    "nigeria norway pakistan panama peru philippines poland portugal qatar romania russia rwanda scotland senegal "
    "serbia singapore slovakia slovenia somalia spain sudan sweden switzerland syria taiwan tanzania thailand "
    "tunisia turkey uganda ukraine uruguay usa uk venezuela vietnam wales yemen zambia zimbabwe california texas "
    "florida hawaii alaska bavaria tuscany sicily sardinia crete bali brittany catalonia andalusia provence "
    "normandy"
)
"""Continents, countries and regions whose names are one word."""
CITIES = _words(
    "amsterdam ankara antwerp athens auckland baghdad baku bangkok barcelona basel beijing beirut belfast belgrade "
    "bergen berlin bern bilbao birmingham bogota bogotá bologna bonn bordeaux boston bratislava bremen brighton "
    "bristol brisbane bruges brussels bucharest budapest busan cairo cambridge cardiff casablanca chicago cologne "
    "copenhagen cork dakar dallas delhi denver detroit dresden dubai dublin durban düsseldorf edinburgh florence "
    "frankfurt galway gdansk geneva genoa ghent glasgow gothenburg granada graz hamburg hanoi hanover havana "
    "helsinki houston istanbul jakarta jerusalem johannesburg karachi kolkata krakow kyiv kyoto lagos lausanne "
    "leeds leipzig lima lisbon liverpool ljubljana london lyon madrid malaga malmö malmo manchester manila "
    "marrakesh marseille melbourne miami milan minsk montreal moscow mumbai munich nagoya nairobi naples nice "
    "nottingham nuremberg oaxaca osaka oslo ottawa oxford palermo paris perth pisa plovdiv porto prague pune quito "
    "reykjavik riga rome rotterdam salzburg santiago sarajevo seattle seoul seville shanghai shenzhen sheffield "
    "skopje sofia split stockholm strasbourg stuttgart sydney taipei tallinn tartu tbilisi tehran tokyo toronto "
    "toulouse trieste tromso turin utrecht valencia vancouver venice verona vienna vilnius warsaw wellington york "
    "zagreb zurich"
)
PLACES = REGIONS | CITIES
AMBIGUOUS = _words("nice split cork georgia jordan chile china turkey reading sofia florence valencia lima sydney york")
"""Places whose names are people or words as well: only after a word that asks for a place."""

FEMALE = _words(
    "abena ada agnes aisha alice alicia aline amal amanda amelia amina amy ana andrea angela anika anja anna anne "
    "annie astrid ayla ayşe beatriz bella bettina birgit bridget camille carla carmen caroline catherine chiara "
    "chloe christina claire clara claudia daisy dana daniela deborah diana ebru elaine elena eleni elif elisa "
    "elizabeth ella ellen emily emma erika esra esther eva eve fatima fiona frances freja frida gabriela giulia "
    "grace greta hannah heather heidi helen helena helga hilde hope ida ines ingrid irene irina isabel isabella "
    "ivana jana jane janet jasmine jennifer jessica joan joanna josephine joy judith julia julie june kalina karen "
    "karin kate katherine kathy katja keiko kirsten lara laura layla lea leila lena lila lily linda lisa louise "
    "lucia lucy luisa lydia magda maja margaret maria marie marina marta martha mary matilda maya megan mei melanie "
    "mia michelle mina mira mirela miriam monica nadia nadine naomi natalia natalie nicole nina noor nora odile "
    "olga olivia paloma patricia paula petra priya priyanka rachel rebecca regina renate rita rosa rose ruby ruth "
    "sabine sally samira sandra sara sarah simone sofie sonja sophia sophie stella stephanie sue susan susanne "
    "sylvia tanja tara teresa tilda ursula valentina vanessa vera veronica victoria wanda yasmin yoko yuki yvonne "
    "zara zoe may april"
)
MALE = _words(
    "adam adrian ahmed alan albert alejandro alessandro alexander ali anders andré andreas andrew anthony antoine "
    "anton antonio arjun arthur artur axel ben benjamin bernd bilal bill bob boris brian bruno caleb carl carlos "
    "caspian charles chris christian christopher daniel dave david dennis deniz diego dieter dimitri dmitri edward "
    "emil emre eric erik ethan eugene fabian farid felix fernando filip finn francesco francisco frank franz fred "
    "gabriel george gerald giovanni giuseppe gordon graham greg guido gustav hans harry hassan hector henrik henry "
    "hiroshi hugo hussein ian ibrahim igor ivan ivo jack jacob jakob jakub james jan jason javier jens jim joe "
    "johan johannes john johnny jonas jonathan joost jorge jose josé joseph josh joshua juan jürgen karl keith ken "
    "kenji kevin kofi konrad kurt kwame lars leo leon leonard liam logan lorenzo louis luca lucas luigi luis luke "
    "magnus malik manuel marc marco marek mario mark markus martin matteo matthew max mehmet michael miguel mike "
    "milan mohamed mohammed moritz mustafa nathan nicholas nick nico nikhil nikolai nils noah olaf ole oleg oliver "
    "omar oscar oskar otto pablo paolo patrick paul paulo pavel pedro per peter petr philip pierre piotr rafael raj "
    "ralf ralph ravi raymond richard rob robert roberto roger roland roman ron rui ryan salim sam samuel sandro "
    "sanjay scott sean sebastian sergei simon stefan stephen steve sven takeshi tariq theo thomas tim timo tobias "
    "tom tomasz tommy tony ulrich umberto viktor vincent vladimir walter werner wilhelm will william xavier yusuf "
    "zoltan"
)
FIRST_NAMES = FEMALE | MALE
WORDS_TOO = _words(
    "will may mark rose grace june april hope joy bill sue jack frank per max ray art pat drew chase nice"
)
"""First names that are words as well: at the start of a sentence only before what a person does."""
NICKNAMES = {
    "alex": "alexander", "andy": "andrew", "becky": "rebecca", "ben": "benjamin", "beth": "elizabeth",
    "bill": "william", "bob": "robert", "cathy": "catherine", "charlie": "charles", "chris": "christopher",
    "dan": "daniel", "dave": "david", "ed": "edward", "fred": "frederick", "greg": "gregory", "jen": "jennifer",
    "jenny": "jennifer", "jess": "jessica", "jim": "james", "joe": "joseph", "josh": "joshua", "kate": "katherine",
    "kathy": "katherine", "lizzie": "elizabeth", "liz": "elizabeth", "maggie": "margaret", "matt": "matthew",
    "mel": "melanie", "mike": "michael", "nick": "nicholas", "pam": "pamela", "pat": "patricia", "pete": "peter",
    "phil": "philip", "rob": "robert", "ron": "ronald", "sam": "samuel", "steve": "stephen", "sue": "susan",
    "tim": "timothy", "tom": "thomas", "tony": "anthony", "vicky": "victoria", "will": "william", "zach": "zachary",
}  # fmt: skip
"""Short forms and the name they stand for, where people use them for hardly anything else."""

STARTS = _words(
    "poor costs leave dump start select send put set the a an this that these those there here it its i we you he "
    "she they my our your his her their who what when where why how which whose and but or so if because although "
    "while since as at in on by for from to with without of after before during until then now also maybe perhaps "
    "please always never not no yes ok okay hi hello dear thanks remember note reminder todo ask call tell email "
    "meet met saw visited visit went go buy bought sold had have has do does did is are was were be been can could "
    "will would should may might must let got get moved spent watched read wrote told said asked heard found made "
    "took gave left lost won started finished joined quit booked use check make take keep give bring add see "
    "flights customer next last every each some any all both most many one two three today yesterday tomorrow "
    "tonight monday tuesday wednesday thursday friday saturday sunday once only just really very too still finally "
    "recently usually sometimes often love hate like enjoy prefer thank happy sorry good great new old turn mark "
    "rose pick drop plan book order pay speak talk write reply answer apparently"
)
"""Words that are written with a capital at the start of a sentence and are no part of a name."""
CALENDAR = _words(
    "sundays mondays tuesdays wednesdays thursdays fridays saturdays welsh scottish irish norwegian polish russian "
    "finnish greek arabic hebrew hindi korean latin indian mexican brazilian canadian australian african asian "
    "european czech hungarian austrian swiss belgian vietnamese thai ukrainian romanian persian old january "
    "february march april may june july august september october november december jan feb mar apr jun jul aug sep "
    "sept oct nov dec monday tuesday wednesday thursday friday saturday sunday christmas easter english french "
    "german spanish italian british american dutch portuguese swedish danish turkish japanese chinese i ok"
)
"""Capitalised words that name nobody: times, languages, nationalities."""
DOES = _words(
    "sings dances cooks swims smokes snores complains hopes talks reads misses sleeps eats drinks needs does bakes "
    "said says told tells thinks thought works worked lives lived likes liked loves loved hates hated prefers "
    "preferred dislikes enjoys owns plays played studies studied moved joined visited bought met wants wanted "
    "married called wrote teaches taught runs left quit asked owes drives collects painted finished recommended "
    "invited coaches speaks adopted built sold knows agreed mentioned sent gave got went came comes graduated"
)
"""What people do: the capitalised word before is taken for somebody."""
SURELY_DOES = DOES - _words(
    "bakes misses needs does works worked moved runs left called came comes went gave got built sent finished said "
    "sold drives wrote"
)
"""The same, where the word before is capitalised as the first of a sentence: electricity drives a compressor."""
WORKING = _words(
    "work works worked working job joined hired employed intern internship teaches teach volunteer volunteers runs "
    "run leads heads quit left resigned retired client customer employer"
)
GOING = _words(
    "sail sailed sailing cycle cycled ride rode hike hiked walk walked ran run move running return returned moved "
    "moving went go going fly flying flew travel travelled traveled travelling trip flight flights drove drive "
    "train ferry bus road way relocated back been tickets ticket visit"
)
PREPOSITIONS = _words(
    "in at on to from for with by of about near into onto through over under between behind after before during "
    "since until without within around against along across towards toward via per than as like beside outside "
    "inside"
)
