"""Who can be paid: each payee's account at Stripe, and whether transfers to it are active."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.accounts.models import Account
from ledger.db import use_case
from ledger.errors import Malformed
from ledger.log import actions as log
from rights.settlement import owing
from rights.settlement.gateway import Recipient, Stripe
from rights.settlement.models import PayeeAccount, Payout

# Where Stripe pays recipients of a platform elsewhere. Source: https://docs.stripe.com/connect/
# cross-border-payouts, and the countries of Connect itself.
COUNTRIES = frozenset(
    [
        "AE",
        "AT",
        "AU",
        "BE",
        "BG",
        "BR",
        "CA",
        "CH",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GB",
        "GI",
        "GR",
        "HK",
        "HR",
        "HU",
        "IE",
        "IT",
        "JP",
        "LI",
        "LT",
        "LU",
        "LV",
        "MT",
        "MX",
        "MY",
        "NL",
        "NO",
        "NZ",
        "PL",
        "PT",
        "RO",
        "SE",
        "SG",
        "SI",
        "SK",
        "TH",
        "US",
    ]
)


class CountryNotServed(Malformed):
    code = "payee-country-not-served"
    title = "Payees of this country cannot be paid."


@dataclass(frozen=True)
class Onboarding:
    """A payee's account, and where to go if Stripe must know more. The address works once."""

    account_id: UUID
    state: str
    onboarding_url: str | None


def onboard(
    *, account: Account, country: str, return_url: str, stripe: Stripe, at: datetime
) -> Onboarding:
    """Open the person's account at Stripe, or look how it stands. Safe to repeat.

    Args:
        country: ISO 3166-1 alpha-2; the first one given stands.

    Raises:
        CountryNotServed: Stripe pays nobody there.
        StripeUnavailable: try again; the same account is found.
    """
    if country not in COUNTRIES:
        raise CountryNotServed(country=country)
    payee = _begin(account=account, country=country, at=at)
    if payee.stripe_id:
        recipient = stripe.recipient(payee.stripe_id)
    else:
        recipient = stripe.create_recipient(
            key=payee.id, account_id=account.id, email=account.email, country=payee.country
        )
    payee = _note(payee_id=payee.id, recipient=recipient, at=at)
    url = None
    if not recipient.is_active:
        url = stripe.onboarding_url(stripe_id=recipient.id, return_url=return_url)
    return Onboarding(account.id, payee.state, url)


def refresh(*, stripe_id: str, stripe: Stripe, at: datetime) -> bool:
    """Look how a payee's account stands now; pay what is owed once it is active again.

    Returns whether the account is one of ours.
    """
    payee = PayeeAccount.objects.filter(stripe_id=stripe_id).first()
    if payee is None:
        return False
    _note(payee_id=payee.id, recipient=stripe.recipient(stripe_id), at=at)
    return True


@use_case
def _begin(*, account: Account, country: str, at: datetime) -> PayeeAccount:
    payee, is_new = PayeeAccount.objects.get_or_create(
        account=account, defaults={"country": country, "state_at": at, "created_at": at}
    )
    if is_new:
        log.stage(type="payee.creating", at=at, subject_id=account.id, rows=[payee])
    return payee


@use_case
def _note(*, payee_id: UUID, recipient: Recipient, at: datetime) -> PayeeAccount:
    payee = PayeeAccount.objects.select_for_update().get(id=payee_id)
    state = _state(recipient)
    if payee.state != state:
        payee.stripe_id, payee.state, payee.state_at = recipient.id, state, at
        payee.save(update_fields=["stripe_id", "state", "state_at"])
        log.stage(type=f"payee.{state}", at=at, subject_id=payee.account_id, rows=[payee])
    if state == PayeeAccount.State.ACTIVE:
        owed = Payout.objects.filter(payee_id=payee.account_id, state=Payout.State.OWED)
        for payout in owed.order_by("id"):
            owing.enqueue(payout, topic="payout.transfer", at=at)
    return payee


def _state(recipient: Recipient) -> PayeeAccount.State:
    if recipient.is_active:
        return PayeeAccount.State.ACTIVE
    if recipient.is_restricted:
        return PayeeAccount.State.RESTRICTED
    return PayeeAccount.State.PENDING
