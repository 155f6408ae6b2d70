"""`memos privacy`: what the settings would find in a text, before it is remembered. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Json
from memos_mcp.interface.privacy_views import PersonalData, marked

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Looked:
    """The text with marks, and what each stands for: class, first and last character, by what it was known."""

    mode: str
    text: str
    found: tuple[PersonalData, ...]


def privacy(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT|-", help="What to look through; - reads it.")
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A text file.")] = None,
    json: Json = False,
) -> None:
    """Show the personal data in a text, as the settings find it; nothing is stored."""
    words = terminal.guarded(lambda: terminal.content_of(text or [], file), json=json)

    def look() -> Looked:
        chosen = configuration.load().privacy
        found = wiring.recognisers(chosen).found(words)
        return Looked(chosen.mode, marked(words, found).text, found)

    terminal.out(terminal.guarded(look, json=json), lambda seen: _view(seen, words), json=json)


def _view(seen: Looked, words: str) -> RenderableType:
    number = shown.count(len(seen.found), "value", "values")
    lines = [Text(shown.plain(seen.text)), Text(f"{number}; the setting privacy.mode is {seen.mode}", style="dim")]
    for each in seen.found:
        value = shown.one_line(words[each.start : each.end])
        lines.append(Text(f"{each.kind:<16} {value[:_LONGEST]:<{_LONGEST}}  {each.why}"))
    return Group(*lines)
