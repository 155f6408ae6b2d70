"""memos.toml and MEMOS_* variables → one Settings. Only this module reads the environment."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from memos_mcp.errors import Misconfigured

PREFIX = "MEMOS_"
CONFIG = "MEMOS_CONFIG"
FILE = "memos.toml"
_PASSWORD = re.compile(r"://[^/\s]*@")


Toolset = Literal["core", "full", "chatgpt", "client"]
"""Which tools a server offers: eight for every day, all that the API can do, or the two that ChatGPT asks for."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Vault(_Section):
    """Where cubes are kept."""

    kind: Literal["sqlite"] = "sqlite"
    file: str = Field(default="memos.db", description="database file, in the data folder unless absolute")
    read_only: bool = Field(default=False, description="refuse every write")


class Words(_Section):
    """The words lane."""

    memory_mb: int = Field(default=256, ge=1, description="memory its indexes may hold, in MiB")


class Vectors(_Section):
    """The vectors lane."""

    memory_mb: int = Field(default=512, ge=1, description="memory its vectors may hold, in MiB")
    # Beneath 0.1, MiniLM lost no answer on three data sets: what is less near has nothing to do with the question.
    least: float = Field(default=0.1, ge=-1, le=1, description="cosine beneath which a memory is not found")


class Graph(_Section):
    """The graph lane: who and what memories speak of."""

    kind: Literal["embedded", "neo4j", "none"] = "embedded"
    file: str = Field(default="graph.db", description="its file, in the data folder unless absolute (embedded)")
    url: str = Field(default="bolt://127.0.0.1:7687", description="address of the server (neo4j)")
    user: str = Field(default="neo4j", description="user there (neo4j)")
    password: SecretStr = Field(default=SecretStr(""), description="his password (neo4j)")
    database: str = Field(default="", description="database, of this vault alone; default: the server's (neo4j)")
    timeout_s: float = Field(default=2, gt=0, le=60, description="seconds a question to the server may take (neo4j)")


class Reader(_Section):
    """Who reads what is remembered: rules alone, or a chat model as well."""

    kind: Literal["rules", "openai"] = "rules"
    url: str = Field(default="http://127.0.0.1:11434/v1", description="address of the chat server, up to /v1")
    model: str = Field(default="", description="name of the chat model")
    key: SecretStr = Field(default=SecretStr(""), description="key of the chat server")
    timeout_s: float = Field(default=45, gt=0, le=3600, description="seconds a source may take; then the rules alone")
    part: int = Field(default=12_000, ge=1_000, le=1_000_000, description="characters the model reads at once")
    at_once: int = Field(default=4, ge=1, le=64, description="questions asked at a time")
    questions: bool = Field(default=False, description="the model says what questions of recall mean as well")
    entities: bool = Field(default=False, description="the model finds entities and relations of memories as well")
    patience_s: float = Field(default=10, gt=0, le=600, description="seconds that may take; then the rules say it")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.kind == "openai" and not self.model.strip():
            raise ValueError("reader.kind is openai: set reader.model to the name of the chat model")
        return self


class Chat(_Section):
    """Who answers questions from memories (`ask`): unless told otherwise, the chat model of the reader."""

    url: str = Field(default="", description="address of the chat server, up to /v1; default: reader.url")
    model: str = Field(
        default="", description="name of the chat model; default: reader.model, if reader.kind is openai"
    )
    key: SecretStr = Field(default=SecretStr(""), description="key of the chat server; default: reader.key, at its url")
    timeout_s: float = Field(default=45, gt=0, le=3600, description="seconds an answer may take")


class Activation(_Section):
    """A model that keeps what it has read of memories (KV cache), in this process or on SGLang."""

    kind: Literal["none", "transformers", "sglang"] = "none"
    model: str = Field(default="", description="folder of the model, or its name in the local cache (transformers)")
    device: str = Field(default="cpu", description="where it runs: cpu, cuda, mps (transformers)")
    url: str = Field(default="http://127.0.0.1:30000", description="address of the server or router (sglang)")
    key: SecretStr = Field(default=SecretStr(""), description="key of the server (sglang)")
    memory_mb: int = Field(default=4096, ge=1, description="memory its blocks may hold, in MiB (transformers)")
    disk_mb: int = Field(default=20_480, ge=1, description="disk its blocks may hold, in MiB (transformers)")
    timeout_s: float = Field(
        default=120, gt=0, le=3600, description="seconds a prompt may take; then the words are sent"
    )
    schedule: Literal["on", "off"] = Field(default="on", description="build blocks of what is used often, or never")
    policy: Literal["paying", "recent", "frequent", "labelled", "similar"] = Field(
        default="paying", description="what is worth a block: what pays for it, or what is used last, or often"
    )
    longest: int = Field(default=8192, ge=512, description="tokens of the largest block that is built so")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.kind == "transformers" and not self.model.strip():
            raise ValueError("activation.kind is transformers: set activation.model to the folder of the model")
        return self


class Embedder(_Section):
    """What turns texts into vectors."""

    kind: Literal["onnx", "openai", "local", "none"] = "onnx"
    model: str = Field(default="all-MiniLM-L6-v2", description="name or folder of the embedding model")
    url: str = Field(default="http://127.0.0.1:11434/v1", description="address of the embedding server (openai)")
    key: SecretStr = Field(default=SecretStr(""), description="key of the embedding server (openai)")
    dimension: int | None = Field(default=None, ge=1, le=8192, description="size of vectors to ask for (openai)")
    most: int = Field(default=6_000, ge=100, description="characters of a text that are sent (openai)")
    timeout_s: float = Field(default=30, gt=0, le=3600, description="seconds to wait for vectors (openai)")
    threads: int = Field(default=1, ge=1, le=64, description="processor threads (onnx); more embed faster")


class Mcp(_Section):
    """The MCP server, over stdio and HTTP."""

    toolset: Toolset = Field(default="core", description="which tools it offers")


class Screening(_Section):
    """What is done about secrets and hostile texts."""

    mask_secrets: bool = Field(default=True, description="take keys, passwords and card numbers out of what is stored")
    quarantine: bool = Field(default=True, description="keep texts that give the assistant orders from recall")


class Privacy(_Section):
    """What is done about personal data."""

    mode: Literal["off", "tag", "redact_at_write", "redact_at_read"] = Field(
        default="off", description="nothing, a tag, marks in what is stored, or marks for who may not see it"
    )
    classes: tuple[str, ...] = Field(default=(), description="classes that are looked for; default: all")
    patterns: dict[str, str] = Field(default={}, description="patterns of your own, by the name of their class")
    regions: tuple[str, ...] = Field(default=(), description="countries whose phone numbers are known without a code")
    roles: tuple[str, ...] = Field(default=(), description="roles that see it, beside owners and named writers")


class Consolidation(_Section):
    """What becomes of memories when others come."""

    mode: Literal["on", "off"] = Field(
        default="on", description="look at new memories beside older ones, in the background; or never"
    )


class Audit(_Section):
    """The access log."""

    mode: Literal["grouped", "strict", "off"] = Field(
        default="grouped", description="when a line is written: within 50 ms, before the answer, or never"
    )
    texts: bool = Field(
        default=False, description="keep questions and reasons beside the log, where they can be erased"
    )
    keep_days: float | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="lines older than this go, unless keep_lines keeps them; default: none",
    )
    keep_lines: int | None = Field(
        default=None, ge=0, description="so many of the last lines stay; older ones go, unless keep_days keeps them"
    )


class Http(_Section):
    """`memos serve`: where it listens, who may come in, and how much one principal may ask for."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8765, ge=0, le=65535, description="port to listen on")
    url: str = Field(default="", description="address as clients know it; default: that of host and port")
    hosts: tuple[str, ...] = Field(default=(), description="further names that the Host header may have")
    origins: tuple[str, ...] = Field(default=(), description="further web pages (origins) that may call")
    workers: int = Field(default=1, ge=1, le=64, description="processes that serve")
    open_on_loopback: bool = Field(default=False, description="whoever calls from this machine is the local user")
    issuer: str = Field(default="", description="authorization server whose JWTs are accepted, as in their iss")
    jwks_url: str = Field(default="", description="where its keys are")
    audience: str = Field(default="", description="what the aud of a JWT must be; default: http.url")
    users: dict[str, str] = Field(default={}, description="subjects of JWTs that are a local user")
    roles_claim: str = Field(
        default="", description="claim of JWTs with the user's roles, such as groups; none if empty"
    )
    rate: float = Field(default=50, gt=0, description="requests a second that a principal may send")
    burst: int = Field(default=200, ge=1, description="requests that he may send at once after a pause")
    at_once: int = Field(default=64, ge=1, description="requests of his that may be open at a time")
    body_kb: int = Field(default=4096, ge=1, le=1_048_576, description="size of a request at most, in KiB")
    items: int = Field(default=2000, ge=1, description="elements of all lists in a request at most")
    result_kb: int = Field(default=256, ge=1, description="size of an answer at most, in KiB")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.issuer) != bool(self.jwks_url):
            raise ValueError("http.issuer and http.jwks_url belong together: set both, or neither")
        if "*" in self.origins:
            raise ValueError("http.origins must name each web page that may call, such as https://chat.example.org")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("http.url must begin with https:// or http://, such as https://memory.example.org/mcp")
        return self


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
