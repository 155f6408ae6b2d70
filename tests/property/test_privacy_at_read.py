"""Who sees a part of a memory learns the rest by no verb, whatever he asks, guesses or writes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

import memos_mcp
from memos_mcp import Caller, InvalidInput, Memos, MemosError
from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.decisions import sees_all
from memos_mcp.ports import How

ROLES = ("doctor",)
WARD = "shared/ward"
VALUES = {  # each with words of it that nothing else says
    "ines.lobo@stmary.pt": "lobo stmary",
    "+351 21 555 0142": "0142",
    "GB82 WEST 1234 5698 7654 32": "5698 7654",
    "536-22-8147": "536 8147",
    "203.0.113.77": "203 113",
}
WORDS = ("tea", "ferry", "violin")
HOWS: tuple[How, ...] = ("append", "merge", "overwrite")
FORMS = ("text", "key", "data", "number", "name", "tag", "source", "speaker", "session", "reason", "chat")

callers = st.builds(
    Caller,
    user=st.sampled_from(("ben", "eve")),
    roles=st.lists(st.sampled_from(("nurse", "doctor")), max_size=1).map(tuple),
)
stored = st.tuples(st.sampled_from(FORMS), st.sampled_from(WORDS), st.sampled_from(list(VALUES)))
writers = st.sampled_from((None, ["ben"], ["role:nurse"]))


@dataclass(frozen=True)
class Held:
    id: str
    value: str


def telling(value: str) -> tuple[str, ...]:
    """The value, and its last characters but for the last."""
    return (value, value[-9:-1])


async def store(memos: Memos, form: str, word: str, value: str, number: int) -> Sequence[str]:
    """A memory that holds a value somewhere: the ids of what it became."""
    text = f"{word} number {number}."
    match form:
        case "data" | "number" | "name":
            data: dict[str, JsonValue] = {"data": {"contact": value}, "number": [value, 7], "name": {value: word}}
            return [(await memos.put(WARD, f"note-{number}", text=text, data=data[form])).id]
        case "key":
            with contextlib.suppress(InvalidInput):  # taken only where nothing is hidden yet
                return [(await memos.put(WARD, value, text=text)).id]
            return (await memos.remember(text, path=WARD)).ids
        case "tag":
            return (await memos.remember(text, path=WARD, tags=[value])).ids
        case "source":
            return (await memos.remember(text, path=WARD, source=value)).ids
        case "speaker":
            return (await memos.remember(text, path=WARD, speaker=value)).ids
        case "session":
            return (await memos.remember(text, path=WARD, session=value)).ids
        case "reason":
            (id,) = (await memos.remember(text, path=WARD)).ids
            await memos.update(id, f"{text} Twice.", reason=f"because of {value}")
            return [id]
        case "chat":
            said: JsonValue = [{"role": "user", "content": f"{text} {value}"}, {"role": "user", "content": "Fine."}]
            return (await memos.remember(said, path=WARD)).ids
        case _:
            return (await memos.remember(f"{text} {value}", path=WARD)).ids


@pytest.mark.claim("5.5.1-06")
@settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(
    memories=st.lists(stored, min_size=2, max_size=5),
    before=st.booleans(),
    named=writers,
    who=st.lists(callers, min_size=1, max_size=2),
    guess=st.sampled_from(list(VALUES)),
)
def test_who_sees_a_part_learns_the_rest_by_no_verb(
    memories: list[tuple[str, str, str]],
    before: bool,
    named: list[str] | None,
    who: list[Caller],
    guess: str,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), memories, before, named, who, guess)


async def live(
    folder: Path,
    memories: list[tuple[str, str, str]],
    before: bool,
    named: list[str] | None,
    who: list[Caller],
    guess: str,
) -> None:
    held: list[Held] = []

    def opened(mode: str) -> Memos:
        privacy = {"mode": mode, "roles": list(ROLES)}
        return memos_mcp.open(
            home=folder, user="ada", embedder={"kind": "none"}, consolidation={"mode": "off"}, privacy=privacy
        )

    async with opened("off" if before else "redact_at_read") as memos:
        for number, (form, word, value) in enumerate(memories):
            held += [Held(id, value) for id in await store(memos, form, word, value, number)]
        if named:
            await memos.acl.change([held[0].id], writers=named)
    async with opened("redact_at_read") as memos:
        owner = {each.id: await memos.get(each.id) for each in held}
        for caller in who:
            await look(memos.acting_as(caller), held, owner, guess)
        for each in held:
            assert await memos.get(each.id) == owner[each.id]


async def look(memos: Memos, held: list[Held], owner: dict[str, MemCube], guess: str) -> None:
    part = [each for each in held if not sees_all(memos.caller, WARD, owner[each.id].governance, ROLES)]
    whole = {value for each in held if each not in part for value in telling(each.value)}
    hidden = {value for each in part for value in telling(each.value)} - whole
    said = [repr(answer) for answer in await answers(memos, [each.id for each in held])]
    for each in part:
        key = owner[each.id].key or "\0"  # he named it himself
        said += [str(error).replace(key, "") for error in await refused(memos, each.id, owner[each.id])]
    for text in said:
        assert not [value for value in hidden if value in text], text
    if part and not whole:
        for value in sorted({guess, *(each.value for each in part)}):
            await learn_nothing_by_guessing(memos, value)


async def answers(memos: Memos, ids: Sequence[str]) -> list[object]:
    """What every verb that reads answers."""
    recalled = [await memos.recall(word, path=WARD, limit=100) for word in (*WORDS, "email phone number", "Fine.")]
    past = datetime.now(UTC)
    every: list[object] = [
        *recalled,
        await memos.recall(WORDS[0], path=WARD, at=past),
        await memos.browse(WARD, limit=100),
        await memos.namespaces(WARD),
        await memos.status(),
        await memos.log.news(0),
        await memos.timeline.browse(past, WARD, limit=100),
        await memos.timeline.diff(datetime(2020, 1, 1, tzinfo=UTC), path=WARD, limit=100),
        await memos.timeline.snapshots(WARD),
        await memos.lifecycle.list(list(type(recalled[0].cubes[0].state)) if recalled[0].cubes else (), path=WARD),
        await memos.quarantine.list(WARD),
        await memos.acl.report(path=WARD),
        await memos.audit.query(limit=100),
    ]
    for id in ids:
        every += [
            await memos.get(id),
            await memos.get(id, version=1),
            await memos.history(id),
            await memos.acl.show(id),
        ]
        every += [await memos.timeline.get(id, past), await memos.lifecycle.state(id), await memos.acl.explain(id)]
    return every


async def refused(memos: Memos, id: str, owner: MemCube) -> list[MemosError]:
    """What is said to who tries to change or to open what he sees a part of."""
    user = memos.caller.user
    tries: list[Callable[[], Awaitable[object]]] = [
        lambda: memos.acl.change([id], writers=[user]),
        lambda: memos.timeline.freeze([id]),
        lambda: memos.lifecycle.move([id], "archive"),
        lambda: memos.lifecycle.erase([id], reason="mine"),
        lambda: memos.quarantine.add([id]),
        lambda: memos.forget(id),
        lambda: memos.acl.report(id),
    ]
    if (await memos.get(id)).hidden:
        tries += [partial(memos.update, id, "more", how=how) for how in HOWS]
        tries += [lambda: memos.update(id, tags=["mine"]), lambda: memos.timeline.restore(id, 1)]
        if owner.key:
            tries += [lambda: memos.put(WARD, owner.key or "", text="mine")]
            tries += [lambda: memos.rename({owner.key or "": "mine"}, path=WARD)]
    errors: list[MemosError] = []
    for each in tries:
        with pytest.raises(MemosError) as caught:
            await each()
        errors.append(caught.value)
    return errors


async def learn_nothing_by_guessing(memos: Memos, guess: str) -> None:
    """Whether or not a value is hidden here, who names it is answered alike."""
    asked = await memos.recall(VALUES[guess], path=WARD, limit=100)
    assert asked.cubes == ()
    for source, session, tags in ((guess, "", ()), ("", guess, ()), ("", "", (guess,))):
        page = await memos.browse(WARD, source=source, session=session, tags=tags, limit=1)
        assert (page.cubes, page.after) == ((), 0)
    everything = (await memos.browse(WARD, limit=100)).cubes
    for field in ("text", "tag", "source", "session", "speaker"):
        found = await memos.recall(WORDS[0], path=WARD, where=f'{field}:"{guess}"', limit=100)
        page = await memos.browse(WARD, where=f'{field}:"{guess}"', limit=100)
        assert (found.cubes, found.stopped, page.cubes, page.after) == ((), False, (), 0)
        others = await memos.browse(WARD, where=f'NOT {field}:"{guess}"', limit=100)
        assert others.cubes == everything
    with pytest.raises(MemosError):
        await memos.get(path=WARD, key=guess)
    for number, word in enumerate(WORDS):
        mine = await memos.remember(f"{word} number {number}. {guess}", path=WARD)
        assert mine.repeated == 0
        await memos.forget(mine.ids[0])
