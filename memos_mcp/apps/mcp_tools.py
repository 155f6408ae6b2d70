"""The eight tools. Their docstrings are read by models: first words first, nothing that can be left out."""

from __future__ import annotations

from typing import Annotated

from mcp.types import ToolAnnotations
from pydantic import Field, JsonValue

from memos_mcp.apps.mcp_answers import (
    Context,
    Forgotten,
    FullMemory,
    History,
    LaneState,
    Line,
    Listed,
    Memory,
    State,
    Stored,
    clipped,
    cut,
    fitted,
)
from memos_mcp.apps.mcp_arguments import (
    Budget,
    Count,
    Flag,
    Limit,
    MaybeClass,
    MaybeKind,
    Messages,
    Moment,
    Names,
    Plain,
    Tool,
)
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.cube import MemCube
from memos_mcp.errors import Denied, InvalidInput
from memos_mcp.memos import Memos
from memos_mcp.ports import How

_LIST_BUDGET = 1600
_ECHO = 300  # tokens of a memory shown again after a change of it
_QUOTED_WORDS = 160  # characters of a memory that the user is asked about

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
_DELETES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

Path = Annotated[str, Field(description="such as user/ada/work or shared/team")]


class Remember(Plain):
    """Store a durable fact, preference, decision or event as one self-contained statement, or a conversation.

    Give content or messages. What is known already is not stored twice. Never store secrets.
    """

    name = "remember"
    gives = Stored
    hints = _WRITES
    scope = "write"

    content: str = ""
    messages: Annotated[Messages, Field(description="objects with role or speaker, content, said_at")] = None
    path: Path = ""
    session: str = ""
    speaker: Annotated[str, Field(description="who said it")] = ""
    said_at: Moment = None
    source: Annotated[str, Field(description="where it comes from; the same source is stored once")] = ""
    source_class: Annotated[MaybeClass, Field(description="who says it")] = None
    kind: MaybeKind = None
    tags: Names = None

    async def call(self, memos: Memos) -> Stored:
        """Store it."""
        if bool(self.content) == bool(self.messages):
            raise InvalidInput("remember needs either content (a text) or messages (a conversation)")
        said: JsonValue = [*self.messages] if self.messages else self.content
        stored = await memos.remember(
            said,
            path=self.path or None,
            source=self.source,
            session=self.session or None,
            speaker=self.speaker or None,
            said_at=self.said_at,
            kind=self.kind,
            tags=self.tags or (),
            source_class=self.source_class or "user",
        )
        return Stored.of(stored)


class Recall(Plain):
    """Search memory. Call it before answering whatever may depend on earlier conversations.

    The best matches come first, quoted with date and speaker.
    """

    name = "recall"
    gives = Context
    hints = _READS
    scope = "read"

    question: str
    path: Path = ""
    limit: Limit = 10
    budget: Budget = 1500

    async def call(self, memos: Memos) -> Context:
        """Search."""
        found = await memos.recall(self.question, path=self.path or None, limit=self.limit, budget=self.budget)
        return Context.of(found, self.budget)


class GetMemory(Plain):
    """Read one memory in full, by id or by key; a long text goes on at offset."""

    name = "get_memory"
    gives = FullMemory
    hints = _READS
    scope = "read"

    id: str = ""
    key: str = ""
    path: Annotated[str, Field(description="of the key")] = ""
    version: Annotated[Count, Field(description="0: the current one")] = 0
    offset: Count = 0
    budget: Budget = 1500

    async def call(self, memos: Memos) -> FullMemory:
        """Read it."""
        cube = await memos.get(
            self.id or None, key=self.key or None, path=self.path or None, version=self.version or None
        )
        memory = Memory.of(not_held(cube))
        if self.offset and self.offset >= len(memory.text):
            raise InvalidInput(f"the text of {cube.id} ends at {len(memory.text)}; there is nothing at {self.offset}")
        whole = FullMemory(**memory.model_dump(), length=len(memory.text))
        return cut(whole.model_copy(update={"text": memory.text[self.offset :]}), self.budget, start=self.offset)


class UpdateMemory(Plain):
    """Correct or extend a memory by a new version; older versions stay readable.

    overwrite replaces the text, append adds a line, merge adds the lines not yet there.
    """

    name = "update_memory"
    gives = FullMemory
    hints = _WRITES
    scope = "write"

    id: str
    text: str = ""
    how: How = "overwrite"
    expect_version: Annotated[Count, Field(description="fail if it has changed since; 0: no check")] = 0
    kind: MaybeKind = None
    tags: Names = None
    reason: str = ""

    async def call(self, memos: Memos) -> FullMemory:
        """Write the version."""
        cube = await memos.update(
            self.id,
            self.text or None,
            how=self.how,
            kind=self.kind,
            tags=self.tags,
            expect=self.expect_version or None,
            reason=self.reason,
        )
        memory = Memory.of(cube)
        return cut(FullMemory(**memory.model_dump(), length=len(memory.text)), _ECHO)


class Forget(Tool):
    """Delete a memory for good: the words of all its versions. Only when asked to, or when it is wrong."""

    name = "forget"
    gives = Forgotten
    hints = _DELETES
    scope = "write"

    id: str
    reason: str = ""
    confirm: Annotated[Flag, Field(description="the user has said yes to deleting it")] = False

    async def run(self, memos: Memos, peer: Peer) -> Forgotten | Question:
        """Delete it if the user agrees to what he is shown of it."""
        cube = await memos.get(self.id)
        words = "in quarantine" if cube.quarantined else clipped(cube.text, _QUOTED_WORDS) or cube.key or "no text"
        question = Question(f"Delete memory [{cube.id}] at {cube.path} for good? It says: {words!r}.", "Delete it")
        match peer.agreed(question, confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return Forgotten(id=cube.id, path=cube.path, kept=True)
            case True:
                await memos.forget(cube.id, expect=cube.version, reason=self.reason)
                return Forgotten(id=cube.id, path=cube.path)


class ListMemories(Plain):
    """Browse memories, newest first; recall is better for a question."""

    name = "list_memories"
    gives = Listed
    hints = _READS
    scope = "read"

    path: Path = ""
    kind: MaybeKind = None
    tag: str = ""
    limit: Limit = 20
    cursor: str = ""

    async def call(self, memos: Memos) -> Listed:
        """One page."""
        after = read_cursor(self.cursor)
        budget = max(_LIST_BUDGET, 120 * self.limit)
        count = self.limit
        while True:
            page = await memos.browse(
                self.path or None,
                kinds=[self.kind] if self.kind else (),
                tags=[self.tag] if self.tag else (),
                limit=count,
                after=after,
            )
            shown = fitted([Memory.of(cube) for cube in page.cubes], budget, each=150)
            if len(shown) == len(page.cubes):
                break
            count = len(shown)  # a shorter page, so that its cursor is the one of the last memory shown
        cursor = str(page.after) if page.after else ""
        return Listed(memories=shown, total=page.total, paths=page.paths, cursor=cursor)


class MemoryHistory(Plain):
    """Show every change of a memory: when, who, why, and what it said then."""

    name = "memory_history"
    gives = History
    hints = _READS
    scope = "read"

    id: str
    cursor: str = ""

    async def call(self, memos: Memos) -> History:
        """One page of it."""
        events = await memos.history(self.id)
        start = read_cursor(self.cursor)
        shown = fitted(Line.each(events[start : start + 100]), _LIST_BUDGET, each=150)
        end = start + len(shown)
        return History(id=self.id, events=shown, total=len(events), cursor=str(end) if end < len(events) else "")


class MemoryStatus(Plain):
    """Show whose memory this is, how much there is, where it is stored, and whether search is complete."""

    name = "memory_status"
    gives = State
    hints = _READS
    scope = "read"

    async def call(self, memos: Memos) -> State:
        """Look."""
        status = await memos.status()
        return State(
            user=status.user,
            path=status.path,
            paths=status.paths,
            memories=status.memories,
            lanes=tuple(
                LaneState(name=lane.name, on=lane.on, pending=lane.pending, why=clipped(lane.why, 200), busy=lane.busy)
                for lane in status.lanes
            ),
            vault=status.vault.encode("utf-8", "backslashreplace").decode(),  # a path may be no Unicode
        )


TOOLS: tuple[type[Tool], ...] = (
    Remember,
    Recall,
    GetMemory,
    UpdateMemory,
    Forget,
    ListMemories,
    MemoryHistory,
    MemoryStatus,
)
"""In the order they are listed."""


def not_held(cube: MemCube) -> MemCube:
    """The memory, if a model may be shown its words. Raises Denied if it is in quarantine."""
    if cube.quarantined:
        why = ", ".join(cube.quarantined)
        raise Denied(f"memory {cube.id} is in quarantine ({why}): only the user may look, with `memos quarantine list`")
    return cube


def read_cursor(cursor: str) -> int:
    """The place a page left off. Raises InvalidInput for what no page gave."""
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidInput("the cursor is not one that a page gave; leave it out to begin at the start")
    return int(cursor or 0)
