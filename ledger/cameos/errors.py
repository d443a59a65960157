"""What enrolment and cameos refuse, and why."""

from __future__ import annotations

from ledger.errors import Conflict, Malformed, NotFound, Refused, Unavailable


class CameoNotFound(NotFound):
    code = "cameo-not-found"
    title = "There is no such cameo for you."


class EnrolmentNotFound(NotFound):
    code = "enrolment-not-found"
    title = "There is no such enrolment for you."


class EnrolmentExpired(Conflict):
    code = "enrolment-expired"
    title = "The five minutes of this enrolment are over; start a new one."


class EnrolmentSpent(Conflict):
    code = "enrolment-spent"
    title = "This enrolment had its one attempt; start a new one."


class EnrolmentNotInReview(Conflict):
    code = "enrolment-not-in-review"
    title = "This enrolment does not wait for a person's decision."


class TooManyEnrolments(Refused):
    code = "too-many-enrolments"
    title = "Too many enrolments were started in the last 24 hours."
    http_status = 429


class StatementNotAgreed(Refused):
    code = "statement-not-agreed"
    title = "Nothing is captured before the consent statement was agreed to."


class StatementMismatch(Conflict):
    code = "statement-mismatch"
    title = "The digest is not that of the statement that this enrolment shows."


class OwnReview(Refused):
    code = "own-review"
    title = "Nobody decides their own enrolment."


class CaptureMissing(Malformed):
    code = "capture-missing"
    title = "The request has no body, or no Content-Length."
    http_status = 400


class CaptureTooLarge(Malformed):
    code = "capture-too-large"
    title = "The recording is larger than what is allowed."
    http_status = 413


class CaptureIncomplete(Malformed):
    code = "capture-incomplete"
    title = "The upload ended before its announced length."
    http_status = 400


class CaptureNotVideo(Malformed):
    code = "capture-not-video"
    title = "The content is neither MP4 nor WebM."
    http_status = 415


class CaptureUnreadable(Malformed):
    code = "capture-unreadable"
    title = "The recording could not be decoded within its limits."


class CaptureCheckUnavailable(Unavailable):
    code = "capture-check-unavailable"
    title = "The recording could not be checked now; the attempt is not spent."


class CaptureNotFound(NotFound):
    code = "capture-not-found"
    title = "This cameo has no capture."


class CaptureDestroyed(Refused):
    code = "capture-destroyed"
    title = "The key of this capture was destroyed."


class MinorAudienceTooWide(Refused):
    code = "minor-audience-too-wide"
    title = "A minor's audience is at most `approved`."


class CameoStateForbids(Conflict):
    code = "cameo-state-forbids"
    title = "A cameo in this state does not allow that."


class TermsSexual(Refused):
    code = "terms-sexual"
    title = "Sexual use is never allowed."


class TermsMalformed(Malformed):
    code = "terms-malformed"
    title = "The terms are outside their bounds."


class PreferencesMalformed(Malformed):
    code = "preferences-malformed"
    title = "The preferences are outside their bounds."
