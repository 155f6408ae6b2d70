"""The MCP clients that `memos install` knows: where each keeps its servers, and the entry that starts ours. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, cast
from urllib.parse import quote

from memos_mcp import settings as configuration
from memos_mcp.errors import InvalidInput
from memos_mcp.settings import Setting

_FOLDERS = ("home", "models")

ClientName = Literal["claude", "claude-code", "cursor", "vscode", "codex"]


@dataclass(frozen=True, slots=True)
class Client:
    """One client: how its file is written, and what a person does after a change.

    `key` is where its servers are; `comments`: its JSON may have them; `typed`: an entry says that it is stdio.
    """

    title: str
    key: str
    project: str | None
    restart: str
    check: str
    form: Literal["json", "toml"] = "json"
    comments: bool = False
    typed: bool = True


CLIENTS: Mapping[ClientName, Client] = {
    "claude": Client(
        "Claude Desktop",
        "mcpServers",
        project=None,
        restart="Quit Claude Desktop (closing its window is not enough) and start it again",
        check="its developer settings list the server",
        typed=False,
    ),
    "claude-code": Client(
        "Claude Code",
        "mcpServers",
        project=".mcp.json",
        restart="Start Claude Code again",
        check="/mcp lists the server",
    ),
    "cursor": Client(
        "Cursor",
        "mcpServers",
        project=".cursor/mcp.json",
        restart="Restart Cursor",
        check="its MCP settings list the server",
        comments=True,
    ),
    "vscode": Client(
        "VS Code",
        "servers",
        project=".vscode/mcp.json",
        restart="Restart VS Code",
        check="trust the server when it asks; the command MCP: List Servers lists it",
        comments=True,
    ),
    "codex": Client(
        "Codex",
        "mcp_servers",
        project=".codex/config.toml",
        restart="Start Codex again",
        check="/mcp lists the server",
        form="toml",
        typed=False,
    ),
}
"""By the name a user types."""


def user_file(client: ClientName, platform: str, home: Path, variables: Mapping[str, str]) -> Path:
    """Where a client keeps what holds for all projects of a user.

    `platform` as in sys.platform; of the variables count those by which clients and systems move that place.
    """
    match client:
        case "claude":
            return _applications(platform, home, variables) / "Claude" / "claude_desktop_config.json"
        case "claude-code":
            return _folder(variables, "CLAUDE_CONFIG_DIR", home) / ".claude.json"
        case "cursor":
            return home / ".cursor" / "mcp.json"
        case "vscode":
            return _applications(platform, home, variables) / "Code" / "User" / "mcp.json"
        case "codex":
            return _folder(variables, "CODEX_HOME", home / ".codex") / "config.toml"


def project_file(client: ClientName, folder: Path) -> Path:
    """Where a client keeps what holds for one project. Raises InvalidInput if it has no such file."""
    chosen = CLIENTS[client]
    if chosen.project is None:
        raise InvalidInput(f"{chosen.title} has no servers of one project; leave --project out")
    return folder / chosen.project


def entry(client: Client, command: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    """How the client starts a server by this command and with these variables."""
    kind = {"type": "stdio"} if client.typed else {}
    return kind | {"command": command[0], "args": [*command[1:]]} | ({"env": dict(env)} if env else {})


@dataclass(frozen=True, slots=True)
class Link:
    """What a person clicks to connect a client: `app` opens it, `web` is a page that does (GitHub shows https only)."""

    app: str
    web: str


def link(client: ClientName, name: str, entry: Mapping[str, Any]) -> Link:
    """The links that add an entry to a client, which asks before it does. Raises InvalidInput if it has no links."""
    compact = json.dumps(entry, separators=(",", ":"))
    match client:
        case "cursor":
            query = f"name={quote(name)}&config={quote(b64encode(compact.encode()).decode(), safe='')}"
            return Link(
                f"cursor://anysphere.cursor-deeplink/mcp/install?{query}",
                f"https://cursor.com/en/install-mcp?{query}",
            )
        case "vscode":
            named = json.dumps({"name": name, **entry}, separators=(",", ":"))
            return Link(
                f"vscode:mcp/install?{quote(named, safe='')}",
                f"https://vscode.dev/redirect/mcp/install?name={quote(name)}&config={quote(compact, safe='')}",
            )
        case _:
            raise InvalidInput(f"{CLIENTS[client].title} has no links; leave --link out")


def variables(settings: Sequence[Setting], here: Path) -> dict[str, str]:
    """The variables that give a server the settings of this shell, which a client does not have.

    What memos.toml says in its usual place, or nobody, is left out. `here` is the folder that relative paths mean.
    """
    home = next((each.value for each in settings if each.name == "home"), "")
    usual = here / Path(home).expanduser() / configuration.FILE
    found: dict[str, str] = {}
    for each in settings:
        if each.source == "variable":
            value = str(here / Path(each.value).expanduser()) if each.name in _FOLDERS else each.value
            found[configuration.PREFIX + each.name.upper().replace(".", "__")] = value
        elif each.source not in ("argument", "default") and here / each.source != usual:
            found[configuration.CONFIG] = str(here / each.source)
    return found


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """An entry brought up to date: what somebody added to it by hand stays."""
    before = old.get("env")
    kept = cast("dict[str, Any]", before) if isinstance(before, dict) else {}
    env = {name: value for name, value in kept.items() if name != "PYTHONPATH"} | dict(new.get("env", {}))
    result = {**old, **new}
    if env or before == {}:
        return result | {"env": env}
    return {name: value for name, value in result.items() if name != "env"}


def is_ours(entry: object) -> bool:
    """Does the entry start a server of this project?"""
    if not isinstance(entry, dict):
        return False
    known = cast("dict[str, Any]", entry)
    command, args = known.get("command"), known.get("args")
    words = [str(word) for word in cast("list[object]", args)] if isinstance(args, list) else []
    by_name = isinstance(command, str) and PureWindowsPath(command).stem == "memos-mcp"
    return by_name or "memos_mcp" in words or any(word.startswith("memcube-mcp") for word in words)


def _applications(platform: str, home: Path, variables: Mapping[str, str]) -> Path:
    """Where programs keep their data on this system."""
    match platform:
        case "darwin":
            return home / "Library" / "Application Support"
        case "win32":
            return _folder(variables, "APPDATA", home / "AppData" / "Roaming")
        case _:
            return _folder(variables, "XDG_CONFIG_HOME", home / ".config")


def _folder(variables: Mapping[str, str], name: str, otherwise: Path) -> Path:
    value = variables.get(name, "")
    absolute = PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()
    return Path(value) if absolute else otherwise
