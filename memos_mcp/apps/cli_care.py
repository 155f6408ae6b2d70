"""Commands that look after the system: status, rebuild, doctor, backup, restore."""

from __future__ import annotations

import math
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import anyio
import typer

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.answers import Status
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.terminal import Json, Yes
from memos_mcp.errors import Corrupt, MemosError, Unavailable
from memos_mcp.memos import Memos
from memos_mcp.ports import Caller
from memos_mcp.version import __version__

PATIENCE = 5.0
"""Seconds that a command gives the lanes to load a model and to give new memories their vectors."""


def status(*, json: Json = False) -> None:
    """Show where memories go, how many there are, and the lanes."""
    terminal.tell(lambda memos: memos.settle(PATIENCE), shown.status, json=json)


def rebuild(lane: Annotated[str, typer.Argument(metavar="LANE", help="Such as words.")], *, json: Json = False) -> None:
    """Build the index of a lane again from the log."""

    async def work(memos: Memos) -> Status:
        await memos.rebuild(lane)
        await memos.recall(lane, limit=1)  # words are built when they are next asked, vectors in the background
        return await memos.settle(math.inf)

    terminal.tell(work, shown.status, json=json)


def doctor(*, json: Json = False) -> None:
    """Show every setting with its source, check the vault, and ask the graph and the model of KV blocks."""
    versions = {
        "memos": f"{__version__} in {Path(__file__).parents[1]}",
        "python": f"{platform.python_version()} at {sys.executable}",
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }
    found: tuple[configuration.Setting, ...] = ()
    findings: tuple[shown.Checked, ...]
    code = 0
    try:
        found = configuration.explained()
        findings = anyio.run(_checked, configuration.load())
    except MemosError as error:
        findings = (shown.Problem(error.code, str(error)),)
        code = exit_code(error)
    terminal.out(shown.Health(versions, found, findings), shown.health, json=json)
    if amiss := {finding.name for finding in findings if not finding.ok}:
        raise typer.Exit(code or exit_code(Unavailable() if amiss <= {"graph", "activation"} else Corrupt()))


async def _checked(settings: configuration.Settings) -> tuple[shown.Checked, ...]:
    beside = (await wiring.graph_finding(settings), *await wiring.model_findings(settings))
    return (*await wiring.upkeep(settings).check(), *beside)


def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to.")], *, json: Json = False) -> None:
    """Copy the vault into a file, also while in use; verified."""
    terminal.tell(
        lambda _: wiring.upkeep(configuration.load()).backup(file),
        lambda made: shown.done(
            f"copied {shown.count(made.memories, 'memory', 'memories')}",
            f"to {made.file}, {made.bytes:,} bytes, verified",
        ),
        json=json,
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")], *, yes: Yes = False, json: Json = False
) -> None:
    """Replace the vault by a backup; what is there now is kept."""
    settings = terminal.guarded(configuration.load, json=json)
    terminal.ask(f"Replace {settings.database} by {file}?", yes=yes, json=json)
    caller = Caller(settings.user)
    terminal.tell(
        lambda _: wiring.upkeep(settings).restore(file, caller=caller),
        lambda back: shown.done(
            f"brought back {shown.count(back.memories, 'memory', 'memories')}",
            f"what was there before is kept at {back.kept}" if back.kept else "",
        ),
        json=json,
    )
