"""However a client's file is written, our entry goes in and out, and nothing else changes."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.apps import client_json
from memos_mcp.apps.client_files import with_entry, without_entry
from memos_mcp.apps.clients import CLIENTS

ENTRY: dict[str, Any] = {"command": "/x/memos-mcp", "args": ["-m"], "env": {"A": "b"}}
VSCODE, CLAUDE, CODEX = CLIENTS["vscode"], CLIENTS["claude"], CLIENTS["codex"]

names = st.sampled_from(["servers", "mcpServers", "a", "ä", '"', "\\", "//", "/*", "}", ",", ",}"])
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(names, values, max_size=4)
servers = st.dictionaries(st.sampled_from(["a", "b", "//", '"}']), objects, max_size=3)
fillers = st.sampled_from(["", " ", "\n", "\r\n\t", "  \n    ", " // c }\n", '/* , \n " */', "//\n", " /**/"])


@st.composite
def commented(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON with comments, white space and trailing commas anywhere."""

    def some() -> str:
        return draw(fillers)

    def listed(items: list[str], opened: str, closed: str) -> str:
        trailing = f",{some()}" if items and draw(st.booleans()) else ""
        return f"{opened}{some()}{','.join(items)}{trailing}{closed}"

    def written(value: Any) -> str:
        if isinstance(value, dict):
            pairs = [f"{some()}{json.dumps(name)}{some()}:{written(each)}" for name, each in value.items()]  # pyright: ignore[reportUnknownVariableType] any JSON
            return f"{some()}{listed(pairs, '{', '}')}{some()}"
        if isinstance(value, list):
            return f"{some()}{listed([written(each) for each in value], '[', ']')}{some()}"  # pyright: ignore[reportUnknownVariableType] any JSON
        return f"{some()}{json.dumps(value)}{some()}"

    return written(value)


def comments(text: str) -> list[str]:
    """The comments of a text, in their order."""
    found = re.findall(r'"(?:[^"\\]|\\.)*"|(//[^\r\n]*|/\*.*?\*/)', text, re.DOTALL)
    return [each for each in found if each]


@given(st.data(), objects, servers)
def test_any_json_with_comments_takes_our_entry_and_gives_it_back(
    data: st.DataObject, rest: dict[str, Any], known: dict[str, Any]
) -> None:
    before = rest | {"servers": known}
    text = data.draw(commented(before))
    added = with_entry(text, "f", VSCODE, "memos", ENTRY).text
    assert added is not None
    assert client_json.read(added, comments=True) == before | {"servers": known | {"memos": ENTRY}}
    assert list(client_json.read(added, comments=True)) == list(before)
    assert comments(added) == comments(text)
    removed = without_entry(added, "f", VSCODE, "memos").text
    assert removed is not None
    assert client_json.read(removed, comments=True) == before
    assert comments(removed) == comments(text)


@given(
    objects.filter(lambda value: "mcpServers" not in value), servers.filter(bool), st.sampled_from([None, 1, 4, "\t"])
)
def test_json_of_any_manner_comes_back_as_it_was(rest: dict[str, Any], known: dict[str, Any], indent: Any) -> None:
    text = json.dumps(rest | {"mcpServers": known}, indent=indent)
    added = with_entry(text, "f", CLAUDE, "memos", ENTRY).text
    assert added is not None
    assert with_entry(added, "f", CLAUDE, "memos", ENTRY).text is None
    assert without_entry(added, "f", CLAUDE, "memos").text == text


statements = st.sampled_from(
    [
        "",
        "# [mcp_servers.memos]",
        "x{} = 1 # c",
        'x{} = """\n[mcp_servers.memos]\n# no\n"""',
        "x{} = [\n  ['['], # c\n]",
        "x{}.y = 2",
    ]
)


@st.composite
def configured(draw: st.DrawFn) -> str:
    """A TOML text with tables of all kinds."""
    heads = ["", "[t]", "[ 'u' . v ] # c", "[[w]]", "[mcp_servers.b]", "[mcp_servers.b.env]"]
    count = 0
    lines: list[str] = []
    for head in heads:
        lines += [head] if draw(st.booleans()) else []
        for line in draw(st.lists(statements, max_size=2)):
            lines.append(line.format(f"{count}"))
            count += 1
    return "".join(f"{line}\n" for line in lines)


@given(configured())
def test_any_toml_takes_our_entry_and_gives_it_back(text: str) -> None:
    before = tomllib.loads(text)
    added = with_entry(text, "f", CODEX, "memos", ENTRY).text
    assert added is not None
    assert added.startswith(text)
    assert tomllib.loads(added)["mcp_servers"]["memos"] == ENTRY
    changed = with_entry(added, "f", CODEX, "memos", ENTRY | {"args": []}).text
    assert changed is not None
    assert changed == added.replace('args = ["-m"]', "args = []")
    removed = without_entry(changed, "f", CODEX, "memos").text
    assert removed is not None
    assert tomllib.loads(removed) == before
    assert removed.strip() == text.strip()
