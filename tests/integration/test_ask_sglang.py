"""`ask` after memories that SGLang keeps warm: one circle of readers for each prefix, and words wherever it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import memos_mcp
from memos_mcp import Memos
from memos_mcp.answers import Answer
from memos_mcp.interface import answering
from memos_mcp.interface.kv import Kept
from tests import openai_server, sglang_fake
from tests.client_kinds import plain
from tests.conformance.test_sglang import Far, fake_one, real_one
from tests.openai_server import said
from tests.sglang_fake import KEY, Fake, Reply

pytestmark = pytest.mark.anyio

TEA = ("Ada likes green tea, above all in the morning.", "Ben likes black tea with milk.")
ASKED = "Who likes tea?"


@pytest.fixture(scope="module", params=["fake", "real"])
def far(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Far]:
    with fake_one() if request.param == "fake" else real_one(tmp_path_factory.mktemp("sglang")) as found:
        yield found


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of random weights never end an answer by themselves."""
    monkeypatch.setattr(answering, "LONGEST", 8)


@asynccontextmanager
async def on(url: str, home: Path, *, chat: bool = False, timeout_s: float = 60) -> AsyncGenerator[Memos]:
    """Ada's memory with an SGLang and, if wanted, a chat server that answers in words."""
    async with AsyncExitStack() as stack:
        its: dict[str, Any] = {}
        if chat:
            server = stack.enter_context(openai_server.serving(*[said("In words.")] * 9))
            its = {"chat": {"url": server.url, "model": "m"}}
        given = {"kind": "sglang", "url": url, "key": KEY, "timeout_s": timeout_s, "schedule": "off"}
        yield await stack.enter_async_context(memos_mcp.open(plain(home, activation=given, **its)))


async def built(memos: Memos, *texts: str, path: str | None = None) -> Kept:
    ids = [id for text in texts for id in (await memos.remember(text, path=path)).ids]
    return await memos.kv.build(ids)


def share(answer: Answer) -> float:
    """Of the tokens of the prefix, those that were not read again."""
    assert answer.recall.prefix is not None
    return answer.reused / answer.recall.prefix.tokens


async def test_the_second_question_reads_no_memory_again(far: Far, tmp_path: Path) -> None:
    async with on(far.url, tmp_path) as memos:
        await built(memos, *TEA)
        first, second = await memos.ask(ASKED), await memos.ask("Which tea is it in the morning?")
        assert (first.via, second.via) == ("prefix", "prefix")
        assert share(first) >= 0.99
        assert share(second) >= 0.99


async def test_a_changed_memory_is_read_anew(far: Far, tmp_path: Path) -> None:
    async with on(far.url, tmp_path) as memos:
        old = await built(memos, *TEA)
        await memos.update(old.sources[0].id, "Ada likes coffee, above all in the morning.")
        assert (await memos.ask(ASKED)).via == "text"
        new = await memos.kv.build([ref.id for ref in old.sources])
        assert new.name != old.name
        assert share(await memos.ask(ASKED)) >= 0.99


async def test_another_process_finds_what_the_server_keeps(far: Far, tmp_path: Path) -> None:
    async with on(far.url, tmp_path) as memos:
        block = await built(memos, *TEA)
    async with on(far.url, tmp_path) as memos:
        answer = await memos.ask(ASKED)
        assert (answer.via, answer.fallback) == ("prefix", "")
        assert share(answer) >= 0.99
        assert [each.name for each in await memos.kv.list()] == [block.name]


async def test_two_people_with_the_same_words_share_nothing(far: Far, tmp_path: Path) -> None:
    async with on(far.url, tmp_path) as memos:
        ben = memos.acting_as(memos_mcp.Caller("ben", scopes=("read", "write")))
        hers, his = await built(memos, *TEA), await built(ben, *TEA)
        assert hers.name != his.name
        kept = memos._on.activations  # pyright: ignore[reportPrivateUsage]
        assert kept is not None
        assert len({block.activation.fingerprint for block in await kept.blocks()}) == 2
        assert [each.name for each in await ben.kv.list()] == [his.name]
        assert (await ben.ask(ASKED)).recall.prefix is not None


async def test_a_restarted_server_is_warmed_again(tmp_path: Path) -> None:
    with sglang_fake.serving(Fake(key=KEY)) as fake:
        async with on(fake.url, tmp_path) as memos:
            await built(memos, *TEA)
            fake.restart()
            cold, warm = await memos.ask(ASKED), await memos.ask(ASKED)
            assert (cold.via, warm.via) == ("prefix", "prefix")
            assert share(cold) < 0.9
            assert share(warm) >= 0.99


FAULTS = {
    "stopped": None,
    "refusing": Reply(b'{"error":"no"}', 503),
    "cut off": Reply(b'{"text":', cut=4),
    "nonsense": Reply(b"<html>"),
    "of wrong shape": Reply(b'{"text": 7}'),
    "wordless": Reply(b'{"text": "", "meta_info": {"prompt_tokens": 1, "cached_tokens": 1, "completion_tokens": 0}}'),
    "full": Reply(b'{"error": {"message": "the request needs more tokens than the pool has"}}', 400),
    "slow": Reply(held=True),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_the_server_does_the_question_is_answered_in_words_and_says_so(
    fault: str, tmp_path: Path
) -> None:
    fake = Fake(key=KEY)
    reply = FAULTS[fault]
    with sglang_fake.serving(fake):
        async with on(fake.url, tmp_path, chat=True, timeout_s=1 if fault == "slow" else 5) as memos:
            await built(memos, *TEA)
            if reply is None:
                fake.faults["/generate"] = [Reply(cut=-1)] * 50
            else:
                fake.faults["/generate"] = [reply] * 50
            answer = await memos.ask(ASKED)
            assert (answer.text, answer.via, answer.model) == ("In words.", "text", "m")
            assert answer.fallback
            assert "Traceback" not in answer.fallback
            fake.faults.clear()
            assert (await memos.ask(ASKED)).via == "prefix"


async def test_without_a_chat_model_the_recall_is_left(tmp_path: Path) -> None:
    with sglang_fake.serving(Fake(key=KEY)) as fake:
        async with on(fake.url, tmp_path) as memos:
            await built(memos, *TEA)
            fake.faults["/generate"] = [Reply(b"<html>")] * 50
            answer = await memos.ask(ASKED)
    assert (answer.text, answer.via) == ("", "none")
    assert answer.fallback
    assert answer.missing
    assert len(answer.recall.cubes) == 2
