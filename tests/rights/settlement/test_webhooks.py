"""Whose bytes are believed: Stripe's, now, for us."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ledger.outbox.models import OutboxMessage
from rights.settlement import webhooks
from rights.settlement.models import StripeEvent
from rights.settlement.webhooks import WebhookRefused
from tests.factories.settlement import NOON

SECRET = "whsec_test"
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "livemode": False,
    "data": {"object": {"id": "pi_1"}},
}
THIN: dict[str, Any] = {
    "id": "evt_2",
    "object": "v2.core.event",
    "type": "v2.core.account[configuration.recipient].capability_status_updated",
    "livemode": False,
    "related_object": {
        "id": "acct_1",
        "type": "v2.core.account",
        "url": "/v2/core/accounts/acct_1",
    },
}


def header(body: bytes, *, at: datetime = NOON, secret: str = SECRET, scheme: str = "v1") -> str:
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},{scheme}={digest}"


def verify(body: bytes, signed: str | None = None, **fields: Any) -> Any:
    defaults: dict[str, Any] = {
        "secret": SECRET,
        "is_live": False,
        "account": "acct_us",
        "at": NOON,
    }
    return webhooks.verify(body, header(body) if signed is None else signed, **(defaults | fields))


def encoded(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes).encode()


def reason_of(body: bytes, signed: str | None = None, **fields: Any) -> str:
    with pytest.raises(WebhookRefused) as caught:
        verify(body, signed, **fields)
    return caught.value.reason


class TestVerify:
    def test_returns_what_happened_to_what(self) -> None:
        notice = verify(encoded())

        assert (notice.id, notice.type, notice.object_id) == (
            "evt_1",
            "payment_intent.succeeded",
            "pi_1",
        )

    def test_reads_thin_events_too(self) -> None:
        assert verify(json.dumps(THIN).encode()).object_id == "acct_1"

    def test_takes_one_good_signature_among_others(self) -> None:
        body = encoded()

        assert verify(body, header(body) + ",v1=0000,v0=1111").id == "evt_1"

    @pytest.mark.parametrize("away", [timedelta(minutes=5), timedelta(minutes=-5)])
    def test_tolerates_five_minutes_either_way(self, away: timedelta) -> None:
        body = encoded()

        assert verify(body, header(body, at=NOON + away)).id == "evt_1"

    @pytest.mark.parametrize(
        "away", [timedelta(seconds=301), timedelta(seconds=-301), timedelta(days=365)]
    )
    def test_refuses_what_is_stale_or_from_the_future(self, away: timedelta) -> None:
        body = encoded()

        assert reason_of(body, header(body, at=NOON + away)) == "time"

    def test_refuses_another_secret(self) -> None:
        body = encoded()

        assert reason_of(body, header(body, secret="whsec_other")) == "signature"

    def test_refuses_another_scheme(self) -> None:
        body = encoded()

        assert reason_of(body, header(body, scheme="v0")) == "header"

    def test_refuses_changed_bytes(self) -> None:
        body = encoded()

        assert reason_of(body.replace(b"pi_1", b"pi_2"), header(body)) == "signature"

    def test_refuses_the_other_mode(self) -> None:
        assert reason_of(encoded(livemode=True)) == "mode"
        assert reason_of(encoded(), is_live=True) == "mode"

    def test_refuses_another_account(self) -> None:
        assert reason_of(encoded(account="acct_them")) == "account"
        assert verify(encoded(account="acct_us")).account == "acct_us"

    def test_refuses_everything_without_a_secret(self) -> None:
        body = encoded()

        assert reason_of(body, header(body, secret=""), secret="") == "size"

    @pytest.mark.parametrize(
        "signed",
        [
            "",
            "t=,v1=",
            "v1=abc",
            "t=1",
            "t=abc,v1=abc",
            "t=-1,v1=abc",
            "t=1,t=2,v1=abc",
            "t=1" + "0" * 20 + ",v1=abc",
            "t=\u0661,v1=abc",
            "t=1" + ",v1=a" * 17,
        ],
    )
    def test_refuses_a_malformed_header(self, signed: str) -> None:
        assert reason_of(encoded(), signed) == "header"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff\xfe",
            b"[]",
            b"null",
            b"[" * 100_000,
            b"{}",
            json.dumps(EVENT | {"object": "charge"}).encode(),
            json.dumps(EVENT | {"id": None}).encode(),
            json.dumps(EVENT | {"id": "x" * 256}).encode(),
            json.dumps(EVENT | {"id": "a\x00b"}).encode(),
            json.dumps(EVENT | {"type": ""}).encode(),
            json.dumps(EVENT | {"livemode": "false"}).encode(),
            json.dumps(EVENT | {"livemode": None}).encode(),
            json.dumps(EVENT | {"data": {"object": {"id": 7}}}).encode(),
        ],
    )
    def test_refuses_signed_bytes_that_are_no_event(self, body: bytes) -> None:
        assert reason_of(body) in {"json", "shape"}

    def test_refuses_more_than_half_a_mebibyte(self) -> None:
        assert reason_of(encoded(padding="x" * 524_288)) == "size"

    @given(body=st.binary(max_size=200), signed=st.text(max_size=100))
    def test_refuses_anything_else_without_breaking(self, body: bytes, signed: str) -> None:
        with pytest.raises(WebhookRefused):
            verify(body, signed)


@pytest.fixture
def _secret(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = SECRET


@pytest.mark.django_db
@pytest.mark.usefixtures("_secret")
class TestPage:
    def post(self, body: bytes, signed: str) -> Any:
        return Client(enforce_csrf_checks=True).post(
            "/webhooks/stripe",
            data=body,
            content_type="application/json",
            headers={"Stripe-Signature": signed},
        )

    def test_keeps_an_event_once_and_owes_its_processing(self) -> None:
        body = encoded()
        signed = header(body, at=timezone.now())

        answers = [self.post(body, signed).status_code for _ in range(2)]

        assert answers == [200, 200]
        assert StripeEvent.objects.get().state == "received"
        assert OutboxMessage.objects.get().topic == "stripe.event"

    def test_acknowledges_and_counts_a_type_that_means_nothing(self) -> None:
        body = encoded(type="invoice.paid")

        answer = self.post(body, header(body, at=timezone.now()))

        assert answer.status_code == 200
        assert StripeEvent.objects.filter(type="invoice.paid", state="ignored").count() == 1
        assert OutboxMessage.objects.count() == 0

    @pytest.mark.parametrize(
        ("body", "signed"),
        [
            (b"", ""),
            (b"\xff", "t=1,v1=\xff"),
            (encoded(), header(encoded(), at=datetime(2020, 1, 1, tzinfo=UTC))),
            (encoded(), header(encoded(), secret="whsec_other")),
            (b"x" * 2_000_000, "t=1,v1=0"),
        ],
    )
    def test_answers_400_and_changes_nothing(self, body: bytes, signed: str) -> None:
        answer = self.post(body, signed)

        assert (answer.status_code, answer.json()["code"]) == (400, "webhook-refused")
        assert StripeEvent.objects.count() == 0

    def test_takes_posts_only(self) -> None:
        assert Client().get("/webhooks/stripe").status_code == 405
