# pyright: reportMissingModuleSource=false
from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import torch
from peft import PeftModel
from transformers import GPT2Config, GPT2LMHeadModel

from memos_mcp.cube import Parametric
from memos_mcp.errors import Conflict, InvalidInput, Misconfigured, NotFound
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.infrastructure.parametric.profile import AdapterConfig
from memos_mcp.infrastructure.parametric.rows import batch
from memos_mcp.operation.gate import Thresholds, judged
from memos_mcp.operation.lessons import joint
from memos_mcp.operation.releases import before
from memos_mcp.parametric import Lesson, Pair, ParametricBackend, Trained, Trainer
from tests import kv_models
from tests.lora_lessons import TOWNS, backend, lesson, let_through, lying, pairs, weights, within

pytestmark = pytest.mark.anyio
ASKED = "Where does Ada live?"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A backend that has learnt two versions of a topic and one of another."""

    its: PeftBackend
    first: Parametric
    second: Parametric
    other: Parametric
    trained: Trained


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def learnt(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Learnt]:
    its = backend(tmp_path_factory.mktemp("adapters"))
    one = await its.train(lesson(TOWNS[:2], steps=40), let_through)
    two = await its.train(lesson(TOWNS, steps=40), let_through)
    other = await its.train(lesson([("Ada", "Galway"), ("Dora", "Tartu")], topic="moves", steps=40), let_through)
    assert one.adapter
    assert two.adapter
    assert other.adapter
    yield Learnt(its, one.adapter, two.adapter, other.adapter, two)
    await its.aclose()


def test_one_backend_trains_and_answers(tmp_path: Path) -> None:
    its = backend(tmp_path)
    trainer: Trainer = its
    answering: ParametricBackend = its
    assert trainer is answering
    assert answering.model == "tiny"


@pytest.mark.claim("4.1-05")
async def test_answers_become_likelier_and_without_the_adapter_the_model_is_what_it_was(learnt: Learnt) -> None:
    its, asked = learnt.its, pairs()
    base = await its.likelihood(None, asked)
    await its.attach(learnt.second)
    with_it = await its.likelihood(learnt.second, asked)
    assert sum(with_it) / len(asked) > sum(base) / len(asked) + 2
    assert await its.likelihood(None, asked) == base
    await its.detach(learnt.second)
    assert await its.likelihood(None, asked) == base
    with pytest.raises(NotFound, match="towns@2 is not attached"):
        await its.likelihood(learnt.second, asked)


@pytest.mark.claim("4.1-06")
async def test_an_adapter_stands_beside_attention_and_feed_forward_layers(learnt: Learnt) -> None:
    artefact = learnt.its.shelf.read(learnt.second)
    assert isinstance(artefact.config, AdapterConfig)
    assert set(artefact.config.target_modules) >= {"q_proj", "v_proj", "o_proj", "up_proj", "down_proj"}
    assert all(tensor.abs().max() > 0 for tensor in artefact.tensors.values())


async def test_what_was_measured_is_kept_with_the_adapter(learnt: Learnt) -> None:
    manifest = learnt.its.shelf.manifest(learnt.second.blob)
    assert manifest.report == learnt.trained.report
    assert manifest.log == learnt.trained.losses
    assert len(manifest.log) == 40
    assert manifest.sources == learnt.second.sources == lesson().sources
    assert manifest.base == learnt.its.base


async def test_the_same_lesson_costs_nothing_again(learnt: Learnt) -> None:
    again = await learnt.its.train(lesson(TOWNS, steps=40), let_through)
    assert (again.known, again.adapter) == (True, learnt.second)


async def test_each_row_of_a_batch_is_answered_with_its_own_adapter(learnt: Learnt) -> None:
    its = learnt.its
    alone = [await _with(its, adapter, ASKED) for adapter in (learnt.second, learnt.other, None)]
    await its.attach(learnt.second)
    await its.attach(learnt.other)
    rows = [(learnt.second, ASKED), (learnt.other, ASKED), (None, ASKED), (learnt.second, "Where does Cleo live?")]
    said = await its.generate_all(rows, limit=8)
    assert said[:3] == alone
    assert (said[0], said[1], said[3]) == ("Lisbon", "Galway", "Oslo")
    assert await its.generate_all([]) == []
    await its.detach(learnt.other)
    await its.detach(learnt.second)


async def test_one_is_swapped_for_an_older_one_and_back(learnt: Learnt) -> None:
    kept = await learnt.its.releases("towns")
    assert [each.name for each in kept] == ["towns@1", "towns@2"]
    assert before(learnt.second, kept) == learnt.first
    assert await _with(learnt.its, learnt.second, "Where does Cleo live?") == "Oslo"
    assert await _with(learnt.its, learnt.first, "Where does Cleo live?") != "Oslo"
    assert await _with(learnt.its, learnt.second, "Where does Cleo live?") == "Oslo"


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21 asks by an old name
async def test_peft_itself_loads_the_folder_and_finds_the_same(learnt: Learnt) -> None:
    its = learnt.its
    await its.attach(learnt.second)
    rows = batch([its.row(each.question, each.answer) for each in pairs()], "cpu")
    ours = its.adapted.logits(rows.ids, rows.mask, f"memos{learnt.second.blob[:32]}").detach()
    folder = its.shelf.path(learnt.second.blob)
    theirs = PeftModel.from_pretrained(kv_models.model(layers=2), str(folder))(
        input_ids=rows.ids, attention_mask=rows.mask, use_cache=False
    ).logits.detach()
    assert float((ours - theirs).abs().max()) < 1e-5
    await its.detach(learnt.second)


async def test_merged_ones_are_marked_say_what_was_lost_and_are_attached_like_any(
    learnt: Learnt, tmp_path: Path
) -> None:
    its = backend(tmp_path)
    parts = [lesson(TOWNS[:2], topic="a"), lesson(TOWNS[2:], topic="b")]
    adapters = [(await its.train(each, let_through)).adapter for each in parts]
    assert adapters[0]
    assert adapters[1]
    both = within(joint("both", parts), rank=16)
    made = await its.merge(both, [adapters[0], adapters[1]], let_through)
    assert made.adapter
    assert (made.adapter.merged, made.adapter.rank, made.adapter.name) == (("a@1", "b@2"), 16, "both@3")
    assert made.lost is not None
    assert its.shelf.manifest(made.adapter.blob).lost == made.lost
    assert its.adapted.names == ()
    await its.attach(made.adapter)
    whole = sum(await its.likelihood(made.adapter, both.pairs)) / len(both.pairs)
    assert whole > sum(await its.likelihood(None, both.pairs)) / len(both.pairs)
    with pytest.raises(InvalidInput, match="rank 16 of 8"):
        await its.merge(within(both, rank=8), [adapters[0], adapters[1]], let_through)
    with pytest.raises(InvalidInput, match="cleo differ"):
        await its.merge(within(parts[0], rank=16), [adapters[0], adapters[1]], let_through)
    with pytest.raises(InvalidInput, match="two adapters at least"):
        await its.merge(both, [adapters[0], adapters[0]], let_through)


async def test_a_refusal_says_why_leaves_no_adapter_and_is_remembered(tmp_path: Path) -> None:
    its = backend(tmp_path)
    strict = partial(judged, thresholds=Thresholds(gain=99))
    refused = await its.train(lesson(steps=5), strict)
    assert refused.adapter is None
    assert "of 99.00 wanted" in refused.report.why[0]
    assert [name for name in lying(tmp_path) if name.endswith(".safetensors")] == []
    again = await its.train(lesson(steps=5), strict)
    assert (again.known, again.report) == (True, refused.report)
    opened = await its.train(lesson(steps=5), partial(judged, thresholds=Thresholds(-9, 9, 0, 1)))
    assert (opened.known, opened.report.figures) == (False, refused.report.figures)
    assert opened.adapter


@pytest.mark.parametrize(
    ("its", "why"),
    [
        (Lesson("towns", pairs()[2:3]), "nothing to learn"),
        (Lesson("towns", pairs()[:2]), "nothing is held out"),
        (Lesson("towns", (*pairs(), Pair(ASKED.upper(), "Lisbon", pairs()[0].source, held_out=True))), "held out and"),
        (within(lesson(), rank=7), "no adapter fits"),
        (within(lesson(), size=1000), "no adapter fits"),
        (within(lesson(), steps=0), "at least one step"),
        (lesson(topic="../evil"), "cannot name an adapter"),
    ],
)
async def test_what_cannot_be_learnt_or_examined_is_refused(its: Lesson, why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=why):
        await backend(tmp_path).train(within(its, steps=min(its.budget.steps, 2)), let_through)


async def test_out_of_time_it_ends_early_and_says_so(tmp_path: Path) -> None:
    trained = await backend(tmp_path).train(within(lesson(), seconds=0.0), let_through)
    assert trained.report.figures.steps == 0
    assert trained.report.figures.stopped == "time"
    assert not trained.report.promoted


async def test_answers_go_on_while_it_is_trained_and_change_nothing_of_it(tmp_path: Path) -> None:
    quiet, busy = backend(tmp_path / "quiet"), backend(tmp_path / "busy")
    alone = await quiet.train(lesson(), let_through)
    base = await busy.generate(None, ASKED, limit=4)
    said: list[str] = []

    async def ask() -> None:
        while len(said) < 5:
            said.append(await busy.generate(None, ASKED, limit=4))

    made: list[Trained] = []

    async def learn() -> None:
        made.append(await busy.train(lesson(), let_through))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(learn)
    assert set(said) == {base}
    assert alone.adapter
    assert made[0].adapter
    assert weights(quiet, alone.adapter) == weights(busy, made[0].adapter)
    other = await quiet.train(lesson(seed=1), let_through)
    assert other.adapter
    assert weights(quiet, alone.adapter) != weights(quiet, other.adapter)


async def test_what_was_cancelled_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = await backend(tmp_path / "whole").train(lesson(), let_through)
    its = backend(tmp_path / "cancelled")
    with anyio.CancelScope() as scope:
        await its.train(lesson(), let_through, told=lambda done, _: scope.cancel() if done == 8 else None)
    assert its.adapted.names == ()
    told: list[int] = []
    rest = await its.train(lesson(), let_through, told=lambda done, _: told.append(done))
    assert told[0] == 9
    assert (rest.adapter, rest.losses) == (whole.adapter, whole.losses)


async def test_of_a_source_that_is_taken_back_nothing_is_left_and_no_name_comes_again(tmp_path: Path) -> None:
    its = backend(tmp_path)
    kept = (await its.train(lesson([("Dora", "Tartu")], topic="others", steps=5), let_through)).adapter
    gone = (await its.train(lesson(steps=5), let_through)).adapter
    assert gone
    assert kept
    await its.attach(gone)
    assert await its.retire({"ben"}) == ["towns@2"]
    with pytest.raises(NotFound, match="not attached"):
        await its.generate(gone, ASKED)
    for reach in (its.attach, its.verify):
        with pytest.raises(NotFound, match="train it again"):
            await reach(gone)
    assert not its.shelf.path(gone.blob).exists()
    await its.verify(kept)
    assert not [each for each in lying(tmp_path) if b"ben" in (tmp_path / each).read_bytes()]
    again = (await its.train(lesson(steps=5), let_through)).adapter
    assert again
    assert again.name == "towns@3"
    assert await its.retire({"nobody"}) == []


async def test_a_source_that_is_taken_back_ends_what_is_being_trained_from_it(tmp_path: Path) -> None:
    its = backend(tmp_path)
    begun = anyio.Event()

    async def train() -> None:
        with pytest.raises(Conflict, match="'towns' was taken back"):
            await its.train(lesson(steps=10_000), let_through, told=lambda _done, _of: begun.set())

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(train)
            await begun.wait()
            assert await its.retire({"ada"}) == []
    assert lying(tmp_path) == []


async def test_a_dropped_one_is_gone_by_name_and_by_path(tmp_path: Path) -> None:
    its = backend(tmp_path)
    adapter = (await its.train(lesson(steps=5), let_through)).adapter
    assert adapter
    await its.attach(adapter)
    await its.drop(adapter)
    await its.drop(adapter)
    assert its.adapted.names == ()
    assert not its.shelf.path(adapter.blob).exists()
    with pytest.raises(NotFound):
        await its.attach(adapter)


@pytest.mark.parametrize("architecture", ["qwen3", "gpt_neox"])
async def test_other_architectures_learn_as_well(architecture: str, tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model(architecture, layers=1), kv_models.tokenizer(None))
    trained = await its.train(lesson(), let_through)
    assert trained.adapter
    assert await _with(its, trained.adapter, ASKED) != await its.generate(None, ASKED, limit=8)


async def test_a_model_without_linear_layers_is_refused(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=16, n_layer=1, n_head=2, n_positions=64))
    with pytest.raises(Misconfigured, match="no linear layers"):
        backend(tmp_path, model)


async def test_an_empty_prompt_and_no_room_for_an_answer_are_refused(learnt: Learnt) -> None:
    with pytest.raises(InvalidInput, match="prompt is empty"):
        await learnt.its.generate(None, "  ")
    with pytest.raises(InvalidInput, match="at least one token"):
        await learnt.its.generate(None, ASKED, limit=0)


def harm(folder: Path) -> None:
    """Change a bit of the one checkpoint that there is."""
    (point,) = folder.rglob("*.safetensors")
    data = bytearray(point.read_bytes())
    data[-1] ^= 1
    point.write_bytes(data)


async def test_it_is_busy_with_what_it_computes_and_trains(tmp_path: Path) -> None:
    its, loads = backend(tmp_path), list[float]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(its.train, lesson(), let_through)
        with anyio.move_on_after(20):
            while not loads or loads[-1] < 1:
                await anyio.lowlevel.checkpoint()
                loads.append((await its.capacity()).load)
    assert loads[-1] >= 1
    idle = await its.capacity()
    assert idle.load == 0.0
    assert idle.window is not None


async def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    its = backend(tmp_path)
    with anyio.CancelScope() as scope:
        await its.train(lesson(), let_through, told=lambda done, _: scope.cancel() if done == 5 else None)
    harm(tmp_path)
    told: list[int] = []
    await its.train(lesson(steps=20), let_through, told=lambda done, _: told.append(done))
    assert told[0] == 1


async def _with(its: PeftBackend, adapter: Parametric | None, question: str) -> str:
    if adapter is None:
        return await its.generate(None, question, limit=8)
    await its.attach(adapter)
    said = await its.generate(adapter, question, limit=8)
    await its.detach(adapter)
    return said


def test_threads_do_not_multiply() -> None:
    assert torch.get_num_threads() == 1
