"""The bundle: the packer of the format takes it, and what is in it serves with the settings its user filled in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import anyio
import pytest
from mcp import Client, StdioServerParameters

from memos_mcp.apps.mcp_prompts import PROMPTS
from tests.node import program
from tools import mcpb

MANIFEST = json.loads(mcpb.MANIFEST.read_text("utf-8"))


def run(*words: str | Path) -> str:
    command = [*program("mcpb"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our bundle, as a host unpacks it."""
    folder = tmp_path_factory.mktemp("bundle")
    mcpb.pack(folder / "memos.mcpb")
    run("unpack", folder / "memos.mcpb", folder / "unpacked")
    return folder / "unpacked"


def test_the_manifest_is_valid() -> None:
    assert "passes" in run("validate", mcpb.MANIFEST)


def test_the_packer_of_the_format_packs_the_same_files(unpacked: Path, tmp_path: Path) -> None:
    run("pack", unpacked, tmp_path / "theirs.mcpb")
    run("unpack", tmp_path / "theirs.mcpb", tmp_path / "theirs")
    assert files(tmp_path / "theirs") == files(unpacked) == mcpb.contents()


def test_equal_code_gives_an_equal_bundle(tmp_path: Path) -> None:
    assert mcpb.pack(tmp_path / "one.mcpb") == mcpb.pack(tmp_path / "two.mcpb")
    with ZipFile(tmp_path / "one.mcpb") as archive:
        assert archive.testzip() is None


def test_what_its_user_fills_in_reaches_the_server_as_two_variables_only() -> None:
    started = MANIFEST["server"]["mcp_config"]
    assert "user_config" not in json.dumps([started["command"], started["args"]])
    assert started["env"] == {"MEMOS_HOME": "${user_config.data_folder}", "MEMOS_USER": "${user_config.user}"}
    assert set(MANIFEST["user_config"]) == {"data_folder", "user"}
    assert (mcpb.SOURCE / "server.py").name == Path(MANIFEST["server"]["entry_point"]).name


def started(folder: Path, filled_in: dict[str, str]) -> StdioServerParameters:
    """How a host starts the server, but for uv: this environment has the libraries, and none of our code."""
    config: dict[str, Any] = MANIFEST["server"]["mcp_config"]
    places = {"__dirname": str(folder)} | {f"user_config.{name}": value for name, value in filled_in.items()}

    def put_in(text: str) -> str:
        for name, value in places.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    uv, *words = [config["command"], *map(put_in, config["args"])]
    assert [uv, *words[:3]] == ["uv", "run", "--directory", str(folder)]
    env = {name: put_in(value) for name, value in config["env"].items()}
    home = {"HOME": str(folder.parent)}
    return StdioServerParameters(command=sys.executable, args=words[3:], cwd=words[2], env=env | home)


async def status(folder: Path, filled_in: dict[str, str]) -> Any:
    with anyio.fail_after(60):
        async with Client(started(folder, filled_in)) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == [t["name"] for t in MANIFEST["tools"]]
            assert [prompt.name for prompt in (await client.list_prompts()).prompts] == [p.name for p in PROMPTS]
            result = await client.call_tool("memory_status", {})
    assert not result.is_error
    return result.structured_content


@pytest.mark.anyio
async def test_the_server_in_it_uses_what_its_user_filled_in(unpacked: Path, tmp_path: Path) -> None:
    told = await status(unpacked, {"data_folder": str(tmp_path / "my memories"), "user": "ada"})
    assert (told["user"], told["vault"]) == ("ada", str(tmp_path / "my memories" / "memos.db"))


@pytest.mark.anyio
@pytest.mark.parametrize("filled_in", [{}, {"data_folder": "", "user": " "}])
async def test_what_was_left_empty_is_as_if_it_were_not_there(filled_in: dict[str, str], unpacked: Path) -> None:
    told = await status(unpacked, filled_in)
    assert told["vault"] == str(unpacked.parent / ".memos" / "memos.db")
    assert "$" not in told["user"]


def test_the_environment_of_the_tests_does_not_help() -> None:
    words = [sys.executable, "-c", "import memos_mcp"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert subprocess.run(words, env=env, capture_output=True, cwd="/", check=False).returncode != 0
