"""What a host starts in the bundle: the MCP server over standard input and output."""

import os

from memos_mcp.__main__ import main

FILLED_IN = ("MEMOS_HOME", "MEMOS_USER")

if __name__ == "__main__":
    for name in FILLED_IN:  # a host hands on what its user left empty: as nothing, or as the name of the place
        value = os.environ.get(name, "")
        if not value.strip() or value.startswith("${"):
            os.environ.pop(name, None)
    main()
