"""The guided tour behind `memos demo`: the real server as a subprocess, the real MCP client, a folder of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

import anyio
from mcp import Client, MCPError, StdioServerParameters
from pydantic import BaseModel, TypeAdapter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp.apps import itself
from memos_mcp.apps.show import one_line, plain
from memos_mcp.errors import MemosError

_LONGEST = 60.0  # seconds: ten times what it takes on a slow machine
_SHOWN = 3
_PATIENCE = 10.0  # seconds for the model: it takes one
_LOOK = 0.05  # seconds between two looks whether it is there
_NO_MODEL = "there is no model"

_LOCKER = "Which locker number should the torch be posted to?"
_MOIRA = "Who is Moira Kinnear?"
_ALLERGY = "What is Ada allergic to?"
_APRIL = "What did Ben say on 12 April 2026?"
_MAY = "What did Ben promise in May 2026?"
_MEANING = "Who has trouble with seafood?"  # shares no word with its answer: words alone never find it
_NEW_LOCKER = "My locker number is K-3110 now: the slipway flooded and they moved me upstairs."

_COMMANDS = (
    'memos remember "The spare key is under the blue pot"',
    "memos recall where is the spare key",
    "memos remember --file notes.md",
    "memos list",
    "memos --help",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, how long it took, and what came back; `answer` says which line was looked for.

    What is `skipped` was not done, and its lines say why.
    """

    title: str
    seconds: float
    lines: tuple[str, ...]
    answer: int | None = None
    skipped: bool = False

    def shown(self) -> RenderableType:
        """The step in a terminal: a heading, then what came back; only the answer is shown in full."""
        took = f"{self.seconds:.1f} s" if self.seconds >= 1 else f"{self.seconds * 1000:.0f} ms"
        mark = Text("– ", style="yellow") if self.skipped else Text("✓ ", style="green")
        head = mark.append(plain(self.title), style="bold default").append(f"  {took}", style="dim")
        return Group(head, *(self._line(at, one_line(line)) for at, line in enumerate(self.lines)))

    def _line(self, at: int, line: str) -> RenderableType:
        if self.answer not in (None, at):
            return Text(f"    {line}", no_wrap=True, overflow="ellipsis", style="dim")
        row = Table.grid()
        row.add_row(Text("    " if self.answer is None else "  → "), Text(line))
        return row


@dataclass(frozen=True, slots=True)
class Tour:
    """What was done, and how to start the same server from another program."""

    seconds: float
    steps: tuple[Step, ...]
    server: Mapping[str, Any]
    shell: str


class _Found(BaseModel):
    id: str
    text: str
    speaker: str | None = None
    said_at: datetime | None = None


class _Lane(BaseModel):
    name: str
    on: bool = False
    pending: int = 0
    why: str = ""
    busy: bool = False


class _Conversation(BaseModel):
    session: str
    messages: list[dict[str, Any]]


async def demo(tell: Callable[[Step], None]) -> Tour:
    """Go through the whole life of a memory and tell each step; every answer is checked.

    Uses a temporary data folder, never the user's, and the models that the user has; without one it leaves recall by
    meaning out. Raises MemosError if an answer is not what it must be, Misconfigured.
    """
    steps: list[Step] = []

    def told(step: Step) -> None:
        steps.append(step)
        tell(step)

    started = perf_counter()
    conversation, models = _conversation(), configuration.load().shelf
    with TemporaryDirectory(prefix="memos-demo-") as home:
        try:
            with anyio.fail_after(_LONGEST):
                await _visit(_server(home, models), home, conversation, told)
        except (MCPError, OSError, BaseExceptionGroup) as exc:
            raise _failure(exc) from exc
    return Tour(perf_counter() - started, tuple(steps), _server_entry(), itself.shell())


def next_steps(tour: Tour) -> RenderableType:
    """What to type next."""
    alias = [] if tour.shell == "memos" else [f"alias memos={shlex.quote(tour.shell)}"]
    parts = (
        (
            f"All of it took {tour.seconds:.1f} s, and its folder is gone again. What to type next:",
            (*alias, *_COMMANDS),
        ),
        (
            "To connect a client (memories lie in ~/.memos; MEMOS_HOME names another folder):",
            ("memos install claude", "memos install claude-code    # or cursor, vscode, codex; --print only shows it"),
        ),
        (
            "For other MCP hosts:",
            json.dumps({"mcpServers": {"memos": tour.server}}, indent=2).splitlines(),
        ),
    )
    return Group(
        *(Group(Text(f"\n{title}", style="bold"), *(_whole(f"  {line}") for line in lines)) for title, lines in parts)
    )


async def _visit(
    server: StdioServerParameters, home: str, conversation: _Conversation, told: Callable[[Step], None]
) -> None:
    began = perf_counter()
    async with Client(server) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        about = f"{server.command} {' '.join(server.args)}"
        lines = (about, f"data in {home}, for this demo only", f"{len(tools)} tools: {', '.join(tools)}")
        told(Step("start the server", perf_counter() - began, lines))
        guide = _Guide(client, told)
        await guide.remember(conversation)
        locker = await guide.ask(_LOCKER, lambda found: "K-2047" in found.text)
        await guide.ask(_MOIRA, lambda found: "Moira Kinnear" in found.text)
        await guide.ask(_APRIL, lambda found: _said(found) == "2026-04-12 Ben")
        await guide.ask(_MAY, lambda found: "mend Grandad's mandolin" in found.text)
        by_meaning = await guide.meaning()
        if by_meaning:
            await guide.ask(_MEANING, lambda found: "allergic to shellfish" in found.text)
        await guide.update(locker)
        await guide.ask(_LOCKER, lambda found: "K-3110" in found.text)
        await guide.history(locker)
        secret = await guide.ask(_ALLERGY, lambda found: "allergic to shellfish" in found.text)
        await guide.forget(secret)
        await guide.miss(_ALLERGY, secret)
        if by_meaning:
            await guide.miss(_MEANING, secret)


class _Guide:
    """Calls a tool, times it, checks the answer, tells."""

    def __init__(self, client: Client, told: Callable[[Step], None]) -> None:
        self._client = client
        self._told = told

    async def remember(self, conversation: _Conversation) -> None:
        messages = conversation.messages
        began = perf_counter()
        answer = await self._call("remember", messages=messages, session=conversation.session)
        days = sorted({str(message["said_at"])[:10] for message in messages})
        check(answer["new"] == len(messages), f"{len(messages)} turns became {answer['new']} memories")
        title = f"remember a conversation: {len(messages)} turns on {len(days)} days"
        self._told(Step(title, perf_counter() - began, (f"{days[0]} to {days[-1]}, {answer['new']} new memories",)))

    async def meaning(self) -> bool:
        """Wait until every memory has a vector, or leave recall by meaning out and say why."""
        began = perf_counter()
        with anyio.move_on_after(_PATIENCE):
            while (lane := await self._vectors()).busy or (lane.on and lane.pending):  # noqa: ASYNC110 - over a pipe
                await anyio.sleep(_LOOK)
        took, lane = perf_counter() - began, await self._vectors()
        ready = lane.on and not lane.pending
        if ready:
            line = "a model on this machine has read every turn; the question shares no word with its answer"
        elif lane.why.startswith(_NO_MODEL):
            line = "`memos model install` switches it on: a model of 91 MB, fetched once"
        else:
            line = lane.why or f"{lane.pending} memories still wait for it"
        self._told(Step(f"recall by meaning is {'on' if ready else 'off'}", took, (line,), skipped=not ready))
        return ready

    async def ask(self, question: str, right: Callable[[_Found], bool]) -> _Found:
        took, found = await self._recall(question)
        at = [n for n, each in enumerate(found[:_SHOWN]) if right(each)]
        check(bool(at), f"{question!r} found {[each.text for each in found]}")
        lines = tuple(f"{_said(each)}: {each.text}" for each in found[:_SHOWN])
        self._told(Step(f"recall: {question}", took, lines, at[0]))
        return found[at[0]]

    async def miss(self, question: str, gone: _Found) -> None:
        took, found = await self._recall(question)
        check(gone.id not in [each.id for each in found], f"{question!r} still finds what was forgotten")
        self._told(Step(f"recall: {question}", took, ("what was forgotten is not found any more",)))

    async def update(self, memory: _Found) -> None:
        began = perf_counter()
        answer = await self._call("update_memory", id=memory.id, text=_NEW_LOCKER, reason="the locker changed")
        check(answer["version"] == 2, f"the update made version {answer['version']}")
        self._told(Step("update that memory", perf_counter() - began, (f"version 2: {_NEW_LOCKER}",)))

    async def history(self, memory: _Found) -> None:
        began = perf_counter()
        answer = await self._call("memory_history", id=memory.id)
        events = answer["events"]
        check([event["version"] for event in events] == [1, 2], f"the history has {len(events)} lines")
        why = [f" ({event['reason']})" if event.get("reason") else "" for event in events]
        lines = tuple(
            f"version {event['version']}, {event['action']}{reason}: {event['text']}"
            for event, reason in zip(events, why, strict=True)
        )
        self._told(Step("its history", perf_counter() - began, lines))

    async def forget(self, memory: _Found) -> None:
        began = perf_counter()
        await self._call("forget", id=memory.id, confirm=True, reason="health is private")
        self._told(Step("forget one", perf_counter() - began, (f"gone: {memory.text}",)))

    async def _vectors(self) -> _Lane:
        lanes = TypeAdapter(list[_Lane]).validate_python((await self._call("memory_status"))["lanes"])
        return next((lane for lane in lanes if lane.name == "vectors"), _Lane(name="vectors", why="there is no lane"))

    async def _recall(self, question: str) -> tuple[float, list[_Found]]:
        began = perf_counter()
        answer = await self._call("recall", question=question)
        return perf_counter() - began, TypeAdapter(list[_Found]).validate_python(answer["memories"])

    async def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self._client.call_tool(tool, arguments)
        check(not result.is_error, f"{tool} answered {result.content}")
        return result.structured_content or {}


def check(good: bool, otherwise: str) -> None:
    """Go on only if an answer is right. Raises MemosError."""
    if not good:
        raise MemosError(f"the demo did not go as it must: {otherwise}")


def _failure(exc: BaseException) -> BaseException:
    """What went wrong: the client hands on everything that happens inside it in groups, also that nobody listens."""
    while isinstance(exc, BaseExceptionGroup):
        exc = cast("BaseExceptionGroup[BaseException]", exc).exceptions[0]
    if isinstance(exc, MCPError | OSError):
        return MemosError(f"the demo's server did not answer: {str(exc) or type(exc).__name__}")
    return exc


def _said(memory: _Found) -> str:
    when = f"{memory.said_at:%Y-%m-%d}" if memory.said_at else ""
    return " ".join(part for part in (when, memory.speaker) if part)


def _conversation() -> _Conversation:
    """The one in the wheel, or the one in the clone."""
    shipped = files("memos_mcp.apps") / "conversation.json"
    file = shipped if shipped.is_file() else itself.CODE / "examples" / "conversation.json"
    return _Conversation.model_validate_json(file.read_bytes())


def _server(home: str, models: Path) -> StdioServerParameters:
    entry = _server_entry()
    env = {"MEMOS_HOME": home, "MEMOS_MODELS": str(models.absolute()), "MEMOS_USER": "ada", **entry.get("env", {})}
    return StdioServerParameters(command=entry["command"], args=entry["args"], env=env)


def _server_entry() -> dict[str, Any]:
    """How a host starts the server."""
    (command, *arguments), env = itself.server()
    return {"command": command, "args": arguments} | ({"env": env} if env else {})


def _whole(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ignore")
