"""Rewrites constraints.txt with the versions that the test environment resolves to today (`make pins`).

What the `kv` environment has besides is added, in the versions that go with those.
"""

import subprocess
import tempfile
from pathlib import Path

from env import CONSTRAINTS, build, requirements

HEADER = "# Exact versions for `make` and CI, written by `make pins`; pyproject.toml says what the project accepts.\n"


def main() -> None:
    """Resolve without constraints in environments that are thrown away, and write down what came out."""
    with tempfile.TemporaryDirectory() as folder:
        pins = frozen(Path(folder) / "test", requirements("test"))
        kept = Path(folder) / "pins.txt"
        kept.write_text("".join(pins), encoding="utf-8")
        also = frozen(Path(folder) / "kv", ["--constraint", str(kept), *requirements("kv")])
    CONSTRAINTS.write_text(HEADER + "".join(sorted({*pins, *also}, key=str.lower)), encoding="utf-8")


def frozen(env: Path, packages: list[str]) -> list[str]:
    """Build an environment and return its pins, a line each."""
    build(env, packages)
    freeze = [str(env / "bin" / "python"), "-I", "-m", "pip", "freeze"]
    return subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.splitlines(keepends=True)


if __name__ == "__main__":
    main()
