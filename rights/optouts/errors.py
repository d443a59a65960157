"""What can be wrong with an opt-out."""

from ledger.errors import Conflict, Malformed, NotFound, Refused


class RightsHolderNotFound(NotFound):
    code = "rights-holder-not-found"
    title = "There is no such rights holder for you."


class HolderRepeated(Conflict):
    code = "rights-holder-repeated"
    title = "That account is a rights holder already."


class HolderCannot(Conflict):
    code = "rights-holder-state"
    title = "The rights holder's present state does not allow that."


class OptOutNotFound(NotFound):
    code = "opt-out-not-found"
    title = "There is no such opt-out for you."


class HolderNotVerified(Refused):
    code = "rights-holder-not-verified"
    title = "Opt-outs can be activated once the rights holder is verified."


class SelfVerification(Refused):
    code = "self-verification"
    title = "Somebody else must verify this."


class AliasUnusable(Malformed):
    code = "alias-unusable"
    title = "A name needs at least two letters or digits, and has at most 12 words, 200 characters."


class TooManyAliases(Malformed):
    code = "too-many-aliases"
    title = "An opt-out has at most 200 aliases."


class TransitionRefused(Conflict):
    code = "opt-out-transition-refused"
    title = "The opt-out cannot go from its present state to that one."
