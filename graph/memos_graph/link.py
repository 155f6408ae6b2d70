"""The way to a Neo4j server: one driver, its retries and time-outs, its errors in our words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit

from anyio import CancelScope, Lock, fail_after, sleep

from memos_graph import cypher
from memos_graph.errors import GraphCorrupt, GraphInvalid, GraphUnavailable

try:
    from neo4j import READ_ACCESS, AsyncGraphDatabase, AsyncManagedTransaction, AsyncSession, Query, unit_of_work
    from neo4j.exceptions import (
        AuthError,
        ConfigurationError,
        DriverError,
        IncompleteCommit,
        Neo4jError,
        ServiceUnavailable,
        SessionExpired,
    )
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError('a graph on Neo4j needs its driver: pip install "memcube-mcp[neo4j]"') from exc

T = TypeVar("T")
Row = list[Any]
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_PAUSE = 0.5  # s between two tries
_GRACE = 0.2  # s that the driver has to end by itself
_REFUSED = "Neo.ClientError.Security."
_GONE = ("Neo.ClientError.Procedure.ProcedureCallFailed", "Neo.ClientError.Schema.IndexNotFound")
_NO_DATABASE = "Neo.ClientError.Database.DatabaseNotFound"


class Asking:
    """Statements of one question or write, each for itself."""

    def __init__(self, run: Callable[[LiteralString, dict[str, Any]], Awaitable[list[Row]]]) -> None:
        self._run = run

    async def rows(self, statement: LiteralString, **given: object) -> list[Row]:
        """What a statement answers."""
        return await self._run(statement, given)

    async def row(self, statement: LiteralString, **given: object) -> Row:
        """The one row that a statement answers."""
        return (await self._run(statement, given))[0]


class Link:
    """Asks and writes, from one event loop. Raises GraphUnavailable, GraphCorrupt."""

    def __init__(
        self, url: str, user: str, password: str, *, database: str | None, timeout: float, patience: float
    ) -> None:
        self._name = f"Neo4j at {_address(url)}"
        self._database, self._timeout, self._patience = database, timeout, patience
        try:
            self._driver = AsyncGraphDatabase.driver(  # pyright: ignore[reportUnknownMemberType] its options are untyped
                url,
                auth=(user, password),
                connection_timeout=timeout / 2,
                connection_acquisition_timeout=timeout,
                max_transaction_retry_time=patience,
                notifications_min_severity="OFF",  # it hints at labels that an empty graph does not have yet
                telemetry_disabled=True,
                user_agent="memos-graph",
            )
        except (ConfigurationError, ValueError) as exc:
            raise GraphInvalid(f"there is no {self._name}: name it as bolt://host:7687") from exc
        self._preparing = Lock()
        self._ready = self._lost = self._closed = False

    async def read(self, work: Callable[[Asking], Awaitable[T]]) -> T:
        """Ask, once more if a connection was lost; a server that is down is told at once, not waited for."""
        with self._translated():
            with fail_after(self._timeout):
                try:
                    return await _unbroken(self._asked(work))
                except (DriverError, Neo4jError) as exc:
                    if not exc.is_retryable():
                        raise
                return await _unbroken(self._asked(work))

    async def write(self, work: Callable[[Asking], Awaitable[T]]) -> T:
        """Write in one transaction, again and again while the server is down or busy and patience lasts.

        Whatever the outcome of one was, it is repeated: each write of this package may be.
        """
        until = time.monotonic() + self._patience
        with self._translated():
            while True:
                try:
                    with fail_after(max(0.0, until - time.monotonic()) + self._timeout):
                        return await _unbroken(self._written(work))
                except (DriverError, Neo4jError) as exc:
                    again = exc.is_retryable() or isinstance(exc, IncompleteCommit)
                    if not again or time.monotonic() > until:
                        raise
                await sleep(_PAUSE)

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        await self._driver.close()

    async def _asked(self, work: Callable[[Asking], Awaitable[T]]) -> T:
        await self._prepare()
        async with self._session(default_access_mode=READ_ACCESS) as session:

            async def run(statement: LiteralString, given: dict[str, Any]) -> list[Row]:
                result = await session.run(Query(statement, timeout=self._timeout), given)
                return await result.values()

            return await work(Asking(run))

    async def _written(self, work: Callable[[Asking], Awaitable[T]]) -> T:
        await self._prepare()

        @unit_of_work(timeout=max(self._timeout, self._patience))
        async def whole(transaction: AsyncManagedTransaction) -> T:
            async def run(statement: LiteralString, given: dict[str, Any]) -> list[Row]:
                return await (await transaction.run(statement, given)).values()

            return await work(Asking(run))

        async with self._session() as session:
            return await session.execute_write(whole)

    async def _prepare(self) -> None:
        """Make the constraints and indexes of a new graph; of another version nothing is touched."""
        if self._ready:
            return
        async with self._preparing:
            if self._ready:
                return
            async with self._session() as session:
                found = await (await session.run(cypher.SCHEMA_VERSION)).values()
                if not found or self._lost:
                    for statement in cypher.SCHEMA:
                        await _made(session, statement)
                    await (await session.run(cypher.SCHEMA_DONE, version=cypher.VERSION)).consume()
                elif found[0][0] != cypher.VERSION:
                    raise GraphCorrupt(
                        f"{self._name} holds a graph of version {found[0][0]}, not {cypher.VERSION}: "
                        "remove all nodes in it and fill it again"
                    )
            self._ready, self._lost = True, False

    def _session(self, **config: Any) -> AsyncSession:
        if self._closed:
            raise GraphUnavailable(f"the graph on {self._name} was closed: open another")
        return self._driver.session(  # pyright: ignore[reportUnknownMemberType] its options are untyped
            database=self._database, fetch_size=-1, **config
        )

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except TimeoutError as exc:
            raise GraphUnavailable(f"{self._name} did not answer in time: is it busy, or the network?") from exc
        except (ServiceUnavailable, SessionExpired) as exc:
            raise GraphUnavailable(f"{self._name} does not answer: is it running?") from exc
        except (DriverError, Neo4jError) as exc:
            raise self._told(exc) from exc
        except (OSError, ValueError) as exc:  # a name that cannot be resolved
            raise GraphUnavailable(f"{self._name} cannot be reached: is the address right?") from exc

    def _told(self, exc: DriverError | Neo4jError) -> GraphUnavailable:
        """Our words for what the server said; never its own, which may quote what was sent."""
        code = exc.code if isinstance(exc, Neo4jError) and exc.code else type(exc).__name__
        if isinstance(exc, AuthError) or code.startswith(_REFUSED):
            return GraphUnavailable(f"{self._name} refuses us ({code}): check user and password")
        if code == _NO_DATABASE:
            return GraphUnavailable(f"{self._name} has no database {self._database!r}: name another one")
        if code in _GONE:
            self._ready, self._lost = False, True
            return GraphUnavailable(f"{self._name} lost an index of the graph ({code}): try again, it is made anew")
        return GraphUnavailable(f"{self._name} could not do it ({code}): try again")


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """What comes of it; if it is cancelled it is given a moment first.

    The driver (6.4) loses its socket where it is cancelled while it connects: a server that refuses says so at once.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with CancelScope(shield=True):
            await asyncio.wait({task}, timeout=_GRACE)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise


async def _made(session: AsyncSession, statement: LiteralString) -> None:
    """Make an index; another client may be faster, in spite of IF NOT EXISTS."""
    try:
        await (await session.run(statement)).consume()
    except Neo4jError as exc:
        if not (exc.code or "").startswith("Neo.ClientError.Schema.") or not str(exc.code).endswith("AlreadyExists"):
            raise


def _address(url: str) -> str:
    """What of an address may be shown. Raises GraphInvalid for none of Neo4j, and for one with a password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _SCHEMES or not parts.hostname or "@" in parts.netloc:
        raise GraphInvalid("that is no address of Neo4j: name it as bolt://host:7687, user and password apart")
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
