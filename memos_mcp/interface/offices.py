"""What hangs off Memos: each object does one thing for the same caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos_mcp.interface.acl import Acl
from memos_mcp.interface.audit import Audit
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.branches import Branches
from memos_mcp.interface.consolidations import Consolidation
from memos_mcp.interface.deliveries import Deliveries
from memos_mcp.interface.graphs import Graphs
from memos_mcp.interface.lifecycles import Lifecycle
from memos_mcp.interface.logs import Log
from memos_mcp.interface.pipelines import Pipelines
from memos_mcp.interface.provenance import Provenance
from memos_mcp.interface.quarantine import Quarantine
from memos_mcp.interface.timeline import Timeline
from memos_mcp.interface.topics import Topics

if TYPE_CHECKING:  # who has neither model does not wait for what they need
    from memos_mcp.interface.adapters import Learning
    from memos_mcp.interface.kv import Kv
    from memos_mcp.interface.schedules import Schedule


class Offices:
    """The objects, made when they are asked for: they cost nothing."""

    _on: Bound

    @property
    def acl(self) -> Acl:
        """Who may use a memory."""
        return Acl(self._on)

    @property
    def adapters(self) -> Learning:
        """Memories trained into a model."""
        from memos_mcp.interface.adapters import Learning

        return Learning(self._on)

    @property
    def audit(self) -> Audit:
        """Who asked for what."""
        return Audit(self._on)

    @property
    def branches(self) -> Branches:
        """What if."""
        return Branches(self._on)

    @property
    def consolidation(self) -> Consolidation:
        """What became of memories when others came."""
        return Consolidation(self._on)

    @property
    def deliveries(self) -> Deliveries:
        """What was handed out, and to whom."""
        return Deliveries(self._on)

    @property
    def graph(self) -> Graphs:
        """What memories have to do with each other."""
        return Graphs(self._on)

    @property
    def kv(self) -> Kv:
        """What a model keeps of memories that it has read."""
        from memos_mcp.interface.kv import Kv

        return Kv(self._on)

    @property
    def lifecycle(self) -> Lifecycle:
        """How long memories stay, and in which state."""
        return Lifecycle(self._on)

    @property
    def log(self) -> Log:
        """What happened."""
        return Log(self._on)

    @property
    def pipelines(self) -> Pipelines:
        """Memories through steps."""
        return Pipelines(self._on)

    @property
    def provenance(self) -> Provenance:
        """Where memories come from, and what became of them."""
        return Provenance(self._on)

    @property
    def quarantine(self) -> Quarantine:
        """What recall leaves out because it looks hostile."""
        return Quarantine(self._on)

    @property
    def scheduler(self) -> Schedule:
        """Which memories get a KV block."""
        from memos_mcp.interface.schedules import Schedule

        return Schedule(self._on)

    @property
    def timeline(self) -> Timeline:
        """What was, and the way back."""
        return Timeline(self._on)

    @property
    def topics(self) -> Topics:
        """What memories are about."""
        return Topics(self._on)
