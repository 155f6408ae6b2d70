"""Tokens: what is made is accepted until it ends or is revoked, and only its hash is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from memos_mcp import wiring
from memos_mcp.apps.access import Holder, Tokens
from memos_mcp.errors import Corrupt, Denied, InvalidInput, NotFound
from memos_mcp.infrastructure.credentials import id_of, levels, made, matches
from memos_mcp.ledger import Ledger
from memos_mcp.ports import Caller

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    opened = wiring.ledger(home=tmp_path, user="ada")
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(ledger: Ledger, clock: Clock) -> Tokens:
    return Tokens(ledger, clock)


async def test_a_token_stands_for_its_principal_with_its_scopes_and_its_path(tokens: Tokens) -> None:
    new = await tokens.create("laptop", user="ben", scope="write", path=" user/ben/jobs/ ")
    holder = await tokens.holder(new.secret)
    assert holder == Holder(new.token.id, Caller("ben", scopes=("read", "write"), within="user/ben/jobs"), None)


async def test_a_token_ends_when_its_time_is_over(tokens: Tokens, clock: Clock) -> None:
    new = await tokens.create("guest", user="ada", scope="read", lasts=timedelta(days=30))
    clock.now += timedelta(days=30, seconds=-1)
    assert await tokens.holder(new.secret)
    clock.now += timedelta(seconds=1)
    assert await tokens.holder(new.secret) is None
    assert [token.state for token in await tokens.list()] == ["expired"]


async def test_a_revoked_token_is_refused_at_once_by_everybody(tokens: Tokens, tmp_path: Path) -> None:
    new = await tokens.create("laptop", user="ada", scope="read")
    other = wiring.ledger(home=tmp_path, user="ada")
    assert await Tokens(other).holder(new.secret)
    assert (await tokens.revoke("laptop")).state == "revoked"
    assert await Tokens(other).holder(new.secret) is None
    assert (await tokens.revoke("laptop")).state == "revoked"
    await other.aclose()


async def test_a_name_is_free_again_when_its_token_is_revoked(tokens: Tokens) -> None:
    first = await tokens.create("laptop", user="ada", scope="read")
    with pytest.raises(InvalidInput, match="already"):
        await tokens.create("laptop", user="ben", scope="read")
    await tokens.revoke("laptop")
    second = await tokens.create("laptop", user="ada", scope="read")
    assert await tokens.holder(first.secret) is None
    assert await tokens.holder(second.secret)
    assert (await tokens.revoke("laptop")).id == second.token.id
    assert await tokens.holder(second.secret) is None


async def test_a_token_is_revoked_by_its_id_too(tokens: Tokens) -> None:
    new = await tokens.create("laptop", user="ada", scope="read")
    assert (await tokens.revoke(new.token.id)).name == "laptop"
    with pytest.raises(NotFound, match="no token 'phone'"):
        await tokens.revoke("phone")


async def test_only_a_hash_is_kept_and_nothing_shows_the_token(
    tokens: Tokens, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    new = await tokens.create("laptop", user="ada", scope="read")
    secret = new.secret.split("_", 2)[2]
    await tokens.holder(new.secret)
    await tokens.revoke("laptop")
    await tokens.holder(new.secret)
    assert "a token was refused" in caplog.text
    for text in (repr(new), str(new), repr(await tokens.list()), caplog.text, *(str(vars(r)) for r in caplog.records)):
        assert secret not in text
    async for file in anyio.Path(tmp_path).glob("memos.db*"):
        assert secret.encode() not in await file.read_bytes()


async def test_a_token_that_is_not_quite_one_is_refused(tokens: Tokens) -> None:
    new = (await tokens.create("laptop", user="ada", scope="read")).secret
    other = made()[1]
    last = "A" if new[-1] != "A" else "B"
    for wrong in (
        "",
        "memos_",
        new[:-1],
        new + "A",
        new[:-1] + last,
        new.upper(),
        f" {new}",
        other,
        new[:19] + other[19:],
    ):
        assert await tokens.holder(wrong) is None, wrong


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "a\x1b[31mb"])
async def test_a_name_can_be_read(tokens: Tokens, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        await tokens.create(name, user="ada", scope="read")


async def test_a_token_opens_no_more_than_its_principal_may(tokens: Tokens) -> None:
    with pytest.raises(Denied, match="ben may not read 'user/ada'"):
        await tokens.create("laptop", user="ben", scope="read", path="user/ada")
    with pytest.raises(InvalidInput, match="cannot be a user's name"):
        await tokens.create("laptop", user="ben/ada", scope="read")
    with pytest.raises(InvalidInput, match="ten years"):
        await tokens.create("laptop", user="ben", scope="read", lasts=timedelta(days=9999))
    assert await tokens.list() == []


async def test_a_damaged_token_lets_nobody_in(tokens: Tokens, ledger: Ledger) -> None:
    new = await tokens.create("laptop", user="ada", scope="read")
    await ledger.write("token", new.token.id, {"name": "laptop", "scope": "root"})
    with pytest.raises(Corrupt, match="make a new one"):
        await tokens.holder(new.secret)


def test_tokens_are_alike_in_form_and_different_in_content() -> None:
    all_made = [made() for _ in range(100)]
    assert len({secret for _, secret, _ in all_made}) == len({id for id, _, _ in all_made}) == 100
    for id, secret, kept in all_made:
        assert id_of(secret) == id
        assert matches(secret, kept)
        assert not matches(secret, all_made[0][2]) or secret == all_made[0][1]


@pytest.mark.parametrize("text", ["memos_", "memos__", "memos_zzz", "memos_" + "é" * 12 + "_" + "a" * 43, "x" * 62])
def test_what_has_another_form_has_no_id(text: str) -> None:
    assert id_of(text) is None


def test_a_scope_includes_those_before_it() -> None:
    assert [levels(scope) for scope in ("read", "write", "admin")] == [
        ("read",),
        ("read", "write"),
        ("read", "write", "admin"),
    ]
