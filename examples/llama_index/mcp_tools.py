"""The same memories through MCP, with LlamaIndex's own bridge: `python examples/llama_index/mcp_tools.py URL TOKEN`.

`memos serve` gives the URL and `memos token create` the token; pip install llama-index-tools-mcp. Over HTTP: over stdio
the bridge starts a server for every call. MemosToolSpec needs no bridge.
"""

from __future__ import annotations

import asyncio
import sys

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec  # pyright: ignore[reportMissingTypeStubs]


async def main(url: str, token: str) -> None:
    """Remember and recall by the tools of the server."""
    client = BasicMCPClient(url, headers={"Authorization": f"Bearer {token}"})
    tools = {str(tool.metadata.name): tool for tool in await McpToolSpec(client).to_tool_list_async()}
    print(sorted(tools))
    await tools["remember"].acall(content="Ada plays the cello.")
    print(await tools["recall"].acall(question="Which instrument does Ada play?"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
