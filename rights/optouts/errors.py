"""What can be wrong with an opt-out."""

from ledger.errors import Conflict, Malformed, NotFound, Refused


class RightsHolderNotFound(NotFound):
    code = "rights-holder-not-found"
    title = "There is no such rights holder for you."


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
    title = "An alias needs at least two letters or digits, and at most eight words."


class TooManyAliases(Malformed):
    code = "too-many-aliases"
    title = "An opt-out has at most 200 aliases."


class TransitionRefused(Conflict):
    code = "opt-out-transition-refused"
    title = "The opt-out cannot go from its present state to that one."
