"""Every worked case of docs/spec/consent.md, by its number."""

from __future__ import annotations

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from ledger.cameos import actions as cameo_actions
from ledger.cameos.errors import MinorAudienceTooWide
from ledger.cameos.models import Cameo
from ledger.cameos.rules import TermsValue
from ledger.consent import explanations, grants, relations, uses
from ledger.consent.models import Reservation, Use
from ledger.consent.rules import UNNAMED
from tests.factories import accounts, cameos, consent
from tests.factories.consent import MINUTE, NOON, codes

pytestmark = pytest.mark.django_db


def _mutuals_use() -> tuple[Cameo, Use]:
    cameo = cameos.cameo(audience=Cameo.Audience.MUTUALS)
    requester = accounts.account()
    consent.follow_each_other(requester, cameo.owner)
    return cameo, consent.requested(requester, cameo)


class TestWorkedCases:
    def test_1_unfollowing_between_request_and_dispatch_denies_and_gives_back(self) -> None:
        cameo, use = _mutuals_use()
        relations.unfollow(by=use.requester, account_id=cameo.owner_id, at=NOON)

        decided = consent.dispatch(use.id, at=NOON)

        assert codes(decided) == ["no-grant-in-force"]
        assert consent.state_of(use) == "denied"
        assert Reservation.objects.get(use=use).state == "returned"
        assert [(change.use_id, change.state) for change in consent.told] == [(use.id, "denied")]

    def test_2_unfollowing_after_the_worker_finished_leaves_it_unreleased(self) -> None:
        cameo, use = _mutuals_use()
        consent.dispatch(use.id)
        relations.unfollow(by=cameo.owner, account_id=use.requester_id, at=NOON)

        decided = consent.release(use.id)

        assert not decided.is_permitted
        assert consent.state_of(use) == "denied"
        assert uses.get_for(use_id=use.id, account_id=cameo.owner_id) == use

    @pytest.mark.parametrize("blocker", ["owner", "requester"])
    def test_3_a_block_denies_what_everyone_may(self, blocker: str) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        pair = (cameo.owner, requester) if blocker == "owner" else (requester, cameo.owner)
        relations.block(by=pair[0], account_id=pair[1].id, at=NOON)

        decided = consent.ask(requester, cameo)

        expected = "owner-blocks-requester" if blocker == "owner" else "requester-blocks-owner"
        assert codes(decided) == [expected]

    def test_4_a_grant_that_expires_while_the_worker_renders_denies_at_release(self) -> None:
        cameo = cameos.cameo(audience=Cameo.Audience.APPROVED)
        requester = accounts.account()
        consent.grant(cameo, requester, ends_at=NOON + MINUTE)
        use = consent.dispatched(requester, cameo)

        decided = consent.release(use.id, at=NOON + MINUTE)

        assert codes(decided) == ["no-grant-in-force"]
        assert consent.state_of(use) == "denied"

    def test_4_a_grant_is_in_force_until_just_before_its_end(self) -> None:
        cameo = cameos.cameo(audience=Cameo.Audience.APPROVED)
        requester = accounts.account()
        consent.grant(cameo, requester, ends_at=NOON + MINUTE)
        use = consent.dispatched(requester, cameo)

        decided = consent.release(use.id, at=NOON + MINUTE * 0.999)

        assert decided.is_permitted

    def test_5_one_of_three_denies_for_all_and_the_requester_is_not_told_who(self) -> None:
        willing, unwilling = consent.open_cameo(), cameos.cameo()
        requester = accounts.account()
        own = cameos.cameo(requester)

        decided = consent.ask(requester, own, willing, unwilling)

        assert not decided.is_permitted
        shown = explanations.explain(use_id=decided.use_id, reader=requester)
        assert {(f.code, f.cameo_id) for f in shown.decisions[0].findings} == {
            ("owner", own.id),
            (UNNAMED, None),
        }
        denier = explanations.explain(use_id=decided.use_id, reader=unwilling.owner)
        assert [f.code for f in denier.decisions[0].findings] == ["audience-self"]
        other = explanations.explain(use_id=decided.use_id, reader=willing.owner)
        assert {f.code for f in other.decisions[0].findings} == {"audience-everyone", UNNAMED}

    def test_6_self_puts_grants_to_sleep_and_approved_wakes_those_still_in_force(self) -> None:
        cameo = cameos.cameo(audience=Cameo.Audience.APPROVED)
        grantees = [accounts.account() for _ in range(10)]
        held = [consent.grant(cameo, grantee) for grantee in grantees]
        by, act = cameo.owner_id, cameo_actions.set_audience

        act(cameo_id=cameo.id, audience="self", by=by, at=NOON)
        asleep = [consent.ask(grantee, cameo).is_permitted for grantee in grantees]
        grants.revoke(grant_id=held[0].id, act="stop", reason="", by=cameo.owner, at=NOON)
        act(cameo_id=cameo.id, audience="approved", by=by, at=NOON)
        awake = [consent.ask(grantee, cameo).is_permitted for grantee in grantees]

        assert not any(asleep)
        assert awake == [False] + [True] * 9

    def test_7_a_remix_lock_cancels_the_remix_that_is_being_dispatched(self) -> None:
        cameo, requester = consent.open_cameo(), accounts.account()
        parent = consent.released(requester, cameo)
        remix = consent.dispatched(requester, cameo, parent_id=parent.id)

        uses.lock_remix(use_id=parent.id, by=cameo.owner, at=NOON)

        assert consent.state_of(remix) == "cancelled"
        assert codes(consent.release(remix.id)) == ["use-cancelled"]
        assert codes(consent.ask(requester, cameo, parent_id=parent.id)) == ["remix-locked"]

    def test_8_consent_revoked_before_capture_releases_nothing_although_it_was_paid(self) -> None:
        cameo = cameos.cameo(
            audience=Cameo.Audience.APPROVED,
            terms={
                "purposes": ["personal", "commercial"],
                "fees": {"commercial": {"amount_minor": 500, "currency": "usd"}},
            },
        )
        requester = accounts.account()
        grant = consent.grant(cameo, requester, purposes=("commercial",))
        asked = consent.ask(requester, cameo, purpose="commercial")
        consent.licensed.add(cameo.id)
        dispatched = consent.dispatch(asked.use_id)

        grants.revoke(grant_id=grant.id, act="stop", reason="", by=cameo.owner, at=NOON)
        decided = consent.release(asked.use_id)

        assert [fee.amount_minor for fee in asked.fees_due] == [500]
        assert dispatched.is_permitted
        assert not decided.is_permitted
        assert [change.state for change in consent.told] == ["cancelled"]
        assert not Use.objects.filter(state="released").exists()

    def test_9_no_address_hands_out_a_capture_or_a_template(self) -> None:
        served = {
            path: {method for method in ("get", "head") if hasattr(view, method)}
            for path, view in _addresses(get_resolver())
            if "capture" in path or "template" in path
        }

        assert served  # The upload is among them.
        assert {path for path, methods in served.items() if methods} == {
            "worker/v1/renders/<uuid:render_id>/captures/<uuid:cameo_ref>"  # For a permit only.
        }

    def test_10_a_minor_who_sets_everyone_is_refused_with_the_reason(self) -> None:
        cameo = cameos.cameo(accounts.minor(), audience=Cameo.Audience.APPROVED)

        with pytest.raises(MinorAudienceTooWide) as refused:
            cameo_actions.set_audience(
                cameo_id=cameo.id, audience="everyone", by=cameo.owner_id, at=NOON
            )

        assert refused.value.members == {"audience": "everyone", "limit": "approved"}

    def test_11_an_opt_out_that_names_the_prompt_denies_the_owners_own_render(self) -> None:
        cameo = cameos.cameo()

        decided = consent.ask(cameo.owner, cameo, texts=["something forbidden"])

        assert codes(decided) == ["opt-out"]
        stored = consent.row_of(decided)
        assert {"row_id": str(consent.FORBIDDEN_ID)}.items() <= stored.findings[0].items()

    def test_12_wider_terms_do_not_widen_an_older_grant(self) -> None:
        cameo = cameos.cameo(audience=Cameo.Audience.APPROVED)
        old, new = accounts.account(), accounts.account()
        consent.grant(cameo, old)
        wider = TermsValue(purposes=frozenset({"personal", "advertising"}))
        cameo_actions.publish_terms(cameo_id=cameo.id, terms=wider, by=cameo.owner_id, at=NOON)
        consent.grant(cameo, new, purposes=("advertising",))

        under_old = consent.ask(old, cameo, purpose="advertising")
        under_new = consent.ask(new, cameo, purpose="advertising")

        assert codes(under_old) == ["terms-exclude-purpose", "grant-excludes-purpose"]
        assert under_new.is_permitted


def _addresses(resolver: URLResolver, prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append((path, getattr(pattern.callback, "cls", pattern.callback)))
        else:
            found += _addresses(pattern, path)
    return found
