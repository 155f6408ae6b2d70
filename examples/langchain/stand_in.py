"""A chat model that needs no key: it says what it is told it remembers. Put `init_chat_model(…)` in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class StandIn(BaseChatModel):
    """Answers with the first line of what stands before the question, if that is about anything."""

    @property
    def _llm_type(self) -> str:
        return "stand-in"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> StandIn:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        lines = [line for each in messages[:1] for line in str(each.text).splitlines() if line.startswith("[")]
        asked = next(str(each.text) for each in reversed(messages) if isinstance(each, HumanMessage))
        if not asked.endswith("?"):
            answer = "I will keep that in mind."
        else:
            answer = f"You told me: {lines[0].partition('] ')[2]}" if lines else "I know nothing about that."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])
