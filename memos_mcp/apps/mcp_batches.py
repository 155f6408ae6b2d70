"""The tools of `full` for whole namespaces and the vault itself: clean, compress, migrate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from memos_mcp.apps.mcp_arguments import Flag, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.apps.mcp_full_answers import Told
from memos_mcp.apps.mcp_hints import DELETES, REPEATS
from memos_mcp.apps.mcp_tools import Path
from memos_mcp.keeping import Sizes
from memos_mcp.memos import Memos

_IDS = 100
_NOT_AGREED = Told(text="The user did not agree: nothing was changed. Do not try again unasked.")

DryRun = Annotated[Flag, Field(description="only say what would be done")]
Confirm = Annotated[Flag, Field(description="the user has said yes")]


class ForgetOver(Tool):
    """Forget for good what has been over for as long as policies say. Only when the user asks to."""

    name = "forget_over"
    gives = Told
    hints = DELETES
    scope = "write"

    path: Path = ""
    dry_run: DryRun = False
    confirm: Confirm = False

    async def run(self, memos: Memos, peer: Peer) -> Told | Question:
        """Forget it if the user agrees."""
        plan = await memos.lifecycle.clean(self.path or None, dry_run=True)
        if self.dry_run or not plan.moves:
            ids = " ".join(event.subject for event in plan.moves[:_IDS])
            return Told(text=f"{len(plan.moves)} memories have been over for long enough. {ids}".rstrip())
        question = Question(f"Forget {len(plan.moves)} memories for good, as they are over?", "Forget them")
        match peer.agreed(question, confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return _NOT_AGREED
            case True:
                done = await memos.lifecycle.clean(self.path or None)
                return Told(text=f"{len(done.moves)} memories were forgotten.")


class CompressVault(Tool):
    """Remove old versions as policies say, and give disk space back. Only when the user asks to."""

    name = "compress_vault"
    gives = Told
    hints = DELETES
    scope = "admin"

    path: Path = ""
    dry_run: Annotated[Flag, Field(description="only show sizes and how many versions would go")] = False
    confirm: Confirm = False

    async def run(self, memos: Memos, peer: Peer) -> Told | Question:
        """Compress it if the user agrees."""
        plan = await memos.lifecycle.compact(self.path or None, dry_run=True)
        if self.dry_run:
            sizes = (await memos.status()).sizes
            room = f" {_room(sizes)}" if sizes else ""
            return Told(text=f"{len(plan.moves)} old versions are kept no longer.{room}")
        said = f"Remove the words of {len(plan.moves)} old versions for good, and write the vault anew?"
        match peer.agreed(Question(said, "Compress it"), confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return _NOT_AGREED
            case True:
                return Told(text=_room((await memos.lifecycle.compress(self.path or None)).after))


class MigrateMemories(Tool):
    """Take all memories at and beneath a path to another, such as shared/team, where others may read them."""

    name = "migrate_memories"
    gives = Told
    hints = REPEATS
    scope = "write"

    path: str
    to: str
    reason: str = ""
    confirm: Confirm = False

    async def run(self, memos: Memos, peer: Peer) -> Told | Question:
        """Take them there if the user agrees."""
        question = Question(f"Take all memories at and beneath {self.path} to {self.to}?", "Take them there")
        match peer.agreed(question, confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return _NOT_AGREED
            case True:
                done = await memos.lifecycle.migrate(self.path, self.to, reason=self.reason)
                left = f" Frozen, held or not the user's, so they stayed: {' '.join(done.left[:_IDS])}"
                said = f"{len(done.ids)} memories went from {done.path} to {done.to}."
                return Told(text=said + (left if done.left else ""))


def _room(sizes: Sizes) -> str:
    return (
        f"The vault has {sizes.vault} bytes: {sizes.free} are free, indexes take {sizes.indexes}, the access log about "
        f"{sizes.accesses}, cold storage {sizes.cold}; its write-ahead log has {sizes.log}."
    )
