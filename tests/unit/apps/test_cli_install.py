"""`memos install`: a client is connected by one command, and nothing of its file is lost."""

from __future__ import annotations

import json
import os
import stat
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest
import typer
from mcp import Client, StdioServerParameters
from typer.testing import CliRunner, Result

from memos_mcp.apps import cli_install
from memos_mcp.apps.clients import CLIENTS, ClientName, user_file

Install = Callable[..., Result]
NAMES: tuple[ClientName, ...] = get_args(ClientName)
WITH_PROJECT = [name for name in NAMES if CLIENTS[name].project]
JSON_CLIENTS = [name for name in NAMES if CLIENTS[name].form == "json"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(cli_install.install)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of somebody who never set anything."""
    for name in ("FORCE_COLOR", "APPDATA", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def install(home: Path) -> Install:
    """Run `memos install …`."""

    def run(*words: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def place(client: ClientName) -> Path:
    return user_file(client, sys.platform, Path.home(), {})


def given(client: ClientName, text: str) -> Path:
    """The client's file with this text."""
    file = place(client)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def others(client: ClientName) -> str:
    """A file of the client with another server and a setting."""
    if CLIENTS[client].form == "toml":
        return '# mine\nmodel = "o9"  # best\n\n[mcp_servers.other]\ncommand = "other"\n'
    lines = [
        "{",
        '    "theme": "dark",',
        f'    "{CLIENTS[client].key}": {{',
        '        "other": {"command": "other"}',
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def servers(client: ClientName, file: Path) -> dict[str, Any]:
    text = file.read_text("utf-8")
    data = tomllib.loads(text) if CLIENTS[client].form == "toml" else json.loads(text)
    return data[CLIENTS[client].key]


def backups(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.name}.bak-*"))


def answer(result: Result) -> Any:
    """The JSON value that is all of standard output."""
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


@pytest.mark.parametrize("client", NAMES)
def test_a_client_without_a_file_gets_one(client: ClientName, install: Install) -> None:
    said = install(client).stdout
    file = place(client)
    assert said.startswith(f"{CLIENTS[client].title} is connected  memos in {file}\n")
    assert CLIENTS[client].restart in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (entry,) = servers(client, file).values()
    assert Path(entry["command"]).is_absolute()
    assert ("type" in entry) == (client in ("claude-code", "cursor", "vscode"))
    assert backups(file) == []
    assert [path for path in file.parent.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("client", NAMES)
@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_as_good_as_none(client: ClientName, text: str, install: Install) -> None:
    file = given(client, text)
    install(client)
    assert list(servers(client, file)) == ["memos"]


@pytest.mark.parametrize("client", NAMES)
def test_everything_else_in_the_file_stays_and_is_kept(client: ClientName, install: Install) -> None:
    before = others(client)
    file = given(client, before)
    file.chmod(0o640)
    done = answer(install(client, "--json"))
    assert list(servers(client, file)) == ["other", "memos"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    (backup,) = backups(file)
    assert (done["action"], done["file"], done["backup"]) == ("added", str(file), str(backup))
    assert done["entry"] == servers(client, file)["memos"]
    assert backup.read_text() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640


@pytest.mark.parametrize("client", NAMES)
def test_a_second_time_changes_nothing(client: ClientName, install: Install) -> None:
    file = given(client, others(client))
    install(client)
    first = file.read_bytes()
    again = install(client)
    assert "was connected already" in again.stdout
    assert file.read_bytes() == first
    assert len(backups(file)) == 1


@pytest.mark.parametrize("client", NAMES)
def test_remove_gives_back_the_file_as_it_was(client: ClientName, install: Install) -> None:
    file = given(client, others(client))
    install(client)
    gone = install(client, "--remove")
    assert gone.stdout.startswith(f"{CLIENTS[client].title} is no longer connected")
    assert file.read_text() == others(client)
    assert len(backups(file)) == 2
    assert answer(install(client, "--remove", "--json"))["action"] == "absent"
    assert len(backups(file)) == 2


@pytest.mark.parametrize("client", NAMES)
def test_remove_without_a_file_makes_none(client: ClientName, install: Install) -> None:
    assert "was not connected" in install(client, "--remove").stdout
    assert not place(client).exists()


def test_remove_needs_no_settings_that_work(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("cursor")
    monkeypatch.setenv("MEMOS_HOEM", "/data")
    install("cursor", code=8)
    install("cursor", "--remove")
    assert servers("cursor", place("cursor")) == {}


@pytest.mark.parametrize("client", JSON_CLIENTS)
def test_broken_json_is_refused_with_its_place_and_the_lines_to_paste(client: ClientName, install: Install) -> None:
    file = given(client, '{\n  "a": 1\n  "b": 2\n}')
    refused = install(client, code=2)
    assert f"{file}, line 3, column 3: this is not JSON" in refused.stderr
    snippet = json.loads(refused.stderr.split("This belongs there:\n")[1].split("\nmemos: ")[0])
    assert "command" in snippet[CLIENTS[client].key]["memos"]
    assert file.read_text() == '{\n  "a": 1\n  "b": 2\n}'
    assert backups(file) == []
    assert answer(install(client, "--json", code=2))["error"]["code"] == "invalid_input"


def test_broken_toml_is_refused_with_its_place(install: Install) -> None:
    file = given("codex", "a = 1\nb = = 2\n")
    assert "line 2, column 5" in install("codex", code=2).stderr
    assert file.read_text() == "a = 1\nb = = 2\n"


@pytest.mark.parametrize("client", NAMES)
@pytest.mark.parametrize(
    "text", ["[1]]", '{"mcpServers": [], "servers": null}', "mcp_servers = 7", b"\xff\xfe{".decode("latin-1")]
)
def test_a_file_that_holds_something_else_is_refused(client: ClientName, text: str, install: Install) -> None:
    file = given(client, "")
    file.write_bytes(text.encode("latin-1"))
    install(client, code=2)
    assert file.read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("client", ["cursor", "vscode"])
def test_comments_and_trailing_commas_stay_where_they_are_allowed(client: ClientName, install: Install) -> None:
    key = CLIENTS[client].key
    text = f'// all\n{{\n\t"{key}": {{\n\t\t"other": {{"url": "http://x"}}, // mine\n\t}}, /* end */\n}}\n'
    file = given(client, text)
    install(client)
    after = file.read_text()
    for part in text.split("\n"):
        assert part in after
    assert '}, // mine\n\t\t"memos": {\n\t\t\t"type": "stdio"' in after
    install(client)
    assert file.read_text() == after
    install(client, "--remove")
    assert file.read_text() == text


@pytest.mark.parametrize("client", ["claude", "claude-code"])
def test_comments_are_refused_where_the_client_cannot_read_them(client: ClientName, install: Install) -> None:
    given(client, '{\n  // none\n  "a": 1\n}')
    assert "line 2, column 3" in install(client, code=2).stderr


def test_comments_in_toml_stay(install: Install) -> None:
    text = (
        '# a\n[mcp_servers.memos]  # b\n# c\ncommand = "/old/memos-mcp"  # d\nargs = []\nstartup_timeout_sec = 20\n'
        "# e\n\n[x]  # f\n"
    )
    file = given("codex", text)
    install("codex")
    after = file.read_text()
    assert [line.split("#")[1] for line in after.splitlines() if "#" in line] == [f" {c}" for c in "abcdef"]
    entry = servers("codex", file)["memos"]
    assert (entry["command"], entry["startup_timeout_sec"]) == (sys.executable, 20)


@pytest.mark.parametrize("client", NAMES)
def test_what_was_added_to_our_entry_by_hand_stays(client: ClientName, install: Install) -> None:
    entry = {
        "command": "/old/bin/memos-mcp",
        "env": {"MEMOS_PATH": "user/ada/work", "PYTHONPATH": "/old"},
        "extra": True,
    }
    key = CLIENTS[client].key
    text = json.dumps({key: {"memos": entry}})
    if CLIENTS[client].form == "toml":
        text = f'[{key}.memos]\ncommand = "/old/bin/memos-mcp"\nextra = true\n\n[{key}.memos.env]\n' + (
            'MEMOS_PATH = "user/ada/work"\nPYTHONPATH = "/old"\n'
        )
    file = given(client, text)
    assert answer(install(client, "--json"))["action"] == "changed"
    after = servers(client, file)["memos"]
    assert after["extra"] is True
    assert after["command"] == sys.executable
    assert after["env"]["MEMOS_PATH"] == "user/ada/work"
    assert "/old" not in after["env"]["PYTHONPATH"].split(os.pathsep)


@pytest.mark.parametrize("client", NAMES)
def test_a_server_of_that_name_that_is_not_ours_is_left_alone(client: ClientName, install: Install) -> None:
    before = others(client)
    file = given(client, before)
    assert "--name" in install(client, "--name", "other", code=2).stderr
    assert "not ours" in install(client, "--name", "other", "--remove", code=2).stderr
    assert file.read_text() == before
    install(client, "--name", "memories")
    assert set(servers(client, file)) == {"other", "memories"}


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 33, "a.b"])
def test_a_name_that_clients_refuse_is_refused(name: str, install: Install) -> None:
    install("cursor", "--name", name, code=2)


@pytest.mark.parametrize("client", NAMES)
def test_print_only_prints(client: ClientName, install: Install) -> None:
    printed = install(client, "--print")
    data = tomllib.loads(printed.stdout) if client == "codex" else json.loads(printed.stdout)
    assert str(place(client)) in printed.stderr
    assert not place(client).exists()
    told = answer(install(client, "--print", "--json"))
    assert (told["action"], told["file"]) == ("printed", str(place(client)))
    install(client)
    assert servers(client, place(client)) == data[CLIENTS[client].key]
    assert told["entry"] == data[CLIENTS[client].key]["memos"]


def test_print_and_remove_contradict_each_other(install: Install) -> None:
    assert "leave --remove out" in install("cursor", "--print", "--remove", code=2).stderr


@pytest.mark.parametrize("client", WITH_PROJECT)
def test_a_project_has_a_file_of_its_own(client: ClientName, install: Install, tmp_path: Path) -> None:
    said = install(client, "--project", tmp_path).stdout
    file = tmp_path / (CLIENTS[client].project or "")
    assert list(servers(client, file)) == ["memos"]
    assert "was not there before" not in said
    assert not place(client).exists()


def test_a_project_must_be_a_folder_and_the_client_must_have_projects(install: Install, tmp_path: Path) -> None:
    assert "not a folder" in install("cursor", "--project", tmp_path / "none", code=2).stderr
    assert "leave --project out" in install("claude", "--project", tmp_path, code=2).stderr


def test_a_link_stays_a_link(install: Install, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "mcp.json"
    kept.parent.mkdir()
    file = place("cursor")
    file.parent.mkdir()
    file.symlink_to(kept)
    for _ in range(2):  # the first time it leads nowhere
        install("cursor", "--remove")
        install("cursor")
        assert file.is_symlink()
        assert list(servers("cursor", kept)) == ["memos"]
    assert list(kept.parent.iterdir()) == [kept]
    assert len(backups(file)) == 2


def test_a_place_that_cannot_be_written_is_an_error_of_ours(
    install: Install, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".cursor").write_text("a file")
    assert "cannot be changed: Not a directory" in install("cursor", code=6).stderr
    place("claude-code").mkdir()
    assert "cannot be changed: Is a directory" in install("claude-code", code=6).stderr
    monkeypatch.setenv("CODEX_HOME", "/proc/self/codex")
    assert "/proc/self/codex/config.toml cannot be changed" in install("codex", code=6).stderr
    monkeypatch.delenv("CODEX_HOME")
    protected = given("codex", "a = 1\n")
    protected.chmod(0o400)
    assert "cannot be changed: the file may only be read" in install("codex", code=6).stderr
    assert (protected.read_text(), backups(protected)) == ("a = 1\n", [])
    loop = place("vscode")
    loop.parent.mkdir(parents=True)
    loop.symlink_to(loop)
    install("vscode", code=6)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error_of_ours(install: Install, home: Path) -> None:
    (home / ".cursor").mkdir(mode=0o500)
    assert "cannot be changed: Permission denied" in install("cursor", code=6).stderr


def test_a_missing_folder_makes_a_person_think(install: Install, home: Path) -> None:
    assert "is Cursor installed?" in install("cursor").stdout
    (home / ".codex").mkdir()
    assert "installed?" not in install("codex").stdout


def test_the_settings_of_the_shell_go_along(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(answer(install("claude", "--print", "--json"))["entry"]["env"]) == {"PYTHONPATH"}
    (tmp_path / "our.toml").write_text("[words]\nmemory_mb = 64\n")
    (tmp_path / "desk" / "data").mkdir(parents=True)
    (tmp_path / "desk" / "data" / "memos.toml").write_text('path = "shared"\n')
    monkeypatch.chdir(tmp_path / "desk")
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("MEMOS_HOME", "data")
    env = answer(install("claude", "--print", "--json"))["entry"]["env"]
    assert env | {"PYTHONPATH": ""} == {"MEMOS_USER": "ada", "MEMOS_HOME": f"{tmp_path}/desk/data", "PYTHONPATH": ""}
    monkeypatch.setenv("MEMOS_CONFIG", "../our.toml")
    env = answer(install("claude", "--print", "--json"))["entry"]["env"]
    assert Path(env["MEMOS_CONFIG"]).resolve() == tmp_path / "our.toml"


def test_an_installation_is_started_by_its_script(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purelib(_: str) -> str:
        return str(Path(__file__).parents[3])

    monkeypatch.setattr(sysconfig, "get_path", purelib)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert answer(install("claude", "--print", "--json"))["entry"]["args"] == ["-m", "memos_mcp"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "memos-mcp").touch()
    entry = answer(install("claude", "--print", "--json"))["entry"]
    assert entry == {"command": f"{tmp_path}/bin/memos-mcp", "args": []}


@pytest.mark.anyio
@pytest.mark.parametrize("client", ["claude", "codex"])
async def test_the_entry_starts_a_server(
    client: ClientName, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path / "vault"))
    install(client)
    entry = servers(client, place(client))["memos"]
    start = StdioServerParameters(command=entry["command"], args=entry["args"], env=entry["env"], cwd="/")
    with anyio.fail_after(60):
        async with Client(start) as connected:
            assert "recall" in [tool.name for tool in (await connected.list_tools()).tools]
            assert not (await connected.call_tool("remember", {"content": "Ada likes tea"})).is_error
    assert (tmp_path / "vault" / "memos.db").is_file()
