"""What can be wrong with asking for a report."""

from ledger.errors import Conflict, Malformed, NotFound


class ReportNotFound(NotFound):
    code = "report-not-found"
    title = "There is no such report of yours."


class ReportNotReady(Conflict):
    code = "report-not-ready"
    title = "The report is still being built, or it failed: see its state."


class ReportUnusable(Malformed):
    code = "report-unusable"
    title = "A report is about a render or a person by id, or about a period of at most 100 days."


class TooMuchToReport(Malformed):
    code = "report-too-large"
    title = "More renders than one report may hold: ask for a shorter period."
