"""Production refuses what only development may use."""

from __future__ import annotations

from typing import Any

import pytest

from rights.settlement.checks import check


def ids() -> list[str]:
    return [str(message.id) for message in check()]


@pytest.fixture
def production(settings: Any) -> Any:
    """Settings that production may run with."""
    settings.IS_PRODUCTION = True
    settings.STRIPE_API_BASE = ""
    settings.STRIPE_SECRET_KEY = "sk_live_1"
    settings.STRIPE_WEBHOOK_SECRET = "whsec_1"
    return settings


class TestCheck:
    def test_lets_development_use_the_stand_in(self, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:12111"

        assert ids() == []

    @pytest.mark.usefixtures("production")
    def test_lets_production_use_stripe(self) -> None:
        assert ids() == []

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("STRIPE_API_BASE", "http://127.0.0.1:12111", "rights.E004"),
            ("STRIPE_API_BASE", "https://stripe.example", "rights.E004"),
            ("STRIPE_SECRET_KEY", "sk_test_standin", "rights.E005"),
            ("STRIPE_SECRET_KEY", "", "rights.E005"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_standin", "rights.E006"),
            ("STRIPE_WEBHOOK_SECRET", "", "rights.E006"),
            ("PLATFORM_FEE_BPS", 10_001, "rights.E001"),
            ("PLATFORM_FEE_BPS", -1, "rights.E001"),
            ("QUOTE_TTL_S", 0, "rights.E002"),
            ("REFUND_WINDOW_DAYS", -1, "rights.E002"),
            ("STRIPE_TIMEOUT_S", 0, "rights.E003"),
            ("STRIPE_RETRIES_MAX", 4, "rights.E003"),
        ],
    )
    def test_refuses(self, production: Any, name: str, value: object, wanted: str) -> None:
        setattr(production, name, value)

        assert ids() == [wanted]
