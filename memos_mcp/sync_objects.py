"""What hangs off the blocking Memos. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from anyio.from_thread import BlockingPortal

from memos_mcp.accesses import Access, Accesses, Hotspots, Outcome, Rotated, Verified
from memos_mcp.answers import BroughtBack, Differences, News, Page, Snapshot
from memos_mcp.cube import Governance, Kind, MemCube, SourceClass, State, Usage
from memos_mcp.infrastructure.decisions import Act, Decision
from memos_mcp.interface import offices as twin
from memos_mcp.interface.bound import When
from memos_mcp.interface.lifecycles import Erased, Life, Shelved, Swept
from memos_mcp.interface.lines import Format
from memos_mcp.operation.lifecycle import (
    Move,
    Policy,
)
from memos_mcp.ports import Event, Revision


class Acl:
    """The rules of memories. Hangs off `Memos.acl`."""

    def __init__(self, of: twin.Acl, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def show(self, id: str) -> Governance:
        """The rules of a memory. Raises NotFound."""
        return self._portal.call(partial(self._of.show, id))

    def change(
        self,
        ids: Sequence[str],
        *,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        denied: Sequence[str] | None = None,
        read_only: bool | None = None,
        contexts: Sequence[str] | None = None,
        expires_at: datetime | Literal["never"] | None = None,
        reason: str = "",
    ) -> tuple[MemCube, ...]:
        """Change what is given of the rules of memories, all of them or, on an error, none; the rest stays.

        Names are users, `role:<name>`, or `*` for everybody. A context is `kind:value`, such as `application:clinic`;
        `hours:08-18` and `days:mon-fri` are asked of the clock (UTC). No version is written. Takes effect at once, in
        every process. Raises NotFound, Denied, InvalidInput.
        """
        return self._portal.call(
            partial(
                self._of.change,
                ids,
                readers=readers,
                writers=writers,
                denied=denied,
                read_only=read_only,
                contexts=contexts,
                expires_at=expires_at,
                reason=reason,
            )
        )

    def explain(
        self,
        id: str,
        act: Act = "read",
        *,
        user: str | None = None,
        roles: Sequence[str] = (),
        context: Sequence[str] = (),
        at: datetime | None = None,
    ) -> Decision:
        """May somebody do this to a memory, and by which rule? Of others than himself a caller asks what he governs.

        Raises NotFound, Denied, InvalidInput.
        """
        return self._portal.call(partial(self._of.explain, id, act, user=user, roles=roles, context=context, at=at))

    def report(self, id: str | None = None, *, path: str | None = None, limit: int = 1000) -> tuple[Revision, ...]:
        """Every change of rules, of one memory or of all beneath a path, oldest first: who, when, from what to what.

        Only of memories that the caller governs. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.report, id, path=path, limit=limit))


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
        limit: int = 50,
        after: str = "",
    ) -> Accesses:
        """Accesses, newest first; `after` of the last page continues.

        Of a time [since, until), by a caller, of a verb (`recall`, `acl.change`), with an outcome, beneath a path, to
        memories of a kind, to one memory. Raises InvalidInput, Denied, Unavailable if no log is kept.
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
                limit=limit,
                after=after,
            )
        )

    def answer(self, id: str) -> Access:
        """The access behind an answer (`Recall.access`), with the memories that produced it. Raises NotFound."""
        return self._portal.call(partial(self._of.answer, id))

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

    def rotate(self, keep: timedelta, *, texts_only: bool = False) -> Rotated:
        """Remove the lines older than this, everybody's; an anchor stays, on which the chain goes on.

        `texts_only`: the lines stay, without questions and reasons and the salts of their digests. Takes the scope
        `admin`; export first what is to be kept. Raises Denied, InvalidInput.
        """
        return self._portal.call(partial(self._of.rotate, keep, texts_only=texts_only))


class Lifecycle:
    """States, retention and erasure of memories. Hangs off `Memos.lifecycle`."""

    def __init__(self, of: twin.Lifecycle, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def state(self, id: str) -> Life:
        """Where a memory stands. Raises NotFound."""
        return self._portal.call(partial(self._of.state, id))

    def list(
        self, states: Sequence[State] = (State.ARCHIVED,), *, path: str | None = None, limit: int = 20, after: int = 0
    ) -> Shelved:
        """Memories in these states, also those that recall and browse leave out; of what is over, one's own.

        Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.list, states, path=path, limit=limit, after=after))

    def move(self, ids: Sequence[str], move: Move, *, reason: str = "") -> tuple[MemCube, ...]:
        """Take memories to another state, all of them or, on an error, none. No version is written.

        What is archived is no longer recalled, what is expired no longer read either, until it is restored.
        Raises NotFound, Denied, IllegalMove, Conflict.
        """
        return self._portal.call(partial(self._of.move, ids, move, reason=reason))

    def hold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Put memories under legal hold: they are not swept, forgotten or erased. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.hold, ids, reason=reason))

    def unhold(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Lift a legal hold, which takes the scope `admin`. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.unhold, ids, reason=reason))

    def policy(self, path: str | None = None) -> Policy:
        """The policy that holds at a path: of the nearest namespace at or above it. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.policy, path))

    def set_policy(self, path: str, policy: Policy | None, *, reason: str = "") -> Policy:
        """How long memories at and beneath a path are kept; None: as the namespace above says. Takes scope `admin`.

        Moves nothing by itself: a sweep does. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.set_policy, path, policy, reason=reason))

    def sweep(self, path: str | None = None, *, limit: int = 1000000, after: int = 0) -> Swept:
        """Make the moves that are due, of the memories that the caller may decide about, newest first.

        Bounded batches, each of them whole or not at all, so that one that is stopped goes on where it was. `limit` is
        how many memories are looked at; `after` of the last answer continues. Frozen and held ones stay as they are.
        Cost: about 50 µs a memory, 0.2 ms a move. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.sweep, path, limit=limit, after=after))

    def compact(self, path: str | None = None, *, limit: int = 1000000, after: int = 0) -> Swept:
        """Remove the words of versions that policies keep no longer, of memories that the caller may decide about.

        The log keeps that there were such versions. The first and the current one stay, and all of what is frozen or
        held. Batches, `limit` and `after` as of `sweep`. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.compact, path, limit=limit, after=after))

    def clean(self, path: str | None = None, *, limit: int = 1000000, after: int = 0) -> Swept:
        """Forget what has been over for as long as policies say, of memories that the caller may decide about.

        Batches, `limit` and `after` as of `sweep`. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.clean, path, limit=limit, after=after))

    def erase(self, ids: Sequence[str] = (), *, source: str = "", path: str | None = None, reason: str) -> Erased:
        """Remove memories for good: those named, all of a source, or all at and beneath a path; or, on an error, none.

        The words of every version and sighting go from the vault, its indexes and its write-ahead log before this
        returns; a line says who erased it, when and why. The answer names the copies that still hold it.
        Raises InvalidInput, NotFound, Denied.
        """
        return self._portal.call(partial(self._of.erase, ids, source=source, path=path, reason=reason))


class Log:
    """The change log. Hangs off `Memos.log`."""

    def __init__(self, of: twin.Log, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def news(self, after: int = -1, *, limit: int = 1000) -> News:
        """Lines after a position, of those the caller may read; without one none, and where the log ends now."""
        return self._portal.call(partial(self._of.news, after, limit=limit))

    def of(self, id: str) -> tuple[Event, ...]:
        """Every line about a memory, oldest first, each with the version it wrote. Raises NotFound."""
        return self._portal.call(partial(self._of.of, id))


class Quarantine:
    """What is kept from recall, browse and context; `get` still gives it by its id. Hangs off `Memos.quarantine`."""

    def __init__(self, of: twin.Quarantine, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def list(self, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories in quarantine, newest first, each with why; `after` of the last page continues."""
        return self._portal.call(partial(self._of.list, path, limit=limit, after=after))

    def add(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Put memories there, all of them or, on an error, none. Raises NotFound, Denied, Conflict."""
        return self._portal.call(partial(self._of.add, ids, reason=reason))

    def release(self, ids: Sequence[str], *, reason: str = "") -> tuple[Event, ...]:
        """Let memories be found again, all of them or none; they are not suspected once more until they change.

        The caller vouches for them, which takes the scope `admin`. Raises NotFound, Denied, Conflict.
        """
        return self._portal.call(partial(self._of.release, ids, reason=reason))

    def undo(
        self,
        source: str = "",
        *,
        session: str = "",
        source_class: SourceClass | None = None,
        path: str | None = None,
        reason: str = "",
    ) -> tuple[Event, ...]:
        """Forget all that was first remembered from a source, a session or a class of sources, in quarantine or not.

        Searches beneath `path`, or the caller's home. All of it or, on an error, nothing. Cost: 3 µs for each memory
        there. Raises InvalidInput, Denied.
        """
        return self._portal.call(
            partial(self._of.undo, source, session=session, source_class=source_class, path=path, reason=reason)
        )


class Timeline:
    """The past of memories. Hangs off `Memos.timeline`.

    A moment is a time, or the label of a snapshot: one of the path that is looked at, or of one above it.
    """

    def __init__(self, of: twin.Timeline, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def get(self, id: str, at: When) -> MemCube:
        """The version of a memory that was current at a moment. Raises NotFound, InvalidInput."""
        return self._portal.call(partial(self._of.get, id, at))

    def browse(self, at: When, path: str | None = None, *, limit: int = 20, after: int = 0) -> Page:
        """The memories of a moment, newest first; `after` of the last page continues. Raises as `recall`."""
        return self._portal.call(partial(self._of.browse, at, path, limit=limit, after=after))

    def diff(
        self, before: When, after: When | None = None, path: str | None = None, *, limit: int = 50, start: int = 0
    ) -> Differences:
        """What changed between two moments, or since one; `after` of the answer, given as `start`, continues.

        Cost: 10 µs for each change between them. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.diff, before, after, path, limit=limit, start=start))

    def restore(self, id: str, to: int | When, *, reason: str = "") -> MemCube:
        """Let a memory say again what it said in a version or at a moment: a new version, so the way back stays open.

        Who may use it is not brought back. A merged, archived or expired one is active again. Raises NotFound, Denied,
        IllegalMove (it is frozen), InvalidInput, Conflict.
        """
        return self._portal.call(partial(self._of.restore, id, to, reason=reason))

    def restore_all(self, to: When, path: str | None = None, *, reason: str = "") -> BroughtBack:
        """Let all memories at or beneath a path say again what they said at a moment: in one commit, or not at all.

        What was forgotten stays gone, and what was added since stays: nothing is lost, and the moment before is a way
        back. Cost: 0.5 ms for each. Raises NotFound, Denied, InvalidInput, Conflict (repeat).
        """
        return self._portal.call(partial(self._of.restore_all, to, path, reason=reason))

    def snapshot(self, label: str, path: str | None = None) -> Snapshot:
        """Give what is at or beneath a path now a name to come back to: nothing is copied. Raises Conflict, Denied."""
        return self._portal.call(partial(self._of.snapshot, label, path))

    def snapshots(self, path: str | None = None) -> tuple[Snapshot, ...]:
        """The snapshots at or beneath a path, the oldest first. Raises InvalidInput, Denied."""
        return self._portal.call(partial(self._of.snapshots, path))

    def drop(self, label: str, path: str | None = None) -> None:
        """Remove a snapshot; the memories stay. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.drop, label, path))

    def freeze(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Keep memories as they are: until they are thawed nobody changes or forgets them. All of them or none.

        Who may use them can still be changed. Raises NotFound, Denied, IllegalMove.
        """
        return self._portal.call(partial(self._of.freeze, ids, reason=reason))

    def thaw(self, ids: Sequence[str], *, reason: str = "") -> tuple[MemCube, ...]:
        """Let frozen memories change again, in the state they were frozen in. Raises as `freeze`."""
        return self._portal.call(partial(self._of.thaw, ids, reason=reason))
