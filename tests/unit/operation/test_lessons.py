from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import Governance, MemCube, Plaintext
from memos_mcp.errors import InvalidInput
from memos_mcp.operation.lessons import joint, lesson_of, strictest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cube(text: str, id: str = "one", **rules: object) -> MemCube:
    governance = Governance.model_validate(rules)
    return MemCube(
        id=id, path="user/a", created_at=NOW, updated_at=NOW, payload=Plaintext(text=text), governance=governance
    )


def test_a_lesson_has_the_pairs_of_its_memories_and_the_strictest_of_their_rules() -> None:
    its = lesson_of(
        "likes",
        [
            cube("Ada likes tea.", "a", readers=["ben", "cleo"], licence="MIT"),
            cube("Ben likes jazz.", "b", readers=["cleo"]),
        ],
        others=[f"text {at}" for at in range(8)],
    )
    assert [ref.id for ref in its.sources] == ["a", "b"]
    assert its.rules.readers == ("cleo",)
    assert its.rules.licence == "MIT"
    assert (len(its.rehearsal), len(its.control)) == (6, 2)
    assert not set(its.rehearsal) & set(its.control)


def test_a_memory_that_teaches_nothing_does_not_close_what_the_others_teach() -> None:
    its = lesson_of("likes", [cube("Ada likes tea.", "a", readers=["ben"]), cube("Hello", "b")])
    assert its.rules.readers == ("ben",)


def test_nothing_to_learn_is_refused_with_the_reason_of_each() -> None:
    with pytest.raises(InvalidInput, match="nothing can be learnt of 'likes': one: it has no words"):
        lesson_of("likes", [cube("Hello")])
    with pytest.raises(InvalidInput, match="there are no memories"):
        lesson_of("likes", [])


def test_lessons_are_learnt_as_one_without_what_they_contradict_each_other_in() -> None:
    one = lesson_of("a", [cube("Ada likes tea.", "a")], others=["x", "y", "z", "w"])
    two = lesson_of("b", [cube("Ada likes jazz.", "b"), cube("Ben lives in Porto.", "c")], others=["x", "q"])
    its = joint("both", [one, two])
    assert [ref.id for ref in its.sources] == ["a", "b", "c"]
    assert "What does Ada like?" not in {pair.question for pair in its.pairs}
    assert its.rehearsal == ("y", "z", "w", "q")
    assert its.control == ("x",)
    with pytest.raises(InvalidInput, match="at least one"):
        joint("none", [])


names = st.lists(st.sampled_from(["*", "ada", "ben", "role:team"]), max_size=3, unique=True).map(tuple)
moments = st.one_of(st.none(), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
rules = st.builds(
    Governance,
    owner=st.sampled_from(["", "ada"]),
    readers=names,
    writers=names,
    denied=names,
    contexts=st.sampled_from([(), ("app:x",), ("app:x", "app:y")]),
    expires_at=moments,
    held=st.booleans(),
    sensitivity=names,
    licence=st.sampled_from([None, "MIT", "CC-BY-4.0"]),
)


@given(st.lists(rules, min_size=1, max_size=4))
def test_nothing_is_open_that_one_of_the_rules_does_not_open(its: list[Governance]) -> None:
    made = strictest(its)
    for each in its:
        assert "*" in each.readers or set(made.readers) <= set(each.readers)
        assert set(made.denied) >= set(each.denied)
        assert set(made.sensitivity) >= set(each.sensitivity)
        assert not each.contexts or (made.contexts and set(made.contexts) <= set(each.contexts))
        assert each.expires_at is None or (made.expires_at is not None and made.expires_at <= each.expires_at)
        assert made.held >= each.held
        assert each.licence is None or each.licence in (made.licence or "")
    assert strictest([made, *its]) == made


def test_memories_that_are_used_nowhere_together_are_not_trained_together() -> None:
    with pytest.raises(InvalidInput, match="train them apart"):
        strictest([Governance(contexts=("app:x",)), Governance(contexts=("app:y",))])
    with pytest.raises(InvalidInput, match="no rules"):
        strictest([])


def test_both_licences_have_to_be_kept_to() -> None:
    its = [Governance(licence="MIT"), Governance(licence="CC-BY-4.0"), Governance(licence="MIT")]
    assert strictest(its).licence == "CC-BY-4.0 AND MIT"
