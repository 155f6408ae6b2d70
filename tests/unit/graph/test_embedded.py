"""The file of the embedded graph: opened, shared, damaged, closed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from memos_graph import Edge, EmbeddedGraph, GraphCorrupt, GraphUnavailable, Neighbourhood, Node, Seen
from memos_graph.file import File

pytestmark = pytest.mark.anyio
ALL = Seen(("s",))
DAMAGES = (
    ("DROP TABLE edge", "no such table"),
    ("UPDATE node SET props = '{'", "damaged"),
    ("PRAGMA user_version = 9", "version 9"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "graph.db"


@pytest.fixture
async def graph(file: Path) -> AsyncGenerator[EmbeddedGraph]:
    graph = EmbeddedGraph(file)
    yield graph
    await graph.aclose()


async def star(graph: EmbeddedGraph, rays: int) -> None:
    nodes = [Node("hub", "thing", "the hub"), *(Node(f"ray{n:03}", "thing", f"ray {n}") for n in range(rays))]
    await graph.upsert("s", nodes, [Edge("hub", f"ray{n:03}", "near") for n in range(rays)])


def there(file: Path) -> bool:
    return file.exists()


def content(file: Path) -> bytes:
    return file.read_bytes()


def torn(file: Path) -> None:
    """Write over all pages but those at the beginning."""
    with file.open("r+b") as pages:
        pages.seek(8 * 4096)
        pages.write(b"\xa5" * (file.stat().st_size - 8 * 4096))


def changed(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute(statement)


async def test_the_file_and_its_folder_are_made_at_the_first_call_and_not_before(
    graph: EmbeddedGraph, file: Path
) -> None:
    assert not there(file.parent)
    assert await graph.spaces() == []
    assert there(file)


async def test_what_one_wrote_another_on_the_same_file_reads(graph: EmbeddedGraph, file: Path) -> None:
    other = EmbeddedGraph(file)
    await star(graph, 3)
    assert len((await other.neighbours(ALL, ["hub"])).nodes) == 3
    await other.remove("s", ["ray000"])
    assert len((await graph.neighbours(ALL, ["hub"])).nodes) == 2
    await other.aclose()


async def test_many_that_open_a_new_file_at_once_make_one_graph(file: Path) -> None:
    graphs = [EmbeddedGraph(file) for _ in range(6)]
    async with anyio.create_task_group() as tasks:
        for n, graph in enumerate(graphs):
            tasks.start_soon(graph.upsert, "s", [Node(f"n{n}", "thing")])
    assert len(await graphs[0].get(ALL, [f"n{n}" for n in range(6)])) == 6
    for graph in graphs:
        await graph.aclose()


async def test_questions_at_once_are_answered_alike(graph: EmbeddedGraph) -> None:
    await star(graph, 30)
    answers: list[Neighbourhood] = []

    async def ask() -> None:
        answers.append(await graph.neighbours(ALL, ["ray007"], hops=2))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert answers == [answers[0]] * 20
    assert len(answers[0].nodes) == 30


async def test_of_a_crowd_the_first_by_name_come_back_and_more_says_so(graph: EmbeddedGraph) -> None:
    await star(graph, 30)
    around = await graph.neighbours(ALL, ["hub"], hops=2, limit=4)
    assert [near.node.id for near in around.nodes] == ["ray000", "ray001", "ray002", "ray003"]
    assert [edge.target for edge in around.edges] == ["ray000", "ray001", "ray002", "ray003"]
    assert around.more


async def test_equal_names_in_two_spaces_keep_their_own_edges(graph: EmbeddedGraph) -> None:
    for space, kind in (("s", "near"), ("t", "far")):
        await graph.upsert(space, [Node("a", "thing"), Node("b", "thing")], [Edge("a", "b", kind)])
    around = await graph.neighbours(Seen(("t", "s")), ["a"])
    assert [(near.space, near.node.id) for near in around.nodes] == [("s", "b"), ("t", "b")]
    assert [edge.kind for edge in around.edges] == ["far", "near"]


async def test_a_label_that_was_removed_is_in_no_byte_of_the_file(graph: EmbeddedGraph, file: Path) -> None:
    await graph.upsert("s", [Node("a", "thing", "Zanzibar", props={"note": "pemba"})])
    await graph.remove("s", ["a"])
    for part in file.parent.iterdir():
        content = part.read_bytes().lower()
        assert b"zanzibar" not in content
        assert b"pemba" not in content


async def test_what_is_no_database_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Ada, " * 100)
    graph = EmbeddedGraph(file)
    with pytest.raises(GraphCorrupt, match=r"letter\.txt"):
        await graph.spaces()
    assert file.read_text() == "Dear Ada, " * 100


async def test_the_database_of_somebody_else_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    changed(file, "CREATE TABLE node (theirs TEXT)")
    before = file.read_bytes()
    with pytest.raises(GraphCorrupt, match="no graph of ours: name another file"):
        await EmbeddedGraph(file).upsert("s", [Node("a", "thing")])
    assert file.read_bytes() == before


async def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphUnavailable, match="cannot be opened"):
        await EmbeddedGraph(tmp_path / "file" / "graph.db").spaces()
    with pytest.raises(GraphUnavailable, match="unable to open"):
        await EmbeddedGraph(tmp_path).spaces()


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
async def test_a_damaged_graph_is_told_and_never_taken_for_an_empty_one(file: Path, damage: str, told: str) -> None:
    first = EmbeddedGraph(file)
    await star(first, 2)
    await first.aclose()
    changed(file, damage)
    again = EmbeddedGraph(file)
    with pytest.raises(GraphCorrupt, match=told):
        await again.neighbours(ALL, ["hub"])
    await again.aclose()


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGES])
async def test_a_damaged_graph_can_be_cleared_and_filled_again(file: Path, damage: str) -> None:
    before, after = EmbeddedGraph(file), EmbeddedGraph(file)
    await star(before, 2)
    changed(file, damage)
    await after.clear()
    assert await after.spaces() == []
    await star(after, 3)
    assert len((await before.neighbours(ALL, ["hub"])).nodes) == 3
    for graph in (before, after):
        await graph.aclose()


async def test_a_graph_with_torn_pages_can_be_cleared_and_nothing_of_it_is_left(file: Path) -> None:
    first = EmbeddedGraph(file)
    await star(first, 400)
    await first.aclose()
    torn(file)
    again = EmbeddedGraph(file)
    with pytest.raises(GraphCorrupt, match="malformed"):
        await again.neighbours(ALL, ["hub"])
    with pytest.raises(GraphCorrupt, match="malformed"):
        await again.clear("s")
    await again.clear()
    await star(again, 3)
    assert len((await again.neighbours(ALL, ["hub"])).nodes) == 3
    await again.aclose()
    assert b"ray 399" not in content(file)


@pytest.mark.parametrize("theirs", [b"Dear Ada, " * 100, b""], ids=["a letter", "a database"])
async def test_a_file_of_somebody_else_is_not_cleared(tmp_path: Path, theirs: bytes) -> None:
    file = tmp_path / "theirs"
    changed(file, "CREATE TABLE node (theirs TEXT)")
    if theirs:
        file.write_bytes(theirs)
    before = content(file)
    with pytest.raises(GraphCorrupt):
        await EmbeddedGraph(file).clear()
    assert content(file) == before


async def test_a_closed_graph_says_so_and_may_be_closed_again(graph: EmbeddedGraph) -> None:
    await star(graph, 1)
    await graph.aclose()
    await graph.aclose()
    with pytest.raises(GraphUnavailable, match="was closed: open another"):
        await graph.get(ALL, ["hub"])
    with pytest.raises(GraphUnavailable, match="was closed: open another"):
        await graph.upsert("s", [Node("a", "thing")])


def test_a_question_that_is_under_way_when_the_graph_closes_is_answered_and_its_connection_closed(file: Path) -> None:
    opened = File(file)
    with opened.read() as db:
        opened.close()
        assert db.execute("SELECT count(*) FROM node").fetchone() == (0,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


async def test_a_question_that_is_given_up_leaves_the_graph_usable(graph: EmbeddedGraph) -> None:
    await star(graph, 30)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await graph.neighbours(ALL, ["hub"], hops=3)
    assert scope.cancelled_caught
    assert len((await graph.neighbours(ALL, ["hub"])).nodes) == 30
