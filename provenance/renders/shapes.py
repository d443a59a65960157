"""What a person is shown of a render: shapes, and how rows become them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from provenance.renders import delivery, queries, rules
from provenance.renders.models import Render
from provenance.seals.models import Seal
from rights.licences import queries as licences


class RenderCast(serializers.Serializer[Any]):
    cameo_id = serializers.UUIDField()
    owner_id = serializers.UUIDField()
    owner_handle = serializers.CharField()
    is_inherited = serializers.BooleanField(help_text="kept from the parent")


class RenderAncestor(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.CharField()


class RenderQuote(serializers.Serializer[Any]):
    licence_id = serializers.UUIDField()
    state = serializers.CharField()
    amount_minor = serializers.IntegerField()
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()


class RenderCredentials(serializers.Serializer[Any]):
    sha256 = serializers.CharField(help_text="of the sealed file, hexadecimal")
    size_bytes = serializers.IntegerField()
    manifest_sha256 = serializers.CharField()
    visible_mark = serializers.BooleanField(help_text="really found in the file")
    invisible_mark = serializers.BooleanField(help_text="really found in the file")
    manifest = serializers.BooleanField(help_text="re-read and validated")
    timestamped_at = serializers.DateTimeField(allow_null=True)


class RenderSummary(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=rules.State.choices())
    stage = serializers.CharField()
    progress = serializers.FloatField(help_text="0 to 1")
    seconds_left = serializers.FloatField(allow_null=True)
    requester_id = serializers.UUIDField()
    parent_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    state_at = serializers.DateTimeField()


class RenderDetail(RenderSummary):
    prompt = serializers.CharField()
    purpose = serializers.CharField()
    seconds = serializers.DecimalField(max_digits=8, decimal_places=3)
    width_px = serializers.IntegerField()
    height_px = serializers.IntegerField()
    seed = serializers.IntegerField()
    cast = RenderCast(many=True)
    lineage = RenderAncestor(many=True, help_text="nearest first")
    failure_code = serializers.CharField(allow_blank=True)
    quote = RenderQuote(allow_null=True, help_text="where a fee is asked; for the buyer only")
    credentials = RenderCredentials(allow_null=True)
    file_url = serializers.CharField(
        allow_null=True, help_text="delivers the file for a few minutes without a log-in"
    )


def summary_of(render: Render) -> dict[str, Any]:
    """Return a render as a list shows it. No query beyond those of `queries.mine`."""
    return {
        "id": render.pk,
        "title": render.title,
        "state": render.state,
        "stage": render.stage,
        "progress": render.progress,
        "seconds_left": render.seconds_left,
        "requester_id": render.use.requester_id,
        "parent_id": render.use.parent_id,
        "created_at": render.created_at,
        "state_at": render.state_at,
    }


def detail_of(render: Render, *, account_id: UUID) -> dict[str, Any]:
    """Return a render as this person may see it. At most five queries, and one for each ancestor."""
    return {
        **summary_of(render),
        "prompt": render.prompt,
        "purpose": render.use.purpose,
        "seconds": render.use.seconds,
        "width_px": render.width_px,
        "height_px": render.height_px,
        "seed": render.seed,
        "cast": [
            {
                "cameo_id": row.cameo_id,
                "owner_id": row.cameo.owner_id,
                "owner_handle": row.cameo.owner.handle,
                "is_inherited": row.is_inherited,
            }
            for row in render.use.cast.all()
        ],
        "lineage": queries.lineage(render),
        "failure_code": _failure_code(render),
        "quote": _quote(render, account_id=account_id),
        "credentials": _credentials(render),
        "file_url": delivery.link_for(render_id=render.pk, account_id=account_id)
        if delivery.has_file_for(render, account_id=account_id)
        else None,
    }


def _failure_code(render: Render) -> str:
    """Return why it ended: of a denial only that it was one. Source: consent.md, §2, last words."""
    return "consent-denied" if render.state == rules.State.DENIED else render.failure_code


def _quote(render: Render, *, account_id: UUID) -> dict[str, Any] | None:
    licence = licences.of_use(render.pk)
    if licence is None or licence.buyer_id != account_id:
        return None
    return {
        "licence_id": licence.id,
        "state": licence.state,
        "amount_minor": licence.amount_minor,
        "currency": licence.currency,
        "expires_at": licence.quote_expires_at,
    }


def _credentials(render: Render) -> dict[str, Any] | None:
    seal = Seal.objects.filter(use_id=render.pk, sha256=render.sealed_sha256).first()
    if seal is None:
        return None
    return {
        "sha256": bytes(seal.sha256).hex(),
        "size_bytes": seal.size_bytes,
        "manifest_sha256": bytes(seal.manifest_sha256).hex(),
        "visible_mark": seal.visible_mark,
        "invisible_mark": seal.invisible_mark,
        "manifest": seal.manifest,
        "timestamped_at": seal.timestamped_at,
    }
