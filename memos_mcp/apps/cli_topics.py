"""Commands under `memos topics`: what memories are about, as a tree; labels confirmed or denied; summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree as Drawn

from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.terminal import Expect, Id, Json, Path_, Reason
from memos_mcp.cube import MemCube
from memos_mcp.interface.topics import Gathered, Tree
from memos_mcp.interface.topics_summary import Summary
from memos_mcp.operation.annotating import Annotation
from memos_mcp.operation.topic_tree import Concept, Fact, Topic

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What memories are about: tree, labels, summaries.")

Name = Annotated[str, typer.Argument(metavar="TOPIC", help="A topic, a tag, or the name of a cluster.")]


@app.command()
def tree(
    topic: Annotated[str, typer.Argument(metavar="[TOPIC]", help="Of this topic alone.")] = "",
    *,
    path: Path_ = None,
    depth: Annotated[int, typer.Option(help="1: topics, 2: concepts, 3: facts.")] = 2,
    breadth: Annotated[int, typer.Option(help="How many concepts, and facts of each.")] = 10,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many topics at most.")] = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """Show topics, the concepts of each, and the memories that state something of them."""
    terminal.tell(
        lambda memos: memos.topics.tree(path, topic=topic, depth=depth, breadth=breadth, limit=limit, after=after),
        _tree,
        json=json,
    )


@app.command()
def clusters(*, path: Path_ = None, json: Json = False) -> None:
    """Show what has no topic, put together by what it shares."""
    terminal.tell(lambda memos: memos.topics.clusters(path), _clusters, json=json)


@app.command()
def show(id: Id, *, json: Json = False) -> None:
    """Show what is noted of a memory: tags, predicted topics, source, credibility, sentiment."""
    terminal.tell(lambda memos: memos.topics.annotate(id), _noted, json=json)


@app.command()
def confirm(id: Id, topic: Name, *, expect: Expect = None, reason: Reason = "", json: Json = False) -> None:
    """Make a topic a tag of a memory."""
    terminal.tell(lambda memos: memos.topics.confirm(id, topic, expect=expect, reason=reason), _tagged, json=json)


@app.command()
def deny(id: Id, topic: Name, *, expect: Expect = None, reason: Reason = "", json: Json = False) -> None:
    """Say that a memory is not about a topic; it is not predicted again."""
    terminal.tell(lambda memos: memos.topics.deny(id, topic, expect=expect, reason=reason), _tagged, json=json)


@app.command()
def summarise(topic: Name, *, path: Path_ = None, reason: Reason = "", json: Json = False) -> None:
    """Sum up what is about a topic, as a memory that leads back to its sources; again: anew."""
    terminal.tell(lambda memos: memos.topics.summarise(topic, path, reason=reason), _summary, json=json)


@app.command()
def summaries(*, path: Path_ = None, json: Json = False) -> None:
    """List summaries, and which of them are out of date."""
    terminal.tell(lambda memos: memos.topics.summaries(path), _summaries, json=json)


def _tree(answer: Tree) -> RenderableType:
    lines: list[RenderableType] = [_topic(topic) for topic in answer.topics]
    more = f"; go on with --after {answer.after}" if answer.after else ""
    read = f"the newest {answer.memories:,}" if answer.partly else f"{answer.memories:,}"
    foot = f"{read} memories under {', '.join(answer.paths)}, {answer.loose} of them without a topic{more}"
    return Group(*lines, Text(shown.one_line(foot), style="dim"))


def _topic(topic: Topic) -> Drawn:
    how = "cluster" if topic.cluster else f"{topic.tagged} tagged" if topic.tagged else "predicted"
    drawn = Drawn(_line(f"{topic.name}  {topic.memories}", how, "bold"))
    for concept in topic.concepts:
        _concept(drawn, concept)
    left = topic.all_concepts - len(topic.concepts) if topic.concepts else 0
    if left:
        drawn.add(Text(f"{left} more: --breadth", style="dim"))
    return drawn


def _concept(drawn: Drawn, concept: Concept) -> None:
    branch = drawn.add(_line(f"{concept.name}  {concept.memories}", concept.kind, "cyan"))
    for fact in concept.facts:
        branch.add(_fact(fact))


def _fact(fact: Fact) -> Text:
    return _line(f"{fact.id}  {fact.text}", fact.layer, "")


def _line(said: str, note: str, style: str) -> Text:
    return Text(shown.one_line(said), style=style).append(f"  {shown.one_line(note)}", style="dim")


def _clusters(answer: Sequence[Gathered]) -> RenderableType:
    lines: list[RenderableType] = []
    for each in answer:
        drawn = Drawn(_line(f"{each.name}  {each.memories}", "cluster", "bold"))
        for fact in each.facts:
            drawn.add(_fact(fact))
        lines.append(drawn)
    return Group(*lines) if lines else Text("no clusters: what has no topic shares nothing", style="dim")


def _noted(noted: Annotation) -> RenderableType:
    source = " from ".join(part for part in (noted.source_class, noted.source) if part)
    rows = (
        ("tags", ", ".join(noted.tags)),
        ("predicted", ", ".join(noted.topics)),
        ("denied", ", ".join(noted.denied)),
        ("source", source),
        ("credibility", f"{noted.credibility}: {'; '.join(noted.because)}"),
        ("sentiment", noted.sentiment),
        ("layer", noted.layer),
    )
    return Group(*(Text(f"{name:<12} {shown.one_line(value)}") for name, value in rows if value))


def _tagged(cube: MemCube) -> RenderableType:
    return shown.done(f"{cube.id} is at version {cube.version}", f"tags {', '.join(cube.tags) or 'none'}")


def _summary(made: Summary) -> RenderableType:
    head = shown.done(f"{made.cube.id} is at version {made.cube.version}", "memos trace shows its sources")
    left = [Text(f"left out, as other rules hold: {made.left_out}", style="yellow")] if made.left_out else []
    return Group(head, *(Text(shown.one_line(line)) for line in made.cube.text.splitlines()), *left)


def _summaries(found: Sequence[Summary]) -> RenderableType:
    lines = [
        _line(f"{each.cube.id}  {each.of}  {len(each.sources)} sources", ", ".join(each.stale) or "up to date", "")
        for each in found
    ]
    return Group(*lines) if lines else Text("no summaries: memos topics summarise TOPIC makes one", style="dim")
