"""Rewrites constraints.txt with the versions that the test environment resolves to today (`make pins`)."""

import subprocess
import tempfile
from pathlib import Path

from env import CONSTRAINTS, build, requirements

HEADER = "# Exact versions for `make` and CI, written by `make pins`; pyproject.toml says what the project accepts.\n"


def main() -> None:
    """Resolve without constraints in an environment that is thrown away, and write down what came out."""
    with tempfile.TemporaryDirectory() as folder:
        env = Path(folder) / "env"
        build(env, requirements("test"))
        freeze = [str(env / "bin" / "python"), "-I", "-m", "pip", "freeze"]
        pins = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    CONSTRAINTS.write_text(HEADER + pins, encoding="utf-8")


if __name__ == "__main__":
    main()
