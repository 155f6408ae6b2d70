"""The promises of the port of activation memory, on every backend: a model in process, and SGLang, like it and real."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from memos_mcp.activation import ActivationBackend, Reply, Source
from memos_mcp.cube import Activation, Ref
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.infrastructure.activation.sglang import SGLang
from tests import sglang_fake
from tests.sglang_fake import KEY, SECRET
from tools import sglang_server
from tools.neo4j_server import free_port

pytestmark = pytest.mark.anyio

QUESTION = "How much tea was it?"
LIMIT = 6

Opening = Callable[[], AbstractAsyncContextManager[ActivationBackend]]


@dataclass(frozen=True)
class Far:
    """A place that keeps blocks: opened as one process after the other would. `other` runs another model there."""

    opened: Opening
    other: Opening | None = None


@contextmanager
def transformers(folder: Path) -> Generator[Far]:
    from tests import kv_backends, kv_models

    def opening(seed: int) -> Opening:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ActivationBackend]:
            its = kv_backends.backend(folder, kv_models.model(seed=seed))
            yield its
            await its.aclose()

        return opened

    yield Far(opening(7), opening(8))


def client(url: str) -> Opening:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[ActivationBackend]:
        its = SGLang(url, SECRET, KEY, timeout_s=60)
        yield its
        await its.aclose()

    return opened


@contextmanager
def fake(_folder: Path) -> Generator[Far]:
    one, two = (sglang_fake.Fake(key=KEY, model=model) for model in ("tiny", "another"))
    with sglang_fake.serving(one), sglang_fake.serving(two):
        yield Far(client(one.url), client(two.url))


@contextmanager
def real(folder: Path) -> Generator[Far]:
    url = sglang_server.start(free_port(), folder, ("--api-key", KEY))
    try:
        yield Far(client(url))
    finally:
        sglang_server.stop(folder, at_once=True)


BACKENDS = {transformers: find_spec("torch") is not None, fake: True, real: sglang_server.installed()}


@pytest.mark.skipif(not all(BACKENDS.values()), reason="some backends are not here: make kv, make sglang")
def test_every_backend_keeps_the_promises() -> None:
    assert len(BACKENDS) == 3


@pytest.fixture(
    scope="module", params=[each for each, here in BACKENDS.items() if here], ids=lambda kind: str(kind.__name__)
)
def far(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Far]:
    with request.param(tmp_path_factory.mktemp("activation")) as there:
        yield there


@pytest.fixture
async def its(far: Far) -> AsyncGenerator[ActivationBackend]:
    async with far.opened() as backend:
        yield backend


def memories(about: str, count: int = 5, version: int = 1) -> list[Source]:
    return [
        Source(
            Ref(id=f"{about}{at:02}", version=version),
            f'{{"id":"{about}{at:02}","text":"On day {at} of {about}, Ada had {at * 7} cups of green tea."}}',
        )
        for at in range(count)
    ]


def kept(reply: Reply, activation: Activation) -> bool:
    return not reply.cold and reply.reused >= 0.99 * activation.tokens


async def test_a_question_after_memories_reads_only_the_question(its: ActivationBackend) -> None:
    known = await its.warm(memories("asking"))
    reply = await its.generate(known, QUESTION, limit=LIMIT)
    assert known.sources == tuple(each.ref for each in memories("asking"))
    assert kept(reply, known)
    assert 0 < reply.read < known.tokens
    assert 0 < reply.made <= LIMIT
    assert reply == await its.generate(known, QUESTION, limit=LIMIT)


async def test_what_is_kept_changes_no_answer(its: ActivationBackend) -> None:
    first, second = [await its.warm(memories("same"), tenant=tenant) for tenant in ("ada", "ben")]
    said = await its.generate(first, QUESTION, tenant="ada", limit=LIMIT)
    await its.drop(first)
    again = await its.warm(memories("same"), tenant="ada")
    for known, tenant in ((second, "ben"), (again, "ada")):
        assert (await its.generate(known, QUESTION, tenant=tenant, limit=LIMIT)).text == said.text


async def test_without_memories_the_whole_prompt_is_read(its: ActivationBackend) -> None:
    reply = await its.generate(None, QUESTION, limit=LIMIT)
    assert (reply.reused, reply.cold) == (0, False)
    assert reply.read > 0
    assert 0 < reply.made <= LIMIT
    assert (await its.generate(None, QUESTION, tenant="ada", limit=LIMIT)).text == reply.text


async def test_equal_sources_are_one_activation_that_is_not_read_twice(its: ActivationBackend) -> None:
    told = list[tuple[int, int]]()
    known = await its.warm(memories("twice"), told=lambda read, of: told.append((read, of)))
    assert told[-1] == (known.tokens, known.tokens)
    assert [read for read, _ in told] == sorted({read for read, _ in told})
    told.clear()
    assert await its.warm(memories("twice"), told=lambda read, of: told.append((read, of))) == known
    assert await its.warm(memories("twice"), pinned=True, told=lambda read, of: told.append((read, of))) == known
    assert all(read == of for read, of in told)


async def test_another_process_of_the_same_place_finds_what_was_read(far: Far, its: ActivationBackend) -> None:
    known = await its.warm(memories("processes"))
    async with far.opened() as other:
        assert await other.warm(memories("processes")) == known
        assert kept(await other.generate(known, QUESTION, limit=1), known)


async def test_the_order_that_is_given_is_kept_and_another_order_is_another_activation(its: ActivationBackend) -> None:
    there, back = await its.warm(memories("order")), await its.warm(memories("order")[::-1])
    assert back.sources == there.sources[::-1]
    assert (there.fingerprint, there.blob) != (back.fingerprint, back.blob)


async def test_another_version_is_another_activation(its: ActivationBackend) -> None:
    old = await its.warm(memories("versions"))
    new = await its.warm([*memories("versions", 4), memories("versions", version=2)[4]])
    assert new.sources[-1] == Ref(id="versions04", version=2)
    assert (old.fingerprint, old.blob) != (new.fingerprint, new.blob)


async def test_tenants_share_nothing_and_what_one_drops_the_other_has(its: ActivationBackend) -> None:
    ada, ben = [await its.warm(memories("tenants"), tenant=tenant) for tenant in ("ada", "ben")]
    assert (ada.fingerprint, ada.blob) != (ben.fingerprint, ben.blob)
    with pytest.raises(NotFound):
        await its.generate(ada, QUESTION, tenant="ben")
    await its.drop(ada)
    assert kept(await its.generate(ben, QUESTION, tenant="ben", limit=1), ben)


async def test_what_was_dropped_is_not_kept_and_may_be_read_again(its: ActivationBackend) -> None:
    known = await its.warm(memories("dropping"), pinned=True)
    assert await its.drop(known)
    for call in (its.generate(known, QUESTION), its.verify(known)):
        with pytest.raises(NotFound, match="warm"):
            await call
    assert isinstance(await its.drop(known), str)
    again = await its.warm(memories("dropping"))
    assert kept(await its.generate(again, QUESTION, limit=1), again)


async def test_what_is_kept_is_verified(its: ActivationBackend) -> None:
    await its.verify(await its.warm(memories("verifying")))


@pytest.mark.parametrize("prompt", ["", " \n"], ids=["empty", "blank"])
async def test_an_empty_prompt_is_refused(its: ActivationBackend, prompt: str) -> None:
    known = await its.warm(memories("asking"))
    for each in (known, None):
        with pytest.raises(InvalidInput):
            await its.generate(each, prompt)


async def test_no_memories_are_nothing_to_read(its: ActivationBackend) -> None:
    with pytest.raises(InvalidInput):
        await its.warm([])


async def test_an_activation_from_elsewhere_is_refused(its: ActivationBackend) -> None:
    known = await its.warm(memories("elsewhere"))
    for blob in (None, "0" * 64):
        foreign = Activation(sources=known.sources, fingerprint="from elsewhere", tokens=known.tokens, blob=blob)
        for call in (its.generate(foreign, QUESTION), its.verify(foreign)):
            with pytest.raises((InvalidInput, NotFound)):
                await call


async def test_another_model_does_not_answer_after_it(far: Far, its: ActivationBackend) -> None:
    if far.other is None:
        pytest.skip("this server runs one model")
    known = await its.warm(memories("models"))
    async with far.other() as other:
        for call in (other.generate(known, QUESTION), other.verify(known)):
            with pytest.raises((InvalidInput, NotFound), match=r"[Ww]arm"):
                await call
        assert await other.warm(memories("models")) != known


async def test_a_warm_that_is_called_off_leaves_a_backend_that_can(its: ActivationBackend) -> None:
    for wait in (0, 0.005):
        with anyio.move_on_after(wait):
            await its.warm(memories("enough", 40))
    with anyio.CancelScope() as scope:
        await its.warm(memories("off", 40), told=lambda _read, _all: scope.cancel())
    for about in ("enough", "off"):
        known = await its.warm(memories(about, 40))
        assert kept(await its.generate(known, QUESTION, limit=1), known)


async def test_two_tasks_warm_and_ask_at_once(its: ActivationBackend) -> None:
    made, said = list[Activation](), list[Reply]()

    async def task() -> None:
        known = await its.warm(memories("tasks"))
        made.append(known)
        said.append(await its.generate(known, QUESTION, limit=LIMIT))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(task)
    assert len(set(map(Activation.model_dump_json, made))) == 1
    assert len({each.text for each in said}) == 1
    assert all(kept(each, made[0]) for each in said)


async def test_room_is_what_a_token_takes_and_what_all_may(its: ActivationBackend) -> None:
    await its.warm(memories("room"), tenant="somebody")
    room = await its.room()
    assert 0 < room.per_token < room.budget
    assert room.seconds is None or room.seconds > 0
    assert its.model


async def test_it_says_how_much_it_reads_and_that_it_is_not_busy(its: ActivationBackend) -> None:
    known = await its.warm(memories("busy"))
    idle = await its.capacity()
    assert idle is not None
    assert idle.window is not None
    assert idle.window > known.tokens
    assert idle.load == 0.0


async def test_a_backend_may_be_closed_twice_and_what_it_read_is_there_for_the_next(far: Far) -> None:
    async with far.opened() as its:
        known = await its.warm(memories("closing"))
        await its.aclose()
    async with far.opened() as its:
        assert await its.warm(memories("closing")) == known
