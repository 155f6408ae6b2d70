"""One address of an SGLang server or router: asked with limits of time and size, its faults told in our words.

Nothing is taken from the environment: no proxy, no certificate, no key. Neither a key nor what a server says about a
refusal appears in a message or log, as that may quote the prompt.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from functools import partial

import anyio
import httpx2
from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.version import __version__

_BYTES = 8_000_000
_ATTEMPTS = 3
_BUSY = frozenset({408, 425, 429})
UNREAD = frozenset({400, 404, 422})
"""What the one who asked has to make sense of: refused for what it says, or not there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status of 200, or one of `UNREAD`."""

    status: int
    data: bytes

    @property
    def fine(self) -> bool:
        """Whether it is an answer and no refusal."""
        return self.status // 100 == 2


class Link:
    """Connections to one address."""

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 120, backoff_s: float = 0.5) -> None:
        """`url` is that of the server, without a path. Raises Misconfigured."""
        self._url = _address(url)
        self._timeout_s, self._backoff_s = timeout_s, backoff_s
        self._key = (key or "").strip()
        self._headers = {"User-Agent": f"memos-mcp/{__version__}"}
        if self._key:
            if not (self._key.isascii() and self._key.isprintable()):
                raise Misconfigured("the key of SGLang has characters that no key has: copy it anew")
            self._headers["Authorization"] = f"Bearer {self._key}"
        port = f":{self._url.port}" if self._url.port else ""
        self.url = f"{self._url.scheme}://{self._url.host}{port}{self._url.path.rstrip('/')}"
        self.name = f"SGLang at {self.url}"
        self._client: httpx2.AsyncClient | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, JsonValue] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """An answer, or a refusal that is one of `UNREAD`; up to two repeats while the server is busy.

        Waits `within_s` in all, the time of the link if None. Raises Unavailable, Misconfigured.
        """
        with self._deadline(self._timeout_s if within_s is None else within_s):
            attempt = 0
            while True:
                pause = self._backoff_s * 2**attempt
                attempt += 1
                try:
                    answer = await self._sent(method, path, body, query)
                except httpx2.ConnectError as exc:
                    raise Unavailable(f"{self.name} cannot be reached; is it running?") from exc
                except httpx2.HTTPError as exc:
                    why, cause = f"broke off ({type(exc).__name__})", exc
                else:
                    if answer.status < 500 and answer.status not in _BUSY:
                        return self._let_in(answer)
                    why, cause = f"is busy or broken (HTTP {answer.status})", None
                if attempt == _ATTEMPTS:
                    raise Unavailable(f"{self.name} {why}; asked {attempt} times, try again later") from cause
                await anyio.sleep(pause)

    async def events(self, path: str, body: Mapping[str, JsonValue]) -> AsyncGenerator[bytes]:
        """The data of the events that answer, up to `[DONE]`, in at most the time of the link from first to last.

        Not asked again. Raises Unavailable (also if it ends before its end), Misconfigured.
        """
        until = anyio.current_time() + self._timeout_s
        response = await self._begun(path, body)
        try:
            buffer, pieces = b"", response.aiter_bytes()
            while True:
                with self._deadline(until - anyio.current_time()):
                    piece = await self._next(pieces)
                if piece is None or len(buffer) + len(piece) > _BYTES:
                    raise Unavailable(f"{self.name} broke off in the middle of its answer: ask again")
                *lines, buffer = (buffer + piece).split(b"\n")
                for line in lines:
                    data = line.strip().removeprefix(b"data:").strip()
                    if data == b"[DONE]":
                        return
                    if data and line.startswith(b"data:"):
                        yield data
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    async def aclose(self) -> None:
        """Close its connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _sent(
        self, method: str, path: str, body: Mapping[str, JsonValue] | None, query: Mapping[str, str] | None
    ) -> Answer:
        client = self._client or await self._opened()
        async with client.stream(method, f"{self.url}/{path}", json=body, params=query) as response:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > _BYTES:
                    raise Unavailable(f"{self.name} sent more than {_BYTES:,} bytes: that is no answer to this")
            return Answer(response.status_code, bytes(data))

    async def _begun(self, path: str, body: Mapping[str, JsonValue]) -> httpx2.Response:
        with self._deadline(self._timeout_s):
            client = self._client or await self._opened()
            request = client.build_request("POST", f"{self.url}/{path}", json=body)
            try:
                try:
                    response = await client.send(request, stream=True)
                except httpx2.RemoteProtocolError:  # a connection that was closed while nobody used it
                    response = await client.send(request, stream=True)
            except httpx2.ConnectError as exc:
                raise Unavailable(f"{self.name} cannot be reached; is it running?") from exc
            except httpx2.HTTPError as exc:
                raise Unavailable(f"{self.name} broke off ({type(exc).__name__}): ask again") from exc
        if response.status_code // 100 == 2:
            return response
        await response.aclose()
        self.accepted(self._let_in(Answer(response.status_code, b"")))
        raise Unavailable(f"{self.name} is busy or broken (HTTP {response.status_code}): try again later")

    async def _next(self, pieces: AsyncGenerator[bytes]) -> bytes | None:
        try:
            return await anext(pieces, None)
        except httpx2.HTTPError as exc:
            raise Unavailable(f"{self.name} broke off in the middle of its answer ({type(exc).__name__})") from exc

    def accepted(self, answer: Answer) -> bytes:
        """What an answer holds. Raises Unavailable if it is a refusal, Misconfigured if nothing is there."""
        if answer.status == 404:
            raise Misconfigured(f"{self.name} has no such door (HTTP 404): give the address of SGLang, without a path")
        if answer.status in UNREAD:
            raise Unavailable(f"{self.name} refused the request (HTTP {answer.status}): is the prompt too long for it?")
        return answer.data

    def nonsense(self) -> Unavailable:
        """The error of an answer that cannot be read."""
        return Unavailable(f"{self.name} did not answer as SGLang does; is its address right?")

    def _let_in(self, answer: Answer) -> Answer:
        if answer.status in {401, 403}:
            advice = "check the key" if self._key else "it wants a key, and none is set"
            raise Misconfigured(f"{self.name} does not let us in (HTTP {answer.status}): {advice}")
        if answer.status // 100 == 3:
            raise Misconfigured(f"{self.name} sends us elsewhere (HTTP {answer.status}): give that address")
        if answer.fine or answer.status in UNREAD or answer.status >= 500 or answer.status in _BUSY:
            return answer
        raise Unavailable(f"{self.name} refused the request (HTTP {answer.status})")

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Generator[None]:
        try:
            with anyio.fail_after(seconds):
                yield
        except TimeoutError as exc:
            raise Unavailable(f"{self.name} did not answer in time: it is slow, or the limit too short") from exc

    async def _opened(self) -> httpx2.AsyncClient:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody, which is enough for http
        if self._url.scheme == "https":  # 80 ms to read whom this system trusts
            trusted = await to_thread.run_sync(partial(httpx2.create_ssl_context, trust_env=False))
        if self._client is None:
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=None, verify=trusted, trust_env=False)
        return self._client


def _address(url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url.strip())
    except httpx2.InvalidURL as exc:
        raise Misconfigured(f"the address of SGLang cannot be read: {exc}") from exc
    if found.userinfo:
        raise Misconfigured("the address of SGLang holds a password: set it as the key instead")
    if found.scheme not in {"http", "https"} or not found.host:
        raise Misconfigured(f"the address of SGLang must be like http://127.0.0.1:30000, not {url!r}")
    return found
