"""The version of the distribution: read by the packaging, told by the server and the command line."""

VERSION = "0.1.0"
