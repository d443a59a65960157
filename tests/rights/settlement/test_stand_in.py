"""The stand-in answers as Stripe does, and refuses what Stripe refuses."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from rights.settlement.stand_in import contract, server
from rights.settlement.stand_in.problems import ApiError
from tests.factories import settlement
from tests.factories.settlement import World

INTENT = {
    "amount": "1000",
    "currency": "usd",
    "capture_method": "manual",
    "confirm": "true",
    "payment_method": "pm_card_visa",
}


def post(world: World, path: str, form: dict[str, Any], key: str | None = None) -> Any:
    return requests.post(
        world.base_url + path,
        data=form,
        headers={
            "Authorization": "Bearer sk_test_x",
            "Idempotency-Key": key or str(uuid.uuid4()),
        },
        timeout=10,
    )


class TestContract:
    def test_knows_every_route_of_the_sdk(self) -> None:
        assert len(contract.routes()) == 649

    def test_prefers_the_exact_path(self) -> None:
        found = contract.find("GET", "/v1/payment_intents/search")

        assert found is not None
        assert found[0].path == "/v1/payment_intents/search"

    def test_resolves_the_parameters_of_every_route(self) -> None:
        """So no type of the SDK is one that the check cannot read."""
        for route in contract.routes():
            if route.parameters:
                contract._hints(contract._class_of(route))

    @pytest.mark.parametrize(
        ("changes", "parameter"),
        [
            ({"payment_method_types[0]": "card"}, "payment_method_types"),
            ({"application_fee": "1"}, "application_fee"),
            ({"capture_method": "later"}, "capture_method"),
            ({"amount": "ten"}, "amount"),
            ({"amount": "1.5"}, "amount"),
            ({"confirm": "yes"}, "confirm"),
            ({"automatic_payment_methods[enable]": "true"}, "automatic_payment_methods[enable]"),
            ({"automatic_payment_methods[allow_redirects]": "never"},
             "automatic_payment_methods[enabled]"),
            ({"metadata": "x"}, "metadata"),
            ({"expand": "latest_charge"}, "expand"),
            ({"amount": None}, "amount"),
        ],
    )  # fmt: skip
    def test_refuses_what_the_sdk_does_not_name(
        self, world: World, changes: dict[str, Any], parameter: str
    ) -> None:
        answer = post(world, "/v1/payment_intents", INTENT | changes)

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, parameter)
        assert world.objects("payment_intent") == []

    @pytest.mark.parametrize(
        "pairs",
        [
            [("a", "1"), ("a[b]", "2")],
            [("[]", "1")],
            [("a" + "[b]" * 20, "1")],
            [("a", "1")] * 1_001,
        ],
    )
    def test_refuses_forms_that_do_not_nest(self, pairs: list[tuple[str, str]]) -> None:
        with pytest.raises(ApiError):
            contract.decoded(pairs)

    def test_decodes_lists_and_objects(self) -> None:
        pairs = [("a[b][1]", "y"), ("a[b][0]", "x"), ("c", "z")]

        assert contract.decoded(pairs) == {"a": {"b": ["x", "y"]}, "c": "z"}


class TestShapes:
    """What the stand-in answers has only names that the SDK's own classes know."""

    @pytest.mark.parametrize(
        ("kind", "cls"),
        [
            ("payment_intent", stripe.PaymentIntent),
            ("charge", stripe.Charge),
            ("refund", stripe.Refund),
            ("transfer", stripe.Transfer),
            ("transfer_reversal", stripe.TransferReversal),
            ("balance_transaction", stripe.BalanceTransaction),
            ("event", stripe.Event),
        ],
    )
    @pytest.mark.django_db
    def test_are_named_as_stripes(self, world: World, kind: str, cls: type) -> None:
        licence = settlement.captured(world.stripe)
        account = world.objects("account")[0]["id"]
        transfer = post(
            world,
            "/v1/transfers",
            {
                "amount": "900",
                "currency": "usd",
                "destination": account,
                "source_transaction": licence.charge,
            },
        ).json()
        post(world, f"/v1/transfers/{transfer['id']}/reversals", {})
        post(world, "/v1/refunds", {"charge": licence.charge})

        for row in world.objects(kind):
            assert row.keys() <= cls.__annotations__.keys()


class TestIdempotency:
    def test_repeats_the_first_answer(self, world: World) -> None:
        first, second = (post(world, "/v1/payment_intents", INTENT, "key") for _ in range(2))

        assert first.json() == second.json()
        assert second.headers["Idempotent-Replayed"] == "true"

    def test_repeats_a_decline(self, world: World) -> None:
        form = INTENT | {"payment_method": "pm_card_chargeDeclined"}

        answers = [post(world, "/v1/payment_intents", form, "key") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [402, 402]
        assert len(world.objects("payment_intent")) == 1

    def test_repeats_a_stored_500(self, world: World) -> None:
        world.fault("stored_500", path="/v1/payment_intents")

        answers = [post(world, "/v1/payment_intents", INTENT, "key") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [500, 500]
        assert world.objects("payment_intent") == []

    def test_forgets_a_key_after_a_day(self, world: World) -> None:
        post(world, "/v1/payment_intents", INTENT, "key")
        world.advance(24 * 3600 + 1)

        post(world, "/v1/payment_intents", INTENT, "key")

        assert len(world.objects("payment_intent")) == 2

    def test_refuses_a_key_with_another_request(self, world: World) -> None:
        post(world, "/v1/payment_intents", INTENT, "key")

        answer = post(world, "/v1/payment_intents", INTENT | {"amount": "2000"}, "key")

        assert answer.json()["error"]["type"] == "idempotency_error"

    def test_forgets_what_was_refused_before_it_began(self, world: World) -> None:
        refused = post(world, "/v1/payment_intents", INTENT | {"amount": "x"}, "key")

        answer = post(world, "/v1/payment_intents", INTENT, "key")

        assert (refused.status_code, answer.status_code) == (400, 200)


class TestRefusals:
    def test_wants_a_test_key(self, world: World) -> None:
        answer = requests.get(
            f"{world.base_url}/v1/payment_intents",
            headers={"Authorization": "Bearer sk_live_x"},
            timeout=10,
        )

        assert answer.status_code == 401

    def test_wants_the_pinned_version(self, world: World) -> None:
        answer = requests.get(
            f"{world.base_url}/v1/payment_intents",
            headers={"Authorization": "Bearer sk_test_x", "Stripe-Version": "2020-08-27"},
            timeout=10,
        )

        assert answer.status_code == 400

    @pytest.mark.parametrize(
        ("path", "status"), [("/v1/nothing", 404), ("/v1/customers", 501), ("/", 404)]
    )
    def test_says_what_it_does_not_play(self, world: World, path: str, status: int) -> None:
        assert post(world, path, {}).status_code == status

    @pytest.mark.parametrize(
        ("amount", "code"), [("49", "amount_too_small"), ("100000000", "amount_too_large")]
    )
    def test_keeps_to_the_limits_of_a_charge(self, world: World, amount: str, code: str) -> None:
        answer = post(world, "/v1/payment_intents", INTENT | {"amount": amount})

        assert answer.json()["error"]["code"] == code

    def test_sends_no_more_than_was_charged(self, world: World) -> None:
        intent = post(world, "/v1/payment_intents", INTENT).json()
        post(world, f"/v1/payment_intents/{intent['id']}/capture", {})
        account = world.stripe.create_recipient(
            key=uuid.uuid4(), account_id=uuid.uuid4(), email="a@example.org", country="US"
        )

        answer = post(
            world,
            "/v1/transfers",
            {
                "amount": "1001",
                "currency": "usd",
                "destination": account.id,
                "source_transaction": intent["latest_charge"],
            },
        )

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "amount")

    def test_refunds_no_more_than_is_left(self, world: World) -> None:
        intent = post(world, "/v1/payment_intents", INTENT).json()
        post(world, f"/v1/payment_intents/{intent['id']}/capture", {})
        post(world, "/v1/refunds", {"payment_intent": intent["id"], "amount": "600"})

        answer = post(world, "/v1/refunds", {"payment_intent": intent["id"], "amount": "401"})

        assert answer.status_code == 400

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"kind": "unknown"}', b"{}"])
    def test_refuses_malformed_controls(self, world: World, body: bytes) -> None:
        answer = requests.post(f"{world.base_url}/_control/faults", data=body, timeout=10)

        assert answer.status_code == 400

    @pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
    def test_listens_on_loopback_only(self, host: str, tmp_path: Path) -> None:
        running = server.running(
            host=host, port=0, state=tmp_path / "s", webhook_url=None, webhook_secret="x"
        )

        with pytest.raises(server.NotLoopback), running:
            pass


class TestState:
    def test_survives_a_restart(self, tmp_path: Path) -> None:
        state = tmp_path / "state.sqlite"
        for expected in (0, 1):
            with server.running(
                host="127.0.0.1", port=0, state=state, webhook_url=None, webhook_secret="x"
            ) as stand_in:
                world = World(stand_in.base_url)
                assert len(world.objects("payment_intent")) == expected
                post(world, "/v1/payment_intents", INTENT, "key")

    def test_survives_a_kill(self, tmp_path: Path) -> None:
        state, port = tmp_path / "state.sqlite", free_port()
        process = serve(port, state)
        try:
            post(World(f"http://127.0.0.1:{port}"), "/v1/payment_intents", INTENT)
        finally:
            process.kill()
            process.wait(20)

        with server.running(
            host="127.0.0.1", port=port, state=state, webhook_url=None, webhook_secret="x"
        ) as stand_in:
            assert len(World(stand_in.base_url).objects("payment_intent")) == 1


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve(port: int, state: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", "serve_stripe"]
    arguments = ["--listen", f"127.0.0.1:{port}", "--state", str(state)]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            requests.get(f"http://127.0.0.1:{port}/_control/health", timeout=1)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return process
    process.kill()
    raise AssertionError("the stand-in did not start")
