"""Payments, refunds, transfers and the balance, as Stripe keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rights.settlement.stand_in.problems import ApiError, invalid, missing, unexpected_state
from rights.settlement.stand_in.store import Store, new_id

Body = dict[str, Any]

HOLD_FOR_S = 7 * 24 * 3600
AMOUNT_MAX = 99_999_999
FEE_PER_MILLE, FEE_FIXED = 29, 30
# https://docs.stripe.com/testing#cards: what each token's bank answers. None: it agrees.
PAYMENT_METHODS: dict[str, tuple[str, str] | None] = {
    "pm_card_visa": None,
    "pm_card_visa_debit": None,
    "pm_card_mastercard": None,
    "pm_card_amex": None,
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "pm_card_authenticationRequired": ("card_declined", "authentication_required"),
}
MINIMUMS = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "chf": 50, "kwd": 160}
STEPS = {"kwd": 10, "bhd": 10, "jod": 10, "omr": 10, "tnd": 10}


class Money:
    """The money resources at one moment. `emit` tells the world of a change."""

    def __init__(self, store: Store, *, now: int, emit: Callable[[str, Body], None]) -> None:
        self.store, self.now, self.emit = store, now, emit

    def create_intent(self, values: Body) -> Body:
        amount, currency = values["amount"], values["currency"].lower()
        _check_amount(amount, currency)
        intent = {
            "id": new_id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": values.get("automatic_payment_methods"),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": values.get("capture_method", "automatic"),
            "confirmation_method": "automatic",
            "created": self.now,
            "currency": currency,
            "description": values.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": values.get("metadata") or {},
            "next_action": None,
            "payment_method": values.get("payment_method"),
            "status": "requires_payment_method",
            "transfer_group": values.get("transfer_group"),
        }
        self.store.add("payment_intent", intent)
        self.emit("payment_intent.created", intent)
        if values.get("payment_method"):
            intent["status"] = "requires_confirmation"
            self.store.save(intent)
        if values.get("confirm"):
            return self.confirm_intent(values, intent["id"])
        return intent

    def confirm_intent(self, values: Body, identity: str) -> Body:
        intent = self._intent(identity)
        method = values.get("payment_method") or intent["payment_method"]
        if intent["status"] not in {"requires_payment_method", "requires_confirmation"}:
            raise self._unexpected(intent, "confirm")
        if method not in PAYMENT_METHODS:
            raise invalid(
                f"No such PaymentMethod: '{method}'",
                parameter="payment_method",
                code="resource_missing",
            )
        refusal = PAYMENT_METHODS[method]
        charge = self._charge(intent, is_declined=refusal is not None)
        intent |= {"latest_charge": charge["id"], "payment_method": method}
        if refusal is not None:
            code, decline_code = refusal
            error = {"type": "card_error", "code": code, "decline_code": decline_code}
            intent |= {
                "status": "requires_payment_method",
                "payment_method": None,
                "last_payment_error": error,
            }
            self.store.save(intent)
            self.emit("payment_intent.payment_failed", intent)
            raise ApiError(
                402,
                kind="card_error",
                code=code,
                decline_code=decline_code,
                message="Your card was declined.",
                charge=charge["id"],
                payment_intent=intent,
            )
        if intent["capture_method"] != "manual":
            return self._take(intent, charge, intent["amount"])
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        self.store.save(intent)
        self.emit("payment_intent.amount_capturable_updated", intent)
        return intent

    def capture_intent(self, values: Body, identity: str) -> Body:
        intent = self._intent(identity)
        if intent["status"] != "requires_capture":
            raise self._unexpected(intent, "capture")
        amount: int = values.get("amount_to_capture") or intent["amount_capturable"]
        if not 0 < amount <= intent["amount_capturable"]:
            raise invalid("The amount is too large.", parameter="amount_to_capture")
        charge = self.store.get(intent["latest_charge"], "charge")
        if charge is None:
            raise missing("charge", str(intent["latest_charge"]))
        return self._take(intent, charge, amount)

    def cancel_intent(self, values: Body, identity: str) -> Body:
        intent = self._intent(identity)
        if intent["status"] in {"succeeded", "canceled"}:
            raise self._unexpected(intent, "cancel")
        return self.let_go(intent, reason=values.get("cancellation_reason"))

    def let_go(self, intent: Body, *, reason: str | None) -> Body:
        charge = self.store.get(intent["latest_charge"] or "", "charge")
        if charge is not None and not charge["captured"] and charge["paid"]:
            charge |= {"amount_refunded": charge["amount"], "refunded": True}
            self.store.save(charge)
        intent |= {
            "status": "canceled",
            "amount_capturable": 0,
            "canceled_at": self.now,
            "cancellation_reason": reason,
        }
        self.store.save(intent)
        self.emit("payment_intent.canceled", intent)
        return intent

    def lapse_holds(self) -> int:
        """Cancel each authorisation whose time is over, as Stripe does by itself. Returns how many."""
        count = 0
        for intent in list(self.store.newest_first("payment_intent")):
            if intent["status"] == "requires_capture":
                charge = self.store.get(intent["latest_charge"], "charge") or {}
                card = charge.get("payment_method_details", {}).get("card", {})
                if card.get("capture_before", 0) <= self.now:
                    self.let_go(intent, reason="automatic")
                    count += 1
        return count

    def create_refund(self, values: Body) -> Body:
        charge = self._charge_to_refund(values)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if not charge["captured"] or left <= 0:
            raise invalid(
                f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
            )
        amount = values.get("amount", left)
        if not 0 < amount <= left:
            raise invalid("Refund amount is greater than the charge.", parameter="amount")
        refund = {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": self.now,
            "currency": charge["currency"],
            "metadata": values.get("metadata") or {},
            "payment_intent": charge["payment_intent"],
            "reason": values.get("reason"),
            "status": "succeeded",
        }
        refund["balance_transaction"] = self._move("refund", refund, -amount)["id"]
        self.store.add("refund", refund)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self.store.save(charge)
        self.emit("refund.created", refund)
        self.emit("charge.refunded", charge)
        return refund

    def create_transfer(self, values: Body) -> Body:
        destination = self.store.get(values["destination"], "account")
        if destination is None:
            raise invalid(
                f"No such destination: '{values['destination']}'",
                parameter="destination",
                code="resource_missing",
            )
        if destination["_status"] != "active":
            raise invalid(
                "Your destination account needs to have at least one of the following capabilities "
                "enabled: transfers",
                code="insufficient_capabilities_for_transfer",
            )
        amount, currency = values.get("amount", 0), values["currency"].lower()
        if amount <= 0:
            raise invalid("Invalid positive integer", parameter="amount")
        self._check_source(values, amount=amount, currency=currency)
        transfer = {
            "id": new_id("tr"),
            "object": "transfer",
            "amount": amount,
            "amount_reversed": 0,
            "balance_transaction": None,
            "created": self.now,
            "currency": currency,
            "description": values.get("description"),
            "destination": destination["id"],
            "livemode": False,
            "metadata": values.get("metadata") or {},
            "reversals": _list([], "/v1/transfers/reversals"),
            "reversed": False,
            "source_transaction": values.get("source_transaction"),
            "source_type": "card",
            "transfer_group": values.get("transfer_group"),
        }
        transfer["balance_transaction"] = self._move("transfer", transfer, -amount)["id"]
        self.store.add("transfer", transfer)
        destination["_balance"][currency] = destination["_balance"].get(currency, 0) + amount
        self.store.save(destination)
        self.emit("transfer.created", transfer)
        return transfer

    def create_reversal(self, values: Body, identity: str) -> Body:
        transfer = self.store.get(identity, "transfer")
        if transfer is None:
            raise missing("transfer", identity)
        left = transfer["amount"] - transfer["amount_reversed"]
        amount = values.get("amount", left)
        if not 0 < amount <= left:
            raise invalid("Reversal amount is greater than the transfer.", parameter="amount")
        destination = self.store.get(transfer["destination"], "account") or {"_balance": {}}
        currency = transfer["currency"]
        if destination["_balance"].get(currency, 0) < amount:
            raise ApiError(
                400, code="balance_insufficient", message="The balance does not suffice."
            )
        destination["_balance"][currency] -= amount
        self.store.save(destination)
        reversal = {
            "id": new_id("trr"),
            "object": "transfer_reversal",
            "amount": amount,
            "balance_transaction": None,
            "created": self.now,
            "currency": currency,
            "metadata": values.get("metadata") or {},
            "transfer": transfer["id"],
        }
        reversal["balance_transaction"] = self._move("transfer_refund", reversal, amount)["id"]
        self.store.add("transfer_reversal", reversal)
        transfer["amount_reversed"] += amount
        transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
        self.store.save(transfer)
        self.emit("transfer.reversed", transfer)
        return reversal

    def _take(self, intent: Body, charge: Body, amount: int) -> Body:
        fee = amount * FEE_PER_MILLE // 1000 + FEE_FIXED
        charge |= {
            "amount_captured": amount,
            "captured": True,
            "balance_transaction": self._move("charge", charge, amount, fee=fee)["id"],
        }
        self.store.save(charge)
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self.store.save(intent)
        self.emit("charge.captured", charge)
        self.emit("payment_intent.succeeded", intent)
        return intent

    def _charge(self, intent: Body, *, is_declined: bool) -> Body:
        charge = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "captured": False,
            "created": self.now,
            "currency": intent["currency"],
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": not is_declined,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "brand": "visa",
                    "capture_before": self.now + self.store.setting("hold_for_s", HOLD_FOR_S),
                    "last4": "4242",
                },
            },
            "refunded": False,
            "status": "failed" if is_declined else "succeeded",
            "transfer_group": intent["transfer_group"],
        }
        return self.store.add("charge", charge)

    def _move(self, kind: str, source: Body, amount: int, *, fee: int = 0) -> Body:
        line = {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": self.now,
            "created": self.now,
            "currency": source["currency"],
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [],
            "net": amount - fee,
            "reporting_category": kind,
            "source": source["id"],
            "status": "available",
            "type": kind,
        }
        return self.store.add("balance_transaction", line)

    def _check_source(self, values: Body, *, amount: int, currency: str) -> None:
        source = values.get("source_transaction")
        if not source:
            raise ApiError(
                400,
                code="balance_insufficient",
                message="You have insufficient available funds in your Stripe account.",
            )
        charge = self.store.get(source, "charge")
        if charge is None:
            raise invalid(
                f"No such charge: '{source}'",
                parameter="source_transaction",
                code="resource_missing",
            )
        sent = sum(
            transfer["amount"] - transfer["amount_reversed"]
            for transfer in self.store.newest_first("transfer")
            if transfer["source_transaction"] == source
        )
        if currency != charge["currency"] or sent + amount > charge["amount_captured"]:
            raise invalid(
                "Transfers using this transaction as a source must not exceed its amount.",
                parameter="amount",
            )

    def _charge_to_refund(self, values: Body) -> Body:
        identity = values.get("charge")
        if values.get("payment_intent"):
            identity = self._intent(values["payment_intent"])["latest_charge"]
        charge = self.store.get(identity or "", "charge")
        if charge is None:
            raise invalid("One of these is required: charge, payment_intent.", parameter="charge")
        return charge

    def _intent(self, identity: str) -> Body:
        intent = self.store.get(identity, "payment_intent")
        if intent is None:
            raise missing("payment_intent", identity, parameter="intent")
        return intent

    def _unexpected(self, intent: Body, verb: str) -> ApiError:
        return unexpected_state("payment_intent", intent["status"], verb, payment_intent=intent)


def _check_amount(amount: int, currency: str) -> None:
    if amount > AMOUNT_MAX:
        raise invalid(
            "Amount must be no more than 99999999", parameter="amount", code="amount_too_large"
        )
    if amount < MINIMUMS.get(currency, 1):
        raise invalid(
            "Amount must convert to at least 50 cents.", parameter="amount", code="amount_too_small"
        )
    if amount % STEPS.get(currency, 1):
        raise invalid("Invalid amount for this currency.", parameter="amount")


def _list(data: list[Body], url: str) -> Body:
    return {"object": "list", "data": data, "has_more": False, "url": url}
