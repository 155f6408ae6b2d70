from datetime import UTC, datetime, timedelta

from memos_mcp.cube import Interval, MemCube, Origin, Plaintext
from memos_mcp.interface.stating import stated, statement

SAID = datetime(2025, 3, 3, 18, tzinfo=UTC)


def cube(text: str, *, said_at: datetime | None = SAID, valid: Interval | None = None) -> MemCube:
    stored = SAID + timedelta(days=400)
    origin = Origin(speaker="Ada", said_at=said_at)
    return MemCube(
        id="one", path="user/ada", created_at=stored, updated_at=stored, origin=origin, valid=valid,
        payload=Plaintext(text=text),
    )  # fmt: skip


def test_a_memory_becomes_the_statement_of_its_speaker_at_its_time() -> None:
    valid = Interval(start=SAID)
    made = statement(cube("I live in Porto.", valid=valid))
    assert (made.normal, made.speaker, made.said_at, made.valid) == ("i live in porto", "Ada", SAID, valid)
    assert made.names == {"porto"}


def test_without_a_time_of_saying_it_is_that_of_storing() -> None:
    assert statement(cube("I live in Porto.", said_at=None)).said_at == SAID + timedelta(days=400)


def test_what_depends_on_the_day_is_written_as_the_day_it_means() -> None:
    assert stated("I met Bela yesterday.", "Ada", SAID).normal == stated("I met Bela 2 March 2025.", "Ada", None).normal
    assert stated("I met Bela yesterday.", "Ada", None).normal == "i met bela yesterday"


def test_habits_are_no_moments() -> None:
    said = [
        stated("I swim every Tuesday in the evening.", "Ada", SAID + timedelta(days=days)).normal for days in (0, 90)
    ]
    assert said[0] == said[1]


def test_clauses_are_those_of_the_text_and_a_question_stays_one() -> None:
    made = stated("How are you? I'm fine; the kiln works, mostly.", "Ada", SAID)
    assert made.clauses == ("how are you ?", "i am fine", "the kiln works", "mostly")
    assert stated("I live in Porto.", "Ada", SAID).clauses == ()
