"""JWTs of an authorization server: the good one passes, everything that is not quite it does not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Generator
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.issuer import Issuer, Refused
from tests.authorization_server import (
    AUDIENCE,
    EC,
    ISSUER,
    OTHER,
    RSA,
    WEAK,
    Server,
    authorization_server,
    claims,
    rsa_key,
    signed,
)
from tests.file_server import Reply

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Generator[Server]:
    with authorization_server() as running:
        yield running


def issuer(server: Server, **given: Any) -> Issuer:
    return Issuer(ISSUER, AUDIENCE, server.jwks_url, **given)


def unsigned(header: dict[str, Any], said: dict[str, Any] | bytes) -> str:
    parts = [json.dumps(header).encode(), said if isinstance(said, bytes) else json.dumps(said).encode()]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


async def test_a_good_token_says_whose_it_is(server: Server) -> None:
    said = await issuer(server).verified(signed(azp="an-app"))
    assert (said.subject, said.user, said.client, said.issuer) == ("17", "17@login.example.org", "an-app", ISSUER)
    assert said.scopes == ("read", "write")
    assert said.expires_at > time.time()


async def test_both_algorithms_and_lists_of_audiences_and_scopes_pass(server: Server) -> None:
    known = issuer(server)
    assert (await known.verified(signed(EC, "two", "ES256", aud=["x", AUDIENCE]))).subject == "17"
    assert (await known.verified(signed(scope=None, scp=["memos:admin"]))).scopes == ("read", "write", "admin")
    assert (await known.verified(signed(scope="openid read write"))).scopes == ()
    assert server.asked == 1


async def test_clocks_may_differ_by_half_a_minute(server: Server) -> None:
    now = int(time.time())
    known = issuer(server)
    assert await known.verified(signed(exp=now - 10, nbf=now + 10, iat=now + 10))


NOW = int(time.time())


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(exp=NOW - 100), id="expired"),
        pytest.param(signed(exp=None), id="without an end"),
        pytest.param(signed(exp=float("inf")), id="an end that is no time"),
        pytest.param(signed(exp=[1]), id="an end that is a list"),
        pytest.param(signed(nbf=NOW + 1000), id="not yet"),
        pytest.param(signed(iat=NOW + 1000), id="from the future"),
        pytest.param(signed(aud="https://other.example.org/mcp"), id="for another server"),
        pytest.param(signed(aud=[]), id="for nobody"),
        pytest.param(signed(aud=None), id="without an audience"),
        pytest.param(signed(aud=AUDIENCE + "/"), id="for an address that is almost ours"),
        pytest.param(signed(iss="https://evil.example.org"), id="by another server"),
        pytest.param(signed(iss=None), id="by nobody"),
        pytest.param(signed(sub=None), id="for no subject"),
        pytest.param(signed(sub=""), id="for an empty subject"),
        pytest.param(signed(OTHER), id="with a key of somebody else"),
        pytest.param(signed(WEAK, "weak"), id="with a weak key"),
        pytest.param(signed(EC, "one", "ES256"), id="with a key of another kind"),
        pytest.param(signed(RSA, "two"), id="with the other kind of key"),
        pytest.param(signed(RSA, "three"), id="with an unknown key"),
        pytest.param(signed(RSA, None), id="without the name of a key"),
        pytest.param(signed(RSA, "one", "RS512"), id="with another hash"),
        pytest.param(signed(RSA, "one", "PS256"), id="with another padding"),
        pytest.param(unsigned({"alg": "none", "kid": "one"}, claims()), id="none"),
        pytest.param(unsigned({"alg": "nOnE", "kid": "one"}, claims()), id="none in other letters"),
        pytest.param(unsigned({"alg": "RS256", "kid": "one"}, claims()), id="without a signature"),
        pytest.param(signed()[:-4] + "AAAA", id="with a changed signature"),
        pytest.param(unsigned({"alg": "RS256", "kid": ["one"]}, claims()), id="a key's name that is a list"),
        pytest.param("a.b.c", id="no JWT"),
        pytest.param("", id="nothing"),
        pytest.param("." * 5000, id="dots"),
        pytest.param(unsigned({"alg": "RS256", "kid": "one"}, b"[" * 3000), id="deep"),
    ],
)
async def test_a_token_with_one_thing_wrong_is_refused(server: Server, token: str) -> None:
    with pytest.raises(Refused) as refused:
        await issuer(server).verified(token)
    assert not token or token not in str(refused.value)


async def test_a_public_key_is_no_secret_to_sign_with(server: Server) -> None:
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, body, _ = unsigned({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims()).split(".")
    digest = hmac.digest(public, f"{header}.{body}".encode(), "sha256")
    with pytest.raises(Refused, match="algorithm"):
        await issuer(server).verified(f"{header}.{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}")


@pytest.mark.parametrize(
    ("subject", "user"),
    [
        ("auth0|17", "auth0|17@login.example.org"),
        ("ada", "ada@login.example.org"),
        ("../eve", "..%2Feve@login.example.org"),
        ("é", "%C3%A9@login.example.org"),
        ("e\u0301", "e%CC%81@login.example.org"),
        ("a%2Fb", "a%252Fb@login.example.org"),
    ],
)
async def test_subjects_become_labels_that_no_other_subject_has(server: Server, subject: str, user: str) -> None:
    assert (await issuer(server).verified(signed(sub=subject))).user == user


@pytest.mark.parametrize(
    ("claim", "said", "roles"),
    [
        ("groups", {"groups": ["nurse", "night shift", "nurse"]}, ("nurse", "night shift")),
        ("groups", {"groups": "nurse guest"}, ("nurse", "guest")),
        ("realm_access.roles", {"realm_access": {"roles": ["nurse"]}}, ("nurse",)),
        ("https://example.org/roles", {"https://example.org/roles": ["nurse"]}, ("nurse",)),
        ("groups", {}, ()),
        ("realm_access.roles", {"realm_access": "nurse"}, ()),
        ("", {"groups": ["nurse"]}, ()),
    ],
)
async def test_roles_are_read_from_the_claim_that_is_set(
    server: Server, claim: str, said: dict[str, Any], roles: tuple[str, ...]
) -> None:
    known = Issuer(ISSUER, AUDIENCE, server.jwks_url, roles_claim=claim)
    assert (await known.verified(signed(**said))).roles == roles


@pytest.mark.parametrize("groups", [17, {"nurse": True}, ["nurse", 1], [""], ["x" * 200], ["a\nb"], ["r"] * 300])
async def test_roles_that_cannot_be_read_are_not_left_out(server: Server, groups: object) -> None:
    known = Issuer(ISSUER, AUDIENCE, server.jwks_url, roles_claim="groups")
    with pytest.raises(Refused, match="its claim groups is not a list of roles"):
        await known.verified(signed(groups=groups))


async def test_an_unknown_key_is_asked_for_once_and_then_not_for_a_while(server: Server) -> None:
    known = issuer(server)
    await known.verified(signed())
    for _ in range(5):
        with pytest.raises(Refused):
            await known.verified(signed(RSA, "three"))
    assert server.asked == 1  # not even once more: it was asked a moment ago
    known = issuer(server, pause=0)
    await known.verified(signed())
    server.publish(rsa_key(RSA, "three"))
    assert (await known.verified(signed(RSA, "three"))).subject == "17"
    with pytest.raises(Refused):  # what the server no longer publishes is no longer accepted
        await known.verified(signed())


async def test_many_at_once_ask_for_the_keys_once(server: Server) -> None:
    known = issuer(server)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(known.verified, signed())
    assert server.asked == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(b"", 302, {"Location": "/elsewhere"}),
        b"no json",
        b"[" * 100_000,
        b'{"keys": [' + b" " * 300_000 + b"]}",
    ],
)
async def test_without_keys_nobody_can_say_and_with_old_ones_it_goes_on_for_a_while(
    server: Server, reply: Reply | bytes
) -> None:
    known = issuer(server, fresh=0.0, pause=0.0)
    server.answer(reply)
    with pytest.raises(Unavailable):
        await known.verified(signed())
    bridging = issuer(server, fresh=100, pause=0.0)
    server.publish(rsa_key(RSA, "one"))
    await bridging.verified(signed())
    server.answer(reply)
    with pytest.raises(Refused):
        await bridging.verified(signed(RSA, "three"))
    assert await bridging.verified(signed())


@pytest.mark.parametrize("document", ['{"keys": 5}', "[]", '{"keys": [5, {}, {"kid": "one", "kty": "RSA"}]}', "{}"])
async def test_a_set_without_usable_keys_refuses_everybody(server: Server, document: str) -> None:
    server.answer(document.encode())
    with pytest.raises(Refused):
        await issuer(server).verified(signed())


@pytest.mark.parametrize("url", ["http://login.example.org/keys", "ftp://x/y", "file:///etc/keys", "keys"])
def test_keys_come_over_https_only(url: str) -> None:
    with pytest.raises(Misconfigured, match="https"):
        Issuer(ISSUER, AUDIENCE, url)
