"""The command that connects a client: `memos install claude`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp.apps import client_files, clients, itself, terminal
from memos_mcp.apps import show as shown
from memos_mcp.apps.clients import CLIENTS, ClientName
from memos_mcp.apps.terminal import Json
from memos_mcp.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")  # clients put it before the name of each tool, 64 characters in all


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done to connect a client, or would be (`printed`)."""

    client: ClientName
    file: Path
    name: str
    action: client_files.Action | Literal["printed"]
    entry: Mapping[str, Any] | None = None
    backup: Path | None = None
    note: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Linked:
    """A link that connects a client, and the entry in it."""

    client: ClientName
    name: str
    entry: Mapping[str, Any]
    link: clients.Link


def install(
    client: Annotated[ClientName, typer.Argument(metavar="CLIENT", help="The program to connect.")],
    *,
    project: Annotated[Path | None, typer.Option(metavar="DIR", help="Only for the project in this folder.")] = None,
    name: Annotated[str, typer.Option(help="Name of the server in the client.")] = "memos",
    only_print: Annotated[bool, typer.Option("--print", help="Change nothing: print what would be written.")] = False,
    only_link: Annotated[
        bool, typer.Option("--link", help="Change nothing: print a link to click (cursor, vscode).")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the server out of the client again.")] = False,
    json: Json = False,
) -> None:
    """Connect a client (Claude, Cursor, VS Code, Codex) to your memories."""
    terminal.guarded(lambda: _check(project, only_print=only_print, only_link=only_link, remove=remove), json=json)
    file = terminal.guarded(lambda: _file(client, project, name), json=json)
    if remove:
        terminal.out(terminal.guarded(lambda: _removed(client, file, name), json=json), _look, json=json)
        return
    entry = terminal.guarded(lambda: _entry(client), json=json)
    if only_link:
        _print_link(client, name, entry, json=json)
        return
    if only_print:
        _print(Installed(client, file, name, "printed", entry), json=json)
        return
    everywhere = project is None
    done = terminal.guarded(lambda: _written(client, file, name, entry, everywhere=everywhere, json=json), json=json)
    terminal.out(done, _look, json=json)


def _check(project: Path | None, *, only_print: bool, only_link: bool, remove: bool) -> None:
    if only_print and remove:
        raise InvalidInput("--print shows what would be written; leave --remove out")
    if only_link and (only_print or remove or project):
        raise InvalidInput(
            "--link prints a link that holds for all projects; leave --print, --remove and --project out"
        )


def _file(client: ClientName, project: Path | None, name: str) -> Path:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(f"{name!r} is no name for a server: up to 32 letters, digits, - and _")
    if project is None:
        return clients.user_file(client, sys.platform, Path.home(), os.environ)
    if not project.is_dir():
        raise InvalidInput(f"{project} is not a folder; --project takes the folder of a project")
    return clients.project_file(client, project.absolute())


def _entry(client: ClientName) -> dict[str, Any]:
    """How a client starts the server of this installation, with the settings that hold here."""
    here = Path.cwd()
    command, env = itself.server()
    return clients.entry(CLIENTS[client], command, clients.variables(configuration.explained(), here) | env)


def _written(
    client: ClientName, file: Path, name: str, entry: dict[str, Any], *, everywhere: bool, json: bool
) -> Installed:
    chosen = CLIENTS[client]
    try:
        done = client_files.connect(file, chosen, name, entry, datetime.now(UTC))
    except client_files.Unclear:
        if not json:
            typer.echo(f"This belongs there:\n{client_files.snippet(chosen, name, entry)}", err=True)
        raise
    missing = done.new_folder and everywhere
    note = f"{file.parent} was not there before: is {chosen.title} installed?" if missing else ""
    return Installed(client, file, name, done.action, entry, done.backup, note, f"{chosen.restart}; {chosen.check}.")


def _removed(client: ClientName, file: Path, name: str) -> Installed:
    done = client_files.disconnect(file, CLIENTS[client], name, datetime.now(UTC))
    restart = f"{CLIENTS[client].restart}." if done.action == "removed" else ""
    return Installed(client, file, name, done.action, backup=done.backup, next=restart)


def _print(would: Installed, *, json: bool) -> None:
    if json:
        terminal.out(would, _look, json=True)
        return
    typer.echo(f"for {would.file}:", err=True)
    typer.echo(client_files.snippet(CLIENTS[would.client], would.name, would.entry or {}))


def _print_link(client: ClientName, name: str, entry: dict[str, Any], *, json: bool) -> None:
    link = terminal.guarded(lambda: clients.link(client, name, entry), json=json)
    if json:
        terminal.out(Linked(client, name, entry, link), str, json=True)
        return
    typer.echo(link.app)
    typer.echo(f"as a page: {link.web}", err=True)


def _look(done: Installed) -> RenderableType:
    title = CLIENTS[done.client].title
    heads = {
        "added": f"{title} is connected",
        "changed": f"{title} is connected",
        "unchanged": f"{title} was connected already",
        "removed": f"{title} is no longer connected",
        "absent": f"{title} was not connected",
    }
    kept = f"The file as it was before: {done.backup}" if done.backup else ""
    lines = [each for each in (kept, done.note, done.next) if each]
    return Group(shown.done(heads[done.action], f"{done.name} in {done.file}"), *(Text(shown.plain(n)) for n in lines))
