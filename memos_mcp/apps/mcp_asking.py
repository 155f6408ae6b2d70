"""The client of a call, as a tool sees it: it can be told how far the work is, and its user can be asked.

A question goes out in the way of the client's era: from 2026-07-28 on the call is answered by the question and repeated
with the reply, before that the server asks while the call waits. Where neither can be, an argument must say yes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mcp import MCPError, types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import NoBackChannelError
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from memos_mcp.apps.mcp_answers import Answer
from memos_mcp.errors import InvalidInput, Unavailable

_FIELD = "yes"
_KEY = "question"


class Tell(Protocol):
    """How far the work is: `done` of `total`, if that is known, and what is being done."""

    async def __call__(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell it; nothing happens if the client did not ask for that."""


async def _to_nobody(progress: float, total: float | None = None, message: str | None = None) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the user, yes or no. `text` holds all he must see, in the same words whenever it is asked."""

    text: str
    yes: str


@dataclass(frozen=True, slots=True)
class Peer:
    """The client of one call. `said` is what its user replied, by the text of the question."""

    can_ask: bool = False
    said: Mapping[str, bool] = field(default_factory=dict[str, bool])
    progress: Tell = _to_nobody

    def agreed(self, question: Question, *, confirm: bool) -> bool | Question:
        """Did the user agree? A question if he has to be asked first: return it, the call is repeated with his reply.

        Raises InvalidInput if he cannot be asked and nobody gave the argument `confirm`.
        """
        if question.text in self.said:
            return self.said[question.text]
        if self.can_ask:
            return question
        if not confirm:
            raise InvalidInput(
                f"{question.text} This needs the user's yes, and the client cannot ask him: show him this, "
                "and call again with confirm: true if he agrees"
            )
        return True


async def settled(
    context: ServerRequestContext[Any, Any],
    params: types.CallToolRequestParams,
    run: Callable[[Peer], Awaitable[Answer | Question]],
) -> Answer | types.InputRequiredResult:
    """What `run` answers once its user has replied to what it asks. Raises MemosError."""
    peer = Peer(_can_ask(context), progress=context.session.report_progress)
    while isinstance(outcome := await run(peer), Question):
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            reply = (params.input_responses or {}).get(_KEY) if params.request_state == _mark(outcome) else None
            if not isinstance(reply, types.ElicitResult):
                return types.InputRequiredResult(
                    input_requests={_KEY: types.ElicitRequest(params=_form(outcome))}, request_state=_mark(outcome)
                )
        else:
            reply = await _asked(context, outcome)
        said = {} if reply is None else {outcome.text: _is_yes(reply)}
        peer = replace(peer, can_ask=reply is not None, said={**peer.said, **said})
    return outcome


def _can_ask(context: ServerRequestContext[Any, Any]) -> bool:
    """By a form: an empty capability is that of clients that know nothing else."""
    able = context.session.client_capabilities
    form = able is not None and able.elicitation is not None and (able.elicitation.form or not able.elicitation.url)
    return bool(form) and (context.protocol_version in MODERN_PROTOCOL_VERSIONS or context.session.can_send_request)


async def _asked(context: ServerRequestContext[Any, Any], question: Question) -> types.ElicitResult | None:
    """The reply of the user; None if the client cannot ask, whatever it said of itself."""
    form = _form(question)
    try:
        return await context.session.elicit_form(form.message, form.requested_schema, context.request_id)
    except NoBackChannelError:
        return None
    except ValidationError as exc:
        raise Unavailable("the client's reply to a question for its user cannot be read") from exc
    except MCPError as exc:
        if exc.code == types.METHOD_NOT_FOUND:
            return None
        raise Unavailable(f"the client could not ask its user: {exc.message[:200]}") from exc


def _form(question: Question) -> types.ElicitRequestFormParams:
    asked: dict[str, Any] = {"type": "boolean", "title": question.yes}
    schema = {"type": "object", "properties": {_FIELD: asked}, "required": [_FIELD]}
    return types.ElicitRequestFormParams(message=question.text, requested_schema=schema)


def _is_yes(reply: types.ElicitResult) -> bool:
    return reply.action == "accept" and (reply.content or {}).get(_FIELD) is True


def _mark(question: Question) -> str:
    """Which question a reply belongs to: one that has changed since is asked anew."""
    return hashlib.sha256(question.text.encode()).hexdigest()[:32]
