"""Telling the service what happened: signed, at least once, and out of order when asked to."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import requests
from stripe import WebhookSignature

from rights.settlement.stand_in.store import Store, new_id

Body = dict[str, Any]

API_VERSION = "2026-10-28.endive"
BATCH = 20
TRIES_MAX = 20
BACKOFF_S_MAX = 30
TIMEOUT_S = 10
POLL_S = 0.1
REORDER_S = 1.5  # How much later the first of two comes, once they are told to change places.


def emit(store: Store, kind: str, body: Body, *, key: str | None, now: int) -> None:
    """Keep an event, and owe its delivery, in the request's own transaction.

    The faults `webhook_drop`, `webhook_duplicate`, `webhook_delay` and `webhook_reorder` change that.
    """
    event = _thin(kind, body, now) if kind.startswith("v2.") else _snapshot(kind, body, key, now)
    store.add("event" if event["object"] == "event" else "v2.event", event)
    delay_s, copies = 0.0, 1
    for sequence, fault in store.faults():
        if not fault["kind"].startswith("webhook_") or fault.get("type", kind) != kind:
            continue
        store.spend_fault(sequence)
        copies = {"webhook_drop": 0, "webhook_duplicate": 2}.get(fault["kind"], copies)
        if fault["kind"] in {"webhook_delay", "webhook_reorder"}:
            delay_s = float(fault.get("seconds", REORDER_S))
        break
    text = json.dumps(event)
    for _ in range(copies):
        store.owe_delivery(text, due_at=time.time() + delay_s)


def _snapshot(kind: str, body: Body, key: str | None, now: int) -> Body:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": body},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req"), "idempotency_key": key},
        "type": kind,
    }


def _thin(kind: str, body: Body, now: int) -> Body:
    return {
        "id": new_id("evt"),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": False,
        "related_object": {
            "id": body["id"],
            "type": body["object"],
            "url": f"/v2/core/accounts/{body['id']}",
        },
        "type": kind,
    }


class Courier(threading.Thread):
    """Delivers owed events until it is stopped; what is not delivered stays owed in the file."""

    def __init__(self, store: Store, *, url: str, secret: str) -> None:
        super().__init__(name="stripe-stand-in-webhooks", daemon=True)
        self._store, self._url, self._secret = store, url, secret
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join(TIMEOUT_S)

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # Loopback only: never through a proxy.
            while not self._stopping.is_set():
                with self._store.transaction():
                    due = self._store.due_deliveries(at=time.time(), limit=BATCH)
                for sequence, body, tries in due:
                    self._deliver(session, sequence, body, tries)
                self._stopping.wait(0 if due else POLL_S)

    def _deliver(self, session: requests.Session, sequence: int, body: str, tries: int) -> None:
        header = WebhookSignature.generate_signature_header(body, self._secret)
        try:
            reply = session.post(
                self._url,
                data=body.encode(),
                headers={"Stripe-Signature": header, "Content-Type": "application/json"},
                timeout=TIMEOUT_S,
            )
            is_taken = reply.status_code < 300
        except requests.RequestException:
            is_taken = False
        with self._store.transaction():
            if is_taken or tries >= TRIES_MAX:
                self._store.delivered(sequence)
            else:
                wait_s = min(2.0**tries * 0.25, BACKOFF_S_MAX)
                self._store.postpone_delivery(sequence, due_at=time.time() + wait_s)
