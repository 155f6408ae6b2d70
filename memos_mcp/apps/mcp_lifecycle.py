"""The tools of `full` for how long memories stay: see a state, move, hold, sweep, erase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from memos_mcp.apps.mcp_answers import Answer, clipped
from memos_mcp.apps.mcp_arguments import Flag, Names, Plain, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.apps.mcp_hints import DELETES, READS, REPEATS
from memos_mcp.apps.mcp_tools import Path
from memos_mcp.cube import MemCube, State
from memos_mcp.errors import InvalidInput
from memos_mcp.interface.lives import Erased, Life
from memos_mcp.memos import MOST, Memos

_WORDS = 160  # characters of a memory that the user is asked about
_QUOTED = 5  # memories that he is shown of those that are to go
_IDS = 100

Ids = Annotated[Names, Field(description="of memories")]


class LifeOfMemory(Answer):
    """The answer of get_lifecycle."""

    id: str
    state: str
    means: str
    moves: tuple[str, ...]
    due: str = Field(default="", description="the move that the next sweep makes, and why")
    held: bool = Field(default=False, description="under legal hold")
    expires_at: str = ""

    @classmethod
    def of(cls, life: Life) -> LifeOfMemory:
        """As it is told."""
        return cls(
            id=life.id,
            state=life.state,
            means=life.says,
            moves=life.moves,
            due=f"{life.due.move}: {life.due.why}" if life.due else "",
            held=life.held,
            expires_at=f"{life.expires_at:%Y-%m-%dT%H:%M:%SZ}" if life.expires_at else "",
        )

    def __str__(self) -> str:
        said = [f"it can {', '.join(self.moves)}"] if self.moves else []
        said += [f"due: {self.due}"] if self.due else []
        said += ["under legal hold"] if self.held else []
        said += [f"expires {self.expires_at}"] if self.expires_at else []
        return f"[{self.id}] {self.state}: {self.means}. {'; '.join(said)}".rstrip()


class Moves(Answer):
    """The answer of what changes states: how many, and which."""

    done: str
    total: int
    ids: tuple[str, ...] = ()
    looked: int = Field(default=0, description="memories that were looked at")

    def __str__(self) -> str:
        more = " …" if self.total > len(self.ids) else ""
        return f"{self.total} {self.done}. {' '.join(self.ids)}{more}".rstrip()


class Gone(Answer):
    """The answer of erase_memories."""

    total: int
    ids: tuple[str, ...] = ()
    copies: int = Field(default=0, description="backups that still hold them; `memos lifecycle erase` names them")
    complete: bool = Field(default=True, description="nothing of them is left in the vault")
    kept: bool = Field(default=False, description="the user said no: nothing was changed")

    @classmethod
    def of(cls, done: Erased) -> Gone:
        """What may be told of it: not where files lie."""
        ids = tuple(event.subject for event in done.events[:_IDS])
        return cls(total=len(done.events), ids=ids, copies=len(done.copies), complete=not done.left)

    def __str__(self) -> str:
        if self.kept:
            return "The user did not agree: nothing was changed. Do not try again unasked."
        rest = "" if self.complete else " Something of them is still being read: erase again in a moment."
        copies = f" {self.copies} backups still hold them; tell the user." if self.copies else ""
        return f"{self.total} memories were erased. {' '.join(self.ids)}".rstrip() + rest + copies


class GetLifecycle(Plain):
    """Show the state of a memory, its moves, and what is due. What is archived or expired is not recalled."""

    name = "get_lifecycle"
    gives = LifeOfMemory
    hints = READS
    scope = "read"

    id: str

    async def call(self, memos: Memos) -> LifeOfMemory:
        """Look."""
        return LifeOfMemory.of(await memos.lifecycle.state(self.id))


class MoveMemories(Plain):
    """Archive memories (kept, not recalled), restore them, or let them expire; all or none. When the user asks to."""

    name = "move_memories"
    gives = Moves
    hints = REPEATS
    scope = "write"

    ids: Ids
    move: Literal["activate", "merge", "archive", "restore", "expire"]
    reason: str = ""

    async def call(self, memos: Memos) -> Moves:
        """Move them."""
        cubes = await memos.lifecycle.move(_some(self.name, self.ids), self.move, reason=self.reason)
        return _moves(f"memories are {cubes[0].state}", cubes)


class HoldMemories(Plain):
    """Put memories under legal hold, so that nothing sweeps, forgets or erases them; lift: end the hold."""

    name = "hold_memories"
    gives = Moves
    hints = REPEATS
    scope = "write"

    ids: Ids
    lift: Annotated[Flag, Field(description="takes the scope admin")] = False
    reason: str = ""

    async def call(self, memos: Memos) -> Moves:
        """Hold them, or let them go."""
        change = memos.lifecycle.unhold if self.lift else memos.lifecycle.hold
        cubes = await change(_some(self.name, self.ids), reason=self.reason)
        return _moves("holds were lifted" if self.lift else "memories came under legal hold", cubes)


class SweepMemories(Plain):
    """Make the moves that policies and ends of memories ask for by now: archive, expire."""

    name = "sweep_memories"
    gives = Moves
    hints = REPEATS
    scope = "write"

    path: Path = ""
    dry_run: Annotated[Flag, Field(description="only say what would be done")] = False

    async def call(self, memos: Memos) -> Moves:
        """Sweep."""
        done = await memos.lifecycle.sweep(self.path or None, dry_run=self.dry_run)
        ids = tuple(event.subject for event in done.moves[:_IDS])
        said = "memories are due; nothing was moved" if self.dry_run else "memories moved"
        return Moves(done=said, total=len(done.moves), ids=ids, looked=done.looked)


class EraseMemories(Tool):
    """Erase memories for good: by ids, or all of a source or beneath a path. Only when the user asks to."""

    name = "erase_memories"
    gives = Gone
    hints = DELETES
    scope = "write"

    reason: Annotated[str, Field(description="all that stays of them")]
    ids: Ids = None
    source: str = ""
    path: Path = ""
    confirm: Annotated[Flag, Field(description="the user has said yes to erasing them")] = False

    async def run(self, memos: Memos, peer: Peer) -> Gone | Question:
        """Erase them if the user agrees."""
        if bool(self.ids) == bool(self.source or self.path):
            raise InvalidInput("erase_memories needs ids, or a source, a path, or both")
        match peer.agreed(await self._question(memos), confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return Gone(total=0, kept=True)
            case True:
                ids = _some(self.name, self.ids) if self.ids else ()
                path = self.path or None
                return Gone.of(await memos.lifecycle.erase(ids, source=self.source, path=path, reason=self.reason))

    async def _question(self, memos: Memos) -> Question:
        if self.ids:
            ids = _some(self.name, self.ids)
            said = "; ".join([f"[{id}] {await _words(memos, id)!r}" for id in ids[:_QUOTED]])
            more = f"; and {len(ids) - _QUOTED} more" if len(ids) > _QUOTED else ""
            return Question(f"Erase {len(ids)} memories for good? They say: {said}{more}.", "Erase them")
        of = f" from {clipped(self.source)!r}" if self.source else ""
        where = self.path or (await memos.status()).path
        return Question(f"Erase for good all memories{of} at and beneath {where}?", "Erase them")


async def _words(memos: Memos, id: str) -> str:
    if (await memos.lifecycle.state(id)).state is State.EXPIRED:
        return "its time is over"
    cube = await memos.get(id)
    return "in quarantine" if cube.quarantined else clipped(cube.text, _WORDS) or cube.key or "no text"


def _some(tool: str, ids: list[str] | None) -> list[str]:
    once = list(dict.fromkeys(ids or ()))
    if not 1 <= len(once) <= MOST:
        raise InvalidInput(f"{tool} takes 1 to {MOST} ids at a time, not {len(once)}")
    return once


def _moves(done: str, cubes: tuple[MemCube, ...]) -> Moves:
    return Moves(done=done, total=len(cubes), ids=tuple(cube.id for cube in cubes))
