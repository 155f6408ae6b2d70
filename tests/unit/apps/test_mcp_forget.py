"""forget asks the user: by elicitation where the client can, in both eras, and otherwise by an argument."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client, MCPError, types
from mcp.client import ClientRequestContext
from mcp.types import TextContent

from memos_mcp import Memos, wiring
from memos_mcp.apps.mcp import build

pytestmark = pytest.mark.anyio

Era = Literal["legacy", "auto"]
Reply = Callable[[str], Awaitable[types.ElicitResult | types.ErrorData]]


@pytest.fixture
async def memos(tmp_path: Path) -> AsyncGenerator[Memos]:
    async with wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as opened:
        yield opened


@pytest.fixture(params=["legacy", "auto"])
def era(request: pytest.FixtureRequest) -> Era:
    return request.param


class User:
    """Replies to what he is asked, and keeps it."""

    def __init__(self, action: Literal["accept", "decline", "cancel"], yes: bool | None = None) -> None:
        self.asked: list[str] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self._reply = types.ElicitResult(action=action, content=None if yes is None else {"yes": yes})

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        assert isinstance(params, types.ElicitRequestFormParams)
        assert params.requested_schema["properties"] == {"yes": {"type": "boolean", "title": "Delete it"}}
        self.asked.append(params.message)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return self._reply


class Unable(User):
    """A client that said it can ask, and cannot."""

    def __init__(self, code: int) -> None:
        super().__init__("accept")
        self._code = code

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        return types.ErrorData(code=self._code, message="no form here")


@asynccontextmanager
async def connected(memos: Memos, era: Era, user: User | None = None) -> AsyncGenerator[Client]:
    async with Client(build(lambda: memos.acting_as(memos.caller)), mode=era, elicitation_callback=user) as client:
        yield client


async def text_of(client: Client, **arguments: Any) -> str:
    (block,) = (await client.call_tool("forget", arguments)).content
    assert isinstance(block, TextContent)
    return block.text


async def stored(memos: Memos, text: str = "Ada's locker is K-2047") -> str:
    return (await memos.remember(text)).ids[0]


async def test_the_user_is_shown_the_memory_and_says_yes(memos: Memos, era: Era) -> None:
    key, user = await stored(memos), User("accept", yes=True)
    async with connected(memos, era, user) as client:
        assert f"Forgot [{key}] at user/ada" in await text_of(client, id=key, reason="private")
    assert user.asked == [f'Delete memory [{key}] at user/ada for good? It says: "Ada\'s locker is K-2047".']
    assert (await memos.status()).memories == 0


@pytest.mark.parametrize("user", [User("decline"), User("cancel"), User("accept", yes=False), User("accept")])
async def test_without_his_yes_nothing_is_deleted_and_the_answer_says_so(memos: Memos, era: Era, user: User) -> None:
    key = await stored(memos)
    async with connected(memos, era, user) as client:
        result = await client.call_tool("forget", {"id": key})
        assert not result.is_error
        assert result.structured_content == {"id": key, "path": "user/ada", "kept": True}
        assert "The user did not agree" in await text_of(client, id=key)
    assert (await memos.get(key)).text == "Ada's locker is K-2047"


async def test_a_model_cannot_say_yes_for_a_user_who_can_be_asked(memos: Memos, era: Era) -> None:
    key, user = await stored(memos), User("decline")
    async with connected(memos, era, user) as client:
        assert "did not agree" in await text_of(client, id=key, confirm=True)
    assert len(user.asked) == 1
    assert (await memos.status()).memories == 1


async def test_where_nobody_can_be_asked_an_argument_says_yes(memos: Memos, era: Era) -> None:
    key = await stored(memos)
    async with connected(memos, era) as client:
        result = await client.call_tool("forget", {"id": key})
        assert result.is_error
        said = await text_of(client, id=key, confirm=False)
        assert "Ada's locker is K-2047" in said
        assert "call again with confirm: true if he agrees" in said
        assert (await memos.status()).memories == 1
        assert "Forgot" in await text_of(client, id=key, confirm="true")
    assert (await memos.status()).memories == 0


async def test_a_client_that_cannot_ask_after_all_needs_the_argument(memos: Memos) -> None:
    key = await stored(memos)
    async with connected(memos, "legacy", Unable(types.METHOD_NOT_FOUND)) as client:
        assert "confirm: true" in await text_of(client, id=key)
        assert "Forgot" in await text_of(client, id=key, confirm=True)


async def test_a_question_that_failed_is_no_yes(memos: Memos) -> None:
    key = await stored(memos)
    async with connected(memos, "legacy", Unable(types.INTERNAL_ERROR)) as client:
        assert "could not ask its user: no form here" in await text_of(client, id=key, confirm=True)
    assert (await memos.status()).memories == 1


async def test_a_memory_that_changed_while_he_thought_is_asked_about_again(memos: Memos, era: Era) -> None:
    key, user = await stored(memos), User("accept", yes=True)
    user.meanwhile = lambda: memos.update(key, "Ada's locker is K-3110")
    async with connected(memos, era, user) as client:
        assert "Forgot" in await text_of(client, id=key)
    assert [asked.split("says: ")[1] for asked in user.asked] == [
        '"Ada\'s locker is K-2047".',
        '"Ada\'s locker is K-3110".',
    ]


async def test_long_and_hostile_words_are_shown_short_and_quoted(memos: Memos, era: Era) -> None:
    key, user = await stored(memos, "tea \u202e" + "and more tea\n" * 100), User("decline")
    async with connected(memos, era, user) as client:
        await text_of(client, id=key)
    (asked,) = user.asked
    assert len(asked) < 300
    assert "\\u202e" in asked
    assert "\n" not in asked


async def test_a_reply_to_another_question_or_a_made_up_state_deletes_nothing(memos: Memos) -> None:
    key, other = await stored(memos), await stored(memos, "Ada likes tea")
    yes: dict[str, Any] = {"question": types.ElicitResult(action="accept", content={"yes": True})}
    async with connected(memos, "auto", User("accept", yes=True)) as client:

        async def called(id: str, state: str | None) -> types.CallToolResult | types.InputRequiredResult:
            return await client.session.call_tool(
                "forget", {"id": id}, input_responses=yes, request_state=state, allow_input_required=True
            )

        first = await called(key, None)
        assert isinstance(first, types.InputRequiredResult)
        assert first.request_state
        for id, state in ((other, first.request_state), (key, "made up"), (key, first.request_state[:-2] + "AA")):
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await called(id, state)
        assert (await memos.status()).memories == 2
        assert isinstance(await called(key, first.request_state), types.CallToolResult)
    assert (await memos.status()).memories == 1


async def test_what_is_not_there_is_not_asked_about(memos: Memos, era: Era) -> None:
    user = User("accept", yes=True)
    async with connected(memos, era, user) as client:
        assert "ada has no memory 'nosuchid'" in await text_of(client, id="nosuchid")
    assert user.asked == []
