"""`memos acl` and `memos explain` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def plan(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "the tea plan", "--json").stdout)["ids"]
    return id


def test_a_memory_is_shared_shown_and_taken_back(memos: Memos, plan: str) -> None:
    assert "0 of 0 memories" in memos("recall", "tea", user="ben").stdout
    said = memos("acl", "set", plan, "--reader", "ben", "--reader", "role:cook", "--reason", "the party").stdout
    assert "changed the rules of 1 memory" in said
    assert "the tea plan" in memos("recall", "tea", user="ben").stdout
    shown = memos("acl", "show", plan).stdout
    assert "readers    ben, role:cook" in shown
    assert "expires    never" in shown
    memos("acl", "set", plan, "--reader", "", "--read-only", "--expires", "2030-01-31")
    assert "has no memory" in memos("show", plan, user="ben", code=3).stderr
    report = memos("acl", "report").stdout
    assert "readers: as the path says → ben, role:cook  (the party)" in report
    assert "read-only: no → yes; expires: never → 2030-01-31 00:00 UTC" in report
    assert "no rule was ever changed" in memos("acl", "report", "--path", "shared").stdout


def test_what_is_from_the_web_is_for_editors_and_of_equals_one_is_first(memos: Memos, plan: str) -> None:
    said = memos("remember", "the tea page", "--path", "shared/team", "--class", "web", "--json").stdout
    (page,) = json.loads(said)["ids"]
    memos("acl", "set", "--path", "shared/team", "--context", "from-web:role:editor")
    assert "the tea page" not in memos("recall", "tea", user="ben").stdout
    why = "provenance: what comes from a source of class web is for role:editor alone, as shared/team says"
    assert why in " ".join(memos("explain", page, "--user", "ben").stdout.split())
    assert "from       web" in memos("acl", "show", page).stdout
    memos("acl", "set", plan, "--priority", "-3", "--decay", "0.25")
    shown = memos("acl", "show", plan).stdout
    assert "priority   -3" in shown
    assert "decay      0.25 a day" in shown
    memos("acl", "set", plan, "--decay", "policy")
    assert "decay      as the policy says" in memos("acl", "show", plan).stdout
    assert "a decay is a share" in memos("acl", "set", plan, "--decay", "much", code=2).stderr
    assert "priority or decay" in memos("acl", "set", "--path", "user/ada", "--priority", "1", code=2).stderr


def test_a_namespace_is_shared_shown_explained_and_closed(memos: Memos) -> None:
    (id,) = json.loads(memos("remember", "the tea plan", "--path", "user/ada/plans/party", "--json").stdout)["ids"]
    said = memos("acl", "set", "--path", "user/ada/plans", "--reader", "ben", "--reason", "the party").stdout
    assert said.split() == ["user/ada/plans", "readers", "ben"]
    assert "the tea plan" in memos("recall", "tea", user="ben").stdout
    assert "user/ada/plans" in memos("acl", "show", "--path", "user/ada/plans/party", user="ben").stdout
    assert "ben is a reader of it, as user/ada/plans says" in memos("explain", id, "--user", "ben").stdout
    shown = json.loads(memos("acl", "show", "--path", "user/ada/plans", "--json").stdout)
    assert [(each["path"], each["rules"]["readers"]) for each in shown] == [("user/ada/plans", ["ben"])]
    memos("acl", "set", "--path", "user/ada/plans", "--reader", "")
    assert "no rules" in memos("acl", "show", "--path", "user/ada/plans").stdout
    assert "has no memory" in memos("show", id, user="ben", code=3).stderr
    report = memos("acl", "report").stdout
    assert "user/ada/plans  by ada  readers: as the path says → ben  (the party)" in report
    assert "may not write to" in memos("acl", "set", "--path", "user/ada", "--reader", "*", user="ben", code=5).stderr
    for words in (("show", id, "--path", "x"), ("set",), ("set", id, "--path", "user/ada", "--read-only")):
        memos("acl", *words, code=2)


def test_explain_names_the_rule(memos: Memos, plan: str) -> None:
    assert memos("explain", plan).stdout.startswith("yes  owner: it belongs to ada")
    assert memos("explain", plan, "--user", "ben").stdout.startswith("no  private: user/ada is not open to ben")
    memos("acl", "set", plan, "--reader", "role:nurse", "--context", "application:clinic")
    asked = ("explain", plan, "--user", "ben", "--role", "nurse")
    assert memos(*asked).stdout.startswith("no  context: it may be used only where application is one of clinic")
    there = json.loads(memos(*asked, "--context", "application:clinic", "--json").stdout)
    assert there == {"allowed": True, "rule": "reader", "why": "role:nurse is a reader of it"}


def test_roles_and_contexts_come_from_the_settings(memos: Memos, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memos("acl", "set", plan, "--reader", "role:nurse", "--context", "application:clinic")
    monkeypatch.setenv("MEMOS_ROLES", '["nurse"]')
    monkeypatch.setenv("MEMOS_CONTEXT", '["application:clinic"]')
    assert "the tea plan" in memos("recall", "tea", user="ben").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "{id}"), "say what is to change"),
        (("set", "{id}", "--context", "hours:morning"), "hours are like hours:08-18"),
        (("set", "{id}", "--reader", "role:"), "names nobody"),
    ],
)
def test_wrong_rules_are_refused(memos: Memos, plan: str, words: tuple[str, ...], said: str) -> None:
    assert said in memos("acl", *(word.format(id=plan) for word in words), code=2).stderr


def test_a_token_has_roles_and_a_context(memos: Memos) -> None:
    made = memos("token", "create", "ward", "--role", "nurse", "--context", "application:clinic", "--json").stdout
    token = json.loads(made)
    assert (token["roles"], token["context"]) == (["nurse"], ["application:clinic"])
    assert "as nurse in application:clinic" in memos("token", "list").stdout
    assert "bare name" in memos("token", "create", "x", "--role", "role:nurse", code=2).stderr
    assert "asked of the clock" in memos("token", "create", "x", "--context", "hours:8-9", code=2).stderr
