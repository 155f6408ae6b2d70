"""Rows ⇄ values: how a cube, an event and a moment look in SQLite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from memos_mcp.cube import CONTENT, SCHEMA, Governance, MemCube, Origin
from memos_mcp.errors import Corrupt
from memos_mcp.ports import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BESIDE_PAYLOAD = set(CONTENT - {"payload"})

CUBE_COLUMNS = """m.id, v.version, p.path, m.key, m.state, m.created_at, v.at, v.salt, v.digest, v.payload, v.content,
    r.rules, m.sightings"""
EVENT_COLUMNS = """e.seq, e.at, e.action, coalesce(m.id, ''), e.version, coalesce(p.path, ''), e.caller, e.reason, e.branch,
    s.origin"""


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=at)


def content_of(cube: MemCube) -> tuple[str, str]:
    """Payload and the other fields that make a version, as JSON; of the latter, defaults are left out."""
    return cube.payload.model_dump_json(), cube.model_dump_json(include=_BESIDE_PAYLOAD, exclude_defaults=True)


def sealed(salt: bytes, payload: str, content: str) -> bytes:
    """Digest of a version: says later whether the bytes are still those that were written."""
    return hashlib.sha256(b"%b%b\0%b" % (salt, payload.encode(), content.encode())).digest()


def cube_of(row: Sequence[Any], rules: dict[str, Governance]) -> MemCube:
    """The cube of a row of CUBE_COLUMNS. Raises Corrupt if its content is not what was written."""
    key, version, path, name, state, created, at, salt, digest, payload, content, policy, sightings = row
    if sealed(salt, payload, content) != digest:
        raise Corrupt(f"memory {key} (version {version}) is not what was written; `memos restore BACKUP` brings a backup back")
    try:
        governance = rules.get(policy) or rules.setdefault(policy, Governance.model_validate_json(policy))
        return MemCube.model_validate(
            {
                **from_json(content),
                "payload": from_json(payload),
                "id": key,
                "version": version,
                "path": path,
                "key": name,
                "state": state,
                "created_at": moment(created),
                "updated_at": moment(at),
                "governance": governance,
                "usage": {"sightings": sightings},
            }
        )
    except ValidationError as exc:
        raise Corrupt(f"memory {key} (version {version}, schema {SCHEMA}) cannot be read: {exc}") from exc


def event_of(row: Sequence[Any], cube: MemCube | None) -> Event:
    """The event of a row of EVENT_COLUMNS."""
    seq, at, action, subject, version, path, caller, reason, branch, origin = row
    return Event(
        seq=seq,
        at=moment(at),
        action=action,
        subject=subject,
        version=version,
        path=path,
        caller=caller,
        reason=reason,
        branch=branch,
        cube=cube,
        origin=Origin.model_validate_json(origin) if origin else None,
    )


def chained(previous: bytes, line: Sequence[object]) -> bytes:
    """The chain value of a log line: no line can be changed, removed or reordered without breaking it."""
    return hashlib.sha256(previous + json.dumps(line, ensure_ascii=False, default=bytes.hex).encode()).digest()
