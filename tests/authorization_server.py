"""An authorization server as far as we see one: its keys over HTTP, and what it signs."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.file_server import Files, Reply, served

ISSUER = "https://login.example.org"
AUDIENCE = "https://memory.example.org/mcp"

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 that is what it is for
EC = ec.generate_private_key(ec.SECP256R1())


def rsa_key(key: rsa.RSAPrivateKey, name: str, **more: str) -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig"} | more


def ec_key(name: str) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(EC.public_key(), as_dict=True) | {"kid": name}


@dataclass
class Server:
    """Its keys may change, its answers may fail; `asked` counts."""

    files: Files

    @property
    def jwks_url(self) -> str:
        return f"{self.files.url}/jwks.json"

    @property
    def asked(self) -> int:
        return len(self.files.asked)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.files.replies["/jwks.json"] = json.dumps({"keys": keys}).encode()

    def answer(self, reply: Reply | bytes) -> None:
        self.files.replies["/jwks.json"] = reply


@contextmanager
def authorization_server() -> Generator[Server]:
    with served() as files:
        server = Server(files)
        server.publish(rsa_key(RSA, "one"), ec_key("two"), rsa_key(WEAK, "weak"))
        yield server


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that are in order; None takes one out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "17", "exp": now + 300, "iat": now, "scope": "memos:write openid"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: Any = RSA, kid: str | None = "one", algorithm: str = "RS256", **changes: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of the keys is weak
        return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid} if kid else {})
