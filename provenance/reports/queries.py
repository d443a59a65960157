"""Gathering what a report says, and who may have which report."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from ledger.accounts.models import Account
from ledger.consent import queries as consent
from ledger.consent.models import Decision, Grant, Use
from ledger.log import queries as log
from provenance.renders.models import Delivery, Render
from provenance.reports import content
from provenance.reports.errors import ReportNotFound, TooMuchToReport
from provenance.reports.models import Export
from provenance.seals.models import Seal
from rights.licences.models import Licence
from rights.takedowns.models import TakedownCase

RENDERS_MAX = 2_000

Named = Callable[[Account], str]


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


def use_ids_of(export: Export) -> list[UUID]:
    """Return the uses that a report is about: a render with its lineage, a person's, a period's.

    Raises:
        TooMuchToReport: more than `RENDERS_MAX`.
    """
    uses = Use.objects.all()
    if export.kind == Export.Kind.RENDER:
        assert export.about_id is not None  # A constraint of the row.
        above = consent.ancestor_ids(parent_id=export.about_id)
        tree = consent.descendant_ids(use_ids=above)
        uses = uses.filter(id__in={*above, *tree})
    elif export.kind == Export.Kind.PERSON:
        uses = uses.filter(
            Q(requester_id=export.about_id) | Q(cast__cameo__owner_id=export.about_id)
        )
    if export.starts_at:
        uses = uses.filter(created_at__gte=export.starts_at)
    if export.ends_at:
        uses = uses.filter(created_at__lt=export.ends_at)
    found = list(
        uses.order_by("created_at", "id").values_list("id", flat=True).distinct()[: RENDERS_MAX + 1]
    )
    if len(found) > RENDERS_MAX:
        raise TooMuchToReport(limit=RENDERS_MAX)
    return found


def entry_ids_of(export: Export, use_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """Return the log entries that a report's bundle proves, oldest first."""
    rows: list[UUID] = [*use_ids]
    rows += Decision.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += Licence.objects.filter(use__in=use_ids).values_list("id", flat=True)
    rows += TakedownCase.objects.filter(use__in=use_ids).values_list("id", flat=True)
    subject_id = export.about_id if export.kind == Export.Kind.PERSON else None
    return log.entries_about(
        rows, subject_id=subject_id, starts_at=export.starts_at, ends_at=export.ends_at
    )


def gather(
    export: Export, use_ids: Sequence[UUID], *, entry_count: int, at: datetime
) -> content.Report:
    """Return all that the report says, read in a few queries."""
    named = _namer(export)
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
    lines = tuple(
        content.DecisionLine(
            at=row.decided_at,
            render=_short(row.use_id),
            gate=row.gate,
            effect=row.effect,
            reasons=tuple(dict.fromkeys(finding["code"] for finding in row.findings)),
            log_index=indexes.get(row.log_entry_id) if row.log_entry_id else None,
        )
        for row in decisions
    )
    return content.Report(
        title=_title(export),
        about=_about(export, renders, named),
        built_at=at,
        is_redacted=export.is_redacted,
        origin=settings.LOG_ORIGIN,
        tree_size=published.tree_size if published else 0,
        root_hash=base64.b64encode(published.root_hash).decode() if published else "",
        renders=tuple(_render_line(row, seals.get(row.pk), named) for row in renders),
        events=_events(use_ids, decisions, indexes, renders, named),
        decisions=lines,
        money=_money(use_ids, named),
        takedowns=_takedowns(use_ids),
        entry_count=entry_count,
        notes=_notes(export),
    )


def _namer(export: Export) -> Named:
    pseudonyms = content.Pseudonyms()
    if export.is_redacted:
        return lambda account: pseudonyms.of(account.pk)
    return lambda account: f"@{account.handle}"


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


def _render_line(row: Render, seal: Seal | None, named: Named) -> content.RenderLine:
    verified = ("visible_mark", "invisible_mark", "manifest")
    return content.RenderLine(
        id=str(row.pk),
        title=row.title,
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
    named: Named,
) -> tuple[content.Event, ...]:
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
    delivered = Delivery.objects.filter(render__in=[row.pk for row in renders]).count()
    if delivered and renders:
        last = max(row.state_at for row in renders)
        found.append(content.Event(last, "deliveries", "", "", f"{delivered} in all", None))
    return tuple(sorted(found, key=lambda event: event.at))


def _money(use_ids: Sequence[UUID], named: Named) -> tuple[content.MoneyLine, ...]:
    rows = Licence.objects.filter(use__in=use_ids).prefetch_related("lines__payee")
    return tuple(
        content.MoneyLine(
            render=_short(row.use_id),
            state=row.state,
            amount_minor=row.amount_minor,
            currency=row.currency,
            payees=tuple(f"{named(line.payee)} {line.amount_minor}" for line in row.lines.all()),
        )
        for row in rows.order_by("created_at", "id")
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


def _notes(export: Export) -> tuple[str, ...]:
    notes = [
        "Times are UTC. Amounts are in minor units of their currency.",
        "Each log index can be checked offline with the audit bundle and the verifier inside it.",
    ]
    if export.is_redacted:
        notes.append("People are pseudonyms of this report; they mean nothing outside it.")
    return tuple(notes)


def _short(identity: UUID | None) -> str:
    return str(identity)[:8] if identity else ""
