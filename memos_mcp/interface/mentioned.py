"""What a chat model found a memory to speak of: when its words change, and as the rules would give it. Pure.

It is kept as places in the text (docs/adr/0034): what is not to be read in the text is not to be read there either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from memos_mcp.cube import (
    MOST_MENTIONED,
    MemCube,
    MentionedEntity,
    ModelMentions,
    Payload,
    Plaintext,
    Span,
)
from memos_mcp.late import late
from memos_mcp.operation.entity_values import Entity, How, Mention, Reading, Relation, Time, normal
from memos_mcp.operation.entity_words import KIN, KNOWN_AS, SAME_ROLE

PRONOUNS = frozenset(
    "i me my mine myself we us our ours he him his himself she her hers herself they them their theirs it its".split()
)
_WORD = late(r"[\w'’-]+")
_WIDE = "。\uff01\uff1f"  # ends of sentences that no space follows
_ENDS = f".!?…{_WIDE}"
_BY_ROLE = ("kin", "knows")
_ROLES = KIN | KNOWN_AS
_CLOSING = "\"'”’»)]"
_Place = Callable[[Span], Span | None]


def reworded(cube: MemCube, payload: Payload) -> MemCube:
    """The memory with another payload. What a model found stays for the sentences that are as they were."""
    text = payload.text if isinstance(payload, Plaintext) else ""
    return cube.model_copy(update={"payload": payload, "mentions": following(cube.mentions, cube.text, text)})


def following(mentions: ModelMentions | None, old: str, new: str) -> ModelMentions | None:
    """The mentions of a text after it was changed; None if nothing that the model read is left.

    Of the sentences before the first change all stays, and of those after the last one if the model has read to the
    end; the others are left to the rules. An entity goes with its name, a relation with its sentence or its entities.
    """
    if mentions is None or old == new:
        return mentions
    head, tail = _unchanged(old, new, max((end for _, end in mentions.read), default=0))
    behind, shift = len(old) - tail, len(new) - len(old)

    def place(span: Span) -> Span | None:
        start, end = span
        if end <= head:
            return span
        return (start + shift, end + shift) if start >= behind else None

    clipped = ((s, min(e, head)) for s, e in mentions.read)
    later = ((max(s, behind) + shift, e + shift) for s, e in mentions.read)
    read = tuple((s, e) for s, e in (*clipped, *later) if s < e)[:MOST_MENTIONED]
    return _kept(mentions, old, read, place) if read else None


def used(mentions: ModelMentions) -> ModelMentions:
    """Without entities that are spoken of nowhere."""
    return _kept(mentions, "", mentions.read, lambda span: span)


def reading_of(mentions: ModelMentions, text: str, speaker: str, times: Sequence[Time]) -> Reading:
    """The same as a reading of the text by rules; `speaker` says I (the user, if empty), dates are those of `times`."""
    entities: list[Entity | None] = []
    for each in mentions.entities:
        entities.append(_entity(each, text, entities, Entity("person", speaker or "user")))
    found: list[Mention] = []
    aliases: list[tuple[Entity, str]] = []
    for each, entity in zip(mentions.entities, entities, strict=True):
        if entity is not None:
            found += [Mention(entity, *span, _how(_words(text, span), entity)) for span in each.at]
            aliases += [(entity, alias) for span in each.aliases if (alias := _words(text, span)) != entity.name]
    dates = [t for t in times if not any(m.start < t.end and t.start < m.end for m in found)]
    relations = list(_relations(mentions, text, entities, dates))
    named = {mention.entity for mention in found}
    for relation in relations:  # who speaks is meant without a word for him: Love it here!
        start = relation.sentence[0]
        found += [
            Mention(end, start, start, "pronoun") for end in (relation.source, relation.target) if end not in named
        ]
    found += [Mention(Entity("date", _words(text, (t.start, t.end))), t.start, t.end, "time") for t in dates]
    found.sort(key=lambda mention: (mention.start, mention.end))
    return Reading(tuple(found), tuple(dict.fromkeys(relations)), tuple(dict.fromkeys((*aliases, *_roles(relations)))))


def together(model: Reading, rules: Reading, read: Sequence[Span]) -> Reading:
    """What the model found in what it has read, and for the rest of the text what the rules find."""
    there = set(model.entities)
    fresh = [m for m in rules.mentions if not _within((m.start, m.end), read) and m.entity not in there]
    new = {mention.entity for mention in fresh}
    relations = [
        r for r in rules.relations if not _within(r.sentence, read) or not new.isdisjoint((r.source, r.target))
    ]
    ends = {end for relation in relations for end in (relation.source, relation.target)} - there - new
    known = new | ends
    mentions = (*model.mentions, *fresh, *(m for m in rules.mentions if m.entity in ends))
    return Reading(
        tuple(sorted(mentions, key=lambda mention: (mention.start, mention.end))),
        tuple(dict.fromkeys((*model.relations, *relations))),
        (*model.aliases, *(alias for alias in rules.aliases if alias[0] in known)),
    )


def covers(read: Sequence[Span], text: str) -> bool:
    """Is there nothing but space beside what was read?"""
    end = 0
    for start, stop in sorted(read):
        if text[end:start].strip():
            return False
        end = max(end, stop)
    return not text[end:].strip()


def role_of(said: str, role: str) -> Span | None:
    """Where in somebody's words for a person his role stands; None: nowhere."""
    found = list(re.finditer(rf"(?<!\w){re.escape(role)}(?!\w)", said, re.IGNORECASE))
    found += [word for word in _WORD.finditer(said) if _same_role(word[0]) == role.casefold()]
    return found[-1].span() if found else None


def _unchanged(old: str, new: str, reach: int) -> tuple[int, int]:
    """How many characters of whole sentences both begin with, and how many both end with.

    The latter are none if not all was read: where the model stopped would tell how much is hidden before.
    """
    least = min(len(old), len(new))
    head = min(_shared(least, lambda size: old[:size] == new[:size]), reach)
    while not (_is_border(old, head) and _is_border(new, head)):
        head -= 1
    if reach < len(old.rstrip()):
        return head, 0
    tail = _shared(least - head, lambda size: old[len(old) - size :] == new[len(new) - size :])
    while not (_is_border(old, len(old) - tail) and _is_border(new, len(new) - tail)):
        tail -= 1
    return head, tail


def _shared(most: int, same: Callable[[int], bool]) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if same(middle) else (low, middle - 1)
    return low


def _is_border(text: str, at: int) -> bool:
    """May a sentence end here, or begin?"""
    if at in (0, len(text)) or "\n" in (text[at - 1], text[at]):
        return True
    before = text[max(0, at - 8) : at]
    if not (text[at].isspace() or before[-1].isspace()):
        return before[-1] in _WIDE
    return before.rstrip().rstrip(_CLOSING)[-1:] in tuple(_ENDS)


def _kept(mentions: ModelMentions, old: str, read: tuple[Span, ...], place: _Place) -> ModelMentions:
    """What has a place; entities are numbered anew."""
    moved: dict[int, MentionedEntity] = {}
    for number, each in enumerate(mentions.entities):
        if (entity := _moved(each, old, place)) and (each.whose is None or each.whose in moved):
            moved[number] = entity
    relations = [
        each.model_copy(update={"sentence": sentence, "detail": each.detail and place(each.detail)})
        for each in mentions.relations
        if each.source in moved and each.target in moved and (sentence := place(each.sentence))
    ]
    needed = {number for number, each in moved.items() if each.at}
    needed |= {end for each in relations for end in (each.source, each.target)}
    for number in sorted(needed, reverse=True):
        needed |= set(_owners(moved, number))
    numbers = {was: now for now, was in enumerate(sorted(needed))}
    return mentions.model_copy(
        update={
            "read": read,
            "entities": tuple(_owned(moved[number], numbers) for number in numbers),
            "relations": tuple(
                r.model_copy(update={"source": numbers[r.source], "target": numbers[r.target]}) for r in relations
            ),
        }
    )


def _owners(entities: dict[int, MentionedEntity], number: int) -> Iterator[int]:
    """Whose this one is, and whose that one is, and so on: each earlier in the list."""
    owner = entities[number].whose
    while owner is not None and owner < number:
        yield owner
        number, owner = owner, entities[owner].whose


def _owned(entity: MentionedEntity, numbers: dict[int, int]) -> MentionedEntity:
    return entity if entity.whose is None else entity.model_copy(update={"whose": numbers[entity.whose]})


def _moved(entity: MentionedEntity, old: str, place: _Place) -> MentionedEntity | None:
    """The entity at its new places; None if its name, or role, has none."""
    new = {"at": _placed(entity.at, place), "aliases": _placed(entity.aliases, place)}
    name, role = entity.name and place(entity.name), entity.role and place(entity.role)
    name = name or (entity.name and _again(entity, entity.name, old, place))
    role = role or (entity.role and _again(entity, entity.role, old, place))
    if (entity.name and not name) or (entity.role and not role):
        return None
    return entity.model_copy(update={**new, "name": name, "role": role})


def _again(entity: MentionedEntity, words: Span, old: str, place: _Place) -> Span | None:
    """Where else the same words stand for it."""
    said = old[slice(*words)]
    found = ((start, start + len(said)) for span in entity.at if (start := old.find(said, *span)) >= 0)
    return next((there for each in found if (there := place(each))), None)


def _placed(spans: Sequence[Span], place: _Place) -> tuple[Span, ...]:
    return tuple(there for span in spans if (there := place(span)))


def _entity(each: MentionedEntity, text: str, before: Sequence[Entity | None], speaker: Entity) -> Entity | None:
    """The entity by its name; None if it has none."""
    if each.role is not None:
        owner = before[each.whose] if each.whose is not None and each.whose < len(before) else None
        role = _same_role(_words(text, each.role))
        return Entity("person", f"{owner.name}'s {role}") if owner and role else None
    if each.name is None:
        return speaker
    name = _words(text, each.name)
    return Entity(each.kind, name) if name else None


def _relations(
    mentions: ModelMentions, text: str, entities: Sequence[Entity | None], times: Sequence[Time]
) -> Iterator[Relation]:
    for each in mentions.relations:
        source, target = _at(entities, each.source), _at(entities, each.target)
        if source is None or target is None or source == target:
            continue
        start, end = each.sentence
        within = [time.interval for time in times if start <= time.start and time.end <= end]
        when = within[0] if len(within) == 1 else None
        detail = _words(text, each.detail) if each.detail else ""
        if each.kind in _BY_ROLE:
            detail = _same_role(detail)
        yield Relation(source, each.kind, target, each.sentence, detail, when, each.ended)


def _at(entities: Sequence[Entity | None], number: int) -> Entity | None:
    return entities[number] if number < len(entities) else None


def _roles(relations: Sequence[Relation]) -> Iterator[tuple[Entity, str]]:
    """A person with a name is asked for by his role too: Ben's sister, if there is but one."""
    roles: dict[str, set[Entity]] = {}
    for each in relations:
        if each.source.kind == "person" and each.kind in _BY_ROLE and each.detail in _ROLES:
            roles.setdefault(f"{each.target.name}'s {each.detail}", set()).add(each.source)
    for phrase, people in roles.items():
        yield from ((person, phrase) for person in people if len(people) == 1 and person.name != phrase)


def _same_role(role: str) -> str:
    return SAME_ROLE.get(role.casefold(), role.casefold())


def _how(said: str, entity: Entity) -> How:
    if said.lower() in PRONOUNS:
        return "pronoun"
    if normal(said, entity.kind) == normal(entity.name, entity.kind):
        return "name" if any(char.isupper() for char in said) else "phrase"
    return "role" if entity.kind == "person" else "phrase"


def _words(text: str, span: Span) -> str:
    return " ".join(text[slice(*span)].split())


def _within(span: tuple[int, int], read: Sequence[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in read)
