"""The main way, against Stripe's own sandbox. Skipped without `STRIPE_TEST_KEY`.

The payee must be onboarded there by hand once: `STRIPE_TEST_PAYEE` is its `acct_…`.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime

import pytest

from rights.settlement.gateway import CardDeclined, PaymentState
from rights.settlement.stripe_gateway import SdkStripe

KEY = os.environ.get("STRIPE_TEST_KEY", "")
PAYEE = os.environ.get("STRIPE_TEST_PAYEE", "")

pytestmark = [
    pytest.mark.skipif(not KEY.startswith(("sk_test_", "rk_test_")), reason="no STRIPE_TEST_KEY"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def stripe() -> SdkStripe:
    """The gateway, pointed at Stripe."""
    return SdkStripe(api_key=KEY, api_base="", timeout_s=30, retries_max=2)


def hold(stripe: SdkStripe, method: str = "pm_card_visa") -> tuple[uuid.UUID, str]:
    key = uuid.uuid4()
    payment = stripe.authorise(
        key=key, licence_id=key, amount_minor=1_000, currency="usd", payment_method=method
    )
    assert payment.state == PaymentState.HELD
    return key, payment.id


class TestStripeItself:
    def test_holds_finds_takes_and_gives_back(self, stripe: SdkStripe) -> None:
        started_at = datetime.now(UTC)
        key, intent = hold(stripe)

        found = stripe.find_authorisation(key=key, since=started_at)
        taken = stripe.capture(key=uuid.uuid4(), payment_intent=intent)
        refund_key = uuid.uuid4()
        refund = stripe.refund(
            key=refund_key, licence_id=key, payment_intent=intent, amount_minor=1_000
        )

        assert found is not None
        assert found.id == intent
        assert taken.state == PaymentState.CAPTURED
        assert stripe.find_refund(key=refund_key, payment_intent=intent) == refund

    def test_lets_go(self, stripe: SdkStripe) -> None:
        _, intent = hold(stripe)

        assert stripe.cancel(key=uuid.uuid4(), payment_intent=intent).state == PaymentState.GONE

    def test_says_when_the_bank_refuses(self, stripe: SdkStripe) -> None:
        with pytest.raises(CardDeclined):
            hold(stripe, "pm_card_visa_chargeDeclined")

    @pytest.mark.skipif(not PAYEE, reason="no STRIPE_TEST_PAYEE")
    def test_pays_and_takes_back(self, stripe: SdkStripe) -> None:
        key, intent = hold(stripe)
        charge = stripe.capture(key=uuid.uuid4(), payment_intent=intent).charge
        sent = stripe.send_transfer(
            key=key,
            licence_id=key,
            destination=PAYEE,
            charge=charge,
            amount_minor=900,
            currency="usd",
        )

        reversal = stripe.reverse_transfer(key=uuid.uuid4(), transfer=sent.id, amount_minor=900)

        assert stripe.find_transfer(key=key, licence_id=key) == sent
        assert reversal.movement.amount_minor == 900
