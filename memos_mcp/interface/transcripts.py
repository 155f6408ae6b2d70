"""What was said in a session of Claude Code, from the file it keeps of it (JSON Lines). Pure.

The form of that file is promised by nobody. So a line counts only if it surely holds words of the user or of the
assistant: results of tools, thoughts, side chains, summaries, errors and what the program says itself are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from memos_mcp.interface.moments import moment
from memos_mcp.late import late

LONGEST = 400_000
"""Characters of a message at most: a longer one is pasted matter, no talk, and left out."""

_SPEAKERS = ("user", "assistant")
_ASIDE = ("isMeta", "isSidechain", "isCompactSummary", "isVisibleInTranscriptOnly", "isApiErrorMessage")
_BY_NOBODY = "<synthetic>"
_MARKED = (
    "system-reminder command-name command-message command-args command-contents local-command-stdout "
    "local-command-stderr local-command-caveat bash-input bash-stdout bash-stderr task-notification "
    "ide_opened_file ide_selection user-prompt-submit-hook"
).split()
_OPENING = late(rf"<({'|'.join(_MARKED)})(?: [^<>\n]{{0,200}})?>")
_INTERRUPTED = late(r"\[Request interrupted by user[^\]\n]*\]")
_LONGEST_SESSION = 256


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the shape that `Memos.remember` reads, its session, and the byte at which its line ends."""

    message: JsonValue
    session: str
    end: int


@dataclass(slots=True)
class Transcript:
    """A reader of lines. `at` is the byte of the file it has come to, `malformed` counts lines it could not read."""

    session: str
    at: int = 0
    malformed: int = 0

    def messages(self, lines: Iterable[bytes]) -> Iterator[Said]:
        """The messages in the lines from `at` on, in order. A last line that is not written to its end yet is left."""
        for line in lines:
            value = _parsed(line)
            if value is None and not line.endswith(b"\n"):
                return
            self.at += len(line)
            if not isinstance(value, dict):
                self.malformed += bool(line.strip())
            elif (message := _message(value)) is not None:
                session = _session(value) or self.session
                yield Said(message | {"session": session}, session, self.at)


def _parsed(line: bytes) -> JsonValue:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _message(line: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """The message of a line, if the user or the assistant said it to the other."""
    role, message = line.get("type"), line.get("message")
    if role not in _SPEAKERS or any(line.get(mark) for mark in _ASIDE) or not isinstance(message, dict):
        return None
    if message.get("role", role) != role or message.get("model") == _BY_NOBODY:
        return None
    text = _words(message.get("content"), by_user=role == "user")
    if not text or len(text) > LONGEST:
        return None
    when = line.get("timestamp")
    return {"role": role, "content": text} | ({"said_at": when} if moment(when) is not None else {})


def _session(line: dict[str, JsonValue]) -> str:
    """The session it was said in: another than that of the file, where a session was copied to go on from it."""
    named = line.get("sessionId")
    return named if isinstance(named, str) and len(named) <= _LONGEST_SESSION and named.isprintable() else ""


def _words(content: JsonValue, *, by_user: bool) -> str:
    """The text blocks of a message, without what the program put among the words of the user."""
    blocks = [content] if isinstance(content, str) else content if isinstance(content, list) else []
    texts = [block if isinstance(block, str) else _text(block) for block in blocks]
    text = "\n".join(text for text in texts if text)
    if by_user:
        text = _INTERRUPTED.sub("", _unmarked(text))
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _text(block: JsonValue) -> str:
    if not isinstance(block, dict) or block.get("type") != "text":
        return ""
    text = block.get("text")
    return text if isinstance(text, str) else ""


def _unmarked(text: str) -> str:
    """The text without what stands between the marks of the program; a mark that is never closed is a word."""
    kept: list[str] = []
    at = 0
    open_ended: set[str] = set()
    while opening := _OPENING.search(text, at):
        name, end = opening[1], -1
        if name not in open_ended:
            end = text.find(f"</{name}>", opening.end())
        if end < 0:
            open_ended.add(name)
            kept.append(text[at : opening.end()])
            at = opening.end()
        else:
            kept.append(text[at : opening.start()])
            at = end + len(name) + 3
    return "".join((*kept, text[at:]))
