"""The C2PA Soft Binding Resolution API: from a mark or a fingerprint back to the lost manifest.

Source: C2PA Soft Binding Resolution API (OpenAPI document of the C2PA specification 2.x). Names and
shapes are that document's, not ours.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from ledger.consent import gates
from provenance.lookup import bindings, identifications, queries, uploads
from provenance.lookup.errors import ManifestNotFound
from provenance.marks import detection, fingerprints
from provenance.renders import files
from provenance.seals.verification import manifest_store

RESULTS_MAX: Final = 10
LABEL_LENGTH_MAX: Final = 200
ALGORITHM = OpenApiParameter("alg", str, description="name of a soft-binding algorithm")
VALUE = OpenApiParameter("value", str, required=True, description="of the binding, base64")
LIMIT = OpenApiParameter("maxResults", int, description="1 to 10")
MALFORMED = OpenApiResponse(description="`binding-malformed`, `invalid-input`")


class _Public(APIView):
    """Open to everybody, and throttled."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "lookup"


class _Limit(serializers.Serializer[Any]):
    maxResults = serializers.IntegerField(  # noqa: N815  # The document's own name.
        min_value=1, max_value=RESULTS_MAX, default=RESULTS_MAX
    )


class _Query(_Limit):
    alg = serializers.CharField(max_length=100)
    value = serializers.CharField(max_length=bindings.VALUE_LENGTH_MAX)


class _ContentQuery(_Limit):
    alg = serializers.CharField(max_length=100, required=False)


class ManifestMatchOutput(serializers.Serializer[Any]):
    manifestId = serializers.CharField(source="manifest_label")  # noqa: N815  # The document's own name.
    similarityScore = serializers.IntegerField(source="score")  # noqa: N815  # As above.


class MatchesOutput(serializers.Serializer[Any]):
    matches = ManifestMatchOutput(many=True)


class AlgorithmOutput(serializers.Serializer[Any]):
    alg = serializers.CharField()


class AlgorithmsOutput(serializers.Serializer[Any]):
    watermarks = AlgorithmOutput(many=True)
    fingerprints = AlgorithmOutput(many=True)


class MatchesByBindingView(_Public):
    """`GET|POST /v1/matches/byBinding`: which manifests does this value name?"""

    @extend_schema(
        summary="Find manifests by the value of a soft binding",
        auth=[],
        parameters=[ALGORITHM, VALUE, LIMIT],
        responses={200: MatchesOutput, 400: MALFORMED},
    )
    def get(self, request: Request) -> Response:
        return self._answer(request.query_params)

    @extend_schema(
        summary="Find manifests by the value of a soft binding that is long",
        auth=[],
        parameters=[LIMIT],
        request=_Query,
        responses={200: MatchesOutput, 400: MALFORMED},
    )
    def post(self, request: Request) -> Response:
        said = request.data if isinstance(request.data, dict) else {}
        return self._answer({**request.query_params.dict(), **said})

    def _answer(self, asked: Any) -> Response:
        query = _Query(data=asked)
        query.is_valid(raise_exception=True)
        said = query.validated_data
        matches = bindings.resolve(
            algorithm=said["alg"], value=said["value"], limit=said["maxResults"]
        )
        return Response(MatchesOutput({"matches": matches}).data)


class MatchesByContentView(_Public):
    """`POST /v1/matches/byContent`: which manifests belong to this very file?"""

    @extend_schema(
        summary="Find manifests by a file's own mark and looks",
        auth=[],
        parameters=[ALGORITHM, LIMIT],
        request={"video/*": OpenApiTypes.BINARY},
        responses={
            200: MatchesOutput,
            400: MALFORMED,
            413: OpenApiResponse(description="`lookup-file-too-large`"),
            415: OpenApiResponse(description="`lookup-file-unknown`"),
        },
    )
    def post(self, request: Request) -> Response:
        query = _ContentQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = settings.LOOKUP_SIZE_BYTES_MAX
        with uploads.received(request._request, size_bytes_max=limit) as path:
            found = identifications.identify(path, at=timezone.now())
        matches = bindings.of_content(
            found,
            algorithm=query.validated_data.get("alg"),
            limit=query.validated_data["maxResults"],
        )
        return Response(MatchesOutput({"matches": matches}).data)


class ManifestView(_Public):
    """`GET /v1/manifests/{manifestId}`: the manifest store of a released video."""

    @extend_schema(
        summary="Fetch a manifest store (JUMBF)",
        auth=[],
        responses={
            (200, "application/c2pa"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="`manifest-not-found`"),
            451: OpenApiResponse(description="`withdrawn`: the video was withdrawn, or is held"),
        },
    )
    def get(self, request: Request, manifest_label: str) -> HttpResponse:
        found = queries.file_of_manifest(manifest_label[:LABEL_LENGTH_MAX])
        if found is None:
            raise ManifestNotFound
        use_id, name = found
        gates.show(use_id=use_id)
        path = files.path_of(name)
        if not path.exists():
            raise ManifestNotFound
        return HttpResponse(manifest_store(path), content_type="application/c2pa")


class SupportedAlgorithmsView(_Public):
    """`GET /v1/services/supportedAlgorithms`."""

    @extend_schema(
        summary="List the soft-binding algorithms", auth=[], responses={200: AlgorithmsOutput}
    )
    def get(self, request: Request) -> Response:
        return Response(
            {
                "watermarks": [{"alg": detection.ALGORITHM}],
                "fingerprints": [{"alg": fingerprints.ALGORITHM}],
            }
        )
