"""A program asks a server that asks a chat model: one answer on every way, and nothing of the machine elsewhere."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

import memos_mcp
from memos_mcp import Answer, Connected, Denied, Misconfigured, NotFound, connect
from tests import sglang_fake
from tests.client_kinds import FREE, plain, secret_of, served
from tests.openai_server import Reply, Request, Server, refused, said, serving

pytestmark = pytest.mark.anyio

QUESTION = "When does the ferry leave?"


def citing(request: Request) -> Reply:
    line = request.body["messages"][1]["content"].splitlines()[1]
    return said(f"At noon [{json.loads(line)['id']}].")


@dataclass(frozen=True)
class Place:
    """A server, its chat model, and three programs: ada's, one of hers that only reads, and eve's."""

    model: Server
    ada: Connected
    reader: Connected
    eve: Connected
    id: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    with serving(citing) as model:
        settings = plain(tmp_path_factory.mktemp("home"), http=FREE, chat={"url": model.url, "model": "m"})
        with (
            served(settings) as url,
            connect(url, token=secret_of(settings)) as ada,
            connect(url, token=secret_of(settings, scope="read")) as reader,
            connect(url, token=secret_of(settings, user="eve")) as eve,
        ):
            (id,) = ada.blocking.remember("The ferry to Eigg leaves at noon.").ids
            yield Place(model, ada, reader, eve, id)


async def test_both_faces_get_the_answer_with_the_recall_behind_it(place: Place) -> None:
    one = await place.ada.asynchronous.ask(QUESTION, turns=["We go to Eigg."], limit=3)
    other = await anyio.to_thread.run_sync(lambda: place.ada.blocking.ask(QUESTION, limit=3))
    for answer in (one, other):
        assert isinstance(answer, Answer)
        assert (answer.text, answer.cited, answer.via) == (f"At noon [{place.id}].", (place.id,), "text")
        assert [cube.text for cube in answer.sources] == ["The ferry to Eigg leaves at noon."]
        assert answer.recall.access


async def test_another_user_is_answered_from_his_own_memories(place: Place) -> None:
    before = len(place.model.requests)
    answer = await place.eve.asynchronous.ask(QUESTION)
    assert (answer.text, answer.recall.cubes) == ("No memory answers this.", ())
    assert len(place.model.requests) == before


async def test_a_program_elsewhere_does_not_learn_where_the_model_is(place: Place) -> None:
    place.model.script[:] = [refused(413)]
    answer = await place.ada.asynchronous.ask(QUESTION)
    assert "the chat model 'm' at … refused the request (HTTP 413)" in answer.missing
    assert [cube.id for cube in answer.recall.cubes] == [place.id]
    place.model.script[:] = [refused(401)]
    with pytest.raises(Misconfigured) as refusal:
        await place.ada.asynchronous.ask(QUESTION)
    assert "http" not in str(refusal.value)
    place.model.script[:] = [citing]


def test_a_server_without_a_chat_model_says_so(tmp_path: Path) -> None:
    settings = plain(tmp_path, http=FREE)
    with (
        served(settings) as url,
        connect(url, token=secret_of(settings)) as connected,
        pytest.raises(Misconfigured),
    ):
        connected.blocking.ask(QUESTION)


async def test_what_was_answered_after_a_block_arrives_whole_but_for_the_address(tmp_path: Path) -> None:
    with sglang_fake.serving() as fake:
        settings = plain(tmp_path, http=FREE, activation={"kind": "sglang", "url": fake.url})
        async with memos_mcp.open(settings) as memos:
            block = await memos.kv.build((await memos.remember("The ferry to Eigg leaves at noon.")).ids)
        secret = await anyio.to_thread.run_sync(secret_of, settings)
        with served(settings) as url, connect(url, token=secret) as ada:
            answer = await ada.asynchronous.ask(QUESTION, explain=True)
            await ada.asynchronous.feedback(answer.to_judge, good=True)
            with pytest.raises(NotFound, match="each once"):
                await anyio.to_thread.run_sync(lambda: ada.blocking.feedback(answer.to_judge, good=True))
    assert (answer.via, answer.reused, answer.fallback) == ("prefix", block.tokens, "")
    assert answer.recall.prefix is not None
    assert (answer.recall.prefix.block, answer.recall.prefix.sources) == (block.name, block.sources)
    assert answer.model == "SGLang at …"
    assert answer.recall.plan is not None
    assert "prefix, at the start of the prompt" in answer.recall.plan.given


async def test_who_may_only_read_is_answered_and_does_not_judge(place: Place) -> None:
    assert (await place.reader.asynchronous.ask(QUESTION)).cited == (place.id,)
    with pytest.raises(Denied, match="write"):
        await place.reader.asynchronous.feedback("a", good=True)
