"""Downloads of single files from a model hub: of one commit, checked against their hash, of bounded size."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2

from memos_mcp.errors import Corrupt, InvalidInput, NotFound, Unavailable
from memos_mcp.infrastructure.models.layout import SETTINGS
from memos_mcp.infrastructure.models.shelf import GRAPH, REST, TOKENIZER
from memos_mcp.version import __version__

URL = "https://huggingface.co"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
_MOST_WEIGHTS, _MOST_TOKENIZER, _MOST_SETTINGS = 8_000_000_000, 100_000_000, 1_000_000  # bytes
_REDIRECTS = 5
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a model, and the place it gets here. One without a hash is taken if it is there."""

    file: str
    place: str
    most: int
    sha256: str = ""


def wanted(files: Mapping[str, str]) -> list[Wanted]:
    """What to fetch for these files and hashes. Raises InvalidInput."""
    found = [_wanted(file, sha256.lower()) for file, sha256 in files.items()]
    places = [each.place for each in found]
    if places.count(GRAPH) != 1 or TOKENIZER not in places:
        raise InvalidInput(f"give the SHA-256 of one graph (such as {GRAPH}) and of {TOKENIZER}")
    return found + [Wanted(name, name, _MOST_SETTINGS) for name in SETTINGS if name not in places]


def _wanted(file: str, sha256: str) -> Wanted:
    if not _FILE.fullmatch(file):
        raise InvalidInput(f"{file!r} is no path of a file of a model")
    if not _HASH.fullmatch(sha256):
        raise InvalidInput(f"{sha256!r} is no SHA-256 of {file}: that has 64 hexadecimal digits")
    if file.endswith(".onnx"):
        return Wanted(file, GRAPH, _MOST_WEIGHTS, sha256)
    if file.endswith("model.onnx_data"):
        return Wanted(file, REST, _MOST_WEIGHTS, sha256)
    if file == TOKENIZER:
        return Wanted(file, file, _MOST_TOKENIZER, sha256)
    if file in SETTINGS:
        return Wanted(file, file, _MOST_SETTINGS, sha256)
    raise InvalidInput(f"{file} is not used; used are one graph (.onnx), {', '.join((REST, TOKENIZER, *SETTINGS))}")


class Downloads:
    """Files of one commit of a model. Raises InvalidInput, NotFound, Corrupt, Unavailable."""

    def __init__(self, url: str, name: str, revision: str, progress: Callable[[str, int, int], None]) -> None:
        if not _COMMIT.fullmatch(revision):
            raise InvalidInput(f"{revision!r} is no commit: give its 40 hexadecimal digits, as a branch may move")
        self.name = f"{url.rstrip('/')}/{name}"
        self._base = f"{self.name}/resolve/{revision}/"
        self._progress = progress
        self._local = _is_local(_parsed(url))
        agent = {"User-Agent": f"memos-mcp/{__version__}", "Accept-Encoding": "identity"}
        self._client = httpx2.Client(headers=agent, timeout=30, trust_env=not self._local)

    def __enter__(self) -> Downloads:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, wanted: Wanted, folder: Path) -> None:
        """Write one file into its place in a folder."""
        file = folder / wanted.place
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._response(wanted) as response:
                if response is not None:
                    self._write(response, wanted, file)
        except httpx2.HTTPError as exc:
            raise Unavailable(f"{self._base}{wanted.file} did not arrive ({type(exc).__name__}: {exc})") from exc

    @contextmanager
    def _response(self, wanted: Wanted) -> Generator[httpx2.Response | None]:
        url = httpx2.URL(self._base + quote(wanted.file))
        for _ in range(_REDIRECTS):
            self._allow(url)
            with self._client.stream("GET", url) as response:
                if not response.has_redirect_location:
                    yield self._there(response, wanted)
                    return
                url = url.join(response.headers["Location"])
        raise Unavailable(f"{self._base}{wanted.file} was not found after {_REDIRECTS} redirections")

    def _there(self, response: httpx2.Response, wanted: Wanted) -> httpx2.Response | None:
        if response.status_code == 200:
            return response
        if response.status_code == 404 and not wanted.sha256:
            return None
        if response.status_code in (401, 403, 404):
            raise NotFound(f"there is no {self._base}{wanted.file} for everybody (HTTP {response.status_code})")
        raise Unavailable(f"{self._base}{wanted.file} did not arrive (HTTP {response.status_code})")

    def _write(self, response: httpx2.Response, wanted: Wanted, file: Path) -> None:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else 0
        hashed, size = hashlib.sha256(), 0
        with file.open("wb") as out:
            for chunk in response.iter_bytes(_CHUNK):
                size += len(chunk)
                if max(size, total) > wanted.most:
                    raise Corrupt(
                        f"{self._base}{wanted.file} has more than {wanted.most:,} bytes; nothing was installed"
                    )
                hashed.update(chunk)
                out.write(chunk)
                self._progress(wanted.file, size, total)
        if wanted.sha256 and hashed.hexdigest() != wanted.sha256:
            raise Corrupt(
                f"{self._base}{wanted.file} has SHA-256 {hashed.hexdigest()}, expected {wanted.sha256};"
                " nothing was installed"
            )

    def _allow(self, url: httpx2.URL) -> None:
        if url.scheme != "https" and not (self._local and _is_local(url)):
            raise InvalidInput(f"{url.scheme}://{url.host} is not used: only https is, and http on this machine")


def _parsed(url: str) -> httpx2.URL:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL as exc:
        raise InvalidInput(f"{url!r} is no address: {exc}") from exc


def _is_local(url: httpx2.URL) -> bool:
    try:
        return url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False
