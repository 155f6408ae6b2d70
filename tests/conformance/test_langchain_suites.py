"""LangChain's own suites for retrievers and tools, on a blocking Memos, and asynchronous calls on it as well."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from typing_extensions import override

from langchain_memos import MemosForgetTool, MemosRememberTool, MemosRetriever, MemosSearchTool
from memos_mcp import sync

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def memos(tmp_path_factory: pytest.TempPathFactory) -> Generator[sync.Memos]:
    home = tmp_path_factory.mktemp("suites")
    with sync.open(home=home, user="ada", embedder={"kind": "none"}, graph={"kind": "none"}) as opened:
        for what in ("green tea", "black tea", "mint tea", "iced tea", "rooibos tea"):
            opened.remember(f"Ada likes {what} in the morning")
        yield opened


class OnMemos:
    """Gives every suite the same memories."""

    _memos: sync.Memos

    @pytest.fixture(autouse=True)
    def _given(self, memos: sync.Memos) -> None:
        type(self)._memos = memos


class TestRetriever(OnMemos, RetrieversIntegrationTests):
    @property
    @override
    def retriever_constructor(self) -> type[BaseRetriever]:
        return MemosRetriever

    @property
    @override
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memos": self._memos, "k": 2}

    @property
    @override
    def retriever_query_example(self) -> str:
        return "tea in the morning"


class Tools(OnMemos):
    tool_class: ClassVar[type[BaseTool]]
    arguments: ClassVar[dict[str, Any]]

    @property
    def tool_constructor(self) -> type[BaseTool]:
        return self.tool_class

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"memos": self._memos}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return self.arguments


class Search(Tools):
    tool_class = MemosSearchTool
    arguments: ClassVar[dict[str, Any]] = {"query": "which tea?", "limit": 2}


class Remember(Tools):
    tool_class = MemosRememberTool
    arguments: ClassVar[dict[str, Any]] = {"text": "Ada has a sister in Porto"}


class Forget(Tools):
    tool_class = MemosForgetTool

    @property
    @override
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """Each call deletes another memory."""
        return {"memory_id": self._memos.put(None, "gone", text="soon").id}


class TestSearchUnit(Search, ToolsUnitTests): ...


class TestSearch(Search, ToolsIntegrationTests): ...


class TestRememberUnit(Remember, ToolsUnitTests): ...


class TestRemember(Remember, ToolsIntegrationTests): ...


class TestForgetUnit(Forget, ToolsUnitTests): ...


class TestForget(Forget, ToolsIntegrationTests): ...
