"""`memos privacy`: what the settings would find in a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]
TEXT = "Ines (CASE-20417, ines@example.org) is allergic to penicillin."


def test_values_are_shown_with_their_class_and_nothing_is_stored(memos: Run, tmp_path: Path) -> None:
    shown = memos("privacy", TEXT).stdout
    assert "Ines (CASE-20417, [EMAIL]) is allergic" in shown
    assert "1 value; the setting privacy.mode is off" in shown
    assert "ines@example.org" in shown
    assert not (tmp_path / "home").exists()


def test_patterns_of_the_settings_count(memos: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_PRIVACY__PATTERNS", r'{"CASE": "CASE-\\d{4,6}"}')
    file = tmp_path / "note.txt"
    file.write_text(TEXT, "utf-8")
    answer = json.loads(memos("privacy", "--file", str(file), "--json").stdout)
    assert [each[0] for each in answer["found"]] == ["CASE", "EMAIL"]


def test_a_pattern_that_could_take_too_long_is_refused(memos: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_PRIVACY__PATTERNS", '{"CASE": "(a+)+"}')
    assert "the settings of privacy cannot be used" in memos("privacy", "x", code=8).stderr
