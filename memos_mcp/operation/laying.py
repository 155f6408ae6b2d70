"""What the scheduler holds, laid into KV blocks: which memories are read together, and which block has to be read anew.

Pure. A question is answered after one block, so what the same people read at the same place belongs together. But a
block is read whole or not at all, so one that is nearly right stays: what waits to join or to leave it costs little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SHARE = 1 / 8
"""Of the tokens of a block, to join or to leave it before it is read anew: growing, each is read nine times at most."""
FULL = 0.75
"""Share that two blocks may take of one, to become one: beyond that it would soon be two again."""
SLACK = 1.25
"""Times the longest that a block may have come to be: tokens are estimates, which move with what is built."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A memory that is to be held: where and for whom (`shelf`), and what it takes."""

    id: str
    shelf: str
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A block that is there: its memories with their tokens, and what all of it takes."""

    name: str
    shelf: str
    tokens: Mapping[str, int]
    bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """A block to be built of these memories, in this order; afterwards the old ones are not needed any more."""

    ids: tuple[str, ...]
    tokens: int
    bytes: int
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Blocks to be dropped, groups to be built, and blocks that stay as they are."""

    drop: tuple[str, ...] = ()
    build: tuple[Group, ...] = ()
    stay: tuple[str, ...] = ()


def lay(wanted: Sequence[Piece], standing: Iterable[Standing], *, budget: int, longest: int, least: int = 0) -> Layout:
    """The blocks of what is wanted, in its order; of one shelf each, of at least `least` and at most `longest` tokens.

    What was built may be kept with what is not wanted any more in it, as long as all of it is within the budget.
    """
    blocks = sorted(standing, key=lambda each: (-sum(each.tokens.values()), each.name))
    layout = _laid(wanted, blocks, longest, least, SHARE)
    taken = {each.name: each.bytes for each in blocks}
    if sum(taken[name] for name in layout.stay) + sum(group.bytes for group in layout.build) > budget:
        layout = _laid(wanted, blocks, longest, least, 0.0)
    return layout


@dataclass(slots=True)
class _Draft:
    """A group in the making: of the blocks `instead`, what of these is wanted, and what joins it."""

    instead: tuple[Standing, ...] = ()
    left: list[Piece] = field(default_factory=list[Piece])
    new: list[Piece] = field(default_factory=list[Piece])

    @property
    def tokens(self) -> int:
        return _tokens(self.left) + _tokens(self.new)


def _laid(wanted: Sequence[Piece], blocks: Sequence[Standing], longest: int, least: int, share: float) -> Layout:
    drop, build, stay = list[str](), list[Group](), list[str]()
    place = {piece.id: number for number, piece in enumerate(wanted)}
    for shelf in sorted({piece.shelf for piece in wanted} | {block.shelf for block in blocks}):
        pieces = [piece for piece in wanted if piece.shelf == shelf and piece.tokens <= SLACK * longest]
        for draft in _drafts(pieces, [block for block in blocks if block.shelf == shelf], longest):
            names = tuple(block.name for block in draft.instead)
            if draft.tokens < max(least, 1):
                drop += names
            elif len(names) == 1 and not _worth_it(draft, share):
                stay += names
            else:
                members = sorted((*draft.left, *draft.new), key=lambda piece: place[piece.id])
                taken = sum(piece.bytes for piece in members)
                build.append(Group(tuple(piece.id for piece in members), draft.tokens, taken, names))
    return Layout(tuple(drop), tuple(build), tuple(stay))


def _drafts(pieces: Sequence[Piece], blocks: Sequence[Standing], longest: int) -> list[_Draft]:
    """What is there keeps what of it is wanted; what is new goes where there is room."""
    drafts, known = list[_Draft](), {piece.id: piece for piece in pieces}
    for block in blocks:
        drafts.append(_Draft((block,), [known.pop(id) for id in block.tokens if id in known]))
    for draft in [each for each in drafts if each.tokens > SLACK * longest]:
        known |= {piece.id: piece for piece in draft.left}
        draft.left = []
    drafts = _joined(drafts, longest)
    for piece in [piece for piece in pieces if piece.id in known]:
        room = next((each for each in drafts if 0 < each.tokens <= longest - piece.tokens), None)
        if room is None:
            room = _Draft()
            drafts.append(room)
        room.new.append(piece)
    return drafts


def _joined(drafts: list[_Draft], longest: int) -> list[_Draft]:
    """Two that have become small are one."""
    small = sorted((each for each in drafts if each.left), key=lambda each: each.tokens)
    if len(small) < 2 or small[0].tokens + small[1].tokens > FULL * longest:
        return drafts
    one, other = small[:2]
    both = _Draft((*other.instead, *one.instead), [*other.left, *one.left])
    return [each for each in drafts if each is not one and each is not other] + [both]


def _worth_it(draft: _Draft, share: float) -> bool:
    """Is so much of it other than it was?"""
    (block,) = draft.instead
    before = sum(block.tokens.values())
    kept = {piece.id for piece in draft.left}
    gone = sum(tokens for id, tokens in block.tokens.items() if id not in kept)
    return gone > share * before or (bool(draft.new) and _tokens(draft.new) >= SHARE * before)


def _tokens(pieces: Iterable[Piece]) -> int:
    return sum(piece.tokens for piece in pieces)
