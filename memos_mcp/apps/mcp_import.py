"""The tool `import_memories`: files of the user who started the server become memories. Offered over stdio alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import anyio
from pydantic import Field

from memos_mcp.apps import mcp_tools
from memos_mcp.apps.importing import Given, Imported, Step, import_files
from memos_mcp.apps.mcp_answers import Answer, clipped
from memos_mcp.apps.mcp_arguments import Flag, MaybeKind, Names, Tool
from memos_mcp.apps.mcp_asking import Peer, Question
from memos_mcp.apps.mcp_hints import REPEATS
from memos_mcp.errors import InvalidInput, MemosError
from memos_mcp.memos import Memos

_MOST = 20
_SHOWN = 10
_EVERY = 0.5  # seconds between two messages about progress


class Report(Answer):
    """The answer of import_memories."""

    files: int
    texts: int
    new: int
    known: int = Field(description="stored before")
    masked: int = Field(default=0, description="secrets taken out")
    quarantined: int = Field(default=0, description="look hostile: recall leaves them out")
    problems: tuple[str, ...] = Field(default=(), description="what could not be read, and why")
    more_problems: int = 0
    skipped: int = 0
    dry_run: bool = False
    declined: bool = Field(default=False, description="the user said no: nothing was read")

    @classmethod
    def of(cls, done: Imported, *, dry_run: bool) -> Report:
        """What became of an import."""
        problems = [clipped(f"{each.file}{f':{each.line}' if each.line else ''} {each.why}") for each in done.failed]
        return cls(
            files=done.files,
            texts=done.texts,
            new=done.new,
            known=done.repeated,
            masked=done.masked,
            quarantined=done.quarantined,
            problems=tuple(problems[:_SHOWN]),
            more_problems=len(problems[_SHOWN:]),
            skipped=len(done.skipped),
            dry_run=dry_run,
        )

    def __str__(self) -> str:
        if self.declined:
            return "The user did not agree: nothing was read. Do not try again unasked."
        what = f"{self.texts} texts would be stored" if self.dry_run else f"{self.new} new, {self.known} known already"
        notes = f" {self.skipped} left out." if self.skipped else ""
        notes += f" {self.masked} secrets masked." if self.masked else ""
        notes += f" {self.quarantined} in quarantine." if self.quarantined else ""
        problems = "".join(f"\nNot read: {each}" for each in self.problems)
        more = f"\nand {self.more_problems} more" if self.more_problems else ""
        return f"{self.files} files: {what}.{notes}{problems}{more}"


class ImportMemories(Tool):
    """Store what files and folders of the user hold: notes, Markdown, transcripts, exports of other assistants.

    Again stores nothing twice. Only when asked to.
    """

    name = "import_memories"
    gives = Report
    hints = REPEATS
    scope = "admin"

    files: Annotated[Names, Field(description="files or folders, as full paths or from ~")]
    path: mcp_tools.Path = ""
    kind: MaybeKind = None
    tags: Names = None
    dry_run: Annotated[Flag, Field(description="read everything, store nothing")] = False
    confirm: Annotated[Flag, Field(description="the user has said yes to reading them")] = False

    async def run(self, memos: Memos, peer: Peer) -> Report | Question:
        """Read them if the user agrees, and tell how far it is."""
        places = await anyio.to_thread.run_sync(_places, self.files or [])
        named = ", ".join(map(str, places))
        match peer.agreed(Question(f"Read {named} into the memory?", "Read it"), confirm=self.confirm):
            case Question() as asked:
                return asked
            case False:
                return Report(files=0, texts=0, new=0, known=0, declined=True)
            case True:
                given = Given(path=self.path or None, kind=self.kind, tags=tuple(self.tags or ()))
                return Report.of(await _watched(memos, places, given, self.dry_run, peer), dry_run=self.dry_run)


def _places(files: list[str]) -> list[Path]:
    """Where these files really are. Raises InvalidInput for what a model has no business with."""
    if not 1 <= len(files) <= _MOST:
        raise InvalidInput(f"import_memories takes 1 to {_MOST} files or folders, not {len(files)}")
    return [_place(file) for file in files]


def _place(file: str) -> Path:
    home = Path.home().resolve()
    try:
        given = Path(file).expanduser()
        place = given.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as exc:
        raise InvalidInput(f"{file!r} cannot be found") from exc
    if not given.is_absolute():
        raise InvalidInput(f"{file!r} must be a full path, or one that begins with ~")
    if not place.is_relative_to(home):
        raise InvalidInput(f"{file!r} is not in the home folder of the user: `memos import` reads what is elsewhere")
    if any(part.startswith(".") for part in place.relative_to(home).parts):
        raise InvalidInput(f"{file!r} is hidden: `memos import` reads that, if the user wants it")
    return place


async def _watched(memos: Memos, places: list[Path], given: Given, dry_run: bool, peer: Peer) -> Imported:
    """Import while the client is told how far it is. Raises as import_files."""
    latest: list[Step] = []
    outcome: Imported | MemosError | None = None

    async def tell() -> None:
        while True:
            await anyio.sleep(_EVERY)
            await _tell(peer, latest)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        try:
            outcome = await import_files(memos, places, given=given, dry_run=dry_run, told=latest.append)
        except MemosError as exc:
            outcome = exc
        tasks.cancel_scope.cancel()
    await _tell(peer, latest)
    match outcome:
        case Imported():
            return outcome
        case MemosError():
            raise outcome
        case None:
            raise AssertionError("an import ends or fails")


async def _tell(peer: Peer, latest: list[Step]) -> None:
    """The last step, if there was one since."""
    if latest:
        step = latest[-1]
        latest.clear()
        await peer.progress(step.done, step.of, f"{clipped(step.file)}: {step.new} new")
