"""LangChain's own bridge to MCP: the tools of a running server, over one connection.

    memos serve
    python examples/langchain/bridge.py http://127.0.0.1:8765/mcp TOKEN

Needs `pip install 'langchain[mcp]'`; LangChain says that this part of it is in beta.
"""

from __future__ import annotations

import asyncio
import sys

from fastmcp import Client
from langchain.mcp import MCPAdapter


async def main(url: str, token: str) -> None:
    async with MCPAdapter(Client(url, auth=token)) as adapter:
        tools = {tool.name: tool for tool in await adapter.list_tools()}
        print("tools:", ", ".join(sorted(tools)))
        await tools["remember"].ainvoke({"content": "The ferry leaves at 7:40."})
        for block in await tools["recall"].ainvoke({"question": "When does the ferry leave?"}):
            print(block["text"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
