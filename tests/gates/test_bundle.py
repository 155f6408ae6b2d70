"""What bundle, registry entry and plugin say of the code is what the code says."""

from __future__ import annotations

from tools import mcpb


def test_nothing_has_to_be_written_anew() -> None:
    for file, text in mcpb.texts().items():
        assert file.read_text("utf-8") == text, f"{file.name} is not what the code says: run `make mcpb`"
