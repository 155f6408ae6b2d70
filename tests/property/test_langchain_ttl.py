"""How long items of MemosStore last, beside a model of it: writes, reads and hours by chance, on a clock we turn."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from langchain_memos import MemosStore
from tests.words_only import words_only
from tests.worlds import Clock

KEYS = "abcd"
TIMES = (None, 0.5, 1, 5, 90)
NAMESPACE = ("n",)


@dataclass
class Model:
    """What is there, how long it lasts in minutes, and how long it has left."""

    clock: Clock
    items: dict[str, tuple[int, float | None, float]] = field(
        default_factory=dict[str, tuple[int, float | None, float]]
    )

    def put(self, key: str, number: int, ttl: float | None) -> None:
        self.items[key] = number, ttl, ttl or 0

    def tick(self, minutes: float) -> None:
        self.clock.tick(timedelta(minutes=minutes))
        older = {key: (number, ttl, left - minutes) for key, (number, ttl, left) in self.items.items()}
        self.items = {key: item for key, item in older.items() if item[1] is None or item[2] > 0}

    def read(self, keys: set[str], *, refresh: bool) -> dict[str, int]:
        found = {key: item for key, item in self.items.items() if key in keys}
        if refresh:
            self.items |= {key: (number, ttl, ttl or 0) for key, (number, ttl, _) in found.items()}
        return {key: number for key, (number, _, _) in found.items()}


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(8))
async def test_items_last_as_long_as_they_should(tmp_path: Path, seed: int) -> None:
    by, clock = random.Random(seed), Clock()
    async with words_only(tmp_path, clock) as memos:
        store, model = MemosStore(memos), Model(clock)
        for number in range(80):
            key, refresh = by.choice(KEYS), by.random() < 0.5
            match by.choice(("put", "get", "search", "recall", "delete", "tick", "tick")):
                case "put":
                    ttl = by.choice(TIMES)
                    await store.aput(NAMESPACE, key, {"n": number, "text": "tea"}, ttl=ttl)
                    model.put(key, number, ttl)
                case "get":
                    item = await store.aget(NAMESPACE, key, refresh_ttl=refresh)
                    assert ({key: item.value["n"]} if item else {}) == model.read({key}, refresh=refresh)
                case "delete":
                    await store.adelete(NAMESPACE, key)
                    model.items.pop(key, None)
                case "tick":
                    model.tick(by.choice((0.25, 0.5, 1, 4.5, 60)))
                case kind:
                    query = "tea" if kind == "recall" else None
                    found = await store.asearch((), query=query, refresh_ttl=refresh)
                    assert {each.key: each.value["n"] for each in found} == model.read({*KEYS}, refresh=refresh)
            assert await store.alist_namespaces() == ([NAMESPACE] if model.items else [])
