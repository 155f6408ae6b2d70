"""Who shares a prefix with whom."""

from __future__ import annotations

import pytest

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.activation.sharing import Keys, State, judged

SECRET = "only this system knows"


@pytest.mark.parametrize(
    ("cached", "state"),
    [
        ((0, 63, 0, 0), "on"),
        ((0, 1, 0, 0), "on"),
        ((0, 0, 0, 0), "off"),
        ((0, 63, 63, 0), "broken"),
        ((0, 63, 0, 63), "broken"),
        ((0, 0, 1, 0), "broken"),
        ((63, 63, 0, 0), "broken"),
    ],
)
def test_a_server_is_judged_by_what_it_gave_to_whom(cached: tuple[int, int, int, int], state: State) -> None:
    assert judged(*cached).state == state


def test_keys_are_the_same_for_the_same_alone() -> None:
    keys = Keys(SECRET)
    assert keys.of("ada", "1") == Keys(SECRET).of("ada", "1")
    assert keys.of("ada", "1").salt == keys.of("ada", "2").salt
    assert keys.of("ada", "1").extra != keys.of("ada", "2").extra
    assert keys.of("ada", "1").salt != keys.of("ben", "1").salt
    assert keys.of("ada", "1").extra != keys.of("ben", "1").extra
    assert keys.of("ada", "1") != Keys(f"{SECRET}!").of("ada", "1")


def test_a_tenant_and_a_version_are_not_run_together() -> None:
    assert Keys(SECRET).of("ab", "c").extra != Keys(SECRET).of("a", "bc").extra


def test_a_short_secret_is_refused_and_a_good_one_not_shown() -> None:
    with pytest.raises(Misconfigured, match="16 characters"):
        Keys("0123456789")
    assert SECRET not in repr(Keys(SECRET))
