"""Real processes that import, killed at any moment, stopped by a person, or two at once: as if done once."""

from __future__ import annotations

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

pytestmark = pytest.mark.anyio

COMMAND = "import typer; from memos_mcp.apps.cli_import import import_; typer.run(import_)"
STEP_BY_STEP = """
import anyio, sys
from pathlib import Path
import memos_mcp
from memos_mcp.apps.importing import import_files

async def main():
    home, folder = map(Path, sys.argv[1:])
    async with memos_mcp.open(home=home, user="ada") as memos:
        print("ready", flush=True)
        done = await import_files(memos, [folder], journal=home / "imports.jsonl", told=lambda step: print(flush=True))
        print(done.new, done.repeated)
anyio.run(main)
"""


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


def started(home: Path, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STEP_BY_STEP, str(home), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[int, int]:
    """What was new and what was repeated."""
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    new, repeated = told.split()[-2:]
    return int(new), int(repeated)


def killed(process: subprocess.Popen[str], after: int) -> None:
    """Kill it when it has told of so many parts, in the middle of what comes then."""
    assert process.stdout is not None
    for _ in range(after + 1):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


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
    assert finished(started(once, folder)) == (1280, 0)
    for after in (0, 1, 2, 9, 33):
        killed(started(again, folder), after)
        if not journal:
            (again / "imports.jsonl").unlink(missing_ok=True)
    new, repeated = finished(started(again, folder))
    assert new < 1280
    assert new + repeated == 1280
    assert await held(again) == await held(once)
    assert finished(started(again, folder)) == (0, 1280)


async def test_two_at_once_store_everything_once(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    both = [started(home, folder) for _ in range(2)]
    counts = [finished(process) for process in both]
    assert sum(new for new, _ in counts) == 1280
    assert finished(started(home, folder)) == (0, 1280)
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
    done = await anyio.run_process([*command, "--json"], env=env, check=False)
    assert done.returncode == 2  # for the bad line
    assert 0 < count < json.loads(done.stdout)["new"] + count == len(await held(home)) == 1280
