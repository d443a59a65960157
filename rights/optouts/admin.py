"""Where rights holders file their opt-outs, and staff verify and activate them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.forms import ActionForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.errors import CountersignError
from ledger.http.admin import UseCaseAdmin, caller
from rights.optouts import actions as opt_outs
from rights.optouts import queries
from rights.optouts.models import OptOut, OptOutAlias, RightsHolder

REASON_CHARACTERS_MAX = 500
AUTHORITY = (
    "I am the rights holder, or act with its written authority, and what I state here is true."
)


@admin.register(RightsHolder)
class RightsHolderAdmin(UseCaseAdmin):
    """Staff register and verify; a rights holder sees only itself."""

    long_texts = ("authority_text",)
    list_display = ("name", "agent_name", "state", "verified_at", "created_at")
    list_filter = ("state",)
    search_fields = ("name",)
    readonly_fields = ("state", "verified_by", "verified_at", "created_at")
    autocomplete_fields = ("account",)
    actions = ("verify", "suspend")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RightsHolder]:
        rows: QuerySet[RightsHolder] = super().get_queryset(request)
        if request.user.has_perm(opt_outs.STAFF):
            return rows
        return rows.filter(account=caller(request))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"authority_text": AUTHORITY}

    def save_model(self, request: HttpRequest, obj: RightsHolder, form: Any, change: bool) -> None:
        saved = opt_outs.register_holder(at=timezone.now(), **form.cleaned_data)
        obj.pk = saved.pk
        obj._state.adding = False

    def has_change_permission(self, request: HttpRequest, obj: RightsHolder | None = None) -> bool:
        """Verify is an action; what was declared is never edited."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Verify: contact and authority were checked", permissions=["change"])
    def verify(self, request: HttpRequest, rows: QuerySet[RightsHolder]) -> None:
        def verify(holder: RightsHolder) -> str:
            opt_outs.verify_holder(holder_id=holder.id, by=caller(request), at=timezone.now())
            return f"{holder} is verified."

        self.carry_out(request, rows, verify)

    @admin.action(description="Suspend: no new opt-outs from it", permissions=["change"])
    def suspend(self, request: HttpRequest, rows: QuerySet[RightsHolder]) -> None:
        def suspend(holder: RightsHolder) -> str:
            opt_outs.suspend_holder(holder_id=holder.id, by=caller(request), at=timezone.now())
            return f"{holder} is suspended."

        self.carry_out(request, rows, suspend)


if TYPE_CHECKING:
    _OptOutModelForm = forms.ModelForm[OptOut]
else:  # Generic for the type checker only.
    _OptOutModelForm = forms.ModelForm


class OptOutForm(_OptOutModelForm):
    """What a rights holder fills in; names one a line."""

    aliases_text = forms.CharField(
        label="Other names",
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=(
            "One a line, at most 200: other spellings, other scripts, stage names. Capitals, accents, "
            "spacing and look-alike letters need not be listed; they are seen through."
        ),
    )
    scopes = forms.MultipleChoiceField(
        choices=OptOut.Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=["generation", "cameo"],
        help_text="For what it must not be used.",
    )
    territories_text = forms.CharField(
        label="Where",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Country codes with spaces between (US CA); empty means everywhere.",
    )

    class Meta:
        model = OptOut
        fields = ("kind", "title", "starts_at", "ends_at")

    def clean_territories_text(self) -> list[str]:
        codes = str(self.cleaned_data["territories_text"]).upper().split()
        if len(codes) > 250 or not all(len(c) == 2 and c.isascii() and c.isalpha() for c in codes):
            raise forms.ValidationError("Write two-letter country codes, such as: US CA")
        return codes

    def clean(self) -> dict[str, Any]:
        """Refuse here what the action would refuse, so that the form can say where."""
        data = super().clean() or self.cleaned_data
        lines = [line.strip() for line in data.get("aliases_text", "").splitlines()]
        data["aliases"] = [line for line in lines if line]
        try:
            opt_outs.check_names([data.get("title", ""), *data["aliases"]])
        except CountersignError as exc:
            raise forms.ValidationError(exc.title, code=exc.code) from exc
        return data


class MoveForm(ActionForm):
    """An action on opt-outs, and why: the holder reads it, and the log keeps it."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=REASON_CHARACTERS_MAX,
        widget=UnfoldAdminTextInputWidget,
    )


class AliasInline(TabularInline):
    """The names it is found by."""

    model = OptOutAlias
    fields = readonly_fields = ("alias", "skeleton")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OptOut)
class OptOutAdmin(UseCaseAdmin):
    """A rights holder files and withdraws its own; staff move the rest."""

    form = OptOutForm
    list_display = ("title", "kind", "holder", "state", "state_at", "starts_at", "ends_at")
    list_filter = ("state", "kind")
    search_fields = ("title", "aliases__alias")
    inlines = (AliasInline,)
    action_form = MoveForm
    actions = ("mark_verified", "activate", "contest", "withdraw")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptOut]:
        rows: QuerySet[OptOut] = super().get_queryset(request).select_related("holder")
        return (
            rows
            if request.user.has_perm(opt_outs.STAFF)
            else rows.filter(holder__account=caller(request))
        )

    def get_fields(self, request: HttpRequest, obj: OptOut | None = None) -> Any:
        if obj is None:
            return (
                "kind", "title", "aliases_text", "scopes", "territories_text", "starts_at", "ends_at",
            )  # fmt: skip
        return (
            "holder", "kind", "title", "scopes", "territories", "starts_at", "ends_at", "state",
            "state_at", "state_reason", "stopped", "created_at",
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: OptOut | None = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: OptOut | None) -> Any:
        return () if obj is None else self.inlines

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": timezone.now()}

    @admin.display(description="Decisions it stopped")
    def stopped(self, opt_out: OptOut) -> int:
        return queries.stopped_count(opt_out_id=opt_out.id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only who is registered as a rights holder, and not suspended, files."""
        if not super().has_add_permission(request):
            return False
        own = RightsHolder.objects.filter(account=caller(request))
        return own.exclude(state=RightsHolder.State.SUSPENDED).exists()

    def has_change_permission(self, request: HttpRequest, obj: OptOut | None = None) -> bool:
        """What was filed is never edited; its state moves by actions."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: OptOut, form: Any, change: bool) -> None:
        data = form.cleaned_data
        saved = opt_outs.file(
            holder=RightsHolder.objects.get(account=caller(request)),
            kind=data["kind"],
            title=data["title"],
            aliases=data["aliases"],
            scopes=data["scopes"],
            territories=data["territories_text"],
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            at=timezone.now(),
        )
        obj.pk = saved.pk
        obj._state.adding = False

    @admin.action(description="Mark as verified", permissions=["change"])
    def mark_verified(self, request: HttpRequest, rows: QuerySet[OptOut]) -> None:
        self._move(request, rows, to="verified")

    @admin.action(description="Activate: it stops from now on", permissions=["change"])
    def activate(self, request: HttpRequest, rows: QuerySet[OptOut]) -> None:
        self._move(request, rows, to="active")

    @admin.action(description="Mark as contested: it goes on stopping", permissions=["change"])
    def contest(self, request: HttpRequest, rows: QuerySet[OptOut]) -> None:
        self._move(request, rows, to="contested")

    @admin.action(description="Withdraw: it stops nothing any more", permissions=["change"])
    def withdraw(self, request: HttpRequest, rows: QuerySet[OptOut]) -> None:
        self._move(request, rows, to="withdrawn")

    def _move(self, request: HttpRequest, rows: QuerySet[OptOut], *, to: str) -> None:
        reason = request.POST.get("reason", "").strip()[:REASON_CHARACTERS_MAX]

        def move(opt_out: OptOut) -> str:
            opt_outs.move(
                opt_out_id=opt_out.id, to=to, by=caller(request), reason=reason, at=timezone.now()
            )
            return f"{opt_out} is {to}."

        self.carry_out(request, rows, move)
