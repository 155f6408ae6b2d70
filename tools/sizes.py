"""Fails when a Python file or a function is too long to read in one go.

A file may have 400 lines, a function 50: those of its body, without the docstring.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50
FOLDERS = ("memos_mcp", "graph", "adapters", "tests", "benchmarks", "examples", "tools")


def main(folders: list[str]) -> int:
    """Print one line for each file or function over its limit and return 1 if there was any."""
    found = [line for folder in folders for path in sorted(Path(folder).rglob("*.py")) for line in too_long(path)]
    print(*found or ["sizes: all files and functions are within their limits"], sep="\n")
    return 1 if found else 0


def too_long(path: Path) -> Iterator[str]:
    """Yield what is over its limit in one file, in a form that editors can jump to."""
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > FILE_LINES:
        yield f"{path}:1: {lines} lines, at most {FILE_LINES}: move one of its ideas to a file of its own"
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > FUNCTION_LINES:
            yield f"{path}:{node.lineno}: {node.name} has {body_lines(node)} lines, at most {FUNCTION_LINES}: split it"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines from the first statement after the docstring to the end of the function."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    statements = function.body[1:] if has_docstring else function.body
    if not statements:
        return 0
    first = statements[0]
    decorators = [item.lineno for item in getattr(first, "decorator_list", [])]
    return (function.end_lineno or 0) - min([first.lineno, *decorators]) + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(FOLDERS)))
