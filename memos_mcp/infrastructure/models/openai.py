"""Chat and embeddings over OpenAI's HTTP interface, which vLLM, SGLang, llama.cpp, Ollama and LM Studio speak too.

Nothing is taken from the environment: no proxy, no certificate, no key. A key appears in no message, log or repr.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial

import anyio
import httpx2
import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.version import __version__

_CHAT_BYTES = 2_000_000
_VECTOR_BYTES = 32_000_000  # 128 vectors of 8,192 numbers
_BATCH = 128
_ATTEMPTS = 3
_BUSY = frozenset({408, 425, 429})
_UNREAD = frozenset({400, 422})  # the request was understood as HTTP, its content was not
_CODE = re.compile(r"[a-z][a-z_]{2,39}")


class OpenAIChat:
    """A chat model that answers in JSON, at temperature 0 where the model allows that."""

    def __init__(
        self, url: str, model: str, key: str | None = None, *, timeout_s: float = 60, backoff_s: float = 0.5
    ) -> None:
        """`url` is the part before /chat/completions, and usually ends in /v1. Raises Misconfigured."""
        self.model = model
        self._server = _Server("chat", url, model, key, timeout_s, backoff_s, _CHAT_BYTES)
        self._form = _Form()

    async def complete(self, system: str, text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
        """The model's answer to a text: a JSON value that the server was asked to fit to the schema.

        A server that does not know JSON schemas is asked for JSON alone. Waits `timeout_s` in all, with up to two
        repeats while the server is busy. Raises Unavailable, Misconfigured.
        """
        with self._server.deadline():
            form = self._form
            answer = await self._server.post("chat/completions", form.request(self.model, system, text, schema))
            while answer.status in _UNREAD and (simpler := form.simpler(answer.problem)):
                form = simpler
                answer = await self._server.post("chat/completions", form.request(self.model, system, text, schema))
            words = self._words(self._server.accepted(answer))
            self._form = form  # only what worked is asked for from now on
            return self._value(words)

    async def aclose(self) -> None:
        """Close its connections; the next call opens new ones."""
        await self._server.aclose()

    def _words(self, answer: _Answer) -> str:
        try:
            choice = _Completion.model_validate_json(answer.data).choices[0]
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
        return choice.message.content

    def _value(self, words: str) -> JsonValue:
        for form in (words, after := words.partition("</think>")[2] or words, _bracketed(after)):
            with contextlib.suppress(ValueError):
                return from_json(form.strip(), allow_inf_nan=False)
        raise Unavailable(f"{self._server.name} answered with {len(words)} characters that are not JSON")


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
        self._server = _Server("embedding", url, model, key, timeout_s, backoff_s, _VECTOR_BYTES)

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

    def _rows(self, answer: _Answer, count: int) -> list[list[float]]:
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

    def request(self, model: str, system: str, text: str, schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        plan: dict[str, JsonValue] = {"name": "answer", "strict": True, "schema": dict(schema)}
        form: JsonValue = {"type": "json_schema", "json_schema": plan}
        if not self.fitted:
            form = {"type": "json_object"}
            system = f"{system}\n\nAnswer with one JSON object that follows this JSON schema:\n{json.dumps(schema)}"
        messages: list[JsonValue] = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        body: dict[str, JsonValue] = {"model": model, "messages": messages, "response_format": form}
        return body | {"temperature": 0} if self.cold else body

    def simpler(self, problem: _Problem) -> _Form | None:
        """What to try after a refusal; None if there is nothing left."""
        if problem.param == "temperature":
            return replace(self, cold=False) if self.cold else None
        return replace(self, fitted=False) if self.fitted else None


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Problem(_Shape):
    """What a server says about a refusal; its words are not repeated, they may quote the request or the key."""

    code: str | int | None = None
    param: str | None = None


class _Refusal(_Shape):
    error: _Problem


class _Message(_Shape):
    content: str | None = None


class _Choice(_Shape):
    message: _Message
    finish_reason: str | None = None


class _Completion(_Shape):
    choices: list[_Choice]


class _Vector(_Shape):
    embedding: list[float] = Field(min_length=1)
    index: int | None = None


class _Vectors(_Shape):
    data: list[_Vector]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    data: bytes
    after: str = ""

    @property
    def problem(self) -> _Problem:
        for shape in (_Refusal, _Problem):
            try:
                found = shape.model_validate_json(self.data)
            except ValidationError:
                continue
            return found.error if isinstance(found, _Refusal) else found
        return _Problem()

    def pause(self, now: datetime) -> float:
        """Seconds that the server asks to wait before the next try."""
        if self.after.isdecimal():
            return float(self.after)
        try:
            then = parsedate_to_datetime(self.after)
        except ValueError:
            return 0
        return max((then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds(), 0)


class _Server:
    """One server and model: sends, waits while it is busy, and says in our words what went wrong."""

    def __init__(
        self, what: str, url: str, model: str, key: str | None, timeout_s: float, backoff_s: float, most: int
    ) -> None:
        self._url = _address(what, url)
        self._timeout_s, self._backoff_s, self._most = timeout_s, backoff_s, most
        self._headers = {"User-Agent": f"memos-mcp/{__version__}"}
        self._key = (key or "").strip()
        if self._key:
            if not (self._key.isascii() and self._key.isprintable()):
                raise Misconfigured(f"the key of the {what} model has characters that no key has: copy it anew")
            self._headers["Authorization"] = f"Bearer {self._key}"
        port = f":{self._url.port}" if self._url.port else ""
        self.name = f"the {what} model {model!r} at {self._url.scheme}://{self._url.host}{port}{self._url.path}"
        self._client: httpx2.AsyncClient | None = None

    @contextlib.contextmanager
    def deadline(self) -> Generator[None]:
        """Gives up after `timeout_s`, whatever the server is doing. Raises Unavailable."""
        try:
            with anyio.fail_after(self._timeout_s):
                yield
        except TimeoutError as exc:
            raise Unavailable(f"{self.name} did not answer within {self._timeout_s:g} s") from exc

    async def post(self, path: str, body: Mapping[str, JsonValue]) -> _Answer:
        """An answer that is one, or says that the request cannot be read. Raises Unavailable, Misconfigured."""
        attempt = 0
        while True:
            pause = self._backoff_s * 2**attempt
            attempt += 1
            try:
                answer = await self._send(path, body)
            except httpx2.ConnectError as exc:
                raise Unavailable(f"{self.name} cannot be reached ({exc}); is it running?") from exc
            except httpx2.HTTPError as exc:
                why, cause = f"broke off ({type(exc).__name__})", exc
            else:
                if answer.status < 500 and answer.status not in _BUSY:
                    return self._checked(answer)
                why, cause = f"is busy or broken ({self._said(answer)})", None
                pause = max(pause, answer.pause(datetime.now(UTC)))
            left = anyio.current_effective_deadline() - anyio.current_time()
            if attempt == _ATTEMPTS or pause >= left:
                raise Unavailable(f"{self.name} {why}; asked {attempt} times, try again later") from cause
            await anyio.sleep(pause)

    def accepted(self, answer: _Answer) -> _Answer:
        """The answer, if it is one and no refusal. Raises Unavailable."""
        if answer.status in _UNREAD:
            raise Unavailable(f"{self.name} refused the request ({self._said(answer)})")
        return answer

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, path: str, body: Mapping[str, JsonValue]) -> _Answer:
        client = self._client or await self._opened()
        url = self._url.copy_with(path=f"{self._url.path.rstrip('/')}/{path}")
        async with client.stream("POST", url, json=body) as response:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > self._most:
                    raise Unavailable(f"{self.name} sent more than {self._most:,} bytes: that is no answer to this")
            return _Answer(response.status_code, bytes(data), response.headers.get("Retry-After", ""))

    async def _opened(self) -> httpx2.AsyncClient:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody, which is enough for http
        if self._url.scheme == "https":  # 80 ms to read whom this system trusts
            trusted = await to_thread.run_sync(partial(httpx2.create_ssl_context, trust_env=False))
        if self._client is None:
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=None, verify=trusted, trust_env=False)
        return self._client

    def _checked(self, answer: _Answer) -> _Answer:
        if answer.status // 100 == 2 or answer.status in _UNREAD:
            return answer
        said = self._said(answer)
        if answer.status in {401, 403}:
            advice = "check the key and what it may use" if self._key else "it wants a key, and none is set"
            raise Misconfigured(f"{self.name} does not let us in ({said}): {advice}")
        if answer.status in {404, 405} or answer.status // 100 == 3:
            raise Misconfigured(f"{self.name} is not there ({said}): check the address (most end in /v1) and the model")
        raise Unavailable(f"{self.name} refused the request ({said})")

    def _said(self, answer: _Answer) -> str:
        code = answer.problem.code
        known = isinstance(code, str) and _CODE.fullmatch(code) and code not in self._key
        return f"HTTP {answer.status}, {code}" if known else f"HTTP {answer.status}"


def _address(what: str, url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url.strip())
    except httpx2.InvalidURL as exc:
        raise Misconfigured(f"the address of the {what} model cannot be read: {exc}") from exc
    if found.userinfo:
        raise Misconfigured(f"the address of the {what} model holds a password: set it as the key instead")
    if found.scheme not in {"http", "https"} or not found.host:
        raise Misconfigured(f"the address of the {what} model must be like http://127.0.0.1:8000/v1, not {url!r}")
    return found
