"""The log as a client of witnesses, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import Settings

from ledger.db import OpenTransaction
from ledger.log import checkpoints, identity, notes, queries, witness
from ledger.log.gateway import HttpWitness, WitnessConflict, WitnessRefused, WitnessUnavailable
from ledger.log.models import Checkpoint, Cosignature, Publication
from ledger.log.notes import COSIGNATURE, Signer, VerifierKey
from ledger.log.publishing import Cosigners
from tests.factories import log as logs
from tests.ledger.log.test_witness import KEY, LOG, free_port, note


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def running_witness(
    folder: Path, *logs: VerifierKey, signer: Signer = KEY
) -> Iterator[tuple[str, witness.State]]:
    state = witness.State(folder / f"{signer.verifier.key_id.hex()}.json")
    asked = witness.Witness(signer=signer, logs=logs, state=state)
    try:
        with serving(witness.server(("127.0.0.1", 0), asked, "")) as url:
            yield url, state
    finally:
        state.close()


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    with serving(HTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def reply(status: int, body: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def client(url: str) -> Iterator[HttpWitness]:
    made = HttpWitness(url, KEY.verifier)
    try:
        yield made
    finally:
        made.close()


class TestAddCheckpoint:
    def test_returns_a_cosignature_that_was_verified(self, tmp_path: Path) -> None:
        with running_witness(tmp_path, LOG.verifier) as (url, _), client(url) as asked:
            signature = asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

        assert signature.name == KEY.name

    def test_says_which_size_the_witness_has(self, tmp_path: Path) -> None:
        with running_witness(tmp_path, LOG.verifier) as (url, _), client(url) as asked:
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

            with pytest.raises(WitnessConflict) as caught:
                asked.add_checkpoint(old_size=0, proof=[], note=note(9), timeout_s=5)

        assert caught.value.size == 5

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
    def test_says_that_it_was_refused(self, status: int) -> None:
        with answering(reply(status)) as url, client(url) as asked, pytest.raises(WitnessRefused):
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

    @pytest.mark.parametrize("status", [301, 500, 503])
    def test_says_that_there_was_no_usable_answer(self, status: int) -> None:
        with (
            answering(reply(status)) as url,
            client(url) as asked,
            pytest.raises(WitnessUnavailable),
        ):
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

    def test_says_so_when_nobody_listens(self) -> None:
        with client(f"http://127.0.0.1:{free_port()}") as asked, pytest.raises(WitnessUnavailable):
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

    @pytest.mark.parametrize(
        "lines",
        [
            b"",
            b"hello\n",
            b"\xff" * 70_000,
            checkpoints.cosign(KEY, text="another\n", unix_time_s=5).line().encode(),
            checkpoints.cosign(
                Signer.of_seed("witness.example", bytes(32), COSIGNATURE),
                text=notes.parse(note(5)).text,
                unix_time_s=5,
            )
            .line()
            .encode(),
        ],
    )
    def test_does_not_believe_an_answer_that_is_no_cosignature(self, lines: bytes) -> None:
        with (
            answering(reply(200, lines)) as url,
            client(url) as asked,
            pytest.raises(WitnessRefused),
        ):
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)

    @pytest.mark.django_db(transaction=True)
    def test_is_never_called_inside_a_transaction(self) -> None:
        with (
            client("http://127.0.0.1:9") as asked,
            transaction.atomic(),
            pytest.raises(OpenTransaction),
        ):
            asked.add_checkpoint(old_size=0, proof=[], note=note(5), timeout_s=5)


@pytest.mark.django_db(transaction=True)
class TestCosigners:
    def test_cosign_what_is_published_and_catch_up_after_a_restart(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        log = identity.signer().verifier
        with running_witness(tmp_path, log) as (url, state), client(url) as asked:
            for _restart in range(2):
                logs.stage(3)
                cosigners = Cosigners([asked], deadline_s=5)
                logs.sequence_all(logs.manner(cosigners=cosigners, quorum=1))
                cosigners.close()
            seen = state.newest(log.name)

        published = notes.parse((settings.LOG_PUBLIC_DIR / "checkpoint").read_bytes())
        assert seen.size == 6
        assert list(checkpoints.witnesses_of(published, [KEY.verifier])) == [KEY.name]
        assert Cosignature.objects.count() == Publication.objects.count() == 2

    def test_are_not_waited_for_beyond_the_deadline(self) -> None:
        silence = threading.Event()

        def say_nothing(handler: BaseHTTPRequestHandler) -> None:
            silence.wait(5)

        logs.stage()
        with answering(say_nothing) as url, client(url) as asked:
            cosigners = Cosigners([asked], deadline_s=0.2)
            logs.sequence_all(logs.manner(cosigners=cosigners, quorum=1))
            silence.set()
            cosigners.close()

        assert Publication.objects.get().checkpoint.tree_size == 1
        assert not Cosignature.objects.exists()

    def test_do_not_cosign_a_second_history(self, tmp_path: Path, settings: Settings) -> None:
        log = identity.signer().verifier
        with running_witness(tmp_path, log) as (url, state), client(url) as asked:
            state.keep(checkpoints.Checkpoint(log.name, 2, bytes(32)))
            logs.stage(5)
            cosigners = Cosigners([asked], deadline_s=5)
            logs.sequence_all(logs.manner(cosigners=cosigners))
            cosigners.close()

            assert state.newest(log.name).size == 2
        assert queries.tree_size() == 5
        assert not Cosignature.objects.exists()

    def test_keep_the_first_cosignature_of_each(self, tmp_path: Path) -> None:
        log = identity.signer().verifier
        with running_witness(tmp_path, log) as (url, _), client(url) as asked:
            logs.stage()
            cosigners = Cosigners([asked], deadline_s=5)
            crashed: list[str] = []

            def die(step: str) -> None:
                if step == "cosignatures-kept" and not crashed:
                    crashed.append(step)
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                logs.sequence_all(logs.manner(cosigners=cosigners, at_step=die))
            logs.sequence_all(logs.manner(cosigners=cosigners))
            cosigners.close()

        assert Cosignature.objects.count() == 1
        newest = Checkpoint.objects.get()
        assert bytes(newest.publication.note).count("—".encode()) == 2
