"""The sections of the settings: what each part of a system can be told, with its default."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

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
    tokens_per_minute: int | None = Field(
        default=None, ge=100, description="tokens of memories read for a user in a minute, by a process; default: any"
    )


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


class Parametric(_Section):
    """A model whose adapters learn memories (LoRA), in this process; it answers here or on SGLang."""

    kind: Literal["none", "transformers", "sglang"] = "none"
    model: str = Field(default="", description="folder of the model that is trained, or its name in the local cache")
    device: str = Field(default="cpu", description="where it is trained: cpu, cuda, mps")
    url: str = Field(default="http://127.0.0.1:30000", description="address of the server or router (sglang)")
    key: SecretStr = Field(default=SecretStr(""), description="key of the server (sglang)")
    copies: str = Field(default="served", description="folder that servers read, in the data folder unless absolute")
    seen_as: str = Field(default="", description="that folder as the servers see it; default: the same (sglang)")
    timeout_s: float = Field(default=120, gt=0, le=3600, description="seconds an answer may take; then words are sent")
    schedule: Literal["on", "off"] = Field(
        default="on", description="train again what lost a memory, and skills that are used often; or never"
    )
    questions: Literal["templates", "model"] = Field(
        default="templates", description="who writes what is trained: templates alone, or the chat model as well"
    )
    most: int = Field(default=8, ge=0, le=1000, description="adapters that are trained so for one user")
    disk_mb: int = Field(default=1024, ge=1, description="disk that those of one user may hold, in MiB")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.kind != "none" and not self.model.strip():
            raise ValueError(f"parametric.kind is {self.kind}: set parametric.model to the folder of the model")
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
