"""Personal data in memories: tagged, left out of what is stored, or shown only to who may see it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

import memos_mcp
from memos_mcp import Caller, Denied, InvalidInput, Memos, Misconfigured, NotFound
from memos_mcp.cube import Plaintext

MAIL, PHONE = "ines.lobo@stmary.pt", "+351 21 555 0142"
CHART = f"Ines is allergic to penicillin; reach her at {MAIL} or {PHONE}."
PART = "Ines is allergic to penicillin; reach her at [EMAIL] or [PHONE]."
WARD = "shared/ward"
DOCTOR, NURSE = Caller("dora", roles=("doctor",)), Caller("ned", roles=("nurse",))

Opened = Callable[..., AbstractAsyncContextManager[Memos]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_(mode: str, **more: object) -> AsyncGenerator[Memos]:
        privacy = {"mode": mode, "roles": ["doctor"], **more}
        async with memos_mcp.open(home=tmp_path, user="ada", embedder={"kind": "none"}, privacy=privacy) as memos:
            yield memos

    return open_


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def ids_of(memos: Memos, question: str) -> list[str]:
    return [cube.id for cube in (await memos.recall(question, path=WARD)).cubes]


@pytest.mark.claim("4.2-13", "5.5.1-05")
@pytest.mark.anyio
async def test_a_tag_says_of_which_classes_a_memory_holds_something(opened: Opened) -> None:
    async with opened("tag") as memos:
        (id,) = (await memos.remember(CHART, tags=["chart"])).ids
        cube = await memos.get(id)
        assert cube.text == CHART
        assert cube.tags == ("chart", "personal:email", "personal:phone")
        assert [found.id for found in (await memos.browse(tags=["personal:phone"])).cubes] == [id]


@pytest.mark.anyio
async def test_the_tags_follow_the_words(opened: Opened) -> None:
    async with opened("tag") as memos:
        (id,) = (await memos.remember(CHART, tags=["chart"])).ids
        changed = await memos.update(id, "Ines is allergic to penicillin.")
        assert changed.tags == ("chart",)
        assert (await memos.update(id, f"Write to {MAIL}.")).tags == ("chart", "personal:email")
        assert (await memos.update(id, tags=["chart"])).version == 3  # nothing changed


@pytest.mark.anyio
async def test_what_is_redacted_at_write_reaches_nothing_in_the_folder(opened: Opened, tmp_path: Path) -> None:
    async with opened("redact_at_write") as memos:
        said = await memos.remember(CHART, path=WARD, source=f"mail of {MAIL}", tags=[MAIL], speaker=MAIL)
        assert said.masked == 2
        chat: JsonValue = [{"role": "user", "content": f"My number is {PHONE}."}]
        await memos.remember(chat, path=WARD)
        cube = await memos.put(WARD, "contact", data={MAIL: "mail", "phone": PHONE, "card": 4111111111111111})
        assert cube.payload == Plaintext(data={"[EMAIL]": "mail", "phone": "[PHONE]", "card": "[CARD]"})
        await memos.update(said.ids[0], f"or {MAIL}", how="append", reason=f"{MAIL} asked")
        assert (await memos.get(said.ids[0])).text == f"{PART}\nor [EMAIL]"
        with pytest.raises(InvalidInput, match="a key may hold no personal data here"):
            await memos.put(WARD, MAIL, text="hers")
        with pytest.raises(InvalidInput, match="a key may hold no personal data here"):
            await memos.rename({"contact": MAIL}, path=WARD)
    found = raw(tmp_path)
    assert MAIL.encode() not in found
    assert b"555 0142" not in found
    assert b"4111111111111111" not in found


@pytest.mark.claim("5.2-21", "5.5.1-06")
@pytest.mark.anyio
async def test_a_doctor_sees_all_of_a_chart_and_a_nurse_a_part_of_it(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        nurse, doctor = memos.acting_as(NURSE), memos.acting_as(DOCTOR)
        assert (await memos.get(id)).text == (await doctor.get(id)).text == CHART
        cube = await nurse.get(id)
        assert (cube.text, cube.hidden, cube.origin.span) == (PART, ("EMAIL", "PHONE"), None)
        seen = await nurse.recall("What is Ines allergic to?", path=WARD)
        assert PART in seen.context
        assert MAIL not in seen.context


@pytest.mark.anyio
async def test_who_is_named_as_a_writer_sees_all_and_who_is_named_as_a_reader_a_part(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART)).ids
        await memos.acl.change([id], writers=["bea"], readers=["ned"])
        assert (await memos.acting_as(Caller("bea")).get(id)).text == CHART
        assert (await memos.acting_as(NURSE).get(id)).text == PART


@pytest.mark.anyio
async def test_marks_stand_in_data_names_numbers_keys_tags_and_sources(opened: Opened, tmp_path: Path) -> None:
    async with opened("off") as memos:  # before anybody thought of it
        data: JsonValue = {
            MAIL: 1,
            "who": {"phone": PHONE, "card": 4111111111111111},
            "also": [f"or {MAIL}", True, None, 2.5],
        }
        put = await memos.put(WARD, f"card of {MAIL}", data=data, tags=[MAIL, "chart"])
        (id,) = (await memos.remember("She sleeps badly.", path=WARD, source=MAIL, session=MAIL, speaker=MAIL)).ids
    async with opened("redact_at_read") as memos:
        cube = await memos.acting_as(NURSE).get(put.id)
        assert isinstance(cube.payload, Plaintext)
        assert cube.payload.data == {
            "[EMAIL]": 1,
            "who": {"phone": "[PHONE]", "card": "[CARD]"},
            "also": ["or [EMAIL]", True, None, 2.5],
        }
        assert (cube.key, cube.tags) == ("card of [EMAIL]", ("[EMAIL]", "chart"))
        origin = (await memos.acting_as(NURSE).get(id)).origin
        assert (origin.source, origin.session, origin.speaker) == ("[EMAIL]",) * 3


@pytest.mark.anyio
async def test_nothing_hidden_is_found_by_its_words_not_even_by_who_sees_it(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (chart,) = (await memos.remember(CHART, path=WARD)).ids
        (other,) = (await memos.remember("Bo is allergic to nuts; reach her by bo@example.pt.", path=WARD)).ids
        for caller in (Caller("ada"), DOCTOR, NURSE):
            asked = await memos.acting_as(caller).recall("lobo stmary 0142", path=WARD)
            assert chart not in {cube.id for cube in asked.cubes}
        scores = {m.cube.id: m.score for m in (await memos.recall("allergic email", path=WARD)).memories}
        assert scores.keys() == {chart, other}


@pytest.mark.anyio
async def test_an_index_made_before_is_made_anew_when_marks_are_switched_on_and_off(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memos_mcp.infrastructure.words._WORTH_A_SEGMENT", 1)
    async with opened("off") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        assert await ids_of(memos, "lobo") == [id]
    async with opened("redact_at_read") as memos:
        assert await ids_of(memos, "lobo") == []
        assert await ids_of(memos, "penicillin") == [id]
    async with opened("redact_at_read", classes=["PHONE"]) as memos:
        assert await ids_of(memos, "lobo") == [id]
    async with opened("off") as memos:
        assert await ids_of(memos, "0142") == [id]


@pytest.mark.anyio
async def test_who_sees_a_part_changes_neither_the_rest_nor_who_sees_it(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        note = await memos.put(WARD, "contact", text=PHONE)
        nurse = memos.acting_as(NURSE)
        with pytest.raises(Denied, match="he sees it without its personal data"):
            await nurse.update(id, "She sleeps badly.", how="append")
        for change in (
            lambda: nurse.put(WARD, "contact", text="none"),
            lambda: nurse.rename({"contact": "card"}, path=WARD),
            lambda: nurse.acl.change([id], writers=["ned"]),
            lambda: nurse.forget(id),
            lambda: nurse.timeline.freeze([id]),
            lambda: nurse.lifecycle.move([id], "archive"),
        ):
            with pytest.raises(Denied):
                await change()
        assert not (await nurse.acl.explain(id, "write")).allowed
        assert (await memos.get(id)).text == CHART
        assert (await memos.get(note.id)).text == PHONE


@pytest.mark.anyio
async def test_an_earlier_version_that_one_sees_in_part_is_not_restored(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        label = (await memos.timeline.snapshot("then", WARD)).label
        await memos.update(id, "Ines is allergic to penicillin.")
        nurse = memos.acting_as(NURSE)
        with pytest.raises(Denied, match="without EMAIL, PHONE"):
            await nurse.timeline.restore(id, 1)
        assert (await nurse.timeline.restore_all(label, WARD)).left == (id,)
        assert (await nurse.update(id, "She sleeps badly.", how="append")).version == 3
        assert (await memos.timeline.restore(id, 1)).text == CHART


@pytest.mark.anyio
async def test_what_is_hidden_cannot_be_guessed_by_saying_it_again(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        guess = await memos.acting_as(NURSE).remember(CHART, path=WARD)
        assert (guess.new, guess.repeated) == (1, 0)
        again = await memos.remember(CHART, path=WARD)
        assert (again.ids, again.repeated) == ((id,), 1)
        chat: JsonValue = [{"role": "user", "content": CHART}, {"role": "assistant", "content": "Noted."}]
        await memos.remember(chat, path=WARD)
        assert (await memos.acting_as(NURSE).remember(chat, path=WARD)).new == 2


@pytest.mark.anyio
async def test_what_is_hidden_cannot_be_guessed_by_key_source_session_or_tag(opened: Opened) -> None:
    async with opened("off") as memos:
        await memos.put(WARD, MAIL, text="Her card.", tags=[MAIL])
        await memos.remember(["She sleeps badly.", "She eats well."], path=WARD, source=MAIL, session=MAIL)
    async with opened("redact_at_read") as memos:
        nurse = memos.acting_as(NURSE)
        with pytest.raises(NotFound):
            await nurse.get(path=WARD, key=MAIL)
        assert (await memos.get(path=WARD, key=MAIL)).text == "Her card."
        for user in (memos, nurse):
            with pytest.raises(InvalidInput, match="a key may hold no personal data"):
                await user.put(WARD, MAIL, text="mine")
        for source, session, tags in ((MAIL, "", ()), ("", MAIL, ()), ("", "", (MAIL,))):
            page = await nurse.browse(WARD, source=source, session=session, tags=tags, limit=1)
            assert (page.cubes, page.after) == ((), 0)
            assert (await memos.browse(WARD, source=source, session=session, tags=tags)).cubes
        assert await nurse.quarantine.undo(MAIL, path=WARD) == ()
        assert len((await memos.browse(WARD)).cubes) == 3


@pytest.mark.anyio
async def test_history_and_news_are_marked_with_their_reasons(opened: Opened) -> None:
    async with opened("redact_at_read") as memos:
        (id,) = (await memos.remember(CHART, path=WARD)).ids
        await memos.update(id, f"Ines: {PHONE}", reason=f"{MAIL} asked")
        nurse = memos.acting_as(NURSE)
        lines = await nurse.history(id)
        assert [line.cube.text for line in lines if line.cube] == [PART, "Ines: [PHONE]"]
        assert lines[1].reason == "[EMAIL] asked"
        assert MAIL not in repr(await nurse.log.news(0))
        assert MAIL not in repr(await nurse.timeline.diff(lines[0].at, path=WARD))
        assert (await memos.history(id))[1].reason == f"{MAIL} asked"


@pytest.mark.anyio
async def test_own_patterns_are_marked_too(opened: Opened) -> None:
    async with opened("redact_at_read", patterns={"CASE": r"CASE-\d{4,6}"}) as memos:
        (id,) = (await memos.remember("Ines has CASE-20417.", path=WARD)).ids
        cube = await memos.acting_as(NURSE).get(id)
        assert (cube.text, cube.hidden) == ("Ines has [CASE].", ("CASE",))


@pytest.mark.parametrize("wrong", [{"classes": ["NAMES"]}, {"patterns": {"X": ".*"}}])
def test_settings_that_cannot_be_used_say_why(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="the settings of privacy cannot be used"):
        memos_mcp.open(home=tmp_path, privacy={"mode": "tag", **wrong})
