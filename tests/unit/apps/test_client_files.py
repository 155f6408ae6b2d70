"""What becomes of a client's file: the text around our entry, and the file on the disk."""

from __future__ import annotations

import tomllib
from collections import UserDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos_mcp.apps.client_files import Unclear, connect, disconnect, with_entry, without_entry
from memos_mcp.apps.clients import CLIENTS
from memos_mcp.errors import Conflict, InvalidInput

ENTRY = {"command": "/x/memos-mcp", "args": ["a"]}
CURSOR, CLAUDE, CODEX = CLIENTS["cursor"], CLIENTS["claude"], CLIENTS["codex"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONE_LINE = '"memos": {"command": "/x/memos-mcp", "args": ["a"]}'
NEW = '[mcp_servers.memos]\ncommand = "/x/memos-mcp"\nargs = ["a"]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"mcpServers": {"a": {}}}', f'{{"mcpServers": {{"a": {{}}, {ONE_LINE}}}}}'),
        ('{"a": 1}', f'{{"a": 1, "mcpServers": {{{ONE_LINE}}}}}'),
        (
            '{\r\n\t"mcpServers": {}\r\n}',
            '{\r\n\t"mcpServers": {\r\n\t\t"memos": {\r\n\t\t\t"command": "/x/memos-mcp",\r\n'
            '\t\t\t"args": [\r\n\t\t\t\t"a"\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}',
        ),
        (
            '{ // a\n "mcpServers": { // b "}\n "a": "//", // c\n }\n}',
            '{ // a\n "mcpServers": { // b "}\n "a": "//", // c\n '
            '"memos": {\n  "command": "/x/memos-mcp",\n  "args": [\n   "a"\n  ]\n },\n }\n}',
        ),
    ],
)
def test_json_keeps_its_manner(before: str, after: str) -> None:
    assert with_entry(before, "f", CURSOR, "memos", ENTRY).text == after
    assert with_entry(after, "f", CURSOR, "memos", ENTRY).action == "unchanged"
    assert without_entry(after, "f", CURSOR, "memos").text in (before, before[:-1] + ', "mcpServers": {}}')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"mcpServers": {"memos": @, "b": 1}}', '{"mcpServers": {"b": 1}}'),
        ('{"mcpServers": {"a": 1, "memos": @, "b": 1}}', '{"mcpServers": {"a": 1, "b": 1}}'),
        ('{"mcpServers": {"a": 1, "memos": @}}', '{"mcpServers": {"a": 1}}'),
        ('{"mcpServers": {"memos": @,}}', '{"mcpServers": {}}'),
        ('{"mcpServers": {\n// a\n"memos": @ /* b */}}', '{"mcpServers": {\n// a\n/* b */}}'),
        ('{"mcpServers": {\n "a": 1, // c\n "memos": @ }}', '{"mcpServers": {\n "a": 1 // c\n  }}'),
        (
            '{"mcpServers": {\n "a": 1, // c\n "memos": @, // d\n "b": 2}}',
            '{"mcpServers": {\n "a": 1, // c // d\n "b": 2}}',
        ),
        ('{"mcpServers": {\n // c\n "memos": @, "b": 2}}', '{"mcpServers": {\n // c\n "b": 2}}'),
    ],
)
def test_json_without_our_entry_keeps_the_others_and_every_comment(before: str, after: str) -> None:
    text = before.replace("@", '{"command": "memos-mcp"}')
    assert without_entry(text, "f", CURSOR, "memos").text == after


def test_values_of_our_entry_change_one_by_one() -> None:
    text = (
        '{"mcpServers": {"memos": {\n // why\n "command": "/old/memos-mcp", // c\n "args": [ ],\n "env": {"A": "1"}}}}'
    )
    after = with_entry(text, "f", CURSOR, "memos", ENTRY | {"env": {"B": "2"}}).text
    assert after == (
        '{"mcpServers": {"memos": {\n // why\n "command": "/x/memos-mcp", // c\n "args": ["a"],\n'
        ' "env": {"A": "1", "B": "2"}}}}'
    )


def test_a_name_given_twice_is_never_half_changed() -> None:
    text = '{"mcpServers": {"memos": {"command": "memos-mcp"}, "memos": {"command": "memos-mcp"}}}'
    with pytest.raises(Unclear, match="cannot be changed surely"):
        without_entry(text, "f", CLAUDE, "memos")


@pytest.mark.parametrize("text", ["[1]", "null", '"{}"'])
def test_json_without_braces_is_refused(text: str) -> None:
    with pytest.raises(Unclear, match="f does not hold an object in braces"):
        with_entry(text, "f", CURSOR, "memos", ENTRY)


def test_a_file_with_nothing_but_a_comment_is_an_empty_one() -> None:
    after = with_entry("// mine\n", "f", CURSOR, "memos", ENTRY).text or ""
    assert after.startswith('// mine\n{\n  "mcpServers": {')
    assert with_entry(after, "f", CURSOR, "memos", ENTRY).action == "unchanged"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_a_file_nested_without_end_is_refused(text: str) -> None:
    with pytest.raises(Unclear, match=r"nested too deeply|this is not JSON"):
        with_entry(text, "f", CLAUDE, "memos", ENTRY)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", NEW),
        ("# only this", f"# only this\n\n{NEW}"),
        ('a = """\n[mcp_servers.memos]\n"""\n', f'a = """\n[mcp_servers.memos]\n"""\n\n{NEW}'),
        ("[mcp_servers]\n", f"[mcp_servers]\n\n{NEW}"),
        ('[mcp_servers.b]\r\nurl = "x"\r\n', '[mcp_servers.b]\r\nurl = "x"\r\n\r\n' + NEW.replace("\n", "\r\n")),
    ],
)
def test_toml_gets_a_table_at_its_end(before: str, after: str) -> None:
    assert with_entry(before, "f", CODEX, "memos", ENTRY).text == after
    assert with_entry(after, "f", CODEX, "memos", ENTRY).action == "unchanged"
    assert without_entry(after, "f", CODEX, "memos").text in (before, before + "\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[mcp_servers."memos"]\n  command = \'/o/memos-mcp\'#c\nargs = [\n 1,\n]  # d\n[z]\n',
         '[mcp_servers."memos"]\n  command = "/x/memos-mcp"  #c\nargs = ["a"]  # d\n[z]\n'),
        ('[mcp_servers.memos]\ncommand = "memos-mcp"', '[mcp_servers.memos]\ncommand = "/x/memos-mcp"\nargs = ["a"]\n'),
        ('[mcp_servers]\nmemos = {command = "memos-mcp"} # c\n',
         '[mcp_servers]\nmemos = { command = "/x/memos-mcp", args = ["a"] }  # c\n'),
        ('[mcp_servers.memos]\ncommand = "/x/#/memos-mcp"\nargs = ["#"] # "#"\n',
         '[mcp_servers.memos]\ncommand = "/x/memos-mcp"\nargs = ["a"]  # "#"\n'),
        ('[mcp_servers.memos]\r\ncommand = "memos-mcp"\r\nargs = ["a"]\r\n',
         '[mcp_servers.memos]\r\ncommand = "/x/memos-mcp"\r\nargs = ["a"]\r\n'),
    ],
)  # fmt: skip
def test_toml_changes_value_by_value(before: str, after: str) -> None:
    assert with_entry(before, "f", CODEX, "memos", ENTRY).text == after


def test_variables_change_in_either_form_of_toml() -> None:
    head = '[mcp_servers.memos]\ncommand = "/x/memos-mcp"\nargs = ["a"]\n'
    entry = ENTRY | {"env": {"MEMOS_USER": "ada"}}
    inline = with_entry(f'{head}env = {{ PYTHONPATH = "/o", A.b = 1 }}\n', "f", CODEX, "memos", entry).text
    assert inline == f'{head}env = {{ A = {{ b = 1 }}, MEMOS_USER = "ada" }}\n'
    table = with_entry(f'{head}\n[mcp_servers.memos.env]\nPYTHONPATH = "/o"\nC = "#" # c\n', "f", CODEX, "memos", entry)
    assert table.text == f'{head}\n[mcp_servers.memos.env]\nC = "#" # c\nMEMOS_USER = "ada"\n'
    gone = with_entry(f'{head}\n[mcp_servers.memos.env]\nPYTHONPATH = "/o"\n', "f", CODEX, "memos", ENTRY)
    assert gone.text == head


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = { b = { url = "x" } }\n',
        'mcp_servers.memos.command = "memos-mcp"\n',
        'mcp_servers = { memos = { command = "memos-mcp" } }\n',
        '[mcp_servers.memos]\ncommand = "memos-mcp"\nargs = [ # why\n]\n',
        '[[mcp_servers]]\nb = 1\n',
    ],
)  # fmt: skip
def test_toml_in_a_form_that_is_not_changed_surely_is_left_to_a_person(text: str) -> None:
    with pytest.raises(Unclear):
        with_entry(text, "f", CODEX, "memos", ENTRY)


def test_all_tables_of_our_entry_go() -> None:
    text = (
        f'# a\n\n{NEW}\n# of b\n[b]\nc = 1\n\n[mcp_servers.memos.env]\nA = "1"\n# env\nB = "2"\n\n'
        "[[mcp_servers.memos.tools]]\nx = 1\n\n# d\n[d]\n"
    )
    after = without_entry(text, "f", CODEX, "memos").text
    assert after == "# a\n\n# of b\n[b]\nc = 1\n\n# d\n[d]\n"


def test_odd_characters_survive() -> None:
    entry: dict[str, Any] = {"command": '/x/ü "q" \\ \x7f\t/memos-mcp', "args": [], "env": {"a b": "é"}}
    text = with_entry("", "f", CODEX, "memos", entry).text or ""
    assert tomllib.loads(text)["mcp_servers"]["memos"] == entry


def test_a_mark_at_the_beginning_stays(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    connect(file, CLAUDE, "memos", ENTRY, NOW)
    assert file.read_bytes().startswith(b'\xef\xbb\xbf{"a": 1, "mcpServers": {')


def test_changes_in_one_second_keep_every_former_file(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_text("{}")
    kept = [
        connect(file, CLAUDE, "memos", ENTRY, NOW).backup,
        disconnect(file, CLAUDE, "memos", NOW).backup,
        connect(file, CLAUDE, "memos", ENTRY, NOW).backup,
    ]
    name = "f.json.bak-20261121-120000"
    assert kept == [tmp_path / name, tmp_path / f"{name}-2", tmp_path / f"{name}-3"]
    assert (tmp_path / name).read_text() == "{}"


def test_a_file_that_somebody_else_writes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_text("{}")

    class Meanwhile(UserDict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            file.write_text('{"theirs": 1}')
            return super().get(key, default)

    with pytest.raises(Conflict, match="run this again"):
        connect(file, CLAUDE, "memos", Meanwhile(ENTRY), NOW)
    assert file.read_text() == '{"theirs": 1}'
    assert list(tmp_path.iterdir()) == [file]


def test_a_path_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds what is no text"):
        connect(tmp_path / "f.json", CLAUDE, "memos", {"command": "/\udcff/memos-mcp"}, NOW)
    assert list(tmp_path.iterdir()) == []
