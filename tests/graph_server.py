"""A real Neo4j server for tests; without Java or Maven a test that asks for one is skipped and says what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from memos_graph.neo4j import Neo4jGraph
from tools import neo4j_server
from tools.env import CannotSetUp

_BRIEF = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # a server of seconds need not become fast


@dataclass
class Server:
    """One server on a folder and a port of its own."""

    folder: Path
    version: str = neo4j_server.VERSION
    port: int = field(default_factory=neo4j_server.free_port)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """Of its user neo4j."""
        return (self.folder / "password").read_text("ascii")

    def start(self) -> None:
        """Start it, also again; skips the test where it cannot be."""
        try:
            neo4j_server.java_for(self.version)
            neo4j_server.install(self.version)
        except CannotSetUp as exc:
            pytest.skip(str(exc))
        neo4j_server.start(self.port, self.folder, self.version, _BRIEF)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it; `at_once` with kill -9."""
        neo4j_server.stop(self.folder, at_once=at_once)

    def graph(self, *, timeout: float = 30.0, patience: float = 60.0) -> Neo4jGraph:
        """A graph on it."""
        return Neo4jGraph(self.url, neo4j_server.USER, self.password, timeout=timeout, patience=patience)
