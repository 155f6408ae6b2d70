"""Chat and embeddings over OpenAI's HTTP interface, which vLLM, SGLang, llama.cpp, Ollama and LM Studio speak too.

Nothing is taken from the environment: no proxy, no certificate, no key. A key appears in no message, log or repr.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, ValidationError, field_validator
from pydantic_core import from_json

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.models.openai_server import UNREAD, Problem, Reply, Server, Shape
from memos_mcp.models import Worded

_CHAT_BYTES = 2_000_000
_VECTOR_BYTES = 32_000_000  # 128 vectors of 8,192 numbers
_BATCH = 128


class OpenAIChat:
    """A chat model that answers in JSON or in words, at temperature 0 where the model allows that."""

    def __init__(
        self, url: str, model: str, key: str | None = None, *, timeout_s: float = 60, backoff_s: float = 0.5
    ) -> None:
        """`url` is the part before /chat/completions, and usually ends in /v1. Raises Misconfigured."""
        self.model = model
        self._server = Server("chat", url, model, key, timeout_s, backoff_s, _CHAT_BYTES)
        self._form = _Form()

    async def complete(self, system: str, text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
        """The model's answer to a text: a JSON value that the server was asked to fit to the schema.

        A server that does not know JSON schemas is asked for JSON alone. Waits `timeout_s` in all, with up to two
        repeats while the server is busy. Raises Unavailable, Misconfigured.
        """
        with self._server.deadline():
            return self._value((await self._said(system, text, schema)).text)

    async def answer(self, system: str, text: str) -> Worded:
        """The model's answer to a text in words, without what it thought before it; waits as `complete` does.

        Raises Unavailable, Misconfigured.
        """
        with self._server.deadline():
            said = await self._said(system, text, None)
        words = _without_thoughts(said.text).strip()
        if not words:
            raise Unavailable(f"{self._server.name} gave an empty answer, or refused to give one")
        return replace(said, text=words)

    async def aclose(self) -> None:
        """Close its connections; the next call opens new ones."""
        await self._server.aclose()

    async def _said(self, system: str, text: str, schema: Mapping[str, JsonValue] | None) -> Worded:
        form = self._form
        answer = await self._server.post("chat/completions", form.request(self.model, system, text, schema))
        while answer.status in UNREAD and (simpler := form.simpler(answer.problem, fitting=schema is not None)):
            form = simpler
            answer = await self._server.post("chat/completions", form.request(self.model, system, text, schema))
        said = self._worded(self._server.accepted(answer))
        self._form = form  # only what worked is asked for from now on
        return said

    def _worded(self, answer: Reply) -> Worded:
        try:
            completion = _Completion.model_validate_json(answer.data)
            choice = completion.choices[0]
        except (ValidationError, IndexError) as exc:
            raise Unavailable(
                f"{self._server.name} did not answer as a chat model does; is its address right?"
            ) from exc
        if choice.finish_reason == "length":
            raise Unavailable(
                f"{self._server.name} broke off its answer at its limit of tokens: send less, or raise it"
            )
        if not choice.message.content:
            raise Unavailable(f"{self._server.name} gave an empty answer, or refused to give one")
        usage = completion.usage
        return Worded(choice.message.content, usage.prompt_tokens, usage.completion_tokens)

    def _value(self, words: str) -> JsonValue:
        for form in (words, after := words.partition("</think>")[2] or words, _bracketed(after)):
            with contextlib.suppress(ValueError):
                return from_json(form.strip(), allow_inf_nan=False)
        raise Unavailable(f"{self._server.name} answered with {len(words)} characters that are not JSON")


def _without_thoughts(words: str) -> str:
    """The words after what a model thought aloud; none if it never came to an end."""
    _, end, after = words.partition("</think>")
    return after if end else "" if words.lstrip().startswith("<think>") else words


def _bracketed(words: str) -> str:
    """The JSON among other words, such as a fence."""
    starts = [at for at in map(words.find, "{[") if at >= 0]
    return words[min(starts, default=0) : max(map(words.rfind, "}]")) + 1]


class OpenAIEmbedder:
    """Texts to vectors of a model behind HTTP.

    With `dimension` the server is asked for vectors of that size, which not every model can give. Of each text the
    first `most` characters are sent: models have a limit, and servers refuse what is beyond it.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        *,
        dimension: int | None = None,
        most: int = 6_000,
        timeout_s: float = 30,
        backoff_s: float = 0.5,
    ) -> None:
        """`url` is the part before /embeddings, and usually ends in /v1. Raises Misconfigured."""
        self._asked: dict[str, JsonValue] = {"model": model, "encoding_format": "float"}
        self._id = f"openai:{model}"
        if dimension is not None:
            self._asked["dimensions"] = dimension
            self._id += f"@{dimension}"
        self._dimension = dimension
        self._loaded = False
        self._most = most
        self._server = Server("embedding", url, model, key, timeout_s, backoff_s, _VECTOR_BYTES)

    async def load(self) -> tuple[str, int]:
        """The id of the model and the dimension of its vectors; the first call embeds one word to learn it.

        Raises Unavailable, Misconfigured.
        """
        dimension = self._dimension
        if not self._loaded or dimension is None:
            dimension = (await self._batch(["memory"])).shape[1]
        return self._id, dimension

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, in order; up to 128 texts are sent at once, for `timeout_s` each time.

        Raises Unavailable, Misconfigured; then there are no vectors at all.
        """
        if not texts:
            return np.zeros((0, (await self.load())[1]), np.float32)
        return np.concatenate([await self._batch(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)])

    async def aclose(self) -> None:
        """Close its connections; the next call opens new ones."""
        await self._server.aclose()

    async def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        # servers refuse texts without words
        sent: list[JsonValue] = [text[: self._most] if text.strip() else "." for text in texts]
        with self._server.deadline():
            answer = self._server.accepted(await self._server.post("embeddings", self._asked | {"input": sent}))
        rows = self._rows(answer, len(texts))
        dimension = self._dimension or len(rows[0])
        if any(len(row) != dimension for row in rows):
            sizes = ", ".join(map(str, sorted({len(row) for row in rows})))
            raise Misconfigured(
                f"{self._server.name} gives vectors of {sizes} numbers, not {dimension}: set the dimension it can give"
            )
        vectors = np.array(rows, np.float64)
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise Unavailable(f"{self._server.name} gave a vector without a direction (zeros, or not finite)")
        self._dimension, self._loaded = dimension, True
        return (vectors / lengths).astype(np.float32)

    def _rows(self, answer: Reply, count: int) -> list[list[float]]:
        try:
            found = _Vectors.model_validate_json(answer.data).data
        except ValidationError as exc:
            raise Unavailable(
                f"{self._server.name} did not answer as an embedding model does; is its address right?"
            ) from exc
        places = [at if vector.index is None else vector.index for at, vector in enumerate(found)]
        if sorted(places) != list(range(count)):
            raise Unavailable(f"{self._server.name} gave {len(found)} vectors for {count} texts, or with wrong indexes")
        rows = dict(zip(places, found, strict=True))
        return [rows[at].embedding for at in range(count)]


@dataclass(frozen=True, slots=True)
class _Form:
    """How a chat model is asked: servers and models differ in what they allow."""

    fitted: bool = True
    cold: bool = True

    def request(
        self, model: str, system: str, text: str, schema: Mapping[str, JsonValue] | None
    ) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {"model": model}
        if schema is not None and self.fitted:
            plan: dict[str, JsonValue] = {"name": "answer", "strict": True, "schema": dict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": plan}
        elif schema is not None:
            body["response_format"] = {"type": "json_object"}
            system = f"{system}\n\nAnswer with one JSON object that follows this JSON schema:\n{json.dumps(schema)}"
        body["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        return body | {"temperature": 0} if self.cold else body

    def simpler(self, problem: Problem, *, fitting: bool) -> _Form | None:
        """What to try after a refusal; None if there is nothing left."""
        if problem.param == "temperature":
            return replace(self, cold=False) if self.cold else None
        return replace(self, fitted=False) if self.fitted and fitting else None


class _Message(Shape):
    content: str | None = None


class _Choice(Shape):
    message: _Message
    finish_reason: str | None = None


class _Usage(Shape):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(Shape):
    choices: list[_Choice]
    usage: _Usage = _Usage()

    @field_validator("usage", mode="before")
    @classmethod
    def _counted(cls, usage: JsonValue) -> JsonValue:
        """No answer is lost because its tokens were counted in another way."""
        counts = usage if isinstance(usage, dict) else {}
        return {name: number for name, number in counts.items() if isinstance(number, int)}


class _Vector(Shape):
    embedding: list[float] = Field(min_length=1)
    index: int | None = None


class _Vectors(Shape):
    data: list[_Vector]
