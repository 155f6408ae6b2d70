"""How a client hears news, by the rules of its era.

From 2026-07-28 on it sends `subscriptions/listen`, whose answer lasts as long as it listens. Before that it is told of
changes of the list once it has asked for the list, and of single resources it subscribed to, while its session lasts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.connection import Connection
from mcp.shared.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    event_matches,
    event_to_notification,
)

from memos_mcp.apps.mcp_news import Ear, News
from memos_mcp.errors import InvalidInput
from memos_mcp.memos import Memos

MOST = 1000
"""Resources that one client may subscribe to."""

_STATE = "memos.session"


Still = Callable[[ServerRequestContext[Any, Any]], Awaitable[bool]]
"""Whether the caller of a request that lasts is still let in."""


async def listen(
    context: ServerRequestContext[Any, Any],
    params: types.SubscriptionsListenRequestParams,
    news: News,
    memos: Memos,
    still: Still,
) -> types.SubscriptionsListenResult:
    """Tell the client what it asked for until it goes, is let in no more, or the server stops. Raises MemosError."""
    asked = params.notifications
    uris = _checked(frozenset(asked.resource_subscriptions or ()))
    heard = types.SubscriptionFilter(
        resources_list_changed=asked.resources_list_changed or None, resource_subscriptions=[*uris] or None
    )
    about: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: context.request_id}
    noted = types.SubscriptionsAcknowledgedNotificationParams(notifications=heard, _meta=about)
    async with news.listening(memos, lambda event: event_matches(heard, uris, event)) as ear:
        first = types.SubscriptionsAcknowledgedNotification(params=noted)
        await context.session.send_notification(first, context.request_id)
        async for event in ear:
            if not await still(context):
                break
            await context.session.send_notification(event_to_notification(event, about), context.request_id)
    return types.SubscriptionsListenResult(_meta=about)


@dataclass(slots=True)
class Session:
    """What the client of a session wants to hear."""

    lists: bool = False
    uris: set[str] = field(default_factory=set[str])

    def wants(self, event: ServerEvent) -> bool:
        """Is it one of these?"""
        match event:
            case ResourcesListChanged():
                return self.lists
            case ResourceUpdated(uri=uri):
                return uri in self.uris
            case _:
                return False


async def attend(
    context: ServerRequestContext[Any, Any], news: News, memos: Memos, still: Still, *, uri: str = ""
) -> None:
    """From now on tell this session of changes of the list, or of one resource; nothing happens where none lasts.

    Raises InvalidInput, Unavailable, Corrupt.
    """
    connection = connection_of(context)
    if not connection.has_standalone_channel:
        return
    session: Session | None = connection.state.get(_STATE)
    if session is None:
        session = connection.state[_STATE] = Session()
        ear = await news.join(memos, session.wants)
        connection.exit_stack.callback(news.leave, ear)
        news.tasks.start_soon(_pass_on, connection, ear, partial(still, context))
    if uri:
        session.uris |= _checked({*session.uris, uri})
    else:
        session.lists = True


def ignore(context: ServerRequestContext[Any, Any], uri: str) -> None:
    """Tell this session no more of a resource."""
    session: Session | None = connection_of(context).state.get(_STATE)
    if session is not None:
        session.uris.discard(uri)


async def _pass_on(connection: Connection, ear: Ear, still: Callable[[], Awaitable[bool]]) -> None:
    async for event in ear:
        if not await still():
            return
        match event:
            case ResourceUpdated(uri=uri):
                await connection.send_resource_updated(uri)
            case _:
                await connection.send_resource_list_changed()


def connection_of(context: ServerRequestContext[Any, Any]) -> Connection:
    """The connection of a request: the SDK shows handlers no other sign of when a session ends."""
    return context.session._connection  # pyright: ignore[reportPrivateUsage]


def _checked(uris: frozenset[str] | set[str]) -> frozenset[str]:
    if len(uris) > MOST:
        raise InvalidInput(f"a client may subscribe to {MOST} resources; memory://recent stands for all that are new")
    return frozenset(uris)
