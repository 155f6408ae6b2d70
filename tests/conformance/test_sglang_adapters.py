"""What is relied on of SGLang's adapters: the same of the server that tests of faults use and of a real one.

Of the real one also that it answers as PEFT does.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx2
import pytest

from memos_mcp.cube import Parametric
from memos_mcp.errors import NotFound
from memos_mcp.infrastructure.parametric.folders import place_of
from memos_mcp.infrastructure.parametric.later import Later
from memos_mcp.infrastructure.parametric.sglang import SGLangAdapters
from memos_mcp.interface.adapter_records import Want
from memos_mcp.parametric import Judge, Lesson, Progress, Trained
from tests import peft_answers
from tests.activations import remembering
from tests.learners import Learner, usable
from tests.lora_adapters import OF_THE_TINY_LLAMA, config, made, safetensors, tensors, written
from tests.sglang_fake import KEY
from tests.sglang_lora_fake import LoraFake, copies, on, serving
from tools import env, sglang_server
from tools.neo4j_server import free_port

pytestmark = pytest.mark.anyio

T = TypeVar("T")

MODULES = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
ASKED = "How much tea does Ada drink?"


@dataclass(frozen=True)
class Far:
    """The other side, and a folder where two adapters were trained. `log` is what the server says to its owner."""

    url: str
    folder: Path
    tea: Parametric
    sea: Parametric
    restart: Callable[[], object]
    log: Path | None = None

    def ask(self, path: str, **body: object) -> httpx2.Response:
        """A request past Memos, of somebody who knows the key of the server."""
        headers = {"Authorization": f"Bearer {KEY}"}
        if not body:
            return httpx2.get(f"{self.url}/{path}", headers=headers, trust_env=False, timeout=120)
        return httpx2.post(f"{self.url}/{path}", headers=headers, json=body, trust_env=False, timeout=120)

    def names(self) -> dict[str, str]:
        """The adapters that are loaded, and their folders."""
        return {each["id"]: each["root"] for each in self.ask("v1/models").json()["data"] if "@" in each["id"]}

    def generated(self, name: str | None, ids: list[int] | None = None, tokens: int = 1, **more: object) -> Any:
        """An answer with a name, or a refusal."""
        words = self.ask("tokenize", prompt=["Ada had green tea. " * 8], add_special_tokens=False).json()["tokens"][0]
        asked: dict[str, object] = {"input_ids": ids or words, "lora_path": name}
        answer = self.ask("generate", sampling_params={"max_new_tokens": tokens, "temperature": 0}, **(asked | more))
        return answer.json() if answer.status_code == 200 else answer.status_code


def two(folder: Path) -> tuple[Parametric, Parametric]:
    trained = folder / "trained"
    tea = made(trained, "tea@1", seed=1, shape=OF_THE_TINY_LLAMA)
    return tea, made(trained, "sea@1", seed=2, shape=OF_THE_TINY_LLAMA)


@contextmanager
def real_one(folder: Path) -> Generator[Far]:
    if not sglang_server.installed():
        pytest.skip("needs a real SGLang: make sglang")
    port, server = free_port(), folder / "server"
    lora = ["--enable-lora", "--lora-backend", "torch_native", "--max-lora-rank", "8", "--max-loras-per-batch", "3"]
    flags = ["--api-key", KEY, "--dtype", "float32", *lora, "--lora-target-modules", *MODULES]

    def restart() -> None:
        sglang_server.stop(server, at_once=True)
        sglang_server.start(port, server, flags)

    url = sglang_server.start(port, server, flags)
    try:
        yield Far(url, folder, *two(folder), restart, server / "server.log")
    finally:
        sglang_server.stop(server, at_once=True)


@pytest.fixture(scope="module", params=["fake", "real"])
def far(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Far]:
    folder = tmp_path_factory.mktemp("adapters")
    if request.param == "fake":
        with serving(LoraFake(key=KEY)) as fake:
            yield Far(fake.url, folder, *two(folder), fake.restart)
    else:
        with real_one(folder) as server:
            yield server


@contextmanager
def loaded_by_hand(far: Far, name: str) -> Generator[Path]:
    copy = far.folder / name
    shutil.copytree(place_of(far.folder / "trained", far.tea.blob), copy)
    try:
        assert far.ask("load_lora_adapter", lora_name=name, lora_path=str(copy)).status_code == 200
        yield copy
    finally:
        far.ask("unload_lora_adapter", lora_name=name)
        shutil.rmtree(copy, ignore_errors=True)


def opened(far: Far) -> AbstractAsyncContextManager[SGLangAdapters]:
    return on(far.url, far.folder, timeout_s=120, brief_s=60)


async def test_an_unloaded_name_is_loaded_again_from_its_folder_until_that_is_gone(far: Far) -> None:
    with loaded_by_hand(far, "hand@1") as copy:
        assert "text" in far.generated("hand@1")
        assert far.ask("unload_lora_adapter", lora_name="hand@1").status_code == 200
        assert far.ask("unload_lora_adapter", lora_name="hand@1").status_code == 400
        assert "hand@1" not in far.names()
        assert "text" in far.generated("hand@1")
        shutil.rmtree(copy)
        assert "text" in far.generated("hand@1")
        assert far.ask("unload_lora_adapter", lora_name="hand@1").status_code == 200
        assert far.generated("hand@1") == 400


async def test_what_is_cached_with_an_adapter_is_of_no_use_without_it_or_with_another(far: Far) -> None:
    def cached(name: str | None) -> int:
        return far.generated(name, cache_salt="a" * 64, extra_key="b" * 64)["meta_info"]["cached_tokens"] or 0

    async with opened(far) as adapters:
        await adapters.attach(far.tea)
        await adapters.attach(far.sea)
        tea, sea = (next(name for name in far.names() if name.startswith(each)) for each in ("tea@1-", "sea@1-"))
        assert [cached(each) > 0 for each in (tea, tea, sea, sea, None, None)] == [False, True] * 3
        await adapters.detach(far.tea)
        await adapters.attach(far.tea)
        again = next(name for name in far.names() if name.startswith("tea@1-"))
        assert again != tea
        assert cached(again) == 0
        await adapters.detach(far.tea)
        await adapters.detach(far.sea)


async def test_two_adapters_answer_otherwise_than_the_model_and_after_a_restart_as_before(far: Far) -> None:
    async with opened(far) as adapters:
        await adapters.attach(far.tea)
        await adapters.attach(far.sea)
        before = [await adapters.generate(each, ASKED, limit=8) for each in (None, far.tea, far.sea)]
        assert len(set(before)) == 3
        await anyio.to_thread.run_sync(far.restart)
        assert not far.names()
        after = [await adapters.generate(each, ASKED, limit=8) for each in (far.sea, None, far.tea)]
        assert after == [before[2], before[0], before[1]]
        await adapters.detach(far.tea)
        await adapters.detach(far.sea)


async def test_what_was_detached_is_reached_by_no_name_path_or_number_of_it(far: Far) -> None:
    async with opened(far) as adapters:
        await adapters.attach(far.tea)
        ((name, folder),) = far.names().items()
        plain = far.generated(None, tokens=4, cache_salt="c" * 64)["text"]
        assert far.generated(name, tokens=4)["text"] != plain
        await adapters.detach(far.tea)
        with pytest.raises(NotFound):
            await adapters.generate(far.tea, ASKED)
    ids = re.findall(rf"lora_id=(\w+), lora_name={name}", far.log.read_text("utf-8", "replace")) if far.log else []
    assert ids or far.log is None
    for way in (name, folder, "tea@1", far.tea.blob, *set(ids)):
        assert far.generated(way) == 400
    assert far.ask("load_lora_adapter", lora_name="other", lora_path=folder).status_code == 400
    assert far.generated(None, tokens=4, cache_salt="d" * 64)["text"] == plain


class OnDisk(Learner):
    """A model of this machine whose adapters are random: each lesson has its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    async def train(self, lesson: Lesson, judge: Judge, *, told: Progress | None = None) -> Trained:
        known = await super().train(lesson, judge, told=told)
        assert known.adapter is not None
        name, sources = f"{lesson.topic}@{len(self.trained)}", lesson.sources
        weights = safetensors(tensors(OF_THE_TINY_LLAMA, 8, len(self.trained)))
        kept = written(self._folder / "trained", name, weights, config(), sources=sources)
        return Trained(kept.model_copy(update={"name": name}), known.report)


async def test_erasing_one_memory_leaves_no_way_to_what_was_trained_from_it(far: Far, tmp_path: Path) -> None:
    async with opened(far) as served:
        backend = Later(
            "tiny", partial(given, OnDisk(far.folder)), far.folder / "trained", served=partial(given, served)
        )
        async with remembering(tmp_path, None, parametric=backend) as memos:
            ids = [(await memos.remember(each)).ids[0] for each in ("Ada drinks tea.", "Ben moved to Lisbon.")]
            on, adapters = memos._on, memos._on.adapters  # pyright: ignore[reportPrivateUsage]
            assert adapters is not None
            cubes = [await memos.get(id) for id in ids]
            taught = await adapters.train(Want("house", "ada", tuple(ids), datetime.now(UTC)), cubes)
            assert taught.release is not None
            said = await adapters.answer(on, taught.release.name, ASKED, beneath=("user/ada",), limit=4)
            assert said != await served.generate(None, ASKED, limit=4)
            ((name, folder),) = far.names().items()
            await memos.lifecycle.erase([ids[0]], reason="asked for")
            assert await usable(memos, ("user/ada",)) == ()
            with pytest.raises(NotFound):
                await adapters.answer(on, taught.release.name, ASKED, beneath=("user/ada",), limit=4)
            with pytest.raises(NotFound):
                await served.attach(taught.release.payload)
        assert far.names() == {}
        assert not place_of(far.folder / "trained", taught.release.payload.blob).exists()
        assert copies(far.folder) == []
        for way in (name, folder, taught.release.name, taught.release.payload.blob):
            assert far.generated(way) == 400
        assert far.ask("load_lora_adapter", lora_name="other", lora_path=folder).status_code == 400


async def given(one: T) -> T:
    return one


async def test_answers_are_those_of_peft(far: Far) -> None:
    python = env.home() / f"kv-{env.key(env.requirements('kv'))}" / "bin" / "python"
    if far.log is None:
        pytest.skip("only a real server has a model")
    if not env.finished(python.parent.parent):
        pytest.skip("needs PEFT: make kv")
    folders = [str(place_of(far.folder / "trained", each.blob)) for each in (far.tea, far.sea)]
    command = [str(python), peft_answers.__file__, str(sglang_server.model()), ASKED, "12", *folders]
    wanted = json.loads((await anyio.run_process(command, stderr=None)).stdout)
    async with opened(far) as adapters:
        await adapters.attach(far.tea)
        await adapters.attach(far.sea)
        names = {name.partition("-")[0]: name for name in far.names()}
        for its, name, adapter in zip(wanted, (None, "tea@1", "sea@1"), (None, far.tea, far.sea), strict=True):
            got = far.generated(names.get(name or ""), its["prompt"], 12, return_logprob=True)
            assert got["output_ids"] == its["made"]
            scores = [each[0] for each in got["meta_info"]["output_token_logprobs"]]
            assert scores == pytest.approx(its["scores"], abs=2e-3)
            assert await adapters.generate(adapter, ASKED, limit=12) == its["text"].strip()
        await adapters.drop(far.tea)
        await adapters.drop(far.sea)
    assert len({tuple(its["made"]) for its in wanted}) == 3
