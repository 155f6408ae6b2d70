"""Put our entry into the file of a client and take it out again: nothing else changes, and nothing is lost."""

from __future__ import annotations

import codecs
import errno
import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from memos_mcp.apps import client_json, client_toml
from memos_mcp.apps.clients import Client, is_ours, merged
from memos_mcp.errors import Conflict, InvalidInput, Unavailable

Action = Literal["added", "changed", "unchanged", "removed", "absent"]

_FORMS = {"json": client_json, "toml": client_toml}


class Unclear(InvalidInput):
    """A file is broken, or written in a way that cannot be changed surely: a person has to do it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of a file: its new text, or None if it stays as it is."""

    action: Action
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a file, where its former content is kept, and whether its folder was missing."""

    action: Action
    backup: Path | None = None
    new_folder: bool = False


def snippet(client: Client, name: str, entry: Mapping[str, Any]) -> str:
    """What a person puts into the file by hand."""
    return _FORMS[client.form].shown({client.key: {name: dict(entry)}})


def connect(file: Path, client: Client, name: str, entry: Mapping[str, Any], now: datetime) -> Done:
    """Write the entry into a client's file, which is made if need be; a second time changes nothing.

    Everything else in the file stays character for character. What was there is kept beside it. Raises InvalidInput
    if the file is broken or the name belongs to another server, Unavailable if the disk refuses, Conflict if
    somebody else wrote the file meanwhile.
    """
    return _rewrite(file, now, lambda text: with_entry(text, str(file), client, name, entry))


def disconnect(file: Path, client: Client, name: str, now: datetime) -> Done:
    """Take the entry out of a client's file. Promises and raises what `connect` does."""
    return _rewrite(file, now, lambda text: without_entry(text, str(file), client, name))


def with_entry(text: str, file: str, client: Client, name: str, entry: Mapping[str, Any]) -> Edit:
    """The text of a file with our entry in it; `file` is its name in errors. Raises InvalidInput."""
    form = _FORMS[client.form]
    data = _read(text, file, client)
    old = _servers(data, file, client).get(name)
    if old is not None and not is_ours(old):
        raise InvalidInput(f"{file} has another server named {name!r}; choose a name for ours with --name")
    wanted = merged(cast("dict[str, Any]", old or {}), entry)
    if old == wanted:
        return Edit("unchanged")
    expected = deepcopy(data)
    expected.setdefault(client.key, {})[name] = wanted
    path = (client.key, name)

    def change() -> str:
        return form.add(text, path, wanted) if old is None else _brought(text, path, old, wanted, client)

    return Edit("added" if old is None else "changed", _sure(change, expected, file, client))


def without_entry(text: str, file: str, client: Client, name: str) -> Edit:
    """The text of a file without our entry; `file` is its name in errors. Raises InvalidInput."""
    data = _read(text, file, client)
    old = _servers(data, file, client).get(name)
    if old is None:
        return Edit("absent")
    if not is_ours(old):
        raise InvalidInput(
            f"{file} has a server named {name!r}, but it is not ours; take it out by hand if you are sure"
        )
    expected = deepcopy(data)
    del expected[client.key][name]
    return Edit("removed", _sure(lambda: _dropped(text, (client.key, name), client), expected, file, client))


def _brought(text: str, path: tuple[str, ...], old: Any, new: Any, client: Client) -> str:
    """Every value that differs, one by one: comments and the order of names stay."""
    form = _FORMS[client.form]
    for name in [name for name in old if name not in new]:
        text = form.drop(text, (*path, name))
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            text = _brought(text, (*path, name), before, value, client)
        elif name not in old or value != before:
            text = form.put(text, (*path, name), value)
    return text


def _dropped(text: str, path: tuple[str, ...], client: Client) -> str:
    text = _FORMS[client.form].drop(text, path)
    empty = client.form == "toml" and not text.strip()
    return "" if empty else text


def _sure(change: Callable[[], str], expected: Any, file: str, client: Client) -> str:
    """The changed text, if it means exactly what it must. Raises InvalidInput."""
    try:
        text = change()
        if _FORMS[client.form].read(text, comments=client.comments) in (expected, _without_empty(expected, client)):
            return text
    except ValueError:
        pass  # written in a way that the edit does not know: the file stays as it is
    raise Unclear(f"{file} is written in a way that cannot be changed surely; nothing was changed: edit it by hand")


def _without_empty(expected: Any, client: Client) -> Any:
    """In TOML a table of tables goes with the last of them."""
    gone = client.form == "toml" and expected[client.key] == {}
    return {name: value for name, value in expected.items() if not gone or name != client.key}


def _read(text: str, file: str, client: Client) -> dict[str, Any]:
    try:
        data = _FORMS[client.form].read(text, comments=client.comments)
    except json.JSONDecodeError as exc:
        where = f"{file}, line {exc.lineno}, column {exc.colno}"
        raise Unclear(f"{where}: this is not JSON ({exc.msg}); nothing was changed: correct it there") from exc
    except tomllib.TOMLDecodeError as exc:
        raise Unclear(f"{file}: this is not TOML: {exc}; nothing was changed: correct it there") from exc
    except RecursionError as exc:
        raise Unclear(f"{file} is nested too deeply to be read; nothing was changed") from exc
    if not isinstance(data, dict):
        raise Unclear(f"{file} does not hold an object in braces; nothing was changed: correct it by hand")
    return cast("dict[str, Any]", data)


def _servers(data: dict[str, Any], file: str, client: Client) -> dict[str, Any]:
    servers = data.get(client.key, {})
    if not isinstance(servers, dict):
        raise Unclear(f"{file}: {client.key} does not hold servers by name; nothing was changed: correct it by hand")
    return cast("dict[str, Any]", servers)


def _rewrite(file: Path, now: datetime, change: Callable[[str], Edit]) -> Done:
    try:
        before = _bytes(file)
        mark = codecs.BOM_UTF8 if (before or b"").startswith(codecs.BOM_UTF8) else b""
        edit = change((before or b"")[len(mark) :].decode())
        if edit.text is None:
            return Done(edit.action)
        new_folder = not file.parent.exists()
        backup = _replace(file, before, mark + edit.text.encode(), now)
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{file} is not a text in UTF-8 (byte {exc.start}); nothing was changed") from exc
    except UnicodeEncodeError as exc:
        raise InvalidInput(f"{exc.object!r} holds what is no text; move it to a path with a name in UTF-8") from exc
    except OSError as exc:
        why = f"{file} cannot be changed: {exc.strerror}"
        raise Unavailable(f"{why}; see who may write there, or put the entry in by hand (--print)") from exc
    return Done(edit.action, backup, new_folder)


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _replace(file: Path, before: bytes | None, after: bytes, now: datetime) -> Path | None:
    """Give the file, or what it is a link to, a new content at once; what was there is kept beside it."""
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if before is None else stat.S_IMODE(target.stat().st_mode)
    if before is not None and not (mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(errno.EACCES, "the file may only be read")  # its folder would let us replace it
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    made = Path(name)
    try:
        _fill(handle, after, mode)
        if _bytes(file) != before:
            raise Conflict(f"{file} was written by somebody else just now; it was not changed: run this again")
        backup = None if before is None else _kept(file, before, mode, now)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return backup


def _kept(file: Path, content: bytes, mode: int, now: datetime) -> Path:
    stem = f"{file.name}.bak-{now:%Y%m%d-%H%M%S}"
    count = 1
    while True:
        backup = file.with_name(stem if count == 1 else f"{stem}-{count}")
        try:
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            count += 1
            continue
        _fill(handle, content, mode)
        return backup


def _fill(handle: int, content: bytes, mode: int) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)
