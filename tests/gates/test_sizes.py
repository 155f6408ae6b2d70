import subprocess
import sys
from pathlib import Path

SIZES = Path(__file__).parents[2] / "tools" / "sizes.py"


def sizes(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SIZES, folder], capture_output=True, text=True, check=False)


def function(body_lines: int, docstring: str = "Say what it promises.") -> str:
    return f'def recall():\n    """{docstring}"""\n' + "    step()\n" * body_lines


def test_a_file_and_a_function_at_their_limits_pass(tmp_path: Path) -> None:
    (tmp_path / "function.py").write_text(function(50, docstring="Long\n" * 30))
    (tmp_path / "file.py").write_text("step()\n" * 400)
    assert sizes(tmp_path).returncode == 0


def test_a_function_over_its_limit_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("class Memos:\n    async " + function(51).replace("\n", "\n    ").rstrip())
    found = sizes(tmp_path)
    assert found.returncode == 1
    assert found.stdout == f"{tmp_path / 'long.py'}:2: recall has 51 lines, at most 50: split it\n"


def test_a_file_over_its_limit_is_named(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("step()\n" * 401)
    found = sizes(tmp_path)
    assert found.returncode == 1
    assert f"{tmp_path / 'long.py'}:1: 401 lines, at most 400" in found.stdout
