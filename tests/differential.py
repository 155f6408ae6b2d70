"""One store of LangGraph beside another: the same batches by chance, and the same answers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore
from typing_extensions import override

LABELS = ("a", "ab", "b", "a b", " é", "e\u0301/ü", "50%", "%2F", "x\ny", "日本")
KEYS = ("k", "k1", "", "a/b", "ü.%", " ", "\u200b")
_ALL = 1_000
_Place = tuple[tuple[str, ...], str]


class Living(InMemoryStore):
    """LangGraph's own, which names namespaces that nothing is in any more."""

    @override
    def _handle_list_namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        for empty in [namespace for namespace, items in self._data.items() if not items]:
            del self._data[empty]
        return super()._handle_list_namespaces(op)


class Batches:
    """Batches by chance, the same for the same seed: most are about the same few items."""

    def __init__(self, seed: int) -> None:
        self._by = random.Random(seed)
        self._often = [("a",), ("ab",), ("ab", "a"), *(self._anywhere() for _ in range(4))]
        self._keys = self._by.sample(KEYS, 3)

    def one(self) -> list[Op]:
        return [self._op() for _ in range(self._by.randint(1, 5))]

    def _op(self) -> Op:
        by = self._by
        match by.choices(("put", "delete", "get", "search", "list"), (5, 2, 3, 4, 1))[0]:
            case "put":
                return PutOp(
                    self._namespace(), by.choice(self._keys), self._value(), index=by.choice((None, False, ["n"]))
                )
            case "delete":
                return PutOp(self._namespace(), by.choice(self._keys), None)
            case "get":
                return GetOp(self._namespace(), by.choice(self._keys))
            case "search":
                limit = by.choice((0, 1, 3, _ALL, _ALL))
                return SearchOp(self._namespace()[by.randint(0, 1) :], self._filter(), limit, by.choice((0, 0, 1, 4)))
            case _:
                return self._listing()

    def _namespace(self) -> tuple[str, ...]:
        return self._by.choice(self._often) if self._by.random() < 0.9 else self._anywhere()

    def _anywhere(self) -> tuple[str, ...]:
        return tuple(self._by.choices(LABELS, k=self._by.choice((1, 1, 2, 3))))

    def _value(self) -> dict[str, Any]:
        by = self._by
        return {
            "n": by.randint(0, 5),
            "s": by.choice("xyz"),
            "in": {"l": by.sample(range(3), k=2), "b": by.random() < 0.5},
        }

    def _filter(self) -> dict[str, Any] | None:
        by = self._by
        number, order = by.randint(0, 5), by.choice(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"))
        some: Sequence[dict[str, Any]] = (
            {"s": by.choice("xyz")},
            {"n": {order: number}},
            {"n": {"$gte": number, "$ne": number + 1}, "s": {"$ne": "x"}},
            {"in": {"b": True}},
            {"in": {"l": [0, 1]}},
            {"none": None},
            {"none": 1},
        )
        return by.choice((None, None, None, *some))

    def _listing(self) -> Op:
        by = self._by
        ends = [
            MatchCondition(by.choice(("prefix", "suffix")), tuple(by.choices((*LABELS, "*"), k=by.randint(1, 2))))
            for _ in range(by.choice((0, 0, 1, 2)))
        ]
        return ListNamespacesOp(tuple(ends), by.choice((None, None, 1, 2)), by.choice((2, 100)), by.choice((0, 1)))


class Compared:
    """A store and LangGraph's own, asked the same."""

    def __init__(self, store: BaseStore) -> None:
        self._store, self._known = store, Living()
        self._since: dict[_Place, datetime] = {}

    async def ask(self, ops: Sequence[Op]) -> None:
        """Raises AssertionError where they differ."""
        all_of = [op._replace(limit=_ALL, offset=0) if isinstance(op, SearchOp) else op for op in ops]
        whole = await self._known.abatch([op for op in all_of if not isinstance(op, PutOp)])
        wanted, found = await self._known.abatch(ops), await self._store.abatch(ops)
        assert len(found) == len(wanted)
        every = iter(whole)
        for op, here, there in zip(ops, found, wanted, strict=True):
            match op:
                case PutOp():
                    assert here is None
                case GetOp():
                    next(every)
                    self._same_item(op, here, there)
                case SearchOp():
                    assert isinstance(there, list)
                    _some_of(_said(here), _said(next(every)), len(there))
                case _:
                    next(every)
                    assert here == there, op
        for place, value in {(op.namespace, op.key): op.value for op in ops if isinstance(op, PutOp)}.items():
            if value is None:
                self._since.pop(place, None)

    def _same_item(self, op: GetOp, here: Result, there: Result) -> None:
        """The same value, and since the same time."""
        assert (here is None) == (there is None), op
        if isinstance(here, Item) and isinstance(there, Item):
            assert (here.value, here.key, here.namespace) == (there.value, there.key, there.namespace)
            assert here.created_at <= here.updated_at
            assert self._since.setdefault((op.namespace, op.key), here.created_at) == here.created_at


def _said(result: Result) -> list[str]:
    assert isinstance(result, list)
    items: Iterable[object] = result
    return [f"{each.namespace!r} {each.key!r} {each.value!r}" for each in items if isinstance(each, SearchItem)]


def _some_of(found: Sequence[str], every: Sequence[str], number: int) -> None:
    """So many of them, none twice: in which order is for a store to say."""
    assert len(found) == len(set(found)) == number
    assert set(found) <= set(every)


async def compared(store: BaseStore, seed: int, batches: int) -> None:
    """Raises AssertionError where the store differs from LangGraph's own."""
    both, chance = Compared(store), Batches(seed)
    for _ in range(batches):
        await both.ask(chance.one())
