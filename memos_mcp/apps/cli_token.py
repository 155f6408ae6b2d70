"""Commands for the tokens of the HTTP server: token create, list, revoke."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, TypeVar

import anyio
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from memos_mcp import settings as configuration
from memos_mcp import wiring
from memos_mcp.apps import show as shown
from memos_mcp.apps import terminal
from memos_mcp.apps.access import Made, Token, Tokens
from memos_mcp.apps.terminal import Json, Yes
from memos_mcp.errors import InvalidInput
from memos_mcp.ports import Scope

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, help="Tokens that let clients in over HTTP (`memos serve`).", rich_markup_mode=None
)

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you know it by, such as laptop.")],
    *,
    scope: Annotated[Scope, typer.Option(help="What it is good for; each includes the one before.")] = "read",
    principal: Annotated[
        str | None, typer.Option(metavar="USER", help="Whose memories it opens; you, if not said.")
    ] = None,
    path: Annotated[str, typer.Option(help="Namespace that it is kept within, such as user/ada/work.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role he has; more than once.")] = None,
    context: Annotated[
        list[str] | None, typer.Option(metavar="KIND:VALUE", help="What he calls for, such as application:clinic.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it lasts, such as 12h, 30d, 1y.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a token. It is shown once: only a hash of it is kept."""

    def work() -> Made:
        user = principal or configuration.load().user
        lasts = lasting(expires) if expires else None
        return _with_tokens(
            lambda tokens: tokens.create(
                name, user=user, scope=scope, path=path, roles=role or (), context=context or (), lasts=lasts
            )
        )

    made = terminal.guarded(work, json=json)
    if json:
        terminal.out({"token": made.secret, **_fields(made.token)}, str, json=True)
    else:
        typer.echo(made.secret)
        terminal.display(_made(made.token))


@app.command("list")
def list_(*, json: Json = False) -> None:
    """List the tokens: whose they are, what they are good for, until when."""
    found = terminal.guarded(lambda: _with_tokens(lambda tokens: tokens.list()), json=json)
    if json:
        terminal.out([_fields(each) for each in found], str, json=True)
    else:
        terminal.display(_listed(found))


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name or id, as `list` shows them.")],
    *,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Refuse a token from now on, also in servers that run."""
    terminal.ask(f"Revoke the token {name}?", yes=yes, json=json)
    gone = terminal.guarded(lambda: _with_tokens(lambda tokens: tokens.revoke(name)), json=json)
    terminal.out(
        _fields(gone), lambda _: shown.done(f"revoked {gone.name}", f"{gone.scope} for {gone.user}"), json=json
    )


def lasting(text: str) -> timedelta:
    """A time such as 12h, 30d, 8w or 1y. Raises InvalidInput."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdwy])", text.strip())
    if found is None:
        raise InvalidInput(f"{text!r} is not a time such as 12h, 30d, 8w or 1y")
    return int(found[1]) * _UNITS[found[2]]


def _with_tokens(work: Callable[[Tokens], Awaitable[T]]) -> T:
    async def session() -> T:
        ledger = wiring.ledger(configuration.load())
        try:
            return await work(Tokens(ledger))
        finally:
            await ledger.aclose()

    return anyio.run(session)


def _fields(token: Token) -> dict[str, str | Sequence[str] | None]:
    return {
        "id": token.id,
        "name": token.name,
        "principal": token.user,
        "scope": token.scope,
        "path": token.path or None,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "state": token.state,
        "roles": token.roles,
        "context": token.context,
    }


def _made(token: Token) -> RenderableType:
    return Group(
        shown.done(f"made {token.name}", _about(token)),
        Text("keep it now: it is not shown again. Clients send it as  Authorization: Bearer TOKEN", style="dim"),
    )


def _listed(tokens: Sequence[Token]) -> RenderableType:
    if not tokens:
        return Text("no tokens yet; `memos token create NAME --scope write` makes one")
    return Group(*map(_line, tokens))


def _line(token: Token) -> Text:
    line = Text(shown.one_line(token.name), no_wrap=True, overflow="ignore").append("  ")
    line.append(shown.one_line(_about(token)), style="dim")
    return line.append(f"  {token.state}" if token.state != "active" else "", style="bold").append(f"  {token.id}")


def _about(token: Token) -> str:
    within = f" within {token.path}" if token.path else ""
    until = f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
    roles = f" as {', '.join(token.roles)}" if token.roles else ""
    where = f" in {', '.join(token.context)}" if token.context else ""
    return f"{token.scope} for {token.user}{roles}{where}{within}{until}"
