"""One contract for whatever programs connect to: an asynchronous Memos, a blocking one, and the URL of a server."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from pydantic import JsonValue

import memos_mcp
from memos_mcp import (
    BlockingClient,
    Client,
    Conflict,
    Connected,
    Denied,
    InvalidInput,
    MemCube,
    Memos,
    MemosError,
    Misconfigured,
    NotFound,
    Plaintext,
    connect,
    sync,
)
from memos_mcp.client.verbs import VERBS
from memos_mcp.cube import Interval
from tests.client_kinds import FREE, plain, secret_of, served

pytestmark = pytest.mark.anyio

KINDS = ["an asynchronous Memos", "a blocking Memos", "a URL"]
BLOCKING = KINDS[1:]
NASTY: list[JsonValue] = [
    {"ä€😀": [1, 1.5, -0.0, 1e300, 2**70, None, True, {"": {"a\tb\n": "\u2028 \u202e\x7f"}}]},
    [],
    {},
    [[[]]],
    "false",
    0,
    False,
    {"kind": "plaintext", "moment": "2026-01-01", "result": {"error": {"code": "denied", "message": "no"}}},
]


@dataclass(frozen=True)
class Kind:
    """Something connected, and a path where no other test writes."""

    connected: Connected
    path: str

    @property
    def client(self) -> Client:
        return self.connected.asynchronous

    @property
    def blocking(self) -> BlockingClient:
        return self.connected.blocking


@pytest.fixture(scope="module")
def blocking_memos(tmp_path_factory: pytest.TempPathFactory) -> Generator[sync.Memos]:
    with sync.open(plain(tmp_path_factory.mktemp("blocking"))) as memos:
        yield memos


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Generator[Connected]:
    settings = plain(tmp_path_factory.mktemp("served"), http=FREE)
    with served(settings) as url, connect(url, token=secret_of(settings)) as connected:
        yield connected


@pytest.fixture(params=KINDS)
async def kind(
    request: pytest.FixtureRequest, blocking_memos: sync.Memos, remote: Connected, tmp_path: Path
) -> AsyncGenerator[Kind]:
    path = f"user/ada/{secrets.token_hex(4)}"
    match request.param:
        case "an asynchronous Memos":
            async with memos_mcp.open(plain(tmp_path)) as memos:
                yield Kind(connect(memos), path)
        case "a blocking Memos":
            yield Kind(connect(blocking_memos), path)
        case _:
            yield Kind(remote, path)


def of(kinds: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, indirect=True)


async def test_the_verbs_of_a_memory_from_its_first_words_to_its_end(kind: Kind) -> None:
    client, path = kind.client, kind.path
    kept = await client.remember("Ada likes green tea.", path=path, source="notes", tags=("drinks",), kind="preference")
    assert (kept.path, kept.new) == (path, 1)
    (id,) = kept.ids
    assert (await client.remember("Ada likes green tea.", path=path, source="notes")).new == 0
    found = await client.recall("What does Ada like?", path=path, explain=True)
    assert [cube.id for cube in found.cubes] == [id]
    assert found.cubes[0] == await client.get(id)
    assert found.cubes[0].tags == ("drinks",)
    assert found.plan is not None
    assert "green tea" in found.context
    page = await client.browse(path, tags=("drinks",), kinds=("preference",))
    assert (page.cubes, page.total, page.after) == ((found.cubes[0],), 1, 0)
    assert [(each.path, each.memories) for each in await client.namespaces(path)] == [(path, 1)]
    assert (await client.settle(5)).user == (await client.status()).user == "ada"
    event = await client.forget(id, reason="moved")
    assert (event.action, event.subject, event.reason) == ("forget", id, "moved")
    with pytest.raises(NotFound):
        await client.get(id)


async def test_what_is_put_comes_back_under_its_key_and_by_its_version(kind: Kind) -> None:
    client, path = kind.client, kind.path
    first = await client.put(path, "list", text="milk", expect=0)
    second = await client.put(path, "list", data=["milk", "bread"], expect=first.version)
    assert isinstance(second, MemCube)
    assert await client.get(path=path, key="list") == second
    assert (await client.get(first.id, version=1)).text == "milk"
    with pytest.raises(Conflict, match="at version 2, not 1: read it again"):
        await client.put(path, "list", text="eggs", expect=1)
    assert len(await client.forget_all([first.id])) == 1


async def test_memories_end_later_without_a_new_version(kind: Kind) -> None:
    client, path = kind.client, kind.path
    now = datetime.now(UTC)
    cubes = [await client.put(path, f"key {n}", text="soon over", expires=timedelta(minutes=5)) for n in range(2)]
    await client.extend([cube.id for cube in cubes], timedelta(days=2))
    for cube in cubes:
        later = await client.get(cube.id)
        assert later.version == 1
        assert later.governance.expires_at
        assert timedelta(days=2) <= later.governance.expires_at - now < timedelta(days=2, minutes=5)
    at = datetime(2099, 1, 1, tzinfo=UTC)
    await client.extend(cubes[0].id, at)
    assert (await client.get(cubes[0].id)).governance.expires_at == at
    with pytest.raises(NotFound):
        await client.extend([cubes[0].id, "0000000000000000"], at + timedelta(days=1))
    assert (await client.get(cubes[0].id)).governance.expires_at == at


async def test_data_comes_back_as_it_was_given(kind: Kind) -> None:
    for number, value in enumerate(NASTY):
        await kind.client.put(kind.path, f"k{number} ü/😀", data=value)
        cube = await kind.client.get(path=kind.path, key=f"k{number} ü/😀")
        assert isinstance(cube.payload, Plaintext)
        assert repr(cube.payload.data) == repr(value)


async def test_words_come_back_as_they_were_given(kind: Kind) -> None:
    said = "Größe, 東京, العربية, 👩‍👩‍👧: “quoted” \\ and\ttabs\nand lines \x7f"
    cube = await kind.client.put(kind.path, "words", text=said)
    assert cube.text == (await kind.client.get(cube.id)).text == said


async def test_questions_take_turns_times_and_conditions(kind: Kind) -> None:
    client, path = kind.client, kind.path
    await client.remember(
        [{"speaker": "Ben", "said_at": "2026-03-02T09:14:00Z", "text": "The ferry to Eigg leaves at noon."}],
        path=path,
        session="trip",
    )
    turns = ["Tell me about the ferry to Eigg.", {"role": "assistant", "content": "What about it?"}]
    found = await client.recall("When does it leave?", path=path, turns=turns, where="session:trip")
    assert len(found.cubes) == 1
    assert found.cubes[0].origin.said_at == datetime(2026, 3, 2, 9, 14, tzinfo=UTC)
    early = Interval(end=datetime(2026, 1, 1, tzinfo=UTC))
    assert (await client.recall("ferry", path=path, during=early)).call.during == early
    assert not (await client.recall("ferry", path=path, at=datetime(2026, 1, 1, tzinfo=UTC))).cubes
    with pytest.raises(NotFound, match="no snapshot '2026-01-01T00:00:00'"):
        await client.recall("ferry", path=path, at="2026-01-01T00:00:00")


ERRORS: list[tuple[type[MemosError], str, Callable[[Client], Awaitable[object]]]] = [
    (NotFound, "no memory '0000'", lambda client: client.get("0000")),
    (NotFound, "no memory '0000'", lambda client: client.forget("0000")),
    (Denied, "may not write to 'user/eve'", lambda client: client.put("user/eve", "key", text="x")),
    (Conflict, "version 0, not 7", lambda client: client.put(None, "never", text="x", expect=7)),
    (InvalidInput, "limit must be between 1 and 100", lambda client: client.recall("tea", limit=1000)),
    (InvalidInput, "give either the id", lambda client: client.get()),
    (InvalidInput, "nothing to put", lambda client: client.put(None, "key")),
    (InvalidInput, "is over", lambda client: client.put(None, "key", text="x", expires=timedelta(-1))),
    (InvalidInput, "NUL", lambda client: client.put(None, "key", text="a\0b")),
    (InvalidInput, "surrogate", lambda client: client.put(None, "key", text="a\ud800")),
    (InvalidInput, "JSON", lambda client: client.put(None, "key", data=[float("nan")])),
    (InvalidInput, "text", lambda client: client.remember("")),
    (InvalidInput, "kind", lambda client: client.put(None, "key", text="x", kind="poem")),  # type: ignore[arg-type]
    (InvalidInput, "nothing to choose between", lambda client: client.feedback("a", good=True)),
    (InvalidInput, "of the query", lambda client: client.browse(where="(tea")),
]


@pytest.mark.parametrize(
    "case", ERRORS, ids=[f"{error.__name__} {number}" for number, (error, _, _) in enumerate(ERRORS)]
)
async def test_what_is_refused_is_the_same_error_everywhere(
    kind: Kind, case: tuple[type[MemosError], str, Callable[[Client], Awaitable[object]]]
) -> None:
    expected, words, ask = case
    with pytest.raises(expected, match=words) as raised:
        await ask(kind.client)
    assert type(raised.value) is expected


@of(BLOCKING)
async def test_threads_and_an_event_loop_at_once_lose_no_write(kind: Kind) -> None:
    async def asynchronous(number: int) -> None:
        for n in range(5):
            await kind.client.put(kind.path, f"loop {number} {n}", text="from the loop")

    def blocking(number: int) -> None:
        for n in range(5):
            kind.blocking.put(kind.path, f"thread {number} {n}", text="from a thread")

    with anyio.fail_after(60), ThreadPoolExecutor(8) as threads:
        running = [threads.submit(blocking, number) for number in range(8)]
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(asynchronous, number)
        for each in running:
            await to_thread.run_sync(each.result)
    (there,) = await kind.client.namespaces(kind.path)
    assert there.memories == (8 + 4) * 5


async def test_a_call_that_is_cancelled_is_done_whole_or_not_and_disturbs_no_other(kind: Kind) -> None:
    turns: list[JsonValue] = [{"content": f"Ada said number {n}"} for n in range(200)]
    others: list[str] = []

    async def other(number: int) -> None:
        others.append((await kind.client.put(kind.path, f"key {number}", text="other")).id)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(other, number)
                with anyio.move_on_after(0.003 * number):
                    await kind.client.remember(turns, path=f"{kind.path}/{number}", source="talk")
        assert len(set(others)) == 5
        assert (await kind.client.remember(turns, path=f"{kind.path}/again")).new == 200
    counts = {each.path: each.memories for each in await kind.client.namespaces(kind.path)}
    assert set(counts.values()) <= {5, 200}


@of(BLOCKING)
async def test_blocking_verbs_work_in_a_thread_and_inside_a_loop(kind: Kind) -> None:
    cube = kind.blocking.put(kind.path, "here", text="x")
    assert await to_thread.run_sync(kind.blocking.get, cube.id) == cube


@of(BLOCKING)
async def test_what_is_written_once_runs_without_a_loop(kind: Kind) -> None:
    async def work(client: Client) -> MemCube:
        if not (await client.browse(kind.path)).cubes:
            await client.put(kind.path, "inline", text="x")
        return await client.get(path=kind.path, key="inline")

    coroutine = work(kind.connected.inline)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert done.value.value == await work(kind.client)


@of(KINDS[:1])
async def test_a_blocking_verb_of_an_asynchronous_memos_says_what_to_open_instead(kind: Kind) -> None:
    for call in (
        kind.blocking.status,
        lambda: kind.blocking.recall("tea"),
        lambda: kind.connected.inline.status().send(None),
    ):
        with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
            call()
        with pytest.raises(InvalidInput, match=r"memos_mcp\.sync\.open\(\)"):
            await to_thread.run_sync(call)


async def test_a_memos_that_was_given_stays_open(tmp_path: Path) -> None:
    async with memos_mcp.open(plain(tmp_path)) as memos:
        async with connect(memos) as connected:
            await connected.asynchronous.put(None, "key", text="x")
        with connect(connected) as again:
            assert again.asynchronous is connected.asynchronous
        assert (await memos.get(key="key")).text == "x"


async def test_what_is_connected_once_is_shared_and_closed_by_who_connected(remote: Connected) -> None:
    async with connect(remote) as shared:
        assert shared.blocking is remote.blocking
    assert (await remote.asynchronous.status()).user == "ada"


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://example.org", "http://ada:secret@127.0.0.1/mcp", "http://[::1"])
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(Misconfigured, match="address of") as refused:
        connect(url)
    assert "secret" not in str(refused.value)


def test_a_token_is_for_a_url(blocking_memos: sync.Memos) -> None:
    with pytest.raises(Misconfigured, match="a token is for a server"):
        connect(blocking_memos, token="memos_x")
    with pytest.raises(Misconfigured, match="no token has"):
        connect("http://127.0.0.1:1/mcp", token="memos_x\n")


def test_both_faces_have_the_verbs_and_the_signatures_of_memos() -> None:
    def signatures(cls: type, names: list[str]) -> dict[str, str]:
        methods: dict[str, Any] = dict(vars(cls))
        return {name: str(inspect.signature(methods[name])) for name in names}

    verbs = [name for name in vars(Client) if not name.startswith("_")]
    assert verbs == [name for name in vars(BlockingClient) if not name.startswith("_")] == list(VERBS)
    assert signatures(Client, verbs) == signatures(BlockingClient, verbs)
    of_memos = [name for name in verbs if name != "extend"]
    assert signatures(Client, of_memos) == signatures(Memos, of_memos)
