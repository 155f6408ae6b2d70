"""A trace from what was really read: the reads of a vault, from its access log and its log of changes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scheduler_traces import Line
from memos_mcp import NotFound, sync
from memos_mcp.accesses import READS
from memos_mcp.cube import MemCube
from memos_mcp.interface.using import used
from memos_mcp.operation.context import tokens
from memos_mcp.operation.uses import Sessions

_PAGE = 1000


def record(memos: sync.Memos | None = None) -> tuple[Line, ...]:
    """Your own reads, and the versions of what was read, oldest first; no words, but the tags of each memory.

    Of a question no labels are kept: its labels are the tags of what it found. What was forgotten since is left out.
    """
    if memos is None:
        with sync.open() as own:
            return record(own)
    sessions = Sessions()
    uses = [
        Line(at=at, what="use", id=id, first=sessions.is_first(id, user, at)) for at, id, user in sorted(_uses(memos))
    ]
    told = {id: tuple(_versions(memos, id)) for id in sorted({use.id for use in uses})}
    tags = {id: versions[-1].labels for id, versions in told.items() if versions}
    lines = [line for versions in told.values() for line in versions]
    lines += [use.model_copy(update={"labels": tags[use.id]}) for use in uses if use.id in tags]
    return tuple(sorted(lines, key=lambda line: line.at))


def _uses(memos: sync.Memos) -> Iterator[tuple[float, str, str]]:
    after = ""
    for verb in READS:
        while True:
            page = memos.audit.query(action=verb, outcome="allowed", limit=_PAGE, after=after)
            for line in page.lines:
                for item in used(line):
                    yield line.at.timestamp(), item.id, line.user
            after = page.after
            if not after:
                break


def _versions(memos: sync.Memos, id: str) -> Iterator[Line]:
    try:
        events = memos.log.of(id)
    except NotFound:
        return
    cubes: dict[int, MemCube] = {}
    for event in events:
        if event.cube is not None and event.cube.version not in cubes:
            cubes[event.cube.version] = event.cube
            version = event.cube.version
            size, tags = max(1, tokens(event.cube.text)), event.cube.tags
            yield Line(at=event.at.timestamp(), what="memory", id=id, version=version, tokens=size, labels=tags)
