"""Permits, attempts, and what becomes of them."""

from __future__ import annotations

import hashlib
import io
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from gpu_worker.contract import capture as contract_capture
from gpu_worker.contract import job as jobs
from gpu_worker.contract import keys, permit
from ledger.accounts.models import Account, Block
from ledger.cameos.models import Cameo
from ledger.consent.models import Decision, UseCast
from ledger.outbox.models import OutboxMessage
from provenance.renders import actions, attempts, files, permits
from provenance.renders.errors import (
    AlreadyRedeemed,
    AttemptOver,
    CaptureNotNamed,
    NotRedeemed,
    PermitInvalid,
    PermitRanOut,
    ReceiptInvalid,
    ReceiptMismatch,
)
from provenance.renders.models import Attempt, Render
from tests.factories import renders as make


@pytest.fixture
def ada(db: None) -> Account:
    return make.person()


@pytest.fixture
def ben(db: None) -> Account:
    return make.person()


@pytest.fixture
def cameo(ada: Account) -> Cameo:
    return make.cameo(ada, preferences={"pronouns": "she"})


def _state(attempt: Attempt) -> str:
    return Render.objects.values_list("state", flat=True).get(pk=attempt.render_id)


class TestDispatch:
    def test_makes_an_attempt_that_rests_on_its_decision(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)

        attempt = make.dispatched(render)

        assert (attempt.decision.gate, attempt.decision.effect) == ("dispatch", "permit")
        assert attempt.number == 1
        message = OutboxMessage.objects.get(topic="render.send")
        assert message.payload["attempt_id"] == str(attempt.id)

    def test_does_nothing_the_second_time(self, ben: Account, cameo: Cameo) -> None:
        render = make.requested(ben, cameo)
        make.dispatched(render)
        decisions = Decision.objects.count()

        assert attempts.dispatch(render_id=render.pk, at=timezone.now()) is None
        assert (Attempt.objects.count(), Decision.objects.count()) == (1, decisions)

    def test_does_nothing_for_what_is_not_there(self, db: None) -> None:
        assert attempts.dispatch(render_id=uuid.uuid4(), at=timezone.now()) is None

    def test_tells_the_worker_no_account_no_cameo_and_no_name(
        self, ada: Account, ben: Account, cameo: Cameo
    ) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        said = str(attempt.job)
        for secret in (cameo.id, ada.id, ben.id, ada.handle, ada.email):
            assert str(secret) not in said
        member = jobs.from_plain(attempt.job).cast[0]
        assert member.cameo_ref == str(UseCast.objects.get(use_id=attempt.render_id).id)
        assert member.preferences == {"pronouns": "she"}

    def test_decides_again_for_each_attempt(self, ada: Account, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)
        attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())
        Block.objects.create(blocker=ada, blocked=ben, created_at=timezone.now())

        assert attempts.dispatch(render_id=attempt.render_id, at=timezone.now()) is None
        assert _state(attempt) == "denied"

    @pytest.mark.django_db(transaction=True)
    def test_makes_one_attempt_when_asked_twice_at_once(self) -> None:
        render = make.requested(make.person(), make.cameo(make.person()))
        made: list[object] = []
        together = threading.Barrier(2)

        def run() -> None:
            try:
                together.wait(10)
                made.append(attempts.dispatch(render_id=render.pk, at=timezone.now()))
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(one is None for one in made) == [False, True]
        assert Attempt.objects.count() == 1
        assert Decision.objects.filter(gate="dispatch").count() == 1


class TestMessageFor:
    def test_permits_exactly_its_job(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        message = attempts.message_for(attempt)

        job = jobs.from_plain(message.job)
        claims = permit.verify(
            message.permit, keys=permits.public_keys(), job=job, at=timezone.now()
        )
        assert (claims.render_id, claims.attempt_id) == (attempt.render_id, attempt.id)
        assert claims.cast[0].epoch == cameo.epoch
        assert bytes(attempt.job_sha256).hex() == claims.job_sha256

    def test_is_not_sent_before_its_decision_is_in_the_log(
        self, ben: Account, cameo: Cameo
    ) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        assert not attempts.is_logged(attempt)

    @pytest.mark.parametrize("ended", [True, False])
    def test_is_not_sent_once_it_is_over_or_ran_out(
        self, ben: Account, cameo: Cameo, ended: bool
    ) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))
        at = timezone.now()
        if ended:
            attempts.over(attempt_id=attempt.id, code="lost", at=at)

        assert attempts.to_send(attempt_id=attempt.id, at=at + timedelta(hours=1)) is None


class TestPermitsRead:
    def test_refuses_a_permit_of_somebody_else(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))
        job = jobs.from_plain(attempt.job)
        claims = permit.for_job(
            job, not_before_at=attempt.created_at, expires_at=attempt.expires_at
        )
        own_kid = next(iter(permits.public_keys()))

        for kid in ("unknown", own_kid):
            with pytest.raises(PermitInvalid):
                permits.read(permit.sign(claims, make.WORKER_KEY, kid))

    @pytest.mark.parametrize("token", ["", "a.b.c", "x" * 20_000, "é.é.é"])
    def test_refuses_what_is_none(self, token: str) -> None:
        with pytest.raises(PermitInvalid):
            permits.read(token)

    def test_knows_keys_that_were_rotated_away(self, settings: Any, tmp_path: Path) -> None:
        settings.KEYS_DIR = tmp_path / "keys"
        (settings.KEYS_DIR / permits.PREVIOUS_FOLDER).mkdir(parents=True)
        before = permits.jwks()["keys"]
        (settings.KEYS_DIR / permits.PREVIOUS_FOLDER / "old.pem").write_bytes(
            keys.to_pem(make.WORKER_KEY.public_key())
        )

        after = permits.jwks()["keys"]
        assert (len(before), len(after)) == (1, 2)
        assert (settings.KEYS_DIR / permits.KEY_FILE).stat().st_mode & 0o777 == 0o600

    def test_makes_no_key_in_production(self, settings: Any, tmp_path: Path) -> None:
        settings.KEYS_DIR, settings.IS_PRODUCTION = tmp_path / "keys", True

        with pytest.raises(Exception, match="permit-key-missing"):
            permits.jwks()


class TestRedeem:
    def test_hands_the_secrets_over_once(self, ben: Account, cameo: Cameo) -> None:
        attempt, secrets = make.rendering(ben, cameo)

        with pytest.raises(AlreadyRedeemed):
            make.redeemed(attempt)

        assert _state(attempt) == "rendering"
        assert set(secrets.capture_keys) == set(attempt.captures)

    def test_refuses_a_permit_that_ran_out(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        with pytest.raises(PermitRanOut):
            make.redeemed(attempt, at=attempt.expires_at)

        assert _state(attempt) == "queued"

    def test_refuses_a_permit_of_a_cancelled_render(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))
        claims = make.claims(attempt)
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        with pytest.raises(AttemptOver):
            attempts.redeem(claims=claims, at=timezone.now())

    def test_refuses_an_earlier_attempts_permit(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))
        attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())
        again = make.dispatched(attempt.render)

        with pytest.raises(AttemptOver):
            make.redeemed(attempt)

        assert again.number == 2
        make.redeemed(again)

    @pytest.mark.django_db(transaction=True)
    def test_hands_them_to_one_of_two_that_ask_at_once(self) -> None:
        attempt = make.dispatched(make.requested(make.person(), make.cameo(make.person())))
        outcomes: list[str] = []
        together = threading.Barrier(2)

        def run() -> None:
            try:
                together.wait(10)
                make.redeemed(attempt)
                outcomes.append("redeemed")
            except AlreadyRedeemed:
                outcomes.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(outcomes) == ["redeemed", "refused"]


class TestOpenCapture:
    def test_gives_the_capture_under_its_one_job_key(
        self, ben: Account, cameo: Cameo, tmp_path: Path
    ) -> None:
        attempt, secrets = make.rendering(ben, cameo)
        attempt = attempts.at_work(make.claims(attempt))
        ref = next(iter(attempt.captures))

        key, bound_to = attempts.open_capture(
            attempt=attempt, cameo_ref=ref, target=tmp_path / "clear"
        )

        assert key == secrets.capture_keys[ref]
        sealed = b"".join(
            contract_capture.encrypt(io.BytesIO((tmp_path / "clear").read_bytes()), key, bound_to)
        )
        opened = b"".join(contract_capture.decrypt(io.BytesIO(sealed), key, bound_to))
        assert hashlib.sha256(opened).hexdigest() == attempt.captures[ref]

    def test_refuses_a_cameo_that_the_job_does_not_name(
        self, ben: Account, cameo: Cameo, tmp_path: Path
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)
        attempt.refresh_from_db()

        with pytest.raises(CaptureNotNamed):
            attempts.open_capture(
                attempt=attempt, cameo_ref=str(cameo.id), target=tmp_path / "clear"
            )

    def test_needs_a_redemption(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        with pytest.raises(NotRedeemed):
            attempts.at_work(make.claims(attempt))


class TestBeat:
    def _beat(self, attempt: Attempt) -> bool:
        return attempts.beat(
            claims=make.claims(attempt),
            stage="drawing",
            fraction=0.5,
            seconds_left=3.0,
            at=timezone.now(),
        )

    def test_notes_the_progress(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)

        assert self._beat(attempt) is False

        render = Render.objects.get(pk=attempt.render_id)
        assert (render.stage, render.progress, render.seconds_left) == ("drawing", 0.5, 3.0)

    def test_says_stop_once_it_was_called_off(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        assert self._beat(attempt) is True
        assert Render.objects.get(pk=attempt.render_id).stage == ""

    def test_says_stop_to_an_attempt_that_was_replaced(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)
        attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())
        make.redeemed(make.dispatched(attempt.render))

        assert self._beat(attempt) is True

    def test_says_stop_before_the_redemption(self, ben: Account, cameo: Cameo) -> None:
        assert self._beat(make.dispatched(make.requested(ben, cameo))) is True


class TestReceipts:
    @pytest.mark.parametrize(
        "says",
        [
            {"job_sha256": "0" * 64},
            {"output_sha256": "0" * 64},
            {"output_size_bytes": 1},
        ],
    )
    def test_must_be_about_this_job_and_this_file(
        self, ben: Account, cameo: Cameo, tmp_path: Path, says: dict[str, Any]
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)
        (path := tmp_path / "out").write_bytes(b"video")
        token = make.receipt(attempt, path, **says)

        with pytest.raises(ReceiptMismatch):
            attempts.check_receipt(
                permits.read_receipt(token),
                attempt=attempt,
                sha256=hashlib.sha256(b"video").digest(),
                size_bytes=5,
            )

    def test_must_be_signed_by_a_registered_worker(
        self, ben: Account, cameo: Cameo, tmp_path: Path, settings: Any
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)
        (path := tmp_path / "out").write_bytes(b"video")
        token = make.receipt(attempt, path)
        (settings.WORKER_PUBLIC_KEYS_DIR / "test.pem").unlink()

        with pytest.raises(ReceiptInvalid):
            permits.read_receipt(token)


class TestAcceptOutput:
    def test_refuses_a_file_of_a_cancelled_render(self, ben: Account, cameo: Cameo) -> None:
        attempt, secrets = make.rendering(ben, cameo)
        actions.cancel(render_id=attempt.render_id, by=ben, at=timezone.now())

        with pytest.raises(AttemptOver):
            make.hand_in(attempt, secrets)

        assert _state(attempt) == "cancelled"

    def test_refuses_a_second_file(self, ben: Account, cameo: Cameo) -> None:
        render = make.sealing_row(ben, cameo)
        attempt = render.attempts.get()

        with pytest.raises(AttemptOver):
            attempts.accept_output(claims=make.claims(attempt), token="other", at=timezone.now())

        assert files.path_of(render.output_path).exists()

    def test_takes_the_secret_away(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.sealing_row(ben, cameo).attempts.get()

        assert (attempt.job_secret, attempt.end_code) == (None, "delivered")


class TestOver:
    def test_tries_again_and_then_fails(self, ben: Account, cameo: Cameo, settings: Any) -> None:
        settings.RENDER_ATTEMPTS_MAX = 2
        attempt, _ = make.rendering(ben, cameo)
        attempts.over(attempt_id=attempt.id, code="backend-failed", at=timezone.now())
        assert _state(attempt) == "rendering"

        again = make.dispatched(attempt.render)
        make.redeemed(again)
        attempts.over(attempt_id=again.id, code="backend-failed", at=timezone.now())

        render = Render.objects.select_related("use").get(pk=attempt.render_id)
        assert (render.state, render.use.state) == ("failed", "failed")
        assert render.failure_code == "backend-failed"
        assert attempts.dispatch(render_id=render.pk, at=timezone.now()) is None

    def test_does_not_try_again_what_cannot_go_better(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)

        attempts.over(attempt_id=attempt.id, code="backend-unknown", at=timezone.now())

        assert _state(attempt) == "failed"

    def test_is_safe_to_repeat(self, ben: Account, cameo: Cameo) -> None:
        attempt, _ = make.rendering(ben, cameo)
        attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())
        owed = OutboxMessage.objects.count()

        attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())

        assert OutboxMessage.objects.count() == owed

    def test_leaves_a_delivered_attempt_alone(self, ben: Account, cameo: Cameo) -> None:
        render = make.sealing_row(ben, cameo)

        attempts.over(attempt_id=render.attempts.get().id, code="lost", at=timezone.now())

        assert Render.objects.get(pk=render.pk).state == "sealing"


class TestTheDatabase:
    def test_refuses_two_living_attempts(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        attempt.pk, attempt.number = uuid.uuid4(), 2

        with (
            pytest.raises(IntegrityError, match="render_has_one_living_attempt"),
            transaction.atomic(),
        ):
            attempt.save(force_insert=True)

    @pytest.mark.parametrize("change", ["redeemed_at", "ended_at"])
    def test_refuses_to_redeem_or_end_twice(self, ben: Account, cameo: Cameo, change: str) -> None:
        attempt, _ = make.rendering(ben, cameo)
        if change == "ended_at":
            attempts.over(attempt_id=attempt.id, code="lost", at=timezone.now())

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(**{change: timezone.now()})

    def test_refuses_an_ended_attempt_that_keeps_its_secret(
        self, ben: Account, cameo: Cameo
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)

        with (
            pytest.raises(IntegrityError, match="ended_attempt_has_a_code_and_no_secret"),
            transaction.atomic(),
        ):
            Attempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now(), end_code="x")

    def test_refuses_to_forget_an_attempt(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            attempt.delete()
