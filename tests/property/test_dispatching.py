"""Whatever happens, `ask` answers: in some way, from what who asks may read now, and it says in which."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from memos_mcp import Caller, Memos, MemosError
from memos_mcp.answers import Answer
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, Misconfigured, NotFound, Unavailable
from memos_mcp.interface.adapter_records import Want
from memos_mcp.models import Worded
from tests.activations import Table, remembering
from tests.learners import Learner

USERS = ("ada", "ben")
PATHS = ("user/ada", "shared/team")
TEXTS = ("How the tea is brewed: warm the pot, then wait. " * 9, "The tea of the ferry is green.", "Tea is at four.")
ASKED = ("How do I brew the tea?", "Which tea is green?", "Summarise the tea.", "And the tea?", "Remember the tea.")
TROUBLES = (
    *[None] * 9,
    *(kind("broken") for kind in (NotFound, Corrupt, Unavailable, InvalidInput, Misconfigured, Conflict)),
)
NUMBER = st.integers(0, 9)
Step = tuple[Any, ...]
ASK = st.tuples(st.just("ask"), st.sampled_from(USERS), st.sampled_from(ASKED), st.integers(0, 2))
steps = st.one_of(
    ASK,
    ASK,
    st.tuples(st.just("put"), st.sampled_from(PATHS), st.sampled_from(TEXTS), st.sampled_from(("fact", "skill"))),
    st.tuples(st.just("block"), st.sets(NUMBER, min_size=1, max_size=3)),
    st.tuples(st.just("train"), st.sets(NUMBER, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(("update", "forget", "archive", "quarantine", "hide")), NUMBER),
    st.tuples(st.just("judge"), st.sampled_from(USERS), NUMBER, st.booleans()),
    st.tuples(st.sampled_from(("lose", "note")), st.sampled_from(USERS)),
    st.tuples(st.just("trouble"), st.sampled_from(TROUBLES), st.sampled_from(TROUBLES)),
)
BEGIN: list[Step] = [
    ("put", "user/ada", TEXTS[0], "skill"),
    ("put", "shared/team", TEXTS[1], "fact"),
    ("train", {0}),
    ("block", {1}),
]


class Chat:
    """A chat model that is always there."""

    model = "chat"

    async def answer(self, system: str, text: str) -> Worded:
        assert text
        return Worded(f"So much for {len(system)}.")


class World:
    """A vault with all forms of memory, and what was asked of it."""

    def __init__(self, memos: Memos, table: Table, learner: Learner) -> None:
        self.memos, self.table, self.learner = memos, table, learner
        self.ids: list[str] = []
        self.answers: list[str] = ["nobodys0"]

    async def step(self, step: Step) -> None:
        match step:
            case ("ask", user, question, turns):
                await self.ask(self.memos.acting_as(Caller(user)), question, turns)
            case ("put", path, text, kind):
                self.ids.append((await self.memos.put(path, f"key {len(self.ids)}", text=text, kind=kind)).id)
            case ("trouble", table, learner):
                self.table.trouble, self.learner.trouble = table, learner
            case ("lose", _):
                self.table.kept.clear()
                self.learner.kept.clear()
            case ("note", user):
                await self.memos._on.vault.ledger.write("choice", user, "spilt")  # pyright: ignore[reportPrivateUsage]
            case ("judge", user, number, good):
                access = self.answers[int(number) % len(self.answers)]
                with contextlib.suppress(NotFound):
                    await self.memos.acting_as(Caller(user)).feedback(access, good=good)
            case _:
                with contextlib.suppress(MemosError):  # of what is gone, or while something is broken
                    await self.happen(*step)

    async def happen(self, what: str, which: Any) -> None:
        chosen = [self.ids[each % len(self.ids)] for each in ({which} if isinstance(which, int) else which)]
        match what:
            case "block":
                await self.memos.kv.build(chosen)
            case "train":
                adapters = self.memos._on.adapters  # pyright: ignore[reportPrivateUsage]
                assert adapters is not None
                want = Want("tea", "ada", tuple(chosen), datetime.now(UTC))
                await adapters.train(want, [await self.memos.get(id) for id in dict.fromkeys(chosen)])
            case "update":
                await self.memos.update(chosen[0], "The tea is another one now.")
            case "forget":
                await self.memos.forget(chosen[0])
            case "archive":
                await self.memos.lifecycle.move(chosen, "archive")
            case "quarantine":
                await self.memos.quarantine.add(chosen)
            case _:
                await self.memos.acl.change(chosen, denied=["ben"])

    async def ask(self, memos: Memos, question: str, turns: int) -> None:
        said = [f"Is there tea, {number}?" for number in range(turns)]
        plan = (await memos.recall(question, turns=said, explain=True)).plan
        asked = len(self.table.prompts), len(self.learner.prompts)
        answer = await memos.ask(question, turns=said)
        assert answer.text, answer
        assert not answer.missing
        assert plan is not None
        assert bool(plan.given) == bool(answer.recall.used)
        await self.looked_at(memos, answer, plan.given, asked)
        self.answers.append(answer.recall.access)
        event(f"{answer.via}{' after all' if answer.fallback else ''}")

    async def looked_at(self, memos: Memos, answer: Answer, given: str, asked: Sequence[int]) -> None:
        """It was given in the way that is said, by what he may read as it is now."""
        made = {"prefix": answer.recall.prefix, "adapter": answer.recall.adapter}.get(answer.via)
        for ref in made.sources if made else ():
            assert (await memos.get(ref.id)).version == ref.version
        if answer.via == "adapter" and answer.recall.adapter:
            assert self.learner.prompts[-1][0] == answer.model == answer.recall.adapter.adapter
            assert f"by adapter {answer.model}" in given
        if answer.via == "prefix":
            assert ": prefix, " in given
        if answer.via == "text" and not answer.fallback:
            assert (len(self.table.prompts), len(self.learner.prompts)) == tuple(asked)
        items = {item.id for item in (await memos.audit.answer(answer.recall.access)).items}
        assert {ref.id for ref in (made.sources if made else ())} <= items


async def lived(home: Path, life: Sequence[Step]) -> None:
    table, learner = Table(), Learner()
    async with remembering(home, table, answerer=Chat(), parametric=learner) as memos:
        world = World(memos, table, learner)
        for step in (*BEGIN, *life, *(("ask", user, ASKED[0], 0) for user in USERS)):
            await world.step(step)


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(life=st.lists(steps, min_size=4, max_size=16))
def test_whatever_happens_a_question_is_answered(life: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as home:
        anyio.run(lived, Path(home), life)
