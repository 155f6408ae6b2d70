"""The command `memos`: the verbs of `Memos` for a person and for scripts.

Every command takes `--json` (one JSON value on standard output, nothing else); the exit code comes from the error tree.
"""

from __future__ import annotations

import io
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import RenderableType

from memos_mcp.answers import Page, Recall
from memos_mcp.apps import (
    cli_acl,
    cli_adapters,
    cli_ask,
    cli_audit,
    cli_branch,
    cli_care,
    cli_consolidation,
    cli_delivery,
    cli_graph,
    cli_hook,
    cli_import,
    cli_install,
    cli_kv,
    cli_lifecycle,
    cli_model,
    cli_privacy,
    cli_quarantine,
    cli_schedule,
    cli_serve,
    cli_timeline,
    cli_token,
    cli_topics,
    cli_trace,
    terminal,
)
from memos_mcp.apps import show as shown
from memos_mcp.apps.terminal import Expect, Expires, Id, Json, Limit, Path_, Reason, Tags, Where, Yes
from memos_mcp.cube import Kind, SourceClass
from memos_mcp.interface.recording import request
from memos_mcp.interface.update import Edit
from memos_mcp.memos import Memos
from memos_mcp.ports import How
from memos_mcp.version import __version__

_OF_BRANCHES = (
    *("remember", "recall", "ask", "list", "show", "history", "update", "put", "forget", "namespaces", "status"),
    *("timeline", "lifecycle", "topics"),
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line. A character that the terminal cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="memos")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def top(
    context: typer.Context,
    *,
    branch: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Ask and change this what-if branch, not the original.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Its number.")] = False,
) -> None:
    """Remember, recall, govern and trace memories."""
    if branch is not None and context.invoked_subcommand not in _OF_BRANCHES:
        verbs = ", ".join(_OF_BRANCHES)
        raise typer.BadParameter(f"{context.invoked_subcommand} is not of a branch; {verbs} are", param_hint="--branch")
    terminal.on_branch(branch)
    if context.invoked_subcommand != "serve":  # there, each message is one
        context.with_resource(request())


@app.command()
def demo(*, json: Json = False) -> None:
    """Try everything in a few seconds, away from your memories."""
    from memos_mcp.apps import demo as tour  # the MCP client takes half a second to load: not for every command

    def tell(step: tour.Step) -> None:
        if not json:
            terminal.display(step.shown())

    terminal.out(terminal.guarded(lambda: anyio.run(tour.demo, tell), json=json), tour.next_steps, json=json)


@app.command()
def remember(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT|-", help="What to remember; - reads it.")] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A conversation (JSON), Markdown or text.")] = None,
    path: Path_ = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it.")] = None,
    session: Annotated[str | None, typer.Option(help="Conversation it belongs to.")] = None,
    said_at: Annotated[
        datetime | None, typer.Option(parser=terminal.moment, metavar="TIME", help="When it was said (UTC).")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="What it is, if not what it looks like.")] = None,
    tag: Tags = None,
    source: Annotated[str, typer.Option(help="Name of where it comes from; the file's own, if there is one.")] = "",
    source_class: Annotated[
        SourceClass, typer.Option("--class", help="Who it comes from: only you may give orders.")
    ] = "user",
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Store what a text says; a repetition is only counted."""
    content = terminal.guarded(lambda: terminal.content_of(text or [], file), json=json)
    terminal.tell(
        lambda memos: memos.remember(
            content,
            path=path,
            source=source or (file.name if file else ""),
            source_class=source_class,
            uri=file.absolute().as_uri() if file else None,
            speaker=speaker,
            session=session,
            said_at=said_at,
            kind=kind,
            tags=tag or (),
            expires=expires,
        ),
        shown.remembered,
        json=json,
    )


@app.command()
def recall(
    question: Annotated[
        list[str] | None, typer.Argument(metavar="[QUESTION]", help="A question or a few words; --where may have them.")
    ] = None,
    *,
    path: Path_ = None,
    limit: Limit = 10,
    budget: Annotated[int, typer.Option(help="Tokens of context to pack (in --json).")] = 1500,
    at: Annotated[str | None, typer.Option(metavar="MOMENT", help="As it was: a time (UTC) or a snapshot.")] = None,
    where: Where = "",
    turn: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="What you said before; may repeat.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what was searched, and in which order.")] = False,
    json: Json = False,
) -> None:
    """Find the memories that answer a question, best first."""
    then = None if at is None else cli_timeline.when(at)

    async def work(memos: Memos) -> Recall:
        await memos.settle(cli_care.PATIENCE)  # this process ends with the answer: no later one would be better
        return await memos.recall(
            " ".join(question or ()),
            path=path,
            limit=limit,
            budget=budget,
            at=then,
            where=where,
            turns=turn or (),
            explain=explain,
        )

    terminal.tell(work, shown.recall, json=json)


@app.command("list")
def browse(
    *,
    path: Path_ = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    tag: Tags = None,
    where: Where = "",
    limit: Limit = 20,
    after: Annotated[int, typer.Option(help="Go on after the last page, which says the number.")] = 0,
    json: Json = False,
) -> None:
    """List memories, newest first."""

    def page(answer: Page) -> RenderableType:
        return shown.page(answer, whole=not sys.stdout.isatty())

    terminal.tell(
        lambda memos: memos.browse(
            path, kinds=[kind] if kind else (), tags=tag or (), where=where, limit=limit, after=after
        ),
        page,
        json=json,
    )


@app.command()
def show(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of a memory.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="Key it was put under, instead of its id.")] = None,
    path: Path_ = None,
    version: Annotated[int | None, typer.Option(help="An earlier version.")] = None,
    json: Json = False,
) -> None:
    """Show everything about one memory."""
    terminal.tell(lambda memos: memos.get(id, path=path, key=key, version=version), shown.cube, json=json)


@app.command()
def history(id: Id, *, json: Json = False) -> None:
    """Show every change of a memory, oldest first: [-what went-] and {+what came+}."""
    terminal.tell(lambda memos: memos.history(id), shown.history, json=json)


@app.command()
def update(
    id: Id,
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT|-", help="The new words; - reads them.")] = None,
    *,
    how: Annotated[How, typer.Option(help="Replace the words, add a line, or add what is new.")] = "overwrite",
    replace: Annotated[
        tuple[str, str], typer.Option(metavar="OLD NEW", help="A passage and what comes in its place.")
    ] = ("", ""),
    remove: Annotated[list[str] | None, typer.Option(metavar="OLD", help="A passage that goes.")] = None,
    add: Annotated[list[str] | None, typer.Option(metavar="NEW", help="A line that comes at the end.")] = None,
    base: Annotated[
        int | None, typer.Option(help="The version you changed: merged with what became of it since.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Its new kind.")] = None,
    tag: Tags = None,
    expect: Expect = None,
    label: Annotated[str, typer.Option(help="Stands before the reason in the log.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Write a new version of a memory; the earlier ones stay."""
    words = terminal.guarded(lambda: terminal.words_of(text), json=json) if text else None
    passages = [
        *([replace] if any(replace) else []),
        *((old, "") for old in remove or ()),
        *(("", new) for new in add or ()),
    ]
    terminal.tell(
        lambda memos: memos.update(
            id,
            words,
            how="merge" if base is not None else how,
            edits=[Edit(old, new) for old, new in passages],
            base=base,
            kind=kind,
            tags=tag,
            expect=expect,
            label=label,
            reason=reason,
        ),
        shown.cube,
        json=json,
    )


@app.command()
def put(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its name.")],
    text: Annotated[list[str], typer.Argument(metavar="TEXT|-", help="Its words, kept exactly; - reads them.")],
    *,
    path: Path_ = None,
    kind: Annotated[Kind, typer.Option(help="What it is.")] = "document",
    tag: Tags = None,
    expect: Expect = None,
    expires: Expires = None,
    json: Json = False,
) -> None:
    """Keep a text word for word under a key (see `show --key`)."""
    words = terminal.guarded(lambda: terminal.words_of(text), json=json)
    terminal.tell(
        lambda memos: memos.put(path, key, text=words, kind=kind, tags=tag or (), expect=expect, expires=expires),
        shown.cube,
        json=json,
    )


@app.command()
def forget(id: Id, *, reason: Reason = "", yes: Yes = False, json: Json = False) -> None:
    """Delete a memory and the words of all its versions."""
    cube = terminal.answer(lambda memos: memos.get(id), json=json)
    terminal.ask(f"Forget {id}, {shown.words(cube, 60)}?", yes=yes, json=json)
    terminal.tell(lambda memos: memos.forget(id, reason=reason), shown.forgotten, json=json)


@app.command()
def namespaces(*, path: Path_ = None, json: Json = False) -> None:
    """List the paths that hold memories."""
    terminal.tell(lambda memos: memos.namespaces(path), shown.namespaces, json=json)


for command in (
    cli_ask.ask,
    cli_ask.feedback,
    cli_acl.explain,
    cli_care.status,
    cli_care.rebuild,
    cli_care.doctor,
    cli_care.backup,
    cli_care.restore,
    cli_delivery.deliver,
    cli_delivery.deliveries,
    cli_delivery.attribute,
    cli_install.install,
    cli_privacy.privacy,
    cli_serve.serve,
    cli_trace.trace,
    cli_trace.attach,
):
    app.command()(command)
app.command("import")(cli_import.import_)
app.add_typer(cli_acl.app, name="acl")
app.add_typer(cli_adapters.app, name="adapters")
app.add_typer(cli_audit.app, name="audit")
app.add_typer(cli_branch.app, name="branch")
app.add_typer(cli_consolidation.app, name="consolidation")
app.add_typer(cli_graph.app, name="graph")
app.add_typer(cli_kv.app, name="kv")
app.add_typer(cli_lifecycle.app, name="lifecycle")
app.add_typer(cli_model.app, name="model")
app.add_typer(cli_schedule.app, name="schedule")
app.add_typer(cli_timeline.app, name="timeline")
app.add_typer(cli_token.app, name="token")
app.add_typer(cli_topics.app, name="topics")
app.add_typer(cli_quarantine.app, name="quarantine")
app.add_typer(cli_hook.app, name="hook", hidden=True)


if __name__ == "__main__":
    main()
