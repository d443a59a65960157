"""What can be wrong with a notice or a case."""

from ledger.errors import Conflict, Malformed, NotFound, Refused


class CaseNotFound(NotFound):
    code = "takedown-not-found"
    title = "There is no case with that number and secret."


class TargetNotFound(Malformed):
    code = "takedown-target-not-found"
    title = "Name the render by its id, or by an address that contains it."


class EstateHasNoStanding(Refused):
    code = "estate-has-no-standing"
    title = "An estate's notice comes from the signed-in claimant of a verified estate."


class CaseDecided(Conflict):
    code = "takedown-decided"
    title = "The case was decided already."


class OwnCase(Refused):
    code = "takedown-own-case"
    title = "Somebody who is not concerned must decide this case."


class NothingToCure(Conflict):
    code = "takedown-nothing-to-cure"
    title = "The case is decided, or its notice lacks none of what was sent."


class ConfirmationWrong(Malformed):
    code = "takedown-confirmation-wrong"
    title = "That confirmation is not the one that was sent."
