"""What ends with the program, when nobody ended it before.

A daemon thread may be at work in a library when the interpreter goes, which then aborts; and threads that it starts
are daemons too. So threads of ours are none: they are told here when the program is over, and waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread, main_thread

_ends: dict[Callable[[], None], None] = {}
_watching: list[Thread] = []


def with_the_program(end: Callable[[], None]) -> None:
    """Have `end` called when the main thread is over, once however often it is given.

    The interpreter waits for threads then. A process that was forked calls what its parent gave as well: `end` is to
    see whose thread it would end.
    """
    _ends[end] = None
    if not any(thread.is_alive() for thread in _watching):  # the first, or in a process that was forked
        _watching[:] = [Thread(target=_over, name="memos end", daemon=False)]
        _watching[0].start()


def _over() -> None:
    main_thread().join()
    for end in list(_ends):
        end()
