"""A memory system behind a URL: each verb is one request of MCP over HTTP, over connections that are kept.

In the revision 2026-07-28 a request stands for itself, so there is no session to lose: a server that was restarted is
asked as before, and what one request meets concerns no other (docs/adr/0035-programs-ask-by-two-tools.md).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, cast

import httpx2
from anyio import to_thread
from pydantic import ValidationError

from memos_mcp.client.line import Line
from memos_mcp.client.verbs import VERBS, answers, written
from memos_mcp.errors import (
    Conflict,
    Corrupt,
    Denied,
    IllegalMove,
    InvalidInput,
    MemosError,
    Misconfigured,
    NotFound,
    Unavailable,
)
from memos_mcp.version import __version__

_REVISION = "2026-07-28"
_SETTLING = 60.0  # seconds that `remember(settle=True)` waits
_REACHED = 10.0  # seconds until a server that is there has taken a connection
_IDLE = 3.0  # seconds that a connection is kept: less than servers do (uvicorn: 5), or a request could meet its end
_CONNECTIONS = 32  # half of the requests that a server lets one principal have open
_LONGEST = 64 * 1024 * 1024  # bytes of an answer
_TOOLS = {"read": "api_read", "write": "api_write"}
_ERRORS: Mapping[str, type[MemosError]] = {
    each.code: each
    for each in (InvalidInput, IllegalMove, NotFound, Conflict, Unavailable, Corrupt, Misconfigured, MemosError)
} | {"merge_conflict": Conflict, "missing_extra": Misconfigured}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request; `again`: it may be sent a second time though the first may have been done."""

    verb: str
    tool: str
    body: bytes
    again: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    kind: str
    wait: str
    body: bytes


class _Lost(Exception):
    """The request went out, and no answer came."""


class Remote:
    """The verbs of a server. Opens its connection with the first of them; whoever makes it closes it.

    Usable by all threads and event loops at once, and after a fork. Raises Misconfigured if the URL is none.
    """

    def __init__(self, url: str, *, token: str | None, timeout: float) -> None:
        self._url = _address(url)
        self._timeout = timeout
        self._headers = {"Authorization": f"Bearer {_checked(token)}"} if token else {}
        self._lines: dict[int, Line[httpx2.AsyncClient]] = {}
        self._locks: dict[int, Lock] = {}
        self._ids = itertools.count(1)
        self._closed = False

    async def ask(self, verb: str, **given: object) -> object:
        """What a verb answers. Cancelling it ends the request; whether a write was done is then not known."""
        line, future = self._begun(verb, given)
        try:
            return self._read(verb, await asyncio.wrap_future(future))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if line.closed and not (task and task.cancelling()):
                raise self._gone(verb) from None
            raise

    def ask_now(self, verb: str, **given: object) -> object:
        """The same, blocking."""
        _, future = self._begun(verb, given)
        try:
            return self._read(verb, future.result())
        except CancelledError:
            raise self._gone(verb) from None
        finally:
            future.cancel()  # if the wait was interrupted

    def close(self) -> None:
        """End the connection; calls that are under way raise Unavailable."""
        with self._lock:
            self._closed = True
            line = self._lines.pop(os.getpid(), None)
        if line is not None:
            line.stop()

    async def aclose(self) -> None:
        """The same without blocking."""
        await to_thread.run_sync(self.close)

    def _begun(self, verb: str, given: Mapping[str, object]) -> tuple[Line[httpx2.AsyncClient], Future[object]]:
        asked = self._asked(verb, given)
        line = self._line()
        future = line.begin(lambda http: self._answered(http, asked)) if line else None
        if line is None or future is None:
            raise Unavailable(f"{verb}: the connection to {self._url} is closed: connect again")
        return line, future

    def _line(self) -> Line[httpx2.AsyncClient] | None:
        line = self._lines.get(os.getpid())
        if line is not None:
            return line
        with self._lock:
            if self._closed:
                return None
            line = self._lines.get(os.getpid())
            if line is None:
                line = self._lines[os.getpid()] = Line(partial(_opened, self._url, self._headers))
                weakref.finalize(self, line.stop)
            return line

    @property
    def _lock(self) -> Lock:
        """That of this process: after a fork, one may be held by a thread that is not there."""
        return self._locks.setdefault(os.getpid(), Lock())

    def _asked(self, verb: str, given: Mapping[str, object]) -> _Asked:
        kept = VERBS[verb]
        tool = _TOOLS[kept.scope]
        about = {
            "io.modelcontextprotocol/protocolVersion": _REVISION,
            "io.modelcontextprotocol/clientInfo": {"name": "memos_mcp.client", "version": __version__},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        call = {"name": tool, "arguments": {"verb": verb, "arguments": written(verb, given)}, "_meta": about}
        message = {"jsonrpc": "2.0", "id": next(self._ids), "method": "tools/call", "params": call}
        try:
            body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, RecursionError) as exc:
            raise InvalidInput(f"{verb}: what is given cannot be sent as JSON: {exc}") from exc
        waits = given.get("seconds") if verb == "settle" else _SETTLING if given.get("settle") else 0
        return _Asked(verb, tool, body, kept.again(given), self._timeout + float(cast("float", waits or 0)))

    async def _answered(self, http: httpx2.AsyncClient, asked: _Asked) -> object:
        """The result, as JSON. Raises MemosError."""
        until = asyncio.get_running_loop().time() + asked.seconds
        lost: Exception | None = None
        for _ in range(2):
            try:
                async with asyncio.timeout_at(until):
                    return await self._let_in(http, asked, until)
            except TimeoutError as exc:
                raise self._unanswered(asked, f"within {asked.seconds:g} s") from exc
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
            except (httpx2.RequestError, _Lost) as exc:
                lost = exc
                if not asked.again:
                    break
        if lost is not None:
            raise self._unanswered(asked, f"({lost or type(lost).__name__})") from lost
        raise Unavailable(f"{asked.verb}: no server answers at {self._url}, and nothing was done")

    def _unanswered(self, asked: _Asked, how: str) -> Unavailable:
        done = "" if asked.tool == _TOOLS["read"] else "; it may have been done: look before you repeat it"
        return Unavailable(f"{asked.verb}: {self._url} did not answer {how}{done}")

    async def _let_in(self, http: httpx2.AsyncClient, asked: _Asked, until: float) -> object:
        """The answer, once the server takes the request: one that comes too often is asked to wait."""
        while True:
            reply = await self._sent(http, asked)
            if reply.status != 429:
                return self._content(asked, reply)
            wait = float(reply.wait) if reply.wait.isdigit() else 1.0
            if asyncio.get_running_loop().time() + wait >= until:
                raise Unavailable(f"{asked.verb}: {_words(reply)}; nothing was done")
            await asyncio.sleep(wait)

    async def _sent(self, http: httpx2.AsyncClient, asked: _Asked) -> _Reply:
        headers = {"Mcp-Name": asked.tool}
        async with http.stream("POST", self._url, content=asked.body, headers=headers) as response:
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > _LONGEST:
                    raise InvalidInput(f"{asked.verb}: the answer has more than {_LONGEST:,} bytes: ask for less")
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return _Reply(response.status_code, kind, response.headers.get("retry-after", ""), bytes(data))

    def _content(self, asked: _Asked, reply: _Reply) -> object:
        match _message(reply):
            case {"result": {"structuredContent": {"error": {"code": str(code), "message": str(text)}}}}:
                raise _error(code, text)
            case {"result": {"structuredContent": {"result": result}}}:
                return result
            case {"result": {"isError": True, "content": [{"text": str(text)}]}}:
                raise MemosError(f"{asked.verb}: {text}")
            case _:
                raise self._refusal(asked, reply)

    def _refusal(self, asked: _Asked, reply: _Reply) -> Exception:
        words = f"{asked.verb}: {_words(reply)}"
        match reply.status:
            case 401 | 403:
                return Denied(words, "token" if reply.status == 401 else "scope")
            case 413:
                return InvalidInput(words)
            case 503 if _said(reply):
                return Unavailable(words)
            case status if status >= 500:
                return _Lost(f"HTTP {status}")
            case status if status // 100 == 3:
                return Misconfigured(f"{self._url} sends us elsewhere (HTTP {status}): give the address it stands for")
            case _:
                return Misconfigured(
                    f"{words}: at {self._url} there is no memos server for programs, or one of another version; "
                    "the address ends in /mcp"
                )

    def _read(self, verb: str, result: object) -> object:
        try:
            return answers(verb).validate_python(result)
        except ValidationError as exc:
            raise Misconfigured(
                f"the server at {self._url} answers {verb} in a way that version {__version__} cannot read: "
                "use the same version on both sides"
            ) from exc

    def _gone(self, verb: str) -> Unavailable:
        return Unavailable(f"{verb}: the connection to {self._url} was closed meanwhile: it may have been done")


@asynccontextmanager
async def _opened(url: httpx2.URL, headers: Mapping[str, str]) -> AsyncGenerator[httpx2.AsyncClient]:
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nobody, which is enough for http
    if url.scheme == "https":  # 80 ms to read whom this system trusts
        trusted = httpx2.create_ssl_context(trust_env=False)
    about = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": _REVISION,
        "Mcp-Method": "tools/call",
        "User-Agent": f"memos-mcp/{__version__}",
    }
    limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_IDLE)
    async with httpx2.AsyncClient(
        headers={**about, **headers},
        limits=limits,
        timeout=httpx2.Timeout(None, connect=_REACHED),
        verify=trusted,
        trust_env=False,
    ) as http:
        yield http


def _address(url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url.strip())
    except httpx2.InvalidURL as exc:
        raise Misconfigured(f"the address of the server cannot be read: {exc}") from exc
    if found.userinfo:
        raise Misconfigured("the address of the server holds a password: give the token as token=")
    if found.scheme not in {"http", "https"} or not found.host:
        raise Misconfigured(f"the address of a server is like http://127.0.0.1:8765/mcp, not {url!r}")
    return found


def _checked(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Misconfigured("the token holds characters that no token has: `memos token create` makes one")
    return token


def _message(reply: _Reply) -> Any:
    """The message of JSON-RPC; None if there is none. A long answer comes as an event, after lines that say nothing."""
    text = reply.body
    if reply.kind == "text/event-stream":
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")]
        text = lines[-1] if lines else b""
        if not text:
            raise _Lost("the answer was cut off")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _said(reply: _Reply) -> str:
    match _message(reply):
        case {"error": {"message": str(text)}}:
            return text
        case _:
            return ""


def _words(reply: _Reply) -> str:
    return _said(reply) or f"HTTP {reply.status}"


def _error(code: str, text: str) -> MemosError:
    return Denied(text, "") if code == Denied.code else _ERRORS.get(code, MemosError)(text)
