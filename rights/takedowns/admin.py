"""Where staff hold and decide cases; claimants of estates see their own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from ledger.errors import CountersignError
from ledger.http.admin import ReadOnlyAdmin, caller, chosen
from rights.takedowns import actions as takedowns
from rights.takedowns.models import StatementOfReasons, TakedownCase

STAFF = "rights.change_takedowncase"


class DecisionForm(forms.Form):
    """Why a case is decided as it is; everybody concerned reads it."""

    facts = forms.CharField(
        label="Facts and reasons",
        max_length=5000,
        widget=UnfoldAdminTextareaWidget,
        help_text="At most 5,000 characters. Everybody concerned is given these words.",
    )


@admin.register(TakedownCase)
class TakedownCaseAdmin(ModelAdmin):
    """Nearest deadline first. The notice itself opens only with its own permission."""

    list_display = ("reference", "regime", "state", "received_at", "decide_due_at", "time_left")
    list_filter = ("state", "regime")
    search_fields = ("reference",)
    ordering = ("decide_due_at",)
    fields = readonly_fields = (
        "reference", "regime", "target", "use", "estate", "country", "state", "state_at",
        "received_at", "hold_due_at", "decide_due_at", "time_left", "missing", "decided_by",
    )  # fmt: skip
    actions = ("hold", "uphold", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TakedownCase]:
        rows = super().get_queryset(request)
        if request.user.has_perm(STAFF) or request.user.has_perm("ledger.view_record"):
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
            path("<uuid:case_id>/<str:outcome>/", view(self.decide), name="takedown_decide"),
            *super().get_urls(),
        ]

    @admin.action(description="Hold: undeliverable until decided", permissions=["change"])
    def hold(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> None:
        for case in chosen(rows):
            try:
                takedowns.hold(case_id=case.id, by=caller(request), at=timezone.now())
            except CountersignError as exc:
                self.message_user(request, f"{case}: {exc.title}", messages.ERROR)
            else:
                self.message_user(request, f"{case} is held.")

    @admin.action(description="Uphold: withdraw, with reasons", permissions=["change"])
    def uphold(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> HttpResponse | None:
        return self._ask_for_reasons(request, rows, outcome="uphold")

    @admin.action(description="Reject: restore, with reasons", permissions=["change"])
    def reject(self, request: HttpRequest, rows: QuerySet[TakedownCase]) -> HttpResponse | None:
        return self._ask_for_reasons(request, rows, outcome="reject")

    def _ask_for_reasons(
        self, request: HttpRequest, rows: QuerySet[TakedownCase], *, outcome: str
    ) -> HttpResponse | None:
        found = chosen(rows)
        if len(found) != 1:
            self.message_user(request, "Decide one case at a time.", messages.ERROR)
            return None
        return HttpResponseRedirect(reverse("admin:takedown_decide", args=[found[0].id, outcome]))

    def decide(self, request: HttpRequest, case_id: UUID, outcome: str) -> HttpResponse:
        """Ask for the reasons, show the consequences, then decide."""
        case = self.get_queryset(request).filter(id=case_id).first()
        if case is None or outcome not in ("uphold", "reject") or not request.user.has_perm(STAFF):
            return HttpResponse(status=404)
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
        context = {
            **self.admin_site.each_context(request),
            "title": f"{outcome.capitalize()} {case.reference}",
            "case": case,
            "form": form,
            "outcome": outcome,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/rights/takedowncase/decide.html", context)


@admin.register(StatementOfReasons)
class StatementOfReasonsAdmin(ReadOnlyAdmin):
    """What everybody concerned was told."""

    list_display = ("puid", "category", "decision_ground", "created_at")
    search_fields = ("puid",)
