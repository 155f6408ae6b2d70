"""The tools and the prompt of the conformance suite that ask the client back (2026-07-28): each is a pure function.

What they keep between two rounds goes through the client as `requestState`; sealing it is the work of our app.
"""

from __future__ import annotations

from collections.abc import Callable

from mcp import types

from tests.everything.tools import Answer, Context, Schema, Tool, answered, text

Params = types.CallToolRequestParams
_PREFIX = "test_input_required_result_"


def rounds() -> list[Tool]:
    """All of them."""
    asking: dict[str, Callable[[Params], Answer]] = {
        f"{_PREFIX}elicitation": _elicitation,
        f"{_PREFIX}sampling": _sampling,
        f"{_PREFIX}list_roots": _roots,
        f"{_PREFIX}request_state": _state,
        f"{_PREFIX}tampered_state": _state,
        f"{_PREFIX}multiple_inputs": _three_at_once,
        f"{_PREFIX}multi_round": _one_after_another,
        "test_streaming_elicitation": _elicitation,
    }
    return [*(_tool(name, ask) for name, ask in asking.items()), Tool(f"{_PREFIX}capabilities", _what_it_can, _NOTHING)]


def prompt(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    """A prompt that needs to know something first."""
    match (params.input_responses or {}).get("user_context"):
        case types.ElicitResult(action="accept", content={"context": str(context)}):
            message = types.PromptMessage(role="user", content=text(f"Think of this: {context}"))
            return types.GetPromptResult(messages=[message])
        case _:
            return _ask(user_context=_form("What context should the prompt use?", "context"))


def _tool(name: str, ask: Callable[[Params], Answer]) -> Tool:
    async def call(context: Context, params: Params) -> Answer:
        return ask(params)

    return Tool(name, call, _NOTHING)


def _elicitation(params: Params) -> Answer:
    name = _said(params, "user_name", "name")
    return answered(f"Hello, {name}!") if name else _ask(user_name=_form("What is your name?", "name"))


def _sampling(params: Params) -> Answer:
    match (params.input_responses or {}).get("capital_question"):
        case types.CreateMessageResult(content=types.TextContent(text=said)):
            return answered(f"The model says: {said}")
        case _:
            return _ask(capital_question=_sample("What is the capital of France?", 100))


def _roots(params: Params) -> Answer:
    match (params.input_responses or {}).get("client_roots"):
        case types.ListRootsResult(roots=roots):
            return answered(f"Roots: {', '.join(str(root.uri) for root in roots)}")
        case _:
            return _ask(client_roots=types.ListRootsRequest(params=types.RequestParams()))


def _state(params: Params) -> Answer:
    if params.request_state == "asked" and "confirm" in (params.input_responses or {}):
        return answered("state-ok")
    form = _form("Please confirm", "ok", kind="boolean")
    return _ask("asked", confirm=form)


def _three_at_once(params: Params) -> Answer:
    wanted = {"user_name", "greeting", "client_roots"}
    if params.request_state == "asked" and wanted <= (params.input_responses or {}).keys():
        return answered("All three came.")
    return _ask(
        "asked",
        user_name=_form("What is your name?", "name"),
        greeting=_sample("Generate a greeting", 50),
        client_roots=types.ListRootsRequest(params=types.RequestParams()),
    )


def _one_after_another(params: Params) -> Answer:
    state = params.request_state or ""
    name, color = _said(params, "step1", "name"), _said(params, "step2", "color")
    if state.startswith("named ") and color:
        return answered(f"{state.removeprefix('named ')} likes {color}.")
    if state == "asked" and name:
        return _ask(f"named {name}", step2=_form("Step 2: What is your favorite color?", "color"))
    return _ask("asked", step1=_form("Step 1: What is your name?", "name"))


async def _what_it_can(context: Context, params: Params) -> Answer:
    """Ask for what this client said it can do, and for nothing else."""
    can = context.session.client_capabilities or types.ClientCapabilities()
    asked: dict[str, types.InputRequest] = {}
    if can.elicitation is not None:
        asked["user_name"] = _form("What is your name?", "name")
    if can.sampling is not None:
        asked["greeting"] = _sample("Generate a greeting", 50)
    return (
        types.InputRequiredResult(input_requests=asked)
        if asked
        else answered("This client can neither ask nor sample.")
    )


def _ask(state: str | None = None, **asked: types.InputRequest) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=asked, request_state=state)


def _form(message: str, field: str, kind: str = "string") -> types.ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def _sample(question: str, tokens: int) -> types.CreateMessageRequest:
    asked = types.SamplingMessage(role="user", content=text(question))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[asked], max_tokens=tokens))


def _said(params: Params, key: str, field: str) -> str:
    """What the user typed; empty if he did not, or if the answer has another form."""
    match (params.input_responses or {}).get(key):
        case types.ElicitResult(action="accept", content=dict(content)):
            return str(content.get(field, ""))
        case _:
            return ""


_NOTHING: Schema = {"type": "object"}
