"""Memories, policies and a clock that goes through years, against what a person would say of them; by the real API."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memos_mcp import Denied, Memos, NotFound
from memos_mcp.cube import State
from memos_mcp.errors import IllegalMove
from memos_mcp.infrastructure.storage.database import Database
from memos_mcp.infrastructure.storage.upkeep import Upkeep
from memos_mcp.interface.lifecycles import BY_HAND
from memos_mcp.operation.lifecycle import Move, Policy
from tests.worlds import Clock, opened

PATHS = ("user/ada", "user/ada/notes", "user/ada/notes/kept")
STATES = ("generated", "activated", "merged", "archived", "expired", "frozen")
FROM = {
    "activate": ("generated", "merged"),
    "merge": ("generated", "activated", "merged"),
    "archive": ("generated", "activated", "merged"),
    "restore": ("merged", "archived", "expired"),
    "expire": ("generated", "activated", "merged", "archived"),
}
TO = {"activate": "activated", "merge": "merged", "archive": "archived", "restore": "activated", "expire": "expired"}

spans = st.sampled_from((30, 365, 1000)).map(lambda n: timedelta(days=n))
maybe = st.none() | spans
policies = st.builds(
    Policy,
    kept_for=maybe,
    inactive_after=maybe,
    forgotten_after=maybe,
    dropped_after=maybe,
    versions=st.none() | st.integers(1, 3),
    versions_for=maybe,
)
which = st.integers(0, 9)


@dataclass
class Model:
    """A memory. Of each version the text, None once it was compacted, and when it was written."""

    id: str
    path: str
    texts: list[str | None]
    times: list[datetime]
    state: str = "generated"
    thaws_to: str = ""
    held: bool = False
    end: datetime | None = None
    back: datetime | None = None

    def over(self, now: datetime) -> bool:
        return self.end is not None and self.end <= now

    def recalled(self, now: datetime) -> bool:
        return self.state not in ("archived", "expired") and not self.over(now)

    def open(self, now: datetime) -> bool:
        return self.state != "expired" and not self.over(now)

    def go(self, move: str, now: datetime) -> None:
        if move == "expire":
            self.end = min(self.end or now, now)
        if self.state == "expired":
            self.end = None
        self.back = now if move == "restore" else self.back
        self.state = TO[move]

    def sweep(self, policy: Policy, now: datetime) -> None:
        if self.held or self.state in ("frozen", "expired"):
            return
        back = self.back
        idle = now - max(self.times[-1], back or self.times[-1])
        kept_for = policy.kept_for if back is None else None
        if self.over(now) or (kept_for is not None and now - self.times[0] >= kept_for):
            self.go("expire", now)
        elif self.state == "archived":
            if policy.forgotten_after is not None and idle >= policy.forgotten_after:
                self.go("expire", now)
        elif policy.inactive_after is not None and idle >= policy.inactive_after:
            self.go("archive", now)

    def compact(self, policy: Policy, now: datetime) -> None:
        """All between the first and the last `versions` go that were replaced `versions_for` ago."""
        if self.held or self.state in ("frozen", "expired") or (policy.versions, policy.versions_for) == (None, None):
            return
        size, old = len(self.texts), list(self.texts)
        for number in range(2, size):
            next_one = self.times[number] if old[number] is not None else self.times[0]
            young = policy.versions_for is not None and now - next_one < policy.versions_for
            if number <= size - (policy.versions or 1) and not young:
                self.texts[number - 1] = None


def unread(home: Path, clock: Clock) -> Memos:
    """A system that does not count how often it is looked at."""
    memos = opened(home, clock, "ada")
    memos._on = replace(memos._on, accesses=None)  # pyright: ignore[reportPrivateUsage]
    return memos


class Years(RuleBasedStateMachine):
    """What is done to memories, and what they are after it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)
        self.starting = start_blocking_portal()
        self.portal = self.starting.__enter__()
        self.clock = Clock()
        self.memos = self.portal.call(unread, self.home, self.clock)
        self.known: list[Model] = []
        self.gone: list[str] = []
        self.told = 0
        self.policies: dict[str, Policy] = {}

    def call(self, verb: Callable[..., Awaitable[Any]], *args: object, **given: object) -> Any:
        return self.portal.call(partial(verb, *args, **given))

    def went(self, verb: Callable[..., Awaitable[Any]], *args: object, **given: object) -> bool:
        try:
            self.call(verb, *args, **given)
        except (IllegalMove, Denied, NotFound):
            return False
        return True

    def one(self, which: int) -> Model:
        return self.known[which % len(self.known)]

    def policy(self, path: str) -> Policy:
        above = [each for each in self.policies if path == each or path.startswith(f"{each}/")]
        return self.policies[max(above, key=len)] if above else Policy()

    @initialize()
    def begin(self) -> None:
        for path in PATHS:
            self.tell(path)

    @rule(path=st.sampled_from(PATHS))
    def tell(self, path: str) -> None:
        self.told += 1
        text = f"the tea number {self.told}"
        (id,) = self.call(self.memos.remember, text, path=path).ids
        self.known.append(Model(id, path, [text], [self.clock.now]))

    @rule(days=st.sampled_from((1, 29, 31, 364, 400, 1100)))
    def wait(self, days: int) -> None:
        self.clock.tick(timedelta(days=days))

    @rule(path=st.sampled_from(PATHS), policy=st.none() | policies)
    def decide(self, path: str, policy: Policy | None) -> None:
        self.call(self.memos.lifecycle.set_policy, path, policy)
        self.policies.pop(path, None)
        if policy is not None:
            self.policies[path] = policy

    @rule()
    def sweep(self) -> None:
        self.call(self.memos.lifecycle.sweep)
        for each in self.known:
            each.sweep(self.policy(each.path), self.clock.now)

    @rule()
    def compact(self) -> None:
        self.call(self.memos.lifecycle.compact)
        for each in self.known:
            each.compact(self.policy(each.path), self.clock.now)

    @rule()
    def clean(self) -> None:
        self.call(self.memos.lifecycle.clean)
        for each in list(self.known):
            long = self.policy(each.path).dropped_after
            if each.state == "expired" and each.end and long and not each.held and self.clock.now - each.end >= long:
                self.lose(each)

    @precondition(lambda self: self.known)
    @rule(which=which, move=st.sampled_from(BY_HAND))
    def move(self, which: int, move: Move) -> None:
        one = self.one(which)
        allowed = one.state in FROM[move] and not (one.held and move == "expire")
        assert self.went(self.memos.lifecycle.move, [one.id], move) == allowed
        if allowed:
            one.go(move, self.clock.now)

    @precondition(lambda self: self.known)
    @rule(which=which)
    def freeze(self, which: int) -> None:
        one = self.one(which)
        allowed = one.state not in ("frozen", "expired")
        assert self.went(self.memos.timeline.freeze, [one.id]) == allowed
        if allowed:
            one.state, one.thaws_to = "frozen", one.state

    @precondition(lambda self: self.known)
    @rule(which=which)
    def thaw(self, which: int) -> None:
        one = self.one(which)
        assert self.went(self.memos.timeline.thaw, [one.id]) == (one.state == "frozen")
        if one.state == "frozen":
            one.state = one.thaws_to

    @precondition(lambda self: self.known)
    @rule(which=which, held=st.booleans())
    def hold(self, which: int, held: bool) -> None:
        one = self.one(which)
        self.call(self.memos.lifecycle.hold if held else self.memos.lifecycle.unhold, [one.id])
        one.held = held

    @precondition(lambda self: self.known)
    @rule(which=which, days=st.sampled_from((-1, 40, 800)))
    def end(self, which: int, days: int) -> None:
        one = self.one(which)
        if one.state != "expired":
            one.end = self.clock.now + timedelta(days=days)
            self.call(self.memos.acl.change, [one.id], expires_at=one.end)

    @precondition(lambda self: self.known)
    @rule(which=which)
    def edit(self, which: int) -> None:
        one = self.one(which)
        self.told += 1
        text = f"the tea number {self.told} of version {len(one.texts) + 1}"
        allowed = one.open(self.clock.now) and one.state != "frozen"
        assert self.went(self.memos.update, one.id, text) == allowed
        if allowed:
            self.write(one, text)

    @precondition(lambda self: self.known)
    @rule(which=which, version=st.integers(1, 4))
    def bring_back(self, which: int, version: int) -> None:
        one = self.one(which)
        there = one.texts[version - 1] if version <= len(one.texts) else None
        allowed = one.open(self.clock.now) and there is not None and (one.state != "frozen" or there == one.texts[-1])
        assert self.went(self.memos.timeline.restore, one.id, version) == allowed
        if allowed and one.state in ("archived", "merged"):
            one.go("restore", self.clock.now)
        if allowed and there != one.texts[-1]:
            self.write(one, there or "")

    @precondition(lambda self: self.known)
    @rule(which=which, reason=st.sampled_from(("asked", "")))
    def erase(self, which: int, reason: str) -> None:
        one = self.one(which)
        allowed = not one.held and one.state != "frozen"
        erase = partial(self.memos.lifecycle.erase, reason=reason) if reason else self.memos.forget_all
        assert self.went(erase, [one.id]) == allowed
        if allowed:
            self.lose(one)

    @rule()
    def reopen(self) -> None:
        self.portal.call(self.memos.aclose)
        self.memos = self.portal.call(unread, self.home, self.clock)

    def write(self, one: Model, text: str) -> None:
        one.texts.append(text)
        one.times.append(self.clock.now)

    def lose(self, one: Model) -> None:
        self.known.remove(one)
        self.gone.append(one.id)

    @invariant()
    def the_api_says_what_the_model_says(self) -> None:
        self.portal.call(agree, self.memos, self.known, self.gone, self.clock.now)

    def teardown(self) -> None:
        self.portal.call(self.memos.aclose)
        findings = self.portal.call(Upkeep(Database(self.home / "memos.db")).check)
        self.starting.__exit__(None, None, None)
        self.folder.cleanup()
        assert [finding for finding in findings if not finding.ok] == []


async def agree(memos: Memos, known: list[Model], gone: list[str], now: datetime) -> None:
    every = (await memos.lifecycle.list([State(each) for each in STATES], limit=1000)).cubes
    assert {cube.id: (str(cube.state), cube.governance.held, cube.governance.expires_at) for cube in every} == {
        each.id: (each.state, each.held, each.end) for each in known
    }
    here = {each.id: each.texts[-1] for each in known if each.recalled(now)}
    assert {cube.id: cube.text for cube in (await memos.browse(limit=100)).cubes} == here
    found = await memos.recall("the tea", limit=100)
    assert {cube.id: cube.text for cube in found.cubes} == here
    assert found.searched == len(here) == (await memos.status()).memories
    for each in known:
        if each.open(now):
            lines = [line for line in await memos.history(each.id) if line.action in ("remember", "update")]
            assert [line.cube and line.cube.text for line in lines] == each.texts
    for id in gone:
        with pytest.raises(NotFound):
            await memos.get(id)


Years.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestYears = pytest.mark.claim("5.2-10", "5.4.3-01", "4.3-18")(Years.TestCase)
