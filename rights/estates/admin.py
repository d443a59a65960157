"""Claims on estates: claimants file and see their own, staff decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ledger.errors import CountersignError
from ledger.http.admin import UseCaseAdmin, caller, chosen
from rights.estates import actions as estates
from rights.estates import rules
from rights.estates.models import Estate

STAFF = "rights.change_estate"
FILED = (
    "claimant", "person_name", "born_on", "died_on", "domicile", "basis", "share_bps",
    "registered_on", "proof_of_death", "cameo",
)  # fmt: skip


@admin.register(Estate)
class EstateAdmin(UseCaseAdmin):
    """What was claimed is never edited; staff accept or refuse it."""

    list_display = ("person_name", "domicile", "basis", "share_bps", "state", "protected_until")
    list_filter = ("state", "domicile")
    search_fields = ("person_name",)
    autocomplete_fields = ("claimant",)
    raw_id_fields = ("cameo",)
    actions = ("verify", "reject")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Estate]:
        rows = super().get_queryset(request)
        return rows if request.user.has_perm(STAFF) else rows.filter(claimant=caller(request))

    def get_fields(self, request: HttpRequest, obj: Estate | None = None) -> Any:
        decided = ("state", "state_at", "protected_until", "term", "verified_by", "created_at")
        return FILED if obj is None else (*FILED, *decided)

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
            f"{found.until or 'a person decides'} ({found.reason}; {found.source or 'no source'})"
        )

    def save_model(self, request: HttpRequest, obj: Estate, form: Any, change: bool) -> None:
        saved = estates.claim(at=timezone.now(), **form.cleaned_data)
        obj.pk = saved.pk
        obj._state.adding = False

    @admin.action(description="Accept the claim", permissions=["change"])
    def verify(self, request: HttpRequest, rows: QuerySet[Estate]) -> None:
        for estate in chosen(rows):
            try:
                done = estates.verify(estate_id=estate.id, by=caller(request), at=timezone.now())
            except CountersignError as exc:
                self.message_user(request, f"{estate}: {exc.title}", messages.ERROR)
            else:
                self.message_user(request, f"{estate} is {done.state}.")

    @admin.action(description="Refuse or end the claim", permissions=["change"])
    def reject(self, request: HttpRequest, rows: QuerySet[Estate]) -> None:
        for estate in chosen(rows):
            try:
                done = estates.reject(
                    estate_id=estate.id, by=caller(request), reason="admin", at=timezone.now()
                )
            except CountersignError as exc:
                self.message_user(request, f"{estate}: {exc.title}", messages.ERROR)
            else:
                self.message_user(request, f"{estate} is {done.state}.")
