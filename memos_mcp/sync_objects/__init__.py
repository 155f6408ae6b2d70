"""What hangs off the blocking Memos. Written by `make twin`."""

from memos_mcp.sync_objects.acl import Acl
from memos_mcp.sync_objects.adapters import Learning
from memos_mcp.sync_objects.audit import Audit
from memos_mcp.sync_objects.branches import Branches
from memos_mcp.sync_objects.consolidation import Consolidation
from memos_mcp.sync_objects.deliveries import Deliveries
from memos_mcp.sync_objects.graph import Graphs
from memos_mcp.sync_objects.kv import Kv
from memos_mcp.sync_objects.lifecycle import Lifecycle
from memos_mcp.sync_objects.log import Log
from memos_mcp.sync_objects.pipelines import Pipelines
from memos_mcp.sync_objects.provenance import Provenance
from memos_mcp.sync_objects.quarantine import Quarantine
from memos_mcp.sync_objects.scheduler import Schedule
from memos_mcp.sync_objects.timeline import Timeline
from memos_mcp.sync_objects.topics import Topics

__all__ = [
    "Acl",
    "Audit",
    "Branches",
    "Consolidation",
    "Deliveries",
    "Graphs",
    "Kv",
    "Learning",
    "Lifecycle",
    "Log",
    "Pipelines",
    "Provenance",
    "Quarantine",
    "Schedule",
    "Timeline",
    "Topics",
]
