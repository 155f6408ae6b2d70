"""The servers that answer at one address: it alone, or those behind a router. None gets a memory untested."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio
from pydantic import JsonValue

from memos_mcp.capacity import Capacity
from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.activation.sglang_link import Link
from memos_mcp.infrastructure.activation.sglang_shapes import (
    About,
    Load,
    Loads,
    Model,
    Said,
    Tokens,
    Workers,
    demand,
    read,
)
from memos_mcp.infrastructure.activation.sharing import Sharing, judged

logger = logging.getLogger(__name__)

_BRIEFLY = 1.0  # seconds: who has to choose does not wait longer to know how busy they are
_PROBE = 64  # tokens: enough for a hit, too few to cost anything


@dataclass(frozen=True, slots=True)
class Worker:
    """One server since its last start, and what was found of it then."""

    link: Link
    about: About
    model: Model
    sharing: Sharing

    @property
    def id(self) -> str:
        """Another one after each start: what was cached before is gone."""
        return f"{self.link.url} {self.about.boot}"


class Crew:
    """Knows who serves now. Looks again every `follow_s` seconds, and when it is told to doubt."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        least: str,
        timeout_s: float = 120,
        brief_s: float = 10,
        backoff_s: float = 0.5,
        follow_s: float = 10,
    ) -> None:
        """Raises Misconfigured."""
        self._key, self._least = key, least
        self._timeout_s, self._brief_s, self._backoff_s, self._follow_s = timeout_s, brief_s, backoff_s, follow_s
        self.front = self._linked(url)
        self.sharing = Sharing()
        self._workers: dict[str, Worker] = {}
        self._seen: float | None = None
        self._looking = anyio.Lock()

    async def serving(self) -> Sequence[Worker]:
        """Those that may get memories, at least one. Raises Unavailable, Misconfigured (none keeps tenants apart)."""
        async with self._looking:
            if self._seen is None or anyio.current_time() - self._seen >= self._follow_s:
                self._seen = None
                await self._look()
                self._seen = anyio.current_time()
        if self.sharing.state == "broken":
            raise Misconfigured(f"{self.front.name} gets no memories: {self.sharing.why}")
        return tuple(self._workers.values())

    async def capacity(self) -> Capacity | None:
        """What they say of themselves within a second: the smallest window, and how busy they are together."""
        capacity: Capacity | None = None
        with anyio.move_on_after(_BRIEFLY), contextlib.suppress(Unavailable, Misconfigured):
            workers, loads = await self.serving(), list[Load]()
            window = min(filter(None, (worker.about.max_req_input_len for worker in workers)), default=None)
            capacity = Capacity(window)
            for worker in workers:
                answer = await worker.link.ask("GET", "v1/loads", query={"include": "core"}, within_s=_BRIEFLY)
                loads += read(worker.link, Loads, worker.link.accepted(answer)).loads
            most = sum(each.max_running_requests for each in loads)
            under_way = sum(each.num_running_reqs + each.num_waiting_reqs for each in loads)
            return Capacity(window, under_way / most if most else 0.0)
        return capacity

    @property
    def model(self) -> str:
        """What the model is called that they run; empty before they were asked."""
        return next((worker.model.name for worker in self._workers.values()), "")

    def doubt(self) -> None:
        """Something was not as expected: look before the next request."""
        self._seen = None

    async def brief(self, link: Link, method: str, path: str, body: dict[str, JsonValue] | None = None) -> bytes:
        """The answer to something that takes no time. Raises Unavailable, Misconfigured."""
        try:
            return link.accepted(await link.ask(method, path, body, within_s=self._brief_s))
        except Unavailable:
            self.doubt()
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        for link in {self.front, *(worker.link for worker in self._workers.values())}:
            await link.aclose()

    def _linked(self, url: str) -> Link:
        return Link(url, self._key, timeout_s=self._timeout_s, backoff_s=self._backoff_s)

    async def _look(self) -> None:
        urls = await self._urls()
        found: dict[str, Worker] = {}
        silent: dict[str, Worker] = {}
        trouble: Unavailable | None = None
        for url in urls:
            known = self._workers.get(url)
            link = known.link if known else (self.front if url == self.front.url else self._linked(url))
            try:
                found[url] = await self._met(link, known)
            except Unavailable as exc:
                trouble = exc
                logger.warning("a worker of SGLang does not answer", extra={"worker": link.url})
                if known is not None:  # it may have much to do: asked after the others
                    silent[url] = known
                elif link is not self.front:
                    await link.aclose()
        found |= silent
        for url, worker in self._workers.items():
            if url not in found and worker.link is not self.front:
                await worker.link.aclose()
        self._workers = found
        if not found:
            raise trouble or Unavailable(f"{self.front.name} is a router without a healthy worker: start one")
        if len({worker.model.id for worker in found.values()}) > 1:
            raise Misconfigured(f"{self.front.name} is a router to several models: give one to workers of one model")
        self._conclude()

    async def _urls(self) -> list[str]:
        answer = await self.front.ask("GET", "workers", within_s=self._brief_s)
        if not answer.fine:
            return [self.front.url]  # only a router has this door
        listed = read(self.front, Workers, answer.data).workers
        return list(dict.fromkeys(each.url.rstrip("/") for each in listed if each.is_healthy))

    async def _met(self, link: Link, known: Worker | None) -> Worker:
        about = read(link, About, await self.brief(link, "GET", "server_info"))
        model = read(link, Model, await self.brief(link, "GET", "model_info"))
        if known is not None and known.about.boot == about.boot:
            return replace(known, about=about, model=model)
        demand(link.name, about.version, self._least)
        sharing = await self._tested(link, about.page_size)
        if sharing.state != "on":
            logger.warning("no prefix is shared on SGLang", extra={"worker": link.url, "why": sharing.why})
        if not about.enable_session_radix_cache:
            logger.warning("SGLang was started without --enable-session-radix-cache", extra={"worker": link.url})
        return Worker(link, about, model, sharing)

    async def _tested(self, link: Link, page: int) -> Sharing:
        """One text under two salts and two versions, which nobody else knows."""
        count = max(_PROBE, 2 * page + 1)
        asked: dict[str, JsonValue] = {"prompt": [secrets.token_hex(4 * count)], "add_special_tokens": False}
        ids = read(link, Tokens, await self.brief(link, "POST", "tokenize", asked)).tokens[0]
        if not isinstance(ids, list) or len(ids) < count:
            raise link.nonsense()
        tenant, other, version, changed = (secrets.token_hex(32) for _ in range(4))
        cached: list[int] = []
        for salt, extra in ((tenant, version), (tenant, version), (other, version), (tenant, changed)):
            body: dict[str, JsonValue] = {
                "input_ids": list[JsonValue](ids[:count]),
                "sampling_params": {"max_new_tokens": 0, "temperature": 0},
                "cache_salt": salt,
                "extra_key": extra,
            }
            answer = link.accepted(await link.ask("POST", "generate", body))
            cached.append(read(link, Said, answer).cached)
        return judged(*cached)

    def _conclude(self) -> None:
        """One worker that is broken spoils all, as a router may choose it; one that keeps prefixes is enough."""
        states = {worker.sharing.state: worker.sharing for worker in self._workers.values()}
        self.sharing = next(states[state] for state in ("broken", "on", "off", "untested") if state in states)
