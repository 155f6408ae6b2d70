"""Which tools a server offers. Those that it does not are not loaded: its start is what users wait for."""

from __future__ import annotations

from typing import assert_never

from memos_mcp.apps.mcp_arguments import Tool
from memos_mcp.apps.mcp_tools import TOOLS
from memos_mcp.sections import Toolset


def offered(toolset: Toolset, *, local: bool = False) -> tuple[type[Tool], ...]:
    """The tools of a server, in the order they are listed.

    `local`: it serves the user who started it. Only then one of them reads files; over HTTP none reaches for anything
    but the memory.
    """
    match toolset:
        case "core":
            return TOOLS
        case "full":
            from memos_mcp.apps.mcp_memory import MemoryFiles

            further = (*_of_memories(), *_of_governance(), MemoryFiles)
            return TOOLS + further + (_of_files() if local else ())
        case "chatgpt":
            from memos_mcp.apps import mcp_chatgpt

            return mcp_chatgpt.Search, mcp_chatgpt.Fetch
        case "client":
            return _of_programs()
        case _:
            assert_never(toolset)


def unlisted(toolset: Toolset) -> tuple[type[Tool], ...]:
    """What a server over HTTP does for programs beside the tools it lists: no model pays for what it never calls."""
    return () if toolset in ("chatgpt", "client") else _of_programs()


def _of_memories() -> tuple[type[Tool], ...]:
    from memos_mcp.apps import (
        mcp_ask,
        mcp_branch,
        mcp_consolidation,
        mcp_edit,
        mcp_full,
        mcp_graph,
        mcp_timeline,
        mcp_topics,
    )

    return (
        mcp_full.PutMemory,
        mcp_full.UpdateData,
        mcp_edit.EditMemory,
        mcp_full.RenameMemories,
        mcp_full.ForgetMemories,
        mcp_full.ListPaths,
        mcp_full.ExplainRecall,
        mcp_ask.MemoryAsk,
        mcp_ask.MemoryFeedback,
        mcp_full.WaitForSearch,
        mcp_full.RebuildSearch,
        mcp_consolidation.ListConsolidated,
        mcp_consolidation.UndoConsolidation,
        mcp_graph.GraphNeighbourhood,
        mcp_graph.GraphPaths,
        mcp_graph.GraphEntity,
        mcp_timeline.RecallPast,
        mcp_timeline.CompareMoments,
        mcp_timeline.RestoreMemories,
        mcp_timeline.SnapshotMemories,
        mcp_timeline.ListSnapshots,
        mcp_timeline.FreezeMemories,
        mcp_branch.MakeBranch,
        mcp_branch.ListBranches,
        mcp_branch.RecallBranch,
        mcp_branch.ChangeBranch,
        mcp_branch.CompareBranch,
        mcp_branch.MergeBranch,
        mcp_branch.ForgetBranch,
        mcp_topics.ShowTopics,
        mcp_topics.LabelMemory,
        mcp_topics.SummariseTopic,
    )


def _of_governance() -> tuple[type[Tool], ...]:
    from memos_mcp.apps import mcp_access, mcp_audit, mcp_batches, mcp_lifecycle, mcp_quarantine, mcp_trace

    return (
        mcp_access.GetAccess,
        mcp_access.SetAccess,
        mcp_audit.QueryAudit,
        mcp_audit.AuditHotspots,
        mcp_quarantine.ListQuarantine,
        mcp_quarantine.QuarantineMemories,
        mcp_quarantine.ReleaseMemories,
        mcp_quarantine.ForgetSource,
        mcp_lifecycle.GetLifecycle,
        mcp_lifecycle.MoveMemories,
        mcp_lifecycle.HoldMemories,
        mcp_lifecycle.SweepMemories,
        mcp_lifecycle.EraseMemories,
        mcp_trace.TraceMemory,
        mcp_trace.DeliverMemory,
        mcp_trace.AttributeText,
        mcp_batches.ForgetOver,
        mcp_batches.CompressVault,
        mcp_batches.MigrateMemories,
    )


def _of_programs() -> tuple[type[Tool], ...]:
    from memos_mcp.apps import mcp_programs

    return mcp_programs.ApiRead, mcp_programs.ApiWrite


def _of_files() -> tuple[type[Tool], ...]:
    from memos_mcp.apps import mcp_import

    return (mcp_import.ImportMemories,)
