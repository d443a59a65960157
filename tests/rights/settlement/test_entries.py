"""What each event of money writes: balanced, whatever the shares."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rights.settlement import entries
from rights.settlement.entries import Entry, Leg, Movement, Parts, Unbalanced

LICENCE = uuid.uuid4()


def movement(amount: int, fee: int = 0, currency: str = "usd") -> Movement:
    return Movement("txn_1", "charge", amount, fee, amount - fee, currency, "ch_1")


parts = st.builds(
    Parts,
    currency=st.just("usd"),
    fee_minor=st.integers(0, 10**6),
    by_payee=st.dictionaries(st.uuids(), st.integers(0, 10**6), max_size=6),
).filter(lambda it: it.total_minor > 0)


def sums(*written: Entry) -> dict[tuple[str, object, str], int]:
    """Return every balance after the entries, without those that are zero."""
    found: dict[tuple[str, object, str], int] = {}
    for entry in written:
        for leg in entry.legs:
            key = (leg.code, leg.owner_id, leg.layer.value)
            found[key] = found.get(key, 0) + leg.amount_minor
    return {key: total for key, total in found.items() if total}


class TestEntry:
    @pytest.mark.parametrize(
        "legs",
        [
            (),
            (Leg("stripe", 0),),
            (Leg("stripe", 1), Leg("payable", -2)),
            (Leg("stripe", 1), Leg("payable", -1, layer=entries.Layer.PENDING)),
            (Leg("stripe", 0), Leg("payable", 0)),
        ],
    )
    def test_refuses_what_does_not_balance(self, legs: tuple[Leg, ...]) -> None:
        with pytest.raises(Unbalanced):
            Entry("key", "capture", "usd", legs)


class TestTheWholeWay:
    @given(shares=parts, fee=st.integers(0, 500))
    def test_leaves_payees_paid_and_the_platform_its_part(self, shares: Parts, fee: int) -> None:
        total = shares.total_minor
        written = [
            entries.authorisation(licence_id=LICENCE, amount_minor=total, currency="usd"),
            entries.capture(licence_id=LICENCE, parts=shares, movement=movement(total, fee)),
            *(
                entries.payout(
                    payout_id=uuid.uuid4(),
                    licence_id=LICENCE,
                    payee_id=payee,
                    amount_minor=amount,
                    movement=movement(-amount),
                )
                for payee, amount in shares.by_payee.items()
                if amount
            ),
        ]

        left = sums(*written)

        assert left.get(("platform_revenue", None, "posted"), 0) == -shares.fee_minor
        assert left.get(("stripe", None, "posted"), 0) == shares.fee_minor - fee
        assert not any(code == "payable" or layer == "pending" for code, _, layer in left)

    @given(shares=parts, sent=st.integers(0, 6))
    def test_a_refund_undoes_the_capture_and_claims_what_was_sent(
        self, shares: Parts, sent: int
    ) -> None:
        total = shares.total_minor
        paid = sorted(shares.by_payee)[:sent]
        payouts = [
            entries.payout(
                payout_id=uuid.uuid4(),
                licence_id=LICENCE,
                payee_id=payee,
                amount_minor=shares.by_payee[payee],
                movement=movement(-shares.by_payee[payee]),
            )
            for payee in paid
            if shares.by_payee[payee]
        ]
        written = [
            entries.authorisation(licence_id=LICENCE, amount_minor=total, currency="usd"),
            entries.capture(licence_id=LICENCE, parts=shares, movement=movement(total)),
            *payouts,
            entries.refund(
                licence_id=LICENCE, parts=shares, sent_to=paid, movement=movement(-total)
            ),
        ]

        left = sums(*written)

        claims = {payee: shares.by_payee[payee] for payee in paid if shares.by_payee[payee]}
        assert {
            owner: total for (code, owner, _), total in left.items() if code == "receivable"
        } == claims
        assert left.get(("stripe", None, "posted"), 0) == -sum(claims.values())
        assert not any(code in {"payable", "platform_revenue"} for code, _, _ in left)

    @pytest.mark.parametrize("is_expired", [True, False])
    def test_letting_go_leaves_nothing(self, is_expired: bool) -> None:
        held = entries.authorisation(licence_id=LICENCE, amount_minor=5, currency="jpy")
        gone = entries.release(
            licence_id=LICENCE, amount_minor=5, currency="jpy", is_expired=is_expired
        )

        assert sums(held, gone) == {}
        assert gone.resolves == held.key

    def test_a_capture_of_another_sum_is_refused(self) -> None:
        shares = Parts("usd", 10, {uuid.uuid4(): 90})

        with pytest.raises(Unbalanced):
            entries.capture(licence_id=LICENCE, parts=shares, movement=movement(99))

    def test_a_licence_has_one_capture_one_release_one_refund(self) -> None:
        shares = Parts("usd", 10, {uuid.uuid4(): 90})
        first = entries.capture(licence_id=LICENCE, parts=shares, movement=movement(100))
        second = entries.capture(
            licence_id=LICENCE, parts=shares, movement=replace(movement(100), id="txn_2")
        )

        assert first.key == second.key
