"""Telling Stripe's events from anybody's bytes. Pure: bytes, header, secret and time in, notice out."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from ledger.errors import Malformed
from rights.settlement.gateway import Notice

TOLERANCE = timedelta(minutes=5)
SIZE_BYTES_MAX = 512 * 1024
SIGNATURES_MAX = 16
TEXT_LENGTH_MAX = 255


class WebhookRefused(Malformed):
    """One answer for all: a forger learns nothing from it. `reason` is for our own log."""

    code = "webhook-refused"
    title = "This is not an event for us."
    http_status = 400

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def verify(
    body: bytes, header: str, *, secret: str, is_live: bool, account: str, at: datetime
) -> Notice:
    """Return the event that Stripe signed, within five minutes of `at` either way.

    The SDK's own check accepts a time-stamp from the future, so this one is ours.

    Args:
        is_live: whether our key is a live one; events of the other mode are refused.
        account: our own account, `acct_…`. An event that names another one is refused.

    Raises:
        WebhookRefused: forged, stale, from the future, of another mode or account, or not an event.

    Source: https://docs.stripe.com/webhooks#verify-manually
    """
    if not secret or len(body) > SIZE_BYTES_MAX:
        raise WebhookRefused("size")
    stamp, signatures = _parse(header)
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures):
        raise WebhookRefused("signature")
    if abs(int(stamp) - at.timestamp()) > TOLERANCE.total_seconds():
        raise WebhookRefused("time")
    notice = _notice(body)
    if notice.is_live != is_live:
        raise WebhookRefused("mode")
    if notice.account and notice.account != account:
        raise WebhookRefused("account")
    return notice


def _parse(header: str) -> tuple[str, list[str]]:
    pairs = [item.partition("=") for item in header.split(",")]
    stamps = [value for name, _, value in pairs if name.strip() == "t"]
    signatures = [value for name, _, value in pairs if name.strip() == "v1"]
    is_stamped = len(stamps) == 1 and stamps[0].isascii() and stamps[0].isdigit()
    if not is_stamped or len(stamps[0]) > 12 or not 0 < len(signatures) <= SIGNATURES_MAX:
        raise WebhookRefused("header")
    return stamps[0], signatures


def _notice(body: bytes) -> Notice:
    """Read a snapshot event (v1) or a thin one (v2)."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise WebhookRefused("json") from exc
    if not isinstance(event, dict):
        raise WebhookRefused("shape")
    if event.get("object") == "v2.core.event":
        about, account = event.get("related_object"), event.get("context")
    elif event.get("object") == "event":
        data = event.get("data")
        about = data.get("object") if isinstance(data, dict) else None
        account = event.get("account")
    else:
        raise WebhookRefused("shape")
    object_id = about.get("id") if isinstance(about, dict) else None
    return Notice(
        id=_text(event.get("id")),
        type=_text(event.get("type")),
        object_id=_text(object_id) if object_id is not None else "",
        is_live=_flag(event.get("livemode")),
        account=_text(account) if account else "",
    )


def _text(value: Any) -> str:
    is_plain = isinstance(value, str) and 0 < len(value) <= TEXT_LENGTH_MAX
    if not is_plain or not value.isprintable():
        raise WebhookRefused("shape")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WebhookRefused("shape")
    return value
