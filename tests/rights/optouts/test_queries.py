"""What an opt-out stops at the gates, where, when and for what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.accounts.models import Account
from ledger.cameos.models import Cameo
from ledger.consent.models import Decision
from rights.optouts import queries
from tests.factories import accounts, consent
from tests.factories import rights as make

pytestmark = pytest.mark.django_db
NOON, HOUR = make.NOON, timedelta(hours=1)


@pytest.fixture
def ada() -> Account:
    return accounts.account()


@pytest.fixture
def cameo(ada: Account) -> Cameo:
    terms = {"purposes": ["personal", "advertising"]}
    return consent.open_cameo(ada, terms=terms)


def _codes(requester: Account, cameo: Cameo, text: str = "Zorblax walks", **fields: Any) -> Any:
    return consent.codes(consent.ask(requester, cameo, texts=["a title", text], **fields))


class TestAtTheGates:
    @pytest.mark.parametrize(
        "text",
        ["zorblax", "Z0RBLAX!", "z o r b l a x", "\u0396orbla\u0445", "ZorbIax sings", "zorb1ax"],
    )
    def test_request_denies_what_is_named_however_it_is_dressed_up(
        self, ada: Account, cameo: Cameo, text: str
    ) -> None:
        made = make.active()

        decided = consent.ask(accounts.account(), cameo, texts=[text])

        (finding,) = [each for each in decided.findings if each.effect == "deny"]
        assert (finding.code, finding.row_id) == ("opt-out", made.id)
        assert consent.state_of(decided.use_id) == "denied"

    def test_request_denies_the_owner_too(self, ada: Account, cameo: Cameo) -> None:
        make.active()

        assert _codes(ada, cameo) == ["opt-out"]

    def test_other_names_count_as_the_title_does(self, ada: Account, cameo: Cameo) -> None:
        make.active(title="Star Wars", aliases=["La Guerre des étoiles"])

        assert _codes(ada, cameo, "la guerre des etoiles") == ["opt-out"]
        assert _codes(ada, cameo, "#StarWars") == ["opt-out"]
        assert _codes(ada, cameo, "stars and wars") == []

    @pytest.mark.parametrize("gate", ["dispatch", "release"])
    def test_later_gates_see_what_was_activated_in_between(
        self, ada: Account, cameo: Cameo, gate: str
    ) -> None:
        use = consent.requested(ada, cameo, texts=["Zorblax"])
        if gate == "release":
            consent.dispatch(use.id)
        make.active()

        decided = consent.dispatch(use.id) if gate == "dispatch" else consent.release(use.id)

        assert (consent.codes(decided), consent.state_of(use)) == (["opt-out"], "denied")

    def test_a_contested_one_goes_on_stopping(self, ada: Account, cameo: Cameo) -> None:
        make.moved(make.active(), "contested")

        assert _codes(ada, cameo) == ["opt-out"]

    @pytest.mark.parametrize("states", [(), ("verified",), ("verified", "active", "withdrawn")])
    def test_one_that_is_not_active_stops_nothing(
        self, ada: Account, cameo: Cameo, states: tuple[str, ...]
    ) -> None:
        make.moved(make.opt_out(), *states)

        assert _codes(ada, cameo) == []

    @pytest.mark.parametrize(
        ("starts_at", "ends_at", "is_stopped"),
        [
            (NOON, None, True),
            (NOON - HOUR, NOON + HOUR, True),
            (NOON + HOUR, None, False),
            (NOON - HOUR, NOON, False),
        ],
    )
    def test_its_period_includes_its_start_and_excludes_its_end(
        self, ada: Account, cameo: Cameo, starts_at: Any, ends_at: Any, is_stopped: bool
    ) -> None:
        make.active(starts_at=starts_at, ends_at=ends_at)

        assert (_codes(ada, cameo) == ["opt-out"]) is is_stopped

    def test_stops_whoever_read_the_clock_before_its_activation_and_decides_after(
        self, ada: Account, cameo: Cameo
    ) -> None:
        make.active(starts_at=NOON)

        assert _codes(ada, cameo, at=NOON - HOUR) == ["opt-out"]

    @pytest.mark.parametrize(
        ("opted", "used", "is_stopped"),
        [
            (["DE"], ["DE", "FR"], True),
            (["DE"], ["FR"], False),
            (["DE"], [], True),
            ([], ["FR"], True),
        ],
    )
    def test_it_stops_where_it_holds(
        self, ada: Account, cameo: Cameo, opted: list[str], used: list[str], is_stopped: bool
    ) -> None:
        make.active(territories=opted)

        assert (_codes(ada, cameo, territories=used) == ["opt-out"]) is is_stopped

    @pytest.mark.parametrize(
        ("scopes", "purpose", "is_stopped"),
        [
            (["cameo"], "personal", True),
            (["training"], "personal", False),
            (["advertising"], "personal", False),
            (["advertising"], "advertising", True),
        ],
    )
    def test_it_stops_for_what_it_is(
        self, ada: Account, cameo: Cameo, scopes: list[str], purpose: str, is_stopped: bool
    ) -> None:
        make.active(scopes=scopes)

        assert (_codes(ada, cameo, purpose=purpose) == ["opt-out"]) is is_stopped

    def test_a_remix_is_screened_by_what_it_descends_from(self, ada: Account, cameo: Cameo) -> None:
        first = consent.released(ada, cameo, texts=["Zorblax"])
        second = consent.released(ada, cameo, parent_id=first.id)
        make.active()

        assert _codes(ada, cameo, "again", parent_id=second.id) == ["opt-out"]


class TestProhibitions:
    def test_asks_one_query_and_none_without_a_word(self, ada: Account, cameo: Cameo) -> None:
        from ledger.consent.prohibitions import ProhibitionQuestion

        def question(*texts: str) -> ProhibitionQuestion:
            return ProhibitionQuestion(None, "personal", (), texts, None, (cameo.id,), ada.id, NOON)

        with CaptureQueriesContext(connection) as asked:
            queries.prohibitions(question("a long walk " * 100))
        with CaptureQueriesContext(connection) as unasked:
            queries.prohibitions(question("", "!?"))

        assert (len(asked), len(unasked)) == (1, 0)


class TestStoppedCount:
    def test_counts_uses_that_it_denied_and_no_others(self, ada: Account, cameo: Cameo) -> None:
        made, other = make.active(), make.active(title="Quux")
        for _ in range(2):
            _codes(ada, cameo)
        _codes(ada, cameo, "a walk")

        assert queries.stopped_count(opt_out_id=made.id) == 2
        assert queries.stopped_count(opt_out_id=other.id) == 0
        assert Decision.objects.count() == 3
