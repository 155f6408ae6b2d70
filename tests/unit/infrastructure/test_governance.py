from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from memos_mcp.cube import Governance
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.infrastructure.decisions import decided
from memos_mcp.infrastructure.governance import check_path, check_scope, check_write, home, root_of
from memos_mcp.infrastructure.governance import readable as readable_at
from memos_mcp.ports import Caller, Where

ADA = Caller("ada")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def readable(caller: Caller, path: str | None, granted: Sequence[str] = ()) -> Where:
    return readable_at(caller, path, NOON, granted)


def may_read(caller: Caller, path: str) -> bool:
    return decided(caller, "read", path, Governance(), NOON).allowed


@pytest.mark.claim("4.3-23")
@pytest.mark.parametrize(
    "path", ["user/ada", "user/ada/notes/old", "shared/team", "shared/team/x", "global", "global/x"]
)
def test_a_caller_writes_at_home_and_in_the_shared_layers(path: str) -> None:
    assert check_write(ADA, path) == path


@pytest.mark.parametrize("path", ["user/eve", "user/adam", "user", "private/x", "users/ada", "globally"])
def test_a_caller_writes_nowhere_else(path: str) -> None:
    with pytest.raises(Denied, match="ada may not write"):
        check_write(ADA, path)


@pytest.mark.parametrize(
    "path",
    [
        "user/ada/../eve",
        "..",
        "a//b",
        "user/ada/./x",
        "user/ada/\x00",
        "user/ada/a\nb",
        "",
        " ",
        "x" * 600,
        "user/a\\b",
        "a/ b/c",
    ],
)
def test_a_path_that_climbs_or_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        check_path(path)


def test_a_path_is_kept_in_canonical_form() -> None:
    assert check_path("/user/ada/") == "user/ada"
    assert check_path("user/ada/cafe\u0301") == "user/ada/café"


@pytest.mark.claim("5.4.1-06")
def test_without_a_path_all_three_layers_are_searched() -> None:
    assert readable(ADA, None).paths == ("user/ada", "shared", "global")


def test_a_path_narrows_the_search() -> None:
    assert readable(ADA, "shared/team").paths == ("shared/team",)


def test_nobody_reads_another_users_memories() -> None:
    with pytest.raises(Denied):
        readable(ADA, "user/eve")
    assert not may_read(ADA, "user/eve/diary")
    assert not may_read(ADA, "user/adam")


def test_what_is_granted_widens_the_search_by_these_places_and_no_more() -> None:
    granted = ["user/eve/plans", "user/ben/x"]
    assert readable(ADA, None, granted).paths == ("user/ada", "shared", "global", "user/eve/plans", "user/ben/x")
    assert readable(ADA, "user/eve", granted).paths == ("user/eve/plans",)
    with pytest.raises(Denied):
        readable(ADA, "user/eve/diary", granted)
    kept = Caller("ada", within="user/ada/jobs")
    assert readable(kept, None, granted).paths == ("user/ada/jobs",)


def test_a_user_name_cannot_reach_into_another_users_home() -> None:
    with pytest.raises(InvalidInput):
        home(Caller("ada/work"))
    with pytest.raises(InvalidInput):
        home(Caller(".."))


def test_the_root_of_a_path_is_its_partition() -> None:
    assert [root_of(p) for p in ("user/ada/x/y", "shared/team", "global/a/b", "global")] == [
        "user/ada",
        "shared/team",
        "global",
        "global",
    ]


WORK = Caller("ada", within="user/ada/jobs")


def test_a_caller_kept_within_a_path_is_at_home_there_and_nowhere_else() -> None:
    assert home(WORK) == "user/ada/jobs"
    assert readable(WORK, None).paths == ("user/ada/jobs",)
    assert readable(WORK, "user/ada/jobs/x").paths == ("user/ada/jobs/x",)
    assert check_write(WORK, "user/ada/jobs") == "user/ada/jobs"
    for path in ("user/ada", "user/ada/jobsshop", "shared", "global", "user/ada/play"):
        assert not may_read(WORK, path)
        with pytest.raises(Denied, match=r"open is user/ada/jobs/…"):
            readable(WORK, path)
        with pytest.raises(Denied):
            check_write(WORK, path)


@pytest.mark.parametrize("path", ["user/eve", "user/eve/work", "user"])
def test_a_path_to_keep_within_opens_nothing_that_was_closed(path: str) -> None:
    caller = Caller("ada", within=path)
    assert not may_read(caller, path)
    for verb in (check_write, readable):
        with pytest.raises(Denied):
            verb(caller, path)
    with pytest.raises(Denied):
        readable(caller, None)


def test_a_caller_does_what_he_came_for_and_no_more() -> None:
    reader, nobody = Caller("ada", scopes=("read",)), Caller("ada", scopes=())
    assert readable(reader, None).paths == ("user/ada", "shared", "global")
    assert may_read(reader, "user/ada")
    with pytest.raises(Denied, match="without the scope 'write'"):
        check_write(reader, "user/ada")
    with pytest.raises(Denied, match="without the scope 'read'"):
        readable(nobody, None)
    assert not may_read(nobody, "user/ada")
    check_scope(ADA, "admin")
    with pytest.raises(Denied, match="admin"):
        check_scope(reader, "admin")
