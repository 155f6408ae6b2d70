"""Prompts: what a person starts by name in a host, as slash commands. Pure, as the tools do the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcp import MCPError, types

_LONGEST = 2000  # characters of an argument


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: `text` has a place for each argument; an optional one stands for `otherwise` where it is left out."""

    name: str
    title: str
    description: str
    text: str
    arguments: Mapping[str, str]
    required: frozenset[str] = frozenset()
    otherwise: Mapping[str, str] | None = None

    def listed(self) -> types.Prompt:
        """As `prompts/list` shows it."""
        arguments = [
            types.PromptArgument(name=name, description=what, required=name in self.required)
            for name, what in self.arguments.items()
        ]
        return types.Prompt(name=self.name, title=self.title, description=self.description, arguments=arguments)


PROMPTS = (
    Prompt(
        "recall",
        "Recall a topic",
        "Gather what is remembered of a topic and answer from it.",
        "Call the tool recall with what you need to know about the following, more than once if it has several sides. "
        "Then tell me what is remembered, with dates and who said it; say clearly what is not remembered.\n\n"
        "Topic: {topic}",
        {"topic": "a question, a name, a project"},
        frozenset({"topic"}),
    ),
    Prompt(
        "remember",
        "Remember this",
        "Store what matters of a text, or of this conversation.",
        "Store what is worth keeping with the tool remember: durable facts, preferences, decisions, plans and dates, "
        "each as one self-contained statement with the names spelled out. Leave out small talk, guesses and secrets. "
        "Recall first whether it is known; if it has changed, use update_memory. Then list what you stored.\n\n"
        "What to remember: {what}",
        {"what": "a text; this conversation if left out"},
        otherwise={"what": "this conversation"},
    ),
    Prompt(
        "review",
        "Review memories",
        "Go through memories and propose what to mend, merge or forget.",
        "Page through the memories with list_memories {where}. Propose, in a table with ids: what is outdated, what "
        "says the same twice, what contradicts something else, what should not be kept. Change nothing until I agree; "
        "then use update_memory and forget.",
        {"path": "a path such as user/ada/work; everything if left out"},
        otherwise={"path": ""},
    ),
    Prompt(
        "weekly_digest",
        "Digest of the week",
        "Sum up what was remembered in the last seven days.",
        "Page through list_memories {where}, newest first, until the memories are older than seven days. Sum the week "
        "up: decisions, events, new facts about people, open promises with their dates. At most fifteen lines, each "
        "with the id it rests on.",
        {"path": "a path such as user/ada/work; everything if left out"},
        otherwise={"path": ""},
    ),
)

_NAMED = {prompt.name: prompt for prompt in PROMPTS}


def listed() -> types.ListPromptsResult:
    """All prompts."""
    return types.ListPromptsResult(prompts=[prompt.listed() for prompt in PROMPTS])


def got(params: types.GetPromptRequestParams) -> types.GetPromptResult:
    """The message of a prompt. Raises MCPError (invalid params) for an unknown prompt or argument, or a missing one."""
    prompt = _NAMED.get(params.name)
    if prompt is None:
        raise _wrong(f"there is no prompt {params.name[:80]!r}; this server has {', '.join(_NAMED)}")
    given = params.arguments or {}
    for name, value in given.items():
        if name not in prompt.arguments:
            raise _wrong(f"{prompt.name} has no argument {name[:40]!r}; it takes {', '.join(prompt.arguments)}")
        if len(value) > _LONGEST:
            raise _wrong(f"the argument {name!r} has {len(value)} characters; at most {_LONGEST} are taken")
    missing = [name for name in prompt.required if not given.get(name, "").strip()]
    if missing:
        raise _wrong(f"{prompt.name} needs the argument {missing[0]!r}")
    filled = {name: given.get(name) or (prompt.otherwise or {}).get(name, "") for name in prompt.arguments}
    path = filled.get("path", "")
    text = prompt.text.format(**filled, where=f"at the path {path}" if path else "at every path")
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=prompt.description, messages=[message])


def _wrong(why: str) -> MCPError:
    return MCPError(types.INVALID_PARAMS, why)
