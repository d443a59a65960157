"""The stand-in's HTTP server, its faults, and its control endpoint below `/_control/`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rights.settlement.stand_in import api, webhooks
from rights.settlement.stand_in.money import Money
from rights.settlement.stand_in.payees import STATUSES, Payees
from rights.settlement.stand_in.problems import ApiError, invalid
from rights.settlement.stand_in.store import Store

Body = dict[str, Any]

BODY_SIZE_BYTES_MAX = 1_048_576
DELAY_S_MAX = 60.0
FAULTS = frozenset(
    {
        "drop_request",  # Nothing happens, and the connection closes.
        "drop_answer",  # It happens, and the connection closes.
        "delay",  # It happens `seconds` later.
        "error",  # Nothing happens; `status` is answered, and not remembered.
        "stored_500",  # Nothing happens; a 500 is answered, and remembered.
        "stored_500_after",  # It happens; a 500 is answered, and remembered.
        "webhook_drop",
        "webhook_duplicate",
        "webhook_delay",
        "webhook_reorder",
    }
)


class NotLoopback(ValueError):
    """The stand-in was asked to listen where others could reach it."""


class StandIn(ThreadingHTTPServer):
    """The server and its state. Threads serve requests; the store makes them take turns."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], *, store: Store) -> None:
        if not ip_address(address[0]).is_loopback:
            raise NotLoopback(address[0])
        super().__init__(address, _Handler)
        self.store = store
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def now(self) -> float:
        """Return the stand-in's time: the clock's, and as far ahead as it was told to be."""
        return time.time() + float(self.store.setting("ahead_s", 0))

    @contextmanager
    def only_one(self, key: str | None) -> Iterator[None]:
        """Refuse a key whose first request is still under way, as Stripe does."""
        with self._lock:
            if key in self._under_way:
                raise ApiError(409, kind="idempotency_error", code="idempotency_key_in_use")
            if key:
                self._under_way.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(key or "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn
    timeout = 60

    def do_GET(self) -> None:  # The library's name.
        self._serve(b"")

    def do_POST(self) -> None:  # The library's name.
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_SIZE_BYTES_MAX:
            self._send(api.Reply(413, "{}"))
            self.close_connection = True
            return
        self._serve(self.rfile.read(int(length)))

    def do_DELETE(self) -> None:  # The library's name.
        self._serve(b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The library's name.
        """Requests are not logged: they hold keys."""

    def _serve(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = api.Call(self.command, parts.path, parts.query, body, headers)
        if parts.path.startswith("/_control/"):
            self._send(_controlled(self.server, call))
            return
        fault = self._fault(call)
        kind = fault.get("kind")
        if kind == "drop_request":
            self._drop()
            return
        if kind == "error":
            error = {"error": {"type": "api_error", "message": "A fault, as asked."}}
            self._send(api.Reply(int(fault.get("status", 503)), json.dumps(error)))
            return
        try:
            with self.server.only_one(call.key):
                reply = self._reply(call, fault)
        except ApiError as exc:
            reply = api.Reply(exc.status, json.dumps(exc.body))
        if kind == "drop_answer":
            self._drop()
        else:
            self._send(reply)

    def _reply(self, call: api.Call, fault: Body) -> api.Reply:
        kind, store = fault.get("kind"), self.server.store
        if kind == "delay":
            time.sleep(min(float(fault.get("seconds", 1)), DELAY_S_MAX))
        if kind == "stored_500":
            return api.keep_500(store, call, now=self.server.now())
        is_kept_500 = kind == "stored_500_after"
        return api.answer(store, call, now=self.server.now(), kept_500=is_kept_500)

    def _fault(self, call: api.Call) -> Body:
        """Return the first fault that is meant for this request, and spend it once."""
        store = self.server.store
        with store.transaction():
            for sequence, fault in store.faults():
                is_meant = (
                    not fault["kind"].startswith("webhook_")
                    and fault.get("method", call.method).upper() == call.method
                    and call.path.startswith(fault.get("path", "/"))
                    and call.path.endswith(fault.get("ends", ""))
                )
                if is_meant:
                    store.spend_fault(sequence)
                    return fault
        return {}

    def _drop(self) -> None:
        self.close_connection = True

    def _send(self, reply: api.Reply) -> None:
        data = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Request-Id", f"req_standin_{time.monotonic_ns()}")
        if reply.is_replayed:
            self.send_header("Idempotent-Replayed", "true")
        if reply.status == 500:
            self.send_header("Stripe-Should-Retry", "false")
        self.end_headers()
        self.wfile.write(data)


def _controlled(server: StandIn, call: api.Call) -> api.Reply:
    """Do what a test, or the demo, asks of the world beyond the API."""
    try:
        values = json.loads(call.body or b"{}")
        with server.store.transaction():
            return api.Reply(200, json.dumps(_control(server, call, values)))
    except ApiError as exc:
        return api.Reply(exc.status, json.dumps(exc.body))
    except (ValueError, KeyError, TypeError):
        return api.Reply(400, json.dumps({"error": {"message": "malformed"}}))


def _control(server: StandIn, call: api.Call, values: Body) -> Body:
    store, now = server.store, int(server.now())

    def emit(kind: str, body: Body) -> None:
        webhooks.emit(store, kind, body, key=None, now=now)

    action, _, identity = call.path.removeprefix("/_control/").partition("/")
    match call.method, action:
        case "POST", "faults":
            if values["kind"] not in FAULTS:
                raise invalid("Unknown fault", parameter="kind")
            store.add_fault(values, times=int(values.get("times", 1)))
        case "DELETE", "faults":
            store.clear_faults()
        case "POST", "payees" if identity:
            payees = Payees(store, now=now, emit=emit)
            payees.change(
                identity, status=_status(values.get("status")), balances=values.get("balances")
            )
        case "POST", "settings":
            for name in {"payee_status", "hold_for_s"} & values.keys():
                store.set_setting(name, values[name])
        case "POST", "clock":
            ahead_s = float(store.setting("ahead_s", 0)) + float(values["seconds"])
            store.set_setting("ahead_s", ahead_s)
            money = Money(store, now=int(server.now()), emit=emit)
            return {"lapsed": money.lapse_holds()}
        case "GET", "objects" if identity:
            return {"data": list(store.newest_first(identity))}
        case "GET", "health":
            return {"status": "ok", "deliveries": store.count_deliveries()}
        case _:
            raise ApiError(404, message="No such control")
    return {"done": True}


def _status(value: Any) -> str | None:
    if value is not None and value not in STATUSES:
        raise invalid("Unknown status", parameter="status")
    return value if value is None else str(value)


@contextmanager
def running(
    *, host: str, port: int, state: Path, webhook_url: str | None, webhook_secret: str
) -> Iterator[StandIn]:
    """Serve until the body ends. Port 0 takes a free one; without `webhook_url` nobody is told.

    Raises:
        NotLoopback: `host` is not a loopback address.
    """
    store = Store(state)
    courier = None
    try:
        server = StandIn((host, port), store=store)
        if webhook_url:
            courier = webhooks.Courier(store, url=webhook_url, secret=webhook_secret)
            courier.start()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)
    finally:
        if courier is not None:
            courier.stop()
        store.close()
