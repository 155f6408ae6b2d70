"""Who and what a sentence names: names, persons by role, things, events. By form, without a dictionary of names. Pure.

A name is a capitalised word that is not there for its place or as a day, month, holiday or language. A person by role
("my sister", "the vet") is a mention too; one who has both ("my aunt Philippa") is known by the name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from memos_mcp.late import late
from memos_mcp.operation.entity_people import gender_of

Sort = Literal["person", "place", "thing"]

_SHE = frozenset(
    "mother mum mom mama sister daughter aunt niece grandmother grandma granny gran wife girlfriend stepmother "
    "mother-in-law sister-in-law daughter-in-law goddaughter widow landlady granddaughter stepsister great-aunt "
    "godmother ex-wife girlfriend nana nan".split()
)
_HE = frozenset(
    "father dad papa brother son uncle nephew grandfather grandpa grandad husband boyfriend stepfather "
    "father-in-law brother-in-law son-in-law godson grandson stepbrother great-uncle godfather ex-husband hubby".split()
)
_THEY = frozenset(
    "parents kids children twins siblings grandparents brothers sisters daughters sons colleagues neighbours "
    "neighbors friends in-laws cousins uncles aunts roommates flatmates teachers doctors guests tenants in-laws "
    "nephews nieces grandchildren cousins-in-law stepkids classmates housemates".split()
)
_ANY = frozenset(
    "doctor physician dentist vet nurse midwife surgeon therapist physiotherapist psychologist psychiatrist "
    "counsellor pharmacist optician teacher tutor professor lecturer coach trainer instructor boss manager "
    "supervisor colleague coworker co-worker assistant accountant lawyer solicitor notary agent broker insurer "
    "landlord tenant neighbour neighbor friend partner spouse fiance fiancee roommate flatmate housemate cousin "
    "child kid baby grandchild twin sibling godparent babysitter nanny cleaner gardener plumber electrician "
    "carpenter builder roofer mechanic painter architect hairdresser barber tailor baker butcher postman courier "
    "conductor priest pastor vicar client customer supplier ex recruiter mentor contractor caretaker "
    "driver pilot gp osteopath chiropractor dermatologist orthodontist paediatrician pediatrician cardiologist "
    "oncologist "
    "gynaecologist gynecologist neurologist consultant specialist dietitian dietician nutritionist hygienist "
    "podiatrist "
    "psychotherapist carer caregiver broker adviser advisor banker realtor surveyor inspector decorator joiner "
    "locksmith "
    "handyman stylist florist caterer photographer childminder headteacher headmaster principal dean librarian rabbi "
    "imam "
    "sponsor investor intern trainee apprentice secretary receptionist teammate groomer sitter councillor stepson "
    "stepdaughter editor publisher translator interpreter bookkeeper auditor recruiter superintendent janitor "
    "warden physio doc prof auntie sis bro missus stepmum stepdad".split()
)
ROLES = _SHE | _HE | _THEY | _ANY
"""Words for persons by what they are to somebody."""

_TITLE = r"(?:Dr|Prof|Professor|Mr|Mrs|Ms|Miss|Mx|Sir|Dame|Father|Sister|Aunt|Uncle|Captain|Judge)"
_NAME = late(
    rf"\b(?:{_TITLE}\.? )?[A-Z\u00c0-\u00de][^\W_]*(?:[-’'][A-Z\u00c0-\u00de]?[^\W\d_]{{2,}})*"
    rf"(?: (?:(?:de|la|van|von|der|of the) )?[A-Z\u00c0-\u00de][^\W_]*(?:-[^\W_]+)*)*"
)
_WORD = late(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WHOSE = late(
    r"\b(?:my|our|your|his|her|their|the|a|an|that|this|those|these) (?P<more>(?:[a-z][a-z-]* ){0,2})$", re.IGNORECASE
)
_ANYBODY = late(r"\b(?:how many|any|no|which|what|number of|more|other|of) $", re.IGNORECASE)
_OF_SOMEBODY = late(r"[A-Za-z]['’]s (?:[a-z-]+ ){0,2}$")
_COMPOUND = late(r" (?:shower|seat|clothes|appointments?|food|monitor|room|chair|practice|office|bills?)\b")
_OCCASION_OF = late(r"['’]s? (?:evening|day|night|association|council|meeting)\b")
_NEAR = 40  # characters before a role in which it is said whose it is
_THING = late(
    r"\b(?P<det>(?i:the|my|our|a|an|some|this|that|two|three|four|five|six|several)) "
    r"(?=(?P<words>(?:[A-Z][\w-]* (?=[a-z]))?[a-z][\w-]*(?: [a-z][\w-]*){0,3}))"
)
_AFTER_PLACE = late(r"\b(?:in|at|to|from|near|around|through|via|inside|outside|towards?)(?: the)? $", re.IGNORECASE)
_WITH_SOMEBODY = late(
    r"\b(?:talk|talking|talked|speak|speaking|spoke|spoken|said|say|write|wrote|written|lend|lent|give|gave|given"
    r"|listen"
    r"|explain|explained|reply|replied|introduced|promised|show|showed|owe|married|engaged|related|belongs?|reports?"
    r"|happened|hear|heard|borrowed|present|gift|letter|call|message|e-?mail|news|sold|apologi[sz]ed?|mentioned"
    r"|suggested|recommended|close|sorry) (?:[\w'’]+ ){0,3}?(?:to|from) $",
    re.IGNORECASE,
)
_AFTER_CIRCUMSTANCE = late(
    r"\b(?:in|at|on|from|near|behind|under|over|until|during|after|before|by|since|with|for|about)(?: the)? $",
    re.IGNORECASE,
)
_OF_A_NAME = late(
    r" (?:in|of|to|from|at|with) (?:the |my |our )?(?:"
    + "|".join(sorted(ROLES))
    + r")\b| (?:in|of|to|from|at|with) [A-Z][^\W_]+(?: [A-Z][^\W_]+)*"
)

NOT_NAMES = frozenset(
    "gp pin id cv atm sim usb gps dna mri ct url faq diy bbq vat iban i i'm i've i'd i'll ok okay tv dvd "
    "cd pdf monday tuesday wednesday thursday friday saturday sunday mondays "
    "tuesdays wednesdays thursdays fridays saturdays sundays january february march april may june july august "
    "september october november december jan feb mar apr jun jul aug sep sept oct nov dec spring summer autumn "
    "fall winter christmas easter halloween thanksgiving hanukkah ramadan diwali eid passover lent advent whitsun "
    "pentecost english french german spanish italian portuguese dutch danish swedish norwegian finnish icelandic "
    "polish czech russian ukrainian greek turkish arabic hebrew hindi chinese japanese korean welsh irish latin "
    "esperanto vietnamese thai hungarian romanian american british european african asian".split()
)
"""Capitalised words that name a time or a language, or nothing."""
_STARTS = frozenset(
    "what who whom whose which when where why how do does did is are was were be been am can could would will "
    "shall should may might must have has had and or but so no not yes yeah if then also again please tell give "
    "show list name remember forget remind note make write add delete remove erase change update correct compare "
    "summarise summarize summary sum recap count find get let keep save store record put send translate draft "
    "compose explain define suggest recommend plan help thanks thank hi hello hey ok okay sure great good nice "
    "perfect cool wait actually sorry well oh ah from now always never just only call answer reply use don't do "
    "you my our your his her its their the a an this that these those it he she they we i in on at to of for with "
    "without by about since until before after during while once last next yesterday today tomorrow tonight there "
    "here one two three all every each any some both everyone everybody nobody nothing noted got describe check "
    "look read bring say speak talk take go come stop start set between as like more most many much few another "
    "whenever wherever whatever whoever unless although because though whether despite regarding concerning except "
    "several most half mine someone somebody anyone anybody something anything everything usually sometimes often "
    "mostly honestly apparently unfortunately luckily sadly basically generally normally okay keep use avoid include "
    "ignore skip move push mark log wipe scrub purge postpone cancel scratch "
    "other same such too very really maybe perhaps instead replace rename wipe drop clear".split()
)
_VERBS = frozenset(
    "is are was were has had have does did do will would can could should may might must said says told likes "
    "loves hates wants lives works came went got gave took made left lost won ran met saw bought sold sang kept "
    "paid lent fell broke prefers thinks knows needs called plays lets allows charges offers opens closes serves sells "
    "costs takes "
    "gives makes goes comes teaches studies runs drives speaks eats drinks still always never keeps owes uses owns "
    "won't doesn't isn't can't didn't hasn't".split()
)
_FUNCTION = frozenset(
    "and or but nor so that which who whom whose when where while as than if because is are was were be been am "
    "do does did has have had will would can could shall should may might must not no never to in on at of for "
    "with from by about into over under after before since until during between near behind last next this these "
    "those it he she they we you i me him her them us there here then now again better best more most please said "
    "says told starts start started closes close open opens came comes come went go goes got get gets lost won "
    "broke called arrive arrived ends end begins has happened happen lives live works work costs cost yesterday "
    "today tomorrow tonight just also already still ever".split()
)


@dataclass(frozen=True, slots=True)
class Mention:
    """Something named: where it stands, the name or role by which it is known, and what stands there in full."""

    start: int
    end: int
    name: str
    sort: Sort
    phrase: str
    role: str = ""

    @property
    def many(self) -> bool:
        """Several persons by one word: parents."""
        return self.role in _THEY

    def may_be(self, pronoun: str) -> bool:
        """Could he, she or they stand for it? Of names nobody knows."""
        if self.sort == "place" or self.many or self.gender == ("m" if pronoun == "she" else "f"):
            return False
        return self.role not in (_HE if pronoun == "she" else _SHE if pronoun == "he" else ())

    def is_certainly(self, pronoun: str) -> bool:
        """Is it somebody for whom the pronoun is the one to use, as she is for an aunt?"""
        certain = self.role in (_SHE if pronoun == "she" else _HE if pronoun == "he" else ())
        return certain or self.gender == {"she": "f", "he": "m"}.get(pronoun, "-")

    @property
    def gender(self) -> str:
        """What a title or a first name says, if it is the name of one person; else empty."""
        return gender_of(self.name) if self.sort == "person" and not self.role else ""


def mentions_in(text: str, *, people: Collection[str] = (), times: Collection[tuple[int, int]] = ()) -> list[Mention]:
    """Names and persons by role, in order; `people` are names known to be such, `times` spans that are none."""
    names = list(_names(text, people, times))
    roles = [each for each in _roles(text) if not any(each.start < n.end and n.start < each.end for n in names)]
    known = _appositions(text, names, roles)
    return sorted([*known, *(r for r in roles if not any(k.start <= r.start < k.end for k in known))], key=_place)


def _place(mention: Mention) -> int:
    return mention.start


def _names(text: str, people: Collection[str], times: Collection[tuple[int, int]]) -> list[Mention]:
    known = {person.lower() for person in people}
    found: list[Mention] = []
    for each in _NAME.finditer(text):
        start, end = _trimmed(text, each.start(), each.end(), known)
        if start >= end or any(start < stop and begin < end for begin, stop in times):
            continue
        name = text[start:end]
        if len(name) == 1 and name.lower() not in known:
            continue
        place = _AFTER_PLACE.search(text[:start]) is not None and not name.startswith(("Dr", "Mr", "Prof"))
        place = place and _WITH_SOMEBODY.search(text[:start]) is None
        found.append(Mention(start, end, name, "place" if place else "person", name))
    if text == text.lower():
        for person in known:
            found += [
                Mention(m.start(), m.end(), person, "person", person)
                for m in re.finditer(rf"\b{re.escape(person)}\b", text)
            ]
    return found


def _trimmed(text: str, start: int, end: int, known: Collection[str]) -> tuple[int, int]:
    """The span without the word that only begins its sentence, and without days and languages at either side."""
    while start < end:
        word = re.match(r"[^\s]+", text[start:end])
        if word is None:
            return end, end
        plain = re.sub(r"[’'](?:s|ve|ll|re|d|m)$", "", word[0]).lower().replace("’", "'")
        begins = re.search(r"(?:^|[.!?:]\s+|[\"“']|\n)$", text[:start]) is not None
        if plain in NOT_NAMES or (begins and plain not in known and not _is_name_at_start(text, start, end, plain)):
            start += len(word[0])
            start += len(text[start:end]) - len(text[start:end].lstrip())
            continue
        break
    while start < end and (last := text[start:end].rsplit(" ", 1))[-1].lower() in NOT_NAMES:
        end = start + (len(last[0]) if len(last) == 2 else 0)
    return start, end


def _is_name_at_start(text: str, start: int, end: int, plain: str) -> bool:
    if plain in _STARTS or plain in ROLES:
        return False
    if re.match(_TITLE + r"\b", text[start:end]):
        return True
    rest = text[start:end].split(" ")[1:]
    if rest and rest[0] in ("I", "I'm", "I've", "I’m", "I’ve"):
        return False
    after = re.match(r"(?:[’']s\b|,)?\s*([^\W_]+(?:[’']t)?)?", text[end:])
    follows = (after[1] or "").lower().replace("’", "'") if after else ""
    if re.match(r"(?:, [A-Z][^\W_]+)*,? (?:and|or) (?:[A-Z]|(?:my|her|his|our|the|their) )", text[end:]):
        return True
    return bool(rest) or text[end : end + 2] in ("'s", "’s") or follows in _VERBS or follows.endswith("ed")


def _roles(text: str) -> list[Mention]:
    found: list[Mention] = []
    for each in _WORD.finditer(text):
        role = each[0].lower()
        if role not in ROLES or text[each.end() : each.end() + 1] == "-":
            continue
        before = text[max(0, each.start() - _NEAR) : each.start()]
        whose = _WHOSE.search(before)
        if whose and not _FUNCTION.isdisjoint(whose["more"].lower().split()):
            whose = None
        if _OCCASION_OF.match(text, each.end()):
            continue
        owns = text[each.end() : each.end() + 2] in ("'s", "’s") or (
            _OF_SOMEBODY.search(before) is not None and _COMPOUND.match(text, each.end()) is None
        )
        if not (whose or owns or (role in _SHE | _HE | _THEY and not (role in _THEY and _ANYBODY.search(before)))):
            continue
        start = each.start() - (len(before) - whose.start() if whose else 0)
        phrase = text[start : each.end()]
        phrase = re.sub(r"^an? ", "the ", phrase[0].lower() + phrase[1:], flags=re.IGNORECASE) if whose else phrase
        found.append(Mention(start, each.end(), role, "person", phrase, role))
    return found


def _appositions(text: str, names: list[Mention], roles: list[Mention]) -> list[Mention]:
    """Names as they are known: "my aunt Philippa", "my dentist is Dr Lindqvist" are one person."""
    known: list[Mention] = []
    for name in names:
        role = next((r for r in roles if r.end < name.start and _IS_CALLED.fullmatch(text[r.end : name.start])), None)
        start = role.start if role else name.start
        sort: Sort = "person" if role else name.sort
        known.append(Mention(start, name.end, name.name, sort, name.phrase, role.role if role else ""))
    return known


_IS_CALLED = late(r",? (?:(?:is|was) (?:called |named |now )?|called |named )?")


def things_in(text: str) -> list[Mention]:
    """What "it" may stand for: "the new oven", "a cottage in Donegal"; a `place` if it only says where or when."""
    found: list[Mention] = []
    for each in _THING.finditer(text):
        words = _noun(each["words"].split(" "), text, each.start())
        if not words or words[-1].lower() in ROLES or words[-1].lower() in _OF_TIME:
            continue
        end = each.start("words") + len(" ".join(words))
        if named := _OF_A_NAME.match(text, end):
            end = named.end()
        article = each["det"].lower()
        phrase = f"{article if article in ('my', 'our') else 'the'} {text[each.start('words') : end]}"
        aside = _AFTER_CIRCUMSTANCE.search(text[: each.start()]) is not None
        found.append(Mention(each.start(), end, " ".join(words), "place" if aside else "thing", phrase))
    return found


_OF_TIME = frozenset(
    "morning afternoon evening night day week weekend month year time moment minute hour second summer winter spring "
    "autumn fall lot bit while term date way one ones thing things".split()
)


_BEGINS_ANOTHER = frozenset("the a an my our your his their some any about in on at for with to from of".split())


def _noun(words: list[str], text: str, start: int) -> list[str]:
    """The words up to the verb or preposition that ends a noun phrase; in "did the oven arrive" the last is a verb."""
    taken: list[str] = []
    for word in words:
        if word.lower() in _BEGINS_ANOTHER:
            break
        if word.lower() in _FUNCTION or (taken and word.endswith("ed")):
            return taken
        taken.append(word)
    asked = re.search(r"\b(?:did|does|do|will|can) $", text[:start], re.IGNORECASE)
    return taken[:-1] if asked and len(taken) > 1 else taken
