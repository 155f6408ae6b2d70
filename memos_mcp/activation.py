"""The Protocol of activation memory: memories kept as the state a model is in after reading them (short paper §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memos_mcp.cube import Activation, Ref


@dataclass(frozen=True, slots=True)
class Source:
    """A memory as a model is to read it: which version, in which words, and when that was said."""

    ref: Ref
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered: `reused` tokens of memory not read again, `read` ones of the prompt, `made` new ones."""

    text: str
    reused: int
    read: int
    made: int


class ActivationBackend(Protocol):
    """Keeps memories as the state of a model. Safe to call from several tasks at once."""

    async def warm(self, sources: Sequence[Source]) -> Activation:
        """Have the model read these memories, in this order, unless it has; equal sources cost nothing again.

        Raises InvalidInput (the model cannot keep them), Misconfigured, MissingExtra, Unavailable.
        """
        ...

    async def generate(self, activation: Activation, prompt: str, *, limit: int = 256) -> Reply:
        """Answer a prompt after these memories, in at most `limit` tokens; what is kept is not changed by it.

        Raises InvalidInput (made for another model; an empty prompt), NotFound (not kept any more: warm it again),
        Corrupt, Unavailable.
        """
        ...

    async def drop(self, activation: Activation) -> None:
        """Keep it no longer, at once; what is not there is no error. Raises Unavailable."""
        ...

    async def aclose(self) -> None:
        """Let go of the model, or of the connections to it."""
        ...
