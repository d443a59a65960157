"""System checks of money: production never runs on the stand-in, and figures are within reason."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from rights.licences.money import BASIS_POINTS

STAND_IN_MARK = "standin"


def check(**_: Any) -> list[checks.CheckMessage]:
    """Return what is wrong with the settings of money."""
    found: list[checks.CheckMessage] = []
    if not 0 <= settings.PLATFORM_FEE_BPS <= BASIS_POINTS:
        found.append(checks.Error("PLATFORM_FEE_BPS must be 0 to 10,000.", id="rights.E001"))
    if settings.QUOTE_TTL_S <= 0 or settings.REFUND_WINDOW_DAYS < 0:
        found.append(
            checks.Error(
                "QUOTE_TTL_S and REFUND_WINDOW_DAYS must not be negative.", id="rights.E002"
            )
        )
    if settings.STRIPE_TIMEOUT_S <= 0 or not 0 <= settings.STRIPE_RETRIES_MAX <= 3:
        found.append(
            checks.Error(
                "STRIPE_TIMEOUT_S must be positive, STRIPE_RETRIES_MAX 0 to 3: a call must end "
                "within the time after which it is looked up.",
                id="rights.E003",
            )
        )
    if settings.IS_PRODUCTION:
        found += _of_production()
    return found


def _of_production() -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    if settings.STRIPE_API_BASE:
        found.append(
            checks.Error(
                "Production talks to Stripe itself: STRIPE_API_BASE must be empty.",
                id="rights.E004",
            )
        )
    if not settings.STRIPE_SECRET_KEY or STAND_IN_MARK in settings.STRIPE_SECRET_KEY:
        found.append(
            checks.Error("Production needs a STRIPE_SECRET_KEY of its own.", id="rights.E005")
        )
    if not settings.STRIPE_WEBHOOK_SECRET or STAND_IN_MARK in settings.STRIPE_WEBHOOK_SECRET:
        found.append(
            checks.Error("Production needs a STRIPE_WEBHOOK_SECRET of its own.", id="rights.E006")
        )
    return found
