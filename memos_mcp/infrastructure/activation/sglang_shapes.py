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


class Usage(_Shape):
    """What a scheduler has taken of the memory of one device, in GiB."""

    kvcache: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class State(_Shape):
    """What one scheduler of a server says of itself."""

    memory_usage: Usage | None = None


class About(_Shape):
    """What a server says of itself at `/server_info`. It says more, its keys among it: this is never logged whole."""

    version: str
    page_size: int = Field(default=1, ge=1)
    enable_session_radix_cache: bool = False
    incremental_streaming_output: bool = False
    max_req_input_len: int | None = Field(default=None, ge=0)
    max_total_num_tokens: int | None = Field(default=None, ge=0)
    internal_states: list[State] = []
    random_seed: int | None = None
    startup_time: JsonValue = None

    @property
    def boot(self) -> str:
        """Another one after each start of the server."""
        return hashlib.sha256(f"{self.random_seed} {self.startup_time}".encode()).hexdigest()[:16]

    @property
    def capacity(self) -> int:
        """The tokens that its cache holds, prompts and answers that run included; 0 if it does not tell."""
        return self.max_total_num_tokens or self.max_req_input_len or 0

    @property
    def per_token(self) -> int:
        """The bytes that a token takes on one device, which it tells to half a MiB of all; 1 if it does not."""
        told = next((each.memory_usage.kvcache for each in self.internal_states if each.memory_usage), 0.0)
        return max(1, round(told * 2**30 / self.capacity)) if self.capacity else 1


class Model(_Shape):
    """The model that a server runs, at `/model_info`."""

    model_path: str
    served_model_name: str | None = None
    weight_version: str | None = None

    @property
    def id(self) -> str:
        """Equal ids: the same weights, as far as the server tells."""
        return f"{self.model_path}@{self.weight_version or ''}"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.served_model_name or self.model_path


class Ended(_Shape):
    """Why a generation ended: `stop`, `length` or `abort`."""

    type: str = "stop"


class Meta(_Shape):
    """What a request cost. Nothing cached is 0, or null, or not said at all."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cached_tokens: int | None = Field(default=None, ge=0)
    finish_reason: Ended | None = None


class Said(_Shape):
    """An answer of `/generate`, or a piece of one."""

    text: str = ""
    meta_info: Meta

    @property
    def ended(self) -> str:
        """Why it ended; what gives no reason gave up."""
        return self.meta_info.finish_reason.type if self.meta_info.finish_reason else "abort"

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


class Load(_Shape):
    """What one scheduler has to do."""

    num_running_reqs: int = Field(default=0, ge=0)
    num_waiting_reqs: int = Field(default=0, ge=0)
    max_running_requests: int = Field(default=0, ge=0)


class Loads(_Shape):
    """What a server says at `/v1/loads`."""

    loads: list[Load] = []


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
            if re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d{1,2})?", value):
                totals[name] = totals.get(name, 0.0) + float(value)
    return Measures(
        *(
            int(totals.get(name, 0))
            for name in ("prompt_tokens_total", "cached_tokens_total", "evicted_tokens_total", "kv_evictable_tokens")
        )
    )
