"""SGLang's adapters: names, folders, the reloading of what was unloaded, and a cache apart for each; as of 0.5.21.

What it shares with the real one is checked by the same tests in `conformance/test_sglang_adapters.py`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx2
from pydantic import JsonValue

from memos_mcp.infrastructure.parametric.sglang import SGLangAdapters
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.ledger import SqliteLedger
from memos_mcp.ledger import Ledger, Note
from tests import sglang_fake
from tests.lora_adapters import base
from tests.sglang_fake import KEY, SECRET, Asked, Fake, Reply, told

_ids = count(1)


@dataclass
class LoraFake(Fake):
    """A server with `--enable-lora`. An answer with an adapter begins with a mark of its weights."""

    lora: bool = True
    rank: int = 8
    modules: list[str] | None = field(default_factory="q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split)
    copies: int = 1  # --dp-size
    loaded: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])  # name: id, mark
    known: dict[str, str] = field(default_factory=dict[str, str])  # name: folder, as of the last load
    running: Counter[str] = field(default_factory=Counter[str])
    holding: threading.Event | None = None  # answers with an adapter wait for it
    came: defaultdict[str, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))  # by path
    idle: threading.Condition = field(default_factory=threading.Condition)

    def restart(self) -> None:
        """It forgets its adapters, and that it had any."""
        super().restart()
        self.loaded, self.known = {}, {}

    def reply(self, asked: Asked) -> Reply:
        """The answer to a request; one that waits keeps nobody else waiting."""
        its = asked.body.get("lora_path") if asked.path == "/generate" and self.workers is None else None
        if its and self.holding is not None:
            with self.idle:
                self.running[its] += 1
            found = super().reply(asked)
            self.came[asked.path].set()
            self.holding.wait()
            with self.idle:
                self.running[its] -= 1
                self.idle.notify_all()
            return found
        door = {"/load_lora_adapter": self._load, "/unload_lora_adapter": self._unload, "/v1/models": self._models}
        if self.workers is not None or asked.path not in door:
            return super().reply(asked)
        with self.lock:
            self.asked.append(asked)
            self.came[asked.path].set()
            if self.faults.get(asked.path):
                return self.faults[asked.path].pop(0)
        if self.key and asked.key != f"Bearer {self.key}":
            return Reply(b'{"error":"Unauthorized"}', 401)
        return door[asked.path](asked.body)

    def _about(self, _body: dict[str, Any]) -> Reply:
        about = json.loads(super()._about(_body).body)
        about |= {"enable_lora": self.lora, "max_lora_rank": self.rank, "lora_target_modules": self.modules}
        return told(about | {"model_path": self.model, "weight_version": "default", "dp_size": self.copies})

    def _load(self, body: dict[str, Any]) -> Reply:
        name, folder = body["lora_name"], Path(body["lora_path"])
        with self.lock:
            if not self.lora or name in self.loaded:
                return self._refused(f"Failed to load LoRA adapter {name} because it is already loaded")
            try:
                config = json.loads((folder / "adapter_config.json").read_bytes())
                weights = (folder / "adapter_model.safetensors").read_bytes()
            except OSError:
                return self._refused(f"Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{folder}'")
            if config["r"] > self.rank:
                return self._refused("incompatible with the current LoRA memory pool configuration")
            self.loaded[name] = (f"id{next(_ids):030}", hashlib.sha256(weights).hexdigest()[:8])
            self.known[name] = str(folder)
            return told({"success": True, "error_message": ""})

    def _unload(self, body: dict[str, Any]) -> Reply:
        name = body["lora_name"]
        with self.lock:
            if name not in self.loaded:
                return self._refused(f"LoRA with name {name} does not exist")
            del self.loaded[name]
        with self.idle:
            self.idle.wait_for(lambda: not self.running[name])
        return told({"success": True, "error_message": ""})

    def _models(self, _body: dict[str, Any]) -> Reply:
        with self.lock:
            return told(
                {"data": [{"id": self.model}, *({"id": name, "root": self.known[name]} for name in self.loaded)]}
            )

    def _generate(self, body: dict[str, Any]) -> Reply:
        name = body.get("lora_path")
        if name is None:
            return super()._generate(body)
        if name not in self.loaded:
            if name not in self.known:
                return self._refused(f"Got LoRA adapter that has never been loaded: {name}")
            again = self._load({"lora_name": name, "lora_path": self.known[name]})
            if again.status != 200:
                return again
        id_, mark = self.loaded[name]
        said = json.loads(super()._generate(body | {"extra_key": f"{body.get('extra_key')}{id_}"}).body)
        return told(said | {"text": mark + said["text"]})

    def _refused(self, why: str) -> Reply:
        return Reply(json.dumps({"success": False, "error_message": why}).encode(), 400)


@contextmanager
def serving(fake: LoraFake | None = None) -> Generator[LoraFake]:
    """One that listens on this machine until the end of the block."""
    its = fake or LoraFake()
    with sglang_fake.serving(its):
        yield its


@dataclass
class Stuck:
    """A ledger that stands still at one of its writes, before it or `after` it: as a process does that was killed."""

    at: int
    after: bool
    ledger: Ledger | None = None
    reached: anyio.Event = field(default_factory=anyio.Event)

    @property
    def its(self) -> Ledger:
        """The one that writes."""
        assert self.ledger
        return self.ledger

    async def read(self, kind: str, key: str) -> Note | None:
        """As it is."""
        return await self.its.read(kind, key)

    async def list(self, kind: str, prefix: str = "") -> list[Note]:
        """As it is."""
        return await self.its.list(kind, prefix)

    async def write(self, kind: str, key: str, value: JsonValue, *, expect: int | None = None) -> int:
        """Up to the one that it stands still at."""
        self.at -= 1
        if self.at or self.after:
            revision = await self.its.write(kind, key, value, expect=expect)
            if self.at:
                return revision
        self.reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def aclose(self) -> None:
        """As it is."""
        await self.its.aclose()


@asynccontextmanager
async def on(
    fake: Fake | str, folder: Path, *, stuck: Stuck | None = None, **settings: Any
) -> AsyncGenerator[SGLangAdapters]:
    """Adapters over a server, or its address, with a vault and folders: a second one there is another process."""
    database = Database(folder / "vault.db")
    ledger: Ledger = SqliteLedger(database)
    if stuck:
        stuck.ledger, ledger = ledger, stuck
    chosen: dict[str, Any] = {"base": base().key, "timeout_s": 5, "brief_s": 5, "backoff_s": 0.001, "follow_s": 0}
    url, key = (fake, KEY) if isinstance(fake, str) else (fake.url, fake.key or None)
    adapters = SGLangAdapters(
        url,
        SECRET,
        key,
        ledger=ledger,
        trained=folder / "trained",
        copies=folder / "copies",
        **(chosen | settings),
    )
    try:
        with anyio.fail_after(20 if isinstance(fake, Fake) else 600):
            yield adapters
    finally:
        await adapters.aclose()
        await anyio.to_thread.run_sync(database.close)


def copies(folder: Path) -> list[str]:
    """What lies where the servers read."""
    its = folder / "copies"
    return sorted(each.name for each in its.iterdir()) if its.exists() else []


def by_name(fake: Fake, name: str) -> int:
    """What the server says to somebody who reaches it and knows the name."""
    body = {"input_ids": [1], "sampling_params": {"max_new_tokens": 1}, "lora_path": name}
    return httpx2.post(f"{fake.url}/generate", json=body, trust_env=False).status_code
