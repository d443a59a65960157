"""What can be refused about a render."""

from __future__ import annotations

from http import HTTPStatus

from ledger.errors import Conflict, Malformed, NotFound, Refused, Unavailable


class RenderNotFound(NotFound):
    code = "render-not-found"
    title = "There is no such render for you."


class ParentNotFound(NotFound):
    code = "parent-not-found"
    title = "There is no such render to remix."


class CameoNotFound(NotFound):
    code = "cameo-not-found"
    title = "There is no such cameo."


class ConsentDenied(Refused):
    code = "consent-denied"
    title = "Somebody's consent does not cover this. The request was recorded."


class IllegalTransition(Conflict):
    code = "illegal-transition"
    title = "A render in this state cannot become what was asked."


class RenderEnded(Conflict):
    code = "render-ended"
    title = "The render has ended already."


class FileNotThere(NotFound):
    code = "file-not-there"
    title = "This render has no file that you may see."


class LinkInvalid(NotFound):
    code = "link-invalid"
    title = "This link is wrong, or has run out."


class NotADraft(Conflict):
    code = "not-a-draft"
    title = "Only a draft that was never released can be destroyed so; withdraw the render instead."


class PermitInvalid(Refused):
    code = "permit-signature"
    title = "The bearer is not a permit of this service for this render."
    http_status = HTTPStatus.UNAUTHORIZED


class AttemptOver(Conflict):
    code = "cancelled"
    title = "The attempt is over: stop working on it."


class AlreadyRedeemed(Conflict):
    code = "permit-redeemed"
    title = "The permit was redeemed before."


class PermitRanOut(Conflict):
    code = "permit-expired"
    title = "The permit is not valid now."


class NotRedeemed(Conflict):
    code = "permit-not-redeemed"
    title = "Redeem the permit first."


class CaptureNotNamed(NotFound):
    code = "capture-not-found"
    title = "The permit names no such capture."


class ParentNotNamed(NotFound):
    code = "parent-not-found"
    title = "The permit's job has no parent."


class LengthRequired(Malformed):
    code = "length-required"
    title = "Content-Length is needed."
    http_status = HTTPStatus.LENGTH_REQUIRED


class OutputTooLarge(Malformed):
    code = "output-too-large"
    title = "The file is larger than this service takes."
    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class OutputIncomplete(Malformed):
    code = "output-incomplete"
    title = "The body ended before its Content-Length."


class ReceiptMissing(Malformed):
    code = "receipt-missing"
    title = "The header Render-Receipt is needed."


class ReceiptInvalid(Malformed):
    code = "receipt-invalid"
    title = "The receipt is not one of a registered worker."


class ReceiptMismatch(Malformed):
    code = "receipt-mismatch"
    title = "The receipt is about another job or another file."


class OutputRejected(Malformed):
    """The worker's file is not what its job asked for. `reason` is one permanent word."""

    code = "output-rejected"
    title = "The file is not what the job asked for."


class PermitKeyMissing(Unavailable):
    code = "permit-key-missing"
    title = "This service has no key to sign permits with."


class TooManyWatchers(Unavailable):
    code = "too-many-watchers"
    title = "Too many progress streams are open here; ask for the render itself."
