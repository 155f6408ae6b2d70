"""Which tools a server offers is chosen by an option, or else by a setting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters

from memos_mcp.apps.mcp_toolsets import offered
from memos_mcp.sections import Toolset
from tests.http_server import configured, post, token
from tests.imports import IMPORTS

ROOT = Path(__file__).parents[2]
COMMAND = "import typer; from memos_mcp.apps.cli_serve import serve; typer.run(serve)"


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    ours = {"PYTHONPATH": IMPORTS, "PYTHONWARNINGS": "error", "HOME": str(home), "MEMOS_EMBEDDER__KIND": "none"}
    return kept | ours | {"MEMOS_HOME": str(home), "MEMOS_USER": "ada"} | more


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("options", "setting", "expected"),
    [
        (["--tools", "full"], "", "full"),
        ([], "chatgpt", "chatgpt"),
        (["--tools", "core"], "chatgpt", "core"),
        ([], "colour", "core"),
    ],
)
async def test_over_stdio_the_option_goes_before_the_setting(
    tmp_path: Path, options: list[str], setting: str, expected: Toolset
) -> None:
    env = environment(tmp_path, **({"MEMOS_MCP__TOOLSET": setting} if setting else {}))
    server = StdioServerParameters(command=sys.executable, args=["-m", "memos_mcp", *options], env=env)
    with anyio.fail_after(60):
        async with Client(server) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == [tool.name for tool in offered(expected, local=True)]
            if setting == "colour":
                assert "mcp.toolset" in str((await client.call_tool("memory_status", {})).content)


def test_a_toolset_that_does_not_exist_is_refused_by_the_option(tmp_path: Path) -> None:
    for command in (["-m", "memos_mcp"], ["-c", COMMAND]):
        done = subprocess.run(
            [sys.executable, *command, "--tools", "colour"],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert "colour" in done.stderr
        assert "chatgpt" in done.stderr


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_memos_serve_offers_the_tools_of_its_option(tmp_path: Path) -> None:
    secret = await token(configured(tmp_path))
    command = [sys.executable, "-c", COMMAND, "--port", "0", "--tools", "chatgpt"]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, env=environment(tmp_path), stdout=None) as server:
            try:
                assert server.stderr is not None
                said = ""
                async for some in server.stderr:
                    said += some.decode()
                    if "\n" in said:
                        break
                url = said.split("serving MCP at ")[1].split(";")[0]
                async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
                    listed = (await post(http, url, secret, "tools/list")).json()["result"]["tools"]
                assert [tool["name"] for tool in listed] == ["search", "fetch"]
            finally:
                server.send_signal(signal.SIGKILL)


def test_what_is_not_offered_is_not_loaded() -> None:
    further = "'mcp_full' in m or m.endswith('mcp_ask') or 'notes' in m"
    script = f"import sys, memos_mcp.__main__; print([m for m in sys.modules if {further}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
