"""What no cost outweighs in the choice of types: why a memory may be read as text only (long paper §5.4.2). Pure."""

from __future__ import annotations

from memos_mcp.operation.choosing_terms import Fit, Rules
from memos_mcp.search import Intent

UNASKED: frozenset[Intent] = frozenset({"remember", "update", "forget"})
"""Intents that ask nothing of a model."""
WORDED: frozenset[Intent] = frozenset({"list", "count", "compare", "summarise"})
"""Intents that need what was said word for word, so that weights do not do."""


def not_kept(fit: Fit, rules: Rules) -> str:
    """Why it is not kept as a prefix; empty if it may be."""
    return _words_only(fit, rules) or _unsteady(fit, rules, rules.brief)


def not_trained(fit: Fit, rules: Rules) -> str:
    """Why it does not go into weights; empty if it may."""
    return _words_only(fit, rules) or _unsteady(fit, rules, rules.lasting)


def _words_only(fit: Fit, rules: Rules) -> str:
    if fit.closed:
        return fit.closed
    if fit.here:
        return "it was said in this session, and stays text until it is used in another"
    if fit.ends is not None and fit.ends < rules.brief:
        return f"it ends in {span(fit.ends)}: what is of short use stays text"
    return ""


def _unsteady(fit: Fit, rules: Rules, steady: float) -> str:
    if fit.changed is None:
        return ""
    if fit.pace is not None and fit.pace < steady and fit.changed < rules.calm * fit.pace:
        return f"it keeps changing, every {span(fit.pace)}, last {span(fit.changed)} ago"
    return f"it changed {span(fit.changed)} ago" if fit.changed < rules.settled else ""


def span(seconds: float) -> str:
    """As a person says it."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
