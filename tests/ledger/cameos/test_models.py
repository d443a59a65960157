"""Constraints and triggers of the cameo rows: each is violated here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from ledger.cameos.models import Cameo, Capture, ConsentStatement, Enrolment, Terms
from tests.factories import accounts, cameos
from tests.factories.cameos import NOON

pytestmark = pytest.mark.django_db


def refused_by(name: str, change: Any) -> None:
    """Assert that the named constraint refuses what `change` does."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        change()
    assert refused.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]  # psycopg's error.


def stopped(change: Any) -> None:
    """Assert that a trigger stops what `change` does."""
    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
        change()


class TestCameo:
    def test_is_one_to_an_account_while_it_lives(self) -> None:
        owner = accounts.account()
        cameos.cameo(owner, state="retired")
        cameos.cameo(owner)

        refused_by("account_has_one_living_cameo", lambda: cameos.cameo(owner))

    def test_has_terms_when_active(self) -> None:
        made = cameos.cameo()

        refused_by(
            "active_cameo_has_terms",
            lambda: Cameo.objects.filter(id=made.id).update(terms=None),
        )

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("cameo_state_is_known", {"state": "asleep"}),
            ("cameo_audience_is_known", {"audience": "friends"}),
        ],
    )
    def test_has_known_words_only(self, name: str, change: dict[str, str]) -> None:
        made = cameos.cameo()

        refused_by(name, lambda: Cameo.objects.filter(id=made.id).update(**change))

    def test_never_lowers_its_epoch(self) -> None:
        made = cameos.cameo(epoch=3)

        stopped(lambda: Cameo.objects.filter(id=made.id).update(epoch=2))

    def test_stays_purged(self) -> None:
        made = cameos.cameo(state="purged")

        stopped(lambda: Cameo.objects.filter(id=made.id).update(state="active"))


class TestTerms:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("terms_never_allow_sexual_use", {"purposes": ["sexual"]}),
            ("terms_purposes_are_known", {"purposes": ["espionage"]}),
            ("terms_allow_some_seconds", {"seconds_max": 0}),
            ("terms_allow_some_seconds", {"version": 0}),
            ("terms_version_is_used_once", {"version": 1}),
        ],
    )
    def test_stay_within_bounds(self, name: str, fields: dict[str, Any]) -> None:
        made = cameos.cameo()

        refused_by(name, lambda: cameos.terms_of(made, **fields))

    def test_are_insert_only(self) -> None:
        row = cameos.terms_of(cameos.cameo())

        stopped(lambda: Terms.objects.filter(id=row.id).update(remix_allowed=False))
        stopped(lambda: Terms.objects.filter(id=row.id).delete())


class TestEnrolment:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("enrolment_state_is_known", {"state": "asleep"}),
            ("enrolment_expires_after_it_starts", {"expires_at": NOON}),
            ("enrolment_past_its_attempt_names_its_time", {"state": "checking"}),
            ("enrolment_past_its_attempt_names_its_time", {"attempted_at": NOON}),
            ("enrolment_is_decided_when_it_ends", {"state": "refused", "attempted_at": NOON}),
            ("enrolment_is_decided_when_it_ends", {"decided_at": NOON}),
        ],
    )
    def test_stays_within_bounds(self, name: str, fields: dict[str, Any]) -> None:
        made = cameos.cameo()

        refused_by(name, lambda: cameos.enrolment(made, **fields))

    def test_is_reviewed_with_a_reason_and_by_another(self) -> None:
        row = cameos.enrolment()

        refused_by(
            "enrolment_reviewer_gives_a_reason",
            lambda: Enrolment.objects.filter(id=row.id).update(reviewer=accounts.account()),
        )
        refused_by(
            "enrolment_is_never_reviewed_by_its_subject",
            lambda: Enrolment.objects.filter(id=row.id).update(
                reviewer=row.account, review_reason="it is me"
            ),
        )


class TestConsentStatement:
    def agreed(self, **fields: Any) -> ConsentStatement:
        row = cameos.enrolment()
        defaults = {"version": "1", "sha256": bytes(32), "agreed_at": NOON}
        return ConsentStatement.objects.create(
            enrolment=row, account=row.account, **(defaults | fields)
        )

    def test_has_a_whole_digest(self) -> None:
        refused_by("statement_digest_is_sha256", lambda: self.agreed(sha256=bytes(31)))

    def test_is_insert_only(self) -> None:
        row = self.agreed()

        stopped(lambda: ConsentStatement.objects.filter(id=row.id).update(version="2"))
        stopped(lambda: ConsentStatement.objects.filter(id=row.id).delete())


class TestCapture:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("capture_digest_is_sha256", {"sha256": bytes(20)}),
            ("capture_has_a_size", {"size_bytes": 0}),
            ("capture_has_a_size", {"seconds": 0}),
            ("capture_format_is_known", {"format": "avi"}),
            ("capture_portrait_ends_after_it_starts", {"portrait_ends_s": 8.0}),
            ("destroyed_capture_is_gone", {"path": ""}),
            ("destroyed_capture_is_gone", {"destroyed_at": NOON}),
        ],
    )
    def test_stays_within_bounds(self, name: str, fields: dict[str, Any]) -> None:
        of = cameos.verified()

        refused_by(name, lambda: cameos.capture(of, **fields))

    def test_is_of_a_recording_that_is_used_once(self) -> None:
        first = cameos.capture()

        refused_by("recording_is_used_once", lambda: cameos.capture(sha256=first.sha256))

    def test_never_changes_and_is_never_deleted(self) -> None:
        row = cameos.capture()
        later = NOON + timedelta(days=1)

        stopped(lambda: Capture.objects.filter(id=row.id).update(seconds=3.0))
        stopped(lambda: Capture.objects.filter(id=row.id).delete())
        Capture.objects.filter(id=row.id).update(path="", fingerprint=None, destroyed_at=later)


class TestDestructionCertificate:
    def test_is_insert_only_and_has_a_known_cause(self) -> None:
        made = cameos.certificate()

        stopped(lambda: type(made).objects.filter(id=made.id).update(cause="due"))
        stopped(lambda: type(made).objects.filter(id=made.id).delete())
        refused_by("destruction_cause_is_known", lambda: cameos.certificate(cause="whim"))
