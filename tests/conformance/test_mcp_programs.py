"""The programs that judge us are pinned, and where they cannot be had the tests fail with one line that says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.imports import IMPORTS
from tests.node import PINS, Name, modules, node, program

ROOT = Path(__file__).parents[2]


def test_each_program_is_pinned_and_starts() -> None:
    pins = json.loads((PINS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert all(version[0].isdigit() for version in pins.values())
    started: list[tuple[Name, str]] = [
        ("conformance", "@modelcontextprotocol/conformance"),
        ("inspector", "@modelcontextprotocol/inspector"),
        ("mcpb", "@anthropic-ai/mcpb"),
    ]
    for name, package in started:
        command = [*program(name), *(["--cli"] if name == "inspector" else []), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said.strip() == pins[package]
    assert (modules() / "playwright-core" / "package.json").exists()


def test_the_lock_names_no_registry_and_a_checksum_for_every_package() -> None:
    lock = json.loads((PINS / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: about for name, about in lock["packages"].items() if name and not about.get("inBundle")}
    assert not [name for name, about in packages.items() if "resolved" in about or "integrity" not in about]


def test_node_is_the_one_of_the_test_environment_and_new_enough() -> None:
    said = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    assert Path(sys.prefix) in node().parents
    assert int(said.removeprefix("v").split(".")[0]) >= 22


def test_one_line_says_that_no_registry_answers_and_nothing_is_kept(tmp_path: Path) -> None:
    env = {
        "MEMCUBE_ENVS": str(tmp_path / "envs"),
        "npm_config_cache": str(tmp_path / "cache"),
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_fetch_retries": "0",
        "PYTHONPATH": IMPORTS,
    }
    command = [sys.executable, "-c", "from tests import node; node.program('conformance')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env)
    assert done.returncode == 1
    assert "npm could not install tests/node: no npm registry answered" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "envs").glob("node-*/ready"))
