"""Questions about a memory by a chat model, to train on: beside those of the templates (`operation/pairs.py`).

What is not made of words of the memory is left out there, so that nothing is learnt which nobody said.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import anyio
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from memos_mcp.cube import Ref
from memos_mcp.errors import Unavailable
from memos_mcp.interface.framing import framed, without_secrets
from memos_mcp.models import Chat
from memos_mcp.parametric import Pair

MOST_CHARACTERS = 8_000
"""Of a longer text the rest is not sent."""
_MOST = 16  # of one memory
_LONGEST = 400  # characters of a question or an answer
_CONFIG = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)
_FIELDS: dict[str, JsonValue] = {
    "question": {"type": "string"},
    "answer": {"type": "string"},
    "held_out": {"type": "boolean"},
}
SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": _FIELDS,
                "required": list[JsonValue](_FIELDS),
                "additionalProperties": False,
            },
        }
    },
    "required": ["pairs"],
    "additionalProperties": False,
}


class _Asked(BaseModel):
    model_config = _CONFIG

    question: str = Field(min_length=1, max_length=_LONGEST)
    answer: str = Field(min_length=1, max_length=_LONGEST)
    held_out: bool


class _Answer(BaseModel):
    model_config = _CONFIG

    pairs: list[_Asked] = Field(max_length=_MOST)


class ModelAuthor:
    """An Author over a chat model. Secrets are masked before a text is sent."""

    def __init__(self, chat: Chat, *, timeout_s: float = 60) -> None:
        self._chat, self._timeout = chat, timeout_s

    async def write(self, text: str, source: Ref) -> Sequence[Pair]:
        """As the port says. Raises Unavailable (no answer in time, or not of the right shape), Misconfigured."""
        memory = framed("memory", [{"text": without_secrets(text[:MOST_CHARACTERS])}])
        system = files("memos_mcp.interface").joinpath("prompts", "pairs.txt").read_text("utf-8")
        with anyio.move_on_after(self._timeout):
            answer = await self._chat.complete(system, memory, SCHEMA)
            try:
                found = _Answer.model_validate(answer)
            except ValidationError as exc:
                raise Unavailable(f"the chat model {self._chat.model!r} did not answer with questions") from exc
            return [Pair(each.question, each.answer, source, each.held_out) for each in found.pairs]
        raise Unavailable(f"the chat model {self._chat.model!r} did not answer within {self._timeout:g} s")
