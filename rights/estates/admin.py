"""Claims on estates: claimants file and see their own, staff decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger.errors import CountersignError
from ledger.http.admin import UseCaseAdmin, caller
from rights.estates import actions as estates
from rights.estates import rules
from rights.estates.models import Estate

STAFF = "rights.change_estate"
FILED = (
    "claimant", "person_name", "born_on", "died_on", "domicile", "basis", "share_bps",
    "registered_on", "proof_of_death", "cameo",
)  # fmt: skip
REASON_CHARACTERS_MAX = 500

if TYPE_CHECKING:
    _EstateModelForm = forms.ModelForm[Estate]
else:  # Generic for the type checker only.
    _EstateModelForm = forms.ModelForm


class EstateForm(_EstateModelForm):
    """Refuses what the action would refuse, so that the form can say so."""

    class Meta:
        model = Estate
        fields = FILED

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("person_name") and data.get("domicile") and data.get("died_on"):
            try:
                estates.check(
                    person_name=data["person_name"],
                    domicile=data["domicile"].upper(),
                    died_on=data["died_on"],
                    at=timezone.now(),
                )
            except CountersignError as exc:
                raise forms.ValidationError(exc.title, code=exc.code) from exc
        return data


class DecisionForm(ActionForm):
    """An action on claims, and why: the log keeps it."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=REASON_CHARACTERS_MAX,
        widget=UnfoldAdminTextInputWidget,
    )


@admin.register(Estate)
class EstateAdmin(UseCaseAdmin):
    """What was claimed is never edited; staff accept or refuse it. Claimants file and see their own."""

    form = EstateForm
    action_form = DecisionForm
    list_display = ("person_name", "domicile", "basis", "share_bps", "state", "protected_until")
    list_filter = ("state", "domicile")
    search_fields = ("person_name",)
    autocomplete_fields = ("claimant",)
    raw_id_fields = ("cameo",)
    actions = ("verify", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Estate]:
        rows: QuerySet[Estate] = super().get_queryset(request)
        return rows if request.user.has_perm(STAFF) else rows.filter(claimant=caller(request))

    def get_fields(self, request: HttpRequest, obj: Estate | None = None) -> Any:
        decided = ("state", "state_at", "protected_until", "term", "verified_by", "created_at")
        if obj is not None:
            return (*FILED, *decided)
        return FILED if request.user.has_perm(STAFF) else FILED[1:]  # Others claim for themselves.

    def get_readonly_fields(self, request: HttpRequest, obj: Estate | None = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Estate | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Term by the domicile's rule")
    def term(self, estate: Estate) -> str:
        found = rules.term(
            domicile=estate.domicile, died_on=estate.died_on, registered_on=estate.registered_on
        )
        return (
            f"{found.until or found.at_least_until or 'a person decides'} "
            f"({found.reason}; {found.source or 'no source'})"
        )

    def save_model(self, request: HttpRequest, obj: Estate, form: Any, change: bool) -> None:
        claimed = {"claimant": caller(request), **form.cleaned_data}
        saved = estates.claim(at=timezone.now(), **claimed)
        obj.pk = saved.pk
        obj._state.adding = False

    @admin.action(description="Accept the claim", permissions=["change"])
    def verify(self, request: HttpRequest, rows: QuerySet[Estate]) -> None:
        def verify(estate: Estate) -> str:
            done = estates.verify(estate_id=estate.id, by=caller(request), at=timezone.now())
            return f"{estate} is {done.state}."

        self.carry_out(request, rows, verify)

    @admin.action(description="Refuse or end the claim", permissions=["change"])
    def reject(self, request: HttpRequest, rows: QuerySet[Estate]) -> None:
        reason = request.POST.get("reason", "").strip()[:REASON_CHARACTERS_MAX]

        def reject(estate: Estate) -> str:
            done = estates.reject(
                estate_id=estate.id, by=caller(request), reason=reason, at=timezone.now()
            )
            return f"{estate} is {done.state}."

        self.carry_out(request, rows, reject)
