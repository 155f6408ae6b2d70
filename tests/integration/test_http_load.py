"""Many clients of two people at once: no error, and nobody sees what is not his."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import anyio
import pytest

from tests.http_server import client, configured, serving, token

pytestmark = [pytest.mark.anyio, pytest.mark.no_cover]

CLIENTS, ROUNDS = 16, 12


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_sixteen_clients_of_two_people_never_see_each_others_memories(
    tmp_path: Path, mode: Literal["legacy", "auto"]
) -> None:
    settings = configured(tmp_path, rate=100_000, burst=100_000)
    people = ("ada", "ben")
    secrets = {user: await token(settings, user=user) for user in people}
    done: list[int] = []

    async def work(url: str, number: int) -> None:
        user, other = people[number % 2], people[1 - number % 2]
        async with client(url, secrets[user], mode) as connected:
            for i in range(ROUNDS):
                kept = await connected.call_tool("remember", {"content": f"the cup of {user}: {number} and {i}"})
                assert not kept.is_error, kept
                assert kept.structured_content is not None
                assert kept.structured_content["path"] == f"user/{user}"
                found = await connected.call_tool("recall", {"question": f"cup {number} and {i}", "limit": 50})
                assert not found.is_error, found
                text = found.model_dump_json()
                assert f"the cup of {user}: {number} and {i}" in text
                assert f"user/{other}" not in text
                assert f"the cup of {other}" not in text
                status = await connected.call_tool("memory_status", {})
                assert f"for {user}" in str(status.content)
        done.append(number)

    with anyio.fail_after(60):
        async with serving(settings) as url, anyio.create_task_group() as tasks:
            for number in range(CLIENTS):
                tasks.start_soon(work, url, number)
    assert sorted(done) == list(range(CLIENTS))
