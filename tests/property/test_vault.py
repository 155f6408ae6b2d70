"""Any sequence of changes leaves the vault as a simple model of it, whatever order, errors and reopenings it had."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Origin, Ref, new_id
from memos_mcp.errors import Conflict, MemosError, NotFound
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.ports import Caller, Change, Name, Where
from memos_mcp.testing import a_cube

ADA = Caller("ada")
PATHS = ("user/ada", "user/ada/x", "user/ad", "shared/team")
TEXTS = ("tea", "violin", "zeppelin")


@dataclass(frozen=True)
class Step:
    """One change, or a new opening: `which` chooses among the memories there are, `expect` how far off it is."""

    does: Literal["remember", "put", "update", "forget", "reopen"]
    path: str
    text: str
    which: int
    expect: int | None
    source: str


@dataclass
class Memory:
    """A memory in the model."""

    path: str
    key: str | None
    once: str | None
    texts: list[str]
    sources: list[str] = field(default_factory=list[str])
    gone: bool = False


class Model:
    """What a vault should hold, as plain values."""

    def __init__(self) -> None:
        self.memories: dict[str, Memory] = {}
        self.lines: list[str] = []

    def live(self) -> dict[str, Memory]:
        return {key: m for key, m in self.memories.items() if not m.gone}

    def stating(self, path: str, text: str) -> Memory | None:
        return next((m for m in self.live().values() if (m.path, m.once) == (path, text)), None)

    def named(self, path: str, key: str) -> Memory | None:
        return next((m for m in self.live().values() if (m.path, m.key) == (path, key)), None)

    def apply(self, step: Step, change: Change) -> type[MemosError] | None:
        """Change the model; the error that the vault raises instead."""
        known = self.memories.get(change.subject)
        if step.does in ("update", "forget"):
            if known is None or known.gone:
                return NotFound
            if change.expect not in (None, len(known.texts)):
                return Conflict
            if step.does == "forget":
                known.gone = True
            else:
                known.texts.append(step.text)
            self.lines.append(step.does)
            return None
        if step.does == "put" and self.named(step.path, step.text):
            return Conflict
        twin = self.stating(step.path, step.text) if step.does == "remember" else None
        if twin is not None:
            if not step.source or step.source not in twin.sources:
                twin.sources.append(step.source)
                self.lines.append("sight")
            return None
        keyed = step.does == "put"
        once, key = (None, step.text) if keyed else (step.text, None)
        self.memories[change.subject] = Memory(step.path, key, once, [step.text], [step.source])
        self.lines.append(step.does)
        return None


steps = st.builds(
    Step,
    does=st.sampled_from(["remember", "remember", "put", "update", "forget", "reopen"]),
    path=st.sampled_from(PATHS),
    text=st.sampled_from(TEXTS),
    which=st.integers(0, 5),
    expect=st.none() | st.integers(-1, 1),
    source=st.sampled_from(["", "a.txt", "b.txt"]),
)


def change_of(step: Step, model: Model) -> Change:
    if step.does in ("remember", "put"):
        origin = Origin(source=step.source, position=0 if step.source == "a.txt" else None)
        cube = a_cube(step.text, step.path, key=step.text if step.does == "put" else None, origin=origin)
        if step.does == "put":
            return Change("put", cube.id, cube, expect=0)
        return Change("remember", cube.id, cube, once=step.text.encode())
    known = list(model.memories)
    subject = known[step.which % len(known)] if known else new_id()
    version = len(model.memories[subject].texts) if known else 1
    expect = None if step.expect is None else version + step.expect
    if step.does == "forget":
        return Change("forget", subject, expect=expect)
    path = model.memories[subject].path if known else step.path
    cube: MemCube = a_cube(step.text, path).model_copy(update={"id": subject, "version": version + 1})
    return Change("update", subject, cube, expect=expect)


async def agree(vault: SqliteAdapter, model: Model) -> None:
    for key, memory in model.memories.items():
        versions = [Ref(id=key, version=n + 1) for n in range(len(memory.texts))]
        found = await vault.get([*versions, Ref(id=key)])
        assert [c.text for c in found] == ([] if memory.gone else [*memory.texts, memory.texts[-1]])
        assert all(c.usage.sightings == len(memory.sources) for c in found)
    live = model.live()
    scanned = [cube.id for _, cube in await vault.scan(Where(("user", "shared")), limit=1000)]
    assert scanned == list(live)[::-1]
    assert await vault.count(["user", "shared"]) == Counter(m.path for m in live.values())
    for path in PATHS:
        for key in TEXTS:
            named = model.named(path, key)
            expected = [named.texts[-1]] if named else []
            assert [c.text for c in await vault.get([Name(path, key)])] == expected
    events = await vault.events()
    assert [event.action for event in events] == model.lines
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


@settings(max_examples=40)
@given(st.lists(steps, max_size=25))
def test_a_vault_is_what_its_changes_made_it(given_steps: list[Step]) -> None:
    async def follow(folder: Path) -> None:
        vault, model = SqliteAdapter(folder / "memos.db"), Model()
        for step in given_steps:
            if step.does == "reopen":
                await vault.aclose()
                continue
            change = change_of(step, model)
            error = model.apply(step, change)
            with pytest.raises(error) if error else nullcontext():
                await vault.commit([change], caller=ADA)
        await agree(vault, model)
        await vault.aclose()
        if vault.database.look() is not None:
            assert [finding for finding in await Upkeep(vault.database).check() if not finding.ok] == []

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(follow, Path(folder))
