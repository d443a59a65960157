"""What can be wrong with asking for a report."""

from ledger.errors import Conflict, Malformed, NotFound, Refused


class ReportNotFound(NotFound):
    code = "report-not-found"
    title = "There is no such report, or nothing of yours to report on."


class ReportNotReady(Conflict):
    code = "report-not-ready"
    title = "The report is still being built, or it failed: see its state."


class ReportUnusable(Malformed):
    code = "report-unusable"
    title = "A report is about a render or a person by id, or about a period of at most 100 days."


class TooManyReports(Refused):
    code = "report-too-many"
    title = "Wait until one of your reports is built."
    http_status = 429


class TooMuchToReport(Malformed):
    code = "report-too-large"
    title = "More than one report may hold: ask for a shorter period."


class StandingLost(Refused):
    code = "report-standing-lost"
    title = "Whoever asked for this report may no longer have it."
