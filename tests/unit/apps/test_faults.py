from __future__ import annotations

import pytest

from memos_mcp import errors
from memos_mcp.apps.faults import FAULTS, LONGEST, exit_code, told
from memos_mcp.errors import Conflict, InvalidInput, MemosError, MissingExtra


def kinds() -> list[type[MemosError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MemosError)]
    return sorted(found, key=lambda kind: kind.code)


def test_every_kind_of_error_has_a_row_in_the_table_and_no_row_is_left_over() -> None:
    assert [kind.code for kind in kinds()] == sorted(FAULTS)


def test_exit_codes_are_the_documented_ones() -> None:
    codes = {kind.code: FAULTS[kind.code].exit_code for kind in kinds()}
    assert codes == {
        "error": 1,
        "invalid_input": 2,
        "illegal_move": 2,
        "not_found": 3,
        "conflict": 4,
        "merge_conflict": 4,
        "denied": 5,
        "unavailable": 6,
        "corrupt": 7,
        "misconfigured": 8,
        "missing_extra": 8,
    }
    assert exit_code(Conflict("it changed")) == 4
    assert exit_code(MissingExtra("kv")) == 8


def test_the_text_says_what_happened_and_then_the_next_step() -> None:
    assert told(Conflict("it changed")) == (
        "it changed. Nothing was changed: read it again with get_memory, then repeat."
    )
    assert told(InvalidInput("how long?")).startswith("how long? Nothing was changed")


@pytest.mark.parametrize("message", ["half \ud800 a character", "x" * 100_000])
def test_the_text_is_valid_unicode_and_never_long(message: str) -> None:
    text = told(InvalidInput(message))
    assert len(text.encode()) < LONGEST + 200
