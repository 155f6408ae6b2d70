"""The objects of the blocking Memos, made when they are asked for. Written by `make twin`."""

from __future__ import annotations

from anyio.from_thread import BlockingPortal

from memos_mcp import memos as twin
from memos_mcp.sync_objects import (
    Acl,
    Audit,
    Branches,
    Consolidation,
    Deliveries,
    Graphs,
    Kv,
    Learning,
    Lifecycle,
    Log,
    Pipelines,
    Provenance,
    Quarantine,
    Schedule,
    Timeline,
    Topics,
)


class Offices:
    """The objects, made when they are asked for: they cost nothing."""

    _memos: twin.Memos
    _portal: BlockingPortal

    @property
    def acl(self) -> Acl:
        """Who may use a memory."""
        return Acl(self._memos.acl, self._portal)

    @property
    def adapters(self) -> Learning:
        """Memories trained into a model."""
        return Learning(self._memos.adapters, self._portal)

    @property
    def audit(self) -> Audit:
        """Who asked for what."""
        return Audit(self._memos.audit, self._portal)

    @property
    def branches(self) -> Branches:
        """What if."""
        return Branches(self._memos.branches, self._portal)

    @property
    def consolidation(self) -> Consolidation:
        """What became of memories when others came."""
        return Consolidation(self._memos.consolidation, self._portal)

    @property
    def deliveries(self) -> Deliveries:
        """What was handed out, and to whom."""
        return Deliveries(self._memos.deliveries, self._portal)

    @property
    def graph(self) -> Graphs:
        """What memories have to do with each other."""
        return Graphs(self._memos.graph, self._portal)

    @property
    def kv(self) -> Kv:
        """What a model keeps of memories that it has read."""
        return Kv(self._memos.kv, self._portal)

    @property
    def lifecycle(self) -> Lifecycle:
        """How long memories stay, and in which state."""
        return Lifecycle(self._memos.lifecycle, self._portal)

    @property
    def log(self) -> Log:
        """What happened."""
        return Log(self._memos.log, self._portal)

    @property
    def pipelines(self) -> Pipelines:
        """Memories through steps."""
        return Pipelines(self._memos.pipelines, self._portal)

    @property
    def provenance(self) -> Provenance:
        """Where memories come from, and what became of them."""
        return Provenance(self._memos.provenance, self._portal)

    @property
    def quarantine(self) -> Quarantine:
        """What recall leaves out because it looks hostile."""
        return Quarantine(self._memos.quarantine, self._portal)

    @property
    def scheduler(self) -> Schedule:
        """Which memories get a KV block."""
        return Schedule(self._memos.scheduler, self._portal)

    @property
    def timeline(self) -> Timeline:
        """What was, and the way back."""
        return Timeline(self._memos.timeline, self._portal)

    @property
    def topics(self) -> Topics:
        """What memories are about."""
        return Topics(self._memos.topics, self._portal)
