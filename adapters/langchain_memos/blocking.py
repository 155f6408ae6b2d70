"""How what is written for an event loop runs without one, on the face of a client that waits for none."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def ended(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns or raises that waits for nothing: it runs to its end here and now, in this thread."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("this was to wait for nothing, but it waited")
