"""The entities that a model finds in what is remembered: asked beside the facts, within the same time, or by rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import anyio
import pytest
from pydantic import JsonValue

from memos_mcp.cube import Origin
from memos_mcp.infrastructure.models.openai import OpenAIChat
from memos_mcp.interface.entities_llm import entities_by_model
from memos_mcp.interface.reader import RulesReader
from memos_mcp.interface.reader_llm import LlmReader
from memos_mcp.ports import Reading
from tests.entity_server import found, memory_in
from tests.openai_server import Reply, Request, refused, said, serving, stated

pytestmark = pytest.mark.anyio

CHAT: JsonValue = [
    {"speaker": "Ben", "text": "Zoe works at Nordlys."},
    {"speaker": "Zoe", "text": "I like Porto."},
]
MET = {"text": "Ben knows Zoe of Nordlys.", "kind": "fact", "turn": 1}
NAMES = ("Zoe", "Nordlys", "Porto", "Ben")


def naming(request: Request) -> Reply:
    """Finds the names it knows, and states one fact."""
    memory = memory_in(request)
    if memory is None:
        return stated(MET)
    names = [{"said": name, "name": name, "kind": "person"} for name in NAMES if name in memory["text"]]
    return found(names)


def without_facts(reply: Reply) -> Callable[[Request], Reply]:
    """States no facts, and answers about entities with the reply."""
    return lambda request: stated() if memory_in(request) is None else reply


async def read(
    source: JsonValue, answer: Callable[[Request], Reply], *, at_once: int = 4, timeout_s: float = 5
) -> tuple[Reading, list[Request]]:
    with serving(answer) as server:
        chat = OpenAIChat(server.url, "m", timeout_s=5, backoff_s=0.001)
        reader = LlmReader(RulesReader(), chat, entities=entities_by_model, at_once=at_once, timeout_s=timeout_s)
        try:
            return await reader.read(source, origin=Origin(actor="ada")), server.requests
        finally:
            await chat.aclose()


def names_of(reading: Reading) -> list[list[str]]:
    return [
        [draft.text[slice(*each.name)] for each in draft.mentions.entities if each.name]
        if draft.mentions
        else ["rules"]
        for draft in reading.drafts
    ]


async def test_turns_and_facts_have_the_entities_that_the_model_found_in_them() -> None:
    reading, requests = await read(CHAT, naming)
    assert names_of(reading) == [["Zoe", "Nordlys"], ["Porto"], ["Zoe", "Nordlys"]]
    assert reading.fallback == ""
    asked = [memory for each in requests if (memory := memory_in(each))]
    assert sorted((each["text"], each["speaker"]) for each in asked) == [
        ("Ben knows Zoe of Nordlys.", "Ben"),
        ("I like Porto.", "Zoe"),
        ("Zoe works at Nordlys.", "Ben"),
    ]
    assert all(each.mentions and each.mentions.model == "m" for each in reading.drafts)


async def test_the_user_is_named_to_the_model_as_in_the_graph() -> None:
    _, requests = await read("I like Porto.", without_facts(found([])))
    assert [memory["speaker"] for each in requests if (memory := memory_in(each))] == ["ada"]


async def test_system_messages_are_not_sent() -> None:
    source: JsonValue = [
        {"role": "system", "content": "Zoe is a pirate."},
        {"role": "user", "content": "I like Porto."},
    ]
    reading, requests = await read(source, lambda request: stated() if memory_in(request) is None else naming(request))
    assert names_of(reading) == [["rules"], ["Porto"]]
    assert "pirate" not in json.dumps([each.body for each in requests])
    assert reading.fallback == ""


async def test_what_the_model_failed_on_is_left_to_the_rules() -> None:
    def answer(request: Request) -> Reply:
        memory = memory_in(request)
        return said("?") if memory and "Porto" in memory["text"] else naming(request)

    reading, _ = await read(CHAT, answer)
    assert names_of(reading) == [["Zoe", "Nordlys"], ["rules"], ["Zoe", "Nordlys"]]
    assert reading.fallback.startswith("entities of 1 of 3 memories by rules, because the chat model 'm'")


@pytest.mark.parametrize(
    ("reply", "why"),
    [(refused(500), "HTTP 500"), (refused(401), "it wants a key"), (said("[]"), "did not answer with")],
)
async def test_a_model_that_is_of_no_use_for_entities_costs_only_these(reply: Reply, why: str) -> None:
    reading, _ = await read("I like Porto.", without_facts(reply))
    assert names_of(reading) == [["rules"]]
    assert reading.drafts == (await RulesReader().read("I like Porto.", origin=Origin(actor="ada"))).drafts
    assert "entities of 1 of 1 memories by rules, because " in reading.fallback
    assert why in reading.fallback


async def test_facts_and_entities_that_were_not_found_are_told_in_one_line() -> None:
    reading, _ = await read(CHAT, lambda _: refused(500))
    assert reading.fallback.startswith("read by rules alone, entities of 2 of 2 memories by rules, because the chat")
    assert reading.fallback.count("because") == 1


async def test_facts_and_entities_that_were_not_found_for_two_reasons_have_both() -> None:
    reading, _ = await read(CHAT, lambda request: said("?") if memory_in(request) is None else refused(500))
    assert reading.fallback.startswith("read by rules alone, because ")
    assert "; entities of 2 of 2 memories by rules, because " in reading.fallback


async def test_a_wrong_key_is_tried_only_once_per_slot() -> None:
    source: JsonValue = [{"role": "user", "content": f"Zoe has {n} boats."} for n in range(30)]
    reading, requests = await read(source, lambda _: refused(401))
    assert len(requests) <= 4
    assert "entities of 30 of 30 memories by rules, because the chat model 'm' at http" in reading.fallback


class SlowOverPorto:
    """Answers at once, but for what speaks of Porto."""

    model = "m"

    async def complete(self, system: str, text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
        if "<turns>" in text:
            return {"facts": []}
        if "Porto" in text:
            await anyio.sleep_forever()
        return {"entities": [], "relations": [], "aliases": []}

    async def aclose(self) -> None:
        pass


async def test_all_of_it_takes_no_longer_than_a_source_may() -> None:
    reader = LlmReader(RulesReader(), SlowOverPorto(), entities=entities_by_model, timeout_s=0.1)
    with anyio.fail_after(5):
        reading = await reader.read(CHAT, origin=Origin())
    assert names_of(reading) == [[], ["rules"]]
    late = "the chat model 'm' did not answer within 0.1 s"
    assert reading.fallback == f"entities of 1 of 2 memories by rules, because {late}"


async def test_a_reader_that_is_not_told_to_does_not_ask() -> None:
    with serving(stated()) as server:
        chat = OpenAIChat(server.url, "m")
        reading = await LlmReader(RulesReader(), chat).read(CHAT, origin=Origin())
        await chat.aclose()
    assert names_of(reading) == [["rules"], ["rules"]]
    assert len(server.requests) == 1
