"""Gathering what a report says, and who may have which report."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent import queries as consent
from ledger.consent import rules, stored
from ledger.consent.models import Approval, Decision, Grant, Use
from ledger.log import queries as log
from provenance.renders.models import Delivery, Render
from provenance.reports import content
from provenance.reports.errors import ReportNotFound, TooMuchToReport
from provenance.reports.models import Export
from provenance.seals.models import Seal
from rights.licences.models import Licence
from rights.takedowns.models import TakedownCase

RENDERS_MAX = 2_000
OPEN_MAX = 5

Named = Callable[[Account], str]


@dataclass(frozen=True)
class View:
    """How one report looks at things: for whom (None: an auditor, who sees all), and how it names."""

    reader_id: UUID | None
    own_cameos: frozenset[UUID]
    named: Named

    def reasons(self, findings: Sequence[rules.Finding]) -> Iterable[rules.Finding]:
        """Return the findings that the reader may know."""
        if self.reader_id is None:
            return findings
        return rules.for_reader(findings, own=self.own_cameos)


def of_person(account_id: UUID) -> QuerySet[Export]:
    """Return a person's own reports."""
    return Export.objects.filter(requested_by_id=account_id)


def mine(*, report_id: UUID, account_id: UUID) -> Export:
    """Return one report to whoever asked for it.

    Raises:
        ReportNotFound: none, or somebody else's: these look alike.
    """
    export = of_person(account_id).filter(id=report_id).first()
    if export is None:
        raise ReportNotFound(report_id=report_id)
    return export


def open_count(account_id: UUID) -> int:
    """Return how many of a person's reports are not built yet."""
    return of_person(account_id).filter(state__in=("queued", "building")).count()


def use_ids_of(export: Export, *, is_auditor: bool) -> list[UUID]:
    """Return the uses that a report is about: a render with its lineage, a person's, a period's.

    Whoever is no auditor gets those that they co-own. What came after the report was asked for is
    not in it, so that building it again comes to the same.

    Raises:
        TooMuchToReport: more than `RENDERS_MAX`.
    """
    uses = Use.objects.filter(created_at__lt=_ends_at(export))
    if export.kind == Export.Kind.RENDER:
        assert export.about_id is not None  # A constraint of the row.
        above = consent.ancestor_ids(parent_id=export.about_id)
        tree = consent.descendant_ids(use_ids=above)
        uses = uses.filter(id__in={*above, *tree})
    elif export.kind == Export.Kind.PERSON:
        uses = _co_owned(uses, export.about_id)
    if not is_auditor:
        uses = _co_owned(uses, export.requested_by_id)
    if export.starts_at:
        uses = uses.filter(created_at__gte=export.starts_at)
    found = list(
        uses.order_by("created_at", "id").values_list("id", flat=True).distinct()[: RENDERS_MAX + 1]
    )
    if len(found) > RENDERS_MAX:
        raise TooMuchToReport(limit=RENDERS_MAX)
    return found


def _co_owned(uses: QuerySet[Use], account_id: UUID | None) -> QuerySet[Use]:
    own = Use.objects.filter(Q(requester_id=account_id) | Q(cast__cameo__owner_id=account_id))
    return uses.filter(id__in=own.values("id"))


def _ends_at(export: Export) -> datetime:
    return min(export.ends_at, export.created_at) if export.ends_at else export.created_at


def entry_ids_of(export: Export, use_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """Return the log entries that a report's bundle proves, oldest first.

    All of a period; of a render and a person, those about the rows of their uses and themselves.

    Raises:
        TooMuchToReport: as many as a bundle may hold, or more.
    """
    rows: list[UUID] = [] if export.kind == Export.Kind.PERIOD else _rows_about(use_ids)
    subject_id = export.about_id if export.kind == Export.Kind.PERSON else None
    if export.kind != Export.Kind.PERIOD and not rows and subject_id is None:
        return ()
    found = log.entries_about(
        rows, subject_id=subject_id, starts_at=export.starts_at, ends_at=_ends_at(export)
    )
    if len(found) >= log.ENTRIES_ABOUT_MAX:  # There may be more, and a proof must not lack one.
        raise TooMuchToReport(limit=log.ENTRIES_ABOUT_MAX - 1)
    return found


def _rows_about(use_ids: Sequence[UUID]) -> list[UUID]:
    rows: list[UUID] = [*use_ids]
    rows += Decision.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += Approval.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += Grant.objects.filter(uses__use__in=use_ids).values_list("id", flat=True).distinct()
    rows += Seal.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += Licence.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += TakedownCase.objects.filter(use__in=use_ids).values_list("id", flat=True)
    return rows


def gather(
    export: Export, use_ids: Sequence[UUID], *, is_auditor: bool, entry_count: int, at: datetime
) -> content.Report:
    """Return all that the report says, read in a few queries."""
    view = _view(export, is_auditor=is_auditor)
    published = log.published()
    decisions = list(Decision.objects.filter(use__in=use_ids).order_by("decided_at", "id"))
    indexes = log.leaf_indexes(row.log_entry_id for row in decisions if row.log_entry_id)
    renders = list(
        Render.objects.filter(use__in=use_ids)
        .select_related("use__requester")
        .prefetch_related("use__cast__cameo__owner")
        .order_by("created_at")
    )
    seals = {row.use_id: row for row in Seal.objects.filter(use__in=use_ids).order_by("created_at")}
    takedowns = _takedowns(use_ids)
    return content.Report(
        title=_title(export),
        about=_about(export, renders, view.named),
        built_at=at,
        is_redacted=export.is_redacted,
        origin=settings.LOG_ORIGIN,
        tree_size=published.tree_size if published else 0,
        root_hash=base64.b64encode(published.root_hash).decode() if published else "",
        renders=tuple(
            _render_line(row, seals.get(row.pk), view.named, is_redacted=export.is_redacted)
            for row in renders
        ),
        events=_events(use_ids, decisions, indexes, renders, takedowns, view),
        decisions=tuple(_decision_line(row, indexes, view) for row in decisions),
        money=_money(use_ids, view),
        takedowns=takedowns,
        entry_count=entry_count,
        notes=_notes(export, is_auditor=is_auditor),
    )


def _view(export: Export, *, is_auditor: bool) -> View:
    named = _namer(export)
    if is_auditor:
        return View(None, frozenset(), named)
    own = Cameo.objects.filter(owner_id=export.requested_by_id).values_list("id", flat=True)
    return View(export.requested_by_id, frozenset(own), named)


def _decision_line(row: Decision, indexes: dict[UUID, int], view: View) -> content.DecisionLine:
    findings = view.reasons([stored.from_json(rules.Finding, each) for each in row.findings])
    return content.DecisionLine(
        at=row.decided_at,
        render=_short(row.use_id),
        gate=row.gate,
        effect=row.effect,
        reasons=tuple(dict.fromkeys(finding.code for finding in findings)),
        log_index=indexes.get(row.log_entry_id) if row.log_entry_id else None,
    )


def _namer(export: Export) -> Named:
    pseudonyms = content.Pseudonyms()
    if export.is_redacted:
        return lambda account: pseudonyms.of(account.pk)
    return lambda account: account.handle


def _title(export: Export) -> str:
    return {
        "render": "Provenance of one render",
        "person": "Uses of one person's likeness",
        "period": "Uses in a period",
    }[export.kind]


def _about(export: Export, renders: Sequence[Render], named: Named) -> str:
    if export.kind == Export.Kind.RENDER:
        found = next((row for row in renders if row.pk == export.about_id), None)
        title = found.title or "untitled" if found and not export.is_redacted else "render"
        return f"{title} ({export.about_id})"
    if export.kind == Export.Kind.PERSON:
        person = Account.objects.filter(id__in=[export.about_id]).first()
        return named(person) if person else "somebody who is erased"
    return f"{export.starts_at:%Y-%m-%d} to {export.ends_at:%Y-%m-%d} (excluded)"  # Both are set.


def _render_line(
    row: Render, seal: Seal | None, named: Named, *, is_redacted: bool
) -> content.RenderLine:
    verified = ("visible_mark", "invisible_mark", "manifest")
    return content.RenderLine(
        id=str(row.pk),
        title="" if is_redacted else row.title,  # Free text may name somebody.
        state=row.state,
        requester=named(row.use.requester),
        cast=tuple(named(each.cameo.owner) for each in row.use.cast.all()),
        parent=str(row.use.parent_id) if row.use.parent_id else None,
        created_at=row.created_at,
        sha256=bytes(seal.sha256).hex() if seal else None,
        verified=tuple(name for name in verified if seal and getattr(seal, name)),
    )


def _events(
    use_ids: Sequence[UUID],
    decisions: Sequence[Decision],
    indexes: dict[UUID, int],
    renders: Sequence[Render],
    takedowns: Sequence[content.TakedownLine],
    view: View,
) -> tuple[content.Event, ...]:
    named = view.named
    found = [
        content.Event(
            row.created_at, "render requested", _short(row.pk), named(row.use.requester),
            f"{row.width_px}x{row.height_px}, {row.use.seconds.normalize():f} s, {row.use.purpose}", None,
        )
        for row in renders
    ]  # fmt: skip
    found += [
        content.Event(
            row.decided_at, f"consent at {row.gate}", _short(row.use_id), "",
            "permitted" if row.effect == "permit" else "denied",
            indexes.get(row.log_entry_id) if row.log_entry_id else None,
        )
        for row in decisions
    ]  # fmt: skip
    grants = Grant.objects.filter(uses__use__in=use_ids).distinct()
    if view.reader_id is not None:  # What others granted each other is theirs.
        grants = grants.filter(Q(grantor_id=view.reader_id) | Q(grantee_id=view.reader_id))
    for grant in grants.select_related("grantor", "grantee").prefetch_related("revocations"):
        found.append(
            content.Event(
                grant.created_at,
                "grant given",
                "",
                named(grant.grantor),
                f"to {named(grant.grantee)}: {', '.join(grant.purposes)}",
                None,
            )
        )
        found += [
            content.Event(
                row.effective_at, "grant revoked", "", named(grant.grantor),
                f"from {named(grant.grantee)}: {row.act}", None,
            )
            for row in grant.revocations.all()
        ]  # fmt: skip
    found += [
        content.Event(
            row.created_at,
            "sealed",
            _short(row.use_id),
            "",
            f"SHA-256 {bytes(row.sha256).hex()}",
            None,
        )
        for row in Seal.objects.filter(use__in=use_ids)
    ]
    found += [
        content.Event(
            row.state_at, f"render {row.state.replace('_', ' ')}", _short(row.pk), "", "", None
        )
        for row in renders
    ]
    for case in takedowns:
        found.append(
            content.Event(
                case.received_at, "takedown notice", case.render, "", case.reference, None
            )
        )
        if case.decided_at is not None:
            found.append(
                content.Event(
                    case.decided_at, f"takedown {case.state}", case.render, "", case.reference, None
                )
            )
    delivered = Delivery.objects.filter(render__in=[row.pk for row in renders]).count()
    if delivered and renders:
        last = max(row.state_at for row in renders)
        found.append(content.Event(last, "deliveries", "", "", f"{delivered} in all", None))
    return tuple(sorted(found, key=lambda event: event.at))


def _money(use_ids: Sequence[UUID], view: View) -> tuple[content.MoneyLine, ...]:
    rows = Licence.objects.filter(use__in=use_ids).prefetch_related("lines__payee")
    return tuple(
        line
        for row in rows.order_by("created_at", "id")
        if (line := _money_line(row, view)) is not None
    )


def _money_line(row: Licence, view: View) -> content.MoneyLine | None:
    """Return a licence's line: all of it for its buyer and auditors, a payee's own part otherwise."""
    lines, amount_minor = list(row.lines.all()), row.amount_minor
    if view.reader_id not in (None, row.buyer_id):
        lines = [line for line in lines if line.payee_id == view.reader_id]
        amount_minor = sum(line.amount_minor for line in lines)
    if not lines:
        return None
    return content.MoneyLine(
        render=_short(row.use_id),
        state=row.state,
        amount_minor=amount_minor,
        currency=row.currency,
        payees=tuple(f"{view.named(line.payee)} {line.amount_minor}" for line in lines),
    )


def _takedowns(use_ids: Sequence[UUID]) -> tuple[content.TakedownLine, ...]:
    return tuple(
        content.TakedownLine(
            reference=row.reference,
            regime=row.regime,
            state=row.state,
            render=_short(row.use_id),
            received_at=row.received_at,
            decide_due_at=row.decide_due_at,
            decided_at=row.state_at if row.state in ("upheld", "rejected") else None,
        )
        for row in TakedownCase.objects.filter(use__in=use_ids).order_by("received_at", "id")
    )


def _notes(export: Export, *, is_auditor: bool) -> tuple[str, ...]:
    notes = [
        "Times are UTC. Amounts are in minor units of their currency.",
        "Each log index can be checked offline with the audit bundle and the verifier inside it.",
    ]
    if export.is_redacted:
        notes.append("People are pseudonyms of this report; they mean nothing outside it.")
        notes.append(
            "The audit bundle holds no records: they would name people. It proves without."
        )
    if not is_auditor:
        notes.append("Only what is yours is listed: other renders of a lineage are left out.")
    return tuple(notes)


def _short(identity: UUID | None) -> str:
    return str(identity)[:8] if identity else ""
