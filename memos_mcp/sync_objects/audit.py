"""The blocking twin of `audit`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from anyio.from_thread import BlockingPortal

from memos_mcp.accesses import (
    Access,
    Accesses,
    Hotspots,
    Outcome,
    Rotated,
    Verified,
)
from memos_mcp.answers import Trace
from memos_mcp.cube import Kind, Usage
from memos_mcp.interface import offices as twin
from memos_mcp.interface.lines import Format


class Audit:
    """The access log. Hangs off `Memos.audit`.

    Everybody sees his own accesses; the owner of a memory those to it; with the scope `admin` also those to his own
    namespace. What one may not read is left out of all of them.
    """

    def __init__(self, of: twin.Audit, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def query(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        caller: str = "",
        action: str = "",
        outcome: Outcome | Literal[""] = "",
        path: str | None = None,
        kind: Kind | None = None,
        id: str | None = None,
        request: str | None = None,
        limit: int = 50,
        after: str = "",
    ) -> Accesses:
        """Accesses, newest first; `after` of the last page continues.

        Of a time [since, until), by a caller, of a verb (`recall`, `acl.change`), with an outcome, beneath a path, to
        memories of a kind, to one memory, of one request. Raises InvalidInput, Denied, Unavailable if no log is kept.
        """
        return self._portal.call(
            partial(
                self._of.query,
                since=since,
                until=until,
                caller=caller,
                action=action,
                outcome=outcome,
                path=path,
                kind=kind,
                id=id,
                request=request,
                limit=limit,
                after=after,
            )
        )

    def answer(self, id: str) -> Access:
        """The access behind an answer (`Recall.access`), with the memories that produced it. Raises NotFound."""
        return self._portal.call(partial(self._of.answer, id))

    def trace(self, request: str) -> Trace:
        """What a request did, step by step, and the lines of the change log that it wrote, as far as one may know.

        `request` is that of a line; an access that is alone in its request has its own id there. Raises NotFound.
        """
        return self._portal.call(partial(self._of.trace, request))

    def usage(self, ids: Sequence[str]) -> Mapping[str, Usage]:
        """How often each of these memories was read, and when last; only of the caller's own. Cost: 30 µs each."""
        return self._portal.call(partial(self._of.usage, ids))

    def hotspots(self, path: str | None = None, *, limit: int = 20) -> Hotspots:
        """The caller's own memories that are read most these days, and their namespaces.

        Beneath a path, or everywhere; of the 5,000 hottest there. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.hotspots, path, limit=limit))

    def verify(self, known: str = "") -> Verified:
        """Is every line what was written? Finds what was changed, removed or moved; takes the scope `admin`.

        `known` is the `tip` of an earlier answer: who wrote the whole log anew could not write that. Cost: 6 µs a line.
        Raises Denied.
        """
        return self._portal.call(partial(self._of.verify, known))

    def export(
        self,
        write: Callable[[str], object],
        *,
        format: Format = "jsonl",
        since: datetime | None = None,
        until: datetime | None = None,
        path: str | None = None,
    ) -> int:
        """Write lines, oldest first, as JSON Lines, CSV or OCSF events, one after the other; how many there were.

        Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.export, write, format=format, since=since, until=until, path=path))

    def rotate(self, keep: timedelta | None = None, *, last: int | None = None, texts_only: bool = False) -> Rotated:
        """Remove the lines older than `keep` that are not among the `last`; the chain goes on from anchors.

        Everybody's. Those about what is under legal hold or frozen stay. `texts_only`: all lines stay, without
        questions and reasons and the salts of their digests. Takes the scope `admin`; export first what is to be kept.
        Raises Denied, InvalidInput.
        """
        return self._portal.call(partial(self._of.rotate, keep, last=last, texts_only=texts_only))
