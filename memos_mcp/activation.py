"""The Protocol of activation memory: memories kept as the state a model is in after reading them (short paper §4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memos_mcp.capacity import Capacity
from memos_mcp.cube import Activation, Ref

Progress = Callable[[int, int], None]
"""Told while memories are read: so many tokens of so many."""


@dataclass(frozen=True, slots=True)
class Source:
    """A memory as a model is to read it: which version, in which words, and when that was said."""

    ref: Ref
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered: `reused` tokens of memory not read again, `read` ones of the prompt, `made` new ones.

    `cold`: what was kept was lost, or a part of it, and had to be read again.
    """

    text: str
    reused: int
    read: int
    made: int
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for blocks, in bytes: what a token takes, and all of them may take; seconds to read a token.

    `seconds` are as measured by what was read so far; None before that. `keeping` a token takes so many more, where
    blocks are written down.
    """

    per_token: int
    budget: int
    seconds: float | None = None
    keeping: float = 0.0


class ActivationBackend(Protocol):
    """Keeps memories as the state of a model. Safe to call from several tasks at once.

    What one tenant had read saves another nothing, whatever the words.
    """

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        ...

    async def room(self) -> Room:
        """How much may be kept. Raises Misconfigured, MissingExtra, Unavailable."""
        ...

    async def capacity(self) -> Capacity | None:
        """How much it reads and how busy it is, as far as it is known within a second; None before it is open."""
        ...

    async def warm(
        self, sources: Sequence[Source], *, tenant: str = "", pinned: bool = False, told: Progress | None = None
    ) -> Activation:
        """Have the model read these memories, in this order, unless it has; equal sources cost nothing again.

        Raises InvalidInput (the model cannot keep them), Misconfigured, MissingExtra, Unavailable.
        """
        ...

    async def generate(
        self, activation: Activation | None, prompt: str, *, tenant: str = "", limit: int = 256
    ) -> Reply:
        """Answer a prompt after these memories, or after none, in at most `limit` tokens; changes nothing that is kept.

        Raises InvalidInput (made for another model; an empty prompt), NotFound (not kept any more: warm it again),
        Corrupt, Unavailable.
        """
        ...

    async def verify(self, activation: Activation) -> None:
        """Look whether it is kept, whole, and of this model. Raises NotFound, Corrupt, InvalidInput, Unavailable."""
        ...

    async def drop(self, activation: Activation) -> str:
        """Keep it no longer, at once; what of that cannot be promised. What is not there is no error."""
        ...

    async def aclose(self) -> None:
        """Let go of the model, or of the connections to it."""
        ...


class LastingBackend(ActivationBackend, Protocol):
    """One whose blocks outlive the process that made them."""

    async def tidy(self, kept: Sequence[Activation]) -> None:
        """Remove what is kept beside these, if nobody can be making it now: a process that was killed left it."""
        ...
