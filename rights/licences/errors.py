"""What can be wrong with a licence."""

from __future__ import annotations

from ledger.errors import Conflict, Malformed, NotFound, Refused, Unavailable


class LicenceNotFound(NotFound):
    code = "licence-not-found"
    title = "There is no such licence of yours."


class LicenceExists(Conflict):
    code = "licence-exists"
    title = "This use has a licence already."


class NotInThatState(Conflict):
    code = "licence-state"
    title = "The licence is past that."


class AuthorisationInProgress(Unavailable):
    code = "licence-authorisation-in-progress"
    title = "The first authorisation of this licence has not ended; try again in a moment."


class QuoteExpired(Refused):
    code = "quote-expired"
    title = "The quote has run out; ask again."


class NotAuthorised(Refused):
    code = "licence-not-authorised"
    title = "The use asks a fee, and no authorised licence stands for it."


class NothingToPay(Malformed):
    code = "quote-empty"
    title = "A quote needs at least one fee, and each must be more than nothing."


class CurrenciesDiffer(Refused):
    code = "quote-currencies-differ"
    title = "The fees of this cast are in different currencies; one payment cannot carry them."


class CurrencyUnknown(Refused):
    code = "quote-currency-unknown"
    title = "This currency cannot be charged."


class AmountNotChargeable(Refused):
    code = "quote-amount-not-chargeable"
    title = "The sum is below the smallest charge, above the largest, or not a whole step."


class PayeeNotReady(Refused):
    code = "payee-not-ready"
    title = "An owner who asks a fee cannot be paid yet."
