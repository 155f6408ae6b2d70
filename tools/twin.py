"""Writes the blocking twins of the async classes (`make twin`; --check compares).

That of class Memos is sync.py, those of what hangs off it are in sync_objects/, a file for each and one for all; that
of Client is client/blocking.py.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "memos_mcp" / "memos.py"
OFFICES = ROOT / "memos_mcp" / "interface" / "offices.py"
TWIN = ROOT / "memos_mcp" / "sync.py"
OBJECTS_TWIN = ROOT / "memos_mcp" / "sync_objects"
CLIENT = ROOT / "memos_mcp" / "client" / "faces.py"
CLIENT_TWIN = CLIENT.with_name("blocking.py")

# What hangs off Memos: the attribute, the module and the class.
OBJECTS = {
    "acl": ("acl", "Acl"),
    "adapters": ("adapters", "Learning"),
    "audit": ("audit", "Audit"),
    "branches": ("branches", "Branches"),
    "consolidation": ("consolidations", "Consolidation"),
    "deliveries": ("deliveries", "Deliveries"),
    "graph": ("graphs", "Graphs"),
    "kv": ("kv", "Kv"),
    "lifecycle": ("lifecycles", "Lifecycle"),
    "log": ("logs", "Log"),
    "pipelines": ("pipelines", "Pipelines"),
    "provenance": ("provenance", "Provenance"),
    "quarantine": ("quarantine", "Quarantine"),
    "scheduler": ("schedules", "Schedule"),
    "timeline": ("timeline", "Timeline"),
    "topics": ("topics", "Topics"),
}

CLIENT_HEAD = '''"""The verbs of a program that has no event loop. Written by `make twin`."""

from __future__ import annotations

{imports}

Ask = Callable[..., Any]
"""Answers the verb that is named first, with what is given for it by name."""


class BlockingClient:
    """The same verbs as those of Client. Each blocks the thread that calls it; none needs an event loop."""

'''

HEAD = '''"""The same API without an event loop: scripts, notebooks, threads. Written by `make twin`.

One background thread runs the loop; calls may come from any thread. Cost: about 0.1 ms a call on top.
"""

from __future__ import annotations

{imports}

from memos_mcp import memos as twin
from memos_mcp import wiring
from memos_mcp.ending import with_the_program
from memos_mcp.settings import Settings
from memos_mcp.sync_objects.offices import Offices


def open(settings: Settings | None = None, **given: Any) -> Memos:
    """A blocking Memos for the local user, as `memos_mcp.open`. Raises Misconfigured."""
    return Memos(wiring.open(settings, **given), _loop())


_PATIENCE = 5.0  # seconds that a loop may take to end while somebody waits for it
_running: dict[BlockingPortal, Thread] = {{}}


def _loop() -> BlockingPortal:
    """An event loop on a thread of its own; it ends with `Memos.close`, or with the program."""
    started = Future[BlockingPortal]()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()

    thread = Thread(target=anyio.run, args=(serve,), name="memos", daemon=False)
    thread.start()
    portal = started.result()
    _running[portal] = thread
    with_the_program(_cut)
    return portal


def _cut() -> None:
    """Cancel what nobody closed."""
    for portal, thread in list(_running.items()):
        if thread.is_alive():  # not so in a process that was forked
            with suppress(RuntimeError):  # it has just ended
                portal.start_task_soon(portal.stop, True)


class Memos(Offices):
    """A memory system as one caller sees it; see `memos_mcp.Memos`. Use as `with`, or call `close` at the end."""

    def __init__(self, memos: twin.Memos, portal: BlockingPortal) -> None:
        self._memos = memos
        self._portal = portal

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self._memos.caller
'''

OBJECT = '''"""The blocking twin of `{attribute}`. Written by `make twin`."""

from __future__ import annotations

{imports}

from memos_mcp.interface import offices as twin


class {name}:
    """{about}"""

    def __init__(self, of: twin.{name}, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal
{verbs}'''

OFFICES_TWIN = '''"""The objects of the blocking Memos, made when they are asked for. Written by `make twin`."""

from __future__ import annotations

from anyio.from_thread import BlockingPortal

from memos_mcp import memos as twin
from memos_mcp.sync_objects import {names}


class Offices:
    """The objects, made when they are asked for: they cost nothing."""

    _memos: twin.Memos
    _portal: BlockingPortal
{attributes}'''

EVERY = '''"""What hangs off the blocking Memos. Written by `make twin`."""

{imports}

__all__ = {names}
'''

ATTRIBUTE = '''
    @property
    def {attribute}(self) -> {name}:
        """{about}"""
        return {name}(self._memos.{attribute}, self._portal)
'''

TAIL = '''
    def acting_as(self, caller: Caller) -> Memos:
        """The same system as another caller sees it; shares everything, costs nothing."""
        return Memos(self._memos.acting_as(caller), self._portal)

    def close(self) -> None:
        """Finish, close the vault and end the loop."""
        self._portal.call(self._memos.aclose)
        self._portal.call(self._portal.stop)
        if thread := _running.pop(self._portal, None):
            thread.join(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
'''


def twins() -> dict[Path, str]:
    """The texts of all files as the async classes ask for them."""
    source = ast.parse(SOURCE.read_text("utf-8"))
    memos = _class(source, "Memos")
    offices = _class(ast.parse(OFFICES.read_text("utf-8")), "Offices")
    about = {n.name: ast.get_docstring(n) or "" for n in offices.body if isinstance(n, ast.FunctionDef)}
    files = {OBJECTS_TWIN / f"{attribute}.py": _object(attribute) for attribute in OBJECTS}
    classes = sorted((name, attribute) for attribute, (_, name) in OBJECTS.items())
    imports = "\n".join(f"from memos_mcp.sync_objects.{attribute} import {name}" for name, attribute in classes)
    files[OBJECTS_TWIN / "__init__.py"] = EVERY.format(imports=imports, names=[name for name, _ in classes])
    attributes = "".join(ATTRIBUTE.format(attribute=a, name=name, about=about[a]) for a, (_, name) in OBJECTS.items())
    names = ", ".join(name for name, _ in classes)
    head = HEAD.format(imports=_imports(source))
    files[OBJECTS_TWIN / "offices.py"] = OFFICES_TWIN.format(names=names, attributes=attributes)
    files[TWIN] = head + _verbs(memos, "_memos") + TAIL
    files[CLIENT_TWIN] = _client()
    return {file: _formatted(text, file) for file, text in files.items()}


def _client() -> str:
    """Every verb is one question: it needs no more than to lose its `await`."""
    source = CLIENT.read_text("utf-8")
    tree = ast.parse(source)
    verbs = "\n\n".join("    " + str(ast.get_source_segment(source, node)) for node in _class(tree, "Client").body[1:])
    own = [ast.unparse(node) for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    text = verbs.replace("async def ", "def ").replace("await ", "")
    return CLIENT_HEAD.format(imports="\n".join(own)) + text + "\n"


def _object(attribute: str) -> str:
    module, name = OBJECTS[attribute]
    tree = ast.parse((ROOT / "memos_mcp" / "interface" / f"{module}.py").read_text("utf-8"))
    its = _class(tree, name)
    answers = [n.name for n in tree.body if isinstance(n, ast.ClassDef) and n is not its]
    imports = [_imports(tree), *(f"from memos_mcp.interface.{module} import {answer}" for answer in answers)]
    about = ast.get_docstring(its, clean=False)
    verbs = _verbs(its, "_of")
    return OBJECT.format(attribute=attribute, name=name, about=about, imports="\n".join(imports), verbs=verbs)


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _imports(tree: ast.Module) -> str:
    """The async class's own imports (ruff drops what the twin does not need), and those of the loop."""
    own = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    loop = [
        "import anyio",
        "from contextlib import suppress",
        "from concurrent.futures import Future",
        "from threading import Thread",
        "from typing import Any, Self",
        "from anyio.from_thread import BlockingPortal",
    ]
    lines = dict.fromkeys([*own, *loop])
    ours = {"Offices", *(name for _, name in OBJECTS.values())}
    kept = [line for line in lines if "__future__" not in line and line != "from typing import Self"]
    return "\n".join(line for line in kept if not ours.intersection(line.replace(",", " ").split()))


def _verbs(of: ast.ClassDef, held: str) -> str:
    verbs = (n for n in of.body if isinstance(n, ast.AsyncFunctionDef) and not n.name.startswith("_"))
    return "\n".join(_blocking(verb, held) for verb in verbs if verb.name != "aclose")


def _blocking(verb: ast.AsyncFunctionDef, held: str) -> str:
    args = verb.args
    given = [a.arg for a in args.args[1:]] + [f"{a.arg}={a.arg}" for a in args.kwonlyargs]
    call = ", ".join([f"self.{held}.{verb.name}", *given])
    body = f'"""{ast.get_docstring(verb, clean=False)}"""\n        return self._portal.call(partial({call}))'
    returns = ast.unparse(verb.returns) if verb.returns else "None"
    if returns == "Memos":  # another view of the same system, on the same loop
        body = body.replace("return self._portal.call(", "return Memos(self._portal.call(") + ", self._portal)"
    if not given:
        body = body.replace(f"partial({call})", f"self.{held}.{verb.name}")
    return f"\n    def {verb.name}({ast.unparse(args)}) -> {returns}:\n        {body}\n"


def _formatted(text: str, file: Path) -> str:
    text = text.replace(
        "from __future__ import annotations\n", "from __future__ import annotations\n\nfrom functools import partial\n"
    )
    for step in (["check", "--select=F401,F811,I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *step, "--stdin-filename", str(file), "-"]
        text = subprocess.run(command, input=text, text=True, capture_output=True, check=True, cwd=ROOT).stdout
    return text


def main() -> int:
    """Write the twins, or with --check say whether they are current."""
    late = {file: text for file, text in twins().items() if not file.is_file() or file.read_text("utf-8") != text}
    for file, text in late.items():
        if "--check" in sys.argv[1:]:
            print(f"{file.relative_to(ROOT)} is not what the async classes ask for: run `make twin`")
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
    return 1 if late and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
