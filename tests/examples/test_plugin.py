"""The plugin for Claude Code: its files name each other rightly, and its hooks run as Claude Code runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from memos_mcp import sync
from tests.claude_code import SESSION, assistant, told, user, written
from tests.imports import IMPORTS

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "plugins" / "claude-code"
HOOKS: dict[str, Any] = json.loads((PLUGIN / "hooks" / "hooks.json").read_text("utf-8"))["hooks"]
PROGRAMS = {"memos": "memos_mcp.apps.cli", "memos-mcp": "memos_mcp"}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the programs that an installation has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, module in PROGRAMS.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{IMPORTS}" exec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    return folder


def environment(tmp_path: Path, *programs: Path) -> dict[str, str]:
    path = os.pathsep.join(map(str, [*programs, tools(tmp_path)]))
    names = {"CLAUDE_PLUGIN_ROOT": PLUGIN, "CLAUDE_PROJECT_DIR": "/src/boats", "HOME": tmp_path}
    return {name: str(value) for name, value in names.items()} | {"PATH": path, "MEMOS_USER": "ada"}


def tools(tmp_path: Path) -> Path:
    """A folder with the shell and little else: whatever memos this machine has is not found."""
    folder = tmp_path / "tools"
    if not folder.exists():
        folder.mkdir()
        for name in ("sh", "cat", "nohup"):
            (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def run(event: str, input: str, env: dict[str, str]) -> str:
    """What the hooks of an event print, started as Claude Code does: by a shell, with JSON on standard input."""
    printed: list[str] = []
    for group in HOOKS[event]:
        for hook in group["hooks"]:
            command = hook["command"].replace("${CLAUDE_PLUGIN_ROOT}", env["CLAUDE_PLUGIN_ROOT"])
            done = subprocess.run(
                ["sh", "-c", command], env=env, input=input, capture_output=True, text=True, timeout=60, check=False
            )
            assert (done.returncode, done.stderr) == (0, ""), event
            printed.append(done.stdout)
    return "".join(printed)


def test_a_session_is_saved_and_the_next_one_begins_with_it(installed: Path, tmp_path: Path) -> None:
    env = environment(tmp_path, installed)
    transcript = written(tmp_path / "t.jsonl", [user("I prefer oak for the boats.", 1), assistant("Noted.", 2)])
    assert run("SessionStart", told(transcript), env) == ""
    for event in ("Stop", "PreCompact"):
        assert run(event, told(transcript), env) == ""
    with sync.open(home=tmp_path / ".memos", user="ada", embedder={"kind": "none"}) as memos:
        page = memos.browse()
    assert [(cube.text, cube.usage.sightings) for cube in page.cubes] == [
        ("Noted.", 1),
        ("I prefer oak for the boats.", 1),
    ]
    assert {cube.origin.session for cube in page.cubes} == {SESSION}
    answer = json.loads(run("SessionStart", told(transcript), env))["hookSpecificOutput"]
    assert answer["hookEventName"] == "SessionStart"
    assert "I prefer oak for the boats." in answer["additionalContext"]


def test_the_end_of_a_session_is_saved_without_holding_it_up(installed: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (installed / "memos").write_text(f'#!/bin/sh\n(echo "$@"; cat) > "{pipe}"\n')
    transcript = tmp_path / "it's \\n.jsonl"
    assert run("SessionEnd", told(transcript), environment(tmp_path, installed)) == ""  # nobody has read the pipe yet
    words, call = pipe.read_text("utf-8").splitlines()
    assert words == "hook stop --project /src/boats"
    assert call == told(transcript)


def test_without_an_installation_every_hook_ends_well_and_prints_nothing(tmp_path: Path) -> None:
    for event in HOOKS:
        assert run(event, told(tmp_path / "t.jsonl"), environment(tmp_path)) == ""


def test_a_program_of_another_project_with_our_name_is_not_called(installed: Path, tmp_path: Path) -> None:
    (installed / "memos-mcp").unlink()
    (installed / "memos").write_text("#!/bin/sh\necho not ours\n")
    for event in HOOKS:
        assert run(event, told(tmp_path / "t.jsonl"), environment(tmp_path, installed)) == ""


@pytest.mark.parametrize("code", [1, 2])
def test_a_program_that_fails_stops_nothing(code: int, installed: Path, tmp_path: Path) -> None:
    (installed / "memos").write_text(f"#!/bin/sh\nexit {code}\n")
    for event in HOOKS:
        assert run(event, told(tmp_path / "t.jsonl"), environment(tmp_path, installed)) == ""


def test_without_an_installation_uvx_is_asked_for_this_version_and_hooks_fetch_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "uv"
    folder.mkdir()
    (folder / "uvx").write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n')
    (folder / "uvx").chmod(0o755)
    env = environment(tmp_path, folder)
    run("Stop", "{}", env)
    subprocess.run(["sh", PLUGIN / "scripts" / "run.sh", "server"], env=env, check=True)
    hook, server = (tmp_path / "asked").read_text().splitlines()
    (package,) = re.findall(r"^PACKAGE=(\S+)$", (PLUGIN / "scripts" / "run.sh").read_text("utf-8"), re.MULTILINE)
    assert hook == f"--offline --quiet --from {package} memos hook stop --project /src/boats"
    assert server == f"--from {package} memos-mcp"


def test_the_hook_that_the_guide_tries_by_hand_stores(installed: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "connect-a-client.md").read_text("utf-8")
    (command,) = re.findall(r"`(echo [^`]+ \| memos hook stop)`", page)
    written(tmp_path / "t.jsonl", [user("Hi", 1)])
    env = environment(tmp_path, installed)
    done = subprocess.run(["sh", "-c", command], env=env, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert (tmp_path / ".memos" / "memos.db").exists()


@pytest.mark.anyio
async def test_the_server_of_the_plugin_serves(installed: Path, tmp_path: Path) -> None:
    entry = json.loads((PLUGIN / ".mcp.json").read_text("utf-8"))["mcpServers"]["memos"]
    words = [word.replace("${CLAUDE_PLUGIN_ROOT}", str(PLUGIN)) for word in entry["args"]]
    command = StdioServerParameters(command=entry["command"], args=words, env=environment(tmp_path, installed))
    with anyio.fail_after(60):
        async with Client(command) as client:
            assert "recall" in {tool.name for tool in (await client.list_tools()).tools}


def test_the_marketplace_of_this_repository_has_the_plugin() -> None:
    market = json.loads((ROOT / ".claude-plugin" / "marketplace.json").read_text("utf-8"))
    (entry,) = market["plugins"]
    manifest = json.loads((ROOT / entry["source"] / ".claude-plugin" / "plugin.json").read_text("utf-8"))
    assert entry["name"] == manifest["name"] == "memos"
    assert entry["description"] == manifest["description"]


def test_the_skill_has_the_front_matter_that_the_format_asks_for() -> None:
    text = (PLUGIN / "skills" / "use-memory" / "SKILL.md").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields["name"] == "use-memory"
    assert 1 <= len(fields["description"]) <= 1024
    assert ": " not in fields["description"]
    for word in ("recall", "remember", "update_memory", "forget", "list_memories"):
        assert f"`{word}`" in body
