"""Patterns that are compiled when they are first asked."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from memos_mcp.late import late


def test_it_searches_as_a_compiled_one_does() -> None:
    made, form = re.compile(r"(?P<word>b+)", re.IGNORECASE), late(r"(?P<word>b+)", re.IGNORECASE)
    for text in ("aBb", "xyz", ""):
        assert [each.span("word") for each in form.finditer(text)] == [
            each.span("word") for each in made.finditer(text)
        ]
        assert (form.sub("-", text), form.split(text)) == (made.sub("-", text), made.split(text))
    assert (form.pattern, form.flags, form.groupindex) == (made.pattern, made.flags, made.groupindex)


def test_a_wrong_one_is_told_when_it_is_asked() -> None:
    form = late("(")
    for _ in range(2):
        with pytest.raises(re.error, match="unterminated"):
            form.search("text")


def test_many_threads_may_be_the_first_to_ask() -> None:
    forms = [late(rf"({'a' * n})+b") for n in range(1, 200)]

    def ask(_: int) -> list[bool]:
        return [bool(form.search("a" * 200 + "b")) for form in forms]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert all(all(each) for each in found)


def test_what_it_has_not_it_has_not() -> None:
    with pytest.raises(AttributeError):
        late("a").there_is_none  # type: ignore[attr-defined]  # noqa: B018
