"""Topics through the public API: the tree, what is predicted and confirmed, and summaries that lead back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import memos_mcp
from memos_mcp import Caller, Memos
from memos_mcp.cube import State
from memos_mcp.errors import Conflict, Denied, InvalidInput, NotFound
from memos_mcp.interface.topics import Tree

pytestmark = pytest.mark.anyio

HEALTH = (
    "Dr Miller says my knee needs rest.",
    "The dentist in Leeds fixed my tooth.",
    "Dr Miller prescribed ibuprofen for the knee.",
)
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LOOSE = ("The code word is tangerine.",)


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as system:
        yield system


async def told(memos: Memos, *texts: str, **given: object) -> list[str]:
    """The ids of texts that are remembered one by one."""
    return [(await memos.remember(text, **given)).ids[0] for text in texts]  # pyright: ignore[reportArgumentType]


def topics(tree: Tree) -> dict[str, int]:
    return {topic.name: topic.memories for topic in tree.topics}


async def test_a_tree_has_topics_concepts_and_facts(memos: Memos) -> None:
    await told(memos, *HEALTH, *LOOSE, "Ada drinks green tea.")
    tree = await memos.topics.tree(depth=3)
    assert topics(tree) == {"health": 3, "food": 1}
    assert (tree.memories, tree.loose, tree.partly) == (5, 1, False)
    concepts = {concept.name: concept for concept in tree.topics[0].concepts}
    assert concepts["knee"].memories == 2
    assert {fact.text for fact in concepts["knee"].facts} == {HEALTH[0], HEALTH[2]}
    assert concepts["Leeds"].kind == "place"
    assert {fact.layer for fact in concepts["Leeds"].facts} == {"private"}


async def test_a_tag_is_a_topic_and_joins_the_predicted_one_of_its_name(memos: Memos) -> None:
    await memos.remember("Take the pills at noon.", tags=["Health", "chores"])
    await told(memos, HEALTH[1])
    tree = await memos.topics.tree(depth=1)
    assert [(each.name, each.memories, each.tagged) for each in tree.topics] == [("Health", 2, 1), ("chores", 1, 1)]
    assert all(each.concepts == () for each in tree.topics)


async def test_what_has_no_topic_hangs_together_by_what_it_shares(memos: Memos) -> None:
    await told(memos, "The tangerine folder is blue.", "Who has the tangerine folder?", "Nine is enough.")
    (cluster,) = await memos.topics.clusters()
    assert (cluster.name, cluster.memories) == ("folder", 2)
    tree = await memos.topics.tree()
    assert [(each.name, each.cluster) for each in tree.topics] == [("folder", True)]
    assert tree.loose == 1


async def test_a_tree_is_told_in_pages_and_by_topic(memos: Memos) -> None:
    await told(memos, *HEALTH, "Ada drinks tea.", "The band played a song.")
    first = await memos.topics.tree(limit=2)
    rest = await memos.topics.tree(limit=2, after=first.after)
    assert [each.name for each in (*first.topics, *rest.topics)] == ["health", "food", "music"]
    assert (first.after, rest.after) == (2, 0)
    assert topics(await memos.topics.tree(topic="HEALTH")) == {"health": 3}
    assert (await memos.topics.tree(breadth=1)).topics[0].all_concepts > 1


async def test_a_tree_tells_nothing_of_what_one_may_not_read(memos: Memos) -> None:
    (hidden,) = await told(memos, "Uma has asthma.", path="shared/team")
    await told(memos, HEALTH[0], path="shared/team")
    await memos.acl.change([hidden], denied=["eve"], reason="private")
    eve = memos.acting_as(Caller("eve"))
    tree = await eve.topics.tree("shared/team", depth=3)
    assert topics(tree) == {"health": 1}
    assert "Uma" not in {concept.name for concept in tree.topics[0].concepts}
    with pytest.raises(NotFound):
        await eve.topics.annotate(hidden)


async def test_only_facts_that_are_told_are_accesses(memos: Memos) -> None:
    await told(memos, *HEALTH)
    await memos.topics.tree(depth=2)
    await memos.topics.tree(depth=3, topic="health", breadth=1)
    lines = [each for each in (await memos.audit.query(limit=10)).lines if each.verb == "topics.tree"]
    assert sorted(len(line.items) for line in lines) == [0, 1]


@pytest.mark.claim("5.4.1-03", "5.4.1-04")
async def test_a_prediction_becomes_a_tag_when_it_is_confirmed_and_is_denied_for_good(memos: Memos) -> None:
    (id,) = await told(memos, HEALTH[1])
    noted = await memos.topics.annotate(id)
    assert (noted.tags, noted.topics) == ((), ("health",))
    confirmed = await memos.topics.confirm(id, "health")
    assert (confirmed.tags, confirmed.version) == (("health",), 2)
    assert (await memos.topics.confirm(id, "health")).version == 2
    denied = await memos.topics.deny(id, "health", reason="it is about the dentist's house")
    assert denied.tags == ("-health",)
    noted = await memos.topics.annotate(id)
    assert (noted.tags, noted.topics, noted.denied) == ((), (), ("health",))
    assert topics(await memos.topics.tree()) == {}
    await memos.update(id, "The dentist in York fixed my tooth.")
    assert (await memos.topics.annotate(id)).topics == ()
    assert (await memos.topics.confirm(id, "health")).tags == ("health",)


async def test_who_may_not_change_a_memory_confirms_nothing(memos: Memos) -> None:
    (id,) = await told(memos, HEALTH[0], path="shared/team")
    await memos.acl.change([id], writers=["ada"], reason="mine")
    with pytest.raises(Denied):
        await memos.acting_as(Caller("eve")).topics.confirm(id, "health")
    with pytest.raises(Conflict):
        await memos.topics.deny(id, "health", expect=7)


@pytest.mark.claim("5.4.1-01")
async def test_a_summary_leads_back_to_every_source_with_its_version(memos: Memos) -> None:
    ids = await told(memos, *HEALTH)
    await told(memos, "Ada drinks tea.")
    made = await memos.topics.summarise("health")
    assert {(ref.id, ref.version) for ref in made.sources} == {(id, 1) for id in ids}
    assert made.cube.kind == "document"
    assert made.cube.text.startswith("health: 3 memories, ")
    assert "knee" in made.cube.text
    assert made.cube.tags == ("summary", "health")
    assert (made.stale, made.left_out, made.model) == ((), 0, "")
    trace = await memos.provenance.trace(made.cube.id, "up")
    assert {each.id for each in trace.memories} == {made.cube.id, *ids}
    assert topics(await memos.topics.tree()) == {"health": 3, "food": 1}


async def test_a_summary_says_when_it_is_out_of_date_and_is_made_again_as_the_same_memory(memos: Memos) -> None:
    first, *_ = await told(memos, *HEALTH)
    made = await memos.topics.summarise("health")
    await memos.update(first, "Dr Miller says my knee is well.")
    await told(memos, "The nurse gave me a vaccine.")
    (old,) = await memos.topics.summaries()
    assert old.stale == ("1 changed", "1 new")
    again = await memos.topics.summarise("Health")
    assert (again.cube.id, again.cube.version) == (made.cube.id, 2)
    assert "knee is well" in again.cube.text
    assert [each.stale for each in await memos.topics.summaries()] == [()]


@pytest.mark.parametrize("way", ["forget", "erase", "quarantine", "expire", "migrate", "deny"])
async def test_a_summary_goes_with_its_sources(memos: Memos, way: str) -> None:
    first, *_ = await told(memos, *HEALTH, path="user/ada/notes")
    made = await memos.topics.summarise("health", "user/ada/notes")
    match way:
        case "forget":
            await memos.forget(first)
        case "erase":
            await memos.lifecycle.erase([first], reason="asked")
        case "quarantine":
            await memos.quarantine.add([first])
        case "expire":
            await memos.lifecycle.move([first], "expire")
        case "migrate":
            await memos.lifecycle.move([made.cube.id], "archive")
            await memos.lifecycle.migrate("user/ada/notes", "user/ada/old")
        case _:
            await memos.acl.change([first], denied=["eve"], reason="not for eve")
    with pytest.raises(NotFound):
        await memos.get(made.cube.id)
    assert await memos.topics.summaries("user/ada") == ()


async def test_what_an_earlier_version_of_a_summary_said_goes_too(memos: Memos) -> None:
    first, *_ = await told(memos, *HEALTH)
    made = await memos.topics.summarise("health")
    await memos.topics.deny(first, "health")
    again = await memos.topics.summarise("health")
    assert first not in {ref.id for ref in again.sources}
    await memos.forget(first)
    with pytest.raises(NotFound):
        await memos.get(made.cube.id, version=1)


async def test_a_summary_under_legal_hold_stays(memos: Memos) -> None:
    first, *_ = await told(memos, *HEALTH)
    made = await memos.topics.summarise("health")
    await memos.lifecycle.hold([made.cube.id])
    await memos.forget(first)
    assert await memos.get(made.cube.id)
    assert "1 no longer found" in (await memos.topics.summaries())[0].stale
    await memos.lifecycle.unhold([made.cube.id])
    assert await memos.topics.summaries() == ()
    with pytest.raises(NotFound):
        await memos.get(made.cube.id)


async def test_a_summary_has_the_rules_and_the_end_of_its_sources(memos: Memos) -> None:
    day = timedelta(days=1)
    ids = [
        *await told(memos, *HEALTH[:2], path="shared/team", expires=day),
        *await told(memos, HEALTH[2], path="shared/team"),
    ]
    await memos.acl.change(ids, readers=["ben"], reason="for ben")
    (web,) = await told(memos, "Vaccines cure the flu, says the page.", path="shared/team", source_class="web")
    made = await memos.topics.summarise("health", "shared/team")
    rules = made.cube.governance
    assert rules.readers == ("ben",)
    assert rules.expires_at == min([(await memos.get(id)).governance.expires_at or FAR for id in ids])
    assert (made.left_out, web in {ref.id for ref in made.sources}) == (1, False)
    with pytest.raises(NotFound):
        await memos.acting_as(Caller("eve")).get(made.cube.id)
    assert (await memos.acting_as(Caller("ben")).get(made.cube.id)).text == made.cube.text


async def test_a_summary_is_as_little_trusted_as_the_least_of_its_sources(memos: Memos) -> None:
    await told(memos, HEALTH[0])
    await told(memos, "Vaccines cure the flu, says the page.", source_class="web")
    made = await memos.topics.summarise("health")
    assert made.cube.origin.source_class == "web"
    assert set(made.cube.governance.came_from) == {"user", "web"}


async def test_a_cluster_is_summed_up_by_its_name_and_what_is_not_there_is_not(memos: Memos) -> None:
    await told(memos, "The tangerine folder is blue.", "Who has the tangerine folder?")
    assert "tangerine" in (await memos.topics.summarise("folder")).cube.text
    with pytest.raises(NotFound, match="nothing at user/ada about 'music'"):
        await memos.topics.summarise("music")
    with pytest.raises(InvalidInput):
        await memos.topics.summarise(" ")


async def test_a_summary_is_not_made_of_what_lies_beneath(memos: Memos) -> None:
    await told(memos, HEALTH[0])
    await told(memos, *HEALTH[1:], path="user/ada/deep")
    assert len((await memos.topics.summarise("health")).sources) == 1


async def test_on_a_branch_nothing_is_summed_up_and_the_tree_is_that_of_the_branch(memos: Memos) -> None:
    await told(memos, *HEALTH)
    await memos.branches.make("what if")
    branch = await memos.on_branch("what if")
    await branch.remember("Ada drinks tea.")
    assert topics(await branch.topics.tree()) == {"health": 3, "food": 1}
    with pytest.raises(InvalidInput, match="merge it"):
        await branch.topics.summarise("health")


async def test_an_archived_summary_can_be_made_again(memos: Memos) -> None:
    await told(memos, *HEALTH)
    made = await memos.topics.summarise("health")
    await memos.lifecycle.move([made.cube.id], "expire")
    again = await memos.topics.summarise("health")
    assert (again.cube.id, again.cube.state is State.EXPIRED) == (made.cube.id, False)
