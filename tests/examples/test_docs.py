"""Documentation is tested: examples run, links lead somewhere, and what can be named is named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import settings
from memos_mcp.apps import cli
from tests.imports import IMPORTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


PYTHON = [(page, code) for page in PAGES for code in blocks(page, "python")]


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[str(page.relative_to(ROOT)) for page, _ in PYTHON])
def test_every_python_example_runs(page: Path, code: str, tmp_path: Path) -> None:
    env = {**os.environ, "MEMOS_HOME": str(tmp_path), "PYTHONPATH": IMPORTS}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), page


def test_the_readme_example_prints_what_it_says(tmp_path: Path) -> None:
    env = {**os.environ, "MEMOS_HOME": str(tmp_path), "PYTHONPATH": IMPORTS}
    code = blocks(ROOT / "README.md", "python")[0]
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "Ada is allergic to shellfish." in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_json_example_is_json(page: Path) -> None:
    for block in blocks(page, "json"):
        assert json.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_the_command_line_exists(page: Path) -> None:
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    known |= {group.name for group in cli.app.registered_groups if isinstance(group.name, str)}
    shown = "\n".join(blocks(page, "") + re.findall(r"`(memos [^`]+)`", page.read_text("utf-8")))
    for word in re.findall(r"^memos ([a-z][a-z-]*)", shown, re.MULTILINE):
        assert word in known


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = page.read_text("utf-8")
    shown = "\n".join(blocks(page, "") + re.findall(r"`(make [^`]+)`", text))
    for word in re.findall(r"^make ([a-z0-9]+)", shown, re.MULTILINE):
        assert word in targets


def test_every_setting_has_a_line_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    for setting in settings.explained(home="/nowhere"):
        variable = "MEMOS_" + setting.name.upper().replace(".", "__")
        assert f"| `{setting.name}` | `{variable}` |" in page


def test_every_default_stands_in_the_reference() -> None:
    lines = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8").splitlines()
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    for setting in settings.explained(home="/nowhere"):
        if setting.source == "default" and setting.name != "user" and setting.value not in ("", "None"):
            assert f" | `{setting.value.removesuffix('.0').lower()}` | " in rows[setting.name].lower(), setting.name


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    for name in memos_mcp.__all__:
        assert f"`{name}" in page, name


def test_the_two_commands_of_the_readme_are_make_targets() -> None:
    done = subprocess.run(["make", "-n", "run", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "memos_mcp.apps.cli demo" in done.stdout
    assert "pytest" in done.stdout
