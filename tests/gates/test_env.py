import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import env

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env, cwd="/")


def clone(folder: Path) -> Path:
    """Copy what an environment is made from into a folder with a memos_mcp of its own."""
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "memos_mcp.py").touch()
    return folder


def test_clones_share_an_environment_and_each_sees_its_own_code(tmp_path: Path) -> None:
    show = "import memos_mcp, sys; print(sys.prefix, memos_mcp.__file__)"
    clones = [clone(tmp_path / name) for name in ("one", "two")]
    answers = [run(sys.executable, each / "tools/env.py", "test", "python", "-c", show).stdout for each in clones]
    prefixes, files = zip(*(answer.split() for answer in answers), strict=True)
    assert len(set(prefixes)) == 1
    assert files == tuple(str(each / "memos_mcp.py") for each in clones)


def test_a_new_pin_makes_a_new_environment_and_a_failed_build_is_reported_and_not_kept(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    (folder / "constraints.txt").write_text("numpy==0.0.1\n")
    envs = tmp_path / "envs"
    for _ in range(2):
        command = (sys.executable, folder / "tools/env.py", "light", "python", "-V")
        done = run(*command, MEMCUBE_ENVS=str(envs), PIP_NO_INDEX="1", PIP_FIND_LINKS="")
        assert done.returncode == 1
        said = done.stderr.splitlines()
        assert said[0].startswith(f"memos: setting up the light environment in {envs}")
        assert said[1].startswith("memos: pip could not install the libraries: ERROR: ")
        assert len(said) == 2
    assert not list(envs.glob("*/ready"))


def test_one_line_says_that_no_package_index_answers(tmp_path: Path) -> None:
    command = (sys.executable, ROOT / "tools/env.py", "light", "python", "-V")
    done = run(*command, MEMCUBE_ENVS=str(tmp_path), PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="1")
    assert done.returncode == 1
    assert "memos: pip could not install the libraries: no package index answered" in done.stderr.splitlines()[-1]


def test_one_line_says_that_the_folder_for_environments_cannot_be_made() -> None:
    done = run(sys.executable, ROOT / "tools/env.py", "light", "python", "-V", MEMCUBE_ENVS="/dev/null/envs")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "MEMCUBE_ENVS names another folder" in done.stderr


def test_one_line_says_that_venv_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None")
    command = (sys.executable, ROOT / "tools/env.py", "light", "python", "-V")
    done = run(*command, MEMCUBE_ENVS=str(tmp_path / "envs"), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("install its venv package (Debian: python3-venv)")


def test_one_line_says_that_python_is_missing_or_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run(ROOT / "tools/python", "-V", PYTHON=str(old))
    assert done.returncode == 1
    assert done.stderr == (
        f"memos: needs Python 3.11 or newer as {old} (name another one with PYTHON=/path/to/python)\n"
    )


def test_the_environment_with_the_oldest_version_keeps_to_all_other_pins(tmp_path: Path) -> None:
    written = env.pins("lowest", tmp_path / "lowest").read_text("utf-8").splitlines()
    pinned = env.CONSTRAINTS.read_text("utf-8").splitlines()
    gone = [line for line in pinned if line not in written]
    assert gone
    assert all(line.startswith("llama-index") for line in gone)
    assert env.pins("test", tmp_path / "test") == env.CONSTRAINTS
