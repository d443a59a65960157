"""The calls to the service: what is tried again, what is not, and what an answer must be."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gpu_worker import client
from gpu_worker.client import Beat, Service
from gpu_worker.contract import capture, keys
from gpu_worker.contract.errors import (
    Cancelled,
    PermitRedeemed,
    ServiceRefused,
    ServiceUnreachable,
)
from tests.factories import worker
from tests.fakes.render_service import RenderService


@contextmanager
def calling(service: RenderService, **options: object) -> Iterator[Service]:
    asked = worker.job()
    calls = Service(
        service.url, render_id=asked.render_id, permit=service.permit_for(asked), **options  # type: ignore[arg-type]  # Of each its own.
    )  # fmt: skip
    try:
        yield calls
    finally:
        calls.close()


class TestRedeem:
    def test_is_allowed_once(self, service: RenderService) -> None:
        with calling(service) as calls:
            assert calls.redeem()["v"] == 1
            with pytest.raises(PermitRedeemed):
                calls.redeem()

    def test_is_not_tried_again_when_refused(self, service: RenderService) -> None:
        service.broken_calls = {"redemption": [403]}

        with calling(service) as calls, pytest.raises(ServiceRefused):
            calls.redeem()

        assert service.calls.count("redemption") == 1

    def test_follows_no_redirection(self, service: RenderService) -> None:
        service.broken_calls = {"redemption": [302]}

        with calling(service) as calls, pytest.raises(ServiceRefused):
            calls.redeem()


class TestBeat:
    def test_is_sent_once(self, service: RenderService) -> None:
        service.broken_calls = {"beats": [503]}

        with calling(service) as calls, pytest.raises(ServiceUnreachable):
            calls.beat(Beat("rendering", 0.5, 2.0))

        assert service.calls.count("beats") == 1

    def test_hears_a_cancellation(self, service: RenderService) -> None:
        service.cancels_after_beats = 1

        with calling(service) as calls:
            assert not calls.beat(Beat("rendering", 0.123456, None))
            assert calls.beat(Beat("rendering", 0.2, 1.23))

        assert service.beats[0] == {"stage": "rendering", "fraction": 0.1235, "seconds_left": None}


class TestCapture:
    def test_an_unknown_person_is_a_refusal(self, service: RenderService) -> None:
        with calling(service) as calls, pytest.raises(ServiceRefused):
            calls.capture("nobody", key=capture.new_key(), context=b"")


class TestStop:
    def test_ends_the_waiting_between_two_tries(self, service: RenderService) -> None:
        service.broken_calls = {"redemption": [503] * 9}

        def check() -> None:
            if service.calls:
                raise Cancelled

        with calling(service, check=check) as calls, pytest.raises(Cancelled):
            calls.redeem()

        assert service.calls.count("redemption") == 1


class TestParent:
    def test_is_written_as_it_came(self, service: RenderService) -> None:
        service.parent = bytes(range(256)) * 4096
        target = io.BytesIO()

        with calling(service) as calls:
            calls.parent(into=target)

        assert target.getvalue() == service.parent


class TestPermitKeys:
    def test_are_the_services(self, service: RenderService) -> None:
        public = service.key.public_key()

        assert list(client.permit_keys(service.url)) == [keys.key_id(public)]

    def test_cannot_be_read_where_nobody_answers(self) -> None:
        with pytest.raises(ServiceUnreachable):
            client.permit_keys("http://127.0.0.1:9")
