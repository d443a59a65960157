"""`/api/v1/enrolments` and `/api/v1/cameos`."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.cameos import actions as cameos
from ledger.cameos import enrolments, queries, rules, statements, uploads
from ledger.cameos.errors import CameoNotFound
from ledger.cameos.models import Cameo, DestructionCertificate, Enrolment, Purpose
from ledger.cameos.rules import Fee, Preferences, TermsValue
from ledger.http.idempotency import IdempotentView


def _caller(request: Request) -> UUID:
    return UUID(str(request.user.pk))


def _problem(*codes: str) -> OpenApiResponse:
    return OpenApiResponse(
        OpenApiTypes.OBJECT, description=", ".join(f"`{code}`" for code in codes)
    )


class StepOutput(serializers.Serializer[Any]):
    pose = serializers.ChoiceField(choices=["centre", "left", "right"])
    starts_s = serializers.FloatField()
    ends_s = serializers.FloatField()
    say = serializers.ListField(child=serializers.CharField())


class ChallengeOutput(serializers.Serializer[Any]):
    steps = StepOutput(many=True)
    words = serializers.ListField(child=serializers.CharField())
    seconds = serializers.FloatField()


class StatementOutput(serializers.Serializer[Any]):
    version = serializers.CharField()
    text = serializers.CharField()
    sha256 = serializers.CharField(help_text="hexadecimal, of the text's UTF-8 bytes")


class CheckOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["pass", "unsure", "fail"])
    by = serializers.CharField(help_text="`development`: this check proved nothing")
    detail = serializers.CharField()
    measured = serializers.FloatField(allow_null=True)


class EnrolmentOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Enrolment.State.choices)
    cameo_id = serializers.UUIDField()
    statement = StatementOutput()
    challenge = ChallengeOutput()
    checks = CheckOutput(many=True)
    expires_at = serializers.DateTimeField()


def _enrolment(row: Enrolment) -> dict[str, Any]:
    statement = statements.current()
    return {
        "id": row.id,
        "state": row.state,
        "cameo_id": row.cameo_id,
        "statement": {
            "version": statement.version,
            "text": statement.text,
            "sha256": statement.sha256.hex(),
        },
        "challenge": row.challenge,
        "checks": row.checks,
        "expires_at": row.expires_at,
    }


class EnrolmentsView(IdempotentView, APIView):
    """`POST /v1/enrolments`: draw a challenge for yourself."""

    class Input(serializers.Serializer[None]):
        remix_allowed = serializers.BooleanField(
            default=False, help_text="of the first terms, should this make your cameo"
        )

    @extend_schema(
        summary="Start an enrolment, valid for five minutes and one recording",
        request=Input,
        responses={201: EnrolmentOutput, 429: _problem("too-many-enrolments")},
    )
    def post(self, request: Request) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        row = enrolments.start(
            account_id=_caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(EnrolmentOutput(_enrolment(row)).data, status=status.HTTP_201_CREATED)


class EnrolmentView(APIView):
    """`GET /v1/enrolments/{enrolment_id}`: an enrolment of your own, and how it came out."""

    @extend_schema(
        summary="See an enrolment of your own",
        responses={200: EnrolmentOutput, 404: _problem("enrolment-not-found")},
    )
    def get(self, request: Request, enrolment_id: UUID) -> Response:
        row = queries.enrolment_of(enrolment_id=enrolment_id, account_id=_caller(request))
        return Response(EnrolmentOutput(_enrolment(row)).data)


class EnrolmentStatementView(APIView):
    """`POST /v1/enrolments/{enrolment_id}/statement`: agree, before anything is captured."""

    class Input(serializers.Serializer[None]):
        agreed = serializers.BooleanField()
        statement_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")

    class Output(serializers.Serializer[Any]):
        enrolment_id = serializers.UUIDField()
        version = serializers.CharField()
        agreed_at = serializers.DateTimeField()

    @extend_schema(
        summary="Agree to the consent statement; safe to repeat",
        request=Input,
        responses={
            200: Output,
            403: _problem("statement-not-agreed"),
            404: _problem("enrolment-not-found"),
            409: _problem("statement-mismatch", "enrolment-expired", "enrolment-spent"),
        },
    )
    def post(self, request: Request, enrolment_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        row = enrolments.agree(
            enrolment_id=enrolment_id,
            account_id=_caller(request),
            agreed=body.validated_data["agreed"],
            sha256=bytes.fromhex(body.validated_data["statement_sha256"]),
            at=timezone.now(),
        )
        return Response(self.Output(row).data)


class EnrolmentCaptureView(APIView):
    """`PUT /v1/enrolments/{enrolment_id}/capture`: the one recording, as the raw body."""

    class Output(serializers.Serializer[Any]):
        state = serializers.ChoiceField(choices=["verified", "review", "refused"])
        checks = CheckOutput(many=True)
        cameo_id = serializers.UUIDField()

    @extend_schema(
        summary="Upload the recording (MP4 or WebM) and have it checked",
        request={"video/mp4": OpenApiTypes.BINARY, "video/webm": OpenApiTypes.BINARY},
        responses={
            200: Output,
            400: _problem("capture-missing", "capture-incomplete"),
            403: _problem("statement-not-agreed"),
            404: _problem("enrolment-not-found"),
            409: _problem("enrolment-expired", "enrolment-spent"),
            413: _problem("capture-too-large"),
            415: _problem("capture-not-video"),
            422: _problem("capture-unreadable"),
            503: _problem("capture-check-unavailable"),
        },
    )
    def put(self, request: Request, enrolment_id: UUID) -> Response:
        account_id = _caller(request)
        queries.enrolment_of(enrolment_id=enrolment_id, account_id=account_id)
        limit = settings.CAPTURE_SIZE_BYTES_MAX
        with uploads.received(request._request, size_bytes_max=limit) as recording:
            outcome = enrolments.submit(
                enrolment_id=enrolment_id,
                account_id=account_id,
                recording=recording,
                at=timezone.now(),
            )
        return Response(self.Output(outcome).data)


class FeeField(serializers.Serializer[Any]):
    amount_minor = serializers.IntegerField(min_value=1, max_value=rules.FEE_MINOR_MAX)
    currency = serializers.RegexField(r"^[a-z]{3}$")


class TermsOutput(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    purposes = serializers.ListField(child=serializers.CharField())
    remix_allowed = serializers.BooleanField()
    draft_approval = serializers.BooleanField()
    forbidden_topics = serializers.ListField(child=serializers.CharField())
    territories = serializers.ListField(child=serializers.CharField())
    seconds_max = serializers.IntegerField()
    renders_max = serializers.IntegerField(allow_null=True)
    renders_per_day_max = serializers.IntegerField(allow_null=True)
    fees = serializers.DictField(child=FeeField())
    training_allowed = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class PreferencesField(serializers.Serializer[Any]):
    pronouns = serializers.CharField(max_length=40, allow_blank=True, default="")
    clothing = serializers.CharField(max_length=200, allow_blank=True, default="")
    restrictions = serializers.CharField(max_length=1000, allow_blank=True, default="")


class OwnCameoOutput(serializers.Serializer[Any]):
    """What the owner, or the guardian of a minor, sees."""

    id = serializers.UUIDField()
    owner_id = serializers.UUIDField()
    handle = serializers.CharField(source="owner.handle")
    state = serializers.ChoiceField(choices=Cameo.State.choices)
    audience = serializers.ChoiceField(choices=Cameo.Audience.choices)
    epoch = serializers.IntegerField()
    terms = TermsOutput(allow_null=True)
    preferences = PreferencesField()
    verified_at = serializers.DateTimeField(allow_null=True)
    destroy_after = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class PublicCameoOutput(serializers.Serializer[Any]):
    """What anybody else who is signed in sees."""

    id = serializers.UUIDField()
    owner_id = serializers.UUIDField()
    handle = serializers.CharField()
    display_name = serializers.CharField()
    audience = serializers.ChoiceField(choices=Cameo.Audience.choices)
    may_ask = serializers.BooleanField(help_text="whether anyone but the owner can ask at all")
    terms = TermsOutput()


EITHER = PolymorphicProxySerializer(
    component_name="Cameo",
    serializers=[OwnCameoOutput, PublicCameoOutput],
    resource_type_field_name=None,
)
NOT_FOUND = _problem("cameo-not-found")
STATE_FORBIDS = _problem("cameo-state-forbids")


@extend_schema(summary="List the cameos that you control: yours, and those of minors you guard")
class CameosView(ListAPIView[Cameo]):
    """`GET /v1/cameos`: newest first."""

    serializer_class = OwnCameoOutput

    def get_queryset(self) -> QuerySet[Cameo]:
        if getattr(self, "swagger_fake_view", False):
            return Cameo.objects.none()
        found = queries.controlled_by(account_id=_caller(self.request), at=timezone.now())
        return found.select_related("owner", "terms")


class CameoMineView(APIView):
    """`GET /v1/cameos/mine`: your own living cameo."""

    @extend_schema(summary="See your own cameo", responses={200: OwnCameoOutput, 404: NOT_FOUND})
    def get(self, request: Request) -> Response:
        return Response(OwnCameoOutput(queries.own(account_id=_caller(request))).data)


class CameoByHandleView(APIView):
    """`GET /v1/cameos/by-handle/{handle}`: find a person's cameo, to ask for it."""

    @extend_schema(
        summary="Find the active cameo of a person by handle",
        responses={200: PublicCameoOutput, 404: NOT_FOUND},
    )
    def get(self, request: Request, handle: str) -> Response:
        seen = queries.seen_by(viewer_id=_caller(request), at=timezone.now(), owner__handle=handle)
        return Response(PublicCameoOutput(seen).data)


class CameoView(APIView):
    """`GET|DELETE /v1/cameos/{cameo_id}`: see a cameo; destroy your own for good."""

    class DestroyedOutput(serializers.ModelSerializer[DestructionCertificate]):
        class Meta:
            model = DestructionCertificate
            fields: ClassVar = (
                "id",
                "cameo_id",
                "cause",
                "captures_sha256",
                "entry_id",
                "destroyed_at",
            )

    @extend_schema(
        summary="See a cameo: all of your own, the public side of others'",
        responses={200: EITHER, 404: NOT_FOUND},
    )
    def get(self, request: Request, cameo_id: UUID) -> Response:
        caller, at = _caller(request), timezone.now()
        try:
            cameo = queries.controlled(cameo_id=cameo_id, by=caller, at=at)
        except CameoNotFound:
            seen = queries.seen_by(viewer_id=caller, at=at, id=cameo_id)
            return Response(PublicCameoOutput(seen).data)
        return Response(OwnCameoOutput(cameo).data)

    @extend_schema(
        summary="Destroy your likeness: key, captures, preferences; answers the certificate",
        responses={200: DestroyedOutput, 404: NOT_FOUND, 409: STATE_FORBIDS},
    )
    def delete(self, request: Request, cameo_id: UUID) -> Response:
        certificate = cameos.purge(cameo_id=cameo_id, by=_caller(request), at=timezone.now())
        return Response(self.DestroyedOutput(certificate).data)


class CameoAudienceView(APIView):
    """`PUT /v1/cameos/{cameo_id}/audience`: who needs no grant of their own."""

    class Input(serializers.Serializer[None]):
        audience = serializers.ChoiceField(choices=Cameo.Audience.choices)

    @extend_schema(
        summary="Set a cameo's audience",
        request=Input,
        responses={
            200: OwnCameoOutput,
            403: _problem("minor-audience-too-wide"),
            404: NOT_FOUND,
            409: STATE_FORBIDS,
        },
    )
    def put(self, request: Request, cameo_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        cameo = cameos.set_audience(
            cameo_id=cameo_id, by=_caller(request), at=timezone.now(), **body.validated_data
        )
        return Response(OwnCameoOutput(cameo).data)


class CameoTermsView(IdempotentView, APIView):
    """`POST /v1/cameos/{cameo_id}/terms`: publish the next version."""

    class Input(serializers.Serializer[None]):
        purposes = serializers.ListField(
            child=serializers.ChoiceField(choices=Purpose.choices), max_length=10
        )
        remix_allowed = serializers.BooleanField(default=False)
        draft_approval = serializers.BooleanField(default=False)
        forbidden_topics = serializers.ListField(
            child=serializers.CharField(max_length=rules.TOPIC_LENGTH_MAX),
            max_length=rules.TOPICS_MAX, default=list,
        )  # fmt: skip
        territories = serializers.ListField(
            child=serializers.RegexField(r"^[A-Z]{2}$"),
            max_length=rules.TERRITORIES_MAX, default=list,
        )  # fmt: skip
        seconds_max = serializers.IntegerField(
            min_value=1, max_value=rules.CLIP_SECONDS_MAX, default=60
        )
        renders_max = serializers.IntegerField(
            min_value=0, max_value=rules.RENDERS_MAX, allow_null=True, default=None
        )
        renders_per_day_max = serializers.IntegerField(
            min_value=0, max_value=rules.RENDERS_MAX, allow_null=True, default=None
        )
        fees = serializers.DictField(child=FeeField(), default=dict)
        training_allowed = serializers.BooleanField(default=False)

    @extend_schema(
        summary="Publish the next version of a cameo's terms",
        request=Input,
        responses={
            201: TermsOutput,
            403: _problem("terms-sexual"),
            404: NOT_FOUND,
            409: STATE_FORBIDS,
            422: _problem("terms-malformed"),
        },
    )
    def post(self, request: Request, cameo_id: UUID) -> Response:
        body = self.Input(data=request.data)
        body.is_valid(raise_exception=True)
        row = cameos.publish_terms(
            cameo_id=cameo_id,
            terms=_terms(body.validated_data),
            by=_caller(request),
            at=timezone.now(),
        )
        return Response(TermsOutput(row).data, status=status.HTTP_201_CREATED)


def _terms(given: dict[str, Any]) -> TermsValue:
    return TermsValue(
        **given
        | {
            "purposes": frozenset(given["purposes"]),
            "forbidden_topics": frozenset(given["forbidden_topics"]),
            "territories": frozenset(given["territories"]),
            "fees": {purpose: Fee(**fee) for purpose, fee in given["fees"].items()},
        }
    )


class CameoPreferencesView(APIView):
    """`PUT /v1/cameos/{cameo_id}/preferences`: what travels with every render job."""

    @extend_schema(
        summary="Set a cameo's preferences",
        request=PreferencesField,
        responses={
            200: PreferencesField,
            404: NOT_FOUND,
            409: STATE_FORBIDS,
            422: _problem("preferences-malformed"),
        },
    )
    def put(self, request: Request, cameo_id: UUID) -> Response:
        body = PreferencesField(data=request.data)
        body.is_valid(raise_exception=True)
        kept = cameos.set_preferences(
            cameo_id=cameo_id,
            preferences=Preferences(**body.validated_data),
            by=_caller(request),
            at=timezone.now(),
        )
        return Response(PreferencesField(kept).data)


class CameoRetirementView(APIView):
    """`POST /v1/cameos/{cameo_id}/retirement`: end a cameo; nobody may use it any more."""

    @extend_schema(
        summary="Retire a cameo for good",
        request=None,
        responses={200: OwnCameoOutput, 404: NOT_FOUND, 409: STATE_FORBIDS},
    )
    def post(self, request: Request, cameo_id: UUID) -> Response:
        cameo = cameos.retire(cameo_id=cameo_id, by=_caller(request), at=timezone.now())
        return Response(OwnCameoOutput(cameo).data)
