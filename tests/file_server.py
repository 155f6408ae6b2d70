"""A server of a few files on this machine: the other side of a download."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """What a path answers with; `cut` leaves out that many bytes of what was announced."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut: int = 0


@dataclass
class Files:
    """What is served, by path, and which paths were asked for."""

    url: str
    replies: dict[str, Reply | bytes] = field(default_factory=dict[str, Reply | bytes])
    asked: list[str] = field(default_factory=list[str])


@contextmanager
def served() -> Generator[Files]:
    """Serve on a free port until the end of the block; what is not there is a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append(self.path)
            reply = files.replies.get(self.path, Reply(status=404))
            if isinstance(reply, bytes):
                reply = Reply(reply)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        files = Files(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield files
        server.shutdown()
        thread.join()
