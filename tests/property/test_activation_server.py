"""Whatever a server says, it is an answer or an error of ours; and what is asked after that is answered."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos_mcp.activation import Reply as Answer
from memos_mcp.activation import Source
from memos_mcp.cube import Ref
from memos_mcp.errors import MemosError
from tests.sglang_fake import Fake, Reply, on, serving

TEA = [Source(Ref(id=f"m{at}", version=1), f"Ada had {at} cups of tea.") for at in range(5)]
DOORS = ("/server_info", "/model_info", "/workers", "/tokenize", "/detokenize", "/generate", "/close_session")
NAMES = st.sampled_from(
    "version page_size model_path workers url tokens text meta_info prompt_tokens cached_tokens finish_reason type "
    "internal_states memory_usage kvcache max_req_input_len".split()
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("0.5.21")
VALUES = st.recursive(
    LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some, max_size=5), max_leaves=8
)
BODIES = st.binary(max_size=20) | VALUES.map(lambda value: json.dumps(value).encode())
REPLIES = st.builds(
    Reply, BODIES, st.sampled_from([200, 200, 200, 204, 400, 401, 404, 418, 429, 500]), st.none() | st.integers(-1, 9)
)


@pytest.fixture(scope="module")
def fake() -> Generator[Fake]:
    with serving() as server:
        yield server


@given(st.dictionaries(st.sampled_from(DOORS), st.lists(REPLIES, min_size=1, max_size=3), min_size=1, max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_whatever_a_server_says_is_an_answer_or_an_error_of_ours(fake: Fake, faults: dict[str, Any]) -> None:
    async def asked() -> None:
        async with on(fake, timeout_s=2) as sglang:
            block = await sglang.warm(TEA, tenant="ada")
            fake.faults = {door: list(replies) for door, replies in faults.items()}
            for activation, tenant in ((block, "ada"), (None, "ada"), (None, "ben")):
                try:
                    await sglang.warm(TEA[1:], pinned=True)
                    reply = await sglang.generate(activation, "How much?", tenant=tenant, limit=3)
                except MemosError:
                    continue
                assert isinstance(reply, Answer)
                assert reply.reused in range((block.tokens if activation else 0) + 1)
            fake.faults = {}
            assert (await sglang.generate(None, "How much?", tenant="ada", limit=3)).made

    anyio.run(asked)
