"""Rules of namespaces: the contract of Namespaces, a part of that of MemoryAdapter."""

from __future__ import annotations

from memos_mcp.cube import Governance
from memos_mcp.errors import Conflict
from memos_mcp.infrastructure.decisions import Reading
from memos_mcp.namespaces import Default
from memos_mcp.ports import Caller, Change, MemoryAdapter, Where
from memos_mcp.testing.cubes import ADA, PATH, a_cube, remember, same

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


async def rules_keep_where_a_memory_comes_from(vault: MemoryAdapter) -> None:
    """Of a further version too, in its own commit; no change of rules takes it away, and lists and counts know it."""
    cube = a_cube("of the user")
    await remember(vault, cube)
    same((await vault.get([cube.ref]))[0].governance.came_from, ("user",), "where it comes from at first")
    web = cube.model_copy(update={"version": 2, "origin": cube.origin.model_copy(update={"source_class": "web"})})
    (event,) = await vault.commit([Change("update", cube.id, web, expect=1)], caller=ADA)
    both = ("user", "web")
    same(event.cube and event.cube.governance.came_from, both, "where it comes from once it was changed")
    open_ = web.model_copy(update={"governance": _BEN})
    await vault.commit([Change("govern", cube.id, open_)], caller=ADA)
    again = open_.model_copy(update={"version": 3, "origin": cube.origin})
    await vault.commit([Change("update", cube.id, again, expect=2)], caller=ADA)
    found = (await vault.get([cube.ref]))[0].governance
    same((found.readers, found.came_from), (("ben",), both), "what a change of rules leaves")
    same({each.rules and each.rules.came_from for each in await vault.events(subject=cube.id)}, {both}, "its lines")
    await vault.namespaces.rule(PATH, Governance(contexts=("from-web:ben",)), was=_NONE, caller="ada")
    for user, number in (("ada", 0), ("ben", 1)):
        permit = Reading(Caller(user), event.at, vault.namespaces.known)
        where = Where((PATH,), permit=permit)
        same(len(await vault.scan(where)), number, f"what {user} is shown")
        same(sum((await vault.count((PATH,), permit=permit)).values()), number, f"what is counted for {user}")


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
