"""The versions of an adapter: which facts came and went from one to another, and which was there before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memos_mcp.cube import Parametric, Ref
from memos_mcp.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two adapters: memories that only the second was trained from, only the first, and in another version."""

    added: tuple[Ref, ...]
    gone: tuple[Ref, ...]
    changed: tuple[tuple[Ref, Ref], ...]


def difference(older: Parametric, newer: Parametric) -> Difference:
    """What the newer one knows that the older one does not, and the other way round."""
    was, now = {ref.id: ref for ref in older.sources}, {ref.id: ref for ref in newer.sources}
    return Difference(
        tuple(ref for id_, ref in now.items() if id_ not in was),
        tuple(ref for id_, ref in was.items() if id_ not in now),
        tuple((was[id_], ref) for id_, ref in now.items() if id_ in was and was[id_] != ref),
    )


def release_of(adapter: Parametric) -> tuple[str, int]:
    """Its topic and version. Raises InvalidInput for one that has no name."""
    topic, _, version = adapter.name.rpartition("@")
    if not topic or not version.isdecimal():
        raise InvalidInput(f"{adapter.name!r} is no name of an adapter: that is topic@version")
    return topic, int(version)


def before(current: Parametric, kept: Iterable[Parametric]) -> Parametric | None:
    """Of the adapters that are kept, the one to go back to: of the same topic, the newest before this one."""
    topic, version = release_of(current)
    older = [(number, each) for each in kept for its, number in [release_of(each)] if its == topic and number < version]
    return max(older, key=lambda each: each[0])[1] if older else None
