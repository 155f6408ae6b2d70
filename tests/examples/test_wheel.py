"""The wheel, installed alone beside its dependencies, serves."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.anyio
async def test_an_installed_wheel_serves_and_has_both_commands(tmp_path: Path) -> None:
    command = await anyio.to_thread.run_sync(install, tmp_path)
    env = {"MEMOS_HOME": str(tmp_path / "home"), "MEMOS_USER": "ada"}
    with anyio.fail_after(60):
        async with Client(StdioServerParameters(command=str(command / "memos-mcp"), env=env)) as client:
            kept = await client.call_tool("remember", {"content": "Ada likes green tea"})
            assert not kept.is_error
    shown = await anyio.run_process([str(command / "memos"), "recall", "tea"], env=env)
    assert b"green tea" in shown.stdout


def install(folder: Path) -> Path:
    """A virtual environment that holds our wheel, and finds everything else in this environment."""
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "venv" / "lib" / version / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    return folder / "venv" / "bin"
