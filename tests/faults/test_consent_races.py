"""The one guarantee, under load: a tightening that commits before a release is seen by it.

A release lingers a few milliseconds between its decision and its commit, while another thread revokes,
blocks, closes the audience, suspends or holds. It leaked when a tightening was known to have committed
before the release began to commit, and the release passed all the same. With the locks of ADR 3 taken out,
the tests of releases fail.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import close_old_connections, connection
from pytest_django import Settings

from ledger.accounts.models import Account
from ledger.cameos import actions as cameo_actions
from ledger.cameos.models import Cameo
from ledger.cameos.rules import TermsValue
from ledger.consent import gates, grants, holds, relations, uses
from ledger.consent.models import Grant, Reservation, Use
from ledger.db import use_case
from tests.factories import accounts, cameos, consent
from tests.factories.consent import NOON

SECONDS = 5.0
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def ours_alone(settings: Settings) -> None:
    settings.CONSENT_USE_OBSERVERS = []
    settings.CONSENT_PROHIBITION_SOURCES = []
    settings.CONSENT_LICENCE_SOURCE = "tests.factories.consent.licence_source"


@use_case
def _hold(cameo: Cameo) -> None:
    holds.place(ground="legal-hold", case_id=None, cameo_id=cameo.id, at=NOON)


def _tightenings(cameo: Cameo, requester: Account, grant: Grant) -> dict[str, Callable[[], Any]]:
    """Return every kind of tightening that denies a use of this cameo by this person."""
    owner = cameo.owner
    return {
        "revoke": lambda: grants.revoke(
            grant_id=grant.id, act="stop", reason="", by=owner, at=NOON
        ),
        "block": lambda: relations.block(by=owner, account_id=requester.id, at=NOON),
        "audience": lambda: cameo_actions.set_audience(
            cameo_id=cameo.id, audience="self", by=owner.id, at=NOON
        ),
        "lockdown": lambda: grants.lockdown(
            cameo_id=cameo.id, act="stop", reason="", by=owner, at=NOON
        ),
        "suspend": lambda: relations.suspend(account_id=requester.id, by=owner, reason="", at=NOON),
        "hold": lambda: _hold(cameo),
    }


def _in_thread(act: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        close_old_connections()
        try:
            return act()
        finally:
            connection.close()

    return run


@use_case
def _release_slowly(use_id: UUID, linger_s: float) -> tuple[bool, float]:
    """Return whether RELEASE permitted, and when the transaction was about to commit."""
    is_permitted = gates.release(use_id=use_id, at=NOON).is_permitted
    time.sleep(linger_s)
    return is_permitted, time.monotonic()


class TestRelease:
    def test_never_passes_after_a_tightening_committed(self) -> None:
        """Both orders must be seen, or the test proved nothing."""
        deadline = time.monotonic() + SECONDS
        outcomes: Counter[str] = Counter()
        draw = random.Random(7)
        with ThreadPoolExecutor(max_workers=2) as pool:
            while time.monotonic() < deadline:
                outcomes[self._race(pool, draw)] += 1

        assert outcomes["leaked"] == 0, outcomes
        assert outcomes["released first"], outcomes
        assert outcomes["tightened first"], outcomes

    def _race(self, pool: ThreadPoolExecutor, draw: random.Random) -> str:
        cameo, requester = cameos.cameo(audience="approved"), accounts.account()
        grant = consent.grant(cameo, requester)
        use = consent.dispatched(requester, cameo)
        tighten = draw.choice(list(_tightenings(cameo, requester, grant).values()))
        head_start_s, linger_s = draw.uniform(-0.02, 0.04), draw.uniform(0.0, 0.02)

        def tightening() -> float:
            time.sleep(max(0.0, head_start_s))
            tighten()
            return time.monotonic()

        def releasing() -> tuple[bool, float]:
            time.sleep(max(0.0, -head_start_s))
            return _release_slowly(use.id, linger_s)

        runs = [pool.submit(_in_thread(each)) for each in (tightening, releasing)]
        tightened_at, (is_released, released_after) = (run.result(timeout=30) for run in runs)
        assert is_released == (consent.state_of(use) == "released")
        if is_released and tightened_at < released_after:
            return "leaked"
        return "released first" if is_released else "tightened first"


class TestReleaseUnderLoad:
    @pytest.mark.parametrize("act", ["stop", "remove"])
    def test_of_many_uses_leaves_none_behind_the_panic_button(self, act: str) -> None:
        cameo = consent.open_cameo()
        made = [consent.dispatched(accounts.account(), cameo) for _ in range(12)]
        started = threading.Barrier(5)
        released: list[float] = []

        def releasing(share: list[Use]) -> None:
            started.wait(timeout=30)
            for use in share:
                is_permitted, before_commit = _release_slowly(use.id, 0.002)
                if is_permitted:
                    released.append(before_commit)

        def pressing() -> float:
            started.wait(timeout=30)
            grants.lockdown(cameo_id=cameo.id, act=act, reason="", by=cameo.owner, at=NOON)
            return time.monotonic()

        shares = [made[number::4] for number in range(4)]
        with ThreadPoolExecutor(max_workers=5) as pool:
            pressed = pool.submit(_in_thread(pressing))
            for run in [pool.submit(_in_thread(partial(releasing, each))) for each in shares]:
                run.result(timeout=60)

        states = Counter(map(consent.state_of, made))
        assert all(before_commit < pressed.result() for before_commit in released)
        assert states["dispatched"] == 0
        if act == "remove":  # What was released just before went too.
            assert states["released"] == 0


class TestTheLastUse:
    @pytest.mark.parametrize("counted", ["grant", "terms", "terms of the grant"])
    def test_is_won_by_one_of_many_requests(self, counted: str) -> None:
        requester = accounts.account()
        if counted == "grant":
            cameo = cameos.cameo(audience="approved")
            consent.grant(cameo, requester, renders_max=1)
        elif counted == "terms of the grant":
            cameo = cameos.cameo(audience="approved", terms={"renders_max": 1})
            consent.grant(cameo, requester)
            cameo_actions.publish_terms(
                cameo_id=cameo.id, terms=TermsValue(), by=cameo.owner_id, at=NOON
            )
        else:
            cameo = consent.open_cameo(terms={"renders_max": 1})
        started = threading.Barrier(6)

        def asking() -> bool:
            started.wait(timeout=30)
            return consent.ask(requester, cameo).is_permitted

        with ThreadPoolExecutor(max_workers=6) as pool:
            runs = [pool.submit(_in_thread(asking)) for _ in range(6)]
            won = [run.result(timeout=60) for run in runs]

        assert won.count(True) == 1
        assert Reservation.objects.filter(state="held").count() == 1


class TestRemixAndWithdrawal:
    def test_leave_no_remix_of_what_was_withdrawn(self) -> None:
        """A remix is asked for while its parent is withdrawn: it is denied, or it is cancelled."""
        draw = random.Random(3)

        seen = Counter(self._race(draw.uniform(-0.05, 0.05)) for _ in range(16))

        assert set(seen) == {"denied", "cancelled"}, seen

    def _race(self, head_start_s: float) -> str:
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.released(accounts.account(), cameo)

        def remixing() -> UUID:
            time.sleep(max(0.0, head_start_s))
            return consent.ask(requester, cameo, parent_id=parent.id).use_id

        def withdrawing() -> None:
            time.sleep(max(0.0, -head_start_s))
            uses.withdraw(use_id=parent.id, by=cameo.owner, reason="", at=NOON)

        with ThreadPoolExecutor(max_workers=2) as pool:
            runs = [pool.submit(_in_thread(each)) for each in (remixing, withdrawing)]
            remix_id, _ = (run.result(timeout=60) for run in runs)
        return consent.state_of(remix_id)


class TestGatesOfOneUse:
    def test_release_once_when_asked_at_once(self) -> None:
        use = consent.dispatched(accounts.account(), consent.open_cameo())
        started = threading.Barrier(4)

        def releasing() -> gates.Decided:
            started.wait(timeout=30)
            return consent.release(use.id)

        with ThreadPoolExecutor(max_workers=4) as pool:
            runs = [pool.submit(_in_thread(releasing)) for _ in range(4)]
            decided = [run.result(timeout=60) for run in runs]

        assert all(each.is_permitted for each in decided)
        assert sum(each.decision_id is not None for each in decided) == 1
