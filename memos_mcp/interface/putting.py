"""What is stored word for word under a key, and other keys for it: the verbs `put` and `rename`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from memos_mcp.cube import Kind, MemCube, Plaintext, SourceClass
from memos_mcp.errors import Conflict, InvalidInput, NotFound
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound, Never
from memos_mcp.interface.cubes import from_class, named
from memos_mcp.ports import Change, Name


@dataclass(frozen=True, slots=True)
class Given:
    """What `put` is given for a key, not yet checked."""

    text: str | None
    data: JsonValue
    kind: Kind
    tags: Sequence[str]
    source_class: SourceClass
    expect: int | None
    expires: datetime | timedelta | Never | None


async def put_under(on: Bound, path: str | None, key: str, given: Given) -> MemCube:
    """As `Memos.put`."""
    home = on.writable(path)
    name = Name(home, on.guard.check_key(checks.check_key(key)))
    labels = on.guard.labels(checks.check_tags(given.tags))
    checks.check_kinds([given.kind])
    if given.text is None and given.data is None:
        raise InvalidInput("there is nothing to put: give text or data")
    checks.check_origin(source_class=given.source_class)
    end = checks.check_last(given.expires, on.clock())
    words, value = checks.check_note(given.text or "", "the text"), checks.check_data(given.data)
    payload, doubts = await on.guard.payload(Plaintext(text=words, data=value), given.source_class, name.key)

    async def attempt() -> MemCube:
        old = next(iter(await on.vault.get([name])), None)
        rules: list[Change] = []
        if old is not None:
            old, rules = on.put_again(old, name.key, end)
        version = old.version if old else 0
        if given.expect not in (None, version):
            raise Conflict(f"{name.key!r} at {home} is at version {version}, not {given.expect}: read it again first")
        owner, now = on.caller.user, on.clock()
        until = None if end == "never" else end
        cube = named(name, payload, old, owner=owner, kind=given.kind, tags=labels, now=now, end=until)
        cube = from_class(cube, given.source_class, doubts)
        try:
            return await on.written(Change("put", cube.id, cube, expect=version), cube, rules)
        except NotFound as exc:
            raise Conflict(f"{name.key!r} at {home} was forgotten meanwhile: repeat") from exc

    return await on.repeated(attempt, given.expect)


async def renamed(on: Bound, keys: Mapping[str, str], path: str | None, reason: str) -> tuple[MemCube, ...]:
    """As `Memos.rename`."""
    home = on.writable(path)
    why, names = checks.check_reason(reason), [on.guard.check_key(checks.check_key(name)) for name in keys.values()]
    there = await on.looked_at(home)
    olds = [await on.one(Name(there, checks.check_key(key)), key) for key in keys]
    for old in olds:
        on.check("write", old)
    cubes = [
        old.model_copy(update={"version": old.version + 1, "key": new}) for old, new in zip(olds, names, strict=True)
    ]
    changes = [Change("update", c.id, c, expect=c.version - 1, reason=why) for c in cubes]
    events = await on.commit(*changes)
    return tuple(event.cube or cube for event, cube in zip(events, cubes, strict=True))
