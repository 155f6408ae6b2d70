"""`memos token` as a person and a script see it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from typer.testing import CliRunner, Result

from memos_mcp import settings, wiring
from memos_mcp.apps.access import Holder, Tokens
from memos_mcp.apps.cli import app as memos
from memos_mcp.apps.cli_token import app, lasting
from memos_mcp.errors import InvalidInput

TokenCommand = Callable[..., Result]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenCommand:
    """Run `memos token …` with an empty data folder."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("MEMOS_HOME", str(tmp_path))
    monkeypatch.setenv("MEMOS_USER", "ada")
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def made(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout)


def holder(secret: str) -> Holder | None:
    async def ask() -> Holder | None:
        ledger = wiring.ledger(settings.load())
        found = await Tokens(ledger).holder(secret)
        await ledger.aclose()
        return found

    return anyio.run(ask)


def test_the_token_that_is_printed_first_is_accepted(token: TokenCommand) -> None:
    lines = token("create", "laptop", "--scope", "write", "--expires", "30d").stdout.splitlines()
    found = holder(lines[0])
    assert found is not None
    assert (found.caller.user, found.caller.scopes) == ("ada", ("read", "write"))
    assert found.expires_at is not None
    assert "made laptop" in lines[1]
    assert "write for ada, until " in lines[1]
    assert "not shown again" in lines[2]


def test_a_token_reads_unless_told_otherwise_and_is_for_whom_it_is_said(token: TokenCommand) -> None:
    new = made(token("create", "phone", "--principal", "ben", "--path", "user/ben/work", "--json"))
    assert new["token"].startswith(f"memos_{new['id']}_")
    assert (new["principal"], new["scope"], new["path"]) == ("ben", "read", "user/ben/work")
    assert (new["expires_at"], new["state"]) == (None, "active")


def test_the_list_shows_everything_but_the_token(token: TokenCommand) -> None:
    assert "no tokens yet" in token("list").stdout
    secret = made(token("create", "laptop", "--json"))["token"]
    token("create", "old", "--scope", "admin", "--expires", "1y")
    token("revoke", "old", "--yes")
    first, second = token("list").stdout.splitlines()
    assert first.startswith("laptop  read for ada")
    assert second.startswith("old  admin for ada, until ")
    assert "revoked" in second
    listed = json.loads(token("list", "--json").stdout)
    assert [(each["name"], each["state"]) for each in listed] == [("laptop", "active"), ("old", "revoked")]
    assert secret[19:] not in first + second + json.dumps(listed)
    assert "hash" not in json.dumps(listed)


def test_a_token_that_was_revoked_is_refused(token: TokenCommand) -> None:
    secret = made(token("create", "laptop", "--json"))["token"]
    assert holder(secret)
    assert "revoked laptop  read for ada" in token("revoke", "laptop", "-y").stdout
    assert holder(secret) is None


def test_no_other_command_shows_a_token_or_its_hash(token: TokenCommand, tmp_path: Path) -> None:
    secret = made(token("create", "laptop", "--json"))["token"]
    kept = sha256(secret.split("_", 2)[2].encode()).hexdigest()
    with closing(sqlite3.connect(tmp_path / "memos.db")) as db:
        assert any(kept in str(row) for row in db.execute("SELECT * FROM ledger"))
    for words in (["doctor"], ["doctor", "--json"], ["status"], ["namespaces"]):
        said = CliRunner().invoke(memos, words).output
        assert said
        assert secret[19:] not in said
        assert kept not in said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("create", "x", "--path", "user/ben"), 5, "ada may not read 'user/ben'"),
        (("create", "x", "--expires", "soon"), 2, "'soon' is not a time such as 12h, 30d, 8w or 1y"),
        (("create", " "), 2, "a token needs a name"),
        (("create", "x", "--scope", "root"), 2, "root"),
        (("revoke", "nosuch", "--yes"), 3, "there is no token 'nosuch'"),
        (("revoke", "nosuch"), 2, "nobody to ask here"),
    ],
)
def test_what_cannot_be_is_said(token: TokenCommand, words: tuple[str, ...], code: int, says: str) -> None:
    assert says in token(*words, code=code).output


def test_what_cannot_be_is_said_in_json_too(token: TokenCommand) -> None:
    assert json.loads(token("revoke", "nosuch", "--yes", "--json", code=3).stdout)["error"]["code"] == "not_found"


@pytest.mark.parametrize(("text", "time"), [("12h", 0.5), ("30d", 30), ("8w", 56), (" 1y ", 365)])
def test_times_are_hours_days_weeks_or_years(text: str, time: float) -> None:
    assert lasting(text) == timedelta(days=time)


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "3m", "999999d", "1d2h", "１d"])  # noqa: RUF001
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        lasting(text)
