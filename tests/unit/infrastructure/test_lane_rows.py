"""The rows a lane keeps: numbered alike in every process, current ones with neighbours, and back from segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from memos_mcp.cube import Interval, MemCube, Origin, Ref
from memos_mcp.errors import Corrupt
from memos_mcp.infrastructure.authors import author_of
from memos_mcp.infrastructure.rows import Rows
from memos_mcp.infrastructure.views import Followed
from memos_mcp.ports import Action, Event, Where
from memos_mcp.testing import a_cube
from memos_mcp.testing.cubes import SOME_DAY

PATHS = ("user/ada",)


def turn(speaker: str = "Ada", session: str | None = "s", path: str = "user/ada", model: str | None = None) -> MemCube:
    return a_cube("text", path, origin=Origin(speaker=speaker, session=session, model=model))


def line(seq: int, cube: MemCube, action: Action = "remember", *, gone: bool = False) -> Event:
    held = None if gone or action == "forget" else cube
    return Event(seq, SOME_DAY, action, cube.id, cube.version, cube.path, "ada", cube=held)


def newer(cube: MemCube) -> MemCube:
    return cube.model_copy(update={"version": cube.version + 1})


def rows_of(events: Sequence[Event]) -> Rows:
    rows = Rows()
    for event in events:
        rows.follow(event)
    return rows


def neighbours(cubes: Sequence[MemCube], *paths: str) -> list[tuple[int, int]]:
    rows = rows_of([line(seq, cube) for seq, cube in enumerate(cubes, 1)])
    view = rows.view(rows.paths_under(paths or PATHS), Where(PATHS))
    return [(int(b), int(a)) for b, a in zip(view.before, view.after, strict=True)]


@pytest.mark.parametrize(
    ("origin", "author"),
    [
        (Origin(), "user"),
        (Origin(speaker="Ada"), "Ada"),
        (Origin(speaker=" Ada "), "Ada"),
        (Origin(speaker="User"), "user"),
        (Origin(speaker="human", source_class="tool"), "user"),
        (Origin(speaker="ASSISTANT"), "assistant"),
        (Origin(speaker="bot"), "assistant"),
        (Origin(source_class="web"), "web"),
        (Origin(speaker="  ", source_class="tool"), "tool"),
    ],
)
def test_an_author_is_a_name_or_a_part(origin: Origin, author: str) -> None:
    assert author_of(origin) == author


def test_neighbours_are_turns_of_others_beside_it_in_its_session() -> None:
    assert neighbours([turn(), turn("Ben"), turn(), turn()]) == [(-1, 1), (0, 2), (1, -1), (-1, -1)]


def test_sessions_that_mix_in_the_log_are_kept_apart() -> None:
    cubes = [turn(), turn("Ada", "t"), turn("Ben"), turn("Ben", "t")]
    assert neighbours(cubes) == [(-1, 2), (-1, 3), (0, -1), (1, -1)]


def test_what_has_no_session_or_was_made_by_a_model_has_no_neighbours() -> None:
    assert neighbours([turn(session=None), turn("Ben", None)]) == [(-1, -1)] * 2
    assert neighbours([turn(), turn("Ben", model="m"), turn("Cyd")]) == [(-1, 2), (-1, -1), (0, -1)]


def test_what_lies_elsewhere_is_no_neighbour() -> None:
    cubes = [turn(), turn("Ben", path="user/ada/work"), turn("Cyd")]
    assert neighbours(cubes, "user/ada/work") == [(-1, -1)] * 3
    assert neighbours(cubes) == [(-1, 1), (0, 2), (1, -1)]


def test_a_new_version_stands_where_the_memory_stood() -> None:
    cubes = [turn(), turn("Ben"), turn("Cyd")]
    events = [line(seq, cube) for seq, cube in enumerate(cubes, 1)]
    view = rows_of([*events, line(4, newer(cubes[1]), "update")]).view(PATHS, Where(PATHS))
    assert view.shown.tolist() == [True, False, True, True]
    assert (view.before.tolist(), view.after.tolist()) == ([-1, -1, 3, 0], [3, -1, -1, 2])
    assert view.count == 3


def test_paths_are_not_prefixes_of_names() -> None:
    rows = rows_of([line(n, turn(path=path)) for n, path in enumerate(["user/ada", "user/adam", "user/ada/x"], 1)])
    assert rows.paths_under(["user/ada"]) == ("user/ada", "user/ada/x")
    assert rows.paths_under(["user/ada/x", "user/ada"]) == ("user/ada", "user/ada/x")
    assert rows.paths_under(["user/ad", "use", ""]) == ()
    assert rows.view(rows.paths_under(["user/ada/x"]), Where(("user/ada/x",))).count == 1
    assert rows.view((), Where(())).count == 0


def test_a_forgotten_memory_keeps_its_rows_and_is_not_current() -> None:
    cube = turn()
    rows = rows_of([line(1, cube), line(2, newer(cube), "update"), line(3, turn("Ben"))])
    assert rows.follow(line(4, cube, "forget")) == Followed(forgotten=[0, 1])
    assert (len(rows), rows.row_of(cube.id), rows.seq) == (3, None, 4)
    assert rows.view(PATHS, Where(PATHS)).shown.tolist() == [False, False, True]
    assert rows.follow(line(5, turn("Nobody"), "forget")) == Followed(forgotten=[])


def test_a_version_forgotten_before_it_was_read_has_a_row_that_is_never_shown() -> None:
    cube = turn()
    rows = rows_of([line(1, cube, gone=True), line(2, newer(cube), "update", gone=True), line(3, turn())])
    assert rows.view(PATHS, Where(PATHS)).shown.tolist() == [False, False, True]
    rows.follow(line(4, cube, "forget"))
    assert rows.row_of(cube.id) is None
    assert rows.author(0) == ""


def test_only_the_current_version_in_the_mask_is_shown() -> None:
    cube = turn()
    rows = rows_of([line(1, cube), line(2, newer(cube), "update")])
    every, none = np.ones(2, np.bool_), np.zeros(2, np.bool_)
    found = [rows.shown(ref, every) for ref in (Ref(id=cube.id), cube.ref, newer(cube).ref, Ref(id="nobody"))]
    assert found == [1, None, 1, None]
    assert rows.shown(Ref(id=cube.id), none) is None


def test_a_sighting_moves_the_position_only() -> None:
    rows = rows_of([line(1, turn())])
    assert rows.follow(line(7, turn(), "sight")) == Followed()
    assert (len(rows), rows.seq) == (1, 7)


def test_what_holds_or_was_said_in_an_interval() -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    cubes = [
        a_cube(origin=Origin(said_at=day)),
        a_cube(origin=Origin(said_at=day + timedelta(days=1))),
        a_cube(origin=Origin(said_at=day)).model_copy(update={"valid": Interval(end=day - timedelta(days=9))}),
        a_cube().model_copy(update={"valid": Interval(start=day - timedelta(days=9))}),
        a_cube().model_copy(update={"valid": Interval()}),
        a_cube(),
    ]
    rows = rows_of([line(seq, cube) for seq, cube in enumerate(cubes, 1)])
    whole = Interval(start=day, end=day + timedelta(days=1))
    assert rows.within(whole).tolist() == [True, False, False, True, True, False]
    assert rows.within(Interval()).all()
    assert rows.within(Interval(start=day + timedelta(days=1))).tolist() == [False, True, False, True, True, True]
    assert rows.within(Interval(end=day)).tolist() == [False, False, True, True, True, False]


def story() -> list[Event]:
    cubes = [turn("Ada Ben Cyd".split()[n % 3], f"s{n // 4}", f"user/ada{'/x' * (n % 2)}") for n in range(12)]
    events = [line(seq, cube) for seq, cube in enumerate(cubes, 1)]
    return [
        *events,
        line(13, newer(cubes[2]), "update"),
        line(14, cubes[2], "forget"),
        line(15, newer(cubes[7]), "update"),
        line(16, turn("Dan", "s1")),
        line(17, cubes[9], "forget"),
    ]


@pytest.mark.parametrize("cuts", [(17,), (6, 17), (1, 13, 14, 17), tuple(range(1, 18))])
def test_rows_come_back_from_segments_however_they_are_cut(cuts: tuple[int, ...]) -> None:
    rows, again = rows_of(story()), Rows()
    for after, upto in zip((0, *cuts), cuts, strict=False):
        again.load(rows.export(after, upto), upto)
    assert (again.seq, len(again)) == (17, len(rows))
    for name in ("since", "until", "version", "slot", "place", "session", "author", "begin", "end"):
        np.testing.assert_array_equal(again.column(name), rows.column(name), name)
    subjects = {event.subject for event in story()} | {rows.named(row)[0] for row in range(len(rows))}
    assert {s: again.row_of(s) for s in subjects} == {s: rows.row_of(s) for s in subjects}


def test_rows_loaded_then_followed_are_as_rows_that_followed_all() -> None:
    events = story()
    rows, again = rows_of(events), Rows()
    again.load(rows_of(events[:8]).export(0, 8), 8)
    for event in events[8:]:
        again.follow(event)
    for paths in (PATHS, ("user/ada/x",)):
        one, other = (each.view(each.paths_under(paths), Where(tuple(paths))) for each in (rows, again))
        np.testing.assert_array_equal(one.shown, other.shown)
        np.testing.assert_array_equal(one.before, other.before)


def test_a_segment_that_does_not_follow_is_refused() -> None:
    rows = rows_of(story())
    with pytest.raises(Corrupt, match="gap"):
        Rows().load(rows.export(5, 17), 17)
