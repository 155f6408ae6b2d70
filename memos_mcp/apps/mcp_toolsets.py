"""Which tools a server offers."""

from __future__ import annotations

from collections.abc import Mapping

from memos_mcp.apps.mcp_arguments import Tool
from memos_mcp.apps.mcp_tools import TOOLS
from memos_mcp.settings import Toolset

TOOLSETS: Mapping[Toolset, tuple[type[Tool], ...]] = {"core": TOOLS, "full": TOOLS, "chatgpt": TOOLS}
"""The tools of each, in the order they are listed."""
