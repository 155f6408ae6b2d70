"""What can go wrong with a graph store."""

from __future__ import annotations


class GraphError(Exception):
    """The base of all errors of this package."""


class GraphInvalid(GraphError):
    """A node, an edge or a question makes no sense; nothing was written."""


class GraphUnavailable(GraphError):
    """The store cannot be reached or is busy. A write may or may not have happened: repeat it, that is safe."""


class GraphCorrupt(GraphError):
    """What is stored is not what was written: clear the store and fill it again."""
