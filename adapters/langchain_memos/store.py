"""LangGraph's long-term memory on the vault of memos: an item is a memory with versions, rights and a history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self, assert_never, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)
from pydantic import JsonValue
from typing_extensions import override

from langchain_memos.blocking import ended
from langchain_memos.documents import WHOLE, searched
from langchain_memos.matching import check_filter, fits, matches
from langchain_memos.names import key_of, namespace_of, path_of, root_of, text_of
from memos_mcp import (
    Client,
    Connected,
    Denied,
    InvalidInput,
    MemCube,
    Memos,
    NotFound,
    Plaintext,
    connect,
    sync,
)

_MOST = 100  # memories in one answer of a memory system
_APART = 50  # namespaces that are searched each by itself
_TTL = "ttl="
_LASTS = re.compile(rf"{_TTL}(\d+(?:\.\d+)?(?:e[+-]\d+)?)")
_BY_TEXT = "found-by:text"  # neither by its key nor by what else is in its value
_Place = tuple[tuple[str, ...], str]


class MemosStore(BaseStore):
    """Items at `path` of the vault (`<home>/store` unless said): a namespace is a path beneath it, a key a key there.

    `memos` is a Memos, blocking or not, the URL of a server, or what `connect` gives; an asynchronous Memos answers
    asynchronous calls alone. An item is found by the texts of its value, or of the fields that `index` names. What is
    expired is gone at once; a read begins its time anew, if the reader may decide about the item. Every write is one
    commit; a batch is several. Raises Denied where the caller may not read or write, InvalidInput for what is no JSON.
    """

    supports_ttl = True

    def __init__(
        self,
        memos: Memos | sync.Memos | Connected | str,
        path: str | None = None,
        *,
        index: Sequence[str] = (WHOLE,),
        ttl: TTLConfig | None = None,
    ) -> None:
        self.ttl_config = ttl
        self._connected = connect(memos)
        self._root = root_of(path)
        self._index = tuple(index)

    @override
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return ended(self._done(self._connected.inline, ops))

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await self._done(self._connected.asynchronous, ops)

    def close(self) -> None:
        """Close the connection to a server that was named by its URL; whoever opened a Memos closes it."""
        self._connected.close()

    async def aclose(self) -> None:
        """The same without blocking."""
        await self._connected.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _done(self, client: Client, ops: Iterable[Op]) -> list[Result]:
        """Reads see what was there before; of several writes to one item the last is done."""
        if self._root is None:
            self._root = f"{(await client.status()).path}/store"
        reading, results, writes = _Reading(client, self._root), list[Result](), dict[_Place, PutOp]()
        for op in ops:
            if isinstance(op, PutOp):
                writes[op.namespace, op.key] = op
            results.append(await reading.result(op))
        await reading.refresh()
        await self._written(client, self._root, writes)
        return results

    async def _written(self, client: Client, root: str, writes: Mapping[_Place, PutOp]) -> None:
        places = {(path_of(root, namespace), key_of(key)): op for (namespace, key), op in writes.items()}
        values = [(place, op, _as_json(op.value)) for place, op in places.items() if op.value is not None]
        for (path, key), op, value in values:
            fields = self._index if op.index is None else op.index or ()
            await client.put(
                path,
                key,
                text=searched(value, fields),
                data=value,
                tags=[_BY_TEXT] if op.ttl is None else [_BY_TEXT, f"{_TTL}{op.ttl}"],
                expires="never" if op.ttl is None else timedelta(minutes=op.ttl),
            )
        await _forgotten(client, [place for place, op in places.items() if op.value is None])


@dataclass(slots=True)
class _Reading:
    """The reads of one batch; `lasting` are the items whose time begins anew, by how long it is."""

    client: Client
    root: str
    lasting: dict[float, list[str]] = field(default_factory=dict[float, list[str]])

    async def result(self, op: Op) -> Result:
        match op:
            case GetOp():
                return await self._one(op)
            case SearchOp():
                return await self._some(op)
            case ListNamespacesOp():
                return await self._namespaces(op)
            case PutOp():
                return None
            case _:
                assert_never(op)

    async def refresh(self) -> None:
        for minutes, ids in self.lasting.items():
            await _extended(self.client, list(dict.fromkeys(ids)), timedelta(minutes=minutes))

    async def _one(self, op: GetOp) -> Item | None:
        try:
            cube = await self.client.get(path=path_of(self.root, op.namespace), key=key_of(op.key))
        except NotFound:
            return None
        if _data_of(cube) is None:
            return None
        self._read([cube] if op.refresh_ttl else [])
        return Item(
            value=_value_of(cube),
            key=op.key,
            namespace=op.namespace,
            created_at=cube.created_at,
            updated_at=cube.updated_at,
        )

    async def _some(self, op: SearchOp) -> list[SearchItem]:
        check_filter(op.filter)
        path = path_of(self.root, op.namespace_prefix)
        asked = op.query is not None and bool(op.query.strip())
        wanted = op.offset + op.limit
        found = await (self._recalled(path, op, wanted) if asked else self._browsed(path, op, wanted))
        chosen = found[op.offset : wanted]
        self._read([cube for cube, _ in chosen] if op.refresh_ttl else [])
        return [self._item(cube, score) for cube, score in chosen]

    async def _browsed(self, path: str, op: SearchOp, wanted: int) -> list[tuple[MemCube, float | None]]:
        """The newest first."""
        found: list[tuple[MemCube, float | None]] = []
        after, more = 0, wanted > 0
        while more and len(found) < wanted:
            limit = _MOST if op.filter else min(_MOST, wanted - len(found))
            page = await self.client.browse(path, limit=limit, after=after)
            found += [(cube, None) for cube in page.cubes if _passes(cube, op)]
            after, more = page.after, page.after > 0
        return found

    async def _recalled(self, path: str, op: SearchOp, wanted: int) -> list[tuple[MemCube, float | None]]:
        """The best first; what one recall cuts off is looked for in the fullest namespaces, each by itself."""
        found, whole = await self._best(path, op, _MOST if op.filter else min(_MOST, max(1, wanted)))
        if len(found) < wanted and not whole:
            beneath = sorted(await self.client.namespaces(path), key=lambda each: -each.memories)[:_APART]
            for each in [path, *(one.path for one in beneath if len(beneath) > 1)]:
                found = (await self._best(each, op, _MOST))[0] | found
        return sorted(found.values(), key=lambda each: each[1] or 0, reverse=True)

    async def _best(self, path: str, op: SearchOp, limit: int) -> tuple[dict[str, tuple[MemCube, float | None]], bool]:
        """What fits of the best of a path, and whether that was all there is."""
        recall = await self.client.recall(op.query or "", path=path, limit=limit, budget=1)
        found: dict[str, tuple[MemCube, float | None]] = {
            each.cube.id: (each.cube, each.score)
            for each in recall.memories
            if each.cube.text and _passes(each.cube, op)
        }
        return found, len(recall.memories) < limit

    async def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        paths = [each.path for each in await self.client.namespaces(self.root)]
        every = [each for each in map(self._namespace, paths) if each and matches(each, op.match_conditions)]
        return sorted({each[: op.max_depth] for each in every})[op.offset : op.offset + op.limit]

    def _namespace(self, path: str) -> tuple[str, ...]:
        return namespace_of(self.root, path)

    def _item(self, cube: MemCube, score: float | None) -> SearchItem:
        return SearchItem(
            namespace=self._namespace(cube.path),
            key=text_of(cube.key or ""),
            value=_value_of(cube),
            created_at=cube.created_at,
            updated_at=cube.updated_at,
            score=score,
        )

    def _read(self, cubes: Iterable[MemCube]) -> None:
        for cube in cubes:
            minutes = _minutes_of(cube)
            if minutes is not None:
                self.lasting.setdefault(minutes, []).append(cube.id)


def _data_of(cube: MemCube) -> Mapping[str, object] | None:
    """What an item holds; None for what is no item: anything that was stored here in another way."""
    data = cube.payload.data if cube.key is not None and isinstance(cube.payload, Plaintext) else None
    return cast("Mapping[str, object]", data) if isinstance(data, dict) else None


def _value_of(cube: MemCube) -> dict[str, object]:
    """A copy, as the memory itself is never changed."""
    return deepcopy(dict(_data_of(cube) or {}))


def _minutes_of(cube: MemCube) -> float | None:
    """How long it lasts from each read on, if it ends."""
    found = (_LASTS.fullmatch(tag) for tag in cube.tags if cube.governance.expires_at is not None)
    return next((float(each[1]) for each in found if each), None)


def _passes(cube: MemCube, op: SearchOp) -> bool:
    data = _data_of(cube)
    return data is not None and fits(data, op.filter)


def _as_json(value: Mapping[str, object]) -> dict[str, JsonValue]:
    try:
        return json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInput(f"the value of an item is JSON: {exc}") from exc


async def _extended(client: Client, ids: Sequence[str], time: timedelta) -> None:
    """Begin their time anew: of those that are still there and that the reader may decide about."""
    try:
        await client.extend(ids, time)
    except (NotFound, Denied):
        for id in ids if len(ids) > 1 else ():
            await _extended(client, [id], time)


async def _forgotten(client: Client, names: Sequence[tuple[str, str]]) -> None:
    """Forget what is there under these names, all at once."""
    ids = [cube.id for path, key in names if (cube := await _known(client, path, key))]
    if not ids:
        return
    try:
        await client.forget_all(ids)
    except NotFound:  # somebody else was quicker
        for path, key in names:
            cube = await _known(client, path, key)
            if cube is not None:
                await client.forget(cube.id)


async def _known(client: Client, path: str, key: str) -> MemCube | None:
    try:
        return await client.get(path=path, key=key)
    except NotFound:
        return None
