"""Packs dist/memos.mcpb, a bundle that Claude Desktop installs with a click (`make mcpb`).

What bundle, registry entry and plugin say of the code (version, tools, prompts, the skill) is written from the code
first; --check compares instead, and packs nothing. Equal code gives an equal bundle, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import anyio
from mcp import Client, types

from memos_mcp.apps import mcp_prompts
from memos_mcp.apps.mcp import build
from memos_mcp.version import __version__

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "packaging" / "mcpb"
MANIFEST = SOURCE / "manifest.json"
REGISTRY = ROOT / "server.json"
PLUGIN = ROOT / "plugins" / "claude-code"
SKILL = Path("skills", "use-memory", "SKILL.md")
BUNDLE = ROOT / "dist" / "memos.mcpb"

_BEGINNING_OF_ZIP = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """Write and pack, or with --check say whether everything is current."""
    wanted = texts()
    stale = [file for file, text in wanted.items() if not file.is_file() or file.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is not what the code says: run `make mcpb`")
        return 1 if stale else 0
    for file in stale:
        file.write_text(wanted[file], "utf-8")
    sha256 = pack(BUNDLE)
    entry = BUNDLE.with_name(REGISTRY.name)
    entry.write_text(published(wanted[REGISTRY], sha256), "utf-8")
    print(f"{BUNDLE.relative_to(ROOT)}, sha256 {sha256}; {entry.relative_to(ROOT)} has it for the registry")
    return 0


def texts() -> dict[Path, str]:
    """The files that follow the code, as they have to be."""
    run, plugin = PLUGIN / "scripts" / "run.sh", PLUGIN / ".claude-plugin" / "plugin.json"
    package = re.sub(r"(?m)^PACKAGE=.*$", f"PACKAGE=memcube-mcp=={__version__}", run.read_text("utf-8"))
    return {
        MANIFEST: _json(manifest()),
        REGISTRY: _json(registry()),
        plugin: _json(_read(plugin) | {"version": __version__}),
        run: package,
        PLUGIN / SKILL: (ROOT / "memos_mcp" / "apps" / SKILL).read_text("utf-8"),
    }


def manifest() -> dict[str, Any]:
    """The manifest of the bundle, with the tools and prompts that the server has unless it is told otherwise."""
    tools = [{"name": tool.name, "description": _sentence(tool.description or "")} for tool in anyio.run(_tools)]
    prompts = [_static(prompt) for prompt in mcp_prompts.PROMPTS]
    return _read(MANIFEST) | {"version": __version__, "tools": tools, "prompts": prompts}


async def _tools() -> list[types.Tool]:
    async with Client(build()) as client:
        return (await client.list_tools()).tools


def _static(prompt: mcp_prompts.Prompt) -> dict[str, Any]:
    """A prompt as a host shows it before the server runs: with the arguments it cannot do without."""
    given = {name: f"${{arguments.{name}}}" for name in prompt.arguments if name in prompt.required}
    message = mcp_prompts.got(types.GetPromptRequestParams(name=prompt.name, arguments=given)).messages[0]
    text = message.content.text if isinstance(message.content, types.TextContent) else ""
    named = {"name": prompt.name, "description": prompt.description}
    return named | ({"arguments": [*given]} if given else {}) | {"text": text}


def registry() -> dict[str, Any]:
    """The entry for the MCP registry."""
    entry = _read(REGISTRY)
    pypi, mcpb = entry["packages"]
    address = re.sub(r"/download/v[^/]+/", f"/download/v{__version__}/", mcpb["identifier"])
    packages = [pypi | {"version": __version__}, mcpb | {"identifier": address}]
    return entry | {"version": __version__, "packages": packages}


def published(entry: str, sha256: str) -> str:
    """The entry with the checksum of the bundle, without which the registry does not take it."""
    value = json.loads(entry)
    value["packages"][1]["fileSha256"] = sha256
    return _json(value)


def pack(bundle: Path) -> str:
    """Write the bundle and give its SHA-256."""
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(bundle, "w") as archive:
        for name, data in sorted(contents().items()):
            entry = ZipInfo(name, _BEGINNING_OF_ZIP)
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return hashlib.sha256(bundle.read_bytes()).hexdigest()


def contents() -> dict[str, bytes]:
    """The files of the bundle: the code itself, and the libraries that the host's uv has to fetch, by name."""
    code = {
        f"src/{file.relative_to(package.parent).as_posix()}": file.read_bytes()
        for package in (ROOT / "memos_mcp", ROOT / "graph" / "memos_graph")
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    return {
        "manifest.json": MANIFEST.read_bytes(),
        "pyproject.toml": pyproject().encode(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "src/server.py": (SOURCE / "server.py").read_bytes(),
    } | code


def pyproject() -> str:
    """The project that uv makes an environment for; it is not built itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return "\n".join(
        (
            "[project]",
            'name = "memos-bundle"',
            f'version = "{__version__}"',
            f'requires-python = "{project["requires-python"]}"',
            "dependencies = [",
            *(f"    {json.dumps(each)}," for each in project["dependencies"]),
            "]",
            "",
        )
    )


def _sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8"))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
