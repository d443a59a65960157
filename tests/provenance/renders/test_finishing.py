"""From the worker's file to the released one, with real videos and no stand-in of our own code."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from ledger.accounts.models import Account, Block
from ledger.cameos.models import Cameo
from ledger.consent.models import Approval, Decision
from ledger.log.models import StagedEntry
from ledger.notifications.models import Notification
from provenance.renders import actions, delivery, files, finishing
from provenance.renders.errors import FileNotThere, OutputRejected
from provenance.renders.models import Render
from provenance.seals import verification
from provenance.seals.models import Seal
from rights.licences.models import Licence
from tests.factories import renders as make

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """Nothing catches this: the nearest to a SIGKILL that a test survives."""


@pytest.fixture
def ada() -> Account:
    return make.person()


@pytest.fixture
def ben() -> Account:
    return make.person()


def _now(render: Render) -> Render:
    return Render.objects.select_related("use").get(pk=render.pk)


def _entries(kind: str) -> int:
    return sum(f'"{kind}"'.encode() in bytes(one.data) for one in StagedEntry.objects.all())


class TestFinish:
    def test_releases_a_good_file_sealed_and_marked(self, ada: Account, ben: Account) -> None:
        render = make.sealing(ben, make.cameo(ada))

        finishing.finish(render_id=render.pk)

        render = _now(render)
        assert (render.state, render.use.state) == ("released", "released")
        path = files.path_of(render.sealed_path)
        assert files.digest(path) == bytes(render.sealed_sha256 or b"")
        assert verification.verify(path).state == verification.SealState.TRUSTED
        assert Seal.objects.get(use_id=render.pk).invisible_mark
        assert render.output_path == ""
        assert [one.name for one in path.parent.iterdir()] == [path.name]
        told = Notification.objects.filter(kind="render.released", about_id=render.pk)
        assert {one.account_id for one in told} == {ada.id, ben.id}

    def test_says_in_the_manifest_what_it_rests_on_and_names_nobody(
        self, ada: Account, ben: Account
    ) -> None:
        cameo = make.cameo(ada)
        render = make.sealing(ben, cameo)
        finishing.finish(render_id=render.pk)

        report = verification.verify(files.path_of(_now(render).sealed_path))

        said = str(report.manifest)
        decisions = Decision.objects.filter(use_id=render.pk, gate__in=("request", "dispatch"))
        assert all(str(one.log_entry_id) in said for one in decisions)
        assert "io.iscc.v0" in said
        for secret in (cameo.id, ada.id, ben.id, ada.handle, ben.email, render.prompt):
            assert str(secret) not in said

    def test_does_nothing_the_second_time(self, ada: Account, ben: Account) -> None:
        render = make.sealing(ben, make.cameo(ada))
        finishing.finish(render_id=render.pk)
        entries = StagedEntry.objects.count()

        finishing.finish(render_id=render.pk)

        assert StagedEntry.objects.count() == entries
        assert Seal.objects.count() == 1

    @pytest.mark.parametrize("step", ["checked", "sealed", "placed", "written", "released"])
    def test_goes_on_where_it_was_killed(self, ada: Account, ben: Account, step: str) -> None:
        render = make.sealing(ben, make.cameo(ada))

        def die(name: str) -> None:
            if name == step:
                raise Killed

        with pytest.raises(Killed):
            finishing.finish(render_id=render.pk, at_step=die)
        finishing.finish(render_id=render.pk)

        render = _now(render)
        assert render.state == "released"
        assert Seal.objects.filter(use_id=render.pk).count() == 1
        assert (_entries("render.released"), _entries("render.finished")) == (1, 1)
        folder = files.path_of(render.sealed_path).parent
        assert [one.name for one in folder.iterdir()] == [Path(render.sealed_path).name]

    def test_releases_once_when_two_finish_at_once(self, ada: Account, ben: Account) -> None:
        render = make.sealing(ben, make.cameo(ada))
        outcomes: list[str] = []
        together = threading.Barrier(2)

        def run() -> None:
            try:
                together.wait(10)
                finishing.finish(render_id=render.pk)
                outcomes.append("done")
            except finishing.Busy:
                outcomes.append("busy")
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert sorted(outcomes) == ["busy", "done"]
        assert _now(render).state == "released"
        assert (Seal.objects.count(), _entries("render.released")) == (1, 1)

    def test_keeps_the_first_seal_where_two_were_made(self, ada: Account, ben: Account) -> None:
        stale = make.sealing(ben, make.cameo(ada))
        finishing._seal(stale, clock=timezone.now)
        first = _now(stale).sealed_path

        finishing._seal(stale, clock=timezone.now)

        assert _now(stale).sealed_path == first
        assert Seal.objects.count() == 1


class TestHostileOutputs:
    """Nothing that is not what was asked for, or not marked, is ever sealed."""

    def _finish(self, ben: Account, ada: Account, **how: Any) -> Render:
        attempt, secrets = make.rendering(ben, make.cameo(ada))
        says = how.pop("receipt_says", {})
        path = files.path_of("made.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        make.marked(path, attempt, secrets, **how)
        make.hand_in(attempt, secrets, source=path, receipt_says=says)
        finishing.finish(render_id=attempt.render_id)
        return Render.objects.select_related("use").get(pk=attempt.render_id)

    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            ({"invisible": False}, "no-invisible-mark"),
            ({"visible": False}, "no-visible-mark"),
            ({"mark_text": "Somebody else\n0000 0000"}, "no-visible-mark"),
            ({"width_px": 640, "height_px": 360}, "wrong-size"),
            ({"seconds": 0.5}, "wrong-length"),
            ({"seconds": 1.5}, "wrong-length"),
            ({"fps": 24}, "wrong-rate"),
            ({"receipt_says": {"frames": 3}}, "not-as-receipted"),
            ({"receipt_says": {"has_audio": False}}, "not-as-receipted"),
        ],
    )
    def test_fails_what_is_not_as_it_should_be(
        self, ada: Account, ben: Account, how: dict[str, Any], reason: str
    ) -> None:
        render = self._finish(ben, ada, **how)

        assert (render.state, render.failure_code) == ("failed", reason)
        assert render.use.state == "failed"
        assert not Seal.objects.exists()
        assert (render.output_path, render.sealed_path) == ("", "")

    def test_fails_what_is_no_video(self, ada: Account, ben: Account) -> None:
        render = make.sealing_row(ben, make.cameo(ada))
        output = files.path_of(render.output_path)

        finishing.finish(render_id=render.pk)

        assert (_now(render).state, _now(render).failure_code) == ("failed", "not-a-video")
        assert not output.exists()

    def test_fails_a_file_that_was_changed_where_it_lay(self, ada: Account, ben: Account) -> None:
        render = make.sealing(ben, make.cameo(ada))
        path = files.path_of(render.output_path)
        path.write_bytes(path.read_bytes()[:-1] + b"!")

        finishing.finish(render_id=render.pk)

        assert _now(render).failure_code == "changed-at-rest"

    def test_fails_a_file_with_another_renders_mark(self, ada: Account, ben: Account) -> None:
        cameo = make.cameo(ada)
        theirs, stolen = make.rendering(ben, cameo)
        attempt, secrets = make.rendering(ben, cameo)
        path = files.path_of("made.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        make.marked(path, attempt, stolen)
        make.hand_in(attempt, secrets, source=path)

        finishing.finish(render_id=attempt.render_id)

        assert Render.objects.get(pk=attempt.render_id).failure_code == "no-invisible-mark"
        assert theirs.render_id != attempt.render_id

    def test_a_worker_whose_key_was_taken_away_is_not_sealed_for(
        self, ada: Account, ben: Account, settings: Any
    ) -> None:
        render = make.sealing(ben, make.cameo(ada))
        for path in settings.WORKER_PUBLIC_KEYS_DIR.glob("*.pem"):
            path.unlink()

        with pytest.raises(Exception, match="receipt-invalid"):
            finishing.finish(render_id=render.pk)

        assert _now(render).state == "sealing"
        assert not Seal.objects.exists()


class TestRelease:
    def test_is_denied_when_consent_ended_after_the_worker_was_done(
        self, ada: Account, ben: Account
    ) -> None:
        """Worked case 2: not released; the subject still sees the draft, and can destroy it."""
        render = make.sealing(ben, make.cameo(ada))
        Block.objects.create(blocker=ada, blocked=ben, created_at=timezone.now())

        finishing.finish(render_id=render.pk)

        render = _now(render)
        assert (render.state, render.use.state) == ("denied", "denied")
        draft = delivery.find(render_id=render.pk, account=ada)
        assert draft.is_draft
        assert verification.verify(draft.path).state == verification.SealState.TRUSTED
        with pytest.raises(FileNotThere):
            delivery.find(render_id=render.pk, account=ben)
        actions.destroy_draft(render_id=render.pk, by=ada, at=timezone.now())
        assert not draft.path.exists()
        with pytest.raises(FileNotThere):
            delivery.find(render_id=render.pk, account=ada)

    def test_seals_the_draft_of_what_was_denied_while_it_was_sealing(
        self, ada: Account, ben: Account
    ) -> None:
        render = make.sealing(ben, make.cameo(ada))
        make.deny(render)

        finishing.finish(render_id=render.pk)

        assert _now(render).state == "denied"
        assert delivery.find(render_id=render.pk, account=ada).is_draft

    def test_waits_for_the_owner_who_wants_to_see_it_first(
        self, ada: Account, ben: Account
    ) -> None:
        cameo = make.cameo(ada, draft_approval=True)
        render = make.sealing(ben, cameo)
        finishing.finish(render_id=render.pk)
        assert (_now(render).state, _now(render).use.state) == ("approval_pending", "dispatched")
        assert delivery.find(render_id=render.pk, account=ada).is_draft
        assert Notification.objects.get(kind="render.approval-asked").account_id == ada.id

        _answer(render, cameo, ada, is_approved=True)
        finishing.finish(render_id=render.pk)

        assert (_now(render).state, _now(render).use.state) == ("released", "released")
        assert Seal.objects.count() == 1

    def test_is_denied_when_the_owner_refuses_the_draft(self, ada: Account, ben: Account) -> None:
        cameo = make.cameo(ada, draft_approval=True)
        render = make.sealing(ben, cameo)
        finishing.finish(render_id=render.pk)

        _answer(render, cameo, ada, is_approved=False)
        finishing.finish(render_id=render.pk)

        assert _now(render).state == "denied"

    def test_intends_the_capture_with_the_release(self, ada: Account, ben: Account) -> None:
        render = _paid(ben, ada)

        finishing.finish(render_id=render.pk)

        assert _now(render).state == "released"
        assert Licence.objects.get().state == "capture_intended"

    def test_lets_the_money_go_with_the_denial(self, ada: Account, ben: Account) -> None:
        render = _paid(ben, ada)
        Block.objects.create(blocker=ada, blocked=ben, created_at=timezone.now())

        finishing.finish(render_id=render.pk)

        assert _now(render).state == "denied"
        assert Licence.objects.get().state == "void_intended"

    def test_fails_when_the_money_ran_out(self, ada: Account, ben: Account) -> None:
        render = _paid(ben, ada)
        Licence.objects.update(capture_before=timezone.now())

        finishing.finish(render_id=render.pk)

        assert (_now(render).state, _now(render).failure_code) == (
            "failed",
            "licence-not-authorised",
        )
        assert Licence.objects.get().state == "void_intended"


class TestCheck:
    def test_refuses_a_file_that_is_gone(self, ada: Account, ben: Account) -> None:
        render = make.sealing_row(ben, make.cameo(ada))
        files.destroy(render.output_path)

        with pytest.raises(OutputRejected, match="changed-at-rest"):
            finishing.check(render, render.attempts.get())


def _answer(render: Render, cameo: Cameo, owner: Account, *, is_approved: bool) -> None:
    Approval.objects.create(
        use_id=render.pk,
        cameo=cameo,
        approver=owner,
        is_approved=is_approved,
        created_at=timezone.now(),
    )


def _paid(ben: Account, ada: Account) -> Render:
    """Return a sealing render whose fee is authorised."""
    cameo = make.cameo(
        ada,
        purposes=["personal", "commercial"],
        fees={"commercial": {"amount_minor": 5_000, "currency": "usd"}},
    )
    make.payable(ada)
    render = make.requested(ben, cameo, purpose="commercial")
    make.pay(render)
    attempt = make.dispatched(render)
    make.hand_in(attempt, make.redeemed(attempt))
    return render
