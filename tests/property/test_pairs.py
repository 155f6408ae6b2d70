"""Whatever memories say: nothing held out is trained on, nothing has two answers, and each pair has its memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.operation.pairs import written

NOW = datetime(2026, 1, 1, tzinfo=UTC)
names = st.sampled_from("Ada Ben Clara user I We My The".split())
statements = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{} {} {}.".format,
        names,
        st.sampled_from(["likes", "lives in", "is", "is not", "works at", "has", "moved to", "'s dog is", "is in"]),
        st.sampled_from(["tea", "Porto", "a doctor", "Nokia", "Lisbon", "the red pot", "3 pm", "{s}", "{t} {first}"]),
    ),
)


def cubes(texts: list[str]) -> list[MemCube]:
    return [
        MemCube(id=f"m{at}", path="user/a", created_at=NOW, updated_at=NOW, payload=Plaintext(text=text), key=key)
        for at, text in enumerate(texts)
        for key in [text[:3] or None if at % 2 else None]
    ]


def plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


@given(st.lists(statements, max_size=8))
def test_pairs_keep_their_promises(texts: list[str]) -> None:
    memories = cubes(texts)
    its = written(memories)
    assert its == written(memories)
    trained = {plain(pair.question) for pair in its.pairs if not pair.held_out}
    assert not trained & {plain(pair.question) for pair in its.pairs if pair.held_out}
    answers: dict[str, set[str]] = defaultdict(set)
    for pair in its.pairs:
        answers[pair.question].add(pair.answer)
        assert pair.question.strip()
        assert pair.answer.strip()
    assert all(len(each) == 1 for each in answers.values())
    taught = {pair.source.id for pair in its.pairs}
    assert taught.isdisjoint(ref.id for ref, _ in its.left_out)
    assert taught | {ref.id for ref, _ in its.left_out} == {cube.id for cube in memories}
    for id in taught:
        assert {pair.held_out for pair in its.pairs if pair.source.id == id} == {True, False}
