"""Nothing is lost: silent workers, stuck renders, needless files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.outbox.models import OutboxMessage
from provenance.renders import attempts, files, sweeping
from provenance.renders.models import Attempt, Render
from provenance.renders.rules import State
from tests.factories import renders as make

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def ben() -> Account:
    return make.person()


@pytest.fixture
def cameo() -> Cameo:
    return make.cameo(make.person())


def _owed(topic: str) -> int:
    return OutboxMessage.objects.filter(topic=topic, done_at=None, failed_at=None).count()


def _forget_messages() -> None:
    OutboxMessage.objects.all().delete()


class TestLostAttempts:
    def test_a_silent_worker_makes_room_for_another(
        self, ben: Account, cameo: Cameo, settings: Any
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)
        _forget_messages()
        at = timezone.now() + timedelta(seconds=settings.RENDER_BEAT_TIMEOUT_S + 1)

        swept = sweeping.sweep(at)

        attempt.refresh_from_db()
        assert (swept.lost, attempt.end_code, _owed("render.dispatch")) == (1, "lost", 1)
        assert make.dispatched(attempt.render).number == 2

    def test_a_beating_worker_is_left_alone(
        self, ben: Account, cameo: Cameo, settings: Any
    ) -> None:
        attempt, _ = make.rendering(ben, cameo)
        at = timezone.now() + timedelta(seconds=settings.RENDER_BEAT_TIMEOUT_S + 1)
        attempts.beat(claims=make.claims(attempt), stage="x", fraction=0, seconds_left=None, at=at)

        assert sweeping.sweep(at).lost == 0

    def test_an_unredeemed_permit_ends_when_it_runs_out(self, ben: Account, cameo: Cameo) -> None:
        attempt = make.dispatched(make.requested(ben, cameo))

        early = sweeping.sweep(attempt.expires_at - timedelta(seconds=1))
        late = sweeping.sweep(attempt.expires_at)

        assert (early.lost, late.lost) == (0, 1)

    def test_fails_the_render_after_the_last_attempt(
        self, ben: Account, cameo: Cameo, settings: Any
    ) -> None:
        settings.RENDER_ATTEMPTS_MAX = 1
        attempt, _ = make.rendering(ben, cameo)

        sweeping.sweep(timezone.now() + HOUR)

        render = Render.objects.select_related("use").get(pk=attempt.render_id)
        assert (render.state, render.use.state, render.failure_code) == ("failed", "failed", "lost")

    def test_ends_an_attempt_once(self, ben: Account, cameo: Cameo) -> None:
        make.rendering(ben, cameo)
        at = timezone.now() + HOUR
        sweeping.sweep(at)

        assert sweeping.sweep(at).lost == 0


class TestStuck:
    def test_owes_the_dispatch_again(self, ben: Account, cameo: Cameo) -> None:
        make.requested(ben, cameo)
        _forget_messages()

        swept = sweeping.sweep(timezone.now() + HOUR)

        assert (swept.pushed, _owed("render.dispatch")) == (1, 1)
        assert sweeping.sweep(timezone.now() + HOUR).pushed == 0

    def test_owes_the_finish_again(self, ben: Account, cameo: Cameo) -> None:
        make.sealing_row(ben, cameo)
        _forget_messages()

        sweeping.sweep(timezone.now() + HOUR)

        assert _owed("render.finish") == 1

    def test_leaves_what_is_owed_alone(self, ben: Account, cameo: Cameo) -> None:
        make.sealing_row(ben, cameo)

        assert sweeping.sweep(timezone.now() + HOUR).pushed == 0

    def test_fails_what_was_given_up(self, ben: Account, cameo: Cameo) -> None:
        render = make.sealing_row(ben, cameo)
        OutboxMessage.objects.filter(topic="render.finish").update(failed_at=timezone.now())

        sweeping.sweep(timezone.now() + HOUR)

        render.refresh_from_db()
        assert (render.state, render.failure_code) == ("failed", "stuck")

    def test_does_not_push_what_is_fresh(self, ben: Account, cameo: Cameo) -> None:
        make.sealing_row(ben, cameo)
        _forget_messages()

        assert sweeping.sweep(timezone.now()).pushed == 0

    def test_has_a_denied_draft_sealed_for_its_subjects(self, ben: Account, cameo: Cameo) -> None:
        render = make.sealing_row(ben, cameo)
        make.deny(render)
        _forget_messages()

        sweeping.sweep(timezone.now() + HOUR)

        assert _owed("render.finish") == 1

    def test_destroys_a_denied_draft_that_could_not_be_sealed(
        self, ben: Account, cameo: Cameo
    ) -> None:
        render = make.sealing_row(ben, cameo)
        make.deny(render)
        OutboxMessage.objects.filter(topic="render.finish").update(failed_at=timezone.now())
        output = files.path_of(render.output_path)

        sweeping.sweep(timezone.now() + HOUR)

        render.refresh_from_db()
        assert (render.state, render.output_path, output.exists()) == ("denied", "", False)
        assert sweeping.sweep(timezone.now() + HOUR).pushed == 0


class TestTidy:
    @pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
    def test_destroys_files_that_nobody_is_owed(
        self, ben: Account, cameo: Cameo, state: State
    ) -> None:
        render = make.row_in(state, ben, cameo, body=b"x")
        paths = [files.path_of(render.output_path), files.path_of(render.sealed_path)]

        swept = sweeping.sweep(timezone.now())

        assert swept.tidied == 1
        assert not any(path.exists() for path in paths)
        assert sweeping.sweep(timezone.now()).tidied == 0

    def test_keeps_the_sealed_file_of_a_released_one(self, ben: Account, cameo: Cameo) -> None:
        render = make.released_row(ben, cameo, body=b"x")

        sweeping.sweep(timezone.now())

        assert files.path_of(render.sealed_path).exists()
        assert not files.path_of(render.output_path).exists()


class TestCommand:
    def test_says_what_it_did(self, ben: Account, cameo: Cameo, capsys: Any) -> None:
        make.row_in(State.CANCELLED, ben, cameo, body=b"x")

        call_command("sweep")

        assert capsys.readouterr().out == (
            "attempts ended: 0, renders pushed: 0, renders tidied: 1\n"
        )
        assert not Attempt.objects.filter(ended_at=None).exists()
