"""A witness: remembers the newest tree it saw of each log, and cosigns only what continues it.

    python -m ledger.log.witness --listen 127.0.0.1:8450 --state FILE --key FILE --log VKEY...

Anybody can run it: a union, an estate, an auditor. It needs Python, `cryptography`, one state file and
one key, and no Django, database or account. Both files are made on first use; it prints its own
verifier key. Trusted: whoever holds its key can cosign a fork; whoever holds its state file can make
it forget, so neither may lie with the log's operator.

Source: C2SP tlog-witness, whose status codes are used throughout.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledger.log import checkpoints, merkle, notes
from ledger.log.checkpoints import Checkpoint, CheckpointMalformed
from ledger.log.notes import COSIGNATURE, NoteMalformed, SignatureInvalid, Signer, VerifierKey

BODY_SIZE_BYTES_MAX = 65_536
PROOF_HASHES_MAX = 63
SOCKET_TIMEOUT_S = 10.0
DEFAULT_NAME = "countersign.local/witness"
SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    status: HTTPStatus
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """The parts of an `add-checkpoint` body."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


class BodyMalformed(Exception):
    """The body is not one of `add-checkpoint`."""


class State:
    """The newest tree seen of each log, in one file that is replaced whole. One process holds it."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            BlockingIOError: another witness uses it.
        """
        self._path = path
        self._lock = path.with_name(f"{path.name}.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise
        seen = json.loads(path.read_text()) if path.exists() else {}
        self._seen = {
            origin: Checkpoint(origin, tree["size"], base64.b64decode(tree["root"]))
            for origin, tree in seen.items()
        }

    def newest(self, origin: str) -> Checkpoint:
        """Return the newest tree seen of a log; the empty one at first."""
        return self._seen.get(origin, Checkpoint(origin, 0, merkle.EMPTY_ROOT))

    def keep(self, checkpoint: Checkpoint) -> None:
        """Make a tree the newest, durably, before anything is said about it."""
        seen = {**self._seen, checkpoint.origin: checkpoint}
        text = json.dumps(
            {
                origin: {"size": tree.size, "root": base64.b64encode(tree.root).decode()}
                for origin, tree in seen.items()
            },
            indent=1,
        )
        scratch = self._path.with_name(f".new-{self._path.name}")
        with scratch.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._seen = seen

    def close(self) -> None:
        """Let another process use the file."""
        self._lock.close()


class Witness:
    """Decides about checkpoints. One at a time: check and keep are one."""

    def __init__(
        self,
        *,
        signer: Signer,
        logs: Sequence[VerifierKey],
        state: State,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._signer, self._state, self._now = signer, state, now
        self._logs = {log.name: log for log in logs}
        self._lock = threading.Lock()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one `add-checkpoint` request."""
        try:
            request = parse_request(body)
            note = notes.parse(request.note)
            checkpoint = checkpoints.parse(note.text)
        except (BodyMalformed, NoteMalformed, CheckpointMalformed):
            return Answer(HTTPStatus.BAD_REQUEST)
        log = self._logs.get(checkpoint.origin)
        if log is None:
            return Answer(HTTPStatus.NOT_FOUND)
        try:
            notes.verify(note, [log])
        except SignatureInvalid:
            return Answer(HTTPStatus.FORBIDDEN)
        if request.old_size > checkpoint.size:
            return Answer(HTTPStatus.BAD_REQUEST)
        with self._lock:
            return self._cosign_what_continues(request, checkpoint, note.text)

    def _cosign_what_continues(self, request: Request, checkpoint: Checkpoint, text: str) -> Answer:
        newest = self._state.newest(checkpoint.origin)
        is_fork = newest.size == checkpoint.size and newest.root != checkpoint.root
        if request.old_size != newest.size or is_fork:
            return Answer(HTTPStatus.CONFLICT, f"{newest.size}\n", SIZE_TYPE)
        try:
            merkle.verify_consistency(
                old_size=newest.size,
                old_root=newest.root,
                size=checkpoint.size,
                root=checkpoint.root,
                proof=request.proof,
            )
        except merkle.ProofInvalid:
            return Answer(HTTPStatus.UNPROCESSABLE_ENTITY)
        self._state.keep(checkpoint)
        line = checkpoints.cosign(self._signer, text=text, unix_time_s=int(self._now()))
        return Answer(HTTPStatus.OK, line.line())


def parse_request(body: bytes) -> Request:
    """Return the parts of an `add-checkpoint` body.

    Raises:
        BodyMalformed: it is not one.
    """
    head, blank, note = body.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as exc:
        raise BodyMalformed from exc
    word, _, size = first.partition(" ")
    proof = tuple(value for line in lines if (value := checkpoints.decode_hash(line)) is not None)
    if not blank or word != "old" or not checkpoints.DECIMAL.fullmatch(size):
        raise BodyMalformed
    if len(proof) != len(lines) or len(proof) > PROOF_HASHES_MAX:
        raise BodyMalformed
    return Request(int(size), proof, note)


def server(address: tuple[str, int], witness: Witness, vkey: str) -> ThreadingHTTPServer:
    """Return an HTTP server for a witness: `POST /add-checkpoint`, `GET /vkey`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SOCKET_TIMEOUT_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isascii() or not length.isdigit():
                self.close_connection = True
                self._answer(Answer(HTTPStatus.LENGTH_REQUIRED))
            elif int(length) > BODY_SIZE_BYTES_MAX:
                self.close_connection = True
                self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            elif self.path != "/add-checkpoint":
                self.rfile.read(int(length))
                self._answer(Answer(HTTPStatus.NOT_FOUND))
            else:
                self._answer(witness.add_checkpoint(self.rfile.read(int(length))))

        def do_GET(self) -> None:
            is_vkey = self.path == "/vkey"
            self._answer(
                Answer(HTTPStatus.OK, f"{vkey}\n") if is_vkey else Answer(HTTPStatus.NOT_FOUND)
            )

        def _answer(self, answer: Answer) -> None:
            content = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # Its name.
            """Say nothing: an address is somebody's."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    return Server(address, Handler)


def read_or_create_seed(path: Path) -> bytes:
    """Return the 32-byte Ed25519 seed in a file, made on first use, mode 0600."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(seed := secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    return seed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the witness until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m ledger.log.witness", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8450", help="HOST:PORT")
    parser.add_argument("--state", type=Path, help="what was seen; made on first use")
    parser.add_argument("--key", type=Path, required=True, help="32-byte seed; made on first use")
    parser.add_argument("--name", default=DEFAULT_NAME, help="the witness's key name")
    parser.add_argument("--log", nargs="*", default=[], help="verifier keys of logs to witness")
    parser.add_argument("--vkey", action="store_true", help="print the verifier key, and end")
    options = parser.parse_args(arguments)
    signer = Signer.of_seed(options.name, read_or_create_seed(options.key), COSIGNATURE)
    vkey = signer.verifier.encode()
    sys.stdout.write(f"{vkey}\n")
    sys.stdout.flush()
    if options.vkey:
        return 0
    if options.state is None or not options.log:
        parser.error("--state and --log are needed")
    try:
        logs = [notes.parse_vkey(text) for text in options.log]
    except notes.VerifierKeyMalformed:
        parser.error("--log: not a verifier key")
    try:
        state = State(options.state)
    except BlockingIOError:
        parser.error("another witness uses this state file")
    witness = Witness(signer=signer, logs=logs, state=state)
    host, _, port = options.listen.rpartition(":")
    with server((host.strip("[]"), int(port)), witness, vkey) as http:
        signal.signal(signal.SIGTERM, _end)
        try:
            http.serve_forever(poll_interval=0.2)
        except (KeyboardInterrupt, SystemExit):
            return 0
    return 0


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
