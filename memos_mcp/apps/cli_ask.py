"""`memos ask`: an answer in words, with the memories behind it; `memos feedback`: whether it was good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp.answers import Answer
from memos_mcp.apps import cli_care, cli_timeline, terminal
from memos_mcp.apps import show as shown
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.terminal import Json, Limit, Path_, Where
from memos_mcp.cube import MemCube
from memos_mcp.errors import Unavailable
from memos_mcp.memos import Memos


def ask(
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="What you want to know.")],
    *,
    path: Path_ = None,
    limit: Limit = 10,
    budget: Annotated[int, typer.Option(help="Tokens of memories that the model is sent.")] = 1500,
    at: Annotated[str | None, typer.Option(metavar="MOMENT", help="As it was: a time (UTC) or a snapshot.")] = None,
    where: Where = "",
    turn: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="What you said before; may repeat.")] = None,
    session: Annotated[str | None, typer.Option(help="The one you ask in: what was said there goes as text.")] = None,
    within: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="When the answer is to begin, as far as that is known.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what was searched, and how the model was to be given it.")
    ] = False,
    json: Json = False,
) -> None:
    """Have your chat model answer a question from memories, which it cites."""
    then = None if at is None else cli_timeline.when(at)

    async def work(memos: Memos) -> Answer:
        await memos.settle(cli_care.PATIENCE)
        return await memos.ask(
            " ".join(question),
            path=path,
            limit=limit,
            budget=budget,
            at=then,
            where=where,
            turns=turn or (),
            session=session,
            within=within,
            explain=explain,
        )

    answer = terminal.answer(work, json=json)
    terminal.out(answer, shown_answer, json=json)
    if answer.missing:
        typer.echo(f"memos: {shown.one_line(answer.missing)}", err=True)
        raise typer.Exit(exit_code(Unavailable()))


def shown_answer(answer: Answer) -> RenderableType:
    """The words, then the memories that they cite, or that were learnt; without words, those that were found."""
    if answer.missing:
        return shown.recall(answer.recall)
    rows = Table.grid(padding=(0, 1))
    rows.add_column(justify="right", style="dim")
    rows.add_column()
    behind = answer.sources or _learnt(answer)
    for cube in behind:
        rows.add_row("·", shown.memory(cube))
    by = f"; answered by {answer.model}{_after(answer)}" if answer.model else ""
    unfounded = answer.model and answer.via != "adapter" and not answer.sources
    notes = [*(["it cites no memory"] if unfounded else []), *shown.notes_of(answer.recall)]
    if answer.fallback:
        kept = ("the KV block", answer.recall.prefix), ("the adapter", answer.recall.adapter)
        what = " or ".join(name for name, its in kept if its) or "what is kept"
        notes.append(f"{what} was not used, the memories were sent in words: {answer.fallback}")
    return Group(
        Text(shown.plain(answer.text)),
        *([Text(), rows] if behind else []),
        *shown.explained(answer.recall),
        Text(shown.one_line(f"{answer.recall.summary}{by}"), style="dim"),
        *shown.noted(notes),
    )


def _learnt(answer: Answer) -> Sequence[MemCube]:
    """Of what was found, what the adapter that answered was trained from."""
    if answer.via != "adapter" or answer.recall.adapter is None:
        return ()
    covers = answer.recall.adapter.covers
    return [cube for cube in answer.recall.cubes if cube.id in covers]


def _after(answer: Answer) -> str:
    """What the model had read or learnt before, if it had, and how to say whether the answer was good."""
    prefix, adapter = answer.recall.prefix, answer.recall.adapter
    judge = f"; `memos feedback {answer.to_judge}` with --good or --bad says how that was" if answer.to_judge else ""
    if answer.via == "prefix" and prefix and not answer.reused:
        return f" via prefix {prefix.block}, read now and kept for the next turns{judge}"
    if answer.via == "prefix" and prefix:
        return f" via prefix {prefix.block}, {answer.reused:,} of its {prefix.tokens:,} tokens not read again{judge}"
    if answer.via == "adapter" and adapter:
        return f" via an adapter, trained from {shown.count(len(adapter.sources), 'memory', 'memories')}{judge}"
    return judge


def feedback(
    access: Annotated[str, typer.Argument(metavar="ACCESS", help="Of an answer, as `ask` shows it.")],
    *,
    good: Annotated[bool, typer.Option("--good/--bad", help="Was it?", show_default=False)],
    json: Json = False,
) -> None:
    """Say whether an answer was good: how memories are given to a model is chosen by that."""
    terminal.tell(lambda memos: memos.feedback(access, good=good), lambda _: Text("noted", style="dim"), json=json)
