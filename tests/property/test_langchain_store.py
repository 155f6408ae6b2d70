"""MemosStore beside LangGraph's own store: the same batches, the same answers.

`LANGGRAPH_SEEDS=50 LANGGRAPH_BATCHES=200` asks for more of them.
"""

from __future__ import annotations

import os
import string
from collections.abc import Iterable
from itertools import starmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import GetOp, Op, PutOp, Result, SearchOp
from typing_extensions import override

import memos_mcp
from langchain_memos import MemosStore
from langchain_memos.names import key_of, label_of, namespace_of, path_of, text_of
from memos_mcp.infrastructure.governance import check_path
from memos_mcp.interface.checks import check_key
from tests.differential import compared

SEEDS = range(int(os.environ.get("LANGGRAPH_SEEDS", "5")))
BATCHES = int(os.environ.get("LANGGRAPH_BATCHES", "40"))
WRONG = range(3)
LABELS = st.text(min_size=1, max_size=8).filter(lambda text: "." not in text) | st.text(
    string.whitespace + "%/\\e\u0301\ud800é", min_size=1, max_size=8
)


def opened(home: Path) -> memos_mcp.Memos:
    return memos_mcp.open(
        home=home,
        user="ada",
        embedder={"kind": "none"},
        graph={"kind": "none"},
        consolidation={"mode": "off"},
        audit={"mode": "off"},
    )


@pytest.mark.anyio
@pytest.mark.parametrize("seed", SEEDS)
async def test_it_answers_as_langgraphs_own(tmp_path: Path, seed: int) -> None:
    async with opened(tmp_path) as memos:
        await compared(MemosStore(memos), seed, BATCHES)


class ByText(MemosStore):
    """Wrong: a prefix is one of texts, not of labels."""

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        given = list(ops)
        wide = [
            op._replace(namespace_prefix=(), limit=1_000, offset=0) if isinstance(op, SearchOp) else op for op in given
        ]
        return list(starmap(_begins, zip(given, await super().abatch(wide), strict=True)))


def _begins(op: Op, result: Result) -> Result:
    if not isinstance(op, SearchOp) or not isinstance(result, list):
        return result
    text = ".".join(op.namespace_prefix)
    found = [each for each in result if not isinstance(each, tuple) and ".".join(each.namespace).startswith(text)]
    return found[op.offset : op.offset + op.limit]


class FirstWins(MemosStore):
    """Wrong: of several writes to one item the first is done."""

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        given = list(ops)
        results = await super().abatch(given)
        await super().abatch([op for op in reversed(given) if isinstance(op, PutOp)])
        return results


class WritesFirst(MemosStore):
    """Wrong: reads see what the batch writes."""

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        given = list(ops)
        await super().abatch([op for op in given if isinstance(op, PutOp)])
        results = await super().abatch([GetOp((), "") if isinstance(op, PutOp) else op for op in given])
        return [None if isinstance(op, PutOp) else each for op, each in zip(given, results, strict=True)]


@pytest.mark.anyio
@pytest.mark.parametrize("seed", WRONG)
@pytest.mark.parametrize("wrong", [ByText, FirstWins, WritesFirst])
async def test_a_wrong_rule_is_seen(tmp_path: Path, wrong: type[MemosStore], seed: int) -> None:
    async with opened(tmp_path) as memos:
        with pytest.raises(AssertionError):
            await compared(wrong(memos), seed, 200)


@given(st.lists(LABELS, min_size=1, max_size=3).map(tuple))
def test_every_namespace_is_one_path_and_back(namespace: tuple[str, ...]) -> None:
    path = path_of("user/ada/store", namespace)
    assert check_path(path) == path
    assert namespace_of("user/ada/store", path) == namespace


@given(LABELS, LABELS)
def test_different_labels_are_different(one: str, other: str) -> None:
    assert (label_of(one) == label_of(other)) == (one == other)
    assert (key_of(one) == key_of(other)) == (one == other)


@given(st.text(max_size=20))
def test_every_text_is_a_key_and_back(text: str) -> None:
    assert check_key(key_of(text)) == key_of(text)
    assert text_of(key_of(text)) == text


def test_plain_names_are_written_as_they_are() -> None:
    assert path_of("user/ada/store", ("ada", "likes tea", "Müsli 2026")) == "user/ada/store/ada/likes tea/Müsli 2026"
    assert path_of("r", ("a/b", "100%")) == "r/a%2Fb/100%25"
