"""`/api/v1/notifications`: what the caller was told."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.accounts.authentication import caller
from ledger.notifications import actions as notifications
from ledger.notifications.models import Notification


class NotificationOutput(serializers.ModelSerializer[Notification]):
    class Meta:
        model = Notification
        fields = ("id", "kind", "about_id", "details", "read_at", "created_at")
        read_only_fields = fields


@extend_schema(summary="List what you were told, newest first")
class NotificationListView(ListAPIView[Notification]):
    """`GET /v1/notifications`: the caller's own, newest first."""

    serializer_class = NotificationOutput

    def get_queryset(self) -> QuerySet[Notification]:
        return Notification.objects.filter(account_id=caller(self.request).id)


class NotificationReadView(APIView):
    """`PUT /v1/notifications/{notification_id}/read`: note that it was read."""

    @extend_schema(
        summary="Mark a notification as read",
        request=None,
        responses={204: None, 404: OpenApiResponse(description="`notification-not-found`")},
    )
    def put(self, request: Request, notification_id: UUID) -> Response:
        notifications.mark_read(
            notification_id=notification_id, account_id=caller(request).id, at=timezone.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
