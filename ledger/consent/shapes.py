"""What the API of consent says, in shapes shared by its views."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from ledger.accounts.api import AccountOutput
from ledger.consent.models import Grant, Revocation, Use

ACTS = Revocation.Act.choices
REASON_LENGTH_MAX = 500
GRANT_NOT_FOUND = OpenApiResponse(description="`grant-not-found`: none, or not yours")
USE_NOT_FOUND = OpenApiResponse(description="`use-not-found`: none, or not yours")
LINEAGE_MOVED = OpenApiResponse(description="`lineage-moved`: try again")


class ActInput(serializers.Serializer[None]):
    """How far an owner goes. `stop` is always done."""

    act = serializers.ChoiceField(choices=ACTS, default=Revocation.Act.STOP.value)
    reason = serializers.CharField(max_length=REASON_LENGTH_MAX, default="", allow_blank=True)


class RevokedOutput(serializers.Serializer[Any]):
    """What a revocation did."""

    grant_ids = serializers.ListField(child=serializers.UUIDField())
    cancelled = serializers.ListField(
        child=serializers.UUIDField(), help_text="work in flight that was ended at once"
    )
    frozen = serializers.IntegerField(help_text="how many uses can't be remixed any more")
    withdrawn = serializers.ListField(child=serializers.UUIDField())
    is_complete = serializers.BooleanField(
        help_text="false: the rest of a large act follows within minutes"
    )


class GrantOutput(serializers.ModelSerializer[Grant]):
    """A grant as its two sides see it."""

    grantee = AccountOutput()
    owner = AccountOutput(source="cameo.owner")
    terms_version = serializers.IntegerField(
        source="terms.version", help_text="it is pinned to this version of the cameo's terms"
    )
    revoked_at = serializers.SerializerMethodField()
    is_confirmed = serializers.SerializerMethodField(
        help_text="false: a minor's grant that still needs its second yes"
    )
    is_in_force = serializers.SerializerMethodField()

    class Meta:
        model = Grant
        fields = (
            "id", "cameo_id", "owner", "grantee", "terms_version", "purposes", "remix_allowed",
            "renders_max", "renders_per_day_max", "seconds_max", "territories", "starts_at",
            "ends_at", "revoked_at", "is_confirmed", "is_in_force", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_revoked_at(self, grant: Grant) -> Any:
        revocation = next(iter(grant.revocations.all()), None)
        return revocation.effective_at if revocation else None

    def get_is_confirmed(self, grant: Grant) -> bool:
        return grant.is_confirmed

    def get_is_in_force(self, grant: Grant) -> bool:
        now = timezone.now()
        ended = (grant.ends_at, self.get_revoked_at(grant))
        return grant.is_confirmed and all(moment is None or now < moment for moment in ended)


class CastMemberOutput(serializers.Serializer[Any]):
    cameo_id = serializers.UUIDField()
    owner = AccountOutput(source="cameo.owner")
    is_inherited = serializers.BooleanField(help_text="kept from the parent")


@extend_schema_serializer(component_name="CoOwnedUse")
class UseOutput(serializers.ModelSerializer[Use]):
    """A use as its co-owners see it."""

    requester = AccountOutput()
    cast = CastMemberOutput(many=True)
    is_remix_locked_by_me = serializers.BooleanField()
    awaits_my_answer = serializers.BooleanField(help_text="its draft waits for your approval")

    class Meta:
        model = Use
        fields = (
            "id", "requester", "parent_id", "purpose", "seconds", "state", "state_at", "cast",
            "is_remix_locked_by_me", "awaits_my_answer", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class FindingOutput(serializers.Serializer[Any]):
    effect = serializers.CharField()
    code = serializers.CharField(help_text="permanent")
    row_id = serializers.UUIDField(allow_null=True, help_text="the row that it rests on")
    cameo_id = serializers.UUIDField(allow_null=True, help_text="null: about the whole use")


class ExplainedOutput(serializers.Serializer[Any]):
    gate = serializers.CharField()
    effect = serializers.CharField()
    decided_at = serializers.DateTimeField()
    log_entry_id = serializers.UUIDField(allow_null=True)
    findings = FindingOutput(many=True)


class ExplanationOutput(serializers.Serializer[Any]):
    """Every decision about a use, with what the reader may know of its reasons."""

    use_id = serializers.UUIDField()
    state = serializers.CharField()
    decisions = ExplainedOutput(many=True)
