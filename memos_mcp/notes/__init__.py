"""Notes: a folder /memories of small files for a model, after Anthropic's memory tool. Every file is a memory.

folder = Folder(CubeFiles(memos, "user/ada/memories"))
await folder.create("/memories/tea.md", "Ada likes green tea")
"""

from memos_mcp.notes.cubes import CubeFiles, Held, Store
from memos_mcp.notes.files import File, Files, Folder

__all__ = ["CubeFiles", "File", "Files", "Folder", "Held", "Store"]
