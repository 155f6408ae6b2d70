"""One way to a memory system for programs that do not care where it runs: in this process, or behind a URL."""

from memos_mcp.client.blocking import BlockingClient
from memos_mcp.client.connecting import Connected, connect
from memos_mcp.client.faces import Client

__all__ = ["BlockingClient", "Client", "Connected", "connect"]
