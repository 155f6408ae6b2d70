"""Whatever becomes of a text, what a model found in it says nothing that is not to be read there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, MentionedEntity, MentionedRelation, ModelMentions, Plaintext, Span
from memos_mcp.interface.entities import RulesMentions
from memos_mcp.interface.guard import Guard
from memos_mcp.interface.mentioned import following, reading_of, reworded
from memos_mcp.interface.privacy_cubes import marked_cube
from memos_mcp.interface.privacy_views import PersonalData
from memos_mcp.testing import a_cube

WORDS = ("Ada", "Ben", "Porto", "Nordlys", "likes", "met", "sister", "tea", "he", "Dr.")
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
ENDS = st.sampled_from((". ", "! ", "\n", " ", "… ", "."))
TEXTS = st.lists(st.tuples(SENTENCES, ENDS).map("".join), min_size=1, max_size=6).map("".join)
VALUES = ("q7@zz.org", "a.very.long.name.of.somebody@post.example.com", "xx+yy@w.net")
SECRET = "sk-proj-Abcd1234Efgh5678Ijkl9012Mnop3456"


def emails(text: str) -> Sequence[PersonalData]:
    return [PersonalData("EMAIL", *found.span(), "form") for found in re.finditer(r"\S+@[\w.]+\w", text)]


@st.composite
def spans(draw: st.DrawFn, text: str) -> Span:
    """A run of words of the text."""
    words = [found.span() for found in re.finditer(r"\S+", text)]
    first = draw(st.integers(0, len(words) - 1))
    last = draw(st.integers(first, min(first + 3, len(words) - 1)))
    return words[first][0], words[last][1]


@st.composite
def found_in(draw: st.DrawFn, text: str) -> ModelMentions:
    """Anything that a model may have found in a text."""
    some = st.lists(spans(text), max_size=3).map(tuple)
    entities = [MentionedEntity(kind="person", at=draw(some))]
    for number in range(1, draw(st.integers(1, 4))):
        at, aliases = (draw(spans(text)), *draw(some)), draw(some)
        if draw(st.booleans()):
            entities.append(MentionedEntity(kind="thing", name=at[0], at=at, aliases=aliases))
        else:
            whose = draw(st.integers(0, number - 1))
            entities.append(MentionedEntity(kind="person", role=at[0], whose=whose, at=at, aliases=aliases))
    ends = st.integers(0, len(entities) - 1)
    relations = [
        MentionedRelation(
            source=draw(ends), kind="likes", target=draw(ends), sentence=draw(spans(text)), detail=draw(spans(text))
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    read = ((0, len(text)),)
    return ModelMentions(model="m", read=read, entities=tuple(entities), relations=tuple(relations))


texts_with_mentions = TEXTS.flatmap(lambda text: st.tuples(st.just(text), found_in(text)))


def places(mentions: ModelMentions) -> list[Span]:
    every = [span for each in mentions.entities for span in (each.name, each.role, *each.at, *each.aliases) if span]
    every += [span for each in mentions.relations for span in (each.sentence, each.detail) if span]
    return every


def check_is_there(before: MemCube, after: MemCube) -> None:
    """All places lie in the text, and have words that a model found at such a place before."""
    if after.mentions is None:
        return
    assert before.mentions is not None
    text = after.text
    known = {before.text[slice(*span)] for span in places(before.mentions)}
    known |= {before.text[slice(*span)] for span in before.mentions.read}
    for start, end in places(after.mentions):
        assert 0 <= start < end <= len(text)
        assert text[start:end] in known or any(text[start:end] in whole for whole in known)
    assert all(0 <= start < end <= len(text) for start, end in after.mentions.read)
    count = len(after.mentions.entities)
    assert all(max(r.source, r.target) < count for r in after.mentions.relations)
    assert all(each.whose is None or each.whose < n for n, each in enumerate(after.mentions.entities))
    reading = reading_of(after.mentions, text, "", ())
    plain = " ".join(text.split()).casefold()
    for entity in reading.entities:
        own = entity.name.split("'s ")[-1].casefold()
        assert entity.name == "user" or own in plain
    assert all(" ".join(text[slice(*r.sentence)].split()).casefold() in plain for r in reading.relations)


@given(texts_with_mentions, TEXTS, st.integers(0, 60), st.integers(0, 60))
def test_a_changed_text_has_only_what_is_still_there(
    given_: tuple[str, ModelMentions], new: str, start: int, length: int
) -> None:
    text, mentions = given_
    cube = a_cube(text).model_copy(update={"mentions": mentions})
    for changed in (f"{text}\n{new}", f"{new} {text}", text[:start] + new + text[start + length :], new, ""):
        after = reworded(cube, Plaintext(text=changed))
        check_is_there(cube, after)
        RulesMentions().of(after)
        back = reworded(after, Plaintext(text=text))
        check_is_there(cube, back)


@given(TEXTS, TEXTS, st.data())
def test_what_is_hidden_changes_nothing_of_what_is_seen(before: str, after: str, data: st.DataObject) -> None:
    """Two memories that differ in a hidden value alone look the same, with what a model found in them."""
    mentions = data.draw(found_in(f"{before}{VALUES[0]} {after}"))
    seen = set[str]()
    for value in VALUES:
        text = f"{before}{value} {after}"
        shift = len(value) - len(VALUES[0])
        there = moved(mentions, len(before), len(before) + len(VALUES[0]), shift)
        cube = a_cube(text).model_copy(update={"mentions": there, "id": "0123456789abcdef"})
        shown = marked_cube(cube, emails)
        assert value not in shown.text
        assert "EMAIL" in shown.hidden
        check_is_there(cube, shown)
        assert not [
            span for span in places(shown.mentions or ModelMentions(model="")) if "[EMAIL]" in shown.text[slice(*span)]
        ]
        assert "zz.org" not in repr(RulesMentions().of(shown))
        seen.add(shown.model_dump_json())
    assert len(seen) == 1


def moved(mentions: ModelMentions, start: int, end: int, shift: int) -> ModelMentions:
    """The same found in a text in which the characters [start, end) are so many more."""

    def span(place: Span) -> Span:
        first, last = place
        return first + shift * (first >= end), last + shift * (last >= end)

    def each(entity: MentionedEntity) -> MentionedEntity:
        some = {"at": tuple(map(span, entity.at)), "aliases": tuple(map(span, entity.aliases))}
        return entity.model_copy(
            update={**some, "name": entity.name and span(entity.name), "role": entity.role and span(entity.role)}
        )

    relations = [
        r.model_copy(update={"sentence": span(r.sentence), "detail": r.detail and span(r.detail)})
        for r in mentions.relations
    ]
    return mentions.model_copy(
        update={
            "read": tuple(map(span, mentions.read)),
            "entities": tuple(map(each, mentions.entities)),
            "relations": tuple(relations),
        }
    )


@given(TEXTS, TEXTS, st.data())
def test_a_secret_that_is_masked_is_in_nothing_that_was_found(before: str, after: str, data: st.DataObject) -> None:
    text = f"{before}{SECRET} {after}"
    cube = a_cube(text).model_copy(update={"mentions": data.draw(found_in(text))})
    shown = Guard().seen(cube)
    assert SECRET not in shown.text
    check_is_there(cube, shown)
    assert "Abcd1234" not in repr(RulesMentions().of(shown))


@given(texts_with_mentions)
def test_the_same_text_has_the_same_mentions(given_: tuple[str, ModelMentions]) -> None:
    text, mentions = given_
    assert following(mentions, text, text) == mentions
    whole = following(mentions, text, f"{text}\nMore.")
    assert whole is not None
    told = {(r.sentence, r.kind) for r in reading_of(mentions, text, "", ()).relations}
    assert {(r.sentence, r.kind) for r in reading_of(whole, f"{text}\nMore.", "", ()).relations} == told
