"""How far a model has come, on a bar that a person sees and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    """So many in a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} a second" if task.speed else "", style="dim")


@contextmanager
def watched(what: str, *, bar: bool) -> Generator[Callable[[int, int], None]]:
    """What is told how many of `what` are done, of how many; nothing is shown before, or without a `bar`."""
    said = TextColumn(f"{{task.completed:,}} of {{task.total:,}} {what}", markup=False)
    columns = (BarColumn(), said, _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not bar) as progress:
        task = progress.add_task("", total=0, visible=False)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of, visible=True)

        yield told
