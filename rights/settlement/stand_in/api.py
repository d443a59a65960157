"""One request at the stand-in: checked against the contract, carried out, expanded, remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from rights.settlement.stand_in import contract, webhooks
from rights.settlement.stand_in.money import Money
from rights.settlement.stand_in.payees import Payees
from rights.settlement.stand_in.problems import ApiError, invalid, missing
from rights.settlement.stand_in.store import Answer, Store

Body = dict[str, Any]
Handler = Callable[..., Body]

API_VERSION = "2026-10-28.endive"
PAGE_MAX = 100
LISTS = {
    "/v1/payment_intents": ("payment_intent", ()),
    "/v1/charges": ("charge", ("payment_intent", "transfer_group")),
    "/v1/refunds": ("refund", ("charge", "payment_intent")),
    "/v1/transfers": ("transfer", ("destination", "transfer_group")),
    "/v1/balance_transactions": ("balance_transaction", ("source", "type", "currency")),
    "/v1/events": ("event", ("type",)),
}
OBJECTS = {
    "/v1/payment_intents/{intent}": "payment_intent",
    "/v1/charges/{charge}": "charge",
    "/v1/refunds/{refund}": "refund",
    "/v1/transfers/{transfer}": "transfer",
    "/v1/balance_transactions/{id}": "balance_transaction",
    "/v1/events/{id}": "event",
}


@dataclass(frozen=True)
class Call:
    """One HTTP request, as it came."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key") if self.method != "GET" else None

    @property
    def fingerprint(self) -> str:
        parts = (self.method.encode(), self.path.encode(), self.query.encode(), self.body)
        return hashlib.sha256(b"\n".join(parts)).hexdigest()


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: str
    is_replayed: bool = False


def answer(store: Store, call: Call, *, now: float, kept_500: bool = False) -> Reply:
    """Answer one request in one transaction: its effects, its events and its remembered answer.

    Args:
        kept_500: a fault: have the effect, and yet answer and remember a 500.
    """
    try:
        _check_caller(call)
        with store.transaction():
            kept = store.answer(call.key, at=now) if call.key else None
            if kept is not None:
                return _replayed(kept, call)
        return _answer_new(store, call, now=now, kept_500=kept_500)
    except ApiError as exc:
        return Reply(exc.status, json.dumps(exc.body))


def keep_500(store: Store, call: Call, *, now: float) -> Reply:
    """A fault: answer a 500 without any effect, and remember it for the key."""
    reply = Reply(500, json.dumps({"error": {"type": "api_error", "message": "Sorry."}}))
    with store.transaction():
        if call.key:
            store.keep_answer(call.key, Answer(call.fingerprint, 500, reply.body), at=now)
    return reply


def _answer_new(store: Store, call: Call, *, now: float, kept_500: bool) -> Reply:
    """Do the work. A refusal that Stripe remembers keeps what it changed: a declined card does."""
    with store.transaction():
        try:
            reply = Reply(200, json.dumps(_carry_out(store, call, now=now)))
        except ApiError as exc:
            if not exc.is_kept:
                raise
            reply = Reply(exc.status, json.dumps(exc.body))
        if kept_500:
            reply = Reply(500, json.dumps({"error": {"type": "api_error", "message": "Sorry."}}))
        if call.key:
            kept = Answer(call.fingerprint, reply.status, reply.body)
            store.keep_answer(call.key, kept, at=now)
        return reply


def _replayed(kept: Answer, call: Call) -> Reply:
    if kept.fingerprint != call.fingerprint:
        raise ApiError(
            400,
            kind="idempotency_error",
            message="Keys for idempotent requests can only be used with the same parameters.",
            is_kept=False,
        )
    return Reply(kept.status, kept.body, is_replayed=True)


def _check_caller(call: Call) -> None:
    key = call.headers.get("authorization", "").removeprefix("Bearer ")
    if not key.startswith(("sk_test_", "rk_test_")):
        raise ApiError(401, message="Invalid API Key provided.", is_kept=False)
    version = call.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version}")


def _carry_out(store: Store, call: Call, *, now: float) -> Body:
    found = contract.find(call.method, call.path)
    if found is None:
        message = f"Unrecognized request URL ({call.method}: {call.path})."
        raise ApiError(404, message=message, is_kept=False)
    route, names = found
    values = contract.checked(route, _values(call))
    handler = _handlers(store, call, now=int(now)).get((route.method, route.path))
    if handler is not None:
        return _expanded(store, handler(values, *names), values.get("expand") or [])
    if route.method == "get" and route.path in LISTS:
        kind, filters = LISTS[route.path]
        return _listed(store, store.newest_first(kind), values, filters, url=call.path)
    if route.method == "get" and route.path in OBJECTS:
        body = store.get(names[0], OBJECTS[route.path])
        if body is None:
            raise missing(OBJECTS[route.path], names[0])
        return _expanded(store, body, values.get("expand") or [])
    raise ApiError(501, message=f"The stand-in does not play {route.path}.", is_kept=False)


def _handlers(store: Store, call: Call, *, now: int) -> dict[tuple[str, str], Handler]:
    def emit(kind: str, body: Body) -> None:
        webhooks.emit(store, kind, body, key=call.key, now=now)

    money, payees = Money(store, now=now, emit=emit), Payees(store, now=now, emit=emit)

    def reversals(values: Body, transfer: str) -> Body:
        own = (
            row for row in store.newest_first("transfer_reversal") if row["transfer"] == transfer
        )
        return _listed(store, own, values, (), url=call.path)

    return {
        ("post", "/v1/payment_intents"): money.create_intent,
        ("post", "/v1/payment_intents/{intent}/confirm"): money.confirm_intent,
        ("post", "/v1/payment_intents/{intent}/capture"): money.capture_intent,
        ("post", "/v1/payment_intents/{intent}/cancel"): money.cancel_intent,
        ("post", "/v1/refunds"): money.create_refund,
        ("post", "/v1/transfers"): money.create_transfer,
        ("post", "/v1/transfers/{id}/reversals"): money.create_reversal,
        ("get", "/v1/transfers/{id}/reversals"): reversals,
        ("post", "/v2/core/accounts"): payees.create,
        ("get", "/v2/core/accounts/{id}"): payees.retrieve,
        ("post", "/v2/core/account_links"): payees.create_link,
    }


def _values(call: Call) -> Body:
    if call.method == "POST" and call.path.startswith("/v2/"):
        try:
            values = json.loads(call.body or b"{}")
        except ValueError as exc:
            raise invalid("Malformed JSON") from exc
        if not isinstance(values, dict):
            raise invalid("The body must be an object")
        return values
    text = call.query if call.method == "GET" else call.body.decode("utf-8", "replace")
    return contract.decoded(parse_qsl(text, keep_blank_values=True))


def _listed(
    store: Store, rows: Iterator[Body], values: Body, filters: tuple[str, ...], *, url: str
) -> Body:
    """Return one page, newest first, filtered and after `starting_after`."""
    limit = values.get("limit", 10)
    if not 1 <= limit <= PAGE_MAX:
        raise invalid("Limit must be from 1 to 100", parameter="limit")
    matching = [
        row
        for row in rows
        if all(row.get(name) == values[name] for name in filters if name in values)
        and _is_within(row["created"], values.get("created"))
    ]
    after = values.get("starting_after")
    if after is not None:
        places = [place for place, row in enumerate(matching) if row["id"] == after]
        if not places:
            raise missing("object", after, parameter="starting_after")
        matching = matching[places[0] + 1 :]
    page = {
        "object": "list",
        "data": matching[:limit],
        "has_more": len(matching) > limit,
        "url": url,
    }
    return _expanded(store, page, values.get("expand") or [])


def _is_within(created: int, period: Any) -> bool:
    if period is None or isinstance(period, int):
        return period is None or created == period
    compare = {
        "gt": created.__gt__,
        "gte": created.__ge__,
        "lt": created.__lt__,
        "lte": created.__le__,
    }
    return all(compare[name](bound) for name, bound in period.items())


def _expanded(store: Store, body: Body, paths: list[str]) -> Body:
    """Replace ids by their objects along each path: `latest_charge.balance_transaction`."""
    body = json.loads(json.dumps(body))
    for path in paths:
        _expand(store, body, path.split("."))
    return body


def _expand(store: Store, node: Any, steps: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(store, item, steps)
        return
    if not isinstance(node, dict) or not steps:
        return
    name, *rest = steps
    if name not in node:
        raise invalid(f"This property cannot be expanded ({name}).", parameter="expand")
    if isinstance(node[name], str):
        node[name] = store.get(node[name]) or node[name]
    _expand(store, node[name], rest)
