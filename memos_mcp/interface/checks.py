"""What callers send, looked at once: everything that cannot be accepted is refused here. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from pydantic import JsonValue, ValidationError

from memos_mcp.cube import Kind, MemCube, Origin
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.interface.reader import check_text

MOST_DATA = 2_000_000
_MOST_TAGS = 64
_LONGEST_TAG = 128
_LONGEST_KEY = 512
_LONGEST_ID = 64
_LONGEST_NAME = 1024
KINDS: tuple[Kind, ...] = get_args(Kind)


def check_range(what: str, value: int, most: int) -> None:
    """A whole number between 1 and `most`."""
    if not 1 <= value <= most:
        raise InvalidInput(f"{what} must be between 1 and {most}, not {value}")


def check_within(seconds: float | None) -> float:
    """A time that is not over before it begins; None is for ever."""
    if seconds is not None and not seconds > 0:
        raise InvalidInput(f"within must be more than 0 seconds, not {seconds:g}")
    return math.inf if seconds is None else seconds


def check_note(text: str, what: str) -> str:
    """A text that may be empty, as long as a payload may be."""
    return check_text(text, what, empty=True)


def check_reason(reason: str) -> str:
    """Why something is changed: it stands in the log for ever, so it is short."""
    if len(reason) > _LONGEST_NAME:
        raise InvalidInput(f"the reason has {len(reason)} characters; at most {_LONGEST_NAME} are logged")
    return check_note(reason, "the reason")


def check_kinds(kinds: Sequence[Kind]) -> tuple[Kind, ...]:
    """Kinds that exist."""
    for kind in kinds:
        if kind not in KINDS:
            raise InvalidInput(f"there is no kind {kind!r}; a memory is one of {', '.join(KINDS)}")
    return tuple(kinds)


def check_origin(**given: object) -> Origin:
    """What the caller knows of a source."""
    for name, value in given.items():
        if isinstance(value, str) and value and not (value.isprintable() and len(value) <= _LONGEST_NAME):
            raise InvalidInput(f"{name} has up to {_LONGEST_NAME} printable characters")
    try:
        return Origin.model_validate(given)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        raise InvalidInput(f"{first['loc'][0]} cannot be used: {first['msg']}") from exc


def check_moment(moment: datetime, what: str) -> datetime:
    """A time with its zone; one without is in UTC."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (AttributeError, OverflowError) as exc:
        raise InvalidInput(f"{what} is a time such as 2027-01-31T12:00:00Z") from exc


def check_end(given: datetime | timedelta | None, now: datetime) -> datetime | None:
    """When a memory ends: at a time to come, or so long from now."""
    if given is None:
        return None
    try:
        end = now + given if isinstance(given, timedelta) else check_moment(given, "expires")
    except OverflowError as exc:
        raise InvalidInput("expires is further away than there is time") from exc
    if end <= now:
        raise InvalidInput(f"expires is a time to come, or how long it is until then: {end:%Y-%m-%d %H:%M} UTC is over")
    return end


def check_last(
    given: datetime | timedelta | Literal["never"] | None, now: datetime
) -> datetime | Literal["never"] | None:
    """The same of what may be told to last."""
    match given:
        case "never":
            return given
        case _:
            return check_end(given, now)


def check_id(key: str | None) -> str:
    """The shape of an id, whether or not there is such a memory."""
    if not key or len(key) > _LONGEST_ID or not key.isprintable():
        raise InvalidInput(f"{(key or '')[:_LONGEST_ID]!r} is not the id of a memory; recall or browse to find one")
    return key


def check_key(key: str) -> str:
    """The name of a memory stored by `put`."""
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f"a key has 1 to {_LONGEST_KEY} printable characters")
    return key


def check_label(label: str) -> str:
    """The name of a snapshot."""
    name = label.strip()
    if not name or len(name) > _LONGEST_TAG or not name.isprintable():
        raise InvalidInput(f"a label has 1 to {_LONGEST_TAG} printable characters")
    return name


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags without repeats, in order; a single text is one tag."""
    given = [tags] if isinstance(tags, str) else tags
    if len(given) > _MOST_TAGS or any(not t.strip() or len(t) > _LONGEST_TAG or not t.isprintable() for t in given):
        raise InvalidInput(f"tags are up to {_MOST_TAGS} texts of 1 to {_LONGEST_TAG} printable characters")
    return tuple(dict.fromkeys(tag.strip() for tag in given))


def check_whole(cube: MemCube) -> MemCube:
    """A memory that is to be written, or Denied for the partial view of one: the rest would be lost."""
    if cube.hidden:
        raise Denied(
            f"memory {cube.id} is shown to you without {', '.join(cube.hidden)}: a change would destroy what you do "
            "not see; ask its owner, or store what you have to say as a memory of its own",
            "partial",
        )
    return cube


def check_data(data: JsonValue) -> JsonValue:
    """A JSON value that comes back as it was given."""
    if data is None:
        return None
    try:
        size = len(json.dumps(data, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInput(f"the data is not JSON: {exc}") from exc
    if size > MOST_DATA:
        raise InvalidInput(f"the data has {size} bytes; at most {MOST_DATA} are stored in one memory")
    return data
