"""A question as a model is asked it, and an answer as it would end it: both as ids, tokenised apart."""

# pyright: reportMissingModuleSource=false
# (the extra `lora` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure.activation.fingerprint import hashed
from memos_mcp.infrastructure.activation.seam import Seam

_ASKED = "thequestionstandshere"


class Asks(Protocol):
    """How something is asked: of a model, of one with an adapter, or behind a cartridge."""

    def question(self, text: str) -> list[int]:
        """The ids up to where the answer begins. Raises InvalidInput if there are no words."""
        ...

    def answer(self, text: str) -> list[int]:
        """The ids of a whole answer. Raises InvalidInput if there are no words."""
        ...


class Asking:
    """Questions as the turn of a user, or as a line of their own where there is no chat template.

    Special tokens within a text are read as plain words. `tokens` and `template` are hashes of what it hangs on.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raises Misconfigured for a tokenizer or a template that cannot be used so."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise Misconfigured(f"{type(tokenizer).__name__} is no fast tokenizer: open the model with one")
        self._marked, self._words = _alone(backend), _alone(backend)
        self._words.encode_special_tokens = True
        self.tokens, self.template = hashed(self._marked.to_str()), hashed(tokenizer.chat_template)
        rendered = _rendered(tokenizer)
        if rendered.count(_ASKED) != 1:
            raise Misconfigured(f"the chat template does not say what it is given: {rendered[:200]!r}")
        head, tail = rendered.split(_ASKED)
        bos, end = tokenizer.bos_token_id, getattr(tokenizer, "eos_token_id", None)
        starts = not tokenizer.chat_template and bos is not None and self._marked.encode("x").ids[:1] == [bos]
        self._head = ([bos] if starts and bos is not None else []) + self._ids(head)
        self._tail = self._ids(tail)
        self._end = [int(end)] if end is not None else self._ids("\n")
        self.start = bos if bos is not None else self._end[0]

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return self._end[0]

    def question(self, text: str) -> list[int]:
        """The ids up to where the answer begins. Raises InvalidInput if there are no words."""
        if not text.strip():
            raise InvalidInput("the prompt is empty: ask something")
        return [*self._head, *self.plain(text.strip()), *self._tail]

    def answer(self, text: str) -> list[int]:
        """The ids of a whole answer. Raises InvalidInput if there are no words."""
        if not text.strip():
            raise InvalidInput("an answer without words cannot be learnt: leave the pair out")
        return [*self.plain(text.strip()), *self._end]

    def plain(self, text: str) -> list[int]:
        """The ids of a text by itself."""
        return self._words.encode(text, add_special_tokens=False).ids

    def text(self, ids: Sequence[int]) -> str:
        """The words of ids."""
        return self._marked.decode(list(ids), skip_special_tokens=True).strip()

    def _ids(self, text: str) -> list[int]:
        return self._marked.encode(text, add_special_tokens=False).ids if text else []


class Behind:
    """Questions as they go on behind what a KV block has read, and answers as ever."""

    def __init__(self, seam: Seam, asking: Asking) -> None:
        self._seam, self._asking = seam, asking

    def question(self, text: str) -> list[int]:
        """The ids from the last memory to where the answer begins. Raises InvalidInput if there are no words."""
        return self._seam.question(text)

    def answer(self, text: str) -> list[int]:
        """The ids of a whole answer. Raises InvalidInput if there are no words."""
        return self._asking.answer(text)


def _rendered(tokenizer: PreTrainedTokenizerBase) -> str:
    if not tokenizer.chat_template:
        return f"{_ASKED}\n"
    return tokenizer.apply_chat_template(
        [{"role": "user", "content": _ASKED}], tokenize=False, add_generation_prompt=True
    )


def _alone(backend: Tokenizer) -> Tokenizer:
    """One of our own: settings of a tokenizer are shared by all who use it."""
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
