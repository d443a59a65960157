"""`POST /webhooks/stripe`: the one door for Stripe's events."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ledger.http import problems
from rights.settlement import events, webhooks

logger = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> JsonResponse:
    """Keep one event and answer 200; its processing follows. Anything else is 400, and changes nothing."""
    at = timezone.now()
    try:
        notice = webhooks.verify(
            request.body,
            request.headers.get("Stripe-Signature", ""),
            secret=settings.STRIPE_WEBHOOK_SECRET,
            is_live=settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")),
            account=settings.STRIPE_ACCOUNT,
            at=at,
        )
    except webhooks.WebhookRefused as exc:
        logger.warning("stripe.webhook_refused", reason=exc.reason)
        return _refusal(exc)
    except (RequestDataTooBig, UnreadablePostError):
        logger.warning("stripe.webhook_refused", reason="body")
        return _refusal(webhooks.WebhookRefused("body"))
    is_new = events.receive(notice, at=at)
    logger.info("stripe.webhook", event_id=notice.id, type=notice.type, is_new=is_new)
    return JsonResponse({"received": True})


def _refusal(error: webhooks.WebhookRefused) -> JsonResponse:
    body = problems.of_error(error)
    return JsonResponse(body, status=body["status"], content_type=problems.CONTENT_TYPE)
