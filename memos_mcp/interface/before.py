"""What was said before a question, in the shapes in which callers have it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memos_mcp.errors import InvalidInput
from memos_mcp.interface.reader import check_text
from memos_mcp.search import Turn

Said = Turn | str | Mapping[str, object]
"""A text is the user's; a message has `content` or `text`, and a `role`: the user's unless it says another."""
_MOST = 1_000
_USERS = ("user", "human")


def turns_of(said: Sequence[Said]) -> tuple[Turn, ...]:
    """The turns, oldest first; messages without words are left out. Raises InvalidInput."""
    if isinstance(said, str | Mapping):
        said = [said]
    if len(said) > _MOST:
        raise InvalidInput(f"there are {len(said)} turns before the question; at most {_MOST} are taken, the last ones")
    return tuple(turn for number, each in enumerate(said) if (turn := _turn(each, number)) and turn.text.strip())


def _turn(each: Said, number: int) -> Turn | None:
    match each:
        case Turn():
            turn = each
        case str():
            turn = Turn(each)
        case Mapping():
            text, role = each.get("content", each.get("text")), each.get("role", "user")
            if text is None:  # a call of a tool
                return None
            if not isinstance(text, str) or not isinstance(role, str):
                raise InvalidInput(f'turn {number} is no message such as {{"role": "user", "content": "…"}}')
            turn = Turn(text, by_user=role.lower() in _USERS)
        case _:
            raise InvalidInput(f'turn {number} is neither a text nor a message such as {{"role": "user", …}}')
    check_text(turn.text, f"turn {number}", empty=True)
    return turn
