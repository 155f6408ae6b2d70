"""The blocking twin of `provenance`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal
from pydantic import JsonValue

from memos_mcp.cube import MemCube
from memos_mcp.interface import offices as twin
from memos_mcp.interface.lineage import Direction, Lineage


class Provenance:
    """Where memories come from. Hangs off `Memos.provenance`.

    The id of a memory is its provenance id: no other ever has it, and it stays through every version, move and merge.
    """

    def __init__(self, of: twin.Provenance, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def trace(self, id: str, direction: Direction = "both", *, depth: int = 10) -> Lineage:
        """What a memory was made from, and what was made from it, `depth` steps far, each with what was done to it.

        Follows what versions say: `derived_from` and the links `derived-from` and `supersedes`. What the caller may not
        know of is left out; if a memory that he may read names it, its id stands in `unknown`, as that of one that
        never was. Cost: 0.3 ms a memory, and 10 µs a step for each version in the vault that names a source. Raises
        NotFound, InvalidInput.
        """
        return self._portal.call(partial(self._of.trace, id, direction, depth=depth))

    def attach(
        self,
        id: str,
        *,
        derived_from: Sequence[str] = (),
        trigger: str | None = None,
        model: str | None = None,
        uri: str | None = None,
        expect: int | None = None,
        reason: str = "",
    ) -> MemCube:
        """State what a memory was made from, what caused it, by which model, and where more is to be found.

        A new version: sources are added to those known, with the version they have now; the rest is replaced. Raises
        NotFound, Denied, Conflict, InvalidInput.
        """
        return self._portal.call(
            partial(
                self._of.attach,
                id,
                derived_from=derived_from,
                trigger=trigger,
                model=model,
                uri=uri,
                expect=expect,
                reason=reason,
            )
        )

    def prov(
        self, ids: Sequence[str] = (), *, path: str | None = None, direction: Direction | None = None, depth: int = 10
    ) -> dict[str, JsonValue]:
        """A document in PROV-JSON (W3C): of these memories, or of all at and beneath a path; ids and names, no words.

        With a direction, of those memories too that a trace from each finds. Cost: 0.3 ms a memory. Raises NotFound,
        InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.prov, ids, path=path, direction=direction, depth=depth))
