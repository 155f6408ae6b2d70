"""Chat over real connections to a server that answers by script."""

from __future__ import annotations

import json
import logging
import socket
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import anyio.to_thread
import pytest
from pydantic import JsonValue

from memos_mcp.errors import MemosError, Misconfigured, Unavailable
from memos_mcp.infrastructure.models.openai import OpenAIChat, OpenAIEmbedder
from memos_mcp.models import Answerer, Chat, Worded
from tests.openai_server import Reply, Request, Server, refused, said, serving

pytestmark = pytest.mark.anyio

KEY = "sk-not-to-be-seen-0123456789"
SCHEMA: dict[str, JsonValue] = {"type": "object", "properties": {"tea": {"type": "string"}}}
HELD = Reply(held=True)
BUSY = refused(503)


@asynccontextmanager
async def chatting(server: Server, *, key: str | None = KEY, timeout_s: float = 5) -> AsyncGenerator[OpenAIChat]:
    chat = OpenAIChat(server.url, "m", key, timeout_s=timeout_s, backoff_s=0.001)
    try:
        yield chat
    finally:
        await chat.aclose()


async def asked(*script: Reply | Callable[[Request], Reply], timeout_s: float = 5) -> tuple[JsonValue, list[Request]]:
    with serving(*script) as server:
        async with chatting(server, timeout_s=timeout_s) as chat:
            return await chat.complete("Be brief.", "Which tea?", SCHEMA), server.requests


async def failure(
    *script: Reply | Callable[[Request], Reply], timeout_s: float = 5
) -> tuple[MemosError, list[Request]]:
    with serving(*script) as server:
        async with chatting(server, timeout_s=timeout_s) as chat:
            with pytest.raises(MemosError) as error:
                await chat.complete("Be brief.", "Which tea?", SCHEMA)
            return error.value, server.requests


# --- chat: what is asked, and what an answer is


async def test_a_chat_model_is_asked_for_json_of_a_schema_at_temperature_0() -> None:
    answer, (request,) = await asked(said('{"tea": "green"}'))
    assert answer == {"tea": "green"}
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (request.body["model"], request.body["temperature"]) == ("m", 0)
    assert [m["content"] for m in request.body["messages"]] == ["Be brief.", "Which tea?"]
    assert request.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert request.body["response_format"]["json_schema"]["strict"] is True


async def test_no_key_means_no_authorization() -> None:
    with serving(said("{}")) as server:
        async with chatting(server, key=None) as chat:
            await chat.complete("", "", SCHEMA)
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "content",
    [
        ' {"tea": "green"}\n',
        '```json\n{"tea": "green"}\n```',
        'Here it is:\n```\n{"tea": "green"}\n```\nAnything else?',
        '<think>Tea? {"tea": "black"}</think>\n{"tea": "green"}',
        'so it is green</think>```json\n{"tea": "green"}```',
    ],
)
async def test_fences_and_thoughts_around_the_answer_are_taken_off(content: str) -> None:
    assert (await asked(said(content)))[0] == {"tea": "green"}


async def test_marks_within_the_answer_stay() -> None:
    text = "</think> and ```"
    assert (await asked(said(json.dumps({"tea": text}))))[0] == {"tea": text}


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_without_schemas_is_asked_for_json_and_told_the_schema(status: int) -> None:
    with serving(refused(status), said("{}")) as server:
        async with chatting(server) as chat:
            await chat.complete("Be brief.", "Which tea?", SCHEMA)
            await chat.complete("Be brief.", "And now?", SCHEMA)
    first, second, third = server.requests
    assert first.body["response_format"]["type"] == "json_schema"
    assert second.body["response_format"] == third.body["response_format"] == {"type": "json_object"}
    assert json.dumps(SCHEMA) in second.body["messages"][0]["content"]


async def test_a_model_without_temperature_is_asked_without() -> None:
    _, requests = await asked(refused(400, param="temperature", code="unsupported_value"), said("{}"))
    assert "temperature" not in requests[1].body
    assert requests[1].body["response_format"]["type"] == "json_schema"


async def test_a_request_refused_in_every_form_ends_and_the_next_is_asked_in_full() -> None:
    with serving(
        refused(400, code="context_length_exceeded"), refused(400, code="context_length_exceeded"), said("{}")
    ) as server:
        async with chatting(server) as chat:
            with pytest.raises(Unavailable, match=r"refused the request .HTTP 400, context_length_exceeded"):
                await chat.complete("", "", SCHEMA)
            await chat.complete("", "", SCHEMA)
    assert [r.body["response_format"]["type"] for r in server.requests] == ["json_schema", "json_object", "json_schema"]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (said("I like tea."), "11 characters that are not JSON"),
        (said('{"tea": "gre'), "not JSON"),
        (said('{"tea": NaN}'), "not JSON"),
        (said("[" * 100_000), "not JSON"),
        (said('{"tea": "gre', reason="length"), "limit of tokens"),
        (said(None), "empty answer"),
        (Reply(b'{"choices": []}'), "is its address right"),
        (Reply(b'{"answer": 42}'), "is its address right"),
        (Reply(b"<html>Welcome</html>"), "is its address right"),
        (Reply(b"{} " * 700_000), "more than 2,000,000 bytes"),
        (Reply(zlib.compress(b" " * 50_000_000), headers={"Content-Encoding": "deflate"}), "more than 2,000,000 bytes"),
        (Reply(b"no zip", headers={"Content-Encoding": "gzip"}), "DecodingError"),
        (refused(413), "HTTP 413"),
        (Reply(b'{"object": "error", "message": "too long", "code": "too_long"}', 413), "HTTP 413, too_long)"),
        (Reply(b'{"error": "too long"}', 413), "HTTP 413)"),
        (Reply(b"<h1>Too long</h1>", 413), "HTTP 413)"),
    ],
)
async def test_what_is_no_answer_is_said_to_be_none(reply: Reply, why: str) -> None:
    error, _ = await failure(reply)
    assert isinstance(error, Unavailable)
    assert why in str(error)
    assert "the chat model 'm' at http://127.0.0.1:" in str(error)


# --- chat: answers in words


async def worded(*script: Reply | Callable[[Request], Reply]) -> tuple[Worded, list[Request]]:
    with serving(*script) as server:
        async with chatting(server) as chat:
            answerer: Answerer = chat
            return await answerer.answer("Be brief.", "Which tea?"), server.requests


def counted(usage: object) -> Reply:
    return Reply(json.dumps({**json.loads(said("Green.").body), "usage": usage}).encode())


async def test_a_chat_model_is_asked_for_words_at_temperature_0() -> None:
    answer, (request,) = await worded(said(" Green, I think.\n"))
    assert answer == Worded("Green, I think.")
    assert [m["content"] for m in request.body["messages"]] == ["Be brief.", "Which tea?"]
    assert request.body["temperature"] == 0
    assert "response_format" not in request.body


async def test_thoughts_before_an_answer_are_not_part_of_it() -> None:
    assert (await worded(said("<think>Tea? Black?</think>\n\nGreen.")))[0].text == "Green."
    assert (await worded(said("so it is green</think>Green.")))[0].text == "Green."


@pytest.mark.parametrize(
    ("usage", "read", "written"),
    [
        ({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}, 12, 3),
        ({"prompt_tokens": 12, "completion_tokens": "3", "details": {"cached": 1}}, 12, None),
        ("many", None, None),
        (None, None, None),
    ],
)
async def test_tokens_are_told_as_far_as_they_were_counted(usage: object, read: int, written: int) -> None:
    assert (await worded(counted(usage)))[0] == Worded("Green.", read, written)


async def test_words_are_asked_for_again_without_temperature_and_in_no_other_form() -> None:
    answer, requests = await worded(refused(400, param="temperature"), said("Green."))
    assert answer.text == "Green."
    assert "temperature" not in requests[1].body
    with serving(refused(400, code="context_length_exceeded")) as server:
        async with chatting(server) as chat:
            with pytest.raises(Unavailable, match="context_length_exceeded"):
                await chat.answer("", "")
    assert len(server.requests) == 1


# --- chat: a server in trouble


@pytest.mark.parametrize("reply", [refused(500), BUSY, refused(429), refused(429, Retry_After="0")])
async def test_a_busy_server_is_asked_again(reply: Reply) -> None:
    answer, requests = await asked(reply, reply, said("{}"))
    assert (answer, len(requests)) == ({}, 3)


async def test_a_server_that_stays_busy_is_asked_three_times() -> None:
    error, requests = await failure(BUSY)
    assert isinstance(error, Unavailable)
    assert error.retryable
    assert "HTTP 503" in str(error)
    assert len(requests) == 3


LATER = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize("after", ["3600", LATER], ids=["seconds", "date"])
async def test_a_server_that_wants_more_time_than_there_is_is_not_asked_again(after: str) -> None:
    with anyio.fail_after(4):
        error, requests = await failure(refused(429, code="rate_limit_exceeded", Retry_After=after))
    assert "HTTP 429, rate_limit_exceeded" in str(error)
    assert len(requests) == 1


async def test_a_time_to_wait_that_cannot_be_read_is_ignored() -> None:
    assert len((await asked(refused(429, Retry_After="soon"), said("{}")))[1]) == 2


async def test_no_answer_in_time_ends_the_call() -> None:
    error, _ = await failure(HELD, timeout_s=0.05)
    assert isinstance(error, Unavailable)
    assert "did not answer within 0.05 s" in str(error)


async def test_the_time_is_for_all_tries_together() -> None:
    error, requests = await failure(BUSY, HELD, timeout_s=0.2)
    assert "did not answer within 0.2 s" in str(error)
    assert len(requests) <= 2


async def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        chat = OpenAIChat(url, "m", KEY, timeout_s=5)
        with pytest.raises(Unavailable, match=f"{url} cannot be reached .*is it running"):
            await chat.complete("", "", SCHEMA)
        await chat.aclose()


async def test_https_is_spoken_only_with_whom_this_system_trusts() -> None:
    with serving(said("{}")) as server:
        chat = OpenAIChat(server.url.replace("http://", "https://"), "m", KEY, timeout_s=5)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await chat.complete("", "", SCHEMA)
        await chat.aclose()
    assert not server.requests


async def test_a_connection_that_breaks_off_is_tried_again() -> None:
    cut = Reply(b"{}", headers={"Content-Length": "100", "Connection": "close"})
    answer, requests = await asked(cut, said("{}"))
    assert (answer, len(requests)) == ({}, 2)


async def test_a_call_can_be_cancelled() -> None:
    with serving(HELD) as server:
        async with chatting(server) as chat, anyio.create_task_group() as tasks:
            tasks.start_soon(chat.complete, "", "", SCHEMA)
            with anyio.fail_after(5):
                await anyio.to_thread.run_sync(server.asked.wait)
                tasks.cancel_scope.cancel()
    assert len(server.requests) == 1


async def test_after_closing_it_connects_anew() -> None:
    with serving(said("{}")) as server:
        async with chatting(server) as chat:
            await chat.complete("", "", SCHEMA)
            await chat.aclose()
            assert await chat.complete("", "", SCHEMA) == {}


# --- settings that cannot work


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "check the key"), (403, "check the key"), (404, "end in /v1"), (405, "end in /v1"), (308, "end in /v1")],
)
async def test_a_server_that_will_never_answer_says_what_to_set(status: int, advice: str) -> None:
    error, requests = await failure(refused(status, Location="http://127.0.0.1:1/elsewhere"))
    assert isinstance(error, Misconfigured)
    assert advice in str(error)
    assert len(requests) == 1


async def test_a_missing_key_is_told_from_a_wrong_one() -> None:
    with serving(refused(401)) as server:
        async with chatting(server, key=" ") as chat:
            with pytest.raises(Misconfigured, match="none is set"):
                await chat.complete("", "", SCHEMA)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:8000/v1", "must be like http"),
        ("", "must be like http"),
        ("ftp://host/v1", "must be like http"),
        ("http://[::1", "cannot be read"),
        ("https://user:sesame@host/v1", "set it as the key"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as error:
        OpenAIChat(url, "m")
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize("key", ["sk-no\nline", "sk-schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(Misconfigured, match="copy it anew") as error:
        OpenAIEmbedder("http://127.0.0.1/v1", "m", key)
    assert key not in str(error.value)


async def test_what_follows_a_question_mark_in_the_address_is_kept_and_not_shown() -> None:
    with serving(said("{}"), refused(404)) as server:
        chat = OpenAIChat(f"{server.url}/?api-version=1", "m")
        await chat.complete("", "", SCHEMA)
        with pytest.raises(Misconfigured) as error:
            await chat.complete("", "", SCHEMA)
        await chat.aclose()
    assert server.requests[0].path == "/v1/chat/completions?api-version=1"
    assert "api-version" not in str(error.value)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await asked(said("{}")))[0] == {}


async def test_the_key_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"Incorrect API key provided: {KEY}"
    for status in (400, 401, 404, 429, 500):
        with serving(refused(status, code=KEY, message=echo)) as server:
            async with chatting(server) as chat:
                with pytest.raises(MemosError) as error:
                    await chat.complete("", "", SCHEMA)
                assert KEY not in f"{error.value!r} {error.value.__cause__!r} {chat!r} {vars(chat)!r}"
        assert server.requests[0].headers["Authorization"].endswith(KEY)
    assert caplog.records
    assert KEY not in caplog.text


def test_it_is_what_the_core_asks_for() -> None:
    chat: Chat = OpenAIChat("http://127.0.0.1/v1", "m")
    assert chat.model == "m"
