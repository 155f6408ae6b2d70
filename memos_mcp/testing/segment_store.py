"""The contract of SegmentStore, check by check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from memos_mcp.ports import MemoryAdapter
from memos_mcp.search import Segment, SegmentStore
from memos_mcp.testing.cubes import PATH, a_cube, remember, same

SegmentStoreCheck = Callable[[MemoryAdapter, SegmentStore], Awaitable[None]]


async def _segments_are_swapped_at_once(vault: MemoryAdapter, segments: SegmentStore) -> None:
    a, b, c = [e.seq for e in await remember(vault, a_cube("a"), a_cube("b"), a_cube("c"))]
    first, second = Segment(0, a, 3, b"one"), Segment(a, b, 3, bytes(3))
    whole, part = Segment(0, b, 5, b"whole"), Segment(a, c, 1, b"x")
    swap = segments.replace
    same(await swap("words", PATH, [], [second]), True, "a new segment")
    same(await swap("words", PATH, [], [first]), True, "another")
    same(await segments.segments("words", PATH), [first, second], "segments in log order")
    spans = [Segment(0, a, 3), Segment(a, b, 3)]
    same(await segments.spans("words", PATH), spans, "spans")
    for old, new in (([], [part]), ([first], [part]), ([whole], [part]), ([first, part], [whole]), ([], [whole])):
        same(await swap("words", PATH, old, new), False, f"{new} for {old}")
    same(await segments.segments("words", PATH), [first, second], "segments after refused swaps")
    same(await swap("words", PATH, spans, [whole]), True, "a merge")
    same(await swap("words", PATH, spans, [whole]), False, "the same merge by somebody else")
    same(await segments.segments("words", PATH), [whole], "the merged segment")


async def _segments_belong_to_a_route_and_a_root(vault: MemoryAdapter, segments: SegmentStore) -> None:
    last = (await remember(vault, a_cube()))[0].seq
    for route, root in (("words", PATH), ("words", "shared/team"), ("vectors", PATH)):
        same(await segments.replace(route, root, [], [Segment(0, last, 1, b"x")]), True, f"{route} of {root}")
    await segments.drop("words")
    same([await segments.segments("words", r) for r in (PATH, "shared/team")], [list[Segment]()] * 2, "a dropped route")
    same(len(await segments.segments("vectors", PATH)), 1, "the other route")


SEGMENT_STORE_CHECKS: tuple[SegmentStoreCheck, ...] = (
    _segments_are_swapped_at_once,
    _segments_belong_to_a_route_and_a_root,
)
"""What every SegmentStore does, beside an empty vault whose log its segments stand for."""
