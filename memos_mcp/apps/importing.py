"""Files and folders → memories: each part of each file is remembered. Killed and begun again, it is as if done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from anyio import to_thread

from memos_mcp.apps.files import Failed, File, Findings, Skipped, find, parts
from memos_mcp.apps.journal import Done, Journal, key_of
from memos_mcp.cube import Kind
from memos_mcp.errors import InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.interface import checks
from memos_mcp.interface.parts import Found, LeftOut, Nothing, Part, Unread
from memos_mcp.interface.reader import drafts_of
from memos_mcp.memos import Memos
from memos_mcp.version import __version__

_READS = "2"  # counts the ways in which files were read: what was read in another way is read again
_MOST_NAMES = 100  # of what is left out
_AT_ONCE = 50
_LONGEST_ADDRESS = 1024


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of everything that is imported; as for `Memos.remember`."""

    path: str | None = None
    speaker: str | None = None
    said_at: datetime | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the files of one format; as of `Imported`.

    `failed` counts what could not be read in them; `left_out` names what they hold that has no place in a memory.
    """

    format: str
    files: int = 0
    parts: int = 0
    texts: int = 0
    new: int = 0
    repeated: int = 0
    masked: int = 0
    quarantined: int = 0
    failed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])

    def __add__(self, other: Counts) -> Counts:
        """Both together, as the format of the first."""
        return Counts(
            self.format,
            self.files + other.files,
            self.parts + other.parts,
            self.texts + other.texts,
            self.new + other.new,
            self.repeated + other.repeated,
            self.masked + other.masked,
            self.quarantined + other.quarantined,
            self.failed + other.failed,
            Counter(self.left_out) + Counter(other.left_out),
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import: files that hold something, their parts, and the texts in these: new or known already.

    After a dry run `texts` says how many there are, and `repeated` how many of them are known to be repeats: by the
    journal, and of each other; what else the vault knows shows only when they are stored. `fallback`, `masked` and
    `quarantined` as of `Remembered`, for any part.
    """

    files: int
    parts: int
    texts: int
    new: int
    repeated: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Failed, ...]
    fallback: str = ""
    masked: int = 0
    quarantined: int = 0
    formats: tuple[Counts, ...] = ()


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
    """Remember what files, and the files in folders, hold: texts, conversations, exports of other memory systems.

    What cannot be read is reported while the rest goes on; `strict` ends at the first. A conversation is stored whole
    or not at all. What the `journal` says is stored is not read again. `told` hears of every part. Cost: 0.1 ms a
    message and a disk sync for each conversation or entry; when dry, 0.1 MB for each 1,000 texts. Raises InvalidInput
    and Denied for `given`, and as `remember`.
    """
    given = given or Given()
    _check(memos, given)
    findings = await to_thread.run_sync(find, list(places))
    kept = await to_thread.run_sync(Journal, journal) if journal else None
    run = _Run(memos, given, kept, findings, told, dry_run, strict)
    if run.journal is not None and run.journal.is_empty and dry_run:
        run.journal = None  # nor is there a vault to open
    if run.journal is not None:
        status = await memos.status()
        run.about = (__version__, _READS, status.user, given.path or status.path, *map(str, _traits(given)))
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
class _Reading:
    """A file while it is read: what it is known by, what the journal knows of it, and what became of it so far."""

    file: File
    key: str
    known: list[Done]
    format: str = ""
    number: int = 0
    last: str = ""
    failed: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])

    def leave_out(self, what: str) -> None:
        many = len(self.left_out) >= _MOST_NAMES and what not in self.left_out
        self.left_out["other fields" if many else what] += 1


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
    formats: dict[str, Counts] = field(default_factory=dict[str, Counts])
    total: Counts = field(default_factory=lambda: Counts(""))
    fallback: str = ""
    behind: int = 0
    foreseen: set[bytes] = field(default_factory=set[bytes])

    @property
    def over(self) -> bool:
        return self.strict and bool(self.findings.failed)

    @property
    def _said(self) -> int:
        return len(self.findings.failed) + len(self.findings.skipped)

    def answer(self) -> Imported:
        total = self.total
        return Imported(
            files=total.files,
            parts=total.parts,
            texts=total.texts,
            new=total.new,
            repeated=total.repeated,
            skipped=tuple(self.findings.skipped),
            failed=tuple(self.findings.failed),
            fallback=self.fallback,
            masked=total.masked,
            quarantined=total.quarantined,
            formats=tuple(self.formats[name] for name in sorted(self.formats)),
        )

    async def read(self, file: File) -> None:
        try:
            reading = _Reading(file, *(await self._known(file)))
            if reading.known and reading.known[-1].end:
                for done in reading.known[:-1]:
                    self._repeat(done)
                self._count(Counts(reading.known[-1].format, files=1))
            else:
                await self._parts(reading)
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

    async def _parts(self, reading: _Reading) -> None:
        file, said = reading.file, self._said
        found = await to_thread.run_sync(lambda: parts(file, said_at=self.given.said_at))
        while not self.over and (some := await to_thread.run_sync(_some, found)):
            for each in some:
                if not self.over:
                    await self._take(reading, each)
        if not reading.number and said == self._said:
            self._leave(file, "nothing in it has a place" if reading.left_out else "no message has any words")
        self._close(reading)

    async def _take(self, reading: _Reading, found: Found) -> None:
        match found:
            case Unread(why=why, line=line):
                self._unread(reading, why, line)
            case Nothing(why=why):
                self._leave(reading.file, why)
            case LeftOut(what=what):
                reading.leave_out(what)
            case Part():
                reading.format = reading.format or found.format
                known = reading.number < len(reading.known)
                done = reading.known[reading.number] if known else await self._remember(reading, found)
                reading.last = self._repeat(done) if known else done.last
                reading.number += 1
                self._tell(reading.file, found.share)

    def _close(self, reading: _Reading) -> None:
        files = int(reading.number > 0)
        self._count(Counts(reading.format, files=files, failed=reading.failed, left_out=reading.left_out))
        if files and not reading.failed:
            self._note(Done(file=reading.key, part=reading.number, last=reading.last, end=True, format=reading.format))

    async def _remember(self, reading: _Reading, part: Part) -> Done:
        """What the journal is to say of the part."""
        file, given = reading.file, self.given
        speaker, said_at = part.speaker or given.speaker, part.said_at or given.said_at
        done = Done(file=reading.key, part=reading.number, format=part.format)
        try:
            if self.dry_run:
                await self._foresee(file, part, speaker, said_at)
                return done
            made = await self.memos.remember(
                part.content,
                path=given.path,
                source=file.name,
                source_class=part.source_class,
                session=part.session,
                speaker=speaker,
                said_at=said_at,
                uri=_address(file, part.entry),
                kind=given.kind or part.kind,
                tags=(*given.tags, *part.tags),
            )
        except InvalidInput as exc:
            self._unread(reading, str(exc), part.line)
            return done
        self._count(
            Counts(
                part.format,
                parts=1,
                texts=len(made.ids),
                new=made.new,
                repeated=made.repeated,
                masked=made.masked,
                quarantined=made.quarantined,
            )
        )
        self.fallback = made.fallback or self.fallback
        done = done.model_copy(update={"texts": len(made.ids), "last": made.ids[-1] if made.ids else ""})
        if not made.fallback:  # the model is asked again the next time
            self._note(done)
        return done

    async def _foresee(self, file: File, part: Part, speaker: str | None, said_at: datetime | None) -> None:
        """Count what would be remembered, and what of it repeats what came before. Raises InvalidInput."""
        origin = checks.check_origin(
            source=file.name,
            source_class=part.source_class,
            session=part.session,
            speaker=speaker,
            said_at=said_at,
            uri=_address(file, part.entry),
        )
        checks.check_tags((*self.given.tags, *part.tags))
        short = part.texts < _AT_ONCE
        drafts = drafts_of(part.content, origin) if short else await to_thread.run_sync(drafts_of, part.content, origin)
        before = len(self.foreseen)
        self.foreseen.update(draft.once for draft in drafts)
        repeated = len(drafts) - (len(self.foreseen) - before)
        self._count(Counts(part.format, parts=1, texts=len(drafts), repeated=repeated))

    def _repeat(self, done: Done) -> str:
        self._count(Counts(done.format, parts=1, texts=done.texts, repeated=done.texts))
        return done.last

    def _count(self, more: Counts) -> None:
        self.total += replace(more, left_out={})
        if more.format:
            self.formats[more.format] = self.formats.get(more.format, Counts(more.format)) + more
        elif more.left_out:
            self.formats["other"] = self.formats.get("other", Counts("other")) + more

    def _note(self, done: Done) -> None:
        if self.journal is not None and not self.dry_run:
            self.journal.note(done)

    def _leave(self, file: File, why: str) -> None:
        """Left out in a folder; but somebody who names a file wants to know."""
        if file.named:
            self._fail(file, why)
        else:
            self.findings.skipped.append(Skipped(file.name, why))

    def _unread(self, reading: _Reading, why: str, line: int | None) -> None:
        reading.failed += 1
        self._fail(reading.file, why, line)

    def _fail(self, file: File, why: str, line: int | None = None) -> None:
        self.findings.failed.append(Failed(file.shown, line, why))

    def _tell(self, file: File, share: float = 0.0) -> None:
        done = self.behind + round(share * file.size)
        self.told(Step(file.shown, done, self.findings.size, self.total.new, self.total.repeated))


def _some(found: Iterator[Found]) -> list[Found]:
    """The next of them, as many as are worth going to another thread for; none at the end."""
    some: list[Found] = []
    texts = 0
    try:
        for each in found:
            some.append(each)
            texts += each.texts if isinstance(each, Part) else 1
            if texts >= _AT_ONCE:
                break
    except OSError as exc:
        some.append(Unread(f"cannot be read: {exc.strerror or exc}"))
    return some


def _address(file: File, entry: str) -> str:
    uri = file.at.as_uri()
    whole = f"{uri}#{quote(entry)}" if entry else uri
    return whole if len(whole) <= _LONGEST_ADDRESS else uri
