"""The entry for the MCP registry has the shape that its schema of 2025-12-11 asks for, and tells the truth."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from memos_mcp import settings
from memos_mcp.version import __version__
from tools import mcpb

ROOT = Path(__file__).resolve().parents[2]
ENTRY = json.loads((ROOT / "server.json").read_text("utf-8"))
PYPI, MCPB = ENTRY["packages"]

REQUIRED: dict[str, type] = {"name": str, "description": str, "version": str}
OPTIONAL: dict[str, type] = {"$schema": str, "title": str, "packages": list, "repository": dict, "websiteUrl": str}
OF_PACKAGE: dict[str, type] = {
    "registryType": str,
    "identifier": str,
    "transport": dict,
    "version": str,
    "runtimeHint": str,
    "fileSha256": str,
    "environmentVariables": list,
}
OF_VARIABLE: dict[str, type] = {
    "name": str,
    "description": str,
    "format": str,
    "placeholder": str,
    "default": str,
    "isRequired": bool,
    "isSecret": bool,
}


def check(value: dict[str, Any], required: set[str], known: dict[str, type]) -> None:
    """Nothing is missing, nothing unknown, and each has its type."""
    assert required <= set(value) <= set(known)
    for name, one in value.items():
        assert isinstance(one, known[name]), name


def test_the_entry_has_the_shape_of_the_schema() -> None:
    check(ENTRY, set(REQUIRED), REQUIRED | OPTIONAL)
    assert ENTRY["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", ENTRY["name"])
    assert 3 <= len(ENTRY["name"]) <= 200
    assert 1 <= len(ENTRY["description"]) <= 100
    assert 1 <= len(ENTRY["title"]) <= 100


@pytest.mark.parametrize("package", [PYPI, MCPB], ids=["pypi", "mcpb"])
def test_each_package_has_the_shape_of_the_schema(package: dict[str, Any]) -> None:
    check(package, {"registryType", "identifier", "transport"}, OF_PACKAGE)
    assert package["transport"] == {"type": "stdio"}
    for variable in package.get("environmentVariables", []):
        check(variable, {"name"}, OF_VARIABLE)
        assert variable.get("format", "string") in ("string", "number", "boolean", "filepath")


def test_it_names_this_version_of_this_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (PYPI["registryType"], PYPI["identifier"]) == ("pypi", project["name"])
    assert ENTRY["version"] == PYPI["version"] == __version__
    assert f"/releases/download/v{__version__}/" in MCPB["identifier"]
    assert MCPB["identifier"].endswith(f"/{mcpb.BUNDLE.name}")


def test_its_variables_are_settings() -> None:
    known = {f"{settings.PREFIX}{setting.name.upper()}" for setting in settings.explained(home="/nowhere")}
    assert {variable["name"] for variable in PYPI["environmentVariables"]} <= known


def test_what_is_published_has_the_checksum_of_the_bundle(tmp_path: Path) -> None:
    sha256 = mcpb.pack(tmp_path / "memos.mcpb")
    entry = json.loads(mcpb.published(json.dumps(ENTRY), sha256))
    assert re.fullmatch(r"[a-f0-9]{64}", entry["packages"][1]["fileSha256"])
    check(entry["packages"][1], {"registryType", "identifier", "transport", "fileSha256"}, OF_PACKAGE)


def test_the_readme_proves_who_owns_the_package() -> None:
    assert f"<!-- mcp-name: {ENTRY['name']} -->" in (ROOT / "README.md").read_text("utf-8")
