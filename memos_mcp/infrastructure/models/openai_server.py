"""A server with OpenAI's HTTP interface: sends, waits while it is busy, and says in our words what went wrong."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial

import anyio
import httpx2
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.version import __version__

_ATTEMPTS = 3
_BUSY = frozenset({408, 425, 429})
UNREAD = frozenset({400, 422})
"""The request was understood as HTTP, its content was not."""
_CODE = re.compile(r"[a-z][a-z_]{2,39}")


class Shape(BaseModel):
    """What a server sends; its words appear in no message."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Problem(Shape):
    """What a server says about a refusal; its words are not repeated, they may quote the request or the key."""

    code: str | int | None = None
    param: str | None = None


class _Refusal(Shape):
    error: Problem


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; `after` is when it wants to be asked again."""

    status: int
    data: bytes
    after: str = ""

    @property
    def problem(self) -> Problem:
        """What it says is wrong, if it is a refusal."""
        for shape in (_Refusal, Problem):
            try:
                found = shape.model_validate_json(self.data)
            except ValidationError:
                continue
            return found.error if isinstance(found, _Refusal) else found
        return Problem()

    def pause(self, now: datetime) -> float:
        """Seconds that the server asks to wait before the next try."""
        if self.after.isdecimal():
            return float(self.after)
        try:
            then = parsedate_to_datetime(self.after)
        except ValueError:
            return 0
        return max((then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds(), 0)


class Server:
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

    async def post(self, path: str, body: Mapping[str, JsonValue]) -> Reply:
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

    def accepted(self, answer: Reply) -> Reply:
        """The answer, if it is one and no refusal. Raises Unavailable."""
        if answer.status in UNREAD:
            raise Unavailable(f"{self.name} refused the request ({self._said(answer)})")
        return answer

    async def aclose(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, path: str, body: Mapping[str, JsonValue]) -> Reply:
        client = self._client or await self._opened()
        url = self._url.copy_with(path=f"{self._url.path.rstrip('/')}/{path}")
        async with client.stream("POST", url, json=body) as response:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > self._most:
                    raise Unavailable(f"{self.name} sent more than {self._most:,} bytes: that is no answer to this")
            return Reply(response.status_code, bytes(data), response.headers.get("Retry-After", ""))

    async def _opened(self) -> httpx2.AsyncClient:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody, which is enough for http
        if self._url.scheme == "https":  # 80 ms to read whom this system trusts
            trusted = await to_thread.run_sync(partial(httpx2.create_ssl_context, trust_env=False))
        if self._client is None:
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=None, verify=trusted, trust_env=False)
        return self._client

    def _checked(self, answer: Reply) -> Reply:
        if answer.status // 100 == 2 or answer.status in UNREAD:
            return answer
        said = self._said(answer)
        if answer.status in {401, 403}:
            advice = "check the key and what it may use" if self._key else "it wants a key, and none is set"
            raise Misconfigured(f"{self.name} does not let us in ({said}): {advice}")
        if answer.status in {404, 405} or answer.status // 100 == 3:
            raise Misconfigured(f"{self.name} is not there ({said}): check the address (most end in /v1) and the model")
        raise Unavailable(f"{self.name} refused the request ({said})")

    def _said(self, answer: Reply) -> str:
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
