"""The witness: status codes of tlog-witness, no fork, no going back, also after kill -9."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from ledger.log import checkpoints, merkle, notes, witness
from ledger.log.checkpoints import Checkpoint
from ledger.log.notes import COSIGNATURE, Note, Signer
from tests.ledger.log.test_merkle import LEAVES, defined_root, read

LOG = Signer.of_seed("example.com/log", bytes(range(32)))
KEY = Signer.of_seed("witness.example", bytes(range(1, 33)), COSIGNATURE)


def note(size: int, *, root: bytes | None = None, signer: Signer = LOG) -> bytes:
    head = Checkpoint(signer.name, size, root or defined_root(0, size))
    return Note(head.text(), (signer.sign(head.text()),)).encode()


def body(old: int, size: int, *, signed: bytes | None = None) -> bytes:
    proof = merkle.consistency_proof(old_size=old, size=size, read=read) if old <= size else []
    lines = checkpoints.encode_hashes(proof)
    return f"old {old}\n{lines}\n".encode() + (signed or note(size))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[witness.State]:
    kept = witness.State(tmp_path / "state.json")
    yield kept
    kept.close()


@pytest.fixture
def asked(state: witness.State) -> witness.Witness:
    return witness.Witness(
        signer=KEY, logs=[LOG.verifier], state=state, now=lambda: 1_700_000_000.9
    )


class TestAddCheckpoint:
    def test_cosigns_what_continues_and_keeps_it_first(
        self, asked: witness.Witness, state: witness.State
    ) -> None:
        first, second = asked.add_checkpoint(body(0, 5)), asked.add_checkpoint(body(5, 300))

        assert (first.status, second.status) == (HTTPStatus.OK, HTTPStatus.OK)
        signed = notes.parse(note(300) + second.body.encode())
        assert checkpoints.witnesses_of(signed, [KEY.verifier]) == {KEY.name: 1_700_000_000}
        assert state.newest(LOG.name).size == 300

    def test_cosigns_the_same_tree_again(self, asked: witness.Witness) -> None:
        asked.add_checkpoint(body(0, 5))

        assert asked.add_checkpoint(body(5, 5)).status == HTTPStatus.OK

    def test_accepts_an_empty_log(self, asked: witness.Witness) -> None:
        empty = note(0, root=merkle.EMPTY_ROOT)

        assert asked.add_checkpoint(body(0, 0, signed=empty)).status == HTTPStatus.OK

    @pytest.mark.parametrize(("old", "size"), [(0, 9), (4, 9), (0, 3), (3, 3)])
    def test_tells_the_size_that_it_has_seen(
        self, asked: witness.Witness, old: int, size: int
    ) -> None:
        asked.add_checkpoint(body(0, 5))

        answer = asked.add_checkpoint(body(old, size))

        assert answer == witness.Answer(HTTPStatus.CONFLICT, "5\n", "text/x.tlog.size")

    def test_refuses_a_fork_of_the_same_size(
        self, asked: witness.Witness, state: witness.State
    ) -> None:
        asked.add_checkpoint(body(0, 5))

        fork = note(5, root=LEAVES[0])
        assert asked.add_checkpoint(body(5, 5, signed=fork)).status == HTTPStatus.CONFLICT
        assert state.newest(LOG.name).root == defined_root(0, 5)

    def test_refuses_a_fork_that_is_longer(
        self, asked: witness.Witness, state: witness.State
    ) -> None:
        asked.add_checkpoint(body(0, 5))

        answer = asked.add_checkpoint(body(5, 9, signed=note(9, root=LEAVES[0])))

        assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
        assert state.newest(LOG.name).size == 5

    def test_refuses_a_proof_from_nothing(self, asked: witness.Witness) -> None:
        padded = body(0, 5).replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n")

        assert asked.add_checkpoint(padded).status == HTTPStatus.UNPROCESSABLE_ENTITY

    def test_does_not_know_other_logs(self, asked: witness.Witness) -> None:
        other = Signer.of_seed("example.com/other", bytes(range(32)))

        answer = asked.add_checkpoint(body(0, 5, signed=note(5, signer=other)))

        assert answer.status == HTTPStatus.NOT_FOUND

    def test_refuses_another_key_under_a_known_name(self, asked: witness.Witness) -> None:
        thief = Signer.of_seed(LOG.name, bytes(32))

        answer = asked.add_checkpoint(body(0, 5, signed=note(5, signer=thief)))

        assert answer.status == HTTPStatus.FORBIDDEN

    def test_refuses_an_old_size_above_the_new_one(self, asked: witness.Witness) -> None:
        assert asked.add_checkpoint(body(6, 5)).status == HTTPStatus.BAD_REQUEST

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"old 0",
            b"old 00\n\n" + note(5),
            b"old -1\n\n" + note(5),
            b"new 0\n\n" + note(5),
            b"old 0\nAAAA\n\n" + note(5),
            b"old 0\n\xff\n\n" + note(5),
            b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(5),
            b"old 0\n\nexample.com/log\n",
            b"old 0\n\n" + note(5).replace(b"\n5\n", b"\nfive\n"),
        ],
    )
    def test_refuses_what_is_not_a_request(self, asked: witness.Witness, data: bytes) -> None:
        assert asked.add_checkpoint(data).status == HTTPStatus.BAD_REQUEST

    def test_cosigns_one_of_two_forks_that_come_at_once(self, asked: witness.Witness) -> None:
        forks = [body(0, 5), body(0, 5, signed=note(5, root=LEAVES[0]))] * 8
        answers: list[HTTPStatus] = []
        threads = [
            threading.Thread(
                target=lambda data=data: answers.append(asked.add_checkpoint(data).status)
            )
            for data in forks
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

        assert answers.count(HTTPStatus.OK) == 1
        assert answers.count(HTTPStatus.CONFLICT) == len(forks) - 1


class TestState:
    def test_is_used_by_one_witness_only(self, state: witness.State, tmp_path: Path) -> None:
        with pytest.raises(BlockingIOError):
            witness.State(tmp_path / "state.json")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """The witness as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ledger.log.witness",
                f"--listen=127.0.0.1:{self.port}",
                f"--state={folder / 'state.json'}",
                f"--key={folder / 'key'}",
                "--name=witness.example",
                "--log",
                LOG.verifier.encode(),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.vkey = notes.parse_vkey(self.process.stdout.readline())
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def add_checkpoint(self, data: bytes) -> str:
        request = Request(f"http://127.0.0.1:{self.port}/add-checkpoint", data=data)
        with urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        assert self.process.stdout
        self.process.stdout.close()
        return self.process.wait(10)


class TestProcess:
    def test_remembers_after_kill_9_and_ends_when_told(self, tmp_path: Path) -> None:
        first = Running(tmp_path)
        first.add_checkpoint(body(0, 300))
        first.end(signal.SIGKILL)

        second = Running(tmp_path)
        line = second.add_checkpoint(body(300, 301))

        assert second.end(signal.SIGTERM) == 0
        assert second.vkey == first.vkey
        signed = notes.parse(note(301) + line.encode())
        assert checkpoints.witnesses_of(signed, [first.vkey])
        assert json.loads((tmp_path / "state.json").read_text())[LOG.name]["size"] == 301
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
