"""The referees of the protocol: the conformance suite and the Inspector, run against real servers over real transports.

The scenarios that need names of their own run against our app with those names on top (tests/everything), the others
against `memos serve` and `memos-mcp` as users start them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
import pytest
from pydantic import BaseModel

from tests.everything.app import names
from tests.http_server import HANDSHAKE, MODERN, configured, token
from tests.imports import IMPORTS
from tests.node import program

ROOT = Path(__file__).parents[2]
LONGEST = 120  # seconds
SERVE = ["-m", "memos_mcp.apps.cli", "serve", "--port", "0"]
OPEN = {"MEMOS_HTTP__OPEN_ON_LOOPBACK": "true"}  # the suite cannot send a token

NAME_FREE = {
    HANDSHAKE: [
        *("server-initialize", "server-session-lifecycle", "ping", "tools-list", "resources-list", "prompts-list"),
        *("completion-complete", "server-sse-multiple-streams", "dns-rebinding-protection"),
    ],
    MODERN: [
        *("server-stateless", "tools-list", "resources-list", "prompts-list", "completion-complete"),
        *("server-sse-multiple-streams", "sep-2164-resource-not-found", "caching", "http-header-validation"),
        *("input-required-result-unsupported-methods", "dns-rebinding-protection"),
    ],
}
NOT_OFFERED = re.compile(r"tasks-|server-sse-polling")  # extension of tasks; streams that are taken up again
CHANGES_ITS_LISTS = re.compile(r"sep-2575-server-sends-(prompts|tools)-list-changed")  # by tools of the suite
NOT_OURS = {
    *("remember", "memory://profile"),  # of the product: the first tool and the first resource
    "test://nonexistent-resource-for-conformance-testing",
    *("confirm_delete", "failing_job", "greet", "multi_input", "protocol_error_job", "slow_compute"),  # tasks
    "test_tool_with_task",
}
LISTED_ONLY = {"json_schema_2020_12_tool", "test://watched-resource"}

Report = dict[str, list["Check"]]


class Check(BaseModel):
    """One line of the suite."""

    id: str
    status: str
    errorMessage: str = ""  # noqa: N815 the name in the file
    details: dict[str, object] = {}

    @property
    def untestable(self) -> bool:
        """Would it need one of the suite's names?"""
        return "untestable" in self.details


@dataclass(frozen=True, slots=True)
class Judged:
    """What the suite found with the names on top: of both revisions, and which names it used."""

    reports: dict[str, Report]
    passed: dict[str, bool]
    used: set[str]


@contextmanager
def started(command: Sequence[str | Path], home: Path, **more: str) -> Generator[str]:
    """A server process and its address; it must stop when told to, without having crashed on anything."""
    env = environment(home) | more
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True, env=env) as run:
        said: list[str] = []
        heard = threading.Event()
        listening = threading.Thread(target=listen, args=(run.stderr, said, heard))
        listening.start()
        try:
            assert heard.wait(LONGEST)
            address = re.search(r"serving MCP at (\S+);", "".join(said))
            assert address, "".join(said)
            yield address[1]
            run.terminate()
            run.wait(LONGEST)
        finally:
            run.kill()
            listening.join(LONGEST)
    assert "Traceback" not in "".join(said), "".join(said)[-4000:]


def listen(said_by_server: IO[str], said: list[str], heard: threading.Event) -> None:
    """Keep all it says; `heard` is set with the line that tells the address, or when it is over."""
    for line in said_by_server:
        said.append(line)
        if "serving MCP at " in line:
            heard.set()
    heard.set()


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR")}
    memos = {"MEMOS_HOME": str(home), "MEMOS_USER": "ada", "MEMOS_EMBEDDER__KIND": "none"}
    return kept | memos | {"PYTHONPATH": IMPORTS, "HOME": str(home)}


def conformance(url: str, out: Path, *arguments: str) -> tuple[bool, Report]:
    """Did everything that counts pass, and what the suite wrote of each scenario."""
    command = [*program("conformance"), "server", "--url", url, "--output-dir", str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    report: Report = {}
    for folder in out.iterdir():
        found = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", folder.name)
        assert found, folder.name
        checks = json.loads((folder / "checks.json").read_text(encoding="utf-8"))
        report[found[1]] = [Check.model_validate(check) for check in checks]
    assert report, done.stdout + done.stderr
    return done.returncode == 0, report


def required(revision: str) -> set[str]:
    """The scenarios that count for a revision, as the suite lists them."""
    command = [*program("conformance"), "list", "--server", "--requirements", revision]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST).stdout
    counted = listed.split("Server scenarios", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^  - (\S+)", counted, re.MULTILINE))


def wrong(report: Report, *statuses: str) -> list[str]:
    return [
        f"{scenario}: {check.id}: {check.status} {check.errorMessage}"
        for scenario, checks in sorted(report.items())
        for check in checks
        if check.status in statuses
    ]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Both revisions against our app with the names of the suite on top."""
    folder = tmp_path_factory.mktemp("everything")
    calls = folder / "calls"
    with started(["-m", "tests.everything", folder, calls], folder) as url:
        found = {each: conformance(url, folder / each, "--requirements", each) for each in (HANDSHAKE, MODERN)}
    return Judged(
        reports={revision: report for revision, (_, report) in found.items()},
        passed={revision: passed for revision, (passed, _) in found.items()},
        used=set(calls.read_text(encoding="utf-8").splitlines()),
    )


@pytest.mark.parametrize("revision", [HANDSHAKE, MODERN])
def test_every_scenario_that_counts_passes_whole(judged: Judged, revision: str) -> None:
    report = judged.reports[revision]
    counted = required(revision)
    assert len(counted) == {HANDSHAKE: 30, MODERN: 37}[revision]
    assert counted <= report.keys()
    counting = {scenario: checks for scenario, checks in report.items() if scenario in counted}
    assert wrong(counting, "FAILURE", "SKIPPED", "WARNING") == []
    assert judged.passed[revision]


@pytest.mark.parametrize("revision", [HANDSHAKE, MODERN])
def test_of_what_does_not_count_only_what_is_not_offered_fails(judged: Judged, revision: str) -> None:
    others = {name: checks for name, checks in judged.reports[revision].items() if not NOT_OFFERED.match(name)}
    assert wrong(others, "FAILURE") == []


def test_no_scenario_passes_because_a_name_is_missing(judged: Judged) -> None:
    assert names() - judged.used == LISTED_ONLY
    assert judged.used - names() <= NOT_OURS
    for report in judged.reports.values():
        untestable = {scenario for scenario, checks in report.items() if any(check.untestable for check in checks)}
        assert [scenario for scenario in untestable if not NOT_OFFERED.match(scenario)] == []


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """The address of `memos serve`, and a token."""
    home = tmp_path_factory.mktemp("product")
    secret = anyio.run(token, configured(home))
    with started(SERVE, home, **OPEN) as url:
        yield url, secret


@pytest.mark.parametrize("revision", [HANDSHAKE, MODERN])
def test_every_scenario_without_names_of_its_own_passes_against_the_product(
    product: tuple[str, str], revision: str, tmp_path: Path
) -> None:
    assert wrong_of_the_product(product[0], revision, tmp_path) == []


def test_so_it_does_with_all_tools_and_several_workers(tmp_path: Path) -> None:
    with started([*SERVE, "--workers", "2"], tmp_path, MEMOS_MCP__TOOLSET="full", **OPEN) as url:
        assert wrong_of_the_product(url, MODERN, tmp_path) == []


def wrong_of_the_product(url: str, revision: str, folder: Path) -> list[str]:
    _, report = conformance(url, folder / "out", "--requirements", revision)
    free = {
        scenario: [
            check for check in report[scenario] if not check.untestable and not CHANGES_ITS_LISTS.match(check.id)
        ]
        for scenario in NAME_FREE[revision]
    }
    return wrong(free, "FAILURE", "SKIPPED", "WARNING")


def test_the_skill_passes_the_scenarios_of_its_extension_and_is_what_its_digest_says(
    product: tuple[str, str], tmp_path: Path
) -> None:
    for scenario in ("sep-2640-skills-enumeration", "sep-2640-skills-manifest"):
        passed, report = conformance(product[0], tmp_path / scenario, "--scenario", scenario)
        assert passed
        assert wrong(report, "FAILURE", "SKIPPED", "WARNING") == []
    asked = [product[0], "--protocol-era", "modern", "--method", "skills/list", "--verify", "--require-digests"]
    done = inspected(*asked, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"outcome":"verified"' in done.stdout


def inspected(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [*program("inspector"), "--cli", "--format", "json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST, env=environment(home))


METHODS = {
    "tools/list": ("tools", "--strict"),
    "resources/list": ("resources",),
    "resources/templates/list": ("resourceTemplates",),
    "prompts/list": ("prompts",),
}


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_finds_nothing_over_stdio(era: str, tmp_path: Path) -> None:
    given = [argument for name, value in environment(tmp_path).items() for argument in ("-e", f"{name}={value}")]
    for method, (field, *options) in METHODS.items():
        asked = [*given, "--protocol-era", era, "--method", method, *options, "--", sys.executable, "-m", "memos_mcp"]
        faultless(inspected(*asked, home=tmp_path), field)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_finds_nothing_over_http(product: tuple[str, str], era: str, tmp_path: Path) -> None:
    url, secret = product
    for method, (field, *options) in METHODS.items():
        asked = [url, "--header", f"Authorization: Bearer {secret}", "--protocol-era", era, "--method", method]
        faultless(inspected(*asked, *options, home=tmp_path), field)


@pytest.mark.parametrize("toolset", ["full", "chatgpt"])
def test_the_inspector_finds_nothing_in_the_other_toolsets(toolset: str, tmp_path: Path) -> None:
    given = environment(tmp_path) | {"MEMOS_MCP__TOOLSET": toolset}
    options = [argument for name, value in given.items() for argument in ("-e", f"{name}={value}")]
    asked = [*options, "--protocol-era", "modern", "--method", "tools/list", "--strict"]
    faultless(inspected(*asked, "--", sys.executable, "-m", "memos_mcp", home=tmp_path), "tools")


def faultless(done: subprocess.CompletedProcess[str], field: str) -> None:
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["result"][field]
