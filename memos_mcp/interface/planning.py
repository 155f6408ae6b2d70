"""What is to be done about KV blocks, by what was used, what there is and how much room: a plan, and its blocks. Pure.

`operation/scheduling.py` decides memory by memory, `operation/laying.py` lays what is held into blocks; what the second
leaves for later of the first is said here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from memos_mcp.activation import Room
from memos_mcp.answers import KvBlock
from memos_mcp.cube import FIXED, MemCube
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.interface.using import SECONDS, Meaning, Rates, block_of
from memos_mcp.operation import prefixes
from memos_mcp.operation.laying import Layout, Piece, Standing, lay
from memos_mcp.operation.quotas import Quota
from memos_mcp.operation.scheduling import Block, Decision, Held, Limits, Policy, after, plan
from memos_mcp.operation.scheduling_policies import Frequent, Labelled, Paying, Recent, Similar
from memos_mcp.operation.uses import Uses

if TYPE_CHECKING:
    from memos_mcp.operation.pairs import Author

LEAST = 512
"""Tokens of the smallest block: with 601 every question was answered sooner, by 14 % or more
(benchmarks/results/ttft.json); fewer were not measured."""
POLICIES: Mapping[str, Policy] = {each.name: each for each in (Paying(), Recent(), Frequent(), Labelled(), Similar())}
BY_MEANING = Similar().name
"""The one that needs vectors of what is used."""
_QUOTA = Quota(2**30)
_LIMITS, _NOTHING = Limits(0), Layout()


@dataclass(frozen=True, slots=True)
class Terms:
    """How it is scheduled: by which policy, in blocks of how many tokens, within which limits.

    In the `background`, a round follows another after `pace` seconds at the soonest. The budget is that of the backend.
    `meaning` gives the vectors of memories, if there is a model for them. `training`: adapters are
    trained again, and new ones within the `quota` of each user; an `author` writes questions
    beside the templates.
    """

    policy: str = "paying"
    longest: int = 8192
    least: int = LEAST
    background: bool = False
    pace: float = 5.0
    limits: Limits = _LIMITS
    meaning: Meaning | None = None
    training: bool = False
    quota: Quota = _QUOTA
    author: Author | None = None

    def check(self, policy: str) -> None:
        """Can be planned by this policy? Raises InvalidInput, Misconfigured."""
        if policy not in POLICIES:
            raise InvalidInput(f"a policy is one of {', '.join(POLICIES)}, not {policy!r}")
        if policy == BY_MEANING and self.meaning is None:
            raise Misconfigured(f"the policy {policy} needs vectors of memories: install the extra embed and a model")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is planned with: uses, the memories `asked` about that may stand in a block, and the scheduler's own blocks.

    `others` are the bytes of all other blocks, `scale` the tokens that there are for one that is estimated, `promoted`
    the moments of earlier promotions, `since` the uses after which memories were promoted.
    """

    uses: Uses
    asked: Collection[str]
    cubes: Mapping[str, MemCube]
    mine: Sequence[KvBlock]
    others: int
    room: Room
    at: float
    scale: float = 1.0
    promoted: Sequence[float] = ()
    since: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Planned:
    """Decisions as they are carried out, and the blocks that follow from them, within a budget."""

    decisions: tuple[Decision, ...] = ()
    layout: Layout = _NOTHING
    budget: int = 0

    @property
    def moves(self) -> dict[str, Decision]:
        """What is to be done, by memory."""
        return {each.id: each for each in self.decisions if each.move != "keep"}


def planned(scene: Scene, terms: Terms, *, explain: bool = False) -> Planned:
    """What is to be done; to `explain`, also why the rest of what was asked about or is held stays as it is."""
    limits = replace(terms.limits, budget=max(0, scene.room.budget - scene.others))
    rates = Rates(scene.room.per_token, scene.room.seconds or SECONDS, scene.scale)
    blocks = {id: _block(cube, scene.uses, rates) for id, cube in scene.cubes.items()}
    standing = [_standing(block, scene.cubes, blocks) for block in scene.mine]
    held = _held(scene, standing)
    asked = {id for id in scene.asked if id in blocks and blocks[id].tokens <= terms.longest}
    decisions = plan(
        POLICIES[terms.policy],
        blocks,
        held,
        scene.uses.now(scene.at),
        limits,
        promoted=scene.promoted,
        asked=asked,
        explain=explain,
    )
    wanted = after(held, decisions, 0)
    pieces = [_piece(cube, blocks[cube.id]) for cube in prefixes.ordered(scene.cubes[id] for id in wanted)]
    layout = lay(pieces, standing, budget=limits.budget, longest=terms.longest, least=terms.least)
    return Planned(tuple(_carried(decisions, layout, standing, held, terms)), layout, limits.budget)


def _block(cube: MemCube, uses: Uses, rates: Rates) -> Block:
    block, known = block_of(cube, rates), uses.blocks.get(cube.id)
    if known is None:
        return block
    changed = None if cube.state in FIXED else known.changed
    return replace(
        block,
        past=known.past,
        changed=changed,
        changes=known.changes,
        sessions=known.sessions,
        vector=known.vector,
    )


def _standing(block: KvBlock, cubes: Mapping[str, MemCube], blocks: Mapping[str, Block]) -> Standing:
    ids = [ref.id for ref in block.sources]
    return Standing(block.name, prefixes.shelf_of(cubes[ids[0]]), {id: blocks[id].tokens for id in ids}, block.bytes)


def _held(scene: Scene, standing: Iterable[Standing]) -> dict[str, Held]:
    """Each memory with its share of the block that it stands in."""
    versions = {ref.id: ref.version or 0 for block in scene.mine for ref in block.sources}
    held: dict[str, Held] = {}
    for block in standing:
        total = sum(block.tokens.values())
        for id, tokens in block.tokens.items():
            share = -(-block.bytes * tokens // total) + (held[id].bytes if id in held else 0)
            held[id] = Held(id, versions[id], share, scene.since.get(id, 0))
    return held


def _piece(cube: MemCube, block: Block) -> Piece:
    return Piece(cube.id, prefixes.shelf_of(cube), block.tokens, block.bytes)


def _carried(
    decisions: Sequence[Decision], layout: Layout, standing: Sequence[Standing], held: Mapping[str, Held], terms: Terms
) -> list[Decision]:
    """The decisions with what of them waits: a block is read whole or not at all."""
    there = {id for group in layout.build for id in group.ids}
    there |= {id for block in standing if block.name in layout.stay for id in block.tokens}
    told: list[Decision] = []
    for each in decisions:
        if each.move == "promote" and each.id not in there:
            why = f"it waits until more is to be read with it: it is too little for a block; {each.reason}"
            told.append(replace(each, move="keep", reason=why))
        elif each.move == "demote" and each.id in there:
            told.append(replace(each, move="keep", reason=f"it stays until its block is read anew; {each.reason}"))
        else:
            told.append(each)
    going = {each.id for each in told if each.move == "demote"}
    for id in sorted(held.keys() - there - going):
        told = [each for each in told if each.id != id]
        why = f"what is held at its place has fewer than {terms.least} tokens: too little for a block"
        told.append(Decision("demote", id, held[id].version, held[id].bytes, why, terms.policy))
    return told
