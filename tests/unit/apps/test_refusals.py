"""What the door refuses leaves a line: of whom, why, never a secret, and never so many that the disk fills."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx2
import pytest
from pydantic import JsonValue

from memos_mcp import Caller, wiring
from memos_mcp.accesses import Access
from memos_mcp.apps.access import Tokens
from memos_mcp.apps.refusals import BURST, Refusals
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.ledger import SqliteLedger
from memos_mcp.interface.lines import Onlooker
from tests.authorization_server import AUDIENCE, ISSUER, authorization_server, signed
from tests.http_server import configured, post, serving, token

pytestmark = pytest.mark.anyio


class Kept(SqliteAccessLog):
    """A log whose lines are looked at."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.written: list[Access] = []

    async def write(self, access: Access) -> None:
        self.written.append(access)


async def test_a_refused_token_and_a_missing_scope_leave_lines_for_who_may_see_them(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    reader, old = await token(settings, "read", user="ben"), await token(settings, user="ben", name="old")
    ledger = wiring.ledger(settings)
    await Tokens(ledger).revoke("old")
    await ledger.aclose()
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        call: dict[str, JsonValue] = {"name": "remember", "arguments": {"content": "tea"}}
        for secret in (old, old[:-1] + "x", "a.b.c", "memos_nonsense"):
            assert (await post(http, url, secret, "tools/call", call)).status_code == 401
        assert (await http.post(url, json={})).status_code == 401
        assert (await post(http, url, reader, "tools/call", call)).status_code == 403
    async with wiring.open(settings) as memos:
        strangers = (await memos.audit.query(action="http")).lines
        assert sorted(line.rule for line in strangers) == ["token-jwt", "token-unknown", "token-unknown"]
        assert {(line.user, line.outcome, line.items) for line in strangers} == {("", "denied", ())}
        told: list[str] = []
        await memos.audit.export(told.append)
        assert not any(secret[20:40] in text for secret in (old, reader) for text in told)
        assert (await memos.audit.verify()).ok
        ben = memos.acting_as(Caller("ben", scopes=("read",)))
        his = [(line.verb, line.rule) for line in (await ben.audit.query()).lines if line.verb.startswith("http")]
        assert his == [("http.remember", "scope"), ("http", "token-revoked")]


async def test_a_flood_writes_a_few_lines_and_says_how_many_it_left_out(tmp_path: Path) -> None:
    database = Database(tmp_path / "memos.db")
    now = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
    log = Kept(database)
    refusals = Refusals(log, Tokens(SqliteLedger(database)), clock=lambda: now[0])
    for _ in range(1000):
        await refusals.token("a.b.c")
        await refusals.scope(Caller("ben"), "forget")
    assert len(log.written) == 2 * BURST
    now[0] += timedelta(minutes=2)
    for _ in range(10):
        await refusals.token("a.b.c")
    assert len(log.written) == 2 * BURST + 2
    assert log.written[-2].context == (f"skipped:{1000 - BURST}",)
    assert log.written[-1].context == ()


async def test_without_a_log_nothing_is_written_and_everybody_is_still_refused(tmp_path: Path) -> None:
    settings = configured(tmp_path).model_copy(
        update={"audit": configured(tmp_path).audit.model_copy(update={"mode": "off"})}
    )
    await token(settings)
    async with serving(settings) as url, httpx2.AsyncClient() as http:
        with anyio.fail_after(20):
            assert (await post(http, url, "a.b.c", "tools/list")).status_code == 401
    async with wiring.open(home=tmp_path, user="ada") as memos:
        assert (await memos.audit.query()).lines == ()


async def test_roles_of_a_jwt_let_its_user_in(tmp_path: Path) -> None:
    with authorization_server() as issuer:
        given = {"issuer": ISSUER, "jwks_url": issuer.jwks_url, "audience": AUDIENCE, "roles_claim": "realm.roles"}
        settings = configured(tmp_path, **given)
        async with wiring.open(settings) as memos:
            (id,) = (await memos.remember("the chart", path="shared/ward")).ids
            await memos.acl.set_rules("shared/ward", readers=["role:nurse"])
        async with serving(settings) as url, httpx2.AsyncClient() as http:
            call: dict[str, JsonValue] = {"name": "get_memory", "arguments": {"id": id}}
            for realm, seen in (({"roles": ["nurse"]}, True), ({"roles": ["guest"]}, False), ({}, False)):
                answer = await post(http, url, signed(realm=realm), "tools/call", call)
                assert ("the chart" in answer.text) == seen
            assert (await post(http, url, signed(realm={"roles": 1}), "tools/call", call)).status_code == 401


def test_only_an_administrator_sees_strangers() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    line = Access("1", now, "", "http", "denied", rule="token-unknown")
    assert Onlooker(Caller("ada"), now).view(line, {}) == line
    assert Onlooker(Caller("ada", scopes=("read", "write")), now).view(line, {}) is None
    assert Onlooker(Caller("ada", within="user/ada/x"), now).view(line, {}) is None
