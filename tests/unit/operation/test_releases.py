import pytest

from memos_mcp.cube import Parametric, Ref
from memos_mcp.errors import InvalidInput
from memos_mcp.operation.releases import before, difference, release_of


def adapter(name: str, *sources: tuple[str, int]) -> Parametric:
    refs = tuple(Ref(id=id, version=version) for id, version in sources)
    return Parametric(sources=refs, fingerprint="f", rank=8, blob="b", name=name)


def test_facts_come_go_and_change_from_one_to_another() -> None:
    its = difference(adapter("tea@1", ("a", 1), ("b", 1)), adapter("tea@2", ("b", 2), ("c", 1)))
    assert its.added == (Ref(id="c", version=1),)
    assert its.gone == (Ref(id="a", version=1),)
    assert its.changed == ((Ref(id="b", version=1), Ref(id="b", version=2)),)


def test_the_one_to_go_back_to_is_the_newest_before_of_the_same_topic() -> None:
    kept = [adapter(name, ("a", 1)) for name in ("tea@1", "tea@2", "tea@9", "tea@10", "jazz@8")]
    found = before(kept[3], kept)
    assert found is not None
    assert found.name == "tea@9"
    assert before(kept[0], kept) is None


@pytest.mark.parametrize("name", ["", "tea", "tea@", "@1", "tea@x"])
def test_what_has_no_version_has_no_release(name: str) -> None:
    with pytest.raises(InvalidInput, match="topic@version"):
        release_of(adapter(name, ("a", 1)))
