"""Rules of namespaces: the contract of Namespaces, a part of that of MemoryAdapter."""

from __future__ import annotations

from memos_mcp.cube import Governance
from memos_mcp.errors import Conflict
from memos_mcp.namespaces import Default
from memos_mcp.ports import MemoryAdapter
from memos_mcp.testing.cubes import PATH, a_cube, remember, same

_NONE, _BEN, _EVE = Governance(), Governance(readers=("ben",)), Governance(denied=("eve",), read_only=True)


async def rules_of_namespaces_are_kept(vault: MemoryAdapter) -> None:
    """They are lines of the log, hold from the top, and nobody overwrites what he did not see."""
    namespaces = vault.namespaces
    same((await namespaces.fresh()).above(PATH), (), "the rules of an empty vault")
    first = await namespaces.rule(PATH, _BEN, was=_NONE, caller="ada", reason="why")
    same(namespaces.known.above(f"{PATH}/x"), (Default(PATH, _BEN),), "what lies beneath inherits")
    same(namespaces.known.above(f"{PATH}x"), (), "what only begins alike does not")
    try:
        await namespaces.rule(PATH, _EVE, was=_NONE, caller="eve")
    except Conflict:
        pass
    else:
        raise AssertionError("rules were overwritten that somebody else gave")
    digest = namespaces.known.digest
    await namespaces.rule(PATH, _EVE, was=_BEN, caller="eve")
    same(namespaces.known.digest == digest, False, "other rules have the same digest")
    await namespaces.rule(PATH, _BEN, was=_EVE, caller="ada")
    same(namespaces.known.digest, digest, "the digest of the same rules")
    same([each.rules for each in await namespaces.rulings()], [_BEN, _EVE, _BEN], "every change")
    same([each.by for each in await namespaces.rulings()], ["ada", "eve", "ada"], "who changed them")
    (line,) = [event for event in await vault.events() if event.seq == first.seq]
    said = (line.action, line.subject, line.path, line.caller, line.reason, line.cube)
    same(said, ("govern", "", PATH, "ada", "why", None), "the line")


async def another_process_sees_rules_with_what_they_are_about(vault: MemoryAdapter, other: MemoryAdapter) -> None:
    """Whoever reads anything has seen the rules that were there by then."""
    await remember(vault, a_cube("1"))
    await other.events()
    same(other.namespaces.known.rules, {}, "rules before there are any")
    await vault.namespaces.rule(PATH, _BEN, was=_NONE, caller="ada")
    await other.events()
    same(other.namespaces.known.rules, {PATH: _BEN}, "rules after a look at the log")
    await vault.namespaces.rule(PATH, _NONE, was=_BEN, caller="ada")
    same((await other.namespaces.fresh()).rules, {}, "rules that were taken back")
