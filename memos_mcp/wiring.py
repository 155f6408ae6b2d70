"""Settings → Memos: the only place that chooses backends, and the only one that imports them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, assert_never, runtime_checkable

from memos_mcp import backends
from memos_mcp import settings as configuration
from memos_mcp.accesses import AccessLog
from memos_mcp.cube import MemCube
from memos_mcp.errors import InvalidInput, Misconfigured
from memos_mcp.ledger import Ledger
from memos_mcp.memos import Memos
from memos_mcp.models import Chat, Embedder
from memos_mcp.ports import Caller, MemReader, Route
from memos_mcp.settings import Settings
from memos_mcp.traversal import Traversal
from memos_mcp.version import __version__

if TYPE_CHECKING:
    from memos_graph.store import GraphStore
    from memos_mcp.infrastructure.lens import Lens
    from memos_mcp.infrastructure.storage.database import Database
    from memos_mcp.infrastructure.storage.health import Finding
    from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
    from memos_mcp.infrastructure.storage.upkeep import Upkeep
    from memos_mcp.interface.guard import Guard
    from memos_mcp.interface.planning import Terms
    from memos_mcp.interface.privacy import Recognisers
    from memos_mcp.interface.privacy_modes import Privacy


def open(settings: Settings | None = None, **given: Any) -> Memos:
    """A Memos for the local user, from memos.toml and MEMOS_* unless settings are given (`open(home="…")`).

    Nothing is read from disk yet: the vault opens with the first verb. Raises Misconfigured.
    """
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.lens import CLEAR
    from memos_mcp.infrastructure.storage.sqlite import SqliteAdapter
    from memos_mcp.infrastructure.words import Words
    from memos_mcp.interface.guard import Guard
    from memos_mcp.interface.spending import Spending

    vault = SqliteAdapter(chosen.database, read_only=chosen.vault.read_only)
    closing = AsyncExitStack()
    closing.push_async_callback(vault.aclose)
    privacy = _privacy(chosen.privacy)
    guard = Guard(mask=chosen.screening.mask_secrets, quarantine=chosen.screening.quarantine, privacy=privacy)
    accesses = _accesses(chosen, vault.database, guard)
    if accesses is not None:
        closing.push_async_callback(accesses.aclose)
    lens = privacy.lens if privacy else CLEAR
    words = Words(vault, vault.segment_store, memory=chosen.words.memory_mb * 1024 * 1024, lens=lens)
    routes = [words, _vectors(chosen, vault, closing, lens), _graph(chosen, vault, closing, guard.drawn(lens))]
    chat = backends.ChatLater(chosen.answering, closing) if chosen.answering else None
    backend = backends.activation(chosen, vault.ledger, closing)
    parametric = backends.parametric(chosen, vault.ledger, closing)
    return Memos(
        vault=vault,
        reader=_reader(chosen.reader, closing),
        routes=routes,
        caller=Caller(chosen.user, chosen.roles, chosen.context),
        path=chosen.path,
        guard=guard,
        accesses=accesses,
        about=str(chosen.database),
        graph=_walks(routes),
        closing=closing,
        consolidation=chosen.consolidation.mode == "on" and not chosen.vault.read_only,
        answerer=chat,
        spending=Spending(chosen.chat.tokens_per_minute) if chosen.chat.tokens_per_minute else None,
        backend=backend,
        parametric=parametric,
        scheduling=_terms(chosen, routes, chat) if backend or parametric else None,
    )


def _terms(chosen: Settings, routes: Sequence[Route], chat: Chat | None) -> Terms:
    from memos_mcp.interface.pairs_llm import ModelAuthor
    from memos_mcp.interface.planning import Terms
    from memos_mcp.operation.quotas import Quota

    its, learns = chosen.activation, chosen.parametric
    quota = Quota(learns.disk_mb * 2**20, adapters=learns.most)
    author = ModelAuthor(chat) if chat and learns.questions == "model" else None
    meaning = next((route.meaning for route in routes if isinstance(route, _Meaning)), None)
    return Terms(
        its.policy,
        its.longest,
        background=its.schedule == "on",
        meaning=meaning,
        training=learns.kind != "none" and learns.schedule == "on",
        quota=quota,
        author=author,
    )


@runtime_checkable
class _Meaning(Protocol):
    """A lane that has vectors."""

    async def meaning(self, cubes: Sequence[MemCube]) -> Sequence[tuple[float, ...]]: ...


def upkeep(settings: Settings | None = None, **given: Any) -> Upkeep:
    """Backup, restore and check of the vault that `open` with the same settings would use. Raises Misconfigured."""
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.storage.database import Database
    from memos_mcp.infrastructure.storage.upkeep import Upkeep

    return Upkeep(Database(chosen.database, read_only=chosen.vault.read_only))


async def model_findings(settings: Settings | None = None, **given: Any) -> list[Finding]:
    """Are the models of activation and parametric memory there? Raises Misconfigured; not for what it finds."""
    chosen = settings or configuration.load(**given)
    return [await backends.activation_finding(chosen), await backends.parametric_finding(chosen)]


async def graph_finding(settings: Settings | None = None, **given: Any) -> Finding:
    """Does the graph answer that `open` with the same settings would use? Never raises for what it finds.

    A server that is down says so at once, one that is silent after 10 s. Raises Misconfigured.
    """
    chosen = settings or configuration.load(**given)
    from memos_graph.errors import GraphCorrupt, GraphError
    from memos_mcp.infrastructure.storage.health import Finding

    if chosen.graph.kind == "embedded" and not chosen.graph_file.is_file():
        return Finding("graph", True, "none is drawn yet")
    store = _graph_store(chosen)
    if isinstance(store, str):
        return Finding("graph", chosen.graph.kind == "none" or chosen.vault.read_only, store)
    try:
        spaces = await store.spaces()
    except GraphError as exc:
        more = "`memos rebuild graph` makes it anew" if isinstance(exc, GraphCorrupt) else "it catches up by itself"
        return Finding("graph", False, f"{exc} (recall goes on without it, and {more})")
    finally:
        await store.aclose()
    return Finding("graph", True, f"it answers, and holds {len(spaces)} namespace{'s' * (len(spaces) != 1)}")


def ledger(settings: Settings | None = None, **given: Any) -> Ledger:
    """The ledger of the vault that `open` with the same settings would use. Raises Misconfigured."""
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.storage.database import Database
    from memos_mcp.infrastructure.storage.ledger import SqliteLedger

    return SqliteLedger(Database(chosen.database, read_only=chosen.vault.read_only))


def recognisers(chosen: configuration.Privacy) -> Recognisers:
    """What finds the personal data that the settings name. Raises Misconfigured."""
    from memos_mcp.interface.privacy import CLASSES, recognisers

    try:
        return recognisers(chosen.classes or CLASSES, chosen.patterns, regions=chosen.regions)
    except InvalidInput as exc:
        raise Misconfigured(f"the settings of privacy cannot be used: {exc}") from exc


def _privacy(chosen: configuration.Privacy) -> Privacy | None:
    if chosen.mode == "off":
        return None
    from memos_mcp.interface.privacy_modes import Privacy

    look = recognisers(chosen)
    library = version("phonenumbers") if look.library else ""
    seed = repr((__version__, library, look.classes, sorted(chosen.patterns.items()), chosen.regions))
    return Privacy(look, chosen.mode, roles=chosen.roles, seed=seed)


def access_log(settings: Settings | None = None, **given: Any) -> AccessLog | None:
    """The access log of the vault that `open` with the same settings would use; the caller closes it.

    None if it is switched off, or the vault may not be written. Raises Misconfigured.
    """
    chosen = settings or configuration.load(**given)
    from memos_mcp.infrastructure.storage.database import Database
    from memos_mcp.interface.guard import Guard

    return _accesses(
        chosen, Database(chosen.database), Guard(mask=chosen.screening.mask_secrets, privacy=_privacy(chosen.privacy))
    )


def _accesses(chosen: Settings, database: Database, guard: Guard) -> AccessLog | None:
    if chosen.audit.mode == "off" or chosen.vault.read_only:
        return None
    from memos_mcp.infrastructure.storage.accesses import SqliteAccessLog

    def masked(text: str) -> str:
        return str(guard.cleaned(text)[0])

    strict, texts = chosen.audit.mode == "strict", masked if chosen.audit.texts else None
    keep = None if chosen.audit.keep_days is None else timedelta(days=chosen.audit.keep_days)
    return SqliteAccessLog(database, strict=strict, texts=texts, keep=keep, last=chosen.audit.keep_lines)


def _reader(chosen: configuration.Reader, closing: AsyncExitStack) -> MemReader:
    from memos_mcp.interface.reader import RulesReader

    match chosen.kind:
        case "rules":
            return RulesReader()
        case "openai":
            from memos_mcp.infrastructure.models.openai import OpenAIChat
            from memos_mcp.interface.entities_llm import entities_by_model
            from memos_mcp.interface.reader_llm import LlmReader
            from memos_mcp.interface.understanding_llm import meant_by_model

            chat = OpenAIChat(chosen.url, chosen.model, chosen.key.get_secret_value(), timeout_s=chosen.timeout_s)
            closing.push_async_callback(chat.aclose)
            return LlmReader(
                RulesReader(),
                chat,
                meaning=meant_by_model if chosen.questions else None,
                entities=entities_by_model if chosen.entities else None,
                most=chosen.part,
                timeout_s=chosen.timeout_s,
                patience_s=chosen.patience_s,
                at_once=chosen.at_once,
            )
        case _:
            assert_never(chosen.kind)


def _vectors(chosen: Settings, vault: SqliteAdapter, closing: AsyncExitStack, lens: Lens) -> Route:
    embedder = _embedder(chosen.embedder, chosen.shelf)
    if isinstance(embedder, str):
        from memos_mcp.infrastructure.off import Off

        return Off("vectors", embedder, vault.segment_store)
    from memos_mcp.infrastructure.vectors import Vectors

    bytes_ = chosen.vectors.memory_mb * 1024 * 1024
    vectors = Vectors(vault, vault.segment_store, embedder, memory=bytes_, least=chosen.vectors.least, lens=lens)
    closing.push_async_callback(vectors.aclose)
    return vectors


def _graph(chosen: Settings, vault: SqliteAdapter, closing: AsyncExitStack, lens: Lens) -> Route:
    store = _graph_store(chosen)
    if isinstance(store, str):
        from memos_mcp.infrastructure.off import Off

        return Off("graph", store, vault.segment_store, left=_left_graph(chosen, closing))
    from memos_mcp.infrastructure.graph import Graph
    from memos_mcp.interface.entities import RulesMentions

    timeout = chosen.graph.timeout_s if chosen.graph.kind == "neo4j" else None
    graph = Graph(vault, store, RulesMentions(), lens=lens, background=True, timeout=timeout)
    closing.push_async_callback(graph.aclose)
    return graph


def _graph_store(chosen: Settings) -> GraphStore | str:
    """The store of the graph, or why there is none. Raises Misconfigured."""
    its = chosen.graph
    if its.kind != "none" and chosen.vault.read_only:
        return "the vault may not be written, and what follows it neither: drop vault.read_only"
    match its.kind:
        case "none":
            return "switched off by the setting graph.kind"
        case "embedded":
            from memos_graph.embedded import EmbeddedGraph

            return EmbeddedGraph(chosen.graph_file)
        case "neo4j":
            if find_spec("neo4j") is None:
                return 'a graph on Neo4j needs its driver: pip install "memcube-mcp[neo4j]"'
            from memos_graph.errors import GraphInvalid
            from memos_graph.neo4j import Neo4jGraph

            try:
                password = its.password.get_secret_value()
                # What is written in the background may take its time; what the log has need not be tried for long.
                return Neo4jGraph(its.url, its.user, password, its.database or None, timeout=10, patience=1)
            except GraphInvalid as exc:
                raise Misconfigured(f"the setting graph.url cannot be used: {exc}") from exc
        case _:
            assert_never(its.kind)


def _left_graph(chosen: Settings, closing: AsyncExitStack) -> GraphStore | None:
    """The graph of a time when the lane was on: nothing in it may outlive a memory."""
    if chosen.vault.read_only or not chosen.graph_file.is_file():
        return None
    from memos_graph.embedded import EmbeddedGraph

    store = EmbeddedGraph(chosen.graph_file)
    closing.push_async_callback(store.aclose)
    return store


def _walks(routes: Sequence[Route]) -> Traversal | None:
    """The graph as it is walked, if it is one of the lanes."""
    if all(route.name != "graph" for route in routes):
        return None
    from memos_mcp.infrastructure.graph import Graph
    from memos_mcp.infrastructure.walks import Walks

    return next((Walks(route) for route in routes if isinstance(route, Graph)), None)


def _embedder(chosen: configuration.Embedder, shelf: Path) -> Embedder | str:
    """The embedder, or why there is none."""
    if chosen.kind != "none" and find_spec("simsimd") is None:
        return 'recall by meaning needs more libraries: pip install "memcube-mcp[embed]", then `memos model install`'
    match chosen.kind:
        case "none":
            return "switched off by the setting embedder.kind"
        case "onnx":
            from memos_mcp.infrastructure.models.onnx import OnnxEmbedder

            return OnnxEmbedder(shelf / Path(chosen.model).expanduser(), threads=chosen.threads)
        case "openai":
            from memos_mcp.infrastructure.models.openai import OpenAIEmbedder

            return OpenAIEmbedder(
                chosen.url,
                chosen.model,
                chosen.key.get_secret_value(),
                dimension=chosen.dimension,
                most=chosen.most,
                timeout_s=chosen.timeout_s,
            )
        case "local":
            from memos_mcp.infrastructure.models.local import LocalEmbedder

            return LocalEmbedder(chosen.model)
        case _:
            assert_never(chosen.kind)
