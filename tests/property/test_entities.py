from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.operation.entities import read
from memos_mcp.operation.entity_identity import Merge, Record, TakenBack, resolved, standing

WORDS = st.sampled_from(
    "I my her his Ada Tom's sister Leeds likes tea and , . who lives in works at Acme Ltd is a nurse not 's \" @ada "
    "used to have got from the of called Momo favourite never it".split()
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join))
IDS = st.sampled_from("abcdefgh")
MERGES = st.lists(st.builds(Merge, IDS, IDS, st.just("why")).filter(lambda m: m.kept != m.other), max_size=10)


@given(TEXTS, st.sampled_from(["", "Tom"]))
def test_whatever_is_written_spans_lie_within_it_and_ends_are_mentioned(text: str, speaker: str) -> None:
    reading = read(text, speaker=speaker)
    there = {*reading.entities, *(entity for entity, _ in reading.aliases)}
    for mention in reading.mentions:
        assert 0 <= mention.start < mention.end <= len(text)
    for relation in reading.relations:
        start, end = relation.sentence
        assert 0 <= start < end <= len(text)
        assert relation.source != relation.target
        assert {relation.source.name, relation.target.name} <= {*(e.name for e in there), speaker or "user"}
    assert read(text, speaker=speaker) == reading


@given(MERGES)
def test_who_is_one_with_whom_does_not_depend_on_the_order_of_merges(merges: list[Merge]) -> None:
    assert resolved("abcdefgh", merges) == resolved("abcdefgh", merges[::-1])
    groups = resolved("abcdefgh", merges)
    assert all(groups[merge.kept] == groups[merge.other] for merge in merges)
    assert all(groups[head] == head for head in groups.values())


@given(MERGES)
def test_taking_back_every_merge_restores_every_entity(merges: list[Merge]) -> None:
    records: list[Record] = [*merges, *(TakenBack(merge.id) for merge in merges)]
    assert resolved("abcdefgh", standing(records).values()) == {id_: id_ for id_ in "abcdefgh"}
