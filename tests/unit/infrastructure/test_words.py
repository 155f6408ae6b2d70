"""The words route over a real vault: what is found, how it is scored, and that its segments are only a copy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos_mcp.cube import MemCube, Origin, Plaintext, new_id
from memos_mcp.errors import InvalidInput
from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
from memos_mcp.infrastructure.tokens import question_terms, terms
from memos_mcp.infrastructure.words import Words
from memos_mcp.ports import Caller, Change, Event, Where
from memos_mcp.search import Found, MemoryCall

pytestmark = pytest.mark.anyio
ADA = Caller("ada")
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncGenerator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path / "memos.db")
    yield adapter
    await adapter.aclose()


def cube(text: str, path: str = "user/ada", speaker: str | None = None, session: str | None = None) -> MemCube:
    origin = Origin(speaker=speaker, session=session)
    return MemCube(id=new_id(), path=path, created_at=NOW, updated_at=NOW, origin=origin, payload=Plaintext(text=text))


async def store(vault: SqliteAdapter, *cubes: MemCube) -> list[Event]:
    return await vault.commit([Change("remember", c.id, c) for c in cubes], caller=ADA)


async def find(words: Words, question: str, *paths: str, limit: int = 10) -> Found:
    return await words.find(MemoryCall(question, question), Where(paths or ("user/ada",)), limit)


def words_of(vault: SqliteAdapter) -> Words:
    return Words(vault, vault.segment_store)


async def test_the_memory_that_shares_words_is_found_first(vault: SqliteAdapter) -> None:
    tea, _ = (await store(vault, cube("Ada likes green tea"), cube("Ben plays the violin")))[:2]
    found = await find(words_of(vault), "Which tea does Ada like?")
    assert found.hits[0].ref.id == tea.subject
    assert found.searched == 2


async def test_an_exact_copy_of_the_question_scores_close_to_the_best_possible(vault: SqliteAdapter) -> None:
    await store(vault, cube("violin"), *(cube(f"other {i}") for i in range(50)))
    found = await find(words_of(vault), "violin")
    assert 0.3 < found.hits[0].score < 1.0


async def test_words_nobody_stored_lower_the_score(vault: SqliteAdapter) -> None:
    await store(vault, cube("green tea"))
    words = words_of(vault)
    full = (await find(words, "tea")).hits[0].score
    part = (await find(words, "tea zeppelin")).hits[0].score
    assert part < full


async def test_nothing_found_still_says_how_much_was_searched(vault: SqliteAdapter) -> None:
    await store(vault, cube("green tea"))
    assert await find(words_of(vault), "zeppelin") == Found((), 1)


async def test_an_answer_is_found_by_the_words_of_its_question(vault: SqliteAdapter) -> None:
    _, answer, _ = await store(
        vault,
        cube("Where did you spend the holidays?", speaker="Ada", session="s"),
        cube("In Porto, by the sea.", speaker="Ben", session="s"),
        cube("The roof needs paint.", speaker="Ada", session="s"),
    )
    assert answer.subject in {hit.ref.id for hit in (await find(words_of(vault), "holidays")).hits}


async def test_two_statements_in_a_row_by_one_speaker_do_not_explain_each_other(vault: SqliteAdapter) -> None:
    await store(
        vault,
        cube("I spent the holidays in Porto.", speaker="Ada", session="s"),
        cube("The roof needs paint.", speaker="Ada", session="s"),
    )
    assert len((await find(words_of(vault), "holidays")).hits) == 1


@pytest.mark.claim("5.5.2-03")
async def test_texts_of_other_namespaces_never_move_a_score(vault: SqliteAdapter) -> None:
    mine = [cube("green tea at noon", speaker="Ada", session="s"), cube("black tea", speaker="Ben", session="s")]
    await store(vault, *mine)
    alone = await find(words_of(vault), "green tea")
    foreign = [cube(f"green tea {i}", path, "Eve", "s") for i in range(30) for path in ("user/eve", "shared/team")]
    await store(vault, *foreign)
    assert await find(words_of(vault), "green tea") == alone


async def test_texts_of_a_sibling_path_of_the_same_root_never_move_a_score(vault: SqliteAdapter) -> None:
    await store(vault, cube("green tea at noon", "user/ada/home"))
    alone = await find(words_of(vault), "green tea", "user/ada/home")
    await store(vault, *(cube(f"green tea {i}", "user/ada/homework") for i in range(30)))
    assert await find(words_of(vault), "green tea", "user/ada/home") == alone


async def test_roots_searched_together_score_as_one_collection(vault: SqliteAdapter) -> None:
    texts = ["green tea", "black tea with milk", "a violin", "tea tea tea"]
    await store(vault, *(cube(t, "user/ada") for t in texts[:2]), *(cube(t, "shared/team") for t in texts[2:]))
    await store(vault, *(cube(t, "user/bob") for t in texts))
    words = words_of(vault)
    apart = await find(words, "green tea", "user/ada", "shared")
    together = await find(words, "green tea", "user/bob")
    assert [round(h.score, 9) for h in apart.hits] == [round(h.score, 9) for h in together.hits]


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("The locker K-2047 is by the door", "K-2047"),
        ("Встретились в кафе на вокзале", "Кафе"),
        ("Συναντηθήκαμε στο λιμάνι", "ΛΙΜΑΝΙ"),
        ("نلتقي في المدرسة غدا", "المدرسة"),
        ("हम स्टेशन पर मिले", "स्टेशन"),
        ("明日は東京タワーに行く", "東京"),
        ("เราพบกันที่ตลาด", "ตลาด"),
        ("서울에서 만났다", "서울"),
    ],
)
async def test_a_token_is_found_in_its_script(vault: SqliteAdapter, text: str, token: str) -> None:
    (event, *_) = await store(vault, cube(text), cube("Nothing of the kind"), cube("Чай, 茶, شاي, चाय, ชา"))
    found = await find(words_of(vault), token)
    assert [hit.ref.id for hit in found.hits] == [event.subject]


async def test_an_updated_memory_is_found_by_its_new_words_only(vault: SqliteAdapter) -> None:
    (event,) = await store(vault, cube("green tea"))
    assert event.cube is not None
    words = words_of(vault)
    assert (await find(words, "green")).hits
    new = event.cube.model_copy(update={"version": 2, "payload": Plaintext(text="black coffee")})
    await words.apply(await vault.commit([Change("update", new.id, new, expect=1)], caller=ADA))
    assert not (await find(words, "green")).hits
    assert (await find(words, "coffee")).hits[0].ref.version == 2


async def test_a_memory_of_another_process_is_found_at_once(vault: SqliteAdapter, tmp_path: Path) -> None:
    words = words_of(vault)
    await find(words, "tea")
    other = SqliteAdapter(tmp_path / "memos.db")
    await store(other, cube("green tea"))
    await other.aclose()
    assert len((await find(words, "tea")).hits) == 1


async def test_segments_are_loaded_instead_of_rebuilt_and_answer_alike(vault: SqliteAdapter) -> None:
    words = words_of(vault)
    for batch in range(3):
        await words.apply(await store(vault, *conversation(batch, 600)))
    spans = await vault.segment_store.spans("words", "user/ada")
    assert spans[-1].upto == 1800
    fresh = words_of(vault)
    for question in ("word7 tea", "Ben word12", "word3 word99"):
        assert await find(fresh, question) == await find(words, question)


async def test_a_rebuilt_index_answers_like_the_one_that_followed_the_log(vault: SqliteAdapter) -> None:
    words = words_of(vault)
    events = await store(vault, *conversation(0, 700))
    await words.apply(events)
    for event in events[::50]:
        await words.apply(await vault.commit([Change("forget", event.subject)], caller=ADA))
    before = [await find(words, q) for q in ("word7", "Ben word12")]
    await words.reset()
    assert [await find(words, q) for q in ("word7", "Ben word12")] == before
    fresh = words_of(vault)
    assert [await find(fresh, q) for q in ("word7", "Ben word12")] == before


async def test_the_words_of_a_forgotten_memory_leave_every_segment(vault: SqliteAdapter) -> None:
    words = words_of(vault)
    events = await store(vault, *conversation(0, 600), cube("the zanzibarquartz is buried here"))
    await words.apply(events)
    assert any(b"zanzibarquartz" in s.data for s in await vault.segment_store.segments("words", "user/ada"))
    await words.apply(await vault.commit([Change("forget", events[-1].subject)], caller=ADA))
    assert not any(b"zanzibarquartz" in s.data for s in await vault.segment_store.segments("words", "user/ada"))
    assert not (await find(words_of(vault), "zanzibarquartz")).hits


async def test_the_words_leave_the_segments_even_if_nothing_was_asked_since_the_start(vault: SqliteAdapter) -> None:
    events = await store(vault, *conversation(0, 600), cube("the zanzibarquartz is buried here"))
    await words_of(vault).apply(events)
    forgotten = await vault.commit([Change("forget", events[-1].subject)], caller=ADA)
    await words_of(vault).apply(forgotten)
    assert not any(b"zanzibarquartz" in s.data for s in await vault.segment_store.segments("words", "user/ada"))


async def test_a_damaged_segment_is_rebuilt_from_the_log(vault: SqliteAdapter) -> None:
    words = words_of(vault)
    await words.apply(await store(vault, *conversation(0, 600)))
    expected = await find(words, "word7")
    with vault.database.write() as db:
        db.execute("UPDATE segment SET data = CAST(substr(data, 1, 100) AS BLOB)")
    assert await find(words_of(vault), "word7") == expected


async def test_memory_is_bounded_by_dropping_the_roots_used_least(vault: SqliteAdapter) -> None:
    words = Words(vault, vault.segment_store, memory=400_000)
    for name in ("ada", "bob", "cyd", "dan"):
        await store(vault, *(cube(f"{name} word{i} tea", f"user/{name}") for i in range(600)))
        assert (await find(words, "tea", f"user/{name}")).searched == 600
    assert words.lane().held <= 800_000
    assert (await find(words, "word7", "user/ada")).hits


async def test_many_memories_of_roots_not_in_use_become_segments(vault: SqliteAdapter) -> None:
    words = words_of(vault)
    await words.apply(await store(vault, *conversation(0, 600)))
    assert await vault.segment_store.spans("words", "user/ada")
    assert words.lane().pending == 0


async def test_equal_scores_put_the_newest_first(vault: SqliteAdapter) -> None:
    events = await store(vault, *(cube("green tea") for _ in range(5)))
    found = await find(words_of(vault), "tea", limit=2)
    assert [h.ref.id for h in found.hits] == [events[4].subject, events[3].subject]


async def test_a_branch_is_refused_rather_than_answered_from_the_main_one(vault: SqliteAdapter) -> None:
    with pytest.raises(InvalidInput):
        await words_of(vault).find(MemoryCall("x", "x"), Where(("user/ada",), branch="what-if"), 5)


async def test_scores_are_those_of_bm25_over_both_keys(vault: SqliteAdapter) -> None:
    cubes = conversation(3, 90)
    await store(vault, *cubes)
    question = "Ben word3 word7 word7 zeppelin"
    found = await find(words_of(vault), question, limit=90)
    expected = reference(cubes, question)
    assert {h.ref.id: round(h.score, 5) for h in found.hits} == {k: round(s, 5) for k, s in expected.items() if s > 0}


def conversation(seed: int, n: int) -> list[MemCube]:
    def words(i: int) -> str:
        return " ".join(f"word{(seed + i * i + k * 7) % (5 + k * 11)}" for k in range(9)) + (
            " tea" if i % 5 == 0 else ""
        )

    return [cube(words(i), speaker="Ada Ben Ben".split()[i % 3], session=f"s{seed}.{i // 10}") for i in range(n)]


def reference(cubes: Sequence[MemCube], question: str) -> dict[str, float]:
    """Textbook BM25 (k1 = 1.5, b = 0.75) over the turn and over the turn with its neighbours, as shares of the best."""
    own = [terms(f"{c.origin.speaker} {c.text}") for c in cubes]
    window = [list(key) for key in own]
    for i in range(len(cubes) - 1):
        a, b = cubes[i].origin, cubes[i + 1].origin
        if a.session == b.session and a.speaker != b.speaker:
            window[i] += own[i + 1]
            window[i + 1] += own[i]
    both = [shares(keys, question_terms(question)) for keys in (own, window)]
    return {c.id: (both[0][i] + both[1][i]) / 2 for i, c in enumerate(cubes)}


def shares(keys: list[list[str]], asked: Sequence[str]) -> list[float]:
    n, mean = len(keys), sum(map(len, keys)) / len(keys)
    counts = [Counter(key) for key in keys]
    df = {t: sum(t in c for c in counts) for t in asked}
    idf = {t: math.log(1 + (n - df[t] + 0.5) / (df[t] + 0.5)) for t in asked}
    norm = [1.5 * (0.25 + 0.75 * len(key) / mean) for key in keys]
    total = sum(idf.values())
    return [sum(idf[t] * c[t] / (c[t] + norm[i]) for t in asked) / total for i, c in enumerate(counts)]
