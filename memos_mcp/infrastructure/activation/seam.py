"""Where the memories end and the question begins: both become ids apart, so that one block serves every question."""

# pyright: reportMissingModuleSource=false
# (the extra `kv` is not in the environment of the tests: it is 5 GB; tools/typings says what is used of it)

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import TemplateError
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.infrastructure.activation.fingerprint import hashed

HEADER = "Memories:"
_KNOWN, _ASKED = "thememoriesstandhere", "thequestionstandshere"


class Seam:
    """The prompt of a model, cut where it changes: head, memories, and what is around a question.

    With a chat template the memories stand in its system message, or before the question where it has none; without
    one, after the token that begins a text. Special tokens within a memory or a question are read as plain words.
    `tokens` is a hash of the tokenizer, of which this has a copy.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, header: str = HEADER) -> None:
        """Raises Misconfigured for a tokenizer or template that cannot be cut so."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise Misconfigured(f"{type(tokenizer).__name__} is no fast tokenizer: open the model with one")
        self._tokenizer, self._header = tokenizer, header.strip()
        self.tokenizer = _alone(backend)
        self.tokens = hashed(self.tokenizer.to_str())
        self._words = _alone(backend)
        self._words.encode_special_tokens = True
        self._together = bool(tokenizer.chat_template) and not self._takes_system()
        head, rest = self._around(_KNOWN)
        self._between, self._end = rest.split(_ASKED)
        bos = tokenizer.bos_token_id
        starts = not tokenizer.chat_template and bos is not None and self.tokenizer.encode("x").ids[:1] == [bos]
        self._head = ([bos] if starts and bos is not None else []) + self._ids(head)

    @property
    def template(self) -> str:
        """A hash of all that is said around memories and questions."""
        return hashed([self._tokenizer.chat_template, self._header])

    def parts(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of the head, then of each memory. Raises InvalidInput if a text is empty or does not survive."""
        said = [f"\n{text.strip()}" for text in texts]
        for text in said:
            if text == "\n":
                raise InvalidInput("a memory without words cannot be kept as KV: leave it out")
        self._around("".join(said))
        return [self._head, *(self._plain(text) for text in said)]

    def question(self, prompt: str) -> list[int]:
        """The ids from the last memory to where the answer begins. Raises InvalidInput if the prompt is empty."""
        if not prompt.strip():
            raise InvalidInput("the prompt is empty: ask something")
        return [*self._ids(self._between), *self._plain(prompt.strip()), *self._ids(self._end)]

    def alone(self, prompt: str) -> list[int]:
        """The ids of a whole prompt that has no memories. Raises as `question`."""
        return [*self._head, *self.question(prompt)]

    def text(self, ids: Sequence[int]) -> str:
        """The words of an answer."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def rendered(self, known: str, asked: str) -> str:
        """The whole prompt as text: the header with the memories, then the question."""
        known = f"{self._header}{known}"
        if not self._tokenizer.chat_template:
            return f"{known}\n{asked}\n"
        if self._together:
            return self._templated([{"role": "user", "content": f"{known}\n\n{asked}"}])
        return self._templated([{"role": "system", "content": known}, {"role": "user", "content": asked}])

    def _around(self, known: str) -> tuple[str, str]:
        """What is said before the memories, and after them. The seam: both have to be there as they were given."""
        text = self.rendered(known, _ASKED)
        head, found, rest = text.partition(f"{self._header}{known}")
        if not found or rest.count(_ASKED) != 1 or _ASKED in head:
            raise InvalidInput(
                "the chat template changes or moves what it is given, so that what was read of the memories could not "
                f"go on with a question: use another template (it made {text[:200]!r})"
            )
        return head + self._header, rest

    def _takes_system(self) -> bool:
        try:
            return _KNOWN in self._templated([{"role": "system", "content": _KNOWN}, {"role": "user", "content": "x"}])
        except TemplateError:
            return False

    def _templated(self, messages: list[dict[str, str]]) -> str:
        return self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids if text else []

    def _plain(self, text: str) -> list[int]:
        return self._words.encode(text, add_special_tokens=False).ids


class Pieces:
    """The text of an answer as its tokens come: what they spell so far, without characters that are not whole yet."""

    def __init__(self, seam: Seam) -> None:
        self._seam = seam
        self._said: list[int] = []
        self._new: list[int] = []

    def add(self, token: int) -> str:
        """What this token adds, if it can be told."""
        self._new.append(token)
        piece = self.rest()
        if not piece or piece.endswith("\ufffd"):
            return ""
        self._said, self._new = self._new, []
        return piece

    def rest(self) -> str:
        """What has not been told, whole characters or not."""
        return self._seam.text([*self._said, *self._new])[len(self._seam.text(self._said)) :]


def _alone(backend: Tokenizer) -> Tokenizer:
    """One of our own: settings of a tokenizer are shared by all who use it."""
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
