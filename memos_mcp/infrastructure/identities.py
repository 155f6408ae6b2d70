"""Which names are one: merges that somebody said and may take back, kept in the ledger and applied when it is asked.

The graph is never written anew for them. A merge is at a path, holds in its root, and for whoever may read there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

from pydantic import JsonValue

from memos_graph.model import Edge, Near, Neighbourhood
from memos_mcp.cube import Governance
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.decisions import is_beneath
from memos_mcp.infrastructure.drawing import entity_node
from memos_mcp.infrastructure.governance import root_of
from memos_mcp.ledger import Ledger, Note
from memos_mcp.ports import Where

KIND = "same"
"""The kind of the ledger's notes that say which names are one."""
_OWN = Governance()


@dataclass(frozen=True, slots=True)
class Same:
    """Somebody's word that a name is another one's, at a path; the entity is known as `into`.

    `back_at` says when it was taken back, `back_by` and `back_why` by whom and why.
    """

    id: str
    path: str
    name: str
    into: str
    by: str
    at: datetime
    why: str = ""
    back_by: str = ""
    back_at: datetime | None = None
    back_why: str = ""
    revision: int = 0

    @property
    def stands(self) -> bool:
        """Was it not taken back?"""
        return self.back_at is None

    @property
    def key(self) -> str:
        """Where the ledger has it."""
        return f"{self.path}\n{self.id}"

    @property
    def value(self) -> JsonValue:
        """As the ledger keeps it."""
        return {
            "name": self.name,
            "into": self.into,
            "by": self.by,
            "at": self.at.isoformat(),
            "why": self.why,
            "back_by": self.back_by,
            "back_at": self.back_at.isoformat() if self.back_at else "",
            "back_why": self.back_why,
        }


def same_id(path: str, name: str, into: str) -> str:
    """The id of a merge: the same for the same two names at a path, whichever is kept."""
    both = "\n".join((path, *sorted((entity_node(name), entity_node(into)))))
    return f"s_{blake2b(both.encode(), digest_size=12).hexdigest()}"


def same_in(note: Note) -> Same:
    """What a note of the ledger says. Raises Corrupt."""
    path, _, id = note.key.rpartition("\n")
    value = note.value if isinstance(note.value, dict) else {}
    try:
        name, into, by, at = (str(value[each]) for each in ("name", "into", "by", "at"))
        why, back_by, back_at, back_why = (str(value[each]) for each in ("why", "back_by", "back_at", "back_why"))
        back = datetime.fromisoformat(back_at) if back_at else None
        return Same(id, path, name, into, by, datetime.fromisoformat(at), why, back_by, back, back_why, note.revision)
    except (KeyError, ValueError) as exc:
        raise Corrupt(f"the merge {id} in the ledger is damaged: restore a backup, or drop it") from exc


def may_know(where: Where, path: str) -> bool:
    """Does what is said at a path hold for who asks there, above it or beneath it, and may read it?"""
    near = any(is_beneath(path, top) or is_beneath(top, path) for top in where.paths)
    return near and (where.permit is None or where.permit.allows(path, _OWN))


@dataclass(frozen=True, slots=True)
class Names:
    """The names that are one for somebody: by node of an entity and root, all of them, the one that stands first."""

    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict[str, dict[str, tuple[str, ...]]])

    @property
    def key(self) -> Hashable:
        """Equal for equals."""
        return tuple((node, tuple(roots.items())) for node, roots in self.groups.items())

    def and_others(self, nodes: Sequence[str]) -> list[str]:
        """These nodes, and what else they are called anywhere."""
        found = dict.fromkeys(nodes)
        for node in nodes:
            for group in self.groups.get(node, {}).values():
                found |= dict.fromkeys(group)
        return list(found)

    def one(self, node: str, root: str) -> str:
        """The node that stands for it in a root."""
        group = self.groups.get(node, {}).get(root)
        return group[0] if group else node

    def joined(self, found: Neighbourhood, asked: Iterable[str] = (), of: Iterable[Near] = ()) -> Neighbourhood:
        """As if what is one were one node. Of others than those `asked` for, only what is one with them stays.

        `of` are memories that edges come from, beside those found: each is in one space, a name may be in many.
        """
        if not self.groups:
            return found
        asked = set(asked)
        spaces = {near.node.id: near.space for near in (*of, *found.nodes)}
        edges: list[Edge] = []
        for edge in found.edges:
            group = self.groups.get(edge.target, {}).get(spaces.get(edge.source, ""), (edge.target,))
            if not asked or not asked.isdisjoint(group):
                edges.append(replace(edge, target=group[0]))
        return replace(found, edges=tuple(edges))


NO_NAMES = Names()


async def names_of(ledger: Ledger, where: Where) -> Names:
    """The names that are one for who asks. Cost: 0.1 ms."""
    notes = await ledger.list(KIND)
    return (
        united(same_in(note) for note in notes if may_know(where, note.key.rpartition("\n")[0])) if notes else NO_NAMES
    )


def united(every: Iterable[Same]) -> Names:
    """What merges that stand make of names, whatever their order."""
    parent: dict[tuple[str, str], str] = {}

    def head(root: str, node: str) -> str:
        while (above := parent.get((root, node), node)) != node:
            node = above
        return node

    standing = sorted((same for same in every if same.stands), key=lambda same: (same.at, same.id))
    for same in standing:
        root = root_of(same.path)
        one, other = head(root, entity_node(same.into)), head(root, entity_node(same.name))
        if one != other:
            parent[root, other] = one
    members: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for root, node in parent:
        members[root, head(root, node)].append(node)
    groups: defaultdict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for (root, first), others in members.items():
        group = (first, *sorted(others))
        for node in group:
            groups[node][root] = group
    return Names(dict(sorted(groups.items())))
