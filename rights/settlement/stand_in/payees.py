"""Accounts v2 with a recipient configuration, as Stripe answers them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rights.settlement.stand_in.problems import missing
from rights.settlement.stand_in.store import Store, new_id

Body = dict[str, Any]

STATUSES = ("active", "pending", "restricted", "unsupported")
INCLUDABLE = ("configuration", "defaults", "identity", "requirements", "future_requirements")


class Payees:
    """The account resources at one moment."""

    def __init__(self, store: Store, *, now: int, emit: Callable[[str, Body], None]) -> None:
        self.store, self.now, self.emit = store, now, emit

    def create(self, values: Body) -> Body:
        wanted = values.get("configuration") or {}
        account = {
            "id": new_id("acct"),
            "object": "v2.core.account",
            "applied_configurations": sorted(wanted),
            "closed": False,
            "configuration": wanted,
            "contact_email": values.get("contact_email"),
            "created": _moment(self.now),
            "dashboard": values.get("dashboard"),
            "defaults": values.get("defaults"),
            "display_name": values.get("display_name"),
            "identity": values.get("identity"),
            "livemode": False,
            "metadata": values.get("metadata") or {},
            "_status": self.store.setting("payee_status", "active"),
            "_balance": {},
        }
        self.store.add("account", account)
        self.emit("v2.core.account.created", account)
        return self.shown(account, values.get("include") or [])

    def retrieve(self, values: Body, identity: str) -> Body:
        return self.shown(self.get(identity), values.get("include") or [])

    def create_link(self, values: Body) -> Body:
        account = self.get(values["account"])
        return {
            "object": "v2.core.account_link",
            "account": account["id"],
            "created": _moment(self.now),
            "expires_at": _moment(self.now + 300),
            "livemode": False,
            "url": f"https://connect.stripe.invalid/setup/{new_id('link')}",
            "use_case": values["use_case"],
        }

    def change(self, identity: str, *, status: str | None, balances: dict[str, int] | None) -> Body:
        """Change what only Stripe can change: a capability's status, a balance."""
        account = self.get(identity)
        if balances is not None:
            account["_balance"] = balances
        is_changed = status is not None and status != account["_status"]
        account["_status"] = status or account["_status"]
        self.store.save(account)
        if is_changed:
            self.emit("v2.core.account[configuration.recipient].capability_status_updated", account)
        return self.shown(account, ["configuration.recipient"])

    def get(self, identity: str) -> Body:
        account = self.store.get(identity, "account")
        if account is None:
            raise missing("account", identity)
        return account

    def shown(self, account: Body, include: list[str]) -> Body:
        """Return an account as the API shows it: parts that were not included are null."""
        asked = {name.partition(".")[0] for name in include}
        shown = {name: value for name, value in account.items() if not name.startswith("_")}
        for name in INCLUDABLE:
            shown[name] = shown.get(name) if name in asked else None
        if "configuration.recipient" in include:
            details = []
            if account["_status"] != "active":
                details = [{"code": "requirements_past_due", "resolution": "provide_info"}]
            transfers = {"status": account["_status"], "status_details": details}
            shown["configuration"] = {
                "customer": None,
                "merchant": None,
                "recipient": {
                    "applied": True,
                    "capabilities": {"stripe_balance": {"stripe_transfers": transfers}},
                },
            }
        return shown


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
