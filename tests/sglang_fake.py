"""SGLang's HTTP interface with a cache of names instead of tensors, and with faults: as recorded from 0.5.21.

What it shares with the real one is checked by the same tests in `conformance/test_sglang.py`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import anyio

from memos_mcp.infrastructure.activation.prompts import Template
from memos_mcp.infrastructure.activation.sglang import SGLang

KEY = "key-not-to-be-seen-0123456789"
SECRET = "only this system knows"
_PIECES = re.compile(r"<\|im_start\|>|<\|im_end\|>|\s|\w{1,4}|[^\w\s]")
_CONTROL = {1: "<|im_start|>", 2: "<|im_end|>"}
_boots = count(1)
_vocabulary: dict[str, int] = {text: at for at, text in _CONTROL.items()}  # of one model: all servers have the same


@dataclass(frozen=True)
class Reply:
    """A body and its status.

    `cut` closes the connection after so many bytes, before all if it is -1; `held` waits for the end of the test;
    `long` sends a half and waits for the rest until the server is killed.
    """

    body: bytes = b""
    status: int = 200
    cut: int | None = None
    held: bool = False
    long: bool = False


@dataclass(frozen=True)
class Asked:
    """What a client sent."""

    path: str
    key: str
    body: dict[str, Any]


@dataclass
class Kept:
    """A prefix in the cache."""

    name: tuple[str, str]
    ids: tuple[int, ...]
    sessions: set[str]


def text_of(ids: list[int], *, skip: bool = False) -> str:
    """The words of tokens."""
    words = {at: text for text, at in _vocabulary.items()}
    return "".join(words[at] for at in ids if not (skip and at in _CONTROL))


def ids_of(text: str) -> list[int]:
    """The tokens of a text, those of control among them."""
    return [_vocabulary.setdefault(piece, len(_vocabulary) + 1) for piece in _PIECES.findall(text)]


@dataclass
class Fake:
    """One server. What it does wrong is set before it is asked; `faults` answer once each, by path."""

    version: str = "0.5.21"
    model: str = "tiny"
    key: str = ""
    capacity: int = 6000
    page: int = 1
    pins: bool = True
    blind: frozenset[str] = frozenset()  # the keys that it does not heed: "cache_salt", "extra_key"
    caches: bool = True
    nothing: int | None = None  # how it says that nothing was cached
    apart: bool = False  # pieces of a stream do not repeat what was said
    faults: dict[str, list[Reply]] = field(default_factory=dict[str, list[Reply]])
    asked: list[Asked] = field(default_factory=list[Asked])
    url: str = ""
    memory: dict[str, Any] | None = field(default_factory=lambda: {"kvcache": 0.5, "weight": 1.5})  # GiB
    boot: int = field(default_factory=lambda: next(_boots))
    kept: list[Kept] = field(default_factory=list[Kept])
    prompts: int = 0
    hits: int = 0
    load: tuple[int, int, int] = (0, 0, 8)  # requests that run, that wait, and that may run
    closing: threading.Event = field(default_factory=threading.Event)
    killed: threading.Event = field(default_factory=threading.Event)
    workers: list[Fake] | None = None  # a router has some, and forwards only the keys that it knows
    lock: threading.RLock = field(default_factory=threading.RLock)

    def restart(self) -> None:
        """What a stop and a start do to what it knows."""
        self.kept, self.boot = [], next(_boots)
        self.killed.clear()

    def asked_for(self, path: str) -> list[dict[str, Any]]:
        """The bodies of requests to a path."""
        return [each.body for each in self.asked if each.path == path]

    def reply(self, asked: Asked) -> Reply:
        """The answer to a request."""
        with self.lock:
            self.asked.append(asked)
            if self.killed.is_set():
                return Reply(cut=-1)
            if self.faults.get(asked.path):
                return self.faults[asked.path].pop(0)
            if self.key and asked.key != f"Bearer {self.key}" and asked.path not in {"/health", "/metrics"}:
                return Reply(b'{"error":"Unauthorized"}', 401)
            if self.workers is not None:
                return self._routed(asked)
            door: Callable[[dict[str, Any]], Reply] | None = {
                "/server_info": self._about,
                "/model_info": self._model,
                "/tokenize": self._tokenize,
                "/detokenize": self._detokenize,
                "/generate": self._generate,
                "/close_session": self._close,
                "/flush_cache": self._flush,
                "/metrics": self._metrics,
                "/v1/loads": self._loads,
            }.get(asked.path)
            return door(asked.body) if door else Reply(b'{"detail":"Not Found"}', 404)

    def _routed(self, asked: Asked) -> Reply:
        workers = self.workers or []
        if asked.path == "/workers":
            listed = [{"url": each.url, "is_healthy": each.url != "", "worker_type": "regular"} for each in workers]
            return told({"workers": listed, "total": len(listed)})
        if asked.path != "/generate" or not workers:
            return Reply(b"", 404)
        known = {name: value for name, value in asked.body.items() if name not in {"cache_salt", "session_id"}}
        return workers[len(self.asked_for("/generate")) % len(workers)].reply(replace(asked, body=known))

    def _about(self, _body: dict[str, Any]) -> Reply:
        about = {"version": self.version, "page_size": self.page, "enable_session_radix_cache": self.pins}
        about |= {"incremental_streaming_output": self.apart, "max_req_input_len": self.capacity - 6}
        about |= {"max_total_num_tokens": self.capacity, "internal_states": [{"memory_usage": self.memory}]}
        return told(about | {"random_seed": self.boot, "startup_time": {"tokenizer_e2e": 1.5}, "api_key": self.key})

    def _model(self, _body: dict[str, Any]) -> Reply:
        return told({"model_path": self.model, "weight_version": "default"})

    def _tokenize(self, body: dict[str, Any]) -> Reply:
        if "messages" in body:
            turns = [f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in body["messages"]]
            return told({"tokens": ids_of("".join(turns) + "<|im_start|>assistant\n")})
        return told({"tokens": [ids_of(text) for text in body["prompt"]]})

    def _detokenize(self, body: dict[str, Any]) -> Reply:
        return told({"text": [text_of(ids, skip=body["skip_special_tokens"]) for ids in body["tokens"]]})

    def _generate(self, body: dict[str, Any]) -> Reply:
        ids, most = tuple(body["input_ids"]), body["sampling_params"]["max_new_tokens"]
        name = tuple("" if key in self.blind else str(body.get(key)) for key in ("cache_salt", "extra_key"))
        cached = self._cached((name[0], name[1]), ids, body.get("session_id"))
        self.prompts, self.hits = self.prompts + len(ids), self.hits + cached
        meta = {"prompt_tokens": len(ids), "cached_tokens": cached or self.nothing}
        words = [f" {text_of([each])}" for each in ids[-most:]] if most else []
        if not body.get("stream"):
            end = {"finish_reason": {"type": "length"}, "completion_tokens": len(words)}
            return told({"text": "".join(words), "meta_info": meta | end})
        return Reply(b"".join(self._events(words, meta)) + b"data: [DONE]\n\n", long=most > 500)

    def _events(self, words: list[str], meta: dict[str, Any]) -> Iterator[bytes]:
        for at, word in enumerate(words, 1):
            end = {"type": "length"} if at == len(words) else None
            said = word if self.apart else "".join(words[:at])
            told_now = {"text": said, "meta_info": meta | {"finish_reason": end, "completion_tokens": at}}
            yield b"data: " + json.dumps(told_now).encode() + b"\n\n"

    def _cached(self, name: tuple[str, str], ids: tuple[int, ...], session: str | None) -> int:
        """How much is there already; then all of it is, at the cost of what was used least lately and is not pinned."""
        best = max((shared(each.ids, ids[:-1]) for each in self.kept if each.name == name), default=0)
        if not self.caches:
            return 0
        found = next((each for each in self.kept if each.name == name and shared(each.ids, ids) == len(each.ids)), None)
        pinned = found.sessions if found else set[str]()
        if found:
            self.kept.remove(found)
        self.kept.append(Kept(name, ids, pinned | ({session} if session else set[str]())))
        while sum(len(each.ids) for each in self.kept) > self.capacity:
            self.kept.remove(min(self.kept, key=lambda each: bool(each.sessions)))
        return best // self.page * self.page

    def _close(self, body: dict[str, Any]) -> Reply:
        for each in self.kept:
            each.sessions.discard(body["session_id"])
        return Reply()

    def _flush(self, _body: dict[str, Any]) -> Reply:
        self.kept = []
        return Reply(b"Cache flushed.\n")

    def _loads(self, _body: dict[str, Any]) -> Reply:
        names = ("num_running_reqs", "num_waiting_reqs", "max_running_requests")
        return told({"version": self.version, "loads": [dict(zip(names, self.load, strict=True)) | {"dp_rank": 0}]})

    def _metrics(self, _body: dict[str, Any]) -> Reply:
        half = f"{self.prompts / 2}"
        lines = [
            "# TYPE sglang:prompt_tokens_total counter",
            f'sglang:prompt_tokens_total{{is_streaming="true",model_name="t"}} {half}',
            f'sglang:prompt_tokens_total{{is_streaming="false",model_name="t"}} {half}',
            f'sglang:cached_tokens_total{{cache_source="device"}} {float(self.hits)}',
        ]
        return Reply("\n".join(lines).encode())


def told(value: dict[str, Any]) -> Reply:
    """A value as an answer."""
    return Reply(json.dumps(value).encode())


def shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens two have in common from the start."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@contextmanager
def serving(fake: Fake | None = None, port: int = 0) -> Generator[Fake]:
    """A server that listens on this machine until the end of the block."""
    server = fake or Fake()
    server.killed.clear()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            reply = server.reply(Asked(path, self.headers.get("Authorization", ""), json.loads(sent or b"{}")))
            if reply.held:
                server.closing.wait()
            if reply.cut == -1:
                self.close_connection = True
                return
            try:
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                half = len(reply.body) // 2 if reply.long else reply.cut
                self.wfile.write(reply.body[:half])
                if reply.long:
                    server.killed.wait()
            except ConnectionError:
                self.close_connection = True
            if reply.cut is not None or reply.long:
                self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

    with Listener(("127.0.0.1", port), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.killed.set()
            http.shutdown()
            thread.join()


@asynccontextmanager
async def on(
    fake: Fake, *, follow_s: float = 0, timeout_s: float = 5, template: Template | None = None
) -> AsyncGenerator[SGLang]:
    """A client that looks at who serves before each request, and is patient with nobody."""
    sglang = SGLang(
        fake.url,
        SECRET,
        fake.key or None,
        template=template,
        timeout_s=timeout_s,
        brief_s=timeout_s,
        backoff_s=0.001,
        follow_s=follow_s,
    )
    try:
        with anyio.fail_after(20):
            yield sglang
    finally:
        await sglang.aclose()
