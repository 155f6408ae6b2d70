"""KV blocks of dialogues: what a turn reads is kept for the turns to come (long §5.4.2), and goes when these are over.

An answer that has to read its memories anyway leaves them behind as a block, if more turns are expected. It is nobody's
plan, as those of the scheduler are: it ends half an hour after the last turn, and each user has two at most. No other
user answers after it, or learns that there was a dialogue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from memos_mcp.answers import KvBlock, Prefix
from memos_mcp.cube import Ref
from memos_mcp.errors import Conflict
from memos_mcp.interface.bound import Bound

if TYPE_CHECKING:
    from memos_mcp.interface.activating import Activations

_LASTING = timedelta(minutes=30)
_MOST = 2


def of_a_dialogue(block: KvBlock) -> bool:
    """Was it left behind by an answer, and did nobody pin it since?"""
    return bool(block.user) and not block.pinned


def is_over(block: KvBlock, now: datetime) -> bool:
    """Is it of a dialogue of which no turn came for so long that none will?"""
    return of_a_dialogue(block) and now - (block.last_used_at or block.at) > _LASTING


async def kept(on: Bound, activations: Activations, parts: Sequence[Ref], needed: Collection[str]) -> Prefix:
    """A block of these memories, read now, of which some are `needed`; those of older dialogues of his go.

    Costs what reading them costs. Raises Conflict (one was changed meanwhile), and as the backend.
    """
    cubes = await on.vault.get([Ref(id=ref.id) for ref in parts])
    if frozenset(cube.ref for cube in cubes) != frozenset(parts):
        raise Conflict("a memory was changed meanwhile")
    user = on.caller.user
    block = await activations.build(cubes, by=user, user=user)
    his = [each for each in await activations.blocks() if each.user == user and of_a_dialogue(each)]
    his = sorted((each for each in his if each.name != block.name), key=lambda each: each.last_used_at or each.at)
    await activations.drop([each.name for each in his[: max(0, len(his) + 1 - _MOST)]], why="another dialogue began")
    covers = tuple(ref.id for ref in block.sources if ref.id in needed)
    return Prefix(block.name, block.activation.tokens, block.sources, covers)
