"""Notes of basic-memory: prose stays prose, observations and relations become statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Origin
from memos_mcp.interface.basic_memory import note_in
from memos_mcp.interface.parts import Found, LeftOut, Part
from memos_mcp.interface.reader import drafts_of
from memos_mcp.interface.sources import parts_of_text
from tests.things_to_import import IMPORTS

FRONT = "---\ntitle: Tea\ntype: note\npermalink: drinks/tea\n---\n"


def read(body: str, front: str = FRONT) -> list[Found]:
    return list(parts_of_text(front + body, "drinks/tea.md"))


def said(found: Iterable[Found]) -> list[tuple[str, tuple[str, ...]]]:
    parts = [each for each in found if isinstance(each, Part)]
    read = [(p, drafts_of(p.content, Origin(source="tea.md", session=p.session))) for p in parts]
    assert all(len(some) == part.texts for part, some in read)
    return [(draft.text, part.tags) for part, some in read for draft in some]


@pytest.mark.parametrize(
    ("line", "text", "tags"),
    [
        ("- [method] Steep it", "Tea: Steep it", ("method",)),
        ("* [method] Steep it #hot #slow", "Tea: Steep it", ("method", "hot", "slow")),
        ("- [method] Steep #green tea (from Ada)", "Tea: Steep #green tea (from Ada)", ("method", "green")),
        ("- [method] Steep it #hot (from Ada)", "Tea: Steep it (from Ada)", ("method", "hot")),
        ("- [method] Steep it\n  for three minutes", "Tea: Steep it for three minutes", ("method",)),
        ("- [fact] Tea is a plant", "Tea is a plant", ("fact",)),
        ("- grows_in [[Assam]]", "Tea grows in Assam", ("grows_in",)),
        ('- "goes well with" [[Cake|a cake]] (always)', "Tea goes well with Cake (always)", ("goes well with",)),
        ("- [[Coffee]]", "Tea links to Coffee", ()),
    ],
)
def test_a_line_is_a_statement(line: str, text: str, tags: tuple[str, ...]) -> None:
    assert said(read(line)) == [(text, tags)]


@pytest.mark.parametrize(
    "line",
    [
        "- [ ] buy tea",
        "- [x] buy tea",
        "- [00:12] he says hello",
        "- [a link](https://example.org)",
        "- see the story of [[Assam]] in the library",
        "- likes [[Assam]] and more",
        "> - [quote] not ours",
        "```\n- [code] not ours\n```",
        "[aside] no list",
    ],
)
def test_a_line_of_prose_stays_prose(line: str) -> None:
    assert said(read(line)) == [(f"# Tea\n\n{line}", ())]


def test_prose_keeps_its_headings_and_empty_ones_go() -> None:
    body = "# Tea\n\nGreen.\n\n## Observations\n- [method] Steep\n\n## More\n\n### Deep\n\nBlack."
    texts = [text for text, _ in said(read(f"{body}\n\n## Relations\n- x [[Y]]\n"))]
    assert texts[0].startswith("# Tea")
    assert "Black." in texts[-3]
    assert texts[-2:] == ["Tea: Steep", "Tea x Y"]
    assert not any("Observations" in text or "Relations" in text for text in texts)


def test_the_front_matter_is_known_of_everything() -> None:
    front = (
        "---\ntitle: \"Tea: the leaf\"\ntype: plant\npermalink: tea\ntags:\n- hot\n- '#green'\ncreated: 2026-02-03\n"
        "status: old\nnested:\n  deep: 1\n---\n"
    )
    found = read("Prose.\n\n- [method] Steep", front)
    assert said(found) == [
        ("# Tea: the leaf\n\nProse.", ("plant", "hot", "green")),
        ("Tea: the leaf: Steep", ("method", "plant", "hot", "green")),
    ]
    for part in found:
        if isinstance(part, Part):
            assert part.said_at == datetime(2026, 2, 3, tzinfo=UTC)
            assert (part.entry, part.format, part.source_class) == ("tea", "basic-memory", "document")
    assert [each.what for each in found if isinstance(each, LeftOut)] == ["status", "nested"]


def test_tags_may_stand_on_one_line() -> None:
    for tags in ("[hot, 'green']", "hot, green", "\n- hot\n- green"):
        assert said(read("- [method] Steep", f"---\npermalink: tea\ntags: {tags}\n---\n"))[0][1][1:] == ("hot", "green")


def test_without_a_title_the_file_is_its_name() -> None:
    assert said(read("- [method] Steep", "---\npermalink: x\n---\n")) == [("tea: Steep", ("method",))]


def test_a_category_that_is_a_kind_is_the_kind() -> None:
    (part,) = read("- [Preference] Never too hot")
    assert isinstance(part, Part)
    assert part.kind == "preference"


@pytest.mark.parametrize(
    "front",
    [
        "",
        "---\ntitle: Tea\n---\n",
        "---\npermalink: /tea/\ntitle: Tea\n---\n",
        "---\nlayout: post\npermalink: tea\n---\n",
        "---\npermalink: tea\n",
        "--- \n permalink: tea\n---\n",
        "----\npermalink: tea\n---\n",
    ],
)
def test_other_markdown_stays_as_it_is(front: str) -> None:
    assert note_in(f"{front}- [method] Steep", "tea.md") is None


def test_a_note_with_nothing_but_a_title_is_kept() -> None:
    assert said(read("# Tea")) == [("# Tea", ())]
    assert said(read("")) == []


@given(st.lists(st.sampled_from(["- [m] Steep", "Words.", "", "## Deep", "# Tea", "  more", "```", "- x [[Y]]"])))
def test_no_word_is_lost(body: list[str]) -> None:
    stored = " ".join(text for text, _ in said(read("\n".join(body))))
    for line in body:
        for word in re.findall("Steep|Words|more|Y", line):
            assert stored.count(word) >= sum(word in each for each in body)


@given(st.text(alphabet="-[]()#\"' \nab`:", max_size=60))
def test_any_note_can_be_read(body: str) -> None:
    said(read(body))


def test_the_examples_are_read_whole() -> None:
    for name, count in (("Pour over.md", 9), ("people/ines.md", 3)):
        text = (IMPORTS / "notes" / name).read_text("utf-8")
        assert len(said(parts_of_text(text, name))) == count
