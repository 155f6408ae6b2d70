"""What a model found in a text, when the text changes: sentence by sentence, and never what is not there any more."""

from __future__ import annotations

import pytest

from memos_mcp import steps
from memos_mcp.cube import MentionedEntity, MentionedRelation, ModelMentions, Plaintext
from memos_mcp.interface.cubes import named
from memos_mcp.interface.entities import RulesMentions
from memos_mcp.interface.mentioned import covers, following, reading_of, reworded, role_of
from memos_mcp.ports import Name
from memos_mcp.testing import a_cube

TEXT = "Ada moved to Porto. She works at Nordlys now. My brother likes Ada's boat."


def span(words: str, text: str = TEXT, after: int = 0) -> tuple[int, int]:
    start = text.index(words, after)
    return start, start + len(words)


MENTIONS = ModelMentions(
    model="m",
    read=((0, len(TEXT)),),
    entities=(
        MentionedEntity(kind="person"),
        MentionedEntity(kind="person", name=span("Ada"), at=(span("Ada"), span("She"), span("Ada", after=20))),
        MentionedEntity(kind="place", name=span("Porto"), at=(span("Porto"),)),
        MentionedEntity(kind="organisation", name=span("Nordlys"), at=(span("Nordlys"),)),
        MentionedEntity(kind="person", role=span("brother"), whose=0, at=(span("My brother"),)),
        MentionedEntity(kind="thing", name=span("boat"), at=(span("boat"),)),
    ),
    relations=(
        MentionedRelation(
            source=1, kind="lives-in", target=2, sentence=span("Ada moved to Porto."), detail=span("moved")
        ),
        MentionedRelation(source=1, kind="works-at", target=3, sentence=span("She works at Nordlys now.")),
        MentionedRelation(
            source=4, kind="kin", target=0, sentence=span("My brother likes Ada's boat."), detail=span("brother")
        ),
        MentionedRelation(source=4, kind="likes", target=5, sentence=span("My brother likes Ada's boat.")),
    ),
)


def said(text: str) -> tuple[set[str], list[tuple[str, str, str]]]:
    """The names, and what is said, that are left after the text was changed to this one."""
    mentions = following(MENTIONS, TEXT, text)
    if mentions is None:
        return set(), []
    reading = reading_of(mentions, text, "Tom", ())
    assert all(text[m.start : m.end] for m in reading.mentions if m.how != "pronoun")
    return {e.name for e in reading.entities}, said_in(mentions, text)


def said_in(mentions: ModelMentions | None, text: str) -> list[tuple[str, str, str]]:
    assert mentions is not None
    return [(r.source.name, r.kind, r.target.name) for r in reading_of(mentions, text, "Tom", ()).relations]


EVERYONE = {"Ada", "Porto", "Nordlys", "Tom's brother", "boat", "Tom"}
LIVES = ("Ada", "lives-in", "Porto")
WORKS = ("Ada", "works-at", "Nordlys")
KIN, LIKES = ("Tom's brother", "kin", "Tom"), ("Tom's brother", "likes", "boat")


@pytest.mark.parametrize(
    ("text", "names", "relations"),
    [
        (TEXT, EVERYONE, [LIVES, WORKS, KIN, LIKES]),
        (f"{TEXT}\nMore.", EVERYONE, [LIVES, WORKS, KIN, LIKES]),
        (f"Well! {TEXT}", EVERYONE, [LIVES, WORKS, KIN, LIKES]),
        (TEXT.replace("Porto", "Faro"), {"Ada", "Nordlys", "Tom's brother", "boat", "Tom"}, [WORKS, KIN, LIKES]),
        (TEXT.replace("now", "no more"), {"Ada", "Porto", "Tom's brother", "boat", "Tom"}, [LIVES, KIN, LIKES]),
        (TEXT.replace("boat.", "boats."), {"Ada", "Porto", "Nordlys"}, [LIVES, WORKS]),
        ("She works at Nordlys now.", set[str](), []),
        ("Ada moved to Porto", set[str](), []),
        ("", set[str](), []),
        ("Something else.", set[str](), []),
    ],
)  # fmt: skip
def test_what_was_found_stays_for_the_sentences_that_are_as_they_were(
    text: str, names: set[str], relations: list[tuple[str, str, str]]
) -> None:
    assert said(text) == (names, relations)


def test_a_sentence_that_goes_on_is_another_sentence() -> None:
    text = "Ada works at Nordlys"
    mentions = ModelMentions(
        model="m",
        read=((0, len(text)),),
        entities=(MentionedEntity(kind="person", name=(0, 3), at=((0, 3),)),),
    )
    assert following(mentions, text, f"{text} no more") is None
    assert following(mentions, text, "Adam works at Nordlys") is None
    assert following(mentions, text, f"{text}\nNo more") == mentions


def test_behind_a_change_nothing_stays_of_a_text_that_was_not_read_to_its_end() -> None:
    text = f"{TEXT}\nMore."
    assert said_in(following(MENTIONS, TEXT, text), text) == [LIVES, WORKS, KIN, LIKES]
    half = following(MENTIONS, text, text.replace("Porto", "Faro"))
    assert half is None
    later = following(MENTIONS, text, text.replace("boat", "ship"))
    assert said_in(later, text.replace("boat", "ship")) == [LIVES, WORKS]


def test_whoever_gives_a_memory_other_words_takes_what_was_found_along() -> None:
    cube = a_cube(TEXT, key="k").model_copy(update={"mentions": MENTIONS})
    longer = steps.append("More.")(cube, cube.created_at)
    assert longer is not None
    assert longer.mentions is not None
    assert longer.mentions == following(MENTIONS, TEXT, longer.text)
    name = Name(cube.path, "k")
    put = named(name, Plaintext(text="Other."), cube, owner="ada", kind="document", tags=(), now=cube.created_at)
    assert (put.mentions, put.version) == (None, 2)


def test_what_the_model_has_not_read_the_rules_read() -> None:
    cube = a_cube(TEXT).model_copy(update={"mentions": MENTIONS})
    changed = reworded(cube, Plaintext(text=TEXT.replace("She works at Nordlys now.", "Ada likes green tea.")))
    found = RulesMentions().of(changed)
    told = {(r.source, r.kind, r.target) for r in found.relations}
    assert LIVES in told
    assert ("Ada", "likes", "green tea") in told
    assert {"Ada", "Porto", "green tea", "boat"} <= {entity.name for entity in found.entities}
    assert "Nordlys" not in repr(found)


def test_what_the_model_has_read_the_rules_do_not_read_again() -> None:
    text = "Ada works at Nordlys."
    nothing = ModelMentions(model="m", read=((0, len(text)),))
    assert RulesMentions().of(a_cube(text).model_copy(update={"mentions": nothing})).entities == ()
    assert RulesMentions().of(a_cube(text)).entities != ()


def test_odd_places_are_no_error() -> None:
    odd = ModelMentions(
        model="m",
        read=((5, 3), (900, 901)),
        entities=(
            MentionedEntity(kind="person", name=(90, 99), at=((90, 99), (4, 2))),
            MentionedEntity(kind="person", role=(0, 3), whose=7),
            MentionedEntity(kind="thing", role=(0, 3)),
        ),
        relations=(
            MentionedRelation(source=0, kind="likes", target=9, sentence=(80, 90)),
            MentionedRelation(source=1, kind="likes", target=2, sentence=(0, 3)),
        ),
    )
    for text in ("", "Ada", TEXT):
        RulesMentions().of(a_cube(text or "x").model_copy(update={"mentions": odd}))
        following(odd, TEXT, text)


@pytest.mark.parametrize(
    ("read", "text", "whole"),
    [
        (((0, 3),), "Ada", True),
        (((0, 3),), "Ada \n", True),
        (((4, 7), (0, 3)), "Ada Ben", True),
        (((0, 3),), "Ada Ben", False),
        (((4, 7),), "Ada Ben", False),
        ((), "", True),
    ],
)
def test_a_text_is_covered_if_all_its_words_were_read(
    read: tuple[tuple[int, int], ...], text: str, whole: bool
) -> None:
    assert covers(read, text) is whole


@pytest.mark.parametrize(
    ("words", "role", "there"),
    [
        ("My brother", "brother", "brother"),
        ("Grandma", "grandmother", "Grandma"),
        ("my Brother", "brother", "Brother"),
        ("every person", "son", None),
        ("She", "sister", None),
    ],
)
def test_a_role_is_found_in_the_words_for_somebody(words: str, role: str, there: str | None) -> None:
    found = role_of(words, role)
    assert (found and words[slice(*found)]) == there
