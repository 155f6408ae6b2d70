"""Which tests go to the same process: those of a file, and of all files that share the servers of Neo4j."""

from __future__ import annotations

from typing_extensions import override
from xdist.scheduler import LoadFileScheduling

ONE_SERVER = (
    "tests/conformance/test_graph_store.py",
    "tests/integration/test_graph_export.py",
    "tests/integration/test_graph_lane_neo4j.py",
    "tests/integration/test_neo4j.py",
    "tests/property/test_graph_store.py",
)
"""A server takes longer to start than most of these take with it."""


class Files(LoadFileScheduling):
    """`--dist=loadfile`, with the servers in one process."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "neo4j" if file in ONE_SERVER else file
