"""What can be wrong with an estate's claim."""

from ledger.errors import Conflict, Malformed, NotFound, Refused


class EstateNotFound(NotFound):
    code = "estate-not-found"
    title = "There is no such estate for you."


class ClaimRepeated(Conflict):
    code = "estate-claim-repeated"
    title = "This claimant has claimed this person already."


class ClaimUnusable(Malformed):
    code = "estate-claim-unusable"
    title = "The person's name needs letters, and they cannot have died in the future."


class SelfVerification(Refused):
    code = "self-verification"
    title = "Somebody else must verify this."


class ClaimClosed(Conflict):
    code = "estate-claim-closed"
    title = "This claim was decided already."
