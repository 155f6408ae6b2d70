"""The memory browser in a real Chromium, in the frame of a host, against a real server over HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from pydantic import JsonValue

from memos_mcp import Memos, wiring
from tests import node
from tests.http_server import configured, serving, token

pytestmark = pytest.mark.anyio

HOST = Path(__file__).parent.parent / "browse_host.mjs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Chat:
    """A chat that shows the page, driven by hand: each verb waits until what it needs is there."""

    def __init__(self, running: subprocess.Popen[str], address: str, secret: str) -> None:
        self._running = running
        self._server: dict[str, JsonValue] = {"url": address, "token": secret}

    async def opened(self, tool: str = "list_memories", about: dict[str, JsonValue] | None = None, **given: JsonValue):
        return await self.do("open", tool=tool, arguments=given, **self._server, **(about or {}))

    async def do(self, what: str, **more: Any) -> Any:
        return await to_thread.run_sync(self._asked, {"do": what, **more})

    async def click(self, name: str, role: str = "button") -> None:
        await self.do("click", role=role, name=name)

    async def fill(self, label: str, text: str) -> None:
        await self.do("fill", label=label, text=text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.do("press", key=key)

    async def status(self, text: str) -> None:
        await self.do("status", text=text)

    async def see(self, text: str) -> None:
        await self.do("see", text=text)

    async def memories(self) -> Sequence[str]:
        return await self.do("memories")

    async def seen(self) -> dict[str, Any]:
        return await self.do("seen")

    def _asked(self, message: dict[str, JsonValue]) -> Any:
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(json.dumps(message) + "\n")
        self._running.stdin.flush()
        answer = json.loads(self._running.stdout.readline() or '{"error": "the host has ended"}')
        assert "error" not in answer, f"{message}: {answer}"
        return answer["value"]


@dataclass(frozen=True)
class Scene:
    memos: Memos
    chat: Chat


@pytest.fixture(scope="module")
def host() -> Generator[subprocess.Popen[str]]:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    command = [str(node.node()), str(HOST), str(node.modules()), browser]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8") as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(30) == 0


@pytest.fixture
async def scene(tmp_path: Path, host: subprocess.Popen[str]) -> AsyncGenerator[Scene]:
    settings = configured(tmp_path)
    async with (
        wiring.open(home=tmp_path, user="ada", embedder={"kind": "none"}) as memos,
        serving(settings) as address,
    ):
        chat = Chat(host, address, await token(settings))
        yield Scene(memos, chat)
        seen = await chat.seen()
        assert seen["requests"] == []
        assert seen["errors"] == []
        await chat.do("close")


async def test_the_page_shows_what_the_tool_found_that_opened_it(scene: Scene) -> None:
    await scene.memos.remember("Ada likes green tea", kind="preference", speaker="Ada", source="chat of 2 March")
    await scene.memos.remember("The boiler was mended", path="shared/house")
    assert (await scene.chat.opened())["mimeType"] == "text/html;profile=mcp-app"
    await scene.chat.status("2 of 2 memories under user/ada, shared, global, newest first.")
    assert await scene.chat.memories() == ["The boiler was mended", "Ada likes green tea"]
    await scene.chat.see("preference · user/ada · Ada · from chat of 2 March")
    assert (await scene.chat.seen())["calls"] == []


async def test_the_page_shows_what_a_question_found_and_can_ask_another_one(scene: Scene) -> None:
    await scene.memos.remember(["Ada likes green tea", "Ada plays the cello", "The boiler was mended"])
    await scene.chat.opened("recall", question="Which tea does Ada like?")
    assert await scene.chat.do("value", label="Search") == "Which tea does Ada like?"
    assert (await scene.chat.memories())[0] == "Ada likes green tea"
    await scene.chat.fill("Search", "boiler")
    await scene.chat.click("Show")
    await scene.chat.status("1 of 3 memories")
    assert await scene.chat.memories() == ["The boiler was mended"]
    await scene.chat.fill("Search", "")
    await scene.chat.click("Show")
    await scene.chat.status("3 of 3 memories")


async def test_memories_come_in_pages_and_none_twice(scene: Scene) -> None:
    await scene.memos.remember([f"fact number {i}" for i in range(45)])
    await scene.chat.opened()
    for shown in (20, 40):
        await scene.chat.status(f"{shown} of 45 memories")
        await scene.chat.click("More")
    await scene.chat.status("45 of 45 memories")
    assert await scene.chat.memories() == [f"fact number {i}" for i in reversed(range(45))]
    await scene.chat.do("gone", role="button", name="More")
    assert await scene.chat.do("run", script="document.activeElement.textContent") == "fact number 4fact · user/ada"


async def test_kind_and_path_narrow_what_is_shown(scene: Scene) -> None:
    await scene.memos.remember("Ada likes green tea", kind="preference")
    await scene.memos.remember("Ada likes the red pot", kind="preference", path="user/ada/kitchen")
    await scene.memos.remember("The pot broke", kind="event", path="user/ada/kitchen")
    await scene.chat.opened()
    await scene.chat.do("choose", label="Kind", text="preference")
    await scene.chat.status("2 of 3")
    await scene.chat.fill("Path", "user/ada/kitchen")
    await scene.chat.press("Enter")
    await scene.chat.status("1 of 2 memories under user/ada/kitchen")
    assert await scene.chat.memories() == ["Ada likes the red pot"]
    await scene.chat.fill("Search", "pot")
    await scene.chat.press("Enter")
    await scene.chat.status("best first that are of the kind preference")
    assert await scene.chat.memories() == ["Ada likes the red pot"]


async def test_a_memory_is_read_in_full_with_its_history(scene: Scene) -> None:
    text = "\n".join(f"line {i} of what Ada said about tea 🍵" for i in range(2000))
    (id,) = (await scene.memos.remember("Ada likes black tea", kind="document")).ids
    await scene.memos.update(id, text, reason="she said more")
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.see("line 1999 of what")
    assert await scene.chat.do("run", script="document.getElementById('text').textContent") == text
    await scene.chat.click("History")
    await scene.chat.status("2 of 2 changes")
    first, second = await scene.chat.do("history")
    assert "version 1 · " in first
    assert "Ada likes black tea" in first
    assert "version 2 · update by ada (she said more)" in second


async def test_an_edit_is_a_new_version_and_the_model_hears_of_it_without_its_words(scene: Scene) -> None:
    (id,) = (await scene.memos.remember("Ada likes black tea")).ids
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Edit")
    await scene.chat.fill("Text", "Ada likes green tea\n")
    await scene.chat.click("Save")
    await scene.chat.status("Saved as version 2.")
    cube = await scene.memos.get(id)
    assert (cube.text, cube.version) == ("Ada likes green tea\n", 2)
    (told,) = (await scene.chat.seen())["context"]
    assert told["content"][0]["text"] == f"The user did this in the memory browser: changed memory {id}, now version 2."
    await scene.chat.click("Back")
    assert await scene.chat.memories() == ["Ada likes green tea\n"]


async def test_after_an_edit_the_page_shows_what_the_server_kept_of_it(scene: Scene) -> None:
    await scene.memos.remember("Ada has a card")
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Edit")
    await scene.chat.fill("Text", "Ada's card is 4111 1111 1111 1111")
    await scene.chat.click("Save")
    await scene.chat.status("Saved as version 2.")
    (cube,) = (await scene.memos.browse()).cubes
    assert "4111" not in cube.text
    assert await scene.chat.do("run", script="document.getElementById('text').textContent") == cube.text


async def test_an_edit_of_what_has_changed_since_is_refused_and_loses_no_word(scene: Scene) -> None:
    (id,) = (await scene.memos.remember("Ada likes black tea")).ids
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Edit")
    await scene.chat.fill("Text", "Ada likes green tea")
    await scene.memos.update(id, "Ada likes white tea")
    await scene.chat.click("Save")
    await scene.chat.click("Show what is stored now")
    await scene.chat.see("Version 2: Ada likes white tea")
    assert await scene.chat.do("value", label="Text") == "Ada likes green tea"
    assert (await scene.memos.get(id)).text == "Ada likes white tea"
    await scene.chat.click("Save")
    await scene.chat.status("Saved as version 3.")
    assert (await scene.memos.get(id)).text == "Ada likes green tea"


async def test_nothing_is_forgotten_before_the_user_has_said_so_twice(scene: Scene) -> None:
    await scene.memos.remember(["Ada likes black tea", "Ada plays the cello"])
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Forget")
    await scene.chat.click("Keep it")
    await scene.chat.click("Forget")
    await scene.chat.press("Escape")
    assert "forget" not in [call["name"] for call in (await scene.chat.seen())["calls"]]
    await scene.chat.click("Forget")
    await scene.chat.click("Forget it")
    await scene.chat.status("Forgotten")
    assert await scene.chat.memories() == ["Ada likes black tea"]
    assert (await scene.memos.browse()).total == 1


async def test_a_memory_that_the_user_keeps_when_his_host_asks_again_is_still_there(scene: Scene) -> None:
    await scene.memos.remember("Ada likes black tea")
    await scene.chat.opened(about={"says": "decline"})
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Forget")
    await scene.chat.click("Forget it")
    await scene.chat.status("The memory was kept.")
    assert (await scene.memos.browse()).total == 1


async def test_the_text_of_a_memory_stays_text(scene: Scene) -> None:
    hostile = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202e<b>x</b>"""
    (id,) = (
        await scene.memos.remember(hostile, speaker="<i>Eve</i>", source="<a href=javascript:1>", tags=["<u>"])
    ).ids
    await scene.memos.update(id, f"{hostile}!", reason="<iframe srcdoc=1>")
    await scene.chat.opened()
    assert await scene.chat.memories() == [f"{hostile}!"]
    await scene.chat.see("<i>Eve</i> · from <a href=javascript:1> · <u>")
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("History")
    await scene.chat.status("2 of 2 changes")
    assert "update by ada (<iframe srcdoc=1>)" in (await scene.chat.do("history"))[1]
    assert await scene.chat.do("run", script="document.querySelectorAll('img,b,i,u,a,iframe').length") == 0
    assert await scene.chat.do("run", script="document.querySelectorAll('script').length") == 1
    assert await scene.chat.do("run", script="document.title") == "Memory browser"
    await scene.chat.do("gone", role="button", name="Open <a href=javascript:1>")


async def test_markup_would_not_run_even_if_it_were_put_into_the_page(scene: Scene) -> None:
    await scene.chat.opened()
    image = "<img src='data:,x' onerror=document.title='owned'>"
    await scene.chat.do("run", script=f'document.body.insertAdjacentHTML("beforeend", {json.dumps(image)})')
    reach = "fetch('https://example.org').then(() => 'reached', () => 'refused')"
    assert await scene.chat.do("run", script=reach) == "refused"
    await scene.chat.do("heard", of="errors")
    refused = await scene.chat.seen()
    assert refused["requests"] == []
    assert all("Content Security Policy" in error for error in refused["errors"])
    assert await scene.chat.do("run", script="document.title") == "Memory browser"
    await scene.chat.opened()


async def test_the_address_of_a_source_is_opened_by_the_host_only(scene: Scene) -> None:
    await scene.memos.remember("The boiler was mended", source="https://example.org/boiler")
    await scene.chat.opened()
    await scene.chat.do("run", script="document.querySelector('.memory').click()")
    await scene.chat.click("Open https://example.org/boiler")
    await scene.chat.do("heard", of="links")
    assert (await scene.chat.seen())["links"] == ["https://example.org/boiler"]


async def test_what_the_server_refuses_is_shown_in_its_words(scene: Scene) -> None:
    await scene.chat.opened("list_memories", path="user/ben")
    assert "may not read 'user/ben'" in await scene.chat.do("alert")
    await scene.chat.fill("Path", "user/eve")
    await scene.chat.click("Show")
    await scene.chat.see("may not read 'user/eve'")


async def test_an_empty_vault_says_so(scene: Scene) -> None:
    await scene.chat.opened()
    await scene.chat.status("Nothing is stored under user/ada, shared, global yet.")
    assert await scene.chat.memories() == []


async def test_everything_can_be_done_with_the_keyboard(scene: Scene) -> None:
    await scene.memos.remember(["Ada likes black tea", "Ada plays the cello"])
    await scene.chat.opened()
    focused = "document.activeElement.id || document.activeElement.innerText"
    await scene.chat.press("Tab")
    await scene.chat.do("until", script=focused, value="question")
    await scene.chat.do("type", text="tea")
    await scene.chat.press("Enter")
    await scene.chat.status("1 of 2 memories")
    await scene.chat.press("Tab", "Tab", "Tab", "Tab", "Enter")
    await scene.chat.see("version 1 · 19 characters")
    assert await scene.chat.do("run", script=focused) == "title"
    await scene.chat.press("Tab", "Tab", "Enter")
    assert await scene.chat.do("run", script=focused) == "draft"
    await scene.chat.press("End")
    await scene.chat.do("type", text=" and green tea")
    await scene.chat.press("Escape", "Tab", "Enter")
    await scene.chat.status("Saved as version 2.")
    await scene.chat.press("Tab", "Tab", "Tab", "Enter")
    assert await scene.chat.do("run", script=focused) == "keep"
    await scene.chat.press("Escape", "Escape")
    assert "Ada likes black tea and green tea" in await scene.chat.do("run", script=focused)
    assert [cube.text for cube in (await scene.memos.browse()).cubes][-1] == "Ada likes black tea and green tea"


async def test_the_page_is_dark_where_the_host_or_the_system_is(scene: Scene) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    colours: list[str] = []
    for about in ({}, {"scheme": "dark"}, {"theme": "dark"}, {"theme": "light", "scheme": "dark"}):
        await scene.chat.opened(about={**about})
        colours.append(await scene.chat.do("run", script=background))
    assert colours == ["rgb(255, 255, 255)", "rgb(28, 28, 30)", "rgb(28, 28, 30)", "rgb(255, 255, 255)"]
    await scene.chat.do("context", params={"styles": {"variables": {"--color-background-primary": "rgb(1, 2, 3)"}}})
    await scene.chat.do("until", script=background, value="rgb(1, 2, 3)")


async def test_the_host_is_told_how_high_the_page_is(scene: Scene) -> None:
    await scene.chat.opened()
    low = (await scene.chat.seen())["sizes"][-1]["height"]
    await scene.memos.remember([f"fact number {i}" for i in range(10)])
    await scene.chat.click("Show")
    await scene.chat.status("10 of 10")
    await scene.chat.do("higher", than=low + 300)
