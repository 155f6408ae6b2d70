"""Links that connect Cursor and VS Code: `memos install … --link`, and those that stand ready in the documentation."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from memos_mcp.apps import cli_install
from memos_mcp.apps.clients import link

ROOT = Path(__file__).resolve().parents[3]
UVX = {"command": "uvx", "args": ["--from", "memcube-mcp", "memos-mcp"]}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(cli_install.install)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `memos install …`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MEMOS_USER", "Ada Łę+/=&")

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        assert list(tmp_path.iterdir()) == []
        return result

    return run


def in_cursor(address: str) -> tuple[str, Any]:
    """The name and the entry in a link, as Cursor takes it apart."""
    query = parse_qs(urlsplit(address).query, strict_parsing=True)
    return query["name"][0], json.loads(base64.b64decode(query["config"][0], validate=True))


def in_vscode(address: str) -> tuple[str, Any]:
    """The name and the entry in a link, as VS Code takes it apart."""
    entry = json.loads(unquote(address.removeprefix("vscode:mcp/install?")))
    return entry.pop("name"), entry


def test_the_link_for_cursor_has_the_entry_that_install_would_write(install: Callable[..., Result]) -> None:
    made = install("cursor", "--link")
    assert made.stdout.startswith("cursor://anysphere.cursor-deeplink/mcp/install?name=memos&config=")
    assert made.stdout.count("\n") == 1
    name, entry = in_cursor(made.stdout.strip())
    answer = json.loads(install("cursor", "--print").stdout)
    assert answer == {"mcpServers": {name: entry}}
    assert entry["env"]["MEMOS_USER"] == "Ada Łę+/=&"


def test_the_link_for_vscode_has_the_entry_that_install_would_write(install: Callable[..., Result]) -> None:
    name, entry = in_vscode(install("vscode", "--link", "--name", "mine").stdout.strip())
    assert json.loads(install("vscode", "--print", "--name", "mine").stdout) == {"servers": {name: entry}}


@pytest.mark.parametrize("client", ["cursor", "vscode"])
def test_with_json_both_links_are_told(client: str, install: Callable[..., Result]) -> None:
    answer = json.loads(install(client, "--link", "--json").stdout)
    assert answer["link"]["web"].startswith("https://")
    assert answer["entry"]["command"]


@pytest.mark.parametrize("words", [("claude",), ("codex",), ("cursor", "--print"), ("cursor", "--remove")])
def test_a_link_that_there_is_not_is_refused(words: tuple[str, ...], install: Callable[..., Result]) -> None:
    assert "--link" in install(*words, "--link", code=2).stderr


def test_a_link_holds_for_no_project(install: Callable[..., Result]) -> None:
    assert "--project" in install("cursor", "--link", "--project", ROOT, code=2).stderr


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text(), max_size=3))
def test_whatever_stands_in_an_entry_comes_back(command: str, env: dict[str, str]) -> None:
    entry = {"command": command, "args": ["a b", "ü"], "env": env}
    assert in_cursor(link("cursor", "m", entry).app) == ("m", entry)
    assert in_cursor(link("cursor", "m", entry).web) == ("m", entry)
    assert in_vscode(link("vscode", "m", entry).app) == ("m", entry)
    assert json.loads(parse_qs(urlsplit(link("vscode", "m", entry).web).query)["config"][0]) == entry


def test_the_readme_has_the_links_of_the_package() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for found in (link("cursor", "memos", UVX), link("vscode", "memos", UVX)):
        assert f"]({found.web})" in readme


def test_the_guide_has_the_links_of_the_package() -> None:
    page = (ROOT / "docs" / "how-to" / "connect-a-client.md").read_text("utf-8")
    shown = re.findall(r"^(?:cursor|vscode):\S+$", page, re.MULTILINE)
    assert shown == [link("cursor", "memos", UVX).app, link("vscode", "memos", UVX).app]
