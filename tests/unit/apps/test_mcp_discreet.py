"""Over HTTP nobody learns where things lie on the machine, whatever is wrong with it; the log says it."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
import httpx2
import pytest
from pydantic import JsonValue

from memos_mcp.answers import Answer, Missing, Recall, Remembered, Status
from memos_mcp.apps.faults import FAULTS, exact, told
from memos_mcp.apps.mcp_answers import Context, LaneState, State, Stored
from memos_mcp.apps.mcp_discreet import discreet, hidden
from memos_mcp.apps.mcp_full_answers import Explained
from memos_mcp.apps.mcp_whole import Whole
from memos_mcp.errors import Corrupt, InvalidInput, MemosError, Misconfigured, NotFound, Unavailable
from memos_mcp.search import Goal, Lane, MemoryCall, Plan, Understanding
from tests.http_server import configured, post, serving, token

pytestmark = pytest.mark.anyio

HOME = "/home/ada/.memos"


def test_places_and_addresses_are_hidden_and_nothing_else() -> None:
    said = f"no model at {HOME}/models/x: `memos model install`; http://127.0.0.1:1/v1 did not answer (/etc stays)"
    assert hidden(said, [HOME]) == "no model at …: `memos model install`; … did not answer (/etc stays)"


def test_what_the_server_says_of_itself_is_hidden_and_what_memories_say_is_not() -> None:
    why = f"{HOME}/memos.db is locked"
    lane = LaneState(name="words", on=True, why=why)
    state = State(user="ada", path="user/ada", paths=(), memories=1, lanes=(lane,), vault=HOME)
    stored = Stored(path="user/ada", ids=("m1",), new=1, fallback=why)
    found = Context(memories=(), searched=1, paths=("shared",), missing=(f"words: {why}",))
    plan = ("topic: any", f"given: as text: {why}")
    explained = Explained(memories=(), searched=1, paths=(), plan=plan, missing=(f"words: {why}",))
    for answer in (state, stored, found, explained):
        shown = discreet(answer, [HOME])
        assert HOME not in f"{shown} {shown.content()}"
        assert "is locked" in f"{shown} {shown.content()}"


def test_a_program_is_not_told_more_of_the_machine_than_a_model() -> None:
    why = f"{HOME}/memos.db is locked"
    call = MemoryCall("tea?", "tea", understanding=Understanding("tea?", "tea?", "retrieve", fallback=why))
    for result in (
        Status("ada", "user/ada", (), 1, (Lane("words", on=True, why=why),), vault=HOME),
        Recall("tea?", "", (), 0, 0, (), 1, call, missing=(Missing("words", why),)),
        Recall("tea?", "", (), 0, 0, (), 1, call, plan=Plan(Goal((), (), "what"), (), given=f"as text: {why}")),
        Answer("", Recall("tea?", "", (), 0, 0, (), 1, call), missing=why),
        Answer("", Recall("tea?", "", (), 0, 0, (), 1, call, missing=(Missing("words", why),))),
        Remembered("user/ada", ("m1",), 1, 0, fallback=why),
    ):
        shown = discreet(Whole(result=result), [HOME])
        assert HOME not in str(shown.content())
        assert "is locked" in str(shown.content())
    assert discreet(Whole(result=HOME), [HOME]).content() == {"result": HOME}


@pytest.mark.parametrize("kind", [Corrupt, Misconfigured, Unavailable, MemosError])
def test_a_program_reads_which_error_it_was_and_elsewhere_no_place(kind: type[MemosError]) -> None:
    assert exact(kind(f"{HOME} is damaged")) == {"code": kind.code, "message": f"{HOME} is damaged"}
    assert HOME not in str(exact(kind(f"{HOME} is damaged"), local=False))
    assert exact(NotFound("no tea \ud800"), local=False) == {"code": "not_found", "message": "no tea \\ud800"}


@pytest.mark.parametrize("kind", [Corrupt, Misconfigured, Unavailable, MemosError])
def test_an_error_of_the_machine_says_elsewhere_what_to_do_and_not_what_it_is(kind: type[MemosError]) -> None:
    assert HOME in told(kind(f"the vault {HOME}/memos.db is damaged"))
    said = told(kind(f"the vault {HOME}/memos.db is damaged"), local=False)
    assert HOME not in said
    assert "finds the cause in its log" in said


@pytest.mark.parametrize("kind", [InvalidInput, NotFound])
def test_an_error_of_the_caller_says_everywhere_what_it_is(kind: type[MemosError]) -> None:
    assert told(kind("there is no tea"), local=False) == f"there is no tea. {FAULTS[kind.code].next_step}"


async def test_over_http_a_damaged_vault_is_named_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = configured(tmp_path, open_on_loopback=True)
    secret = await token(settings)
    call: dict[str, JsonValue] = {"name": "memory_status", "arguments": {}}
    vault = anyio.Path(tmp_path)
    async with serving(settings) as url, httpx2.AsyncClient(trust_env=False) as http:
        well = await post(http, url, secret, "tools/call", call)
        async for file in vault.glob("memos.db*"):
            await file.unlink()
        await (vault / "memos.db").write_bytes(b"not a database" * 1000)
        with caplog.at_level(logging.ERROR):
            answers = [await post(http, url, given, "tools/call", call) for given in ("", secret)]
    assert "The memory is damaged and nothing was changed" in answers[0].text
    assert answers[1].status_code == 503
    assert not any(str(tmp_path) in answer.text for answer in (well, *answers))
    assert f"the vault {tmp_path}/memos.db is damaged" in str([vars(record) for record in caplog.records])
