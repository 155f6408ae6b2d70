"""Update API: append, merge or overwrite the payload of a cube (long paper §5.3.2). Pure."""

from __future__ import annotations

from pydantic import JsonValue

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.duplicates import normalise
from memos_mcp.ports import How


def updated(cube: MemCube, text: str | None, data: JsonValue, how: How) -> Plaintext:
    """The payload after the change. Raises InvalidInput if this memory cannot be changed that way."""
    old = cube.payload
    if not isinstance(old, Plaintext):
        raise InvalidInput(f"memory {cube.id} is {old.kind}: only plaintext can be updated; change its sources instead")
    match how:
        case "overwrite":
            return Plaintext(text=old.text if text is None else text, data=old.data if data is None else data)
        case "append":
            return Plaintext(text=_joined(old.text, text), data=_extended(old.data, data))
        case "merge":
            return Plaintext(text=_merged(old.text, text), data=_patched(old.data, data))
        case _:
            raise InvalidInput(f"an update is overwrite, append or merge, not {how!r}")


def _joined(old: str, more: str | None) -> str:
    return old if more is None else f"{old}\n{more}" if old else more


def _merged(old: str, more: str | None) -> str:
    """The old text and, below, the lines that it does not state yet."""
    if more is None:
        return old
    known = {normalise(line) for line in old.splitlines()}
    fresh = [line for line in more.splitlines() if line.strip() and normalise(line) not in known]
    return _joined(old, "\n".join(dict.fromkeys(fresh)) if fresh else None)


def _extended(old: JsonValue, more: JsonValue) -> JsonValue:
    if more is None:
        return old
    if old is None:
        return more
    if isinstance(old, list):
        return [*old, *more] if isinstance(more, list) else [*old, more]
    raise InvalidInput("only a list can be appended to; use how='merge' to change the fields of an object")


def _patched(old: JsonValue, patch: JsonValue) -> JsonValue:
    """JSON Merge Patch (RFC 7396): objects merge field by field, null removes one, anything else replaces."""
    if patch is None:
        return old
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _patched(result.get(name), value)
    return result
