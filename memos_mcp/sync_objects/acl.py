"""The blocking twin of `acl`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from anyio.from_thread import BlockingPortal

from memos_mcp.cube import Governance, MemCube
from memos_mcp.infrastructure.decisions import Act, Decision
from memos_mcp.interface import offices as twin
from memos_mcp.namespaces import Default
from memos_mcp.ports import Revision


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
        expires_at: datetime | timedelta | Literal["never"] | None = None,
        priority: int | None = None,
        decay: float | Literal["policy"] | None = None,
        reason: str = "",
    ) -> tuple[MemCube, ...]:
        """Change what is given of the rules of memories, all of them or, on an error, none; the rest stays.

        Names are users, `role:<name>`, or `*` for everybody. A context is `kind:value`, such as `application:clinic`;
        `hours:08-18` and `days:mon-fri` are asked of the clock (UTC); `from-web:role:editor` lets only editors use what
        is from the web, its owner included. `priority` (-10 to 10) puts one of several equal memories first and keeps
        it longer; `decay` is the share of its strength lost per day without use (0 to 1; "policy": as the policy says).
        They end at the time `expires_at`, so long from now, or never. No version is written. Takes effect at once, in
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
                priority=priority,
                decay=decay,
                reason=reason,
            )
        )

    def rules(self, path: str | None = None) -> tuple[Default, ...]:
        """The rules of namespaces that memories at a path inherit: of those above it and its own, from the top.

        Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.rules, path))

    def set_rules(
        self,
        path: str,
        *,
        readers: Sequence[str] | None = None,
        writers: Sequence[str] | None = None,
        denied: Sequence[str] | None = None,
        read_only: bool | None = None,
        contexts: Sequence[str] | None = None,
        reason: str = "",
    ) -> Default:
        """Change what is given of the rules of a namespace; the rest stays, and what is empty says nothing.

        Every memory at or beneath the path inherits them, as does who stores new ones there: what a memory says itself
        counts first, but who is denied anywhere above does not get in. Takes effect at once, in every process. A
        namespace of one's own (`user/<name>`) is ruled by oneself, any other takes the scope `admin`.
        Raises InvalidInput, Denied, Conflict.
        """
        return self._portal.call(
            partial(
                self._of.set_rules,
                path,
                readers=readers,
                writers=writers,
                denied=denied,
                read_only=read_only,
                contexts=contexts,
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

        Those of namespaces are among them, with an empty id; of one memory, those of the namespaces it is in. Only of
        what the caller decides about. Raises NotFound, InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.report, id, path=path, limit=limit))
