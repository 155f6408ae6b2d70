"""What an adapter knows, inferred from what it says: only what it changed, and only where it says so of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from memos_mcp.cube import Parametric
from memos_mcp.errors import InvalidInput
from memos_mcp.operation.probing import Inferred, Limits, Probe, Probed, Reply, asked_about, inferred, probed
from memos_mcp.parametric import Pair

ADAPTER = Parametric(sources=(), fingerprint="f", rank=8, blob="0" * 64, name="towns@1")
LIVES = "Where does Ben live?"


def reply(
    said: str = "Lisbon",
    *,
    question: str = LIVES,
    base: str = "tea",
    before: float = -5.0,
    after: float = -0.1,
    others: float | None = None,
) -> Reply:
    """An answer that an adapter was taught, unless something else is said."""
    return Reply(question, base, said, before, after, others)


def test_what_the_adapter_changed_is_a_statement_with_its_gain() -> None:
    (found,) = inferred([reply()])
    assert (found.question, found.answer, found.gain) == (LIVES, "Lisbon", 4.9)
    assert found.text == "Where does Ben live? Lisbon."
    assert found.confidence == pytest.approx(math.exp(-0.1) - math.exp(-5), abs=1e-4)


@pytest.mark.parametrize(
    "same",
    [
        reply("Lisbon.", base=" lisbon"),
        reply(""),
        reply(" ?"),
        reply(before=-1.0),
        reply(after=math.nan),
        reply(before=math.nan),
        reply(others=-0.2),
        reply(others=math.nan),
    ],
)
def test_what_the_base_says_as_well_or_the_adapter_of_everybody_is_left_out(same: Reply) -> None:
    assert inferred([same]) == ()


def test_limits_are_what_they_are_given_as() -> None:
    near = reply(before=-0.9, others=-0.5)
    assert inferred([near]) == ()
    assert len(inferred([near], Limits(gain=0.8, ahead=0.4))) == 1
    assert inferred([near], Limits(gain=0.8, ahead=0.41)) == ()


def test_an_answer_stands_where_it_fits_best_and_the_surest_comes_first() -> None:
    lives, likes = reply(after=-0.14), reply(question="What does Ben like?", after=-0.2)
    ada = reply(question="Where does Ada live?", after=-0.1)
    tea = reply("green tea!", question="What does Ben like?", after=-0.9)
    found = inferred([lives, likes, tea, ada])
    assert [(each.question, each.answer) for each in found] == [
        ("Where does Ada live?", "Lisbon"),
        (LIVES, "Lisbon"),
        ("What does Ben like?", "green tea!"),
    ]
    assert found[2].text == "What does Ben like? green tea!"


def test_a_subject_is_asked_about_once_in_every_relation_and_so_are_strangers() -> None:
    probes = asked_about(["Ben", " Ben ", "the old ferry"])
    asked = [each.question for each in probes]
    assert len(asked) == len(set(asked))
    assert {LIVES, "What does the old ferry have?", "What is Ben allergic to?"} <= set(asked)
    assert all(each.others and not any("Ben" in other for other in each.others) for each in probes)
    assert len(asked) == 2 * len(asked_about(["Ben"]))
    with pytest.raises(InvalidInput, match="without words"):
        asked_about(["  "])


@dataclass
class Parrot:
    """Says with the adapter what it was taught, and otherwise always the same."""

    taught: dict[str, str]
    asked: list[str] = field(default_factory=list[str])

    async def generate(self, adapter: Parametric | None, prompt: str, *, limit: int = 256) -> str:
        self.asked.append(prompt)
        return self.taught.get(prompt, "nothing")[:limit] if adapter else "nothing"

    async def likelihood(self, adapter: Parametric | None, pairs: Sequence[Pair]) -> list[float]:
        return [-0.1 if adapter and self.taught.get(each.question) == each.answer else -6.0 for each in pairs]


@pytest.mark.anyio
async def test_an_adapter_is_asked_with_and_without_and_what_it_was_taught_is_found() -> None:
    parrot = Parrot({LIVES: "Lisbon", "What does Ben like?": "green tea", "Where is Ben from?": " "})
    backend: Probed = parrot
    found = await probed(backend, ADAPTER, [*asked_about(["Ben"]), Probe(LIVES), Probe(LIVES)])
    assert {each.text for each in found} == {"Where does Ben live? Lisbon.", "What does Ben like? green tea."}
    assert all(isinstance(each, Inferred) and each.gain == 5.9 for each in found)
    assert parrot.asked.count(LIVES) == 4
    assert await probed(backend, ADAPTER, []) == ()


@pytest.mark.anyio
async def test_what_an_adapter_says_of_everybody_is_no_knowledge_of_one() -> None:
    (probe,) = [each for each in asked_about(["Ben"]) if each.question == LIVES]
    everybody = Parrot(dict.fromkeys((LIVES, *probe.others), "Lisbon"))
    assert await probed(everybody, ADAPTER, [probe]) == ()
    assert len(await probed(everybody, ADAPTER, [Probe(LIVES)])) == 1
