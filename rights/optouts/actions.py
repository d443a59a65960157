"""Filing opt-outs, and moving them through their states.

An active opt-out is a tightening of every use at once: activating and ending one take the exclusive
lock of the prohibitions, which each gate holds shared, so no gate decides beside a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from uuid import UUID

from ledger import db
from ledger.accounts.models import Account
from ledger.cameos import epochs
from ledger.consent.models import Use, UseCast
from ledger.db import refusing, use_case
from ledger.log import actions as log
from ledger.outbox import actions as outbox
from rights.optouts import rules, screening
from rights.optouts.errors import (
    AliasUnusable,
    HolderCannot,
    HolderNotVerified,
    HolderRepeated,
    OptOutNotFound,
    RightsHolderNotFound,
    SelfVerification,
    TooManyAliases,
    TransitionRefused,
)
from rights.optouts.models import OptOut, OptOutAlias, RightsHolder

STAFF = "rights.change_rightsholder"  # Who verifies holders and moves any opt-out.
ALIASES_MAX = 200
CAMEOS_PER_MESSAGE = 500


@use_case
def register_holder(
    *,
    account: Account,
    name: str,
    contact_email: str,
    agent_name: str,
    authority_text: str,
    authority_declared_on: date,
    at: datetime,
) -> RightsHolder:
    """Register somebody who may file opt-outs; they are activated once staff verified the holder.

    Raises:
        HolderRepeated: the account is a rights holder already.
    """
    with refusing(rights_rightsholder_account_id_key=HolderRepeated(account_id=account.id)):
        holder = RightsHolder.objects.create(
            account=account,
            name=name,
            contact_email=contact_email,
            agent_name=agent_name,
            authority_text=authority_text,
            authority_declared_on=authority_declared_on,
            created_at=at,
        )
    log.stage(type="rights_holder.registered", at=at, subject_id=account.id, rows=[holder])
    return holder


@use_case
def verify_holder(*, holder_id: UUID, by: Account, at: datetime) -> RightsHolder:
    """Note that staff checked contact and authority. A suspended holder may be verified again.

    Raises:
        RightsHolderNotFound: there is none.
        SelfVerification: nobody verifies themselves.
        HolderCannot: it is verified already.
    """
    return _move_holder(holder_id, RightsHolder.State.VERIFIED, by, at)


@use_case
def suspend_holder(*, holder_id: UUID, by: Account, at: datetime) -> RightsHolder:
    """Stop a holder from filing and from activating; what is active goes on stopping.

    Raises:
        RightsHolderNotFound: there is none.
        SelfVerification: nobody decides on themselves.
        HolderCannot: it is suspended already, or was never verified.
    """
    return _move_holder(holder_id, RightsHolder.State.SUSPENDED, by, at)


def _move_holder(holder_id: UUID, to: str, by: Account, at: datetime) -> RightsHolder:
    holder = RightsHolder.objects.select_for_update().filter(id=holder_id).first()
    if holder is None:
        raise RightsHolderNotFound(holder_id=holder_id)
    if holder.account_id == by.id:
        raise SelfVerification(holder_id=holder_id)
    if not rules.holder_may_go(holder.state, to):
        raise HolderCannot(holder_id=holder_id, state=holder.state, to=to)
    holder.state = to
    if to == RightsHolder.State.VERIFIED:
        holder.verified_by, holder.verified_at = by, at
    holder.save(update_fields=["state", "verified_by", "verified_at"])
    log.stage(
        type=f"rights_holder.{to}",
        at=at,
        subject_id=holder.account_id,
        rows=[holder],
        details={"by": str(by.id)},
    )
    return holder


@use_case
def file(
    *,
    holder: RightsHolder,
    kind: str,
    title: str,
    aliases: Sequence[str],
    scopes: Sequence[str],
    territories: Sequence[str],
    starts_at: datetime,
    ends_at: datetime | None,
    at: datetime,
) -> OptOut:
    """File an opt-out. It stops nothing until staff verify and activate it.

    Raises:
        AliasUnusable: a name without letters or digits to find it by, or too long.
        TooManyAliases: more than `ALIASES_MAX`.
        HolderCannot: the holder is suspended.
    """
    names = check_names([title, *aliases])
    holder = RightsHolder.objects.select_for_update().get(id=holder.id)
    if holder.state == RightsHolder.State.SUSPENDED:
        raise HolderCannot(holder_id=holder.id, state=holder.state)
    opt_out = OptOut.objects.create(
        holder=holder,
        kind=kind,
        title=title,
        scopes=list(scopes),
        territories=list(territories),
        starts_at=starts_at,
        ends_at=ends_at,
        state_at=at,
        created_at=at,
    )
    rows = OptOutAlias.objects.bulk_create(
        OptOutAlias(opt_out=opt_out, alias=alias, skeleton=skeleton)
        for skeleton, alias in names.items()
    )
    log.stage(type="opt_out.submitted", at=at, subject_id=holder.account_id, rows=[opt_out, *rows])
    return opt_out


@use_case
def move(*, opt_out_id: UUID, to: str, by: Account, reason: str, at: datetime) -> OptOut:
    """Move an opt-out to another state; once active it stops the next decision.

    Raises:
        OptOutNotFound: there is none, or `by` is neither its holder nor staff: these look alike.
        TransitionRefused: not from its present state.
        HolderNotVerified: activation needs a verified holder.
        SelfVerification: a holder may only withdraw its own.
    """
    db.lock(exclusive=[db.PROHIBITIONS])
    opt_out = (
        OptOut.objects.select_for_update().select_related("holder").filter(id=opt_out_id).first()
    )
    is_own = opt_out is not None and opt_out.holder.account_id == by.id
    if opt_out is None or not (is_own or by.has_perm(STAFF)):
        raise OptOutNotFound(opt_out_id=opt_out_id)
    if is_own and to not in rules.HOLDERS_MOVES:
        raise SelfVerification(opt_out_id=opt_out_id)
    if not rules.may_go(opt_out.state, to):
        raise TransitionRefused(opt_out_id=opt_out_id, state=opt_out.state, to=to)
    if to == OptOut.State.ACTIVE and opt_out.holder.state != RightsHolder.State.VERIFIED:
        raise HolderNotVerified(holder_id=opt_out.holder_id)
    opt_out.state, opt_out.state_at, opt_out.state_reason = to, at, reason
    opt_out.save(update_fields=["state", "state_at", "state_reason"])
    log.stage(
        type=f"opt_out.{to}",
        at=at,
        subject_id=opt_out.holder.account_id,
        rows=[opt_out],
        details={"by": str(by.id), "reason": reason},
    )
    if to == OptOut.State.ACTIVE:
        _check_open_uses_again(at=at)
    return opt_out


def _check_open_uses_again(*, at: datetime) -> None:
    """Owe the check of every open use: any of their texts may fall under the new opt-out."""
    cameo_ids = (
        UseCast.objects.filter(use__state__in=Use.OPEN)
        .order_by("cameo_id")
        .values_list("cameo_id", flat=True)
        .distinct()
    )
    for batch in _batched(map(str, cameo_ids.iterator()), CAMEOS_PER_MESSAGE):
        outbox.enqueue(topic=epochs.TOPIC, payload={"cameo_ids": batch}, at=at)


def _batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield the items in lists of at most `size`. (itertools.batched needs Python 3.12.)"""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def check_names(given: Sequence[str]) -> dict[str, str]:
    """Return each name by the skeletons that it is found by, the first spelling of each.

    A name of several words is found written as one word too (`StarWars`), where that is long enough
    not to be somebody else's name.

    Raises:
        AliasUnusable: `place` says which, counted from 0.
        TooManyAliases: more than `ALIASES_MAX` beside the title.
    """
    if len(given) > ALIASES_MAX + 1:
        raise TooManyAliases(limit=ALIASES_MAX)
    names: dict[str, str] = {}
    for place, alias in enumerate(given):
        if len(alias) > screening.NAME_CHARACTERS_MAX:
            raise AliasUnusable(place=place)
        skeleton = screening.name(alias)
        if screening.letters(skeleton) < 2 or skeleton.count(" ") >= screening.NAME_WORDS_MAX:
            raise AliasUnusable(place=place)
        for each in screening.written(skeleton):
            names.setdefault(each, alias)
    return names
