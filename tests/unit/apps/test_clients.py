"""Where clients keep their servers on each system, and what becomes of an entry that is there already."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, get_args

import pytest

from memos_mcp.apps.clients import CLIENTS, ClientName, entry, is_ours, merged, project_file, user_file, variables
from memos_mcp.errors import InvalidInput
from memos_mcp.settings import Setting

HOME = Path("/home/ada")
NAMES: tuple[ClientName, ...] = get_args(ClientName)


@pytest.mark.parametrize(
    ("client", "linux", "mac", "windows"),
    [
        (
            "claude",
            ".config/Claude/claude_desktop_config.json",
            "Library/Application Support/Claude/claude_desktop_config.json",
            "AppData/Roaming/Claude/claude_desktop_config.json",
        ),
        ("claude-code", ".claude.json", ".claude.json", ".claude.json"),
        ("cursor", ".cursor/mcp.json", ".cursor/mcp.json", ".cursor/mcp.json"),
        (
            "vscode",
            ".config/Code/User/mcp.json",
            "Library/Application Support/Code/User/mcp.json",
            "AppData/Roaming/Code/User/mcp.json",
        ),
        ("codex", ".codex/config.toml", ".codex/config.toml", ".codex/config.toml"),
    ],
)
def test_each_system_has_its_place(client: ClientName, linux: str, mac: str, windows: str) -> None:
    for platform, expected in (("linux", linux), ("darwin", mac), ("win32", windows)):
        assert user_file(client, platform, HOME, {}) == HOME / expected


@pytest.mark.parametrize(
    ("client", "platform", "variable", "value", "expected"),
    [
        ("claude", "linux", "XDG_CONFIG_HOME", "/cfg", "/cfg/Claude/claude_desktop_config.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "/cfg", "/cfg/Code/User/mcp.json"),
        ("claude-code", "darwin", "CLAUDE_CONFIG_DIR", "/cc", "/cc/.claude.json"),
        ("codex", "linux", "CODEX_HOME", "/cx", "/cx/config.toml"),
        ("claude", "win32", "APPDATA", r"D:\Ada\Roaming", r"D:\Ada\Roaming/Claude/claude_desktop_config.json"),
    ],
)
def test_a_client_that_was_moved_is_found(
    client: ClientName, platform: str, variable: str, value: str, expected: str
) -> None:
    assert user_file(client, platform, HOME, {variable: value}) == Path(expected)
    assert user_file(client, platform, HOME, {variable: "relative"}) == user_file(client, platform, HOME, {})


def test_a_project_file_lies_in_the_project() -> None:
    files = {name: project_file(name, HOME) for name in NAMES if CLIENTS[name].project}
    assert {name: str(PurePosixPath(file).relative_to(HOME)) for name, file in files.items()} == {
        "claude-code": ".mcp.json",
        "cursor": ".cursor/mcp.json",
        "vscode": ".vscode/mcp.json",
        "codex": ".codex/config.toml",
    }
    with pytest.raises(InvalidInput, match="Claude Desktop has no servers of one project"):
        project_file("claude", HOME)


def test_an_entry_says_only_what_is_needed() -> None:
    command = ["/x/python", "-m", "memos_mcp"]
    assert entry(CLIENTS["claude"], command, {}) == {"command": "/x/python", "args": ["-m", "memos_mcp"]}
    assert entry(CLIENTS["vscode"], ["/x/memos-mcp"], {"A": "b"}) == {
        "type": "stdio",
        "command": "/x/memos-mcp",
        "args": [],
        "env": {"A": "b"},
    }


def test_only_what_the_shell_says_becomes_a_variable() -> None:
    settings = [
        Setting("home", "data", "variable"),
        Setting("models", "~/m", "variable"),
        Setting("user", "ada", "argument"),
        Setting("path", "shared", "/here/data/memos.toml"),
        Setting("vault.read_only", "True", "variable"),
        Setting("words.memory_mb", "256", "default"),
    ]
    expected = {
        "MEMOS_HOME": "/here/data",
        "MEMOS_MODELS": str(Path.home() / "m"),
        "MEMOS_VAULT__READ_ONLY": "True",
    }
    assert variables(settings, Path("/here")) == expected
    moved = [*settings, Setting("x", "1", "../our.toml")]
    assert variables(moved, Path("/here")) == expected | {"MEMOS_CONFIG": "/here/../our.toml"}


@pytest.mark.parametrize(
    ("known", "ours"),
    [
        ({"command": "/x/bin/memos-mcp"}, True),
        ({"command": r"C:\x\Scripts\memos-mcp.exe", "args": []}, True),
        ({"command": "python", "args": ["-m", "memos_mcp"]}, True),
        ({"command": "uvx", "args": ["--from", "memcube-mcp[embed]", "memos-mcp"]}, True),
        ({"command": "npx", "args": ["other"]}, False),
        ({"url": "https://memos.example"}, False),
        ({"command": None, "args": "memos_mcp"}, False),
        ("memos-mcp", False),
        ({}, False),
    ],
)
def test_our_entry_is_known_by_what_it_starts(known: object, ours: bool) -> None:
    assert is_ours(known) is ours


def test_an_update_keeps_what_is_not_ours_but_never_old_code() -> None:
    old = {"cwd": "/", "command": "python", "env": {"PYTHONPATH": "/old", "MEMOS_USER": "ada"}, "args": ["-m", "x"]}
    new: dict[str, Any] = {"command": "/x/memos-mcp", "args": [], "env": {"MEMOS_HOME": "/d"}}
    after = merged(old, new)
    assert list(after) == ["cwd", "command", "env", "args"]
    assert after["env"] == {"MEMOS_USER": "ada", "MEMOS_HOME": "/d"}
    bare: dict[str, Any] = {"command": "/x/memos-mcp", "args": []}
    assert merged({"env": {"PYTHONPATH": "/old"}}, bare) == bare
    assert merged({"env": {}}, bare) == {"env": {}, **bare}
    assert merged({"env": None}, bare) == bare
    assert merged({}, new) == new
