"""The further tools of the toolset `full`: what the API can do and the eight cannot."""

from __future__ import annotations

import json
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema

from memos_mcp.apps.mcp_answers import Memory, clipped
from memos_mcp.apps.mcp_arguments import Count, Flag, Limit, MaybeKind, Messages, Moment, Names, Plain, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.apps.mcp_full_answers import (
    Explained,
    ForgottenAll,
    Keyed,
    Place,
    Places,
    Ranked,
    Renamed,
    Share,
    Told,
    Written,
)
from memos_mcp.apps.mcp_hints import DELETES, READS, REPEATS, WRITES
from memos_mcp.apps.mcp_tools import MemoryStatus, Path, read_cursor
from memos_mcp.cube import MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.memos import MOST, Memos
from memos_mcp.ports import How

_WORDS = 100  # characters of a memory among others
_QUOTED = 10  # memories that the user is shown before many are deleted
_PLACES = 100


def _json(value: object) -> object:
    """The value that a text of JSON stands for; a client that sends the value itself is understood too."""
    if not isinstance(value, str) or not value:
        return value or None
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"data must be JSON as text, such as '{{\"size\": 3}}', not {value[:40]!r}") from exc


def _keys(value: object) -> object:
    given = _json(value)
    pairs = cast("dict[object, object]", given) if isinstance(given, dict) else {}
    if not pairs or not all(isinstance(each, str) for pair in pairs.items() for each in pair):
        raise InvalidInput('keys must be an object of old and new keys, such as {"draft": "report"}')
    return pairs


Data = Annotated[
    JsonValue, BeforeValidator(_json), WithJsonSchema({"type": "string", "description": "a JSON value, as text"})
]
Keys = Annotated[
    dict[str, str],
    BeforeValidator(_keys),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}, "description": "old key: new key"}),
]
Expected = Annotated[
    Count | None,
    WithJsonSchema({"type": "integer", "description": "version that must be current; 0: none yet; else the last wins"}),
]
Ids = Annotated[Names, Field(description="of memories")]


class PutMemory(Plain):
    """Store exactly this text or JSON under a key; a key in use gets a new version. For what is looked up by name."""

    name = "put_memory"
    gives = Written
    hints = REPEATS
    scope = "write"

    key: str
    text: str = ""
    data: Data = None
    path: Path = ""
    kind: MaybeKind = None
    tags: Names = None
    expect_version: Expected = None
    expires_at: Moment = None

    async def call(self, memos: Memos) -> Written:
        """Put it."""
        if not self.text and self.data is None:
            raise InvalidInput("put_memory needs text, data or both")
        cube = await memos.put(
            self.path or None,
            self.key,
            text=self.text or None,
            data=self.data,
            kind=self.kind or "document",
            tags=self.tags or (),
            expect=self.expect_version,
            expires=self.expires_at,
        )
        return _written(cube)


class UpdateData(Plain):
    """Change the JSON of a memory by a new version.

    overwrite replaces it, append extends a list, merge patches an object (null removes a field).
    """

    name = "update_data"
    gives = Written
    hints = WRITES
    scope = "write"

    id: str
    data: Data = None
    how: How = "merge"
    expect_version: Annotated[Count, Field(description="fail if it has changed since; 0: no check")] = 0
    reason: str = ""

    async def call(self, memos: Memos) -> Written:
        """Write the version."""
        if self.data is None:
            raise InvalidInput("update_data needs data: a JSON value other than null")
        expect = self.expect_version or None
        return _written(await memos.update(self.id, data=self.data, how=self.how, expect=expect, reason=self.reason))


class RenameMemories(Plain):
    """Give memories other keys, all of them or none; ids and versions stay."""

    name = "rename_memories"
    gives = Renamed
    hints = WRITES
    scope = "write"

    keys: Keys
    path: Annotated[str, Field(description="of the keys")] = ""
    reason: str = ""

    async def call(self, memos: Memos) -> Renamed:
        """Rename them."""
        if len(self.keys) > MOST:
            raise InvalidInput(f"rename_memories takes up to {MOST} keys at a time, not {len(self.keys)}")
        cubes = await memos.rename(self.keys, path=self.path or None, reason=self.reason)
        named = tuple(Keyed(id=cube.id, key=cube.key or "", version=cube.version) for cube in cubes)
        return Renamed(path=cubes[0].path, memories=named)


class ForgetMemories(Tool):
    """Delete several memories for good, all of them or none. Only when asked to."""

    name = "forget_memories"
    gives = ForgottenAll
    hints = DELETES
    scope = "write"

    ids: Ids
    reason: str = ""
    confirm: Annotated[Flag, Field(description="the user has said yes to deleting them")] = False

    async def run(self, memos: Memos, peer: Peer) -> ForgottenAll | Question:
        """Delete them if the user agrees to what he is shown of them."""
        ids = tuple(dict.fromkeys(self.ids or ()))
        if not 1 <= len(ids) <= MOST:
            raise InvalidInput(f"forget_memories takes 1 to {MOST} ids at a time, not {len(ids)}")
        cubes = [await memos.get(id) for id in ids]
        match peer.agreed(_question(cubes), confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return ForgottenAll(ids=ids, kept=True)
            case True:
                await memos.forget_all(ids, reason=self.reason)
                return ForgottenAll(ids=ids)


class ListPaths(Plain):
    """Show which paths hold memories, and how many."""

    name = "list_paths"
    gives = Places
    hints = READS
    scope = "read"

    path: Path = ""
    cursor: str = ""

    async def call(self, memos: Memos) -> Places:
        """One page."""
        found = await memos.namespaces(self.path or None)
        start = read_cursor(self.cursor)
        end = start + _PLACES
        shown = tuple(Place(path=each.path, memories=each.memories) for each in found[start:end])
        return Places(places=shown, total=len(found), cursor=str(end) if end < len(found) else "")


class ExplainRecall(Plain):
    """Search as recall does, and show the plan and what each lane gave to each score.

    where are conditions joined by AND, OR, NOT: tag:health AND during:"last year". Fields: tag, kind, source, from,
    session, speaker, path, text, during, before, after.
    """

    name = "explain_recall"
    gives = Explained
    hints = READS
    scope = "read"

    question: str
    where: str = ""
    turns: Annotated[Messages, Field(description="said before, with role and content")] = None
    path: Path = ""
    lanes: Annotated[Names, Field(description="only these; memory_status names them")] = None
    limit: Limit = 10

    async def call(self, memos: Memos) -> Explained:
        """Search."""
        found = await memos.recall(
            self.question,
            path=self.path or None,
            limit=self.limit,
            lanes=self.lanes or (),
            where=self.where,
            turns=self.turns or (),
            explain=True,
        )
        return Explained(
            plan=tuple(found.explained.splitlines()),
            stopped=found.stopped,
            memories=tuple(
                Ranked(
                    id=each.cube.id,
                    score=round(each.score, 3),
                    shares=tuple(Share(lane=lane, score=round(score, 3)) for lane, score in each.lanes.items()),
                    text=_words(each.cube),
                )
                for each in found.memories
            ),
            searched=found.searched,
            paths=found.paths,
            missing=tuple(clipped(f"{each.route}: {each.why}", 200) for each in found.missing),
        )


class WaitForSearch(Plain):
    """Wait until all that was stored can be found, then show the state as memory_status does."""

    name = "wait_for_search"
    gives = Told
    hints = READS
    scope = "read"

    seconds: Limit = 20  # some clients wait for a minute and no longer

    async def call(self, memos: Memos) -> Told:
        """Wait."""
        await memos.settle(self.seconds)
        return Told(text=str(await MemoryStatus().call(memos)))


class RebuildSearch(Plain):
    """Build a search lane again from the log, for all users. Only if memory_status or memos doctor says so."""

    name = "rebuild_search"
    gives = Told
    hints = REPEATS
    scope = "admin"

    lane: Annotated[str, Field(description="as memory_status names it")]

    async def call(self, memos: Memos) -> Told:
        """Build it."""
        await memos.rebuild(self.lane)
        return Told(text=str(await MemoryStatus().call(memos)))


def _written(cube: MemCube) -> Written:
    length = len(Memory.of(cube).text)
    return Written(id=cube.id, path=cube.path, version=cube.version, key=cube.key or "", length=length)


def _words(cube: MemCube) -> str:
    if cube.quarantined:
        return "in quarantine"
    return clipped(Memory.of(cube).text or cube.key or "no text", _WORDS)


def _question(cubes: list[MemCube]) -> Question:
    shown = "; ".join(f"[{cube.id}] {_words(cube)!r}" for cube in cubes[:_QUOTED])
    more = f"; and {len(cubes) - _QUOTED} more" if len(cubes) > _QUOTED else ""
    return Question(f"Delete {len(cubes)} memories for good? They say: {shown}{more}.", "Delete them")
