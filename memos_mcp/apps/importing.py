"""Files and folders → memories: each part of each file is remembered. Killed and begun again, it is as if done once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyio import to_thread

from memos_mcp.apps.files import Failed, File, Findings, Skipped, find, parts
from memos_mcp.apps.journal import Done, Journal, key_of
from memos_mcp.cube import Kind
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.sources import Nothing, Part, Unread
from memos_mcp.memos import Memos
from memos_mcp.version import __version__


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of everything that is imported; as for `Memos.remember`."""

    path: str | None = None
    speaker: str | None = None
    said_at: datetime | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import: files that hold something, their parts, and the texts in these: new or known already.

    After a dry run `texts` says how many would be remembered. `fallback` as of `Remembered`, for any part.
    """

    files: int
    parts: int
    texts: int
    new: int
    repeated: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Failed, ...]
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """How far an import is: the file it is at, the bytes behind it, those of all files, and what it stored."""

    file: str
    done: int
    of: int
    new: int
    repeated: int


async def import_files(
    memos: Memos,
    places: Sequence[Path],
    *,
    given: Given | None = None,
    journal: Path | None = None,
    strict: bool = False,
    dry_run: bool = False,
    told: Callable[[Step], None] = lambda _: None,
) -> Imported:
    """Remember what files, and the files in folders, hold: texts, Markdown, transcripts, messages in JSON, exports.

    What cannot be read is reported while the rest goes on; `strict` ends at the first. A conversation is stored whole
    or not at all. What the `journal` says is stored is not read again. `told` hears of every part. Cost: 0.1 ms a
    message and a disk sync for each conversation. Raises InvalidInput and Denied for `given`, and as `remember`.
    """
    given = given or Given()
    _check(memos, given)
    findings = await to_thread.run_sync(find, list(places))
    run = _Run(memos, given, Journal(journal) if journal and not dry_run else None, findings, told, dry_run, strict)
    if run.journal is not None:
        status = await memos.status()
        run.about = (__version__, status.user, given.path or status.path, *map(str, _traits(given)))
    for file in findings.files:
        if run.over:
            break
        await run.read(file)
    return run.answer()


def _check(memos: Memos, given: Given) -> None:
    """What is wrong for one file would be wrong for all."""
    if given.path is not None:
        governance.check_write(memos.caller, given.path)
    checks.check_tags(given.tags)
    checks.check_kinds([given.kind] if given.kind else [])
    checks.check_origin(speaker=given.speaker, said_at=given.said_at)


def _traits(given: Given) -> tuple[object, ...]:
    return (given.speaker, given.said_at, given.kind, *given.tags)


@dataclass(slots=True)
class _Run:
    memos: Memos
    given: Given
    journal: Journal | None
    findings: Findings
    told: Callable[[Step], None]
    dry_run: bool
    strict: bool
    about: tuple[str, ...] = ()
    files: int = 0
    parts: int = 0
    texts: int = 0
    new: int = 0
    repeated: int = 0
    fallback: str = ""
    behind: int = 0

    @property
    def over(self) -> bool:
        return self.strict and bool(self.findings.failed)

    def answer(self) -> Imported:
        skipped, failed = tuple(self.findings.skipped), tuple(self.findings.failed)
        return Imported(self.files, self.parts, self.texts, self.new, self.repeated, skipped, failed, self.fallback)

    async def read(self, file: File) -> None:
        try:
            key, known = await self._known(file)
            if known and known[-1].end:
                self.files += 1
                for done in known[:-1]:
                    self._repeat(done)
            else:
                await self._parts(file, key, known)
        except OSError as exc:
            self._fail(file, f"cannot be read: {exc.strerror or exc}")
        self.behind += file.size
        self._tell(file)

    async def _known(self, file: File) -> tuple[str, list[Done]]:
        """What the journal says of this file as it is, if the vault's log has it: it may be another vault by now."""
        if self.journal is None:
            return "", []
        key = await to_thread.run_sync(key_of, file.at, file.name, *self.about)
        known = self.journal.known(key)
        try:
            if known:
                await self.memos.history(known[-1].last)
        except (NotFound, InvalidInput):
            known = []
        return key, known

    async def _parts(self, file: File, key: str, known: list[Done]) -> None:
        failed, skipped, number, last = len(self.findings.failed), len(self.findings.skipped), 0, ""
        found = await to_thread.run_sync(lambda: parts(file, said_at=self.given.said_at))
        while not self.over and (part := await to_thread.run_sync(next, found, None)) is not None:
            match part:
                case Unread(why=why, line=line):
                    self._fail(file, why, line)
                case Nothing(why=why):
                    self._leave(file, why)
                case Part():
                    if number < len(known):
                        last = self._repeat(known[number])
                    else:
                        last = await self._remember(file, key, number, part)
                    number += 1
                    self._tell(file, part.share)
        self.files += number > 0
        if failed != len(self.findings.failed):
            return
        if number and self.journal is not None:
            self.journal.note(Done(file=key, part=number, last=last, end=True))
        elif not number and skipped == len(self.findings.skipped):
            self._leave(file, "no message has any words")

    async def _remember(self, file: File, key: str, number: int, part: Part) -> str:
        """The id of the last memory."""
        if self.dry_run:
            self.parts, self.texts = self.parts + 1, self.texts + part.texts
            return ""
        given = self.given
        try:
            made = await self.memos.remember(
                part.content,
                path=given.path,
                source=file.name,
                session=part.session,
                speaker=given.speaker,
                said_at=given.said_at,
                uri=file.at.as_uri(),
                kind=given.kind,
                tags=given.tags,
            )
        except InvalidInput as exc:
            self._fail(file, str(exc))
            return ""
        self.parts, self.texts = self.parts + 1, self.texts + len(made.ids)
        self.new, self.repeated = self.new + made.new, self.repeated + made.repeated
        self.fallback = made.fallback or self.fallback
        last = made.ids[-1] if made.ids else ""
        if self.journal is not None and not made.fallback:  # the model is asked again the next time
            self.journal.note(Done(file=key, part=number, texts=len(made.ids), last=last))
        return last

    def _repeat(self, done: Done) -> str:
        self.parts, self.texts, self.repeated = self.parts + 1, self.texts + done.texts, self.repeated + done.texts
        return done.last

    def _leave(self, file: File, why: str) -> None:
        """Left out in a folder; but somebody who names a file wants to know."""
        if file.named:
            self._fail(file, why)
        else:
            self.findings.skipped.append(Skipped(file.name, why))

    def _fail(self, file: File, why: str, line: int | None = None) -> None:
        self.findings.failed.append(Failed(file.name, line, why))

    def _tell(self, file: File, share: float = 0.0) -> None:
        done = self.behind + round(share * file.size)
        self.told(Step(file.name, done, self.findings.size, self.new, self.repeated))
