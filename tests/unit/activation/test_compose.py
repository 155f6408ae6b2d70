# pyright: reportMissingModuleSource=false
from pathlib import Path

import pytest
import torch
from torch import Tensor

from memos_mcp.activation import Source
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.activation.answering import Answering
from memos_mcp.infrastructure.activation.blocks import Block
from memos_mcp.infrastructure.activation.transformers import TransformersBackend
from tests import kv_models
from tests.kv_backends import ALL, KEY, LISBON, PEANUTS, QUESTION, backend, block, prompt

pytestmark = pytest.mark.anyio

CLOSE = 1e-4


def in_place(its: TransformersBackend) -> Tensor:
    """The logits of the question in one run where each memory stands at its final place and sees no other.

    Each has a head of its own right before it, which the question does not see but for the first.
    """
    head, *memories = its.seam.parts([each.text for each in ALL])
    question = its.seam.question(QUESTION)
    ids, places, owner, shown = list[int](), list[int](), list[int](), list[bool]()
    at = len(head)
    for number, memory in enumerate(memories):
        ids += [*head, *memory]
        places += range(at - len(head), at + len(memory))
        owner += [number] * (len(head) + len(memory))
        shown += [number == 0] * len(head) + [True] * len(memory)
        at += len(memory)
    ids, places = [*ids, *question], [*places, *range(at, at + len(question))]
    rows = [
        [
            earlier <= row
            and (owner[earlier] == owner[row] if row < len(owner) else earlier >= len(owner) or shown[earlier])
            for earlier in range(len(ids))
        ]
        for row in range(len(ids))
    ]
    mask = torch.where(torch.tensor(rows), 0.0, torch.finfo(its.network.dtype).min)[None, None]
    with torch.inference_mode():
        return its.network(
            input_ids=torch.tensor([ids]), position_ids=torch.tensor([places]), attention_mask=mask
        ).logits[:, -1]


def far(one: Block, other: Block) -> float:
    pairs = zip((*one.keys, *one.values), (*other.keys, *other.values), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


@pytest.mark.parametrize("chat", [kv_models.CHAT, None], ids=["chat", "plain"])
@pytest.mark.parametrize("architecture", kv_models.ARCHITECTURES)
async def test_joined_blocks_are_those_built_in_place_where_none_sees_another(
    architecture: str, chat: str | None, tmp_path: Path
) -> None:
    its = backend(tmp_path, kv_models.model(architecture), kv_models.tokenizer(chat))
    joined = await block(its, await its.compose([await its.warm([each]) for each in ALL], share=0))
    with torch.inference_mode():
        in_one_go = its.network(input_ids=torch.tensor([prompt(its, ALL)])).logits[:, -1]
        answered = Answering(its.network, joined, [its.seam.question(QUESTION)]).logits()
    assert float((answered - in_place(its)).abs().max()) <= CLOSE
    assert float((answered - in_one_go).abs().max()) > 0.01


@pytest.mark.parametrize("architecture", kv_models.ARCHITECTURES)
async def test_all_computed_anew_is_as_read_in_one_go(architecture: str, tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model(architecture))
    whole = await its.warm(ALL)
    joined = await its.compose([await its.warm([PEANUTS, LISBON]), await its.warm([KEY])], share=1)
    assert far(await block(its, joined), await block(its, whole)) <= CLOSE
    assert joined.sources == whole.sources
    assert await its.generate(joined, QUESTION, limit=64) == await its.generate(whole, QUESTION, limit=64)


async def test_the_first_block_is_exact_and_recomputing_more_is_closer(tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model(layers=2))
    whole = await block(its, await its.warm(ALL))
    parts = [await its.warm([each]) for each in ALL]
    first = sum(whole.header.lengths[:2])
    off: list[float] = []
    for share in (0, 0.3, 0.6, 1):
        joined = await block(its, await its.compose(parts, share=share))
        assert joined.header.share == share
        assert float((joined.keys[1][:, :first] - whole.keys[1][:, :first]).abs().max()) <= CLOSE
        changes = (joined.keys[1] - whole.keys[1]).square() + (joined.values[1] - whole.values[1]).square()
        off.append(float(changes.sum()))
    assert off[0] > off[1] > off[2] > off[3]
    assert off[1] < 0.7 * off[0]


async def test_those_that_differ_most_are_computed_anew(tmp_path: Path) -> None:
    its = backend(tmp_path, kv_models.model(layers=2))
    whole = await block(its, await its.warm(ALL))
    parts = [await its.warm([each]) for each in ALL]
    none = await block(its, await its.compose(parts, share=0))
    some = await block(its, await its.compose(parts, share=0.3))
    lacking = ((none.keys[1] - whole.keys[1]).square() + (none.values[1] - whole.values[1]).square()).sum((0, 2))
    changed = (none.keys[1] - some.keys[1]).square().sum((0, 2)) > 0
    assert int(changed.sum()) == -(-3 * (len(whole.ids) - sum(whole.header.lengths[:2])) // 10)
    assert float(lacking[changed].abs().max()) == float(lacking.max())


async def test_joining_does_not_change_the_originals_and_is_done_once(tmp_path: Path) -> None:
    its = backend(tmp_path)
    parts = [await its.warm([each]) for each in ALL]
    before = [(await block(its, part)).keys[0].clone() for part in parts]
    joined = await its.compose(parts)
    after = [(await block(its, part)).keys[0] for part in parts]
    assert all(torch.equal(was, now) for was, now in zip(before, after, strict=True))
    assert await its.compose(parts) == joined
    assert await its.compose(parts, share=0.5) != joined
    assert await backend(tmp_path).compose(parts) == joined


async def test_a_joined_block_is_never_taken_for_one_that_was_read_in_one_go(tmp_path: Path) -> None:
    its = backend(tmp_path)
    joined = await its.compose([await its.warm([PEANUTS]), await its.warm([KEY])], share=0)
    whole = await its.warm([PEANUTS, KEY])
    assert whole.blob != joined.blob
    assert far(await block(its, whole), await block(its, joined)) > 0.01


async def test_what_cannot_be_joined_says_why(tmp_path: Path) -> None:
    its = backend(tmp_path)
    one, two = await its.warm([PEANUTS]), await its.warm([KEY])
    joined = await its.compose([one, two])
    with pytest.raises(InvalidInput, match="a joined block is not joined again"):
        await its.compose([joined, one])
    with pytest.raises(InvalidInput, match="nothing to join"):
        await its.compose([])
    with pytest.raises(InvalidInput, match=r"between 0 and 1, not 1\.5"):
        await its.compose([one, two], share=1.5)


async def test_the_same_memory_twice_and_a_single_block_can_be_joined(tmp_path: Path) -> None:
    its = backend(tmp_path)
    one = await its.warm([Source(KEY.ref, KEY.text)])
    alone, twice = await its.compose([one]), await its.compose([one, one], share=0)
    assert far(await block(its, alone), await block(its, one)) == 0
    assert twice.sources == (KEY.ref, KEY.ref)
