"""One prompt for one of several workers: those that have the block take turns, and who fails is passed over.

Prompts go to workers, not through their router: sglang-router 0.3.2 forwards no `cache_salt`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing

import anyio
from pydantic import JsonValue

from memos_mcp.errors import Unavailable
from memos_mcp.infrastructure.activation.sglang_shapes import Said, read
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker


class Turns:
    """Whose turn it is."""

    def __init__(self, crew: Crew, timeout_s: float) -> None:
        self._crew, self._timeout_s = crew, timeout_s
        self._turn = 0

    async def whole(
        self, workers: Sequence[Worker], warm: Collection[str], body: Mapping[str, JsonValue]
    ) -> tuple[Worker, Said]:
        """Who answered, and what, in the time of one prompt. Raises Unavailable, Misconfigured."""
        until = anyio.current_time() + self._timeout_s
        trouble: Unavailable | None = None
        for worker in self._order(workers, warm):
            left = until - anyio.current_time()
            if trouble is not None and left <= 0:
                break
            try:
                data = worker.link.accepted(await worker.link.ask("POST", "generate", body, within_s=left))
                return worker, read(worker.link, Said, data)
            except Unavailable as exc:
                self._crew.doubt()
                trouble = exc
        raise trouble or Unavailable(f"{self._crew.front.name} has no worker: start one")

    async def pieces(
        self, workers: Sequence[Worker], warm: Collection[str], body: Mapping[str, JsonValue]
    ) -> AsyncGenerator[tuple[Worker, Said]]:
        """The same, piece by piece; who began is not passed over any more. Raises as `whole`."""
        trouble: Unavailable | None = None
        for worker in self._order(workers, warm):
            begun = False
            try:
                async with aclosing(worker.link.events("generate", {**body, "stream": True})) as events:
                    async for data in events:
                        reply = read(worker.link, Said, data)
                        begun = True
                        yield worker, reply
                if begun:
                    return
                raise worker.link.nonsense()
            except Unavailable as exc:
                self._crew.doubt()
                trouble = exc
                if begun:
                    break
        raise trouble or Unavailable(f"{self._crew.front.name} has no worker: start one")

    def _order(self, workers: Sequence[Worker], warm: Collection[str]) -> list[Worker]:
        self._turn += 1
        first = self._turn % max(len(workers), 1)
        turned = [*workers[first:], *workers[:first]]
        return sorted(turned, key=lambda worker: worker.id not in warm)
