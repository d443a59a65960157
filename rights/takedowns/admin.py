"""Where staff hold and decide cases; claimants of estates see their own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from ledger.errors import CountersignError
from ledger.http.admin import ReadOnlyAdmin, UseCaseAdmin, caller
from rights.takedowns import actions as takedowns
from rights.takedowns.models import StatementOfReasons, StayDown, TakedownCase

STAFF = "rights.change_takedowncase"
PAGES = ("notice", "uphold", "reject")
OPEN_NOTICE = "rights.open_notice"
SEES_ALL = (STAFF, "ledger.view_decision")  # Whoever decides, and auditors.


class DecisionForm(forms.Form):
    """Why a case is decided as it is; everybody concerned reads it."""

    facts = forms.CharField(
        label="Facts and reasons",
        max_length=5000,
        widget=UnfoldAdminTextareaWidget,
        help_text="At most 5,000 characters. Everybody concerned is given these words.",
    )


@admin.register(TakedownCase)
class TakedownCaseAdmin(UseCaseAdmin):
    """Nearest deadline first. The notice itself opens only with its own permission."""

    list_display = ("reference", "regime", "state", "received_at", "decide_due_at", "time_left")
    list_filter = ("state", "regime")
    search_fields = ("reference",)
    ordering = ("decide_due_at",)
    fields = readonly_fields = (
        "reference", "regime", "use", "estate", "country", "state", "state_at", "received_at",
        "confirmed_at", "hold_due_at", "decide_due_at", "time_left", "missing", "decided_by",
        "pages",
    )  # fmt: skip
    actions = ("hold", "uphold", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TakedownCase]:
        rows: QuerySet[TakedownCase] = super().get_queryset(request)
        if any(request.user.has_perm(each) for each in SEES_ALL):
            return rows
        return rows.filter(estate__claimant=caller(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TakedownCase | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    @admin.display(description="Time left")
    def time_left(self, case: TakedownCase) -> str:
        if case.state not in TakedownCase.OPEN:
            return "decided"
        seconds = (case.decide_due_at - timezone.now()).total_seconds()
        if seconds < 0:
            return f"missed by {-seconds / 3600:.1f} h"
        return f"{seconds / 3600:.1f} h"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:case_id>/uphold/", view(self.decide_uphold), name="takedown_uphold"),
            path("<uuid:case_id>/reject/", view(self.decide_reject), name="takedown_reject"),
            path("<uuid:case_id>/notice/", view(self.notice), name="takedown_notice"),
            *super().get_urls(),
        ]

    @admin.display(description="Go to")
    def pages(self, case: TakedownCase) -> SafeString:
        return format_html(
            '<a href="{}">The notice</a> · <a href="{}">Uphold</a> · <a href="{}">Reject</a>',
            *(reverse(f"admin:takedown_{each}", args=(case.pk,)) for each in PAGES),
        )

    @admin.action(description="Hold: undeliverable until decided", permissions=["change"])
    def hold(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> None:
        def hold(case: TakedownCase) -> str:
            takedowns.hold(case_id=case.id, by=caller(request), at=timezone.now())
            return f"{case} is held."

        self.carry_out(request, rows, hold)

    @admin.action(description="Uphold: withdraw, with reasons", permissions=["change"])
    def uphold(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> HttpResponse | None:
        return self._ask_for_reasons(request, rows, outcome="uphold")

    @admin.action(description="Reject: restore, with reasons", permissions=["change"])
    def reject(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> HttpResponse | None:
        return self._ask_for_reasons(request, rows, outcome="reject")

    def _ask_for_reasons(
        self, request: HttpRequest, rows: QuerySet[TakedownCase], *, outcome: str
    ) -> HttpResponse | None:
        found = list(rows[:2])
        if len(found) != 1:
            self.message_user(request, "Decide one case at a time.", messages.ERROR)
            return None
        return HttpResponseRedirect(reverse(f"admin:takedown_{outcome}", args=[found[0].id]))

    def decide_uphold(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        """Withdraw what the case names, with reasons."""
        return self._decide(request, case_id, outcome="uphold")

    def decide_reject(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        """Restore what the case names, with reasons."""
        return self._decide(request, case_id, outcome="reject")

    def notice(self, request: HttpRequest, case_id: UUID) -> HttpResponse:
        """Open a notice, on a second click: each opening is logged."""
        if not request.user.has_perm(OPEN_NOTICE):
            raise PermissionDenied
        case = self._visible(request, case_id)
        notice = None
        if request.method == "POST":
            notice = takedowns.open_notice(case_id=case.id, by=caller(request), at=timezone.now())
        context = self._context(request, case, f"Notice of {case.reference}", notice=notice)
        return TemplateResponse(request, "admin/rights/takedowncase/notice.html", context)

    def _visible(self, request: HttpRequest, case_id: UUID) -> TakedownCase:
        case = self.get_queryset(request).filter(id=case_id).first()
        if case is None:
            raise Http404
        return case

    def _context(
        self, request: HttpRequest, case: TakedownCase, title: str, **more: object
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "case": case,
            "opts": self.opts,
            **more,
        }

    def _decide(self, request: HttpRequest, case_id: UUID, *, outcome: str) -> HttpResponse:
        """Ask for the reasons, show the consequences, then decide."""
        if not request.user.has_perm(STAFF):
            raise PermissionDenied
        case = self._visible(request, case_id)
        form = DecisionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            act = takedowns.uphold if outcome == "uphold" else takedowns.reject
            try:
                act(
                    case_id=case.id,
                    by=caller(request),
                    facts=form.cleaned_data["facts"],
                    at=timezone.now(),
                )
            except CountersignError as exc:
                self.message_user(request, f"{case}: {exc.title}", messages.ERROR)
            else:
                self.message_user(request, f"{case}: decided.")
            return HttpResponseRedirect(reverse("admin:rights_takedowncase_changelist"))
        context = self._context(
            request, case, f"{outcome.capitalize()} {case.reference}", form=form, outcome=outcome
        )
        return TemplateResponse(request, "admin/rights/takedowncase/decide.html", context)


@admin.register(StatementOfReasons)
class StatementOfReasonsAdmin(ReadOnlyAdmin):
    """What everybody concerned was told."""

    list_display = ("puid", "category", "decision_ground", "created_at")
    search_fields = ("puid",)


@admin.register(StayDown)
class StayDownAdmin(ReadOnlyAdmin):
    """What was taken down, and may not be made from again."""

    list_display = ("use", "case", "starts_at", "ends_at")
    list_select_related = ("case",)
