# pyright: reportMissingModuleSource=false
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import torch

from memos_mcp.activation import Reply, Source
from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation
from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.caches import window_of
from memos_mcp.infrastructure.activation.fingerprint import Mismatch
from tests import kv_models
from tests.kv_backends import (
    ALL,
    KEY,
    LISBON,
    PEANUTS,
    QUESTION,
    QUESTIONS,
    backend,
    block,
    digest,
    files,
    greedy,
    prompt,
)

pytestmark = pytest.mark.anyio

CLOSE = 1e-4


@pytest.mark.parametrize("chat", [kv_models.CHAT, None], ids=["chat", "plain"])
@pytest.mark.parametrize("architecture", kv_models.ARCHITECTURES)
async def test_logits_after_a_block_are_those_of_the_whole_prompt(
    architecture: str, chat: str | None, tmp_path: Path
) -> None:
    its = backend(tmp_path, kv_models.model(architecture), kv_models.tokenizer(chat))
    activation = await its.warm(ALL)
    with torch.inference_mode():
        whole = its.network(input_ids=torch.tensor([prompt(its, ALL)])).logits[:, -1]
        injected = Answering(its.network, await block(its, activation), [its.seam.question(QUESTION)]).logits()
        its.stock.unload()
        loaded = Answering(its.network, await block(its, activation), [its.seam.question(QUESTION)]).logits()
    assert float(whole.abs().max()) > 1
    assert float((injected - whole).abs().max()) <= CLOSE
    assert torch.equal(loaded, injected)


@pytest.mark.claim("4.1-08")
@pytest.mark.parametrize("architecture", kv_models.ARCHITECTURES)
async def test_64_tokens_of_an_answer_are_those_of_the_whole_prompt_from_memory_and_disk(
    architecture: str, tmp_path: Path
) -> None:
    its = backend(tmp_path, kv_models.model(architecture))
    activation = await its.warm(ALL)
    first = await its.generate(activation, QUESTION, limit=64)
    its.stock.unload()
    second = await its.generate(activation, QUESTION, limit=64)
    another = await backend(tmp_path, kv_models.model(architecture)).generate(activation, QUESTION, limit=64)
    assert first == second == another
    assert first.text == greedy(its, prompt(its, ALL), 64)
    assert first == Reply(first.text, activation.tokens, len(its.seam.question(QUESTION)), 64)


async def test_questions_of_unlike_length_at_once_are_answered_as_if_alone(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    alone = [await its.generate(activation, question, limit=32) for question in QUESTIONS]
    assert await its.generate_all(activation, QUESTIONS, limit=32) == alone
    assert await its.generate_all(activation, []) == []


async def test_a_stream_says_what_the_answer_says_in_pieces(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    pieces = [piece async for piece in its.stream(activation, QUESTION, limit=48)]
    assert len(pieces) > 5
    assert "".join(pieces) == (await its.generate(activation, QUESTION, limit=48)).text


async def test_a_stream_that_is_left_reads_no_further(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    async with aclosing(its.stream(activation, QUESTION, limit=10**9)) as pieces:
        assert await anext(pieces)


async def test_an_answer_ends_where_the_model_ends_it(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    run = Answering(its.network, await block(its, activation), [its.seam.question(QUESTION)])
    tokens = [token for _ in range(20) if (token := run.step()[0]) is not None]
    last = tokens[10]
    assert its.network.generation_config is not None
    its.network.generation_config.eos_token_id = [last]
    reply = await its.generate(activation, QUESTION, limit=64)
    assert reply.made == tokens.index(last)


async def test_two_threads_of_questions_on_one_block_do_not_mix_and_do_not_change_it(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm(ALL)
    before = digest(await block(its, activation))
    alone = {question: await its.generate(activation, question, limit=16) for question in QUESTIONS}
    heard: list[dict[str, Reply]] = []

    async def ask(questions: tuple[str, ...]) -> None:
        heard.append({each: await its.generate(activation, each, limit=16) for each in questions})

    async with anyio.create_task_group() as group:
        group.start_soon(ask, QUESTIONS)
        group.start_soon(ask, QUESTIONS[::-1])
    assert heard == [alone, alone]
    assert digest(await block(its, activation)) == before


async def test_memories_that_were_read_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    its = backend(tmp_path)
    pair = await its.warm([PEANUTS, LISBON])
    monkeypatch.setattr("memos_mcp.infrastructure.activation.transformers.Reading.step", None)
    assert await its.warm([PEANUTS, LISBON]) == pair
    assert (await its.warm([PEANUTS])).sources == (PEANUTS.ref,)


@pytest.mark.parametrize("first", [[PEANUTS], [PEANUTS, LISBON], [*ALL, PEANUTS]])
async def test_what_begins_alike_is_gone_on_with_and_the_result_is_the_same(
    first: list[Source], tmp_path: Path
) -> None:
    its, fresh = backend(tmp_path / "one"), backend(tmp_path / "two")
    await its.warm(first)
    made, wanted = await its.warm(ALL), await fresh.warm(ALL)
    for one, two in zip((await block(its, made)).keys, (await block(fresh, wanted)).keys, strict=True):
        assert float((one - two).abs().max()) <= CLOSE
    assert made.tokens == wanted.tokens
    assert made.sources == wanted.sources


async def test_another_order_is_another_block(tmp_path: Path) -> None:
    its = backend(tmp_path)
    assert (await its.warm([PEANUTS, LISBON])).blob != (await its.warm([LISBON, PEANUTS])).blob


async def test_two_memories_of_the_same_words_have_a_block_each(tmp_path: Path) -> None:
    its = backend(tmp_path)
    one = await its.warm([KEY])
    two = await its.warm([Source(LISBON.ref, KEY.text)])
    await its.drop(two)
    assert (await its.generate(one, QUESTION, limit=4)).made == 4
    with pytest.raises(NotFound, match="not kept any more: warm its memories again"):
        await its.generate(two, QUESTION, limit=4)
    await its.drop(two)


async def test_a_dropped_block_is_made_again(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    await its.drop(activation)
    assert await its.warm([KEY]) == activation
    assert (await its.generate(activation, QUESTION, limit=4)).made == 4


async def test_sliding_windows_hybrids_and_linear_attention_are_refused(tmp_path: Path) -> None:
    sliding = kv_models.model("mistral", sliding_window=16)
    with pytest.raises(
        InvalidInput, match=r"a mistral model cannot be kept as KV: it has layers .*Sliding.*plain text"
    ):
        backend(tmp_path, sliding)
    layer_types = ["full_attention", "sliding_attention", "full_attention"]
    hybrid = kv_models.model("qwen3", layer_types=layer_types, sliding_window=8, use_sliding_window=True)
    with pytest.raises(InvalidInput, match="a qwen3 model cannot be kept as KV"):
        backend(tmp_path, hybrid)


async def test_what_cannot_be_answered_says_why(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    with pytest.raises(InvalidInput, match="the prompt is empty"):
        await its.generate(activation, " \n")
    with pytest.raises(InvalidInput, match="at least one token"):
        await its.generate(activation, QUESTION, limit=0)
    with pytest.raises(InvalidInput, match="kept by a server"):
        await its.generate(activation.model_copy(update={"blob": None}), QUESTION)
    with pytest.raises(InvalidInput, match="nothing to read"):
        await its.warm([])
    with pytest.raises(InvalidInput, match="without words"):
        await its.warm([Source(KEY.ref, "  ")])


async def test_a_cube_that_names_the_block_of_others_is_refused(tmp_path: Path) -> None:
    its = backend(tmp_path)
    key, lisbon = await its.warm([KEY]), await its.warm([LISBON])
    forged = Activation(sources=key.sources, fingerprint=key.fingerprint, tokens=key.tokens, blob=lisbon.blob)
    with pytest.raises(Corrupt, match="not of the memories that the cube names"):
        await its.generate(forged, QUESTION)


async def test_more_than_the_model_reads_is_refused_and_an_answer_ends_there(tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model(max_position_embeddings=96))
    with pytest.raises(InvalidInput, match=r"the model reads 96: keep or ask less"):
        await its.warm([*ALL, *ALL])
    pair = [await its.warm([PEANUTS]), await its.warm([LISBON])]
    with pytest.raises(InvalidInput, match=r"the model reads 96"):
        await its.compose([*pair, *pair])
    with pytest.raises(InvalidInput, match=r"the model reads 96"):
        await its.generate(pair[0], QUESTION * 9)
    reply = await its.generate(pair[0], QUESTION)
    assert reply.reused + reply.read + reply.made == 96


@pytest.mark.parametrize("chat", [kv_models.CHAT, None], ids=["chat", "plain"])
async def test_without_memories_the_head_of_the_prompt_and_the_question_are_read(
    chat: str | None, tmp_path: Path
) -> None:
    its = backend(tmp_path, tokenizer=kv_models.tokenizer(chat))
    reply = await its.generate(None, QUESTION, limit=24)
    ids = prompt(its, ())
    assert its.seam.tokenizer.decode(ids, skip_special_tokens=False) == its.seam.rendered("", QUESTION)
    assert reply == Reply(greedy(its, ids, 24), 0, len(ids), 24)
    assert "".join([piece async for piece in its.stream(None, QUESTION, limit=24)]) == reply.text
    assert files(tmp_path) == []


async def test_what_one_tenant_had_read_saves_another_nothing_and_leaves_with_him_only(tmp_path: Path) -> None:
    its, told = backend(tmp_path), list[int]()
    ours = await its.warm(ALL, tenant="ours", told=lambda read, _: told.append(read))
    theirs = await its.warm(ALL, tenant="theirs", told=lambda read, _: told.append(read))
    assert told == [ours.tokens] * 2
    assert ours.blob != theirs.blob
    assert ours.fingerprint == theirs.fingerprint
    for tenant in ("theirs", ""):
        with pytest.raises(NotFound, match="not kept for this tenant: warm its memories for it"):
            await its.generate(ours, QUESTION, tenant=tenant)
    with pytest.raises(NotFound, match="not kept for this tenant"):
        await its.compose([theirs], tenant="ours")
    said = await its.generate(theirs, QUESTION, tenant="theirs", limit=8)
    await its.drop(ours)
    assert await its.generate(theirs, QUESTION, tenant="theirs", limit=8) == said


async def test_joined_blocks_belong_to_the_tenant_of_their_parts(tmp_path: Path) -> None:
    its = backend(tmp_path)
    joined = await its.compose([await its.warm([each], tenant="ours") for each in (KEY, LISBON)], tenant="ours")
    assert (await its.generate(joined, QUESTION, tenant="ours", limit=4)).made == 4
    with pytest.raises(NotFound, match="not kept for this tenant"):
        await its.generate(joined, QUESTION)


async def test_a_block_is_verified_from_its_file(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation, other = await its.warm([KEY]), await its.warm([LISBON])
    assert activation.blob is not None
    await its.verify(activation)
    with pytest.raises(Mismatch, match="weights was"):
        await backend(tmp_path, kv_models.model(seed=8)).verify(activation)
    with pytest.raises(Corrupt, match="not of the memories that the cube names"):
        await its.verify(activation.model_copy(update={"blob": other.blob}))
    with pytest.raises(InvalidInput, match="kept by a server"):
        await its.verify(activation.model_copy(update={"blob": None}))
    file = tmp_path / activation.blob[:2] / activation.blob[2:]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Corrupt, match="is not what was written"):
        await its.verify(activation)
    await its.drop(activation)
    with pytest.raises(NotFound, match="warm its memories again"):
        await its.verify(activation)


async def test_it_is_busy_with_what_it_computes(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    loads = list[float]()
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(its.generate, activation, QUESTION)
        with anyio.move_on_after(20):
            while not loads or loads[-1] < 1:
                await anyio.lowlevel.checkpoint()
                loads.append((await its.capacity()).load)
    assert loads[-1] >= 1, "two run at once, and others wait"
    assert await its.capacity() == Capacity(window_of(its.network), 0.0)


async def test_dropping_says_what_stays_and_what_was_not_there_needs_no_words(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    assert "not overwritten" in await its.drop(activation)
    assert await its.drop(activation) == ""


async def test_a_closed_backend_has_no_model_and_says_so(tmp_path: Path) -> None:
    its = backend(tmp_path)
    activation = await its.warm([KEY])
    await its.aclose()
    await its.aclose()
    for call in (its.warm([KEY]), its.generate(activation, QUESTION), its.generate(None, QUESTION), its.room()):
        with pytest.raises(Unavailable, match="the model 'tiny' was closed: open it again"):
            await call
    for call in (its.verify(activation), its.drop(activation), its.pin(activation)):
        with pytest.raises(Unavailable, match="was closed"):
            await call
