"""Rows ⇄ values: how a cube, an event and a moment look in SQLite, and the digests that guard them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json

from memos_mcp.cube import CONTENT, SCHEMA, Governance, MemCube, Origin, State
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.storage.cold import unpacked
from memos_mcp.ports import Event, Revision

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Most memories have an origin and nothing else beside their payload: writing only that is twice as fast.
_DEFAULTS = {name: MemCube.model_fields[name].default for name in sorted(CONTENT - {"payload", "origin"})}

_MOVES = ("move", "freeze", "thaw", "arrive")  # lines that have the name of a state where others have a digest
ADVICE = "`memos restore BACKUP` brings a backup back"


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=at)


def content_of(cube: MemCube) -> tuple[str, str]:
    """Payload and the other fields that make a version, as JSON; of the latter, defaults are left out."""
    origin = cube.origin.model_dump_json(exclude_defaults=True)
    others = {name: value for name, default in _DEFAULTS.items() if (value := getattr(cube, name)) != default}
    if cube.mentions is not None:  # most of their fields say nothing: a third of the bytes
        others["mentions"] = cube.mentions.model_dump(exclude_defaults=True)
    more = f",{to_json(others).decode()[1:-1]}" if others else ""
    return cube.payload.model_dump_json(), f'{{"origin":{origin}{more}}}'


def sealed(salt: bytes, name: tuple[str, int, int, int], payload: str, content: str) -> bytes:
    """Digest of a version: says later whether its bytes are still those that were written.

    `name` is its id, its number, and when the memory and the version were made: another version's row never passes.
    """
    key, version, created, at = name
    return hashlib.sha256(salt + f"{key}\0{version}\0{created}\0{at}\0{payload}\0{content}".encode()).digest()


def is_sealed(salt: object, name: tuple[str, int, int, int], payload: object, content: str, digest: object) -> bool:
    """Does the digest belong to the version, packed or not? In a damaged file a value may even have another type."""
    return isinstance(salt, bytes) and sealed(salt, name, unpacked(payload), content) == digest


def chained(previous: bytes, line: Sequence[str | int], digest: bytes | None) -> bytes:
    """The chain value of a log line: no line can be changed, removed or reordered without breaking it.

    `line` is (seq, at, action, id, version, path, branch, caller, reason), hashed as compact JSON after the digest.
    """
    return hashlib.sha256(previous + (digest or b"") + to_json(line)).digest()


def is_chained(previous: object, line: Sequence[str | int], digest: object, chain: object) -> bool:
    """Does the chain value belong to the line and to the line before it?"""
    if not isinstance(previous, bytes) or not isinstance(digest, bytes | None):
        return False
    try:
        return chained(previous, line, digest) == chain
    except ValueError:  # bytes in the place of a text
        return False


def checksum(after: int, upto: int, data: bytes) -> bytes:
    """The digest of a segment: its bytes and the part of the log they stand for."""
    return hashlib.sha256(b"%d %d " % (after, upto) + data).digest()


def cube_of(row: Sequence[Any], rules: dict[str, Governance]) -> MemCube:
    """The cube of the first columns of view `cube`. Raises Corrupt if its content is not what was written."""
    (
        key,
        version,
        path,
        name,
        state,
        created,
        at,
        salt,
        digest,
        payload,
        content,
        policy,
        sightings,
        held,
        vouched,
        expires,
    ) = row
    if not is_sealed(salt, (key, version, created, at), payload, content, digest):
        raise Corrupt(f"memory {key} (version {version}) is not what was written; {ADVICE}")
    try:
        governance = governed(policy, expires, rules)
        return MemCube.model_validate(
            {
                **from_json(content),
                "payload": from_json(unpacked(payload)),
                "id": key,
                "version": version,
                "path": path,
                "key": name,
                "state": state,
                "created_at": moment(created),
                "updated_at": moment(at),
                "governance": governance,
                "usage": {"sightings": sightings},
                "quarantined": held.split() if held else (),
                "vouched_by": vouched or "",
            }
        )
    except (TypeError, ValueError, OverflowError) as exc:
        raise Corrupt(f"memory {key} (version {version}, schema {SCHEMA}) cannot be read: {exc}; {ADVICE}") from exc


def governed(policy: str, expires: int | None, rules: dict[str, Governance]) -> Governance:
    """The rules of a memory; those that stand for many are made once."""
    known = rules.get(policy) or rules.setdefault(policy, Governance.model_validate_json(policy))
    return known if expires is None else known.model_copy(update={"expires_at": moment(expires)})


def revision_of(row: Sequence[Any], rules: dict[str, Governance]) -> Revision:
    """A change of rules."""
    seq, at, key, path, by, reason, *pairs = row
    old, new, now = (governed(pairs[i], pairs[i + 1], rules) for i in (0, 2, 4))
    return Revision(seq, moment(at), key, path, by, reason, old, new, now)


def rules_of(governance: Governance) -> tuple[str, bool]:
    """Rules as they are interned, without when the memory expires, and whether they say who may or may not."""
    restricted = bool(governance.readers or governance.writers or governance.denied or governance.contexts)
    return governance.model_dump_json(exclude_defaults=True, exclude={"expires_at"}), restricted


def event_of(row: Sequence[Any], rules: dict[str, Governance]) -> Event:
    """The event of a row of view `line`. Raises Corrupt if it, or the version it wrote, is not what was written."""
    line, (digest, chain, before, origin, written, forgotten) = row[:9], row[9:15]
    seq, at, action, subject, version, path, branch, caller, reason = line
    gone = forgotten is not None or (row[19] is None and row[20] == digest)  # forgotten, or this version compacted
    lost = digest is not None and action not in _MOVES and (row[20] != digest if written else not gone)
    if lost or not is_chained(before or b"", line, digest, chain):
        raise Corrupt(f"line {seq} of the log is not what was written; {ADVICE}")
    try:
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
            cube=cube_of((subject, version, row[30] or path, *row[15:28]), rules) if written else None,
            origin=Origin.model_validate_json(origin) if origin else None,
            rules=governed(row[23], row[27], rules) if row[23] else None,
            state=_state_of(action, digest, row[16]),
            now=row[30] or "",
        )
    except (TypeError, ValueError, OverflowError) as exc:
        raise Corrupt(f"line {seq} of the log cannot be read: {exc}; {ADVICE}") from exc


def _state_of(action: str, digest: bytes | None, now: str) -> State | None:
    """The state that a move leads to; that of now, of a sighting and of a copy in a branch."""
    if action in _MOVES and digest:
        return State(digest.decode())
    return State(now) if action in (*_MOVES, "sight", "fork") else None
