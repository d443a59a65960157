"""`gateway.Stripe` over the real SDK: pinned version, stated retries and timeouts, our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings

from ledger.db import forbid_open_transaction
from rights.settlement.entries import Movement
from rights.settlement.gateway import (
    AuthorisationGone,
    BalanceTooLow,
    CardDeclined,
    Done,
    Payment,
    PaymentMethodRefused,
    PaymentState,
    Recipient,
    StripeAnswerStored,
    StripeNotFound,
    StripeRefused,
    StripeUnavailable,
    TransferRefused,
)

API_VERSION = "2026-10-28.endive"
HOLD_FOR = timedelta(days=7)  # When a card network does not say: Stripe's most for cards.
SEARCH_WITHIN = timedelta(hours=24)  # Stripe may forget a key after that: nothing is sent later.
CLOCK_SKEW = timedelta(minutes=5)
PAGE = 100
PAGES_MAX = 1_000
_CHARGE = "latest_charge.balance_transaction"


def from_settings() -> SdkStripe:
    """Return the gateway that the settings describe: Stripe itself, or the stand-in."""
    return SdkStripe(
        api_key=settings.STRIPE_SECRET_KEY,
        api_base=settings.STRIPE_API_BASE,
        timeout_s=settings.STRIPE_TIMEOUT_S,
        retries_max=settings.STRIPE_RETRIES_MAX,
    )


class SdkStripe:
    """`gateway.Stripe`, carried by `stripe.StripeClient`. No call starts in an open transaction."""

    def __init__(self, *, api_key: str, api_base: str, timeout_s: float, retries_max: int) -> None:
        stripe.enable_telemetry = False  # It would write to HOME, and tell of our machines.
        self._client = stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")} if api_base else {},
            max_network_retries=retries_max,
            http_client=stripe.RequestsClient(timeout=timeout_s),
        )

    def authorise(
        self,
        *,
        key: UUID,
        licence_id: UUID,
        amount_minor: int,
        currency: str,
        payment_method: str,
    ) -> Payment:
        with _translated():
            intent = self._client.v1.payment_intents.create(
                {
                    "amount": amount_minor,
                    "currency": currency,
                    "capture_method": "manual",
                    "confirm": True,
                    "payment_method": payment_method,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "error_on_requires_action": True,
                    "transfer_group": str(licence_id),
                    "metadata": {"licence_id": str(licence_id), "key": str(key)},
                    "expand": [_CHARGE],
                },
                {"idempotency_key": str(key)},
            )
        return _payment(intent)

    def find_authorisation(self, *, key: UUID, since: datetime) -> Payment | None:
        period: Any = {
            "gte": _seconds(since - CLOCK_SKEW),
            "lte": _seconds(since + SEARCH_WITHIN + CLOCK_SKEW),
        }
        with _translated():
            page = self._client.v1.payment_intents.list(
                {"created": period, "limit": PAGE, "expand": [f"data.{_CHARGE}"]}
            )
            for intent in _bounded(page):
                if _metadata(intent).get("key") == str(key):
                    return _payment(intent)
        return None

    def payment(self, payment_intent: str) -> Payment:
        with _translated():
            intent = self._client.v1.payment_intents.retrieve(payment_intent, {"expand": [_CHARGE]})
        return _payment(intent)

    def capture(self, *, key: UUID, payment_intent: str) -> Payment:
        try:
            with _translated():
                intent = self._client.v1.payment_intents.capture(
                    payment_intent, {"expand": [_CHARGE]}, {"idempotency_key": str(key)}
                )
        except StripeRefused as exc:
            payment = self.payment(payment_intent)
            if payment.state == PaymentState.CAPTURED:
                return payment
            if payment.state == PaymentState.GONE:
                raise AuthorisationGone(payment_intent=payment_intent) from exc
            raise
        return _payment(intent)

    def cancel(self, *, key: UUID, payment_intent: str) -> Payment:
        try:
            with _translated():
                intent = self._client.v1.payment_intents.cancel(
                    payment_intent, {"expand": [_CHARGE]}, {"idempotency_key": str(key)}
                )
        except StripeRefused:
            payment = self.payment(payment_intent)
            if payment.state in {PaymentState.CAPTURED, PaymentState.GONE}:
                return payment
            raise
        return _payment(intent)

    def refund(
        self, *, key: UUID, licence_id: UUID, payment_intent: str, amount_minor: int
    ) -> Done:
        with _translated():
            refund = self._client.v1.refunds.create(
                {
                    "payment_intent": payment_intent,
                    "amount": amount_minor,
                    "metadata": {"licence_id": str(licence_id), "key": str(key)},
                    "expand": ["balance_transaction"],
                },
                {"idempotency_key": str(key)},
            )
        return _done(refund)

    def find_refund(self, *, key: UUID, payment_intent: str) -> Done | None:
        with _translated():
            page = self._client.v1.refunds.list(
                {
                    "payment_intent": payment_intent,
                    "limit": PAGE,
                    "expand": ["data.balance_transaction"],
                }
            )
            return _of_key(page, key)

    def send_transfer(
        self,
        *,
        key: UUID,
        licence_id: UUID,
        destination: str,
        charge: str,
        amount_minor: int,
        currency: str,
    ) -> Done:
        try:
            with _translated():
                transfer = self._client.v1.transfers.create(
                    {
                        "amount": amount_minor,
                        "currency": currency,
                        "destination": destination,
                        "source_transaction": charge,
                        "transfer_group": str(licence_id),
                        "metadata": {"licence_id": str(licence_id), "key": str(key)},
                        "expand": ["balance_transaction"],
                    },
                    {"idempotency_key": str(key)},
                )
        except (StripeRefused, StripeNotFound) as exc:
            raise TransferRefused(**exc.members) from exc
        return _done(transfer)

    def find_transfer(self, *, key: UUID, licence_id: UUID) -> Done | None:
        with _translated():
            page = self._client.v1.transfers.list(
                {
                    "transfer_group": str(licence_id),
                    "limit": PAGE,
                    "expand": ["data.balance_transaction"],
                }
            )
            return _of_key(page, key)

    def reverse_transfer(self, *, key: UUID, transfer: str, amount_minor: int) -> Done:
        try:
            with _translated():
                reversal = self._client.v1.transfers.reversals.create(
                    transfer,
                    {
                        "amount": amount_minor,
                        "metadata": {"key": str(key)},
                        "expand": ["balance_transaction"],
                    },
                    {"idempotency_key": str(key)},
                )
        except StripeRefused as exc:
            if exc.members.get("stripe_code") in {"insufficient_funds", "balance_insufficient"}:
                raise BalanceTooLow(transfer=transfer) from exc
            raise
        return _done(reversal)

    def find_reversal(self, *, key: UUID, transfer: str) -> Done | None:
        with _translated():
            page = self._client.v1.transfers.reversals.list(
                transfer, {"limit": PAGE, "expand": ["data.balance_transaction"]}
            )
            return _of_key(page, key)

    def create_recipient(
        self, *, key: UUID, account_id: UUID, email: str, country: str
    ) -> Recipient:
        with _translated():
            account = self._client.v2.core.accounts.create(
                {
                    "contact_email": email,
                    "dashboard": "express",
                    "identity": {"country": country.lower()},
                    "defaults": {
                        "responsibilities": {
                            "fees_collector": "application",
                            "losses_collector": "application",
                        }
                    },
                    "configuration": {
                        "recipient": {
                            "capabilities": {
                                "stripe_balance": {"stripe_transfers": {"requested": True}}
                            }
                        }
                    },
                    "metadata": {"account_id": str(account_id)},
                    "include": ["configuration.recipient"],
                },
                {"idempotency_key": str(key)},
            )
        return _recipient(account)

    def recipient(self, stripe_id: str) -> Recipient:
        with _translated():
            account = self._client.v2.core.accounts.retrieve(
                stripe_id, {"include": ["configuration.recipient"]}
            )
        return _recipient(account)

    def onboarding_url(self, *, stripe_id: str, return_url: str) -> str:
        with _translated():
            link = self._client.v2.core.account_links.create(
                {
                    "account": stripe_id,
                    "use_case": {
                        "type": "account_onboarding",
                        "account_onboarding": {
                            "refresh_url": return_url,
                            "return_url": return_url,
                        },
                    },
                }
            )
        return str(link.url)

    def movements(self, *, since: datetime, until: datetime) -> Iterator[Movement]:
        period: Any = {"gte": _seconds(since), "lt": _seconds(until)}
        with _translated():
            page = self._client.v1.balance_transactions.list({"created": period, "limit": PAGE})
            for line in _bounded(page):
                yield _movement(line.to_dict())


@contextmanager
def _translated() -> Iterator[None]:
    """Refuse an open transaction, and raise our errors for Stripe's."""
    forbid_open_transaction()
    try:
        yield
    except stripe.CardError as exc:
        body: Any = exc.json_body or {}
        error = body.get("error", {})
        code = error.get("decline_code") or exc.code or "card_declined"
        raise CardDeclined(decline_code=str(code)) from exc
    except (stripe.APIConnectionError, stripe.RateLimitError) as exc:
        raise StripeUnavailable(request=str(exc.request_id or "")) from exc
    except stripe.IdempotencyError as exc:
        # 409: the first request with this key is still under way. 400: another request used it.
        if exc.http_status == 409:
            raise StripeUnavailable(request=str(exc.request_id or "")) from exc
        raise StripeRefused(stripe_code="idempotency") from exc
    except stripe.InvalidRequestError as exc:
        raise _of_invalid(exc) from exc
    except (stripe.AuthenticationError, stripe.PermissionError) as exc:
        raise StripeUnavailable(stripe_code=str(exc.code or "not-permitted")) from exc
    except stripe.StripeError as exc:
        if exc.http_status == 500:
            raise StripeAnswerStored(request=str(exc.request_id or "")) from exc
        raise StripeUnavailable(status=exc.http_status or 0) from exc


def _of_invalid(
    exc: stripe.InvalidRequestError,
) -> StripeRefused | StripeNotFound | PaymentMethodRefused:
    members = {"stripe_code": str(exc.code or ""), "parameter": str(exc.param or "")}
    if exc.param == "payment_method":
        return PaymentMethodRefused(**members)
    if exc.http_status == 404:
        return StripeNotFound(**members)
    return StripeRefused(**members)


def _bounded(page: Any) -> Iterator[Any]:
    """Return the objects of a list and of at most `PAGES_MAX` pages."""
    for count, item in enumerate(page.auto_paging_iter()):
        if count >= PAGE * PAGES_MAX:
            raise StripeUnavailable(limit=PAGE * PAGES_MAX)
        yield item


def _of_key(page: Any, key: UUID) -> Done | None:
    return next(
        (_done(item) for item in _bounded(page) if _metadata(item).get("key") == str(key)), None
    )


_STATES = {
    "requires_capture": PaymentState.HELD,
    "succeeded": PaymentState.CAPTURED,
    "canceled": PaymentState.GONE,
}


def _payment(found: stripe.PaymentIntent) -> Payment:
    intent = found.to_dict()
    charge = intent.get("latest_charge") or {}
    line: Any = charge.get("balance_transaction")
    licence_id = (intent.get("metadata") or {}).get("licence_id")
    state = _STATES.get(intent["status"], PaymentState.UNPAID)
    if state == PaymentState.CAPTURED and line is None:
        raise StripeUnavailable(payment_intent=found.id)  # Its line in the balance comes later.
    return Payment(
        id=intent["id"],
        state=state,
        amount_minor=intent["amount"],
        currency=intent["currency"],
        charge=charge.get("id", ""),
        capture_before=_capture_before(charge) if state == PaymentState.HELD else None,
        licence_id=UUID(licence_id) if licence_id else None,
        movement=_movement(line) if state == PaymentState.CAPTURED else None,
    )


def _capture_before(charge: dict[str, Any]) -> datetime:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    limit = card.get("capture_before")
    if limit:
        return datetime.fromtimestamp(limit, UTC)
    return datetime.fromtimestamp(charge["created"], UTC) + HOLD_FOR


def _done(found: stripe.Refund | stripe.Transfer | stripe.TransferReversal) -> Done:
    item = found.to_dict()
    if item.get("status") == "failed":
        raise StripeRefused(stripe_code=str(item.get("failure_reason") or "failed"))
    if item.get("balance_transaction") is None:
        raise StripeUnavailable(object=item["id"])
    return Done(item["id"], item["amount"], _movement(item["balance_transaction"]))


def _movement(line: dict[str, Any]) -> Movement:
    return Movement(
        id=line["id"],
        kind=line["type"],
        amount_minor=line["amount"],
        fee_minor=line["fee"],
        net_minor=line["net"],
        currency=line["currency"],
        source=str(line.get("source") or ""),
    )


def _recipient(found: Any) -> Recipient:
    node: Any = found.to_dict()
    for name in (
        "configuration",
        "recipient",
        "capabilities",
        "stripe_balance",
        "stripe_transfers",
    ):
        node = (node or {}).get(name)
    status = (node or {}).get("status", "")
    return Recipient(
        id=found.id,
        is_active=status == "active",
        is_restricted=status in {"restricted", "unsupported"},
    )


def _metadata(found: Any) -> dict[str, str]:
    return dict(found.to_dict().get("metadata") or {})


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
