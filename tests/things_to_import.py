"""Files that `memos import` is tried on."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue


def jsonl(file: Path, *values: JsonValue) -> Path:
    file.write_text("".join(f"{json.dumps(value)}\n" for value in values), "utf-8")
    return file


def talk(*words: str, session: str = "s1") -> list[JsonValue]:
    return [{"speaker": "Ada", "text": each, "session": session} for each in words]


def everything(folder: Path) -> Path:
    """A folder with one of each."""
    (folder / "sub").mkdir()
    (folder / "tea.md").write_text("# Tea\n\nGreen.\n\n# Coffee\n\nBlack.", "utf-8")
    (folder / "sub" / "chat.txt").write_text("Ada: Do you like rum?\nBen: I do!\nAda: Me too.", "utf-8")
    (folder / "sub" / "list.JSON").write_text(json.dumps([{"role": "user", "content": "I like figs."}]), "utf-8")
    jsonl(folder / "turns.jsonl", *talk("one", "two"), *talk("three", session="s2"))
    export = {"mapping": {"a": {"message": None}}, "id": "c"}
    (folder / "conversations.json").write_text(json.dumps([export]), "utf-8")
    return folder
