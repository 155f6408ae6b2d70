"""`memos branch` and `memos --branch` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Memos = Callable[..., Result]


@pytest.fixture
def tea(memos: Memos) -> str:
    (id,) = json.loads(memos("remember", "Ada drinks green tea", "--json").stdout)["ids"]
    return id


def test_what_if_is_tried_and_merged(memos: Memos, tea: str) -> None:
    assert "no branches yet" in memos("branch", "list").stdout
    assert "idea user/ada by ada" in memos("branch", "make", "idea").stdout
    assert "already" in memos("branch", "make", "idea", code=4).stderr
    memos("--branch", "idea", "update", tea, "Ada drinks black tea")
    memos("--branch", "idea", "remember", "Ben has a dog")
    assert "Ada drinks black tea" in memos("--branch", "idea", "recall", "tea").stdout
    assert "Ada drinks green tea" in memos("recall", "tea").stdout
    assert "1 of 1 memories" in memos("recall", "dog tea").stdout
    diff = memos("branch", "diff", "idea").stdout
    assert "Ada drinks [-green-]{+black+} tea" in diff
    assert "Ben has a dog" in diff
    assert "merged 2 changes of the branch idea to user/ada" in memos("branch", "merge", "idea").stdout
    assert "Ada drinks black tea" in memos("recall", "tea").stdout
    assert "merged from the branch idea" in memos("history", tea).stdout


def test_clashes_are_shown_and_decided(memos: Memos, tea: str) -> None:
    memos("branch", "make", "idea")
    memos("--branch", "idea", "update", tea, "Ada drinks black tea")
    memos("update", tea, "Ada drinks white tea")
    told = memos("branch", "merge", "idea", code=4).stdout
    for line in ("nothing was merged: 1 clash", "original: Ada drinks white tea", "branch: Ada drinks black tea"):
        assert line in told
    assert json.loads(memos("branch", "merge", "idea", "--json", code=4).stdout)["clashes"][0]["id"] == tea
    memos("branch", "merge", "idea", "--prefer", "branch")
    assert "Ada drinks black tea" in memos("recall", "tea").stdout


def test_a_branch_is_dropped_and_verbs_without_branches_say_so(memos: Memos, tea: str) -> None:
    memos("branch", "make", "idea", "--path", "shared/team")
    assert "0 of 0 memories" in memos("--branch", "idea", "recall", "tea").stdout
    assert "nobody to ask" in memos("branch", "drop", "idea", "--path", "shared/team", code=2).stderr
    assert "dropped the branch idea" in memos("branch", "drop", "idea", "--path", "shared/team", "--yes").stdout
    assert "no branch 'idea'" in memos("--branch", "idea", "show", tea, code=3).stderr
    assert "doctor is not of a branch" in memos("--branch", "idea", "doctor", code=2).stderr
