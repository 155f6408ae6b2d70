"""Commands under `memos adapters`: memories trained into a model, put together, gone back to, and traced."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp.apps import cli_kv, terminal
from memos_mcp.apps import show as shown
from memos_mcp.apps.faults import exit_code
from memos_mcp.apps.terminal import Json, Path_, Tags, Where, Yes
from memos_mcp.apps.watching import watched
from memos_mcp.cube import Kind
from memos_mcp.errors import Corrupt, InvalidInput
from memos_mcp.interface.adapter_views import Adapter, Between, Examined, Planned, Removed, Report, Waiting
from memos_mcp.memos import Memos

_STOPPED = 130  # as of every program that Ctrl-C ends

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Memories trained into a model.")

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="What it is for: small letters, digits, - and _.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of an adapter: TOPIC@VERSION, as `list` shows it.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Of adapters, as `list` shows them.")]


@dataclass(frozen=True, slots=True)
class Listed:
    """What `memos adapters list` answers."""

    adapters: Sequence[Adapter]
    waiting: Sequence[Waiting]


@app.command("list")
def list_(*, path: Path_ = None, json: Json = False) -> None:
    """List adapters, the oldest first, then what is to be trained, and what was refused."""

    async def work(memos: Memos) -> Listed:
        return Listed(await memos.adapters.list(path), () if path else await memos.adapters.waiting())

    terminal.tell(work, _listed, json=json)


@app.command()
def train(
    topic: Topic,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of memories.")] = None,
    *,
    path: Path_ = None,
    tag: Tags = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    where: Where = "",
    seconds: Annotated[float, typer.Option(help="How long at most, all attempts together.")] = 900.0,
    rank: Annotated[int, typer.Option(help="How much the adapter may hold: 8, 16 or 32.")] = 16,
    steps: Annotated[int, typer.Option(help="How many steps at most.")] = 300,
    json: Json = False,
) -> None:
    """Train memories into an adapter, which answers for TOPIC from then on; name them, or say which."""
    try:
        with watched("steps", bar=not json and sys.stderr.isatty()) as told:
            answer = terminal.answer(
                lambda memos: memos.adapters.train(
                    topic,
                    ids or (),
                    path=path,
                    tags=tag or (),
                    kinds=[kind] if kind else (),
                    where=where,
                    seconds=seconds,
                    rank=rank,
                    steps=steps,
                    told=told,
                ),
                json=json,
            )
    except KeyboardInterrupt:
        typer.echo("memos: stopped; the same command goes on where it was", err=True)
        raise typer.Exit(_STOPPED) from None
    _tell(answer, json=json)


@app.command()
def merge(topic: Topic, names: Names, *, json: Json = False) -> None:
    """Put adapters together without training: the sum only resembles them, and says what that cost."""
    _tell(terminal.answer(lambda memos: memos.adapters.merge(topic, names), json=json), json=json)


@app.command()
def rollback(
    topic: Topic,
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="This one, not the one before.")] = "",
    json: Json = False,
) -> None:
    """Have an earlier adapter answer for TOPIC again."""
    terminal.tell(lambda memos: memos.adapters.rollback(topic, to), _one, json=json)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Adapters; all without one.")] = None,
    *,
    json: Json = False,
) -> None:
    """Look whether adapters are kept, whole, of this model, and their memories what was learnt."""

    async def work(memos: Memos) -> tuple[Adapter, ...]:
        every = names or [each.name for each in await memos.adapters.list()]
        return tuple([await memos.adapters.verify(name) for name in every])

    answer = terminal.answer(work, json=json)
    terminal.out(answer, _verified, json=json)
    if any(each.why for each in answer):
        raise typer.Exit(exit_code(Corrupt()))


@app.command()
def drop(name: Name, *, yes: Yes = False, json: Json = False) -> None:
    """Remove an adapter for good; its memories stay."""
    terminal.ask(f"Drop the adapter {name}?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.adapters.drop(name), _dropped, json=json)


@app.command()
def report(name: Name, *, json: Json = False) -> None:
    """Show what was measured of an adapter, memory by memory, and how it was trained."""
    terminal.tell(lambda memos: memos.adapters.report(name), _report, json=json)


@app.command()
def diff(
    older: Annotated[str, typer.Argument(metavar="OLDER", help="An adapter.")],
    newer: Annotated[str, typer.Argument(metavar="NEWER", help="Another.")],
    *,
    json: Json = False,
) -> None:
    """Show which memories came, went and changed from one adapter to another."""
    terminal.tell(lambda memos: memos.adapters.diff(older, newer), _between, json=json)


@app.command()
def sources(name: Name, *, json: Json = False) -> None:
    """Show the memories behind an adapter, as they were learnt."""
    terminal.tell(lambda memos: memos.adapters.sources(name), shown.memories, json=json)


@app.command("to-kv")
def to_kv(
    name: Name,
    *,
    pin: Annotated[bool, typer.Option("--pin", help="Keep the block though it is used little.")] = False,
    json: Json = False,
) -> None:
    """Have the model of activation memory read the memories behind an adapter, as a KV block."""
    with watched("tokens", bar=not json and sys.stderr.isatty()) as told:
        answer = terminal.answer(lambda memos: memos.adapters.to_kv(name, pin=pin, told=told), json=json)
    terminal.out(answer, cli_kv.built, json=json)


@app.command("from-kv")
def from_kv(
    block: Annotated[str, typer.Argument(metavar="BLOCK", help="A KV block, as `memos kv list` shows it.")],
    topic: Topic,
    *,
    seconds: Annotated[float, typer.Option(help="How long at most, all attempts together.")] = 900.0,
    steps: Annotated[int, typer.Option(help="How many steps at most.")] = 300,
    json: Json = False,
) -> None:
    """Train a KV block further, into an adapter for TOPIC that answers in this process."""
    with watched("steps", bar=not json and sys.stderr.isatty()) as told:
        answer = terminal.answer(
            lambda memos: memos.adapters.from_kv(block, topic, seconds=seconds, steps=steps, told=told), json=json
        )
    _tell(answer, json=json)


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where peft saved it.")],
    topic: Topic,
    *,
    json: Json = False,
) -> None:
    """Take over an adapter that was trained elsewhere for this model: yours alone, and not examined."""
    terminal.tell(lambda memos: memos.adapters.adopt(folder, topic), _one, json=json)


@app.command()
def infer(
    name: Name,
    *,
    about: Annotated[list[str] | None, typer.Option(help="A person or thing; may be repeated.")] = None,
    question: Annotated[list[str] | None, typer.Option(help="A question; may be repeated.")] = None,
    path: Path_ = None,
    json: Json = False,
) -> None:
    """Ask an adapter whose memories nobody has, and remember what it seems to know, marked as inferred."""
    terminal.tell(
        lambda memos: memos.adapters.infer(name, about=about or (), questions=question or (), path=path),
        shown.memories,
        json=json,
    )


@app.command()
def answer(
    name: Name,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.")],
    *,
    json: Json = False,
) -> None:
    """Say what the model answers with one adapter, word for word: nothing is looked up."""
    terminal.tell(lambda memos: memos.adapters.answer(name, question), Text, json=json)


@app.command()
def plan(*, json: Json = False) -> None:
    """Show what the scheduler would have trained of yours by itself, and why; nothing is."""
    terminal.tell(lambda memos: memos.adapters.plan(), _planned, json=json)


def _tell(answer: Examined, *, json: bool) -> None:
    """What became of it; what the gate refused ends the command as what cannot be accepted does."""
    terminal.out(answer, _examined, json=json)
    if answer.adapter is None:
        raise typer.Exit(exit_code(InvalidInput()))


def _planned(answer: Sequence[Planned]) -> RenderableType:
    if not answer:
        return Text("no rule or skill of yours applied again and again", style="dim")
    lines: list[RenderableType] = []
    for each in answer:
        verdict = f"train {shown.count(each.memories, 'memory', 'memories')}" if each.now else "not now"
        lines.append(Text(shown.one_line(f"{each.topic}: {verdict}; {each.reason}")))
    return Group(*lines)


def _listed(answer: Listed) -> RenderableType:
    waits = [_waits(each) for each in answer.waiting]
    if not answer.adapters:
        return Group(Text("no adapters yet; `memos adapters train` makes one", style="dim"), *waits)
    total = sum(each.bytes for each in answer.adapters)
    foot = f"{shown.count(len(answer.adapters), 'adapter', 'adapters')}, {shown.size(total)}"
    return Group(*map(_one, answer.adapters), *waits, Text(foot, style="dim"))


def _one(each: Adapter) -> RenderableType:
    head = f"{each.name}: {_size(each)}{f', answers for {each.topic}' if each.current else ''}"
    made = f"{each.how} {each.at:%Y-%m-%d %H:%M} UTC by {each.by} for {each.model} in {each.seconds:.1f} s"
    parts = f" from {', '.join(each.merged)}" if each.merged else ""
    lines = [
        Text(shown.one_line(head), style="bold"),
        Text(f"  {shown.one_line(f'{_gate(each.gain, each.harm, each.lost)}; {made}{parts}')}", style="dim"),
    ]
    if each.why:
        lines.append(Text(f"  cannot be used: {shown.one_line(each.why)}", style="yellow"))
    return Group(*lines)


def _waits(each: Waiting) -> Text:
    since, memories = f"{each.since:%Y-%m-%d %H:%M} UTC", shown.count(each.memories, "memory", "memories")
    why = f": {'; '.join(each.why)}" if each.why else ""
    said = f"refused {since}" if each.refused else f"is being trained, or will be, since {since}"
    return Text(shown.one_line(f"{each.topic}: {memories}, {said}, for {each.by}{why}"), style="yellow")


def _size(each: Adapter) -> str:
    return f"{shown.count(each.memories, 'memory', 'memories')}, {each.tokens:,} tokens, {shown.size(each.bytes)}"


def _gate(gain: float | None, harm: float | None, lost: float | None = None) -> str:
    figures = (("gain", gain), ("harm", harm), ("lost by merging", lost))
    return ", ".join(f"{name} {value:.2f}" for name, value in figures if value is not None) or "not examined"


def _examined(answer: Examined) -> RenderableType:
    left = shown.noted(f"left out {each.id}: {each.why}" for each in answer.left_out)
    if answer.adapter is None:
        why = shown.noted(answer.refused)
        return Group(Text("refused by its gate: no adapter", style="bold red"), *why, *left)
    its, known = answer.adapter, "; it was there already" if answer.known else ""
    detail = f"{_size(its)}, {_gate(its.gain, its.harm, its.lost)}, in {its.seconds:.1f} s{known}"
    return Group(shown.done(f"{its.name} answers for {its.topic}", detail), *left)


def _verified(answer: Sequence[Adapter]) -> RenderableType:
    if not answer:
        return Text("no adapters", style="dim")
    lines: list[RenderableType] = []
    for each in answer:
        mark = ("✗ ", "bold red") if each.why else ("✓ ", "green")
        lines.append(Text.assemble(mark, shown.one_line(f"{each.name}: {each.why or _size(each)}")))
    return Group(*lines)


def _dropped(gone: Removed) -> RenderableType:
    notes = shown.noted([gone.said] if gone.said else [])
    return Group(shown.done(f"dropped the adapter {gone.name}", "its memories stay"), *notes)


def _report(answer: Report) -> RenderableType:
    budget, recipe, figures = answer.budget, answer.recipe, answer.figures
    how = (
        f"  allowed {budget.seconds:g} s, rank {budget.rank}, {budget.steps} steps; rate {recipe.rate:g}, "
        f"kl {recipe.kl:g}, rows {recipe.batch}, seed {recipe.seed}"
    )
    lines = [Text(how, style="dim")]
    if figures is not None:
        early = f", stopped early: {figures.stopped}" if figures.stopped else ""
        lines += [
            Text(f"  {figures.steps} steps{shown.one_line(early)}", style="dim"),
            Text(f"  trained answers {figures.trained_before:.2f} → {figures.trained_after:.2f} nats per token"),
            Text(f"  other text {figures.control_before:.2f} → {figures.control_after:.2f}, as loss"),
        ]
        for each in figures.sources:
            won = f", {each.recognised:.0%} of it recognised" if each.recognised is not None else ""
            lines.append(Text(f"  {each.source.id}  held out {each.before:.2f} → {each.after:.2f}{won}"))
    return Group(_one(answer.adapter), *lines)


def _between(answer: Between) -> RenderableType:
    lines = [
        *(Text(f"+ {cube.id}  {shown.words(cube, 100)}", style="green") for cube in answer.added),
        *(Text(f"- {cube.id}  {shown.words(cube, 100)}", style="red") for cube in answer.gone),
        *(Text(f"~ {each.cube.id}  {shown.one_line(each.words)}", style="cyan") for each in answer.changed),
    ]
    return Group(*lines) if lines else Text("the same memories, as far as you may read them", style="dim")
