"""Paths of the memory tool: one file has one name, and nothing leads out of /memories."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from memos_mcp import InvalidInput, NotFound, sync
from tests.folders import BlockingFolder


@pytest.fixture
def folder(tmp_path: Path) -> Generator[BlockingFolder]:
    with sync.open(home=tmp_path, user="ada") as memos:
        yield BlockingFolder(memos, "user/ada/memories")


@pytest.mark.parametrize("path", ["/etc/passwd", "memories/a", "/memoriesX/a", "/", "/Memories/a", "//memories/a", ""])
def test_a_path_elsewhere_is_refused(folder: BlockingFolder, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        folder.create(path, "x")
    assert str(refused.value) == f"Path must start with /memories, got: {path}"


ESCAPES = """/memories/../../etc/passwd /memories/.. /memories/a/../../b /memories/%2e%2e/b /memories/a/%2E%2E%2Fb
    /memories/%252e%252e%252fb /memories/..\\b /memories/a\\b /memories/..%5cb /memories/a%00.md /memories/.../b
    /memories/%c0%ae%c0%ae/b /memories/\uff0e\uff0e/b /memories/\u2025/b /memories/\u2024\u2024/b /memories/..\uff0fb
    /memories/..\u2215b /memories/\uff3cb""".split()


@pytest.mark.parametrize("path", [*ESCAPES, "/memories/.. /b", "/memories/ /b"], ids=ascii)
def test_a_path_that_could_lead_out_is_refused_by_every_command(folder: BlockingFolder, path: str) -> None:
    folder.create("/memories/a", "1")
    for attempt in (
        lambda: folder.create(path, "x"),
        lambda: folder.view(path),
        lambda: folder.str_replace(path, "1", "2"),
        lambda: folder.insert(path, 0, "2"),
        lambda: folder.delete(path),
        lambda: folder.rename(path, "/memories/b"),
        lambda: folder.rename("/memories/a", path),
    ):
        with pytest.raises(InvalidInput) as refused:
            attempt()
        assert str(refused.value) == f"Path {path} would escape /memories directory"
    assert folder.view("/memories").split("\n")[1:] == ["1B\t/memories", "1B\t/memories/a"]


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\u200bb", "\u202ea", "\ud800", "a\u00a0b"], ids=ascii)
def test_a_name_that_cannot_be_seen_is_refused(folder: BlockingFolder, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        folder.create(f"/memories/{name}", "x")
    assert str(refused.value) == f"The path {f'/memories/{name}'!a} holds characters that cannot stand in a name."


def test_one_file_has_one_name_however_it_is_said(folder: BlockingFolder) -> None:
    folder.create("/memories/d/a", "1")
    folder.create("/memories/caf\u00e9", "2")
    for path in ("/memories//d/a", "/memories/d/./a", "/memories/x/../d/a", "/memories/d/a/"):
        assert folder.view(path).endswith("     1\t1")
    assert folder.view("/memories/cafe\u0301").endswith("     1\t2")


@pytest.mark.parametrize(
    "name", ["100% sure", "a%20b", "50%", ".hidden", "..a", "a..", "日本.md", "'\"`$;|&<>*?", "½", " a", "x" * 512]
)
def test_unusual_names_are_names(folder: BlockingFolder, name: str) -> None:
    assert folder.create(f"/memories/{name}", "1") == f"File created successfully at: /memories/{name}"
    assert folder.view(f"/memories/{name}").endswith("     1\t1")


def test_a_name_that_is_too_long_is_refused_before_anything_moves(folder: BlockingFolder) -> None:
    folder.create("/memories/d/a", "1")
    folder.create("/memories/d/" + "b" * 400, "2")
    with pytest.raises(InvalidInput, match="at most 512 characters"):
        folder.create("/memories/" + "n" * 513, "")
    new = "/memories/" + "n" * 200
    with pytest.raises(InvalidInput, match="at most 512 characters"):
        folder.rename("/memories/d", new)
    assert folder.view("/memories/d/a").endswith("     1\t1")
    with pytest.raises(NotFound):
        folder.view(new)
