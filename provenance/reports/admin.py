"""Reports in the admin: auditors ask for them here, watch them, and have their files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.files.storage import storages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from ledger.errors import CountersignError
from ledger.http.admin import UseCaseAdmin, caller
from provenance.reports import actions as reports
from provenance.reports import queries
from provenance.reports.models import Export


class AskForm(forms.ModelForm):  # type: ignore[type-arg]  # Not generic at run time.
    """What a report is about: a render or a person by id, or a period."""

    class Meta:
        model = Export
        fields = ("kind", "about_id", "starts_at", "ends_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("about_id", "starts_at", "ends_at"):  # Which are needed depends on the kind.
            if name in self.fields:
                self.fields[name].required = False


@admin.register(Export)
class ExportAdmin(UseCaseAdmin):
    """What was exported, by whom, about what."""

    form = AskForm
    list_display = ("kind", "about_id", "state", "requested_by", "created_at")
    list_filter = ("kind", "state")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Export]:
        rows: QuerySet[Export] = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(requested_by=caller(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        asked = AskForm.Meta.fields
        if obj is None:
            return asked
        return (*asked, "is_redacted", "state", "stage", "progress", "failure_code", "files")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description="Files")
    def files(self, export: Export) -> SafeString | str:
        """Return a link to each file, once there are any."""
        if export.state != Export.State.DONE:
            return "-"
        links = [(reverse("admin:report-file", args=(export.id, n)), n) for n in reports.FILES]
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Ask for it; what is refused is shown with its title."""
        export = reports.ask(by=caller(request), at=timezone.now(), **form.cleaned_data)
        obj.__dict__.update(export.__dict__)

    def get_urls(self) -> list[URLPattern]:
        address = "<uuid:report_id>/files/<str:name>"
        own = path(address, self.admin_site.admin_view(self.file), name="report-file")
        return [own, *super().get_urls()]

    def file(self, request: HttpRequest, report_id: UUID, name: str) -> FileResponse:
        """Hand out a file to whoever asked for the report."""
        try:
            export = queries.mine(report_id=report_id, account_id=caller(request).id)
            reports.demand_standing(export)
        except CountersignError as exc:
            raise Http404 from exc
        if name not in reports.FILES or export.state != Export.State.DONE:
            raise Http404
        return FileResponse(
            storages["default"].open(f"{export.folder}/{name}"),
            as_attachment=True,
            filename=name,
            content_type=reports.FILES[name],
            headers={"Cache-Control": "private, no-store"},
        )
