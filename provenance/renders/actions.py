"""Asking for a render, calling it off, destroying its draft; and following what consent decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings

from ledger.accounts.models import Account
from ledger.consent import gates
from ledger.consent.observers import UseChange
from ledger.db import step, use_case
from ledger.log import actions as log
from ledger.notifications import actions as notifications
from ledger.outbox import actions as outbox
from provenance.renders import files, queries, rules, transitions
from provenance.renders.errors import NotADraft, RenderEnded, RenderNotFound
from provenance.renders.models import Render
from rights.licences import actions as licences
from rights.licences.models import Licence

logger = structlog.get_logger(__name__)

DISPATCH_TOPIC = "render.dispatch"


@dataclass(frozen=True)
class Requested:
    """What came of a request: the render as it stands, and the quote where a fee is asked."""

    render_id: UUID
    state: rules.State
    licence: Licence | None

    @property
    def is_denied(self) -> bool:
        """Whether consent does not cover it."""
        return self.state == rules.State.DENIED


def request(*, render_id: UUID, requester: Account, wish: rules.Wish, at: datetime) -> Requested:
    """Ask for a render. Consent is decided and recorded, also where the answer is no.

    Safe to repeat under the same `render_id`: the first answer stands.

    Raises:
        SizeInvalid, LengthInvalid, TextInvalid, CastInvalid: the wish is not one.
        ParentNotFound, CameoNotFound: it names what the requester cannot know of.
    """
    earlier = Render.objects.filter(pk=render_id, use__requester=requester).first()
    if earlier is not None:
        return _as_it_stands(earlier)
    rules.check_wish(
        wish, seconds_max=settings.RENDER_SECONDS_MAX, side_px_max=settings.RENDER_SIDE_PX_MAX
    )
    inherited: Sequence[UUID] = ()
    if wish.parent_id is not None:
        queries.parent_of_wish(parent_id=wish.parent_id, requester_id=requester.id)
        inherited = queries.cast_of(wish.parent_id)
    cast = rules.final_cast(chosen=wish.cast, inherited=inherited, dropped=wish.drop)
    queries.require_cameos(cast)
    return _decide(render_id=render_id, requester=requester, wish=wish, cast=cast, at=at)


@use_case
def _decide(
    *,
    render_id: UUID,
    requester: Account,
    wish: rules.Wish,
    cast: Sequence[UUID],
    at: datetime,
) -> Requested:
    decided = gates.request(
        use_id=render_id,
        requester=requester,
        cast=cast,
        purpose=wish.purpose,
        seconds=wish.seconds,
        parent_id=wish.parent_id,
        texts=[text for text in (wish.prompt, wish.title) if text],
        at=at,
    )
    render = _record(render_id=render_id, requester=requester, wish=wish, at=at)
    if not decided.is_permitted:
        transitions.move(
            render_id=render_id, to=rules.State.DENIED, at=at, failure_code="consent-denied"
        )
        return Requested(render_id, rules.State.DENIED, None)
    licence = None
    if decided.fees_due:
        licence = licences.quote(
            use_id=render_id,
            buyer=requester,
            purpose=wish.purpose,
            lines=decided.fees_due,
            at=at,
        )
        transitions.move(render_id=render_id, to=rules.State.PAYMENT_PENDING, at=at)
    else:
        transitions.move(render_id=render_id, to=rules.State.QUEUED, at=at)
        outbox.enqueue(topic=DISPATCH_TOPIC, payload={"use_id": str(render_id)}, at=at)
    _tell_of_request(render, is_remix=wish.parent_id is not None, at=at)
    render.refresh_from_db(fields=["state"])
    return Requested(render_id, rules.State(render.state), licence)


@step
def _record(*, render_id: UUID, requester: Account, wish: rules.Wish, at: datetime) -> Render:
    render = Render.objects.create(
        use_id=render_id,
        prompt=wish.prompt,
        title=wish.title,
        width_px=wish.width_px,
        height_px=wish.height_px,
        seed=wish.seed,
        state=rules.State.REQUESTED,
        created_at=at,
        state_at=at,
    )
    log.stage(
        type=transitions.entry_type(rules.State.REQUESTED),
        at=at,
        subject_id=requester.id,
        rows=[render],
        public={"render_id": str(render_id)},
    )
    return render


def _tell_of_request(render: Render, *, is_remix: bool, at: datetime) -> None:
    others = queries.co_owner_ids(render.pk) - {render.use.requester_id}
    notifications.tell(account_ids=others, kind="render.requested", about_id=render.pk, at=at)
    if is_remix and render.use.parent_id is not None:
        notifications.tell(
            account_ids=queries.co_owner_ids(render.use.parent_id) - {render.use.requester_id},
            kind="render.remixed",
            about_id=render.pk,
            at=at,
        )


def _as_it_stands(render: Render) -> Requested:
    licence = Licence.objects.filter(use_id=render.pk).order_by("-created_at").first()
    return Requested(render.pk, rules.State(render.state), licence)


def cancel(*, render_id: UUID, by: Account, at: datetime) -> None:
    """Call off a render that one asked for. Safe to repeat.

    Raises:
        RenderNotFound: there is none, or somebody else asked for it.
        RenderEnded: it was released, denied, failed or withdrawn.
    """
    render = Render.objects.filter(pk=render_id, use__requester=by).first()
    if render is None:
        raise RenderNotFound(render_id=render_id)
    if render.state == rules.State.CANCELLED:
        return
    if render.state in (*rules.ENDS, rules.State.RELEASED):
        raise RenderEnded(render_id=render_id, state=render.state)
    end(render_id=render_id, state=rules.State.CANCELLED, code="requester-cancelled", at=at)
    render.refresh_from_db(fields=["state"])
    if render.state != rules.State.CANCELLED:  # Released, or ended otherwise, while we waited.
        raise RenderEnded(render_id=render_id, state=render.state)


@use_case
def end(*, render_id: UUID, state: rules.State, code: str, at: datetime) -> None:
    """End a render's use as cancelled or failed; the render follows in the same transaction."""
    gates.end(use_id=render_id, state=state.value, code=code, at=at)


def give_up(*, render_id: UUID, code: str, at: datetime) -> None:
    """End a render that cannot go on as failed; of a denied one, destroy what was never sealed.

    Safe to repeat: one that has ended otherwise is left as it is.
    """
    render = Render.objects.get(pk=render_id)
    if render.state == rules.State.DENIED:
        _destroy(render, [render.output_path] if not render.sealed_path else [], at=at)
    elif render.state not in (*rules.ENDS, rules.State.RELEASED):
        end(render_id=render_id, state=rules.State.FAILED, code=code, at=at)


@step
def use_changed(change: UseChange) -> None:
    """Follow the end or withdrawal of a use, in the transaction that decided it.

    Its file is undeliverable from the commit on: the door reads this state at each request. The
    living attempt ends with it, so its permit opens no door, and the worker hears so at its next beat.
    """
    render = (
        Render.objects.select_for_update(of=("self",))
        .select_related("use")
        .filter(pk=change.use_id)
        .first()
    )
    if render is None or render.state == change.state:
        return  # A use without a render, or a render that is being asked for in this transaction.
    attempt = queries.living_attempt(render.pk)
    if attempt is not None:
        transitions.end_attempt(attempt=attempt, code=change.code or change.state, at=change.at)
    transitions.move(
        render_id=render.pk,
        to=rules.State(change.state),
        at=change.at,
        failure_code=change.code,
        stage="",
        seconds_left=None,
    )
    notifications.tell(
        account_ids=queries.co_owner_ids(render.pk),
        kind=transitions.entry_type(rules.State(change.state)),
        about_id=render.pk,
        at=change.at,
    )
    logger.info("render.ended", render_id=str(render.pk), state=change.state)


def destroy_draft(*, render_id: UUID, by: Account, at: datetime) -> None:
    """Destroy the draft of a denied render: each co-owner may, also the requester. Safe to repeat.

    Raises:
        RenderNotFound: there is none, or it is other people's.
        NotADraft: it was released, or is still at work.

    Source: consent.md, §8, case 2.
    """
    render = queries.of_co_owner(render_id=render_id, account_id=by.id)
    if render.state != rules.State.DENIED:
        raise NotADraft(render_id=render_id, state=render.state)
    _destroy(render, (render.output_path, render.sealed_path), at=at)


def destroy_needless_files(*, render_id: UUID, at: datetime) -> None:
    """Destroy those files of a render that nobody is owed any more. Safe to repeat."""
    render = Render.objects.get(pk=render_id)
    names = rules.needless_files(
        state=rules.State(render.state), output=render.output_path, sealed=render.sealed_path
    )
    if names:
        _destroy(render, names, at=at)


def _destroy(render: Render, names: Sequence[str], *, at: datetime) -> None:
    """Destroy files first, then say so: the entry is staged once they are really gone.

    The render's state is one in which nobody writes new ones.
    """
    kept = {render.output_path, render.sealed_path} - set(names)
    files.tidy(render.pk, keep=kept)
    _note_destroyed(render_id=render.pk, names=frozenset(names), at=at)


@use_case
def _note_destroyed(*, render_id: UUID, names: frozenset[str], at: datetime) -> None:
    render = Render.objects.select_for_update(of=("self",)).select_related("use").get(pk=render_id)
    gone = {
        column: ""
        for column in ("output_path", "sealed_path")
        if getattr(render, column) and getattr(render, column) in names
    }
    if not gone:
        return
    Render.objects.filter(pk=render_id).update(**gone)
    log.stage(
        type="render.files-destroyed",
        at=at,
        subject_id=render.use.requester_id,
        rows=[render],
        public={"render_id": str(render_id)},
    )
