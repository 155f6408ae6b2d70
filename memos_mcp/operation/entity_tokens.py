"""A text as sentences of tokens that know where they stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from memos_mcp.late import late

_TOKEN = late(
    r"@\w[\w.-]*\w"
    r"|(?:Dr|Mr|Mrs|Ms|Mx|Prof|St)\.(?=\s)"
    r"|[^\W\d_]+n['’]t\b"  # don't
    r"|[A-Z]['’](?=[A-Z])[^\W\d_]{2,}"  # O'Brien
    r"|['’](?:s|m|re|ve|ll|d)\b"
    r"|[^\W_]+(?:[-&][^\W_]+)*"
    r"|[^\w\s]|\n+|_"
)
_ENDS = frozenset(".!?")


class Token(NamedTuple):
    """A word or a mark, with the characters [start, end) it takes."""

    text: str
    lower: str
    start: int
    end: int

    @property
    def capital(self) -> bool:
        """Does it begin with a capital letter."""
        return self.text[0].isupper()

    @property
    def word(self) -> bool:
        """Is it a word, and not a mark."""
        return self.text[0].isalnum() or self.text[0] == "'" or self.text[0] == "@"


def sentences(text: str) -> Iterator[list[Token]]:
    """The sentences of a text, none of them empty; a full stop within an abbreviation or a number ends none."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word[0] == "\n":
            if found:
                yield found
            found = []
            continue
        found.append(Token(word, word.lower().replace("’", "'"), match.start(), match.end()))
        if word in _ENDS and (match.end() == len(text) or text[match.end()].isspace()):
            yield found
            found = []
    if found:
        yield found
