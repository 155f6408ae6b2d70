"""Memories as resources that a person can attach: one by its id, what is known of the user, what came last.

Beside them lie the skill that tells when to use memory and the page of the memory browser. No word of a memory stands
in a name or a description: those are read as instructions by some hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mcp import types

from memos_mcp.apps import mcp_browse, mcp_skills
from memos_mcp.apps.mcp_answers import Context, Memory, fitted
from memos_mcp.apps.mcp_tools import not_held, read_cursor
from memos_mcp.cube import Kind, MemCube
from memos_mcp.errors import InvalidInput
from memos_mcp.memos import Memos

COMPLETED = 100
"""Values that a completion answers at most."""
SCHEME = "memory://"
PROFILE = f"{SCHEME}profile"
RECENT = f"{SCHEME}recent"
MEMORY = f"{SCHEME}{{id}}"

_PAGE = 50
_BUDGET = 4000  # tokens of a resource
_LONGEST = 1000  # tokens of one memory in it
OF_THE_USER: tuple[Kind, ...] = ("preference", "instruction")
"""The kinds of memories that the profile shows."""
_TEXT = "text/plain"

_FIXED = (
    types.Resource(
        uri=PROFILE,
        name="profile",
        title="What is known of the user",
        description="Preferences, habits, constraints and standing instructions, newest first.",
        mime_type=_TEXT,
    ),
    types.Resource(
        uri=RECENT,
        name="recent",
        title="What was remembered last",
        description="The newest memories.",
        mime_type=_TEXT,
    ),
)

_FILES: Mapping[str, Callable[[], types.ReadResourceResult]] = {
    mcp_browse.URI: mcp_browse.read,
    mcp_skills.URI: mcp_skills.read,
}

TEMPLATES = (
    types.ResourceTemplate(
        uri_template=MEMORY,
        name="memory",
        title="One memory",
        description="A memory in full, with its source; recall and list_memories give ids.",
        mime_type=_TEXT,
    ),
)


async def listed(
    memos: Memos, params: types.PaginatedRequestParams | None, *, pages: bool = False
) -> types.ListResourcesResult:
    """One page: the fixed ones first, then the memories, newest first. Raises InvalidInput for a foreign cursor.

    `pages`: with those that only a client with the extension for apps can show.
    """
    after = read_cursor((params.cursor if params else None) or "")
    page = await memos.browse(limit=_PAGE, after=after)
    memories = [_resource(cube) for cube in page.cubes]
    shown = [mcp_browse.RESOURCE] if pages else []
    return types.ListResourcesResult(
        resources=memories if after else [*_FIXED, mcp_skills.resource(), *shown, *memories],
        next_cursor=str(page.after) if page.after else None,
    )


async def read(memos: Memos, uri: str) -> types.ReadResourceResult:
    """What stands behind a URI. Raises InvalidInput, NotFound, Denied (it is in quarantine)."""
    if uri in _FILES:
        return _FILES[uri]()
    if uri == PROFILE:
        text = str(_several(await _newest(memos, OF_THE_USER)))
    elif uri == RECENT:
        text = str(_several(await _newest(memos, ())))
    else:
        text = str(Memory.of(not_held(await memos.get(_id_of(uri)))))
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=_TEXT, text=text)])


async def ids(memos: Memos, begun: str) -> list[str]:
    """The newest memories whose id goes on like this."""
    page = await memos.browse(limit=COMPLETED)
    return [cube.id for cube in page.cubes if cube.id.startswith(begun)]


async def paths(memos: Memos, begun: str) -> list[str]:
    """The paths that hold memories and go on like this."""
    return [each.path for each in await memos.namespaces() if each.path.startswith(begun)]


def _id_of(uri: str) -> str:
    if not uri.startswith(SCHEME):
        raise InvalidInput(f"{uri[:80]!r} is no resource of this server; resources/list shows what is")
    return uri.removeprefix(SCHEME)


async def _newest(memos: Memos, kinds: Sequence[Kind]) -> tuple[Sequence[MemCube], tuple[str, ...], int]:
    page = await memos.browse(kinds=kinds, limit=_PAGE)
    return page.cubes, page.paths, page.total


def _several(found: tuple[Sequence[MemCube], tuple[str, ...], int]) -> Context:
    cubes, paths, total = found
    shown = fitted([Memory.of(cube) for cube in cubes], _BUDGET, each=_LONGEST)
    return Context(memories=shown, searched=total, paths=paths, left_out=len(cubes) - len(shown))


def _resource(cube: MemCube) -> types.Resource:
    return types.Resource(
        uri=f"{SCHEME}{cube.id}",
        name=cube.id,
        title=f"{cube.kind} {cube.id}",
        mime_type=_TEXT,
        size=len(cube.text.encode()),
    )
