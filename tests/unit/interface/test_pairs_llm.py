"""Questions to train on by a chat model: what it is sent, what of its answer is learnt, and that it may fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from memos_mcp import Misconfigured, wiring
from memos_mcp.cube import Ref
from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.models.openai import OpenAIChat
from memos_mcp.interface.pairs_llm import ModelAuthor
from memos_mcp.interface.planning import Terms
from memos_mcp.parametric import Pair
from tests.activations import remembering
from tests.entity_server import memory_in
from tests.learners import Learner
from tests.openai_server import Reply, Request, said, serving

pytestmark = pytest.mark.anyio

TEXT = "Ada is allergic to peanuts."
REF = Ref(id="m", version=1)
ASKED = ("What must Ada never eat?", "Which food is dangerous for Ada?")


def pairs(*questions: str, answer: str = "peanuts") -> Reply:
    """The last one is held out."""
    its = [{"question": each, "answer": answer, "held_out": each == questions[-1]} for each in questions]
    return said(json.dumps({"pairs": its}))


async def by(reply: Reply, text: str = TEXT) -> tuple[Sequence[Pair], list[Request]]:
    with serving(lambda _: reply) as server:
        chat = OpenAIChat(server.url, "small")
        try:
            return await ModelAuthor(chat).write(text, REF), server.requests
        finally:
            await chat.aclose()


async def test_a_model_writes_questions_and_holds_some_out() -> None:
    found, (request,) = await by(pairs(*ASKED))
    assert found == [Pair(ASKED[0], "peanuts", REF), Pair(ASKED[1], "peanuts", REF, held_out=True)]
    assert memory_in(request) == {"text": TEXT}


async def test_a_secret_is_not_sent() -> None:
    key = "sk-ant-api03-" + "a1B2c3D4" * 11 + "-abcdefgAA"
    _, (request,) = await by(pairs(*ASKED), f"The key of Ada is {key}.")
    assert key not in json.dumps(request.body)


@pytest.mark.parametrize(
    "reply", [said("no JSON"), said('{"pairs": [{"question": "Who?"}]}'), said('{"questions": []}'), pairs("Who?", "")]
)
async def test_another_answer_is_none(reply: Reply) -> None:
    with pytest.raises(Unavailable):
        await by(reply)


async def learnt(home: Path, reply: Reply) -> list[Pair]:
    """What is trained of one memory by somebody whose chat model answers so."""
    learner = Learner()
    with serving(lambda _: reply) as server:
        chat = OpenAIChat(server.url, "small")
        terms = Terms(author=ModelAuthor(chat))
        try:
            async with remembering(home, None, parametric=learner, scheduling=terms) as memos:
                ids = (await memos.remember(TEXT)).ids
                assert (await memos.adapters.train("house", ids)).adapter is not None
        finally:
            await chat.aclose()
    ((_, lesson),) = learner.kept.values()
    return list(lesson.pairs)


async def test_what_it_writes_is_learnt_beside_what_the_templates_say(tmp_path: Path) -> None:
    questions = {pair.question for pair in await learnt(tmp_path, pairs(*ASKED))}
    assert set(ASKED) <= questions
    assert len(questions) > len(ASKED)


async def test_what_the_memory_does_not_say_is_not_learnt(tmp_path: Path) -> None:
    learned = await learnt(tmp_path, pairs(*ASKED, answer="hazelnuts"))
    assert learned
    assert not any("hazelnuts" in pair.answer for pair in learned)


async def test_without_its_answer_the_templates_stand_in(tmp_path: Path) -> None:
    learned = await learnt(tmp_path, said("no JSON"))
    assert learned
    assert not {pair.question for pair in learned} & set(ASKED)


async def test_it_is_asked_by_settings_and_needs_a_chat_model(tmp_path: Path) -> None:
    given: dict[str, Any] = {"kind": "transformers", "model": "m", "questions": "model"}
    with pytest.raises(Misconfigured, match=r"set chat\.model"):
        wiring.open(home=tmp_path, parametric=given)
    with serving(lambda _: pairs(*ASKED)) as server:
        memos = wiring.open(home=tmp_path, parametric=given, chat={"url": server.url, "model": "small"})
        adapters = memos._on.adapters  # pyright: ignore[reportPrivateUsage]
        assert adapters is not None
        assert isinstance(adapters._author, ModelAuthor)  # pyright: ignore[reportPrivateUsage]
        assert (await adapters._author.write(TEXT, REF))[0].question == ASKED[0]  # pyright: ignore[reportPrivateUsage]
        await memos.aclose()
