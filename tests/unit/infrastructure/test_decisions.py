"""Who may do what to which memory in which context, and by which rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memos_mcp.cube import Governance
from memos_mcp.infrastructure.decisions import Act, Default, Reading, decided, effective, fits
from memos_mcp.ports import Caller

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADA, BEN, EVE = Caller("ada"), Caller("ben"), Caller("eve")
NURSE = Caller("ben", roles=("nurse",), context=("application:clinic", "purpose:care"))


def rule(caller: Caller, act: Act, path: str, moment: datetime = MONDAY, **rules: Any) -> tuple[bool, str]:
    decision = decided(caller, act, path, Governance.model_validate({"owner": "ada", **rules}), moment)
    return decision.allowed, decision.rule


def test_a_private_memory_is_its_owners_alone() -> None:
    for act in ("read", "write", "govern"):
        assert rule(ADA, act, "user/ada/x") == (True, "owner")
        assert rule(EVE, act, "user/ada/x") == (False, "private")
    assert rule(Caller("ad"), "read", "user/ada") == (False, "private")


def test_a_shared_memory_is_everybodys_until_its_rules_say_otherwise() -> None:
    for act in ("read", "write", "govern"):
        assert rule(EVE, act, "shared/team") == (True, "shared")
    assert rule(EVE, "read", "shared/team", readers=("ben",)) == (False, "private")
    assert rule(EVE, "read", "shared/team", writers=("ben",)) == (True, "shared")
    assert rule(EVE, "write", "shared/team", writers=("ben",)) == (False, "private")
    assert rule(EVE, "govern", "shared/team", writers=("eve",)) == (False, "private")
    assert rule(ADA, "govern", "shared/team", writers=("ben",)) == (True, "owner")


@pytest.mark.claim("5.5.1-02")
def test_readers_read_and_writers_write_too() -> None:
    rules: dict[str, Any] = {"readers": ("ben", "role:nurse"), "writers": ("cyd",)}
    assert rule(BEN, "read", "user/ada", **rules) == (True, "reader")
    assert rule(BEN, "write", "user/ada", **rules) == (False, "private")
    assert rule(Caller("dan", roles=("nurse",)), "read", "user/ada", **rules) == (True, "reader")
    assert rule(Caller("cyd"), "read", "user/ada", **rules) == (True, "writer")
    assert rule(Caller("cyd"), "write", "user/ada", **rules) == (True, "writer")
    assert rule(Caller("cyd"), "govern", "user/ada", **rules) == (False, "private")
    assert rule(EVE, "read", "user/ada", readers=("*",)) == (True, "reader")
    assert rule(Caller("nurse"), "read", "user/ada", **rules) == (False, "private"), "a name is no role"


def test_who_is_denied_gets_in_by_no_other_rule() -> None:
    rules: dict[str, Any] = {"readers": ("*",), "writers": ("ben", "role:nurse"), "denied": ("ben", "role:guest")}
    assert rule(NURSE, "read", "user/ada", **rules) == (False, "denied")
    assert rule(Caller("dan", roles=("nurse", "guest")), "read", "user/ada", **rules) == (False, "denied")
    assert rule(EVE, "read", "shared/x", denied=("*",)) == (False, "denied")
    assert rule(ADA, "read", "shared/x", denied=("*",)) == (True, "owner"), "nobody locks himself out"


def test_a_read_only_memory_is_changed_by_nobody() -> None:
    for caller in (ADA, BEN):
        assert rule(caller, "write", "user/ada", writers=("ben",), read_only=True) == (False, "read-only")
        assert rule(caller, "read", "user/ada", writers=("ben",), read_only=True)[0]
    assert rule(ADA, "govern", "user/ada", read_only=True) == (True, "owner")


@pytest.mark.claim("5.5.1-01", "5.2-20")
def test_a_context_is_asked_of_everybody_who_uses_a_memory() -> None:
    contexts = ("application:clinic", "purpose:care", "purpose:teaching")
    rules: dict[str, Any] = {"readers": ("role:nurse",), "contexts": contexts}
    assert rule(NURSE, "read", "user/ada", **rules) == (True, "reader")
    elsewhere = Caller("ben", roles=("nurse",), context=("application:billing", "purpose:care"))
    assert rule(elsewhere, "read", "user/ada", **rules) == (False, "context")
    assert rule(ADA, "read", "user/ada", **rules) == (False, "context")
    assert rule(ADA, "govern", "user/ada", **rules) == (True, "owner")
    why = decided(elsewhere, "read", "user/ada", Governance(contexts=("application:clinic",)), MONDAY).why
    assert why == "it may be used only where application is one of clinic"


@pytest.mark.parametrize(
    ("conditions", "moment", "met"),
    [
        (("hours:08-18",), MONDAY, True),
        (("hours:18-08",), MONDAY, False),
        (("hours:22-06",), MONDAY.replace(hour=23), True),
        (("hours:22-06", "hours:11-13"), MONDAY, True),
        (("hours:08-12",), MONDAY, False),
        (("days:mon-fri",), MONDAY, True),
        (("days:sat-sun",), MONDAY, False),
        (("days:sat-mon",), MONDAY, True),
        (("days:mon",), MONDAY + timedelta(days=1), False),
        (("triage",), MONDAY, False),
        ((), MONDAY, True),
    ],
)
def test_the_clock_is_a_context_too(conditions: tuple[str, ...], moment: datetime, met: bool) -> None:
    assert (fits(conditions, (), moment) is None) is met


def test_what_has_expired_is_there_for_who_decides_about_it_only() -> None:
    rules: dict[str, Any] = {"expires_at": MONDAY, "readers": ("ben",)}
    before = MONDAY - timedelta(microseconds=1)
    assert rule(ADA, "read", "user/ada", before, **rules) == (True, "owner")
    assert rule(ADA, "read", "user/ada", **rules) == (False, "expired")
    assert rule(ADA, "govern", "user/ada", **rules) == (True, "owner")


def test_a_token_narrows_and_never_widens() -> None:
    reader = Caller("ada", scopes=("read",))
    assert rule(reader, "read", "user/ada") == (True, "owner")
    assert rule(reader, "write", "user/ada") == (False, "scope")
    assert rule(Caller("ada", scopes=()), "read", "user/ada") == (False, "scope")
    kept = Caller("ada", within="user/ada/jobs")
    assert rule(kept, "read", "user/ada/jobs/x") == (True, "owner")
    assert rule(kept, "read", "user/ada/jobshop") == (False, "namespace")
    assert rule(Caller("eve", within="user/ada"), "read", "user/ada") == (False, "private")


def test_rules_are_inherited_along_the_path() -> None:
    defaults = (
        Default("user/ada", Governance(readers=("ben",), denied=("dan",))),
        Default("user/ada/jobs", Governance(readers=("cyd",), contexts=("application:desk",))),
    )
    work = effective("user/ada/jobs/x", Governance(), defaults)
    assert (work.readers, work.denied, work.contexts) == (("cyd",), ("dan",), ("application:desk",))
    home = effective("user/ada/home", Governance(writers=("eve",), denied=("ben",)), defaults)
    assert (home.readers, home.writers, home.denied, home.contexts) == (("ben",), ("eve",), ("ben", "dan"), ())
    assert effective("user/adam", Governance(), defaults) == Governance()


def test_a_permit_answers_alike_for_equal_callers_within_an_hour() -> None:
    one, other = Reading(ADA, MONDAY), Reading(Caller("ada"), MONDAY + timedelta(minutes=59))
    assert one.key == other.key
    assert one.key != Reading(ADA, MONDAY + timedelta(hours=1)).key
    assert one.key != Reading(NURSE, MONDAY).key
    assert one.allows("user/ada", Governance())
    assert not one.allows("user/eve", Governance())
