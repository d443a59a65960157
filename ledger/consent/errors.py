"""What can be refused about grants, uses, holds and relations."""

from __future__ import annotations

from ledger.errors import Conflict, Malformed, NotFound, Refused


class UseNotFound(NotFound):
    code = "use-not-found"
    title = "There is no such use for you."


class UseWithdrawn(Refused):
    code = "withdrawn"
    title = "Somebody whose likeness is in it has withdrawn it."
    http_status = 451  # RFC 7725.


class UseHeld(Refused):
    code = "held"
    title = "It is held while a case about it is decided."
    http_status = 451


class UseNotReleased(NotFound):
    code = "use-not-released"
    title = "It is not released."


class UseEnded(Conflict):
    code = "use-not-dispatched"
    title = "It is not at the point where it can be released."


class GrantNotFound(NotFound):
    code = "grant-not-found"
    title = "There is no such grant for you."


class AlreadyRevoked(Conflict):
    code = "grant-already-revoked"
    title = "The grant was revoked before; the first revocation stands."


class GrantUnusable(Malformed):
    code = "grant-unusable"
    title = "The grant must be to another account, for allowed purposes, within the terms."


class GrantAlreadyConfirmed(Conflict):
    code = "grant-already-confirmed"
    title = "The grant was confirmed before."


class AlreadyLocked(Conflict):
    code = "remix-already-locked"
    title = "You have locked it against remix already."


class NothingToApprove(Conflict):
    code = "nothing-to-approve"
    title = "No draft of it waits for your answer."


class RelationUnusable(Malformed):
    code = "relation-unusable"
    title = "That is not possible with your own account."


class HoldNotFound(NotFound):
    code = "hold-not-found"
    title = "There is no such hold in force."


class GuardianshipUnusable(Malformed):
    code = "guardianship-unusable"
    title = "A guardian is an adult, and the guarded account is a minor's."


class GuardianshipNotFound(NotFound):
    code = "guardianship-not-found"
    title = "There is no such guardianship in force."


class LineageMoved(Conflict):
    code = "lineage-moved"
    title = "A remix was made at the same moment; try again."
