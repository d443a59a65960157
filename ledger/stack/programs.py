"""The programs of a whole Countersign on one machine, and what each may know.

| program | knows | does not know |
|---|---|---|
| web, tasks, relay, sequencer | the database, the keys | |
| gpu_worker | the broker, the service's address, the permit's public key | database, captures at rest, sealing keys |
| witness | its own key, the log's verifier key | everything else |
| stripe, tsa | their own state | the database |
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from ledger.stack.database import addresses_file
from ledger.stack.environment import PROJECT_DIR
from ledger.stack.supervisor import Program

PROBE_TIMEOUT_S = 2.0
MANAGE = (sys.executable, str(PROJECT_DIR / "manage.py"))
PORTS = {"web": 8000, "stripe": 8010, "tsa": 8011, "witness": 8012}
# What a program that knows nothing of ours inherits from the starter's environment.
PLAIN = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONWARNINGS", "CUDA_VISIBLE_DEVICES")


def addresses(*, var: Path) -> dict[str, str]:
    """Choose a port for each server: last time's if it is free, else its own, else any free one."""
    try:
        before = json.loads((var / "run" / "ports.json").read_text())
    except (OSError, ValueError):
        before = {}
    ports = {name: _free_port(before.get(name, wanted)) for name, wanted in PORTS.items()}
    (var / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    (var / "run" / "ports.json").write_text(json.dumps(ports))
    return {name: f"127.0.0.1:{port}" for name, port in ports.items()}


def service_environment(at: Mapping[str, str], *, witness_vkey: str) -> dict[str, str]:
    """Return the variables of the service's own programs, and note them for `manage.py`."""
    known = {
        "SERVICE_URL": f"http://{at['web']}",
        "STRIPE_API_BASE": f"http://{at['stripe']}",
        "TSA_URL": f"http://{at['tsa']}",
        "LOG_WITNESS_URLS": f"http://{at['witness']}",
        "LOG_WITNESS_VKEYS": witness_vkey,
        "LOG_WITNESS_QUORUM": "1",
    }
    # The operator's own settings win over the local stand-ins.
    known = {name: os.environ.get(name, value) for name, value in known.items()}
    addresses_file().write_text(json.dumps(known, indent=1))
    return {**os.environ, **known}


def tsa(at: Mapping[str, str]) -> Program:
    """The development time-stamp authority."""
    return Program(
        "tsa", [*MANAGE, "serve_tsa", "--listen", at["tsa"]], dict(os.environ), _listens(at["tsa"])
    )


def stripe(at: Mapping[str, str], *, var: Path) -> Program:
    """The local stand-in for Stripe."""
    command = [
        *MANAGE, "serve_stripe", "--listen", at["stripe"], "--state", str(var / "stripe.db"),
        "--webhook", f"http://{at['web']}/webhooks/stripe",
    ]  # fmt: skip
    return Program("stripe", command, dict(os.environ), _listens(at["stripe"]))


def witness(at: Mapping[str, str], *, var: Path, log_vkey: str) -> Program:
    """One independent witness, with a key and a state file of its own."""
    (var / "witness").mkdir(mode=0o700, exist_ok=True)
    command = [
        sys.executable, "-m", "ledger.log.witness", "--listen", at["witness"],
        "--state", str(var / "witness" / "state.json"), "--key", str(var / "witness" / "key"),
        "--log", log_vkey,
    ]  # fmt: skip
    return Program("witness", command, _plain(), _listens(at["witness"]))


def witness_vkey(at: Mapping[str, str]) -> str:
    """Return the running witness's verifier key, as it answers it."""
    with urllib.request.urlopen(f"http://{at['witness']}/vkey", timeout=PROBE_TIMEOUT_S) as answer:
        return str(answer.read(1024).decode().strip())


def web(at: Mapping[str, str], environment: Mapping[str, str]) -> Program:
    """The web server: gunicorn, 2 processes of 8 threads."""
    command = [
        sys.executable, "-m", "gunicorn", "ledger.wsgi", "--bind", at["web"], "--workers", "2",
        "--threads", "8", "--worker-class", "gthread", "--timeout", "120", "--graceful-timeout",
        "5", "--no-control-socket", "--max-requests", "20000", "--max-requests-jitter", "2000",
    ]  # fmt: skip
    return Program("web", command, environment, _answers(f"http://{at['web']}/readyz"))


def sequencer(environment: Mapping[str, str], *, var: Path) -> Program:
    """The log's single sequencer."""
    is_ready = _says(var / "run" / "sequencer.log", "sequencer: ready")
    return Program("sequencer", [*MANAGE, "sequence"], environment, is_ready)


def relay(environment: Mapping[str, str], *, var: Path) -> Program:
    """The outbox relay."""
    return Program(
        "relay", [*MANAGE, "relay"], environment, _says(var / "run" / "relay.log", "relay: ready")
    )


def tasks(environment: Mapping[str, str], *, var: Path) -> Program:
    """The Celery worker of the service: 8 threads."""
    command = [
        sys.executable, "-m", "celery", "--app", "ledger.celery", "worker", "--pool", "threads",
        "--concurrency", "8", "--queues", "work", "--hostname", "tasks@local", "--loglevel",
        "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    is_ready = _says(var / "run" / "tasks.log", "tasks@local ready")
    return Program("tasks", command, environment, is_ready)


def gpu_worker(
    at: Mapping[str, str], environment: Mapping[str, str], *, var: Path, keys: Path
) -> Program:
    """The render worker: it is given the broker and public keys, and no database."""
    (var / "gpu_worker").mkdir(mode=0o700, exist_ok=True)
    own = {
        **_plain(),
        "CELERY_BROKER_URL": environment["CELERY_BROKER_URL"],
        "CELERY_BROKER_TRANSPORT_OPTIONS": environment["CELERY_BROKER_TRANSPORT_OPTIONS"],
        "COUNTERSIGN_SERVICE_URL": f"http://{at['web']}",
        "WORKER_KEY_FILE": str(var / "gpu_worker" / "key"),
        "WORKER_PUBLIC_KEYS_DIR": str(keys / "workers"),
    }
    is_ready = _says(var / "run" / "gpu_worker.log", "gpu_worker: ready")
    return Program("gpu_worker", [sys.executable, "-m", "gpu_worker"], own, is_ready)


def _plain() -> dict[str, str]:
    return {name: os.environ[name] for name in PLAIN if name in os.environ}


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


def _listens(address: str) -> Callable[[], bool]:
    host, _, port = address.rpartition(":")

    def probe() -> bool:
        try:
            socket.create_connection((host, int(port)), PROBE_TIMEOUT_S).close()
        except OSError:
            return False
        return True

    return probe


def _answers(url: str) -> Callable[[], bool]:
    def probe() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=PROBE_TIMEOUT_S) as answer:  # noqa: S310  # Ours.
                return bool(answer.status == 200)
        except OSError:
            return False

    return probe


def _says(path: Path, words: str) -> Callable[[], bool]:
    size_before = path.stat().st_size if path.exists() else 0

    def probe() -> bool:
        if not path.exists():
            return False
        with path.open("rb") as file:
            file.seek(size_before)
            return words.encode() in file.read(1_000_000)

    return probe
