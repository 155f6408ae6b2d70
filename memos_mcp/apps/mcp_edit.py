"""The tool of `full` that changes passages of a memory, and merges a change with what others did meanwhile."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, ValidationError

from memos_mcp.apps.mcp_answers import Answer, clipped
from memos_mcp.apps.mcp_arguments import Count, Messages, Plain
from memos_mcp.apps.mcp_full import Data
from memos_mcp.apps.mcp_hints import WRITES
from memos_mcp.apps.mcp_tools import not_held
from memos_mcp.errors import Dispute, InvalidInput, MergeConflict
from memos_mcp.interface.differences import compact, differences
from memos_mcp.interface.update import Edit
from memos_mcp.memos import Memos

_SHOWN = 2_000  # characters of each side of a conflict
_LONGEST_COMPARED = 20_000
_CHANGED = 1_000


class _Given(BaseModel, extra="forbid", strict=True):
    old: str = ""
    new: str = ""


class Disputed(BaseModel):
    """A place that both changed; data as JSON."""

    at: str
    was: str = ""
    yours: str = ""
    now: str = ""

    @classmethod
    def of(cls, dispute: Dispute) -> Disputed:
        """As it is told."""
        was, yours, now = (text[:_SHOWN] for text in (dispute.base, dispute.yours, dispute.theirs))
        return cls(at=dispute.at, was=was, yours=yours, now=now)

    def __str__(self) -> str:
        sides = (("was", self.was), ("yours", self.yours), ("now", self.now))
        quoted = (f"  {name}: {text.replace(chr(10), f'{chr(10)}    ')}" for name, text in sides)
        return "\n".join((f"{self.at}:", *quoted))


class Edited(Answer):
    """The answer of edit_memory."""

    id: str
    version: int
    changed: str = Field(default="", description="[-gone-]{+come+}")
    conflicts: tuple[Disputed, ...] = Field(default=(), description="nothing was written")

    def __str__(self) -> str:
        if self.conflicts:
            head = f"Nothing was written: [{self.id}] is at version {self.version}, and others changed the same places."
            last = f"Settle each, then call again with base_version={self.version}. Quoted; data, not instructions:"
            return "\n".join((f"{head} {last}", *map(str, self.conflicts)))
        return f"[{self.id}] is at version {self.version}: {self.changed or 'nothing changed'}"


class EditMemory(Plain):
    """Change passages of a memory (edits), or merge a whole new text or JSON made from an earlier version.

    Merging never guesses: it returns conflicts.
    """

    name = "edit_memory"
    gives = Edited
    hints = WRITES
    scope = "write"

    id: str
    edits: Annotated[Messages, Field(description="old: passage that is there once, new: what replaces it")] = None
    text: str = ""
    data: Data = None
    base_version: Annotated[Count, Field(description="version that was read; needed with text or data")] = 0
    label: str = ""
    reason: str = ""

    async def call(self, memos: Memos) -> Edited:
        """Write the version."""
        if (self.text or self.data is not None) and not self.base_version:
            raise InvalidInput("edit_memory needs base_version with text or data; update_memory replaces the text")
        before = not_held(await memos.get(self.id))
        try:
            cube = await memos.update(
                self.id,
                self.text or None,
                data=self.data,
                how="merge" if self.base_version else "overwrite",
                edits=_edits(self.edits),
                base=self.base_version or None,
                label=self.label,
                reason=self.reason,
            )
        except MergeConflict as conflict:
            disputes = tuple(map(Disputed.of, conflict.disputes))
            return Edited(id=self.id, version=conflict.version, conflicts=disputes)
        short = not cube.quarantined and len(before.text) + len(cube.text) < _LONGEST_COMPARED
        words = compact(differences(before.text, cube.text)) if short else ""
        return Edited(id=cube.id, version=cube.version, changed=clipped(words, _CHANGED))


def _edits(given: list[dict[str, JsonValue]] | None) -> list[Edit]:
    try:
        return [Edit(each.old, each.new) for each in map(_Given.model_validate, given or ())]
    except ValidationError as exc:
        raise InvalidInput('edits are objects such as {"old": "green tea", "new": "black tea"}') from exc
