import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

TESTS = Path(__file__).parents[1]

# counted in the texts: blocks between blank lines without the headings; a list is one block, and so is a figure
PARAGRAPHS = {
    "4.1": 6,
    "4.2": 10,
    "4.3": 7,
    "4.4": 2,
    "5": 1,
    "5.1": 5,
    "5.2": 8,
    "5.3.1": 1,
    "5.3.2": 1,
    "5.3.3": 2,
    "5.4.1": 5,
    "5.4.2": 4,
    "5.4.3": 4,
    "5.5.1": 5,
    "5.5.2": 3,
    "5.5.3": 3,
    "5.5.4": 4,
}

Sentence = Annotated[str, Field(pattern=r"^\S.*\.$")]
Words = Annotated[str, Field(pattern=r"^\S.*\S$")]


class Claim(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    says: Sentence
    status: Literal["open", "done"]
    part: Words | None = None


class Paragraph(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["short", "long"]
    section: str
    heading: Words
    starts: Words
    claim: tuple[Claim, ...] = ()
    restates: tuple[str, ...] = ()
    no_claim: Words | None = None


class Requirements(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    paragraph: tuple[Paragraph, ...]

    def claims(self) -> tuple[Claim, ...]:
        return tuple(claim for paragraph in self.paragraph for claim in paragraph.claim)


@dataclass(frozen=True, slots=True)
class Mention:
    claim: str
    place: str


def mentions(tests: Path) -> Iterator[Mention]:
    for file in sorted(tests.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and is_claim_mark(node):
                place = f"{file.relative_to(tests).as_posix()}:{node.lineno}"
                yield from (Mention(claim, place) for claim in named(calls.get(id(node)), place))


def is_claim_mark(node: ast.Attribute) -> bool:
    match node.value:
        case ast.Attribute(attr="mark") | ast.Name(id="mark"):
            return node.attr == "claim"
        case _:
            return False


def named(call: ast.Call | None, place: str) -> list[str]:
    if call is None or not call.args or call.keywords:
        pytest.fail(f"{place}: name the claim by its id, as in @pytest.mark.claim('5.4.1-03')")
    ids: list[str] = []
    for argument in call.args:
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
            pytest.fail(f"{place}: write the id of the claim out, so that it can be searched: {ast.unparse(argument)}")
        ids.append(argument.value)
    return ids


def out_of_step(claims: tuple[Claim, ...], found: list[Mention]) -> list[str]:
    shown = {mention.claim for mention in found}
    known = {claim.id for claim in claims}
    unknown = [f"{mention.place}: there is no claim {mention.claim}" for mention in found if mention.claim not in known]
    return unknown + [fault for claim in claims for fault in contradictions(claim, claim.id in shown)]


def contradictions(claim: Claim, is_shown: bool) -> Iterator[str]:
    match claim.status:
        case "done":
            if not is_shown:
                yield f"{claim.id} is done, but no test names it"
            if claim.part is not None:
                yield f"{claim.id} is done, so nothing can be missing: remove its part"
        case "open":
            if is_shown and claim.part is None:
                yield f"{claim.id} is open, but tests name it: make it done, or say in part what is still missing"
            if claim.part is not None and not is_shown:
                yield f"{claim.id} says what is still missing, but no test shows the rest: remove its part"


@pytest.fixture(scope="module")
def requirements() -> Requirements:
    return Requirements.model_validate(tomllib.loads((TESTS / "requirements.toml").read_text(encoding="utf-8")))


def test_the_paragraphs_of_every_section_are_all_listed_in_the_order_of_the_texts(requirements: Requirements) -> None:
    sections = [paragraph.section for paragraph in requirements.paragraph]
    assert sections == [section for section, count in PARAGRAPHS.items() for _ in range(count)]


def test_a_paragraph_is_found_in_its_text_by_its_section_and_first_words(requirements: Requirements) -> None:
    texts = {"4": "short", "5": "long"}
    assert [p.starts for p in requirements.paragraph if p.source != texts[p.section[0]]] == []
    counted = Counter((paragraph.section, paragraph.starts) for paragraph in requirements.paragraph)
    assert [place for place, count in counted.items() if count > 1] == []


def test_a_paragraph_has_claims_or_a_reason_why_not(requirements: Requirements) -> None:
    undecided = [p.starts for p in requirements.paragraph if bool(p.claim or p.restates) == bool(p.no_claim)]
    assert undecided == []


def test_a_claim_has_an_id_of_its_own_that_names_its_section(requirements: Requirements) -> None:
    misnamed = [
        claim.id
        for paragraph in requirements.paragraph
        for claim in paragraph.claim
        if not re.fullmatch(re.escape(paragraph.section) + r"-\d\d", claim.id)
    ]
    assert misnamed == []
    counted = Counter(claim.id for claim in requirements.claims())
    assert [claim for claim, count in counted.items() if count > 1] == []


def test_a_claim_is_made_once(requirements: Requirements) -> None:
    counted = Counter(claim.says for claim in requirements.claims())
    assert [says for says, count in counted.items() if count > 1] == []


def test_a_paragraph_restates_claims_of_earlier_paragraphs_only(requirements: Requirements) -> None:
    earlier: set[str] = set()
    for paragraph in requirements.paragraph:
        assert earlier.issuperset(paragraph.restates), paragraph.starts
        assert len(set(paragraph.restates)) == len(paragraph.restates), paragraph.starts
        earlier |= {claim.id for claim in paragraph.claim}


@pytest.mark.no_cover
def test_the_claims_that_are_done_are_those_that_tests_show(requirements: Requirements) -> None:
    assert out_of_step(requirements.claims(), list(mentions(TESTS))) == []


def test_a_mark_is_found_wherever_pytest_takes_one(tmp_path: Path) -> None:
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_marks.py").write_text(
        "import pytest\n"
        "from pytest import mark\n"
        'pytestmark = [pytest.mark.claim("1-01"), pytest.mark.anyio]\n'
        '@pytest.mark.claim("1-02", "1-03")\n'
        'class TestCube:\n    @mark.claim("1-04")\n    async def test_it(self): ...\n'
        '@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.claim("1-05"))])\n'
        'def test_more(n): """Not a mark: pytest.mark.claim("1-06")."""\n'
    )
    assert {(mention.claim, mention.place) for mention in mentions(tmp_path)} == {
        ("1-01", "unit/test_marks.py:3"),
        ("1-02", "unit/test_marks.py:4"),
        ("1-03", "unit/test_marks.py:4"),
        ("1-04", "unit/test_marks.py:6"),
        ("1-05", "unit/test_marks.py:8"),
    }


@pytest.mark.parametrize("mark", ["claim", "claim()", "claim(FIRST)", "claim(*ALL)", 'claim(id="1-01")'])
def test_a_mark_that_does_not_write_its_id_out_is_refused_with_its_place(tmp_path: Path, mark: str) -> None:
    (tmp_path / "test_marks.py").write_text(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): ...\n")
    with pytest.raises(pytest.fail.Exception, match=r"test_marks\.py:2: "):
        list(mentions(tmp_path))


@pytest.mark.parametrize(
    ("status", "part", "is_shown", "fault"),
    [
        ("done", None, True, None),
        ("done", None, False, "no test names it"),
        ("done", "the rest", True, "nothing can be missing"),
        ("open", None, False, None),
        ("open", None, True, "tests name it"),
        ("open", "the rest", True, None),
        ("open", "the rest", False, "no test shows the rest"),
    ],
)
def test_a_claim_out_of_step_with_the_tests_is_named(
    status: Literal["open", "done"], part: str | None, is_shown: bool, fault: str | None
) -> None:
    claim = Claim(id="1-01", says="It works.", status=status, part=part)
    found = out_of_step((claim,), [Mention("1-01", "test_it.py:1")] if is_shown else [])
    assert len(found) == (0 if fault is None else 1)
    assert fault is None or fault in found[0]


def test_a_test_that_names_no_claim_of_the_papers_is_told_where_it_is() -> None:
    assert out_of_step((), [Mention("9-99", "test_it.py:7")]) == ["test_it.py:7: there is no claim 9-99"]
