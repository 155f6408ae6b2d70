"""Writes docs/reference/memcube.schema.json from class MemCube (`make schema`; --check compares)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from memos_mcp.cube import json_schema

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "memcube.schema.json"


def main() -> int:
    """Write the schema, or with --check say whether it is current."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        current = FILE.is_file() and FILE.read_text("utf-8") == text
        if not current:
            print(f"{FILE.name} is not what cube.py says: run `make schema`")
        return 0 if current else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
