"""A KV block becomes a cartridge: at first it answers as the block does, then better."""

# pyright: reportMissingModuleSource=false
from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from memos_mcp.activation import Source
from memos_mcp.cube import Activation, Parametric
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, NotFound
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.blocks import Block, read
from memos_mcp.infrastructure.activation.transformers import TransformersBackend
from memos_mcp.infrastructure.parametric.artefacts import place_of
from memos_mcp.infrastructure.parametric.cartridges import started
from memos_mcp.infrastructure.parametric.folders import MANIFEST
from memos_mcp.infrastructure.parametric.learning import Start
from memos_mcp.infrastructure.parametric.peft import PeftBackend
from memos_mcp.infrastructure.parametric.prefixes import TENSOR, packed
from memos_mcp.infrastructure.parametric.profile import CARTRIDGE, CONFIG, FILE, config_of
from memos_mcp.infrastructure.parametric.rows import batch, row_of, scores
from memos_mcp.infrastructure.parametric.taking import taken
from memos_mcp.operation.gate import Thresholds, judged
from memos_mcp.parametric import Lesson, Recipe
from tests import kv_models, lora_lessons
from tests.lora_lessons import TOWNS, backend, let_through, lying, pairs, within

pytestmark = pytest.mark.anyio
ASKED = ("Where does Ada live?", "And what of Ben and his sister in Porto?")


@dataclass(frozen=True, slots=True)
class Warm:
    """A KV block of the memories of a lesson, as activation memory keeps it."""

    activations: TransformersBackend
    activation: Activation
    path: Path

    @property
    def block(self) -> Block:
        return read(self.path)


@dataclass(frozen=True, slots=True)
class Taught:
    """A cartridge that has learnt its lesson."""

    its: PeftBackend
    adapter: Parametric
    gained: tuple[float, float]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module."""
    return "asyncio"


async def warmed(folder: Path, model: PreTrainedModel | None = None, *, tenant: str = "") -> Warm:
    """The memories that `lesson` is of, read by the model that `backend` has."""
    its = TransformersBackend(
        model if model is not None else kv_models.model(layers=2),
        kv_models.tokenizer(),
        folder,
        name="tiny",
        revision="1",
    )
    sources = list(dict.fromkeys(each.source for each in pairs()))
    texts = [f"{name} lives in {town}." for name, town in TOWNS]
    activation = await its.warm([Source(ref, text) for ref, text in zip(sources, texts, strict=True)], tenant=tenant)
    assert activation.blob
    return Warm(its, activation, folder / activation.blob[:2] / activation.blob[2:])


@pytest.fixture(scope="module")
async def warm(tmp_path_factory: pytest.TempPathFactory) -> Warm:
    return await warmed(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
async def taught(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Taught]:
    its = backend(tmp_path_factory.mktemp("adapters"))
    trained = await its.cartridge(lesson(steps=120), warm.path, let_through)
    assert trained.adapter
    held = trained.report.figures.sources
    before, after = sum(each.before for each in held) / len(held), sum(each.after for each in held) / len(held)
    yield Taught(its, trained.adapter, (before, after))
    await its.aclose()


def lesson(people: Sequence[tuple[str, str]] = TOWNS, *, steps: int = 40) -> Lesson:
    """The lesson of these people at a rate that keys and values of a prefix need: that of matrices is too low."""
    its = lora_lessons.lesson(people, steps=steps)
    return replace(its, recipe=replace(its.recipe, rate=0.1, batch=6))


def untrained(its: PeftBackend, warm: Warm) -> Start:
    """The cartridge that a block is, attached under the name `fresh`."""
    start = started(its.place, its.seam, lesson(), warm.path)
    its.adapted.add("fresh", start.config, start.tensors)
    return start


def after_block(its: PeftBackend, block: Block, prompt: str) -> torch.Tensor:
    """What the model makes of a question behind a block, as activation memory answers it."""
    with torch.inference_mode():
        return Answering(its.adapted.model, block, [its.seam.question(prompt)]).logits()


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt_neox"])
async def test_before_it_learns_it_expects_what_the_block_does(architecture: str, tmp_path: Path) -> None:
    warm = await warmed(tmp_path / "blocks", kv_models.model(architecture, layers=2))
    its = backend(tmp_path / "adapters", kv_models.model(architecture, layers=2))
    start = untrained(its, warm)
    for asked in ASKED:
        row = batch([row_of(start.asks, asked, "Lisbon")], "cpu")
        count = len(its.seam.question(asked))
        ours = its.adapted.logits(row.ids[:, :count], row.mask[:, :count], "fresh")[:, -1].detach()
        theirs = after_block(its, warm.block, asked)
        base = its.adapted.logits(row.ids[:, :count], row.mask[:, :count], None)[:, -1].detach()
        assert float((ours - theirs).abs().max()) <= 1e-4
        assert float((ours - base).abs().max()) > 0.1
    assert start.tensors
    assert all(torch.equal(each, its.adapted.tensors("fresh")[name]) for name, each in start.tensors.items())


async def test_before_it_learns_it_answers_as_the_block_does_whatever_stands_beside(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path)
    untrained(its, warm)
    asked = [its.seam.question(each) for each in ASKED]
    longest = max(map(len, asked))
    ids = torch.tensor([[its.asking.end] * (longest - len(each)) + each for each in asked])
    mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in asked])
    made = its.adapted.continued(ids, mask, "fresh", end=its.asking.end, limit=6).tolist()
    said = [reply.text.strip() for reply in await warm.activations.generate_all(warm.activation, ASKED, limit=6)]
    assert [its.asking.text(row[longest:]) for row in made] == said
    assert len(set(said)) == 2


async def test_held_out_answers_gain_by_what_it_learns_not_only_by_what_it_has_read(
    taught: Taught, warm: Warm, tmp_path: Path
) -> None:
    before, after = taught.gained
    assert after > before + 1
    its = backend(tmp_path)
    start = untrained(its, warm)
    held = [each for each in pairs() if each.held_out]
    read_only = scores(its.adapted, [row_of(start.asks, each.question, each.answer) for each in held], "fresh")
    assert after > sum(read_only) / len(held) + 1


async def test_the_first_token_on_which_models_lean_does_not_learn_and_all_others_do(
    taught: Taught, warm: Warm
) -> None:
    block = warm.block
    was = packed(block.keys, block.values)[TENSOR]
    now = taught.its.shelf.read(taught.adapter).tensors[TENSOR]
    assert torch.equal(now[0], was[0])
    assert min(float((now[at] - was[at]).abs().max()) for at in range(1, len(block.ids))) > 0


async def test_it_is_attached_asked_and_let_go_like_any_adapter(taught: Taught) -> None:
    its, asked = taught.its, pairs()
    base = await its.likelihood(None, asked)
    with pytest.raises(NotFound, match="not attached"):
        await its.generate(taught.adapter, ASKED[0])
    await its.verify(taught.adapter)
    await its.attach(taught.adapter)
    assert await its.generate(taught.adapter, ASKED[0], limit=8) == "Lisbon"
    assert sum(await its.likelihood(taught.adapter, asked)) > sum(base) + 2 * len(asked)
    assert await its.likelihood(None, asked) == base
    await its.detach(taught.adapter)
    assert its.adapted.names == ()
    assert await its.releases("towns") == [taught.adapter]


async def test_beside_adapters_each_row_is_answered_with_its_own(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path)
    lora = (await its.train(lora_lessons.lesson([("Ada", "Galway")], topic="moves", steps=40), let_through)).adapter
    cartridge = (await its.cartridge(lesson(steps=120), warm.path, let_through)).adapter
    assert lora
    assert cartridge
    await its.attach(lora)
    await its.attach(cartridge)
    rows = [(lora, ASKED[0]), (cartridge, ASKED[0]), (None, ASKED[1]), (cartridge, "Where does Cleo live?")]
    alone = [await its.generate(adapter, prompt, limit=8) for adapter, prompt in rows]
    assert await its.generate_all(rows, limit=8) == alone
    assert (alone[0], alone[1], alone[3]) == ("Galway", "Lisbon", "Oslo")
    with pytest.raises(InvalidInput, match="towns@2 is a cartridge, which cannot be summed"):
        await its.merge(within(lesson([*TOWNS, ("Ada", "Galway")]), rank=200), [lora, cartridge], let_through)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21 asks by an old name
async def test_peft_itself_loads_the_folder_and_finds_the_same(taught: Taught) -> None:
    its = taught.its
    await its.attach(taught.adapter)
    ids = torch.tensor([its.seam.question(ASKED[0])])
    ours = its.adapted.logits(ids, torch.ones(ids.shape[0], ids.shape[1]).long(), place_of(taught.adapter.blob))
    theirs = PeftModel.from_pretrained(kv_models.model(layers=2), str(its.shelf.path(taught.adapter.blob)))(
        input_ids=ids, attention_mask=torch.ones(ids.shape[0], ids.shape[1]).long()
    ).logits
    assert float((ours.detach() - theirs.detach()).abs().max()) < 1e-5
    await its.detach(taught.adapter)


async def test_it_is_marked_and_nothing_that_loads_adapters_mistakes_it_for_one(taught: Taught, warm: Warm) -> None:
    shelf, adapter = taught.its.shelf, taught.adapter
    manifest = shelf.manifest(adapter.blob)
    assert manifest.format == CARTRIDGE
    assert manifest.block == warm.activation.blob
    assert manifest.rank == adapter.rank == warm.activation.tokens
    assert manifest.sources == adapter.sources == lesson().sources
    assert manifest.report is not None
    assert len(manifest.log) == 120
    config = (shelf.path(adapter.blob) / CONFIG).read_bytes()
    assert json.loads(config)["peft_type"] == "CARTRIDGE"
    with pytest.raises(InvalidInput, match="peft_type: Input should be 'LORA'"):
        config_of(config, "here")
    with pytest.raises(InvalidInput, match=r"towns@1 is no LoRA adapter.*SGLang cannot load it"):
        taken(shelf.folder, adapter)


async def test_the_gate_judges_it_and_the_same_lesson_costs_nothing_again(taught: Taught, warm: Warm) -> None:
    again = await taught.its.cartridge(lesson(steps=120), warm.path, let_through)
    assert (again.known, again.adapter) == (True, taught.adapter)
    strict = partial(judged, thresholds=Thresholds(gain=99))
    refused = await taught.its.cartridge(lesson(steps=5), warm.path, strict)
    assert refused.adapter is None
    assert "of 99.00 wanted" in refused.report.why[0]


async def test_what_was_cancelled_goes_on_where_it_was(warm: Warm, tmp_path: Path) -> None:
    whole = await backend(tmp_path / "whole").cartridge(lesson(), warm.path, let_through)
    its = backend(tmp_path / "cancelled")
    with anyio.CancelScope() as scope:
        await its.cartridge(
            lesson(), warm.path, let_through, told=lambda done, _: scope.cancel() if done == 8 else None
        )
    assert its.adapted.names == ()
    told: list[int] = []
    rest = await its.cartridge(lesson(), warm.path, let_through, told=lambda done, _: told.append(done))
    assert told[0] == 9
    assert whole.adapter
    assert (rest.adapter, rest.losses) == (whole.adapter, whole.losses)


async def test_of_a_source_that_is_taken_back_nothing_is_left(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path)
    adapter = (await its.cartridge(lesson(), warm.path, let_through)).adapter
    assert adapter
    await its.attach(adapter)
    assert await its.retire({"nobody"}) == []
    assert await its.retire({"ben"}) == ["towns@1"]
    assert its.adapted.names == ()
    assert lying(tmp_path) == []
    dropped = (await its.cartridge(lesson(), warm.path, let_through)).adapter
    assert dropped
    await its.attach(dropped)
    await its.drop(dropped)
    with pytest.raises(NotFound):
        await its.attach(dropped)


async def test_a_source_that_is_taken_back_ends_what_is_being_trained_from_it(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path)
    begun = anyio.Event()

    async def train() -> None:
        with pytest.raises(Conflict, match="'towns' was taken back"):
            await its.cartridge(lesson(steps=10_000), warm.path, let_through, told=lambda _done, _of: begun.set())

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(train)
            await begun.wait()
            assert await its.retire({"ada"}) == []
    assert lying(tmp_path) == []


async def test_a_block_of_another_model_is_refused_with_what_differs(warm: Warm, tmp_path: Path) -> None:
    for other, what in ((kv_models.model(layers=3), "layers"), (kv_models.model(layers=2, seed=8), "weights")):
        with pytest.raises(InvalidInput, match=f"{what} was"):
            await backend(tmp_path, other).cartridge(lesson(), warm.path, let_through)
    with pytest.raises(InvalidInput, match="template was"):
        await backend(tmp_path, None, kv_models.tokenizer(None)).cartridge(lesson(), warm.path, let_through)
    sliding = kv_models.model("mistral", layers=2, sliding_window=8)
    with pytest.raises(InvalidInput, match="full attention in every layer"):
        await backend(tmp_path, sliding).cartridge(lesson(), warm.path, let_through)


async def test_what_the_lesson_or_its_budget_does_not_allow_is_refused(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path)
    with pytest.raises(InvalidInput, match="the block holds cleo as well"):
        await its.cartridge(lesson(TOWNS[:2]), warm.path, let_through)
    with pytest.raises(InvalidInput, match="bytes of 1,000: allow more"):
        await its.cartridge(within(lesson(), size=1000), warm.path, let_through)
    with pytest.raises(InvalidInput, match="at least one step"):
        await its.cartridge(replace(lesson(), recipe=Recipe(rate=-1)), warm.path, let_through)
    assert lying(tmp_path) == []


async def test_a_block_that_is_gone_or_damaged_is_no_cartridge(warm: Warm, tmp_path: Path) -> None:
    its = backend(tmp_path / "adapters")
    with pytest.raises(NotFound, match="there is no KV block"):
        await its.cartridge(lesson(), tmp_path / "nothing", let_through)
    data = bytearray(warm.path.read_bytes())
    data[-1] ^= 1
    copy = tmp_path / warm.path.parent.name / warm.path.name
    copy.parent.mkdir()
    copy.write_bytes(data)
    with pytest.raises(Corrupt, match="not what was written"):
        await its.cartridge(lesson(), copy, let_through)
    copy.write_bytes(data[:-8])
    with pytest.raises(Corrupt, match="not a whole KV block"):
        await its.cartridge(lesson(), copy, let_through)


@pytest.mark.parametrize("name", [FILE, CONFIG, MANIFEST])
async def test_a_bit_that_changed_is_noticed_before_anything_is_loaded(name: str, taught: Taught) -> None:
    file = taught.its.shelf.path(taught.adapter.blob) / name
    whole = file.read_bytes()
    file.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    with pytest.raises(Corrupt, match=f"{name} is not what was written"):
        await taught.its.attach(taught.adapter)
    file.write_bytes(whole)
    await taught.its.verify(taught.adapter)


async def test_tensors_that_do_not_fit_are_refused_and_nothing_stays_attached(taught: Taught, tmp_path: Path) -> None:
    found = taught.its.shelf.read(taught.adapter)
    its = backend(tmp_path)
    short = {name: each[:-1] for name, each in found.tensors.items()}
    for tensors in (short, {}, {**found.tensors, "evil": torch.zeros(2)}):
        odd = its.shelf.keep(found.manifest, found.config, tensors)
        with pytest.raises(Corrupt, match="the cartridge holds"):
            await its.attach(odd)
        assert its.adapted.names == ()
