"""A chat server that finds in memories what a table of tests/data/entities says, and states no facts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

from benchmarks.entities import DATA
from memos_mcp.interface.mentioned import role_of
from tests.openai_server import Reply, Request, said, stated

Row = dict[str, Any]


def rows(part: str) -> list[Row]:
    """The memories of a part, as they are written."""
    return tomllib.loads((DATA / f"{part}.toml").read_text("utf-8"))["memory"]


def memory_in(request: Request) -> dict[str, str] | None:
    """The memory that is asked about; None: the question is another one."""
    content: str = request.body["messages"][1]["content"]
    if not content.startswith("<memory>"):
        return None
    return json.loads(content.removeprefix("<memory>\n").removesuffix("\n</memory>"))


def found(
    entities: list[dict[str, str]], relations: list[dict[str, Any]] | None = None, aliases: list[Any] | None = None
) -> Reply:
    """An answer about a memory."""
    return said(json.dumps({"entities": entities, "relations": relations or [], "aliases": aliases or []}))


def as_labelled(*parts: str) -> Callable[[Request], Reply]:
    """Answers as a good model would: every name with the words for it, every relation with the text that says it."""
    known = {row["text"]: row for part in parts for row in rows(part)}

    def answer(request: Request) -> Reply:
        memory = memory_in(request)
        if memory is None:
            return stated()
        row = known[memory["text"]]
        named = [each.split(": ", 1) for each in row["entities"] if not each.startswith("date: ")]
        return found(
            [{"kind": kind, "name": name, "said": _said(name, memory["text"])} for kind, name in named],
            [_related(each, memory["text"]) for each in row["relations"]],
        )

    return answer


def _said(name: str, text: str) -> str:
    if name in text:
        return name
    start, end = role_of(text, name.rpartition("'s ")[2]) or (0, 0)
    return text[start:end]


def _related(label: str, text: str) -> dict[str, Any]:
    source, kind, target = re.split(" >|> ", label)
    return {
        "source": source,
        "kind": kind.removeprefix("ended "),
        "target": target,
        "detail": "",
        "sentence": text,
        "ended": kind.startswith("ended "),
    }
