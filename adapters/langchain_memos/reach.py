"""Whose memory a call is about: one for all, or that of the user whom a run of an agent is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from memos_mcp import Connected, Memos, Misconfigured, connect, sync


class Run(Protocol):
    """A run of an agent: LangGraph's Runtime is one."""

    @property
    def context(self) -> Any:
        """What the application gave for it."""
        ...


Known = Memos | sync.Memos | Connected | str
"""What `memos_mcp.connect` takes."""
OfRun = Callable[[Run], str]
"""Says something of a run."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Who answers, for which user (empty: for whoever opened it), and beneath which path."""

    connected: Connected
    user: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Reach:
    """A memory system, as whom it is asked, and beneath which path; each of both may hang on the run."""

    memos: Known
    user: OfRun | None = None
    path: str | OfRun | None = None

    def check(self) -> None:
        """Raises Misconfigured if nobody can be acted for."""
        if self.user is not None and not isinstance(self.memos, Memos | sync.Memos):
            raise Misconfigured(
                "a user is acted for where the memory system is in this process; of a server the user is who has "
                "the token: give connect(url, token=…) for each, or a path that says whose memories these are"
            )

    def of(self, run: Run | None = None) -> Reached:
        """Those of a run; without a `run`, of the one in which this is called. Raises Misconfigured."""
        if run is None and (self.user is not None or callable(self.path)):
            from langgraph.runtime import get_runtime

            run = get_runtime()
        path = _said(self.path, run) if callable(self.path) else self.path
        if self.user is None or not isinstance(self.memos, Memos | sync.Memos):
            return Reached(connect(self.memos), "", path)
        user = _said(self.user, run)
        caller = replace(self.memos.caller, user=user, roles=())  # with no more rights than who opened it
        return Reached(connect(self.memos.acting_as(caller)), user, path)


def _said(of: OfRun, run: Run | None) -> str:
    found = of(run) if run is not None else ""
    if not found:
        raise Misconfigured("this run does not say whose memories are meant: give it in the context of the run")
    return found
