import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import numpy as np
import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.models.paced import AT_ONCE, Paced, batches


@dataclass
class Slow:
    """A model that waits inside its first batch until it may go on, and notes what it was given."""

    id: str = "slow@1"
    dimension: int = 1
    given: list[str] = field(default_factory=list[str])
    busy: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [AT_ONCE] * len(texts)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given.append(texts[0])
        self.busy.set()
        assert self.go_on.wait(5)
        return np.ones((len(texts), 1), np.float32)


@pytest.mark.anyio
async def test_a_question_waits_for_one_batch_of_what_is_being_indexed() -> None:
    model = Slow()
    embedder = Paced(lambda: model)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(embedder.embed, ["a1", "a2", "a3", "a4"])
            await to_thread.run_sync(model.busy.wait, 5)
            group.start_soon(embedder.embed, ["b1", "b2", "b3", "b4"])
            group.start_soon(embedder.embed, ["question"])
            await anyio.wait_all_tasks_blocked()
            model.go_on.set()
    assert model.given == ["a1", "question", "a2", "a3", "a4", "b1", "b2", "b3", "b4"]


@pytest.mark.anyio
async def test_two_first_uses_open_the_model_once() -> None:
    opened: list[Slow] = []

    def open_it() -> Slow:
        opened.append(Slow())
        return opened[-1]

    embedder = Paced(open_it)
    async with anyio.create_task_group() as group:
        group.start_soon(embedder.load)
        group.start_soon(embedder.load)
    assert len(opened) == 1


@pytest.mark.anyio
async def test_a_model_that_could_not_be_opened_is_tried_again() -> None:
    tries = iter([Misconfigured("no model"), None])

    def open_it() -> Slow:
        if (error := next(tries)) is not None:
            raise error
        return Slow()

    embedder = Paced(open_it)
    with pytest.raises(Misconfigured):
        await embedder.embed(["tea"])
    assert await embedder.load() == ("slow@1", 1)


@given(st.lists(st.integers(0, 600)))
def test_every_text_is_in_one_batch_and_batches_are_small(lengths: list[int]) -> None:
    made = batches(lengths)
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= AT_ONCE for batch in made)
