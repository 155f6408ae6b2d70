"""A server with OpenAI's HTTP interface that answers by script: the other side of a real network connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What it gets; `held` ones only begin when the server closes."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    held: bool = False


@dataclass
class Server:
    """Answers with the replies in order, the last one again and again; a function replies to what it is asked."""

    url: str
    script: list[Reply | Callable[[Request], Reply]]
    requests: list[Request] = field(default_factory=list[Request])
    asked: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        self.asked.set()
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step if isinstance(step, Reply) else step(request)


def said(content: str | None, reason: str = "stop") -> Reply:
    """The answer of a chat model."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return Reply(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def stated(*facts: Mapping[str, Any]) -> Reply:
    """The answer of a chat model that found these facts."""
    return said(json.dumps({"facts": list(facts)}))


def refused(
    status: int, *, code: str | None = None, param: str | None = None, message: str = "no", **headers: str
) -> Reply:
    """An error as OpenAI words it."""
    error = {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    return Reply(json.dumps({"error": error}).encode(), status, {k.replace("_", "-"): v for k, v in headers.items()})


@contextmanager
def serving(*script: Reply | Callable[[Request], Reply]) -> Generator[Server]:
    """A server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = server.reply(Request(self.path, dict(self.headers), body))
            if reply.held:
                server.closing.wait()
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with Listener(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}/v1", list(script))
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            http.shutdown()
            thread.join()
