"""Entities and relations that a model found when a memory was written: kept with it, and seen in the graph."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from benchmarks.entities import NOW, PARTS, facts, labelled
from memos_mcp import Caller, Memos
from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.storage.rows import content_of
from memos_mcp.interface.entities import RulesMentions, speaker_of
from memos_mcp.interface.mentioned import reading_of
from tests.entity_server import as_labelled, found, memory_in, rows
from tests.openai_server import Reply, Request, Server, refused, serving, stated

pytestmark = pytest.mark.anyio

TEXT = "Zoe keeps bees with Max. She left Nordlys for Eigg."
LEFT: dict[str, JsonValue] = {
    "source": "Zoe",
    "kind": "works-at",
    "target": "Nordlys",
    "detail": "left",
    "sentence": "She left Nordlys for Eigg.",
    "ended": True,
}


def told(request: Request) -> Reply:
    """What no rule finds: whom `she` left, and that Nordlys is a firm."""
    memory = memory_in(request)
    if memory is None:
        return stated()
    people = [{"said": name, "name": name, "kind": "person"} for name in ("Zoe", "Max") if name in memory["text"]]
    firm = [{"said": "Nordlys", "name": "Nordlys", "kind": "organisation"}] if "Nordlys" in memory["text"] else []
    return found(people + firm, [LEFT] if str(LEFT["sentence"]) in memory["text"] else [])


@asynccontextmanager
async def opened(home: Path, server: Server, privacy: str = "off") -> AsyncGenerator[Memos]:
    async with memos_mcp.open(
        home=home,
        user="user",
        reader={"kind": "openai", "url": server.url, "model": "m", "entities": True},
        embedder={"kind": "none"},
        consolidation={"mode": "off"},
        privacy={"mode": privacy},
    ) as memos:
        yield memos


@contextmanager
def answering(answer: Callable[[Request], Reply] = told) -> Generator[Server]:
    with serving(answer) as server:
        yield server


async def one(memos: Memos, text: str = TEXT, **more: object) -> MemCube:
    (id,) = (await memos.remember(text, **more)).ids  # pyright: ignore[reportArgumentType]
    return await memos.get(id)


async def said_of(memos: Memos, name: str) -> list[tuple[str, str, str, bool]]:
    return [(s.source, s.kind, s.target, s.ended) for s in (await memos.graph.entity(name)).said]


# --- the tables of the rules, read by a model


@pytest.mark.parametrize("part", PARTS)
async def test_what_a_model_finds_in_the_labelled_memories_comes_to_the_graph(tmp_path: Path, part: str) -> None:
    messages: JsonValue = [
        {"role": "user", "content": row["text"], "said_at": NOW.isoformat()}
        | ({"speaker": row["by"]} if "by" in row else {})
        for row in rows(part)
    ]
    table = {memory.text: memory for memory in labelled(part)}
    with answering(as_labelled(part)) as server:
        async with opened(tmp_path, server) as memos:
            stored = await memos.remember(messages)
            assert (stored.new, stored.fallback) == (len(table), "")
            cubes = [await memos.get(id) for id in stored.ids]
            wanted = set[tuple[str, str, str]]()
            for cube in cubes:
                assert cube.mentions is not None
                memory, speaker = table[cube.text], speaker_of(cube.origin)
                read = facts(reading_of(cube.mentions, cube.text, speaker, ()), memory.by)
                assert read == {fact for fact in memory.there if fact[1] != "date"}, cube.text
                shown = RulesMentions().of(cube)
                assert len(shown.relations) == sum(fact[0] == "relation" for fact in read), cube.text
                wanted |= {(r.source, r.kind, r.target) for r in shown.relations if r.source != speaker}
            await memos.settle(60)
            for name in sorted({source for source, _, _ in wanted})[:20]:
                page = {(source, kind, target) for source, kind, target, _ in await said_of(memos, name)}
                assert {each for each in wanted if each[0] == name} <= page


# --- a memory and what was found in it


async def test_what_a_model_found_is_on_the_page_of_an_entity(tmp_path: Path) -> None:
    with answering() as server:
        async with opened(tmp_path, server) as memos:
            cube = await one(memos)
            assert cube.mentions is not None
            assert cube.mentions.model == "m"
            assert cube.text[slice(*cube.mentions.relations[0].sentence)] == LEFT["sentence"]
            page = await memos.graph.entity("Nordlys")
            assert page.kind == "organisation"
            assert [(s.source, s.kind, s.target, s.ended, s.sentence, s.memory) for s in page.said] == [
                ("Zoe", "works-at", "Nordlys", True, LEFT["sentence"], cube.id)
            ]
            asked = len(server.requests)
            await memos.rebuild("graph")
            await memos.settle(5)
            assert await said_of(memos, "Nordlys") == [("Zoe", "works-at", "Nordlys", True)]
            assert len(server.requests) == asked


async def test_without_the_model_the_rules_find_what_they_find(tmp_path: Path) -> None:
    with answering(lambda _: refused(503)) as server:
        async with opened(tmp_path, server) as memos:
            stored = await memos.remember("Zoe lives in Perth.")
            assert "entities of 1 of 1 memories by rules, because " in stored.fallback
            assert (await memos.get(stored.ids[0])).mentions is None
            assert await said_of(memos, "Zoe") == [("Zoe", "lives-in", "Perth", False)]


async def test_it_goes_with_its_sentence_and_comes_back_with_it(tmp_path: Path) -> None:
    with answering() as server:
        async with opened(tmp_path, server) as memos:
            cube = await one(memos)
            changed = await memos.update(cube.id, "Zoe keeps bees with Max. She lives in Oban.")
            assert changed.mentions is not None
            assert changed.mentions.relations == ()
            page = await memos.graph.entity("Zoe")
            assert "Nordlys" not in {each.name for each in page.beside}
            assert "Max" in {each.name for each in page.beside}
            assert [(s.kind, s.target) for s in page.said] == [("lives-in", "Oban")]
            await memos.timeline.restore(cube.id, 1)
            assert (await memos.get(cube.id)).mentions == cube.mentions
            assert await said_of(memos, "Nordlys") == [("Zoe", "works-at", "Nordlys", True)]
            assert (await memos.get(cube.id, version=2)).mentions == changed.mentions
            longer = await memos.update(cube.id, "Max paints.", how="append")
            assert longer.mentions is not None
            assert cube.mentions is not None
            assert longer.mentions.relations == cube.mentions.relations
            assert (await memos.update(cube.id, "Nothing of it.")).mentions is None


async def test_what_is_hidden_from_a_reader_is_hidden_of_what_was_found_too(tmp_path: Path) -> None:
    text = "Zoe's address is zoe@nordlys.example. Max likes her."
    with answering() as server:
        async with opened(tmp_path, server, "redact_at_read") as memos:
            cube = await one(memos, text, path="shared/ward")
            part = await memos.acting_as(Caller("eve")).get(cube.id)
            assert part.text == "Zoe's address is [EMAIL]. Max likes her."
            assert cube.mentions is not None
            assert part.mentions is not None
            assert [cube.text[slice(*each.name)] for each in cube.mentions.entities if each.name] == ["Zoe", "Max"]
            assert [part.text[slice(*each.name)] for each in part.mentions.entities if each.name] == ["Max"]
            owner = await memos.graph.entity("Max")
            assert owner.memories[0].mentions == cube.mentions


@pytest.mark.parametrize("meanwhile", ["", "It rained."])
async def test_a_branch_that_is_joined_brings_the_words_and_what_was_found_in_them(
    tmp_path: Path, meanwhile: str
) -> None:
    with answering() as server:
        async with opened(tmp_path, server) as memos:
            cube = await one(memos, TEXT.replace(". ", ".\n"))
            await memos.branches.make("try")
            new = await (await memos.on_branch("try")).update(cube.id, f"Max paints.\n{LEFT['sentence']}")
            if meanwhile:
                await memos.update(cube.id, meanwhile, how="append")
            await memos.branches.merge("try")
            joined = await memos.get(cube.id)
            assert joined.text == "\n".join(filter(None, (new.text, meanwhile)))
            assert joined.mentions is not None
            assert joined.mentions == new.mentions
            assert [joined.text[slice(*each.name)] for each in joined.mentions.entities if each.name] == ["Nordlys"]


async def test_what_is_forgotten_leaves_nothing_of_what_was_found(tmp_path: Path) -> None:
    with answering() as server:
        async with opened(tmp_path, server) as memos:
            cube = await one(memos)
            await memos.settle(5)
            await memos.forget(cube.id)
            assert [each.name for each in (await memos.graph.entities()).entities] == []
            assert (await memos.history(cube.id))[0].cube is None


async def test_a_memory_without_a_model_is_stored_as_it_always_was(tmp_path: Path) -> None:
    with answering() as server:
        async with opened(tmp_path, server) as memos:
            note = await memos.put(None, "note", text=TEXT)
            assert "mentions" not in content_of(note)[1]
            assert content_of(await one(memos))[1].count('"mentions"') == 1
