"""A real Neo4j server without Docker: assembled from Maven Central once, kept in the cache, bound to 127.0.0.1.

    tools/python -m tools.neo4j_server start 7687 ~/neo4j     prints where it listens and where its password is
    tools/python -m tools.neo4j_server stop ~/neo4j
    tools/python -m tools.neo4j_server install                only what a start needs

NEO4J_VERSION names another version than 5.26.30, NEO4J_JAVA a Java. Needs Maven for the first start, and Java 17 or 21;
21 or 25 for the versions that begin with a year. Not named neo4j.py: beside a script that would hide the driver.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.env import CannotSetUp, alone

VERSION = "5.26.30"
NEWEST = "2026.08.1"
USER = "neo4j"
_started: dict[int, subprocess.Popen[bytes]] = {}  # by this process; others are stopped by their number
_POM = Path(__file__).with_name("neo4j-pom.xml")
_MAINS = ("org/neo4j/server/Neo4jCommunity", "org/neo4j/server/CommunityEntryPoint")
_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
_START_WITHIN = 180
_STOP_WITHIN = 30
# Two databases preallocate 256 MB of log each, and an idle server takes 10 s to stop, unless told otherwise.
_CONFIG = """server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
dbms.security.auth_enabled=true
dbms.usage_report.enabled=false
server.memory.pagecache.size=128m
db.tx_log.preallocate=false
db.tx_log.rotation.size=32m
internal.server.bolt.thread_pool_shutdown_wait_time=1s
"""
_CONFIG_2026 = """server.fleet_discovery.enabled=false
dbms.fleet_manager.enabled=false
"""


def install(version: str = VERSION) -> Path:
    """The folder with the jars of a version, downloaded now unless an earlier call did. Raises CannotSetUp."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = cache / "memos-mcp" / f"neo4j-{version}"
    if not (folder / "ready").exists():
        with alone(folder):
            if not (folder / "ready").exists():
                _download(version, folder)
    return folder / "lib"


def java_for(version: str) -> str:
    """A Java that runs this version. Raises CannotSetUp."""
    majors = ("21", "25") if version.startswith("20") else ("17", "21")
    for each in _javas():
        asked = [each, "-XshowSettings:properties", "-version"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False).stderr
        if any(
            line.strip() == f"java.specification.version = {major}" for line in said.splitlines() for major in majors
        ):
            return each
    raise CannotSetUp(f"Neo4j {version} needs Java {' or '.join(majors)} (NEO4J_JAVA names one)")


def start(port: int, folder: Path, version: str = VERSION, options: Sequence[str] = ()) -> str:
    """Start a server on a folder and wait until it answers; its address. Raises CannotSetUp.

    Its password is in FOLDER/password, which is made up for a new folder. `options` are for Java.
    """
    folder = folder.expanduser().absolute()
    if pid_of(folder) is not None:
        raise CannotSetUp(f"a server runs on {folder} already; `stop {folder}` ends it")
    if _listens(port):
        raise CannotSetUp(f"something listens on port {port} already: name another one")
    java, jars = java_for(version), install(version)
    for each in ("conf", "plugins", "logs"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    config = _CONFIG.format(port=port) + (_CONFIG_2026 if version.startswith("20") else "")
    (folder / "conf" / "neo4j.conf").write_text(config, "utf-8")
    if not (folder / "password").exists():
        _make_password(java, jars, folder)
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [java, "-Xmx1g", *options, *_arguments(jars, folder, version)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )
    _started[server.pid] = server
    (folder / "pid").write_text(str(server.pid), "ascii")
    until = time.monotonic() + _START_WITHIN
    while not (" Started." in log.read_text("utf-8", "replace") and _answers(port)):
        if server.poll() is not None or time.monotonic() > until:
            stop(folder, at_once=True)
            raise CannotSetUp(f"Neo4j {version} did not start: {_last_line(log)} (more in {log})")
        time.sleep(0.1)
    return f"bolt://127.0.0.1:{port}"


def stop(folder: Path, *, at_once: bool = False) -> None:
    """Stop the server of a folder if it runs; `at_once` as a loss of power would."""
    folder = folder.expanduser().absolute()
    until = time.monotonic() + (0 if at_once else _STOP_WITHIN)
    while (pid := pid_of(folder)) is not None:
        os.kill(pid, signal.SIGTERM if time.monotonic() < until else signal.SIGKILL)
        if pid in _started:
            _started[pid].poll()
        time.sleep(0.1)
    (folder / "pid").unlink(missing_ok=True)
    for pid, server in list(_started.items()):
        if server.poll() is not None:
            del _started[pid]


def pid_of(folder: Path) -> int | None:
    """The process of the server on a folder; a number that another process has by now is none."""
    file = folder / "pid"
    pid = int(file.read_text("ascii")) if file.exists() else 0
    return pid if pid and f"--home-dir={folder}" in _command_of(pid) else None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _command_of(pid: int) -> list[str]:
    """The words of its command line; none if it has ended."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
        except OSError:
            return []
    asked = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.split()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _javas() -> Iterator[str]:
    named = [os.environ.get("NEO4J_JAVA"), os.environ.get("JAVA_HOME", "-") + "/bin/java", shutil.which("java")]
    installed = sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    yield from (each for each in (*named, *map(str, installed)) if each and os.access(each, os.X_OK))


def _download(version: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotSetUp("Maven, which fetches Neo4j, is missing (Debian: apt-get install maven)")
    print(f"memos: fetching Neo4j {version} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "maven.log"
    command = [maven, "-B", "-q", "-C", "-Dstyle.color=never", "-f", str(_POM), f"-Dneo4j.version={version}"]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"]
    with log.open("wb") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode or not (folder / "lib" / f"neo4j-server-{version}.jar").exists():
        raise CannotSetUp(f"Maven could not fetch Neo4j {version}: {_last_line(log)} (more in {log})")
    (folder / "ready").touch()


def _arguments(jars: Path, folder: Path, version: str) -> list[str]:
    core = (jars / f"neo4j-{version}.jar").read_bytes()  # file names are plain text inside a jar
    main = next(name for name in _MAINS if name.encode() in core).replace("/", ".")
    opened = [f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in _OPENED]
    where = [f"--config-dir={folder / 'conf'}", f"--home-dir={folder}", "--console-mode"]
    return ["-XX:+ExitOnOutOfMemoryError", *opened, "-cp", f"{jars}/*", main, *where]


def _make_password(java: str, jars: Path, folder: Path) -> None:
    """Through a file of arguments: a command line can be read by everybody."""
    password = secrets.token_urlsafe(18).replace("-", "x")  # a leading dash would be an option
    arguments = ["-Xmx128m", "-cp", f"{jars}/*", "org.neo4j.cli.AdminTool", "dbms", "set-initial-password", password]
    with tempfile.NamedTemporaryFile("w", suffix=".args") as file:
        file.write("\n".join(f'"{each}"' for each in arguments))
        file.flush()
        env = os.environ | {"NEO4J_HOME": str(folder), "NEO4J_CONF": str(folder / "conf")}
        done = subprocess.run([java, f"@{file.name}"], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotSetUp(f"Neo4j took no password: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "password").touch(0o600)
    (folder / "password").write_text(password, "ascii")


def _answers(port: int) -> bool:
    """Does Bolt answer: magic, four offers of versions, and four bytes back."""
    offers = bytes.fromhex("6060b01700080805000004040000000000000000")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as bolt:
            bolt.sendall(offers)
            return len(bolt.recv(4)) == 4
    except OSError:
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return next((line for line in lines if "ERROR" in line), lines[-1] if lines else "it said nothing")


def main(arguments: list[str]) -> None:
    """Do what the command line asks."""
    version = os.environ.get("NEO4J_VERSION") or VERSION
    match arguments:
        case ["install"]:
            print(install(version))
        case ["start", port, folder] if port.isdigit():
            url = start(int(port), Path(folder), version)
            print(f"{url}  user {USER}  password in {Path(folder).expanduser().absolute() / 'password'}")
        case ["stop", folder]:
            stop(Path(folder))
        case _:
            sys.exit("usage: tools/python -m tools.neo4j_server install|start PORT FOLDER|stop FOLDER")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CannotSetUp as exc:
        sys.exit(f"memos: {exc}")
