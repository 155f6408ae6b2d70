import pytest

from memos_mcp.operation.entity_identity import Known, Merge, Record, TakenBack, proposed, resolved, revised, standing
from memos_mcp.operation.entity_values import Entity, EntityKind, entity_id

SPACE = "home"


def known(*names: str, kind: EntityKind = "person") -> Known:
    return Known(tuple((Entity(kind, name), ()) for name in names))


def id_of(name: str, kind: EntityKind = "person") -> str:
    return entity_id(SPACE, Entity(kind, name))


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("Ada Lovelace", "Ada", "person"),
        ("Robert Moore", "Bob", "person"),
        ("Robert Moore", "Bob Moore", "person"),
        ("Acme Robotics Ltd", "Acme Robotics", "organisation"),
    ],
)
def test_two_names_of_one_are_merged_under_the_fuller(one: str, other: str, kind: EntityKind) -> None:
    (merge,) = proposed(SPACE, known(one, other, kind=kind))
    assert (merge.kept, merge.other) == (id_of(one, kind), id_of(other, kind))
    assert resolved([merge.other], [merge]) == {merge.other: merge.kept}


@pytest.mark.parametrize(
    "names", [("Ada", "Ada Lovelace", "Ada Byron"), ("Bob", "Bobby Moore"), ("Ann", "Anna"), ("Ada", "Tom's sister")]
)
def test_what_could_be_several_or_is_only_alike_is_not_merged(names: tuple[str, ...]) -> None:
    assert proposed(SPACE, known(*names)) == []


def test_a_name_that_was_said_to_be_anothers_is_merged() -> None:
    ada, sister = Entity("person", "Ada"), Entity("person", "Tom's sister")
    (merge,) = proposed(SPACE, Known(((ada, ("Tom's sister",)), (sister, ()))))
    assert (merge.kept, merge.other) == (entity_id(SPACE, ada), entity_id(SPACE, sister))


def test_a_merge_that_is_taken_back_leaves_everything_as_it_was() -> None:
    merge = Merge("a", "b", "because")
    assert resolved("abc", standing([merge]).values()) == {"a": "a", "b": "a", "c": "c"}
    assert resolved("abc", standing([merge, TakenBack(merge.id)]).values()) == {"a": "a", "b": "b", "c": "c"}
    assert resolved("abc", standing([merge, TakenBack(merge.id), merge]).values())["b"] == "a"


def test_a_second_bearer_of_the_name_takes_back_what_rules_merged() -> None:
    records = revised(SPACE, known("Ada", "Ada Lovelace"), [])
    assert len(records) == 1
    assert revised(SPACE, known("Ada", "Ada Lovelace"), records) == []
    second = revised(SPACE, known("Ada", "Ada Lovelace", "Ada Byron"), records)
    assert second == [TakenBack(records[0].id)] if isinstance(records[0], Merge) else False
    assert standing([*records, *second]) == {}


def test_rules_change_nothing_that_a_person_said() -> None:
    people = known("Ada", "Ada Lovelace")
    (merge,) = proposed(SPACE, people)
    refused: list[Record] = [merge, TakenBack(merge.id, by="tom")]
    assert revised(SPACE, people, refused) == []
    assert standing([*refused, merge]) == {}
    by_hand = Merge(id_of("Ada"), id_of("Countess"), "same person", by="tom")
    assert revised(SPACE, known("Ada", "Countess"), [by_hand]) == []
    assert standing([*refused, Merge(merge.kept, merge.other, "it is her", by="tom")])


def test_a_nickname_finds_the_one_person_it_can_mean() -> None:
    people = known("William Okafor", "Grace Hopper")
    assert people.find("Bill") == Entity("person", "William Okafor")
    assert people.find("grace") == Entity("person", "Grace Hopper")
    assert people.find("Bill", "place") is None
    assert known("William Okafor", "Bill Gates").find("Will") == Entity("person", "William Okafor")
    assert people.find("Nobody") is None
    assert "william" in people.words
    assert "grace" not in people.words  # a word as well
