"""Chat models for agents of LangChain that do as a test says, and what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType] LangChain leaves a type open
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field
from typing_extensions import override

Answer = Callable[[list[BaseMessage]], AIMessage]


class Told(BaseChatModel):
    """Answers as it is told to; `asked` are the messages of each call, `tools` those it has."""

    answer: Answer
    asked: list[list[BaseMessage]] = Field(default_factory=list[list[BaseMessage]])
    tools: list[str] = Field(default_factory=list[str])

    @property
    @override
    def _llm_type(self) -> str:
        return "told"

    @override
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Told:
        self.tools[:] = [tool.name for tool in tools]
        return self

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self.answer(messages))])


def saying(words: str) -> Answer:
    """The same words to everything."""
    return lambda messages: AIMessage(words)


def calling(tool: str, **arguments: Any) -> Answer:
    """A call of a tool; then what the tool said."""

    def answer(messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(str(last.text))
        return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": "call-1"}])

    return answer


def prompt(messages: Sequence[BaseMessage]) -> str:
    """What stands before the conversation."""
    return "\n".join(str(each.text) for each in messages if each.type == "system")


def human(words: str, id: str | None = None) -> dict[str, Any]:
    """The input of a run."""
    return {"messages": [HumanMessage(words, id=id)]}


def agent_of(model: BaseChatModel, **given: Any) -> Any:
    """An agent, without the many types of its calls."""
    return create_agent(model, **given)
