"""Settings → the models behind activation and parametric memory and behind `ask`, each opened when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp import settings as configuration
from memos_mcp.activation import ActivationBackend, LastingBackend
from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.ledger import Ledger
from memos_mcp.models import Worded
from memos_mcp.parametric import AdapterBackend
from memos_mcp.settings import Settings

if TYPE_CHECKING:
    from memos_mcp.infrastructure.models.openai import OpenAIChat
    from memos_mcp.infrastructure.parametric.later import Here, Served
    from memos_mcp.infrastructure.storage.health import Finding


class ChatLater:
    """The chat model of `ask`, opened by the first question: who does not ask does not wait for it."""

    def __init__(self, its: configuration.Chat, closing: AsyncExitStack) -> None:
        self.model = its.model
        self._its = its
        self._chat: OpenAIChat | None = None
        closing.push_async_callback(self.aclose)

    async def answer(self, system: str, text: str) -> Worded:
        """As the port says."""
        return await self._opened().answer(system, text)

    async def complete(self, system: str, text: str, schema: Mapping[str, JsonValue]) -> JsonValue:
        """As the port says."""
        return await self._opened().complete(system, text, schema)

    async def aclose(self) -> None:
        """As the port says."""
        if self._chat is not None:
            await self._chat.aclose()

    def _opened(self) -> OpenAIChat:
        if self._chat is None:
            from memos_mcp.infrastructure.models.openai import OpenAIChat

            its = self._its
            self._chat = OpenAIChat(its.url, its.model, its.key.get_secret_value(), timeout_s=its.timeout_s)
        return self._chat


def activation(chosen: Settings, ledger: Ledger, closing: AsyncExitStack) -> LastingBackend | None:
    """The backend of activation memory; one that only removes what is left of a time when there was another."""
    its, folder = chosen.activation, chosen.blocks
    if chosen.vault.read_only or (its.kind == "none" and not folder.is_dir()):
        return None
    from memos_mcp.infrastructure.activation.later import Later, secret_of

    async def none() -> ActivationBackend:
        raise Misconfigured("activation memory is switched off: set activation.kind")

    async def in_process() -> ActivationBackend:
        from memos_mcp.infrastructure.activation.opening import opened
        from memos_mcp.interface.answering import head

        memory, disk = its.memory_mb * 2**20, its.disk_mb * 2**20
        return await opened(its.model, folder, header=head(), device=its.device, memory=memory, disk=disk)

    async def on_sglang() -> ActivationBackend:
        from memos_mcp.infrastructure.activation.sglang import SGLang
        from memos_mcp.interface.answering import head

        secret, key = await secret_of(ledger), its.key.get_secret_value() or None
        return SGLang(its.url, secret, key, preface=head(), timeout_s=its.timeout_s)

    match its.kind:
        case "none":
            backend = Later("", none, folder=folder)
        case "transformers":
            backend = Later(_known(its.model), in_process, folder=folder, timeout_s=its.timeout_s)
        case "sglang":
            backend = Later(f"SGLang at {its.url.partition('://')[2]}", on_sglang, timeout_s=its.timeout_s)
        case _:
            assert_never(its.kind)
    closing.push_async_callback(backend.aclose)
    return backend


def parametric(chosen: Settings, ledger: Ledger, closing: AsyncExitStack) -> AdapterBackend | None:
    """The backend of parametric memory; one that only removes what is left of a time when there was another."""
    its, folder = chosen.parametric, chosen.adapters
    if chosen.vault.read_only or (its.kind == "none" and not folder.is_dir()):
        return None
    from memos_mcp.infrastructure.parametric.later import Later

    async def none() -> Here:
        raise Misconfigured("parametric memory is switched off: set parametric.kind")

    async def in_process() -> Here:
        from memos_mcp.infrastructure.parametric.opening import opened
        from memos_mcp.interface.answering import head

        return await opened(its.model, folder, header=head(), device=its.device)

    async def on_sglang() -> Served:
        from memos_mcp.infrastructure.activation.later import secret_of
        from memos_mcp.infrastructure.parametric.sglang import SGLangAdapters

        secret, key = await secret_of(ledger), its.key.get_secret_value() or None
        return SGLangAdapters(
            its.url,
            secret,
            key,
            ledger=ledger,
            trained=folder,
            copies=chosen.home.expanduser() / its.copies,
            seen_as=its.seen_as or None,
            timeout_s=its.timeout_s,
        )

    served = on_sglang if its.kind == "sglang" else None
    opened_by, name = (none, "") if its.kind == "none" else (in_process, _known(its.model))
    blocks = chosen.blocks if chosen.activation.kind == "transformers" else None
    backend = Later(name, opened_by, folder, served=served, blocks=blocks, timeout_s=its.timeout_s)
    closing.push_async_callback(backend.aclose)
    return backend


def _known(model: str) -> str:
    folder = Path(model).expanduser()
    return folder.name if folder.is_dir() else model


async def activation_finding(chosen: Settings) -> Finding:
    """Is the model of activation memory, or its server, there? Loads nothing, and never raises for what it finds.

    A server that is silent is given up after 3 s.
    """
    its = chosen.activation
    from memos_mcp.infrastructure.storage.health import Finding

    if its.kind == "none":
        return Finding("activation", True, "switched off by the setting activation.kind")
    from memos_mcp.infrastructure.activation.looking import model_here, server_there

    try:
        if its.kind == "transformers":
            return Finding("activation", True, await to_thread.run_sync(model_here, its.model))
        return Finding("activation", True, await server_there(its.url, its.key.get_secret_value() or None))
    except (Misconfigured, Unavailable) as exc:
        return Finding("activation", False, f"{exc} (ask goes on without it, in words, if chat.model is set)")


async def parametric_finding(chosen: Settings) -> Finding:
    """Is the model of parametric memory, and its server, there? As `activation_finding`."""
    its = chosen.parametric
    from memos_mcp.infrastructure.storage.health import Finding

    if its.kind == "none":
        return Finding("parametric", True, "switched off by the setting parametric.kind")
    from memos_mcp.infrastructure.activation.looking import model_here, server_there

    try:
        said = await to_thread.run_sync(model_here, its.model, "parametric")
        if its.kind == "sglang":
            said = f"{said}; {await server_there(its.url, its.key.get_secret_value() or None)}"
        return Finding("parametric", True, said)
    except (Misconfigured, Unavailable) as exc:
        return Finding("parametric", False, f"{exc} (ask goes on without it, in words, if chat.model is set)")
