"""The Protocols of models: texts to vectors, and chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import JsonValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Texts to vectors of one model. Safe to call from several tasks at once."""

    async def load(self) -> tuple[str, int]:
        """Make ready; the id of the model (equal ids: comparable vectors) and the dimension of its vectors.

        Raises Misconfigured (no model, wrong bytes), MissingExtra, Unavailable.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text, in order. Raises as `load`."""
        ...

    async def aclose(self) -> None:
        """Let go of the model."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """Texts as a model reads them: a row of unit length for each and, in `words`, one for each of its words of content.

    `words` is empty if the model does not tell single words.
    """

    vectors: NDArray[np.float32]
    words: Sequence[NDArray[np.float32]] = ()


@runtime_checkable
class WordEmbedder(Embedder, Protocol):
    """An Embedder that tells single words as well, made in the same pass."""

    async def read(self, texts: Sequence[str]) -> Read:
        """The vectors of `embed`, and those of the words. Raises as `load`."""
        ...


class Chat(Protocol):
    """A chat model that answers in JSON."""

    model: str

    async def complete(self, system: str, text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
        """The model's answer to a text, a value that claims to follow the JSON schema (the caller validates).

        Raises Unavailable (no answer in time, refused, not JSON), Misconfigured.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


@dataclass(frozen=True, slots=True)
class Worded:
    """An answer in words; `read` and `written` are the tokens of question and answer, if they were counted."""

    text: str
    read: int | None = None
    written: int | None = None


class Answerer(Protocol):
    """A chat model that answers in words."""

    @property
    def model(self) -> str:
        """Its name."""
        ...

    async def answer(self, system: str, text: str) -> Worded:
        """The model's answer to a text, never empty and never cut off.

        Raises Unavailable (no answer in time, refused, broken off), Misconfigured.
        """
        ...
