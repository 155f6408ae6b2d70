"""`memos graph` as a person types it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from memos_mcp.apps import terminal
from tests.entity_server import found, memory_in
from tests.graphs import parsed, system
from tests.openai_server import serving, stated

Memos = Callable[..., Result]


@pytest.fixture
def ids(memos: Memos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is known of Eigg, in a graph of capitalised names."""
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(terminal.wiring, "open", lambda: system(tmp_path / "home", os.environ["MEMOS_USER"]))
    texts = ("Ben likes Eigg", "the ferry to Eigg is late", "[red]Zoe[/red] \x1b[31mlikes Ben")
    return [json.loads(memos("remember", text, "--json").stdout)["ids"][0] for text in texts]


def test_what_lies_around_is_listed_with_how_it_hangs_together(memos: Memos, ids: list[str]) -> None:
    near = memos("graph", "near", "eigg").stdout
    assert "0  thing       Eigg" in near
    assert f"“Ben likes Eigg” [{ids[0]}]" in near
    assert "mentions → Eigg" in near
    assert "states ← “Ben likes" in near or "states ← Ben likes" in near
    assert "[red]" in memos("graph", "near", "Zoe").stdout
    assert "\x1b" not in memos("graph", "near", "Zoe").stdout
    told = json.loads(memos("graph", "near", "eigg", "--hops", "1", "--json").stdout)
    assert {node["kind"] for node in told["nodes"]} == {"entity", "memory", "relation"}
    assert "eve has no memory 'Eigg'" in memos("graph", "near", "Eigg", user="eve", code=3).stderr
    assert "there is more" in memos("graph", "near", "eigg", "-n", "1").stdout


def test_ways_are_shown_in_one_line(memos: Memos, ids: list[str]) -> None:
    way = memos("graph", "paths", ids[0], ids[1]).stdout
    assert f"“Ben likes Eigg” [{ids[0]}] —mentions→ Eigg ←mentions— “the ferry to Eigg is late” [{ids[1]}]" in way
    assert "no way so short" in memos("graph", "paths", ids[0], ids[1], "--kind", "follows").stdout


def test_a_page_tells_what_is_said_of_an_entity(memos: Memos, ids: list[str]) -> None:
    page = memos("graph", "entity", "Eigg").stdout
    assert "named in 2 memories" in page
    assert "Ben likes Eigg" in page
    assert "beside it: Ben (1)" in page
    assert json.loads(memos("graph", "entity", "ben", "--json").stdout)["total"] == 2


def test_entities_are_listed(memos: Memos, ids: list[str]) -> None:
    shown = memos("graph", "entities", "-n", "1").stdout
    assert "2  Ben" in shown
    assert "1 name of the 3 memories; go on with --after 1" in shown
    assert json.loads(memos("graph", "entities", "--kind", "person", "--json").stdout)["entities"] == []


def test_links_are_made_and_taken_away(memos: Memos, ids: list[str]) -> None:
    linked = memos("graph", "link", ids[0], ids[1], "supports", "--reason", "both are about Eigg").stdout
    assert f"supports {ids[1]}" in linked
    assert "—supports→" in memos("graph", "paths", ids[0], ids[1]).stdout
    assert "no links" in memos("graph", "unlink", ids[0], ids[1]).stdout


def test_names_are_made_one_and_two_again(memos: Memos, ids: list[str]) -> None:
    assert "Zoe is Ben" in memos("graph", "merge", "Zoe", "Ben", "--reason", "one person").stdout
    assert json.loads(memos("graph", "entity", "ben", "--json").stdout)["total"] == 2
    (same,) = json.loads(memos("graph", "merges", "--json").stdout)
    assert f"{same['id']}  Zoe is Ben  user/ada  ada" in memos("graph", "merges").stdout
    assert "Zoe and Ben are two" in memos("graph", "take-back", same["id"]).stdout
    assert "Zoe is no longer Ben" in memos("graph", "merges", "--all").stdout
    memos("graph", "take-back", same["id"], "--forget")
    assert "no names were merged" in memos("graph", "merges", "--all").stdout


def test_files_are_written_and_pictures_drawn(memos: Memos, ids: list[str], tmp_path: Path) -> None:
    graph, picture, page = tmp_path / "graph.xml", tmp_path / "eigg.svg", tmp_path / "eigg.html"
    assert "wrote 7 nodes" in memos("graph", "export", "--to", str(graph)).stdout
    assert len(parsed(graph.read_text("utf-8")).findall(".//{*}node")) == 7
    assert "MERGE (n:MemosExport" in memos("graph", "export", "Eigg", "--format", "cypher").stdout
    assert memos("graph", "picture", str(picture), "Eigg").exit_code == 0
    assert picture.read_text("utf-8").startswith("<svg")
    assert memos("graph", "picture", str(page)).exit_code == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert "give a name that is free" in memos("graph", "picture", str(page), code=2).stderr
    assert "ends in neither" in memos("graph", "picture", "eigg.png", code=2).stderr
    missing = tmp_path / "missing.svg"
    assert "ada has no memory" in memos("graph", "picture", str(missing), "Perth", code=3).stderr
    assert not missing.exists()


def test_what_a_chat_model_found_is_shown_as_what_the_rules_find(memos: Memos, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "She left Nordlys in May."
    left = {
        "source": "Zoe",
        "kind": "works-at",
        "target": "Nordlys",
        "detail": "left",
        "sentence": sentence,
        "ended": True,
    }
    names = [
        {"said": "Zoe", "name": "Zoe", "kind": "person"},
        {"said": "Nordlys", "name": "Nordlys", "kind": "organisation"},
    ]
    with serving(lambda request: stated() if memory_in(request) is None else found(names, [left])) as server:
        for name, value in (("KIND", "openai"), ("URL", server.url), ("MODEL", "m"), ("ENTITIES", "true")):
            monkeypatch.setenv(f"MEMOS_READER__{name}", value)
        memos("remember", f"Zoe keeps bees. {sentence}")
        page = memos("graph", "entity", "Nordlys").stdout
        assert "Nordlys, organisation\n  named in 1 memory" in page
        assert "Zoe works-at Nordlys (no longer)" in page
        (stated_there,) = json.loads(memos("graph", "entity", "Nordlys", "--json").stdout)["said"]
        assert stated_there["sentence"] == sentence
        told = json.loads(memos("graph", "near", "Nordlys", "--json").stdout)
        assert {"Zoe", "Nordlys"} <= {node["label"] for node in told["nodes"]}
