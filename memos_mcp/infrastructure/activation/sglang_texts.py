"""Texts as the tokens of the model that a server runs, by the server's own tokenizer and chat template."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from memos_mcp.activation import Source
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure.activation.prompts import (
    MEMORIES,
    QUESTION,
    Form,
    Template,
    defused,
    joined,
    prefix_of,
    told,
)
from memos_mcp.infrastructure.activation.sglang_link import Link
from memos_mcp.infrastructure.activation.sglang_shapes import Texts, Tokens, read
from memos_mcp.infrastructure.activation.sglang_workers import Crew, Worker


class Wording:
    """Asks a worker how it reads texts."""

    def __init__(self, crew: Crew, template: Template | None, preface: str) -> None:
        self._crew, self._template, self.preface = crew, template, preface

    async def form(self, worker: Worker) -> Form:
        """Of what runs there now. Raises Unavailable, Misconfigured (no template for memories and a question)."""
        link, model = worker.link, worker.model.id
        if self._template is not None:
            return Form(model, self._template, given=True)
        ids = await self._chat(link, MEMORIES, QUESTION)
        body: dict[str, JsonValue] = {"tokens": [list[JsonValue](ids)], "skip_special_tokens": False}
        shown = read(link, Texts, await self._crew.brief(link, "POST", "detokenize", body)).text
        return Form(model, Template.shown(shown if isinstance(shown, str) else "".join(shown)), given=False)

    async def prefix(self, link: Link, form: Form, sources: Sequence[Source]) -> tuple[int, ...]:
        """The ids of everything before the seam: of the preface alone if there are no memories.

        Raises Unavailable, Misconfigured, InvalidInput.
        """
        texts = await self._harmless(link, told(self.preface, sources))
        system = "".join(texts)
        head = form.template.head
        *apart, whole = await self._ids(link, [head + texts[0], *texts[1:], head + system])
        if form.given:
            (rendered,) = await self._ids(link, [head + system + form.template.seam + QUESTION])
        else:
            rendered = await self._chat(link, system, QUESTION)
        return prefix_of(joined(*apart), whole, rendered)

    async def question(self, link: Link, form: Form, text: str) -> tuple[int, ...]:
        """The ids of the seam, a question and what follows it. Raises Unavailable, InvalidInput."""
        (harmless,) = await self._harmless(link, [text])
        return joined(*await self._ids(link, [form.template.seam, harmless, form.template.tail]))

    async def _harmless(self, link: Link, texts: Sequence[str]) -> list[str]:
        """The texts, those that hold a token of control with its mark broken: a memory must not end its own part."""
        found, orders = list(texts), await self._controlling(link, texts)
        for at in orders:
            found[at] = defused(found[at])
        if orders and await self._controlling(link, found):
            raise InvalidInput("a text holds a mark that this model takes for an order of its template: leave it out")
        return found

    async def _controlling(self, link: Link, texts: Sequence[str]) -> list[int]:
        ids = await self._ids(link, texts)
        shown = [await self._text(link, ids, skip) for skip in (False, True)]
        return [at for at, (whole, without) in enumerate(zip(*shown, strict=True)) if whole != without]

    async def _text(self, link: Link, ids: Sequence[Sequence[int]], skip: bool) -> list[str]:
        body: dict[str, JsonValue] = {"tokens": [list[JsonValue](each) for each in ids], "skip_special_tokens": skip}
        text = read(link, Texts, await self._crew.brief(link, "POST", "detokenize", body)).text
        if isinstance(text, str) or len(text) != len(ids):
            raise link.nonsense()
        return text

    async def _ids(self, link: Link, texts: Sequence[str]) -> list[tuple[int, ...]]:
        body: dict[str, JsonValue] = {"prompt": list[JsonValue](texts), "add_special_tokens": False}
        found: list[tuple[int, ...]] = []
        for each in read(link, Tokens, await self._crew.brief(link, "POST", "tokenize", body)).tokens:
            if isinstance(each, int):
                raise link.nonsense()
            found.append(tuple(each))
        if len(found) != len(texts):
            raise link.nonsense()
        return found

    async def _chat(self, link: Link, system: str, user: str) -> tuple[int, ...]:
        said: list[JsonValue] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        answer = await link.ask("POST", "tokenize", {"messages": said})
        if not answer.fine:
            raise Misconfigured(
                f"{link.name} cannot render its chat template (HTTP {answer.status}): give a Template of your own"
            )
        ids: list[int] = []
        for each in read(link, Tokens, answer.data).tokens:
            if not isinstance(each, int):
                raise link.nonsense()
            ids.append(each)
        return tuple(ids)
