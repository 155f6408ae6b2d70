"""A long use of a real Memos, by script: somebody keeps notes and how-to pages, and asks for weeks.

The notes and the questions about them are those of tests/data/retrieval, the pages those of docs/how-to. So what is
asked and how often is made up, by seed; what recall finds for it, and what the logs then say, is not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.retrieval_data import own
from memos_mcp import Caller, Memos
from memos_mcp.cube import Kind
from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.words import Words
from memos_mcp.interface.reader import RulesReader
from memos_mcp.models import Worded

USER = "somebody"
PAGES = Path(__file__).resolve().parents[1] / "docs" / "how-to"
_BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
_LIMIT = 8
_NOTES = 0.6
"""Share of the sessions that are about notes and chats, not about pages."""
_DRIFT = 40
"""Sessions after which other themes are popular."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Texts by name, of one kind or of whichever they are read as, and questions with the names that answer them."""

    name: str
    texts: tuple[tuple[str, str], ...]
    questions: tuple[tuple[str, frozenset[str]], ...]
    kind: Kind | None = None


def themes() -> list[Theme]:
    """Four collections of notes and chats, and each how-to page as a theme of skills."""
    noted = [
        Theme(
            each.name,
            tuple((f"{each.name}/{unit.uid}", unit.text) for unit in each.units),
            tuple((q.text, frozenset(f"{each.name}/{uid}" for uid in q.gold)) for q in each.questions),
        )
        for each in own()
    ]
    return [*noted, *(_page(file) for file in sorted(PAGES.glob("*.md")))]


def _page(file: Path) -> Theme:
    title, *parts = file.read_text("utf-8").removeprefix("# ").split("\n## ")
    name, _, text = title.partition("\n")
    wish = name[:1].lower() + name[1:]
    sections = [(f"{file.stem}/0", f"{name}\n{text.strip()}", f"How do I {wish}?")]
    for number, part in enumerate(parts, 1):
        head, _, text = part.partition("\n")
        sections.append((f"{file.stem}/{number}", f"{name}: {head}\n{text.strip()}", f"How do I {wish}: {head}?"))
    texts = tuple((uid, text) for uid, text, _ in sections)
    return Theme(file.stem, texts, tuple((asked, frozenset({uid})) for uid, _, asked in sections), "skill")


async def use(home: Path, questions: int, seed: int = 1, among: Sequence[Theme] = ()) -> None:
    """Write the vault and its logs as they are after so many questions about all themes, or those. Cost: 20 ms each."""
    clock, model = _Clock(), _Citing()
    vault, closing = SqliteAdapter(home / "memos.db", clock=clock), AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    accesses = SqliteAccessLog(vault.database, texts=str)
    closing.push_async_callback(accesses.aclose)
    async with Memos(
        vault=vault,
        reader=RulesReader(),
        routes=[Words(vault, vault.segment_store)],
        caller=Caller(USER),
        clock=clock,
        accesses=accesses,
        closing=closing,
        answerer=model,
    ) as memos:
        await _Person(memos, clock, model, random.Random(seed)).work(questions, among or themes())


class _Clock:
    def __init__(self) -> None:
        self.now = _BEGIN

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class _Citing:
    """A model that cites what answers the question, as far as it was sent."""

    cites: frozenset[str] = frozenset()
    model: str = "citing"

    async def answer(self, system: str, text: str) -> Worded:
        """What it was told to cite."""
        marks = "".join(f" [{id}]" for id in sorted(self.cites) if id in text)
        return Worded(f"So it is{marks}.", len(text) // 4, 8)


@dataclass
class _Person:
    memos: Memos
    clock: _Clock
    model: _Citing
    chance: random.Random
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    coming: list[tuple[Theme, str, str]] = field(default_factory=list[tuple[Theme, str, str]])

    async def work(self, questions: int, among: Sequence[Theme]) -> None:
        """Until so many were asked."""
        chance, asked, sessions = self.chance, 0, 0
        notes, pages = ([theme for theme in among if bool(theme.kind) == is_page] for is_page in (False, True))
        self.coming = [(theme, uid, text) for theme in (*notes, *pages) for uid, text in theme.texts]
        chance.shuffle(self.coming)
        await self._learn(len(self.coming) * 2 // 3)
        restless = sorted(uid for uid in self.ids if chance.random() < 0.1)
        while asked < questions:
            order = notes if chance.random() < _NOTES else pages
            (theme,) = chance.choices(order, _zipf(len(order)))
            turns = min(self._turns(theme), questions - asked)
            await self._session(theme, turns)
            asked, sessions = asked + turns, sessions + 1
            await self._learn(chance.randint(0, 3))
            if chance.random() < 0.3:
                await self._revise(chance.choice(restless))
            if sessions % _DRIFT == 0:
                chance.shuffle(order)
            self.clock.tick(60 + chance.expovariate(1 / 5400))

    def _turns(self, theme: Theme) -> int:
        if self.chance.random() < 0.4:
            return 1
        return self.chance.randint(1, 3) if theme.kind else self.chance.randint(2, 7)

    async def _session(self, theme: Theme, turns: int) -> None:
        """One question by how popular it is, and those that follow it."""
        asks = theme.questions
        (first,) = self.chance.choices(range(len(asks)), _zipf(len(asks)))
        for number in range(first, first + turns):
            question, names = asks[number % len(asks)]
            await self._ask(question, frozenset[str]().union(*(self.ids.get(name, ()) for name in names)))
            self.clock.tick(self.chance.uniform(20, 120))

    async def _ask(self, question: str, answers: frozenset[str]) -> None:
        """To be answered, to look at what was found more closely, or to read it."""
        way = self.chance.random()
        if way < 0.4:
            self.model.cites = answers
            await self.memos.ask(question, limit=_LIMIT)
            return
        found = await self.memos.recall(question, limit=_LIMIT)
        opened = [cube.id for cube in found.cubes if cube.id in answers]
        self.clock.tick(5)
        for id in opened if way < 0.7 else ():
            await self.memos.get(id)

    async def _learn(self, number: int) -> None:
        here, self.coming = self.coming[:number], self.coming[number:]
        for theme, uid, text in here:
            kept = await self.memos.remember(text, kind=theme.kind, tags=[theme.name])
            self.ids[uid] = kept.ids
            self.clock.tick(1)

    async def _revise(self, uid: str) -> None:
        for id in self.ids[uid][:1]:
            cube = await self.memos.get(id)
            await self.memos.update(id, text=_revised(cube.text, self.clock.now))


def _zipf(number: int) -> list[float]:
    return [1 / rank for rank in range(1, number + 1)]


def _revised(text: str, now: datetime) -> str:
    return f"{text.partition(' As of ')[0]} As of {now:%d %B %Y}."
