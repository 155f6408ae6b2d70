"""A question as tokens of the model that a server runs: the turn of a user, as adapters were taught it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure.activation.prompts import defused
from memos_mcp.infrastructure.activation.sglang_link import Link
from memos_mcp.infrastructure.activation.sglang_shapes import Texts, Tokens, read
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker

_ASKED: Final = "qwquestionqw"


class Asking:
    """Asks workers how their model reads a question. What stands around it is asked once per start of a worker."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._around: dict[str, tuple[list[int], list[int]]] = {}

    async def ids(self, worker: Worker, prompt: str) -> list[int]:
        """The ids up to where the answer begins, the marks of the template in the prompt broken.

        Raises InvalidInput (no words), Misconfigured (the template does not say what it is given), Unavailable.
        """
        text = prompt.strip()
        if not text:
            raise InvalidInput("the prompt is empty: ask something")
        if worker.id not in self._around:
            self._around[worker.id] = await self._template(worker.link)
        head, tail = self._around[worker.id]
        (ids,) = await self._ids(worker.link, [text])
        if await self._controlling(worker.link, ids):
            (ids,) = await self._ids(worker.link, [defused(text)])
            if await self._controlling(worker.link, ids):
                raise InvalidInput("the prompt holds a mark that this model takes for an order: leave it out")
        return [*head, *ids, *tail]

    async def _template(self, link: Link) -> tuple[list[int], list[int]]:
        """What stands before a question and after it; a line of its own where the model has no chat template."""
        said: list[JsonValue] = [{"role": "user", "content": _ASKED}]
        answer = await link.ask("POST", "tokenize", {"messages": said})
        if not answer.fine:
            (with_start,) = await self._ids(link, ["x"], special=True)
            (without, tail) = await self._ids(link, ["x", "\n"])
            return with_start[: -len(without)], tail
        ids = [each for each in read(link, Tokens, answer.data).tokens if isinstance(each, int)]
        rendered = await self._text(link, ids, skip=False)
        if rendered.count(_ASKED) != 1:
            raise Misconfigured(f"{link.name} has a chat template that does not say what it is given: use another")
        head, tail = await self._ids(link, rendered.split(_ASKED))
        return head, tail

    async def _controlling(self, link: Link, ids: Sequence[int]) -> bool:
        return await self._text(link, ids, skip=False) != await self._text(link, ids, skip=True)

    async def _ids(self, link: Link, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        body: dict[str, JsonValue] = {"prompt": list[JsonValue](texts), "add_special_tokens": special}
        found = read(link, Tokens, await self._crew.brief(link, "POST", "tokenize", body)).tokens
        lists = [each for each in found if isinstance(each, list)]
        if len(lists) != len(texts):
            raise link.nonsense()
        return lists

    async def _text(self, link: Link, ids: Sequence[int], *, skip: bool) -> str:
        body: dict[str, JsonValue] = {"tokens": [list[JsonValue](ids)], "skip_special_tokens": skip}
        text = read(link, Texts, await self._crew.brief(link, "POST", "detokenize", body)).text
        return text if isinstance(text, str) else "".join(text)
