"""Our app, and on top of it the names that the conformance suite asks for: nothing between a client and them is other
than in the product, and what the product has stays first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.context import HandlerResult
from mcp.server.lowlevel.server import HandlerEntry
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.subscriptions import InMemorySubscriptionBus, ServerEvent, SubscriptionBus
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY, event_matches, event_to_notification
from starlette.applications import Starlette
from starlette.routing import Route

from memos_mcp.apps import http
from memos_mcp.settings import Settings
from tests.everything import lists, rounds
from tests.everything.tools import Context, Tool, tools

Called = Callable[[str], object]

_ACCEPTED: dict[str, type[types.RequestParams]] = {
    "logging/setLevel": types.SetLevelRequestParams,
    "resources/subscribe": types.SubscribeRequestParams,
    "resources/unsubscribe": types.UnsubscribeRequestParams,
}
_ASKS_BACK = "test_input_required_result_prompt"


def app(settings: Settings, called: Called) -> Starlette:
    """The app of `memos serve` with all the names; `called` is told each name that a client asked for."""
    made = http.app(settings)
    endpoints = [route.endpoint for route in made.routes if isinstance(route, Route)]
    (served,) = (each for each in endpoints if isinstance(each, StreamableHTTPASGIApp))
    extend(served.session_manager.app, called)
    return made


def extend(server: Server[Any], called: Called) -> None:
    """Put the names on top of what a server has."""
    bus = InMemorySubscriptionBus()
    named = {tool.name: tool for tool in (*tools(bus.publish), *rounds.rounds())}
    _listening(server, bus)
    _tools(server, named, called)
    _resources(server, called)
    _prompts(server, called)
    for method, takes in _ACCEPTED.items():
        _accept(server, method, takes, called)


def names() -> set[str]:
    """All that the suite may find here and not in the product."""
    ours = {tool.name for tool in (*tools(InMemorySubscriptionBus().publish), *rounds.rounds())}
    ours |= {prompt.name for prompt in lists.prompts()} | {resource.uri for resource in lists.resources()}
    return ours | {lists.TEMPLATE.uri_template, *_ACCEPTED}


def _tools(server: Server[Any], named: dict[str, Tool], called: Called) -> None:
    product, schema_of = _product(server, "tools/call"), server.get_tool_input_schema

    async def call(context: Context, params: types.CallToolRequestParams) -> HandlerResult:
        called(params.name)
        if params.name not in named:
            return await product.handler(context, params)
        return await named[params.name].call(context, params)

    def takes(name: str) -> Mapping[str, Any] | None:
        return named[name].takes if name in named else schema_of(name) if schema_of else None

    _list(server, "tools/list", "tools", [tool.described() for tool in named.values()])
    server.add_request_handler("tools/call", types.CallToolRequestParams, call)
    server.get_tool_input_schema = takes


def _resources(server: Server[Any], called: Called) -> None:
    product, listed = _product(server, "resources/read"), {resource.uri for resource in lists.resources()}

    async def read(context: Context, params: types.ReadResourceRequestParams) -> HandlerResult:
        found = lists.read(str(params.uri))
        called(lists.TEMPLATE.uri_template if found and str(params.uri) not in listed else str(params.uri))
        return found or await product.handler(context, params)

    _list(server, "resources/list", "resources", lists.resources())
    _list(server, "resources/templates/list", "resource_templates", [lists.TEMPLATE])
    server.add_request_handler("resources/read", types.ReadResourceRequestParams, read)


def _prompts(server: Server[Any], called: Called) -> None:
    product, ours = _product(server, "prompts/get"), lists.prompts()
    names = {prompt.name for prompt in ours}

    async def get(context: Context, params: types.GetPromptRequestParams) -> HandlerResult:
        called(params.name)
        if params.name not in names:
            return await product.handler(context, params)
        return rounds.prompt(params) if params.name == _ASKS_BACK else lists.got(params.name, params.arguments or {})

    _list(server, "prompts/list", "prompts", ours)
    server.add_request_handler("prompts/get", types.GetPromptRequestParams, get)


def _listening(server: Server[Any], bus: SubscriptionBus) -> None:
    """Whoever listens to the product hears also that our lists have changed; those of the product never do."""
    listen, discover = _product(server, "subscriptions/listen"), _product(server, "server/discover")

    async def listened(context: Context, params: types.SubscriptionsListenRequestParams) -> HandlerResult:
        heard, hearing = anyio.create_memory_object_stream[ServerEvent](16)

        def hear(event: ServerEvent) -> None:
            if event_matches(params.notifications, frozenset(), event):
                heard.send_nowait(event)

        async def pass_on() -> None:
            about = {SUBSCRIPTION_ID_META_KEY: context.request_id}
            async for event in hearing:
                told = event_to_notification(event, about)
                await context.session.send_notification(told, related_request_id=context.request_id)

        forget = bus.subscribe(hear)
        try:
            with heard, hearing:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(pass_on)
                    result = await listen.handler(context, params)
                    tasks.cancel_scope.cancel()
                    return result
        finally:
            forget()

    async def discovered(context: Context, params: types.RequestParams) -> HandlerResult:
        found = await discover.handler(context, params)
        assert isinstance(found, types.DiscoverResult)
        changing = {
            "tools": types.ToolsCapability(list_changed=True),
            "prompts": types.PromptsCapability(list_changed=True),
        }
        return found.model_copy(update={"capabilities": found.capabilities.model_copy(update=changing)})

    server.add_request_handler("server/discover", types.RequestParams, discovered)
    server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, listened)


def _list(server: Server[Any], method: str, field: str, ours: list[Any]) -> None:
    """The last page of the product ends with ours."""
    product = _product(server, method)

    async def listed(context: Context, params: types.PaginatedRequestParams) -> HandlerResult:
        page = await product.handler(context, params)
        assert isinstance(page, types.PaginatedResult)
        return page if page.next_cursor else page.model_copy(update={field: [*getattr(page, field), *ours]})

    server.add_request_handler(method, types.PaginatedRequestParams, listed)


def _accept(server: Server[Any], method: str, takes: type[types.RequestParams], called: Called) -> None:
    """What the handshake era asks for. To watch a resource of ours is to watch one of the product."""
    product = server.get_request_handler(method)

    async def accept(context: Context, params: types.RequestParams) -> HandlerResult:
        called(method)
        if product is None:
            return types.EmptyResult()
        return await product.handler(context, params.model_copy(update={"uri": "memory://recent"}))

    server.add_request_handler(method, takes, accept)


def _product(server: Server[Any], method: str) -> HandlerEntry[Any]:
    entry = server.get_request_handler(method)
    assert entry is not None, f"the product does not serve {method}"
    return entry
