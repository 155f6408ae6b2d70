"""Anthropic's memory tool as it is documented: the commands alone, the blocking tool and the asynchronous one.

A refusal is written `! ` and its words. Without the library anthropic only the commands are tested.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pytest
from anyio.from_thread import start_blocking_portal

import memos_mcp
from memos_mcp import MemosError, sync
from memos_mcp.notes import CubeFiles, Folder

MISSING = "does not exist. Please provide a valid path."
EDITED = "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"


class Say(Protocol):
    def __call__(self, command: str, path: str = "", **given: Any) -> str: ...


@contextmanager
def commands(home: Path) -> Generator[Say]:
    with start_blocking_portal() as portal:
        memos = memos_mcp.open(home=home, user="ada")
        folder = Folder(CubeFiles(memos, "user/ada/memories"))

        def say(command: str, path: str = "", **given: Any) -> str:
            try:
                return portal.call(getattr(folder, command), *[path] if path else [], *given.values())
            except MemosError as exc:
                return f"! {exc}"

        yield say
        portal.call(memos.aclose)


@contextmanager
def blocking(home: Path) -> Generator[Say]:
    from anthropic.lib.tools import ToolError

    from anthropic_memos import MemosMemoryTool

    with sync.open(home=home, user="ada") as memos:
        tool = MemosMemoryTool(memos)

        def say(command: str, path: str = "", **given: Any) -> str:
            try:
                return str(tool.call({"command": command} | ({"path": path} if path else {}) | given))
            except ToolError as exc:
                return f"! {exc}"

        yield say


@contextmanager
def asynchronous(home: Path) -> Generator[Say]:
    from anthropic.lib.tools import ToolError

    from anthropic_memos import AsyncMemosMemoryTool

    with start_blocking_portal() as portal:
        memos = memos_mcp.open(home=home, user="ada")
        tool = AsyncMemosMemoryTool(memos)

        def say(command: str, path: str = "", **given: Any) -> str:
            try:
                return str(portal.call(tool.call, {"command": command} | ({"path": path} if path else {}) | given))
            except ToolError as exc:
                return f"! {exc}"

        yield say
        portal.call(memos.aclose)


WAYS = [commands, blocking, asynchronous] if find_spec("anthropic") else [commands]


def test_the_library_is_installed_so_that_the_tools_are_tested_and_not_only_the_commands() -> None:
    pytest.importorskip("anthropic", reason="needs the extra anthropic")


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def say(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Say]:
    with request.param(tmp_path) as speaking:
        yield speaking


def shown(say: Say, path: str) -> str:
    """The text of a file, as view shows it."""
    answer = say("view", path)
    assert answer.startswith(f"Here's the content of {path} with line numbers:\n     1\t"), answer
    return "\n".join(line.partition("\t")[2] for line in answer.split("\n")[1:])


def made(say: Say, **files: str) -> None:
    for name, text in files.items():
        path = f"/memories/{name.replace('__', '/')}"
        assert say("create", path, file_text=text) == f"File created successfully at: {path}"


# --- view ---


def test_a_file_is_shown_with_line_numbers_six_wide_and_a_tab(say: Say) -> None:
    made(say, a="one\ntwo\n")
    expected = "Here's the content of /memories/a with line numbers:\n     1\tone\n     2\ttwo\n     3\t"
    assert say("view", "/memories/a") == expected


@pytest.mark.parametrize(
    ("view_range", "numbers"),
    [([2, 3], "23"), ([4, -1], "45"), ([1, 1], "1"), ([0, 2], "12"), ([4, 99], "45"), ([3, 2], ""), ([9, 12], "")],
)
def test_a_range_of_lines_includes_both_ends(say: Say, view_range: list[int], numbers: str) -> None:
    made(say, a="1\n2\n3\n4\n5")
    rows = say("view", "/memories/a", view_range=view_range).split("\n")[1:]
    assert "\n".join(rows) == "\n".join(f"     {number}\t{number}" for number in numbers)


def test_an_empty_file_has_one_empty_line(say: Say) -> None:
    made(say, a="")
    assert shown(say, "/memories/a") == ""


@pytest.mark.parametrize(
    "text", ["a\r\nb\r\n", "tab\tand\u2028line", "\n\n", "  é 日本 🙂 ", "no end", "\x0cfeed\x1b[0m"]
)
def test_a_text_comes_back_as_it_was_given(say: Say, text: str) -> None:
    made(say, a=text)
    assert shown(say, "/memories/a") == text


def test_a_file_of_a_million_lines_is_not_shown(say: Say) -> None:
    made(say, a="\n" * 999_998, b="\n" * 999_999)
    assert say("view", "/memories/a", view_range=[999_999, -1]).endswith("\n999999\t")
    assert say("view", "/memories/b") == "! File /memories/b exceeds maximum line limit of 999,999 lines."


def test_what_is_not_there_cannot_be_shown(say: Say) -> None:
    assert say("view", "/memories/no.md") == f"! The path /memories/no.md {MISSING}"


def test_the_root_is_there_from_the_beginning(say: Say) -> None:
    header = "Here're the files and directories up to 2 levels deep in /memories, excluding hidden items:"
    assert say("view", "/memories") == f"{header}\n0B\t/memories"
    assert say("view", "/memories/") == f"{header}\n0B\t/memories"


def test_a_directory_is_listed_two_levels_deep_with_sizes_and_without_hidden_items(say: Say) -> None:
    for key, size in {"b.md": 5, "a/x.md": 1536, "a/deep/y.md": 1024, "a/deep/er/z.md": 1, "a-": 1, ".h": 7}.items():
        say("create", f"/memories/{key}", file_text="é" * (size // 2) + "." * (size % 2))
    say("create", "/memories/a/.git/config", file_text="")
    assert say("view", "/memories").split("\n")[1:] == [
        "2.5K\t/memories",
        "2.5K\t/memories/a/",
        "1.0K\t/memories/a/deep/",
        "1.5K\t/memories/a/x.md",
        "1B\t/memories/a-",
        "5B\t/memories/b.md",
    ]
    assert say("view", "/memories/a/deep").split("\n")[1:] == [
        "1.0K\t/memories/a/deep",
        "1B\t/memories/a/deep/er/",
        "1B\t/memories/a/deep/er/z.md",
        "1K\t/memories/a/deep/y.md",
    ]


def test_more_files_than_one_page_holds_are_all_listed(say: Say) -> None:
    for number in range(105):
        say("create", f"/memories/f{number:03}", file_text=".")
    assert say("view", "/memories").split("\n")[1:] == ["105B\t/memories"] + [
        f"1B\t/memories/f{n:03}" for n in range(105)
    ]


# --- create ---


def test_an_existing_file_is_not_overwritten(say: Say) -> None:
    made(say, a="first")
    assert say("create", "/memories/a", file_text="second") == "! File /memories/a already exists"
    assert shown(say, "/memories/a") == "first"


@pytest.mark.parametrize("path", ["/memories", "/memories/", "/memories/d", "/memories/d/"])
def test_a_directory_is_not_overwritten(say: Say, path: str) -> None:
    made(say, d__a="")
    assert say("create", path, file_text="x") == f"! File {path} already exists"


def test_nothing_can_be_in_a_file(say: Say) -> None:
    made(say, a="", b="")
    refusal = "! The path /memories/a is a file: /memories/a/b/c cannot be in it."
    assert say("create", "/memories/a/b/c", file_text="") == refusal
    assert say("rename", old_path="/memories/b", new_path="/memories/a/b/c") == refusal


def test_a_text_that_cannot_be_stored_is_refused_with_the_reason(say: Say) -> None:
    assert "NUL" in say("create", "/memories/a", file_text="a\0b")
    assert "at most 2,000,000" in say("create", "/memories/a", file_text="a" * 2_000_001)
    assert say("view", "/memories/a").endswith(MISSING)


# --- str_replace ---


def test_a_replacement_shows_two_lines_around_it(say: Say) -> None:
    made(say, a="1\n2\n3\nold\n5\n6\n7")
    snippet = "     2\t2\n     3\t3\n     4\tnew\n     5\t5\n     6\t6"
    assert say("str_replace", "/memories/a", old_str="old", new_str="new") == EDITED + snippet
    assert shown(say, "/memories/a") == "1\n2\n3\nnew\n5\n6\n7"


@pytest.mark.parametrize(
    ("text", "old", "new", "result"),
    [
        ("a b", "a ", "", "b"),
        ("a\nb\nc", "a\nb", "x", "x\nc"),
        ("a\r\nb", "a", "A", "A\r\nb"),
        ("a.c abc", "a.c", r"\1$0", r"\1$0 abc"),
        ("x", "x", "a\nb\nc\nd", "a\nb\nc\nd"),
        ("x", "x", "x", "x"),
    ],
)
def test_the_old_text_is_taken_verbatim(say: Say, text: str, old: str, new: str, result: str) -> None:
    made(say, a=text)
    assert say("str_replace", "/memories/a", old_str=old, new_str=new).startswith(EDITED)
    assert shown(say, "/memories/a") == result


@pytest.mark.parametrize("old", ["Old", "old ", "o.d", "o\u0301ld"])
def test_what_does_not_stand_there_is_not_replaced(say: Say, old: str) -> None:
    made(say, a="old")
    expected = f"! No replacement was performed, old_str `{old}` did not appear verbatim in /memories/a."
    assert say("str_replace", "/memories/a", old_str=old, new_str="x") == expected


@pytest.mark.parametrize(
    ("text", "old", "lines"),
    [("x\ny\nx", "x", "1, 3"), ("x x\nx", "x", "1, 1, 2"), ("aaa", "aa", "1, 1"), ("x" * 200, "x", "1, " * 100 + "…")],
)
def test_what_stands_there_more_than_once_is_not_replaced(say: Say, text: str, old: str, lines: str) -> None:
    made(say, a=text)
    expected = f"! No replacement was performed. Multiple occurrences of old_str `{old}` in lines: {lines}. "
    assert say("str_replace", "/memories/a", old_str=old, new_str="y") == f"{expected}Please ensure it is unique"
    assert shown(say, "/memories/a") == text


def test_an_empty_text_is_not_replaced(say: Say) -> None:
    made(say, a="")
    assert say("str_replace", "/memories/a", old_str="", new_str="x").startswith("! No replacement was performed")


# --- insert ---


@pytest.mark.parametrize(
    ("text", "line", "more", "result"),
    [
        ("1\n2", 0, "new", "new\n1\n2\n"),
        ("1\n2", 1, "new\n", "1\nnew\n2\n"),
        ("1\n2", 2, "new", "1\n2\nnew\n"),
        ("1\n2\n", 2, "new", "1\n2\nnew\n"),
        ("", 0, "new", "new\n"),
        ("1\r\n2\r\n", 1, "new", "1\r\nnew\n2\r\n"),
        ("1\n2", 1, "a\nb", "1\na\nb\n2\n"),
        ("1\n2", 1, "", "1\n\n2\n"),
        ("1\u20281\n2", 1, "new", "1\u20281\nnew\n2\n"),
    ],
)
def test_a_text_is_inserted_after_a_line(say: Say, text: str, line: int, more: str, result: str) -> None:
    made(say, a=text)
    answer = say("insert", "/memories/a", insert_line=line, insert_text=more)
    assert answer == "The file /memories/a has been edited."
    assert shown(say, "/memories/a") == result


@pytest.mark.parametrize(("text", "line", "most"), [("1\n2", 3, 2), ("1\n2\n", -1, 2), ("", 1, 0)])
def test_a_line_that_is_not_there_is_refused(say: Say, text: str, line: int, most: int) -> None:
    made(say, a=text)
    expected = f"! Invalid `insert_line` parameter: {line}. It should be within the range [0, {most}]."
    assert say("insert", "/memories/a", insert_line=line, insert_text="x") == expected


@pytest.mark.parametrize(
    ("command", "given"),
    [("str_replace", {"old_str": "a", "new_str": "b"}), ("insert", {"insert_line": 0, "insert_text": "b"})],
)
def test_only_files_can_be_edited(say: Say, command: str, given: dict[str, Any]) -> None:
    made(say, d__a="a")
    assert say(command, "/memories/no", **given) == f"! The path /memories/no {MISSING}"
    assert say(command, "/memories/d", **given) == "! The path /memories/d is not a file."
    assert say(command, "/memories", **given) == "! The path /memories is not a file."


# --- delete ---


def test_a_deleted_file_is_gone_and_its_name_free(say: Say) -> None:
    made(say, a="1", ab="2")
    assert say("delete", "/memories/a") == "Successfully deleted /memories/a"
    assert say("view", "/memories/a").endswith(MISSING)
    assert shown(say, "/memories/ab") == "2"
    made(say, a="3")


def test_a_directory_goes_with_everything_in_it_and_nothing_else(say: Say) -> None:
    made(say, d__a="1", d__e__b="2", dd="3")
    assert say("delete", "/memories/d/") == "Successfully deleted /memories/d/"
    assert say("view", "/memories").split("\n")[1:] == ["1B\t/memories", "1B\t/memories/dd"]
    assert say("delete", "/memories/d") == "! The path /memories/d does not exist"


@pytest.mark.parametrize("path", ["/memories", "/memories/", "/memories/.", "/memories//", "/memories/sub/.."])
def test_the_root_stays(say: Say, path: str) -> None:
    made(say, a="1")
    assert say("delete", path) == "! Cannot delete the /memories directory itself"
    assert say("rename", old_path=path, new_path="/memories/b") == "! Cannot rename the /memories directory itself"
    assert shown(say, "/memories/a") == "1"


# --- rename ---


def test_a_file_gets_another_name(say: Say) -> None:
    made(say, a="1")
    answer = say("rename", old_path="/memories/a", new_path="/memories/d/b")
    assert answer == "Successfully renamed /memories/a to /memories/d/b"
    assert shown(say, "/memories/d/b") == "1"
    assert say("view", "/memories/a").endswith(MISSING)


def test_a_directory_moves_with_everything_in_it(say: Say) -> None:
    made(say, d__a="1", d__e__b="2", dd="3")
    assert say("rename", old_path="/memories/d", new_path="/memories/n/m").startswith("Successfully")
    assert (shown(say, "/memories/n/m/a"), shown(say, "/memories/n/m/e/b")) == ("1", "2")
    assert say("view", "/memories/d").endswith(MISSING)
    assert shown(say, "/memories/dd") == "3"


@pytest.mark.parametrize("new", ["/memories/b", "/memories/d", "/memories", "/memories/a", "/memories/x/../b"])
def test_nothing_is_overwritten_by_a_rename(say: Say, new: str) -> None:
    made(say, a="1", b="2", d__c="3")
    assert say("rename", old_path="/memories/a", new_path=new) == f"! The destination {new} already exists"
    assert (shown(say, "/memories/a"), shown(say, "/memories/b")) == ("1", "2")


def test_what_is_not_there_cannot_be_renamed(say: Say) -> None:
    assert say("rename", old_path="/memories/no", new_path="/memories/b") == "! The path /memories/no does not exist"


@pytest.mark.parametrize("old", ["/memories/d", "/memories/d/a"])
def test_nothing_moves_into_itself(say: Say, old: str) -> None:
    made(say, d__a="1")
    assert say("rename", old_path=old, new_path=f"{old}/b") == f"! Cannot move {old} into itself"
    assert shown(say, "/memories/d/a") == "1"
