"""Transcripts as Claude Code writes them, and what it tells a hook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

SESSION = "0b7c5f9e-6a43-4c1d-9a55-000000000001"


def line(role: str, content: JsonValue, number: int = 0, **more: JsonValue) -> dict[str, JsonValue]:
    """One line, said in a minute of its own."""
    return {
        "type": role,
        "uuid": f"{number:08}",
        "sessionId": SESSION,
        "timestamp": f"2026-11-21T{9 + number // 60:02}:{number % 60:02}:00.123Z",
        "isSidechain": False,
        "message": {"role": role, "content": content},
        **more,
    }


def user(text: str, number: int = 0, **more: JsonValue) -> dict[str, JsonValue]:
    return line("user", text, number, **more)


def assistant(text: str, number: int = 0, **more: JsonValue) -> dict[str, JsonValue]:
    return line("assistant", [{"type": "text", "text": text}], number, **more)


def written(file: Path, lines: Sequence[JsonValue]) -> Path:
    """The transcript of a session; more lines are written to its end."""
    with file.open("a", encoding="utf-8") as out:
        out.writelines(f"{json.dumps(each)}\n" for each in lines)
    return file


def told(transcript: Path, folder: str = "/src/boats", **more: JsonValue) -> str:
    """What a hook reads on standard input."""
    call: dict[str, JsonValue] = {"session_id": SESSION, "transcript_path": str(transcript), "cwd": folder}
    return json.dumps(call | more)
