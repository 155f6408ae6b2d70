"""Real processes that import, killed at any moment, stopped by a person, or two at once: as if done once."""

from __future__ import annotations

import functools
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

import memos_mcp
from memos_mcp import wiring
from memos_mcp.apps.importing import import_files
from tests.forks import Child

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

COMMAND = "import typer; from memos_mcp.apps.cli_import import import_; typer.run(import_)"


async def step_by_step(home: str, folder: str) -> None:
    async with memos_mcp.open(home=home, user="ada") as memos:
        print("ready", flush=True)  # noqa: T201 to who started it
        journal = Path(home) / "imports.jsonl"
        told = functools.partial(print, flush=True)
        done = await import_files(memos, [Path(folder)], journal=journal, told=lambda _step: told())
        told(done.new, done.repeated)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 conversations in JSON Lines, mixed; a document, a transcript, a graph, memories of mem0; and a bad line."""
    folder = tmp_path / "chats"
    folder.mkdir()
    turns = [{"speaker": "Ada", "session": f"s{n % 60}", "text": f"{n % 7} said {n // 120}"} for n in range(900)]
    lines = [json.dumps(turn) for turn in turns]
    (folder / "turns.jsonl").write_text("\n".join([*lines[:500], "{", *lines[500:]]), "utf-8")
    sections = [f"# Part {n}\n\n" + f"Some words about {n % 9}. " * 30 for n in range(200)]
    (folder / "book.md").write_text("\n\n".join(sections), "utf-8")
    (folder / "chat.txt").write_text("\n".join(f"{('Ada', 'Ben')[n % 2]}: Do you?" for n in range(90)), "utf-8")
    people: list[dict[str, object]] = [
        {"type": "entity", "name": f"P{n}", "entityType": f"t{n % 3}", "observations": [f"Likes {n}", f"Has {n}"]}
        for n in range(20)
    ]
    known = [{"type": "relation", "from": f"P{n}", "to": f"P{n // 2}", "relationType": "knows"} for n in range(20)]
    (folder / "graph.jsonl").write_text("\n".join(map(json.dumps, [*people, *known])), "utf-8")
    memories = [{"id": f"m{n}", "memory": f"Counts to {n}", "user_id": "ada", "hash": f"{n}"} for n in range(30)]
    (folder / "mem0.json").write_text(json.dumps({"results": memories}), "utf-8")
    return folder


def finished(*processes: Child) -> list[tuple[int, int]]:
    """What was new and what was repeated, of each."""
    found: list[tuple[int, int]] = []
    for process in processes:
        with process:
            told = "".join(process.rest()).split()
            assert process.ended() == 0
            found.append((int(told[-2]), int(told[-1])))
    return found


def done(home: Path, folder: Path) -> tuple[int, int]:
    """What was new and what was repeated when it was done once."""
    return finished(Child(step_by_step, home, folder))[0]


def killed(home: Path, folder: Path, after: int) -> None:
    """Kill it when it has told of so many parts, in the middle of what comes then."""
    with Child(step_by_step, home, folder) as process:
        for _ in range(after + 1):
            process.line()
        process.kill()
        assert process.ended() == -signal.SIGKILL


async def held(home: Path) -> list[tuple[object, ...]]:
    """All that is stored, without ids and times; the vault is as it should be."""
    findings = await wiring.upkeep(home=home, user="ada").check()
    assert [finding for finding in findings if not finding.ok] == []
    cubes: list[memos_mcp.MemCube] = []
    async with memos_mcp.open(home=home, user="ada") as memos:
        page = await memos.browse(limit=100)
        cubes += page.cubes
        while page.after:
            page = await memos.browse(limit=100, after=page.after)
            cubes += page.cubes
    origins = [(c.origin.source, c.origin.session or "", c.origin.position or 0) for c in cubes]
    return sorted(
        (*origin, cube.text, cube.kind, cube.usage.sightings) for cube, origin in zip(cubes, origins, strict=True)
    )


@pytest.mark.parametrize("journal", [True, False], ids=["with journal", "without"])
async def test_killed_at_any_moment_and_run_again_it_is_as_done_once(
    tmp_path: Path, folder: Path, *, journal: bool
) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    assert done(once, folder) == (1280, 0)
    for after in (0, 1, 2, 9, 33):
        killed(again, folder, after)
        if not journal:
            (again / "imports.jsonl").unlink(missing_ok=True)
    new, repeated = done(again, folder)
    assert new < 1280
    assert new + repeated == 1280
    assert await held(again) == await held(once)
    assert done(again, folder) == (0, 1280)


async def test_two_at_once_store_everything_once(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    counts = finished(*[Child(step_by_step, home, folder) for _ in range(2)])
    assert sum(new for new, _ in counts) == 1280
    assert done(home, folder) == (0, 1280)
    assert len(await held(home)) == 1280


def stopped(command: list[str], env: dict[str, str]) -> str:
    """What a terminal shows when a person presses Ctrl-C as soon as there is progress."""
    terminal, stderr = pty.openpty()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        os.close(stderr)
        seen = b""
        while b" new " not in seen:
            seen += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    while b"goes on" not in seen:
        seen += os.read(terminal, 4096)
    os.close(terminal)
    assert (process.returncode, told) == (130, "")
    return seen.decode()


async def test_stopped_by_a_person_it_says_how_far_it_came_and_goes_on(tmp_path: Path, folder: Path) -> None:
    for number in range(12):
        (folder / f"copy{number}.jsonl").write_bytes((folder / "turns.jsonl").read_bytes())
    home, command = tmp_path / "home", [sys.executable, "-c", COMMAND, str(folder)]
    env = os.environ | {"MEMOS_HOME": str(home), "MEMOS_USER": "ada", "TERM": "xterm", "COLUMNS": "80"}
    seen = await to_thread.run_sync(stopped, command, env)
    assert "memos: stopped" in seen
    assert "% of all is read, " in seen
    assert "the same command goes on from there" in seen
    assert "Traceback" not in seen
    count = len(await held(home))
    ended = await anyio.run_process([*command, "--json"], env=env, check=False)
    assert ended.returncode == 2  # for the bad line
    assert 0 < count < json.loads(ended.stdout)["new"] + count == len(await held(home)) == 1280
