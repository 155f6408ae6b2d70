"""What SGLang says, as values: what is not needed is left out, what is not there has a default."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.activation.sglang_link import Link

Shape = TypeVar("Shape", bound="_Shape")
_SAMPLE = re.compile(r"sglang:(\w+)(?:\{[^}\n]*\})? ([^\s]+)")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class About(_Shape):
    """What a server says of itself at `/server_info`. It says more, its keys among it: this is never logged whole."""

    version: str
    page_size: int = 1
    enable_session_radix_cache: bool = False
    incremental_streaming_output: bool = False
    max_req_input_len: int | None = None
    random_seed: int | None = None
    startup_time: JsonValue = None

    @property
    def boot(self) -> str:
        """Another one after each start of the server."""
        return hashlib.sha256(f"{self.random_seed} {self.startup_time}".encode()).hexdigest()[:16]


class Model(_Shape):
    """The model that a server runs, at `/model_info`."""

    model_path: str
    weight_version: str | None = None

    @property
    def id(self) -> str:
        """Equal ids: the same weights, as far as the server tells."""
        return f"{self.model_path}@{self.weight_version or ''}"


class Ended(_Shape):
    """Why a generation ended: `stop`, `length` or `abort`."""

    type: str = "stop"


class Meta(_Shape):
    """What a request cost. Nothing cached is 0, or null, or not said at all."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cached_tokens: int | None = None
    finish_reason: Ended | None = None


class Reply(_Shape):
    """An answer of `/generate`, or a piece of one."""

    text: str = ""
    meta_info: Meta

    @property
    def cached(self) -> int:
        """Tokens of the prompt that were not computed anew."""
        return self.meta_info.cached_tokens or 0


class Tokens(_Shape):
    """Ids of texts."""

    tokens: list[list[int]] | list[int]


class Texts(_Shape):
    """Texts of ids."""

    text: list[str] | str


class Listed(_Shape):
    """A worker that a router has."""

    url: str
    is_healthy: bool = True


class Workers(_Shape):
    """What a router says at `/workers`."""

    workers: list[Listed]


def read(link: Link, shape: type[Shape], data: bytes) -> Shape:
    """The answer as a value. Raises Unavailable."""
    try:
        return shape.model_validate_json(data)
    except ValidationError as exc:
        raise link.nonsense() from exc


def demand(name: str, version: str, least: str) -> None:
    """Raises Misconfigured if a version is lower than the least one, or none at all."""
    have, want = (tuple(map(int, re.findall(r"\d+", each.split("+")[0])[:3])) for each in (version, least))
    if len(have) < 3 or have < want:
        raise Misconfigured(
            f"{name} is version {version[:40]!r}, which does not keep the caches of tenants apart: "
            f"use SGLang {least} or newer"
        )


@dataclass(frozen=True, slots=True)
class Measures:
    """What the workers counted since they started, together."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    evicted_tokens: int = 0
    evictable_tokens: int = 0

    @property
    def hit_rate(self) -> float:
        """The share of all prompts that was not computed anew."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


def measured(pages: list[str]) -> Measures:
    """The sum of what the pages of `/metrics` say, whatever else stands there."""
    totals: dict[str, float] = {}
    for page in pages:
        for name, value in _SAMPLE.findall(page):
            if re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", value):
                totals[name] = totals.get(name, 0.0) + float(value)
    return Measures(
        *(
            int(totals.get(name, 0))
            for name in ("prompt_tokens_total", "cached_tokens_total", "evicted_tokens_total", "kv_evictable_tokens")
        )
    )
