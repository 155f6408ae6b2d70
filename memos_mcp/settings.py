"""memos.toml and MEMOS_* variables → one Settings. Only this module reads the environment."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from memos_mcp.errors import Misconfigured
from memos_mcp.sections import (
    Activation,
    Audit,
    Chat,
    Consolidation,
    Embedder,
    Graph,
    Http,
    Mcp,
    Parametric,
    Privacy,
    Reader,
    Screening,
    Vault,
    Vectors,
    Words,
)

PREFIX = "MEMOS_"
CONFIG = "MEMOS_CONFIG"
FILE = "memos.toml"
_PASSWORD = re.compile(r"://[^/\s]*@")


def _login() -> str:
    try:
        return getpass.getuser().replace("/", "-") or "me"
    except (KeyError, OSError, ImportError):  # no such user in the system's table, as in some containers
        return "me"


class Settings(BaseSettings):
    """Everything that can be set. An unknown key or variable is an error."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    home: Path = Field(default_factory=lambda: Path.home() / ".memos", description="data folder")
    models: Path | None = Field(default=None, description="folder of models; default: models/ in the data folder")
    user: str = Field(default_factory=_login, min_length=1, description="who calls over stdio, CLI and Python")
    path: str | None = Field(
        default=None, description="path to write to and search; default: user/<user>, and all three layers"
    )
    roles: tuple[str, ...] = Field(default=(), description="roles that this user has over stdio, CLI and Python")
    context: tuple[str, ...] = Field(default=(), description="what he calls for, such as application:clinic")
    vault: Vault = Vault()
    words: Words = Words()
    vectors: Vectors = Vectors()
    graph: Graph = Graph()
    embedder: Embedder = Embedder()
    reader: Reader = Reader()
    chat: Chat = Chat()
    activation: Activation = Activation()
    parametric: Parametric = Parametric()
    screening: Screening = Screening()
    privacy: Privacy = Privacy()
    consolidation: Consolidation = Consolidation()
    audit: Audit = Audit()
    mcp: Mcp = Mcp()
    http: Http = Http()

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if self.vault.read_only and self.audit.mode == "strict":
            raise ValueError("audit.mode is strict and vault.read_only is set: nothing could be answered; drop one")
        return self

    @model_validator(mode="after")
    def _has_a_model_to_chat(self) -> Self:
        if (self.chat.url or self.chat.key.get_secret_value()) and self.answering is None:
            raise ValueError("chat.url or chat.key is set: set chat.model to the name of the chat model")
        if self.parametric.questions == "model" and self.answering is None:
            raise ValueError("parametric.questions is model: set chat.model to the name of the chat model")
        return self

    @property
    def answering(self) -> Chat | None:
        """The chat model that answers, whole; None if there is none. A key goes to no address but its own."""
        chat, reader = self.chat, self.reader
        model = chat.model.strip() or (reader.model if reader.kind == "openai" else "")
        url = chat.url.strip() or reader.url
        key = chat.key if chat.key.get_secret_value() or url != reader.url else reader.key
        return chat.model_copy(update={"url": url, "model": model, "key": key}) if model else None

    @property
    def database(self) -> Path:
        """The vault's file."""
        return self.home.expanduser() / self.vault.file

    @property
    def blocks(self) -> Path:
        """The folder of KV blocks."""
        return self.home.expanduser() / "kv"

    @property
    def adapters(self) -> Path:
        """The folder of adapters."""
        return self.home.expanduser() / "adapters"

    @property
    def graph_file(self) -> Path:
        """The file of the embedded graph."""
        return self.home.expanduser() / self.graph.file

    @property
    def shelf(self) -> Path:
        """The folder of models."""
        return (self.models or self.home / "models").expanduser()


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it was set: argument, variable, file or default."""

    name: str
    value: str
    source: str


def load(**given: Any) -> Settings:
    """Settings from arguments, then variables, then memos.toml, then defaults. Raises Misconfigured."""
    return _load(given)[0]


def explained(**given: Any) -> tuple[Setting, ...]:
    """Every value with its source. Raises Misconfigured."""
    settings, layers = _load(given)
    return tuple(
        Setting(name, _shown(value), next((source for source, names in layers if name in names), "default"))
        for name, value in _flat(settings.model_dump()).items()
    )


def _shown(value: object) -> str:
    """As text, without the password that an address may hold."""
    return _PASSWORD.sub("://…@", str(value))


def _load(given: Mapping[str, Any]) -> tuple[Settings, list[tuple[str, frozenset[str]]]]:
    _refuse_unknown(os.environ)
    variables = EnvSettingsSource(Settings)()
    home = Path(str(given.get("home") or variables.get("home") or Path.home() / ".memos")).expanduser()
    named = os.environ.get(CONFIG)
    file = Path(named).expanduser() if named else home / FILE
    if named and not file.is_file():
        raise Misconfigured(f"{CONFIG} names {file}, which is no file")
    try:
        from_file = TomlConfigSettingsSource(Settings, file)() if file.is_file() else {}
        settings = Settings(**_merged(_merged(from_file, variables), given))
    except ValidationError as exc:
        raise Misconfigured(_explained(exc, file)) from exc
    except (ValueError, OSError) as exc:
        raise Misconfigured(f"{file} cannot be read: {exc}") from exc
    layers = [("argument", given), ("variable", variables), (str(file), from_file)]
    return settings, [(source, frozenset(_flat(values))) for source, values in layers]


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name}".upper() for name in _names(Settings)} | {CONFIG}
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise Misconfigured(f"unknown variable {name}; known are {', '.join(sorted(known))}")


def _names(model: type[BaseModel]) -> list[str]:
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += [f"{name}__{below}" for below in _names(inner)]
        else:
            found.append(name)
    return found


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(cast("dict[str, Any]", value), f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        both = isinstance(value, dict) and isinstance(old, dict)
        result[name] = _merged(cast("dict[str, Any]", old), cast("dict[str, Any]", value)) if both else value
    return result


def _explained(exc: ValidationError, file: Path) -> str:
    first = exc.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(each.replace("__", ".") for each in _names(Settings))
        return f"unknown setting {name!r} (in {file} or given); known are {known}"
    if first["type"] == "value_error":
        return str(first["msg"]).removeprefix("Value error, ")
    return f"the setting {name!r} is wrong: {first['msg']}"
