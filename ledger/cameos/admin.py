"""Where staff see cameos, and decide the enrolments that the checks left unsure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from ledger.cameos import actions as cameos
from ledger.cameos import enrolments, vault_files
from ledger.cameos.models import Cameo, Capture, DestructionCertificate, Enrolment, Terms
from ledger.errors import CountersignError
from ledger.http.admin import ReadOnlyAdmin, caller

REASON_LENGTH_MAX = 500
REVIEW = "ledger.review_enrolment"
WATCH = "ledger.view_capture"
SUSPEND = "ledger.change_cameo"


class ReasonForm(forms.Form):
    """Why a person does what they do: it is logged."""

    reason = forms.CharField(
        max_length=REASON_LENGTH_MAX, strip=True, widget=UnfoldAdminTextareaWidget
    )


@admin.register(Cameo)
class CameoAdmin(ReadOnlyAdmin):
    """Who has a cameo, and its standing. Preferences are the owner's, and are not shown."""

    list_display = ("owner", "state", "audience", "epoch", "verified_at")
    list_filter = ("state", "audience")
    search_fields = ("owner__handle",)
    list_select_related = ("owner",)
    fields = (
        "id", "owner", "state", "audience", "epoch", "terms", "verified_at", "destroy_after",
        "created_at", "standing",
    )  # fmt: skip
    readonly_fields = ("standing",)

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        own = [path("<uuid:cameo_id>/standing/", site(self.change_standing), name="cameo_standing")]
        return [*own, *super().get_urls()]

    @admin.display(description="Suspend or resume")
    def standing(self, cameo: Cameo) -> SafeString:
        return format_html(
            '<a href="{}">Change</a>', reverse("admin:cameo_standing", args=(cameo.pk,))
        )

    def change_standing(self, request: HttpRequest, cameo_id: Any) -> HttpResponseBase:
        """Suspend an active cameo, or resume a suspended one, with a reason."""
        if not request.user.has_perm(SUSPEND):
            raise PermissionDenied
        cameo = Cameo.objects.select_related("owner").filter(id=cameo_id).first()
        if cameo is None:
            raise Http404
        suspends = cameo.state != Cameo.State.SUSPENDED
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            act = cameos.suspend if suspends else cameos.resume
            try:
                act(
                    cameo_id=cameo_id,
                    by=caller(request).id,
                    reason=form.cleaned_data["reason"],
                    at=timezone.now(),
                )
            except CountersignError as exc:
                self.message_user(request, exc.title, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:ledger_cameo_change", args=(cameo_id,)))
        return _page(
            self, request, form, "Suspend this cameo" if suspends else "Resume this cameo",
            buttons=[("suspend" if suspends else "resume", "Suspend" if suspends else "Resume")],
        )  # fmt: skip


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyAdmin):
    """Every enrolment; those in review are decided here by a person, with a reason."""

    list_display = ("account", "state", "created_at", "decided_at", "reviewer")
    list_filter = ("state",)
    search_fields = ("account__handle",)
    list_select_related = ("account", "reviewer")
    fields = (
        "id", "account", "cameo", "state", "checks", "created_at", "attempted_at", "decided_at",
        "reviewer", "review_reason", "review",
    )  # fmt: skip
    readonly_fields = ("review",)

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        own = [
            path("<uuid:enrolment_id>/review/", site(self.decide), name="enrolment_review"),
            path("<uuid:enrolment_id>/capture/", site(self.watch), name="enrolment_capture"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="Review")
    def review(self, enrolment: Enrolment) -> SafeString:
        return format_html(
            '<a href="{}">Decide</a> · <a href="{}">Watch the recording</a>',
            reverse("admin:enrolment_review", args=(enrolment.pk,)),
            reverse("admin:enrolment_capture", args=(enrolment.pk,)),
        )

    def decide(self, request: HttpRequest, enrolment_id: Any) -> HttpResponseBase:
        """Verify or refuse what the checks were unsure of."""
        if not request.user.has_perm(REVIEW):
            raise PermissionDenied
        enrolment = Enrolment.objects.filter(id=enrolment_id).first()
        if enrolment is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                enrolments.decide(
                    enrolment_id=enrolment.id,
                    cameo_id=enrolment.cameo_id,
                    reviewer_id=caller(request).id,
                    approve=request.POST.get("act") == "approve",
                    reason=form.cleaned_data["reason"],
                    at=timezone.now(),
                )
            except CountersignError as exc:
                self.message_user(request, exc.title, messages.ERROR)
            return HttpResponseRedirect(
                reverse("admin:ledger_enrolment_change", args=(enrolment_id,))
            )
        buttons = [("approve", "Verify"), ("refuse", "Refuse")]
        return _page(self, request, form, "Decide this enrolment", buttons, enrolment.checks)

    def watch(self, request: HttpRequest, enrolment_id: Any) -> HttpResponseBase:
        """Show the recording itself, once the reason for looking is in the log."""
        if not request.user.has_perm(WATCH):
            raise PermissionDenied
        capture = Capture.objects.filter(enrolment_id=enrolment_id, destroyed_at=None).first()
        if capture is None:
            raise Http404
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            noted = enrolments.note_opening(
                capture_id=capture.id,
                viewer_id=caller(request).id,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
            )
            return _recording(noted)
        return _page(self, request, form, "Watch this recording", [("watch", "Watch")])


def _recording(capture: Capture) -> HttpResponse:
    """Answer the recording in clear, at most `CAPTURE_SIZE_BYTES_MAX`; nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="countersign-watch-") as folder:
        target = Path(folder) / "capture"
        vault_files.open_to(
            cameo_id=capture.cameo_id, capture_id=capture.id, path=capture.path, target=target
        )
        response = HttpResponse(target.read_bytes(), content_type=f"video/{capture.format}")
    response["Cache-Control"] = "no-store"
    response["Content-Disposition"] = "inline"
    return response


def _page(
    page: ReadOnlyAdmin, request: HttpRequest, form: ReasonForm, title: str,
    buttons: list[tuple[str, str]], checks: list[dict[str, Any]] | None = None,
) -> TemplateResponse:  # fmt: skip
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "form": form,
        "buttons": buttons,
        "checks": checks or [],
        "opts": page.model._meta,
    }
    return TemplateResponse(request, "admin/ledger/enrolment/reason.html", context)


@admin.register(Terms)
class TermsAdmin(ReadOnlyAdmin):
    """Every version of every cameo's terms."""

    list_display = ("cameo_id", "version", "purposes", "remix_allowed", "created_at")
    search_fields = ("cameo__owner__handle",)


@admin.register(DestructionCertificate)
class DestructionCertificateAdmin(ReadOnlyAdmin):
    """What was destroyed, when and why."""

    list_display = ("cameo_id", "cause", "destroyed_at", "entry_id")
    list_filter = ("cause",)
