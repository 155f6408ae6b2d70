"""The contract of AccessLog, check by check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from memos_mcp.accesses import Access, AccessLog, Item, Lines, Stage
from memos_mcp.testing.cubes import PATH, same

AccessLogCheck = Callable[[AccessLog], Awaitable[None]]
TwoAccessLogsCheck = Callable[[AccessLog, AccessLog], Awaitable[None]]

_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_ALL = Lines("ada", (PATH,))


def _access(number: int, **given: str) -> Access:
    at = _NOON + timedelta(minutes=number)
    items = (Item("mem00001", 1, PATH, "owner"),)
    return replace(Access(f"access{number:02}", at, "ada", "recall", "allowed", ("nurse",), items=items), **given)


async def _add(log: AccessLog, *accesses: Access) -> None:
    for each in accesses:
        await log.write(each)


def _ids(found: Sequence[Access]) -> list[str]:
    return [each.id for each in found]


async def _a_line_is_read_as_it_was_written(log: AccessLog) -> None:
    line = replace(
        _access(1),
        context=("app:desk",),
        path="shared/team",
        items=(Item("a", 2, PATH, "reader"), Item("b", 0, "global")),
        request="request1",
        stages=(Stage("lane.words", 3), Stage("lane.vectors", ok=False), Stage("committed", 2, seq=4, upto=5)),
    )
    await _add(log, line)
    same(await log.lines(_ALL), [line], "the line")


async def _lines_are_found_by_what_they_are_about(log: AccessLog) -> None:
    elsewhere = (Item("mem00002", 1, "user/ben"),)
    await _add(
        log,
        _access(0),
        _access(1, user="ben"),
        replace(_access(2, user="ben"), items=elsewhere),
        _access(3, verb="get"),
        replace(_access(4), items=()),
    )
    for which, expected in (
        (replace(_ALL, request="access03"), [3]),
        (_ALL, [0, 1, 3, 4]),
        (Lines("ada", ()), [0, 3, 4]),
        (Lines("ben", ()), [1, 2]),
        (Lines("eve", (PATH,)), [0, 1, 3]),
        (replace(_ALL, verb="get"), [3]),
        (replace(_ALL, caller="ben"), [1]),
        (replace(_ALL, memory="mem00001"), [0, 1, 3]),
        (replace(_ALL, access="access03"), [3]),
        (replace(_ALL, access="access02"), []),
        (replace(_ALL, beneath="user"), [0, 1, 3]),
        (replace(_ALL, beneath="use"), []),
        (replace(_ALL, since=_NOON + timedelta(minutes=1), until=_NOON + timedelta(minutes=4)), [1, 3]),
    ):
        found = _ids(await log.lines(which, oldest_first=True))
        same(found, [f"access{number:02}" for number in expected], f"lines of {which}")


async def _lines_of_a_request_are_found(log: AccessLog) -> None:
    await _add(log, _access(0), _access(1, request="access00"), _access(2, user="ben", request="access00"), _access(3))
    mine = Lines("ada", (), request="access00")
    same(_ids(await log.lines(mine, oldest_first=True)), ["access00", "access01"], "lines of a request")
    (first, *_) = await log.lines(mine, oldest_first=True)
    same(first.request, "access00", "the request of a line that has none")


async def _pages_follow_each_other(log: AccessLog) -> None:
    await _add(log, *(_access(number) for number in range(5)))
    for oldest_first in (False, True):
        found: list[str] = []
        while page := await log.lines(_ALL, after=found[-1] if found else "", limit=2, oldest_first=oldest_first):
            found += _ids(page)
        same(found, [f"access{number:02}" for number in sorted(range(5), reverse=not oldest_first)], "all pages")
    same(await log.lines(_ALL, after="nowhere0"), [], "lines after one that is not there")


async def _reads_are_counted(log: AccessLog) -> None:
    await _add(
        log, _access(1), _access(0), _access(2, verb="get"), _access(3, verb="browse"), _access(4, outcome="denied")
    )
    used = (await log.used(ids=["mem00001", "mem00002"]))["mem00001"]
    same((used.path, used.usage.reads, used.usage.last_read_at), (PATH, 3, _NOON + timedelta(minutes=2)), "the use")
    same(list(await log.used(paths=["user"])), ["mem00001"], "what was used beneath a path")
    same(list(await log.used(paths=["shared"])), [], "what was used elsewhere")


async def _a_rotation_keeps_the_chain(log: AccessLog) -> None:
    await _add(log, *(_access(number) for number in range(6)))
    before = await log.verify()
    same((before.ok, before.lines), (True, 6), "the log")
    for minute, removed, kept in ((0, 0, 6), (2, 2, 4), (5, 3, 1), (60, 1, 0)):
        found = await log.rotate(_NOON + timedelta(minutes=minute))
        same((found.removed, found.kept), (removed, kept), f"a rotation at minute {minute}")
        same(_ids(await log.lines(_ALL)), [f"access{number:02}" for number in range(5, 5 - kept, -1)], "what stays")
        after = await log.verify()
        same((after.ok, after.lines, after.tip), (True, kept, before.tip), "the log after it")
    await _add(log, _access(9))
    same((await log.verify()).ok, True, "the log after a new line")
    same((await log.used(ids=["mem00001"]))["mem00001"].usage.reads, 7, "the reads counted")


async def _a_rotation_keeps_the_last_lines(log: AccessLog) -> None:
    await _add(log, *(_access(number) for number in range(9)))
    tip = (await log.verify()).tip
    for minute, last, kept in ((None, 9, 9), (None, 7, 7), (4, 8, 7), (4, 2, 5), (60, 2, 2), (None, 0, 0)):
        before = None if minute is None else _NOON + timedelta(minutes=minute)
        found = await log.rotate(before, last=last)
        same(found.kept, kept, f"lines that are kept of the last {last} and those since minute {minute}")
        after = await log.verify()
        same((after.ok, after.lines, after.removed, after.tip), (True, kept, 9 - kept, tip), "the log after it")
    same((await log.verify()).cut is None, False, "whether the log says when it was cut")


async def _words_can_be_erased(log: AccessLog) -> None:
    await _add(log, _access(0, said="Where is the ferry?"), _access(1, said="And when?"))
    tip = (await log.verify()).tip
    await log.rotate(_NOON + timedelta(minutes=1), texts_only=True)
    same([(each.id, each.said) for each in await log.lines(_ALL)][1], ("access00", ""), "the line without its words")
    same((await log.verify()).tip, tip, "the end of the chain")
    same((await log.verify()).ok, True, "the chain")


async def _a_chain_value_that_was_noted_is_asked_for(log: AccessLog) -> None:
    await _add(log, _access(0), _access(1))
    noted = (await log.verify()).tip
    await _add(log, _access(2))
    same((await log.verify(noted)).ok, True, "the log with the line that was noted")
    await log.rotate(_NOON + timedelta(minutes=2))
    same((await log.verify(noted)).ok, True, "the log with it as an anchor")
    same((await log.verify(noted[::-1])).ok, False, "a log in which no line has the value")


async def _two_processes_share_one_chain(log: AccessLog, other: AccessLog) -> None:
    for number in range(0, 40, 2):
        await log.write(_access(number))
        await other.write(_access(number + 1))
        if number % 10 == 0:
            await log.lines(_ALL)
            await other.lines(_ALL)
    await log.aclose()
    same(len(await other.lines(_ALL)), 40, "lines of both")
    found = await log.verify()
    same((found.ok, found.lines), (True, 40), "the chain of both")


ACCESS_LOG_CHECKS: tuple[AccessLogCheck, ...] = (
    _a_line_is_read_as_it_was_written,
    _lines_are_found_by_what_they_are_about,
    _lines_of_a_request_are_found,
    _pages_follow_each_other,
    _reads_are_counted,
    _a_rotation_keeps_the_chain,
    _a_rotation_keeps_the_last_lines,
    _words_can_be_erased,
    _a_chain_value_that_was_noted_is_asked_for,
)
"""What every AccessLog does, empty at first."""

TWO_ACCESS_LOGS_CHECKS: tuple[TwoAccessLogsCheck, ...] = (_two_processes_share_one_chain,)
"""The same of two over one store."""
