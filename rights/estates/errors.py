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
    title = (
        "The person's name needs letters (200 at most), the domicile a code such as US-CA, and nobody "
        "can have died in the future."
    )


class SelfVerification(Refused):
    code = "self-verification"
    title = "Somebody without a claim on this person must decide this."


class ProtectionEnded(Refused):
    code = "estate-protection-ended"
    title = "By the rule of the domicile the protection has ended."


class ClaimClosed(Conflict):
    code = "estate-claim-closed"
    title = "This claim was decided already."
