"""Nobody learns from a what-if branch what he may not read in its original, whatever is done in either."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memos_mcp
from memos_mcp import Caller, Denied, Memos, NotFound
from memos_mcp.cube import Governance
from tests.property.test_governance import WORDS, Held, Step, governed, looked, may_read, remembered
from tests.refusals import refusal

BRANCHED = ("user/ada", "shared/team", "global")


@dataclass
class Forked:
    """A memory as a branch has it: its words there, None once they are forgotten."""

    held: Held
    text: str | None
    was: str | None


branched = st.tuples(st.just("change"), st.integers(0, 30), st.sampled_from(WORDS))
unsaid = st.tuples(st.just("unsay"), st.integers(0, 30))
born = st.tuples(st.just("born"), st.sampled_from(BRANCHED), st.sampled_from(WORDS))
since = st.tuples(st.just("since"), st.integers(0, 30), st.sampled_from(WORDS))
later = st.one_of(
    governed,
    looked,
    looked,
    looked,
    branched,
    branched,
    unsaid,
    born,
    since,
    st.tuples(st.just("forget"), st.integers(0, 30)),
)


@pytest.mark.claim("5.5.1-02")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.lists(remembered, min_size=6, max_size=6), then=st.lists(later, min_size=10, max_size=20))
def test_nobody_learns_from_a_branch_what_he_may_not_read(first: list[Step], then: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(branch_off, Path(folder), first, then)


async def branch_off(folder: Path, first: list[Step], then: list[Step]) -> None:
    """The rules change in the original, the words in both; what a branch shows follows the rules."""
    forked: list[Forked] = []
    async with memos_mcp.open(
        home=folder, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}
    ) as memos:
        for number, (_, path, word, source) in enumerate(first):
            owner = path.split("/")[1] if path.startswith("user/") else "ada"
            text = f"{word} number {number}."
            (id,) = (await memos.acting_as(Caller(owner)).remember(text, path=path, source_class=source)).ids
            rules = Governance(owner=owner, came_from=(source,))  # and the user, whom no rule here keeps out
            forked.append(Forked(Held(id, path, owner, text, rules), text, text))
        for path in BRANCHED:
            await memos.branches.make("idea", path)
        forked = [each for each in forked if each.held.path != "user/ben"]
        for number, step in enumerate(then):
            await go_on(memos, forked, step, number)


async def go_on(memos: Memos, forked: list[Forked], step: Step, number: int) -> None:
    alive = [each for each in forked if each.text is not None]
    match step:
        case ("born", path, word):
            text = f"{word} born {number}."
            (id,) = (await (await memos.on_branch("idea", path)).remember(text)).ids
            forked.append(Forked(Held(id, path, "ada", text, Governance(owner="ada")), text, None))
        case ("change", at, word) if alive:
            one, text = alive[int(at) % len(alive)], f"{word} changed {number}."
            with contextlib.suppress(Denied, NotFound):
                await (await memos.on_branch("idea", one.held.path)).update(one.held.id, text)
                one.text = text
        case ("unsay", at) if alive:
            one = alive[int(at) % len(alive)]
            with contextlib.suppress(Denied, NotFound):
                await (await memos.on_branch("idea", one.held.path)).forget(one.held.id)
                one.text = None
        case ("look", caller, word):
            for path in BRANCHED:
                await look_at_a_branch(memos.acting_as(caller), path, forked, word)
        case _:
            await in_the_original(memos, forked, step)


async def in_the_original(memos: Memos, forked: list[Forked], step: Step) -> None:
    there = [each for each in forked if each.was is not None]
    match step:
        case ("govern", at, changed) if there:
            held = there[int(at) % len(there)].held
            await memos.acl.change([held.id], **changed)
            held.rules = held.rules.model_copy(update=changed)
        case ("since", at, word) if there:
            with contextlib.suppress(Denied, NotFound):
                await memos.update(there[int(at) % len(there)].held.id, f"{word} since")
        case ("forget", at) if there:
            one = there[int(at) % len(there)]
            await memos.forget(one.held.id)
            forked.remove(one)
        case _:
            pass


async def look_at_a_branch(memos: Memos, path: str, forked: list[Forked], word: str) -> None:
    if path.startswith("user/") and memos.caller.user != path.split("/")[1]:
        with pytest.raises((Denied, NotFound)):
            await memos.on_branch("idea", path)
        assert path not in {each.path for each in await memos.branches.list()}
        return
    idea = await memos.on_branch("idea", path)
    of = [each for each in forked if each.held.path == path or each.held.path.startswith(f"{path}/")]
    open_ = [each for each in of if may_read(memos.caller, each.held)]
    here = {each.held.id: each.text for each in open_ if each.text is not None}
    page = await idea.browse(limit=100)
    assert {cube.id: cube.text for cube in page.cubes} == here
    assert page.total == (await idea.status()).memories == len(here)
    found = await idea.recall(word, limit=100)
    assert {cube.id: cube.text for cube in found.cubes} == {id: text for id, text in here.items() if word in text}
    assert found.searched == len(here)
    seen = await memos.branches.diff("idea", path, limit=100)
    assert {cube.id for cube in seen.added} == {e.held.id for e in open_ if e.text and e.was is None}
    assert {each.cube.id for each in seen.changed} == {
        e.held.id for e in open_ if e.text and e.was not in (None, e.text)
    }
    assert set(seen.forgotten) == {e.held.id for e in open_ if e.text is None and e.was}
    news = await idea.log.news(0, limit=1000)
    assert {event.subject for event in news.events} & {each.held.id for each in of} <= {e.held.id for e in open_}
    for each in of:
        if each not in open_:
            for ask in (idea.get, idea.history):
                assert await refusal(ask, each.held.id) == (await refusal(ask, "nobody00")).replace(
                    "nobody00", each.held.id
                )
