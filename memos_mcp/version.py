"""The version of the distribution: read by the packaging, told by the server and the command line."""

__version__ = "0.1.0"
