"""The one door through which a render's file leaves: who may have it, by which link, and what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core import signing

from ledger.accounts.models import Account
from ledger.consent import gates
from ledger.consent import queries as consent
from ledger.consent.errors import UseHeld
from ledger.db import use_case
from ledger.log import actions as log
from provenance.renders import files, queries, rules
from provenance.renders.errors import FileNotThere, LinkInvalid
from provenance.renders.models import Delivery, Render

SALT = "countersign.media"
TOKEN_LENGTH_MAX = 300
# Who may see all renders without being in them; each delivery is recorded all the same.
SEE_ALL = "provenance.view_render"


@dataclass(frozen=True)
class Deliverable:
    """A sealed file that this person may have now."""

    render_id: UUID
    account_id: UUID
    path: Path
    sha256: bytes
    size_bytes: int
    is_draft: bool

    @property
    def etag(self) -> str:
        """The file's strong entity tag."""
        return f'"{self.sha256.hex()}"'


def find(*, render_id: UUID, account: Account) -> Deliverable:
    """Return the file of a render for a co-owner, or for an auditor once it was released.

    Raises:
        RenderNotFound: there is none for this person.
        UseWithdrawn, UseHeld: it was withdrawn, or is held (451).
        FileNotThere: it has no file yet, or only a draft that this person may not see.
    """
    render = visible(render_id=render_id, account=account)
    if _is_draft_for(render, account_id=account.id):
        if consent.is_held(use_id=render_id):
            raise UseHeld(use_id=render_id)
        return _deliverable(render, account_id=account.id, is_draft=True)
    if render.state not in (rules.State.RELEASED, rules.State.WITHDRAWN):
        raise FileNotThere(render_id=render_id)
    gates.show(use_id=render_id)  # The gate's own read, at each request: nothing is remembered.
    return _deliverable(render, account_id=account.id, is_draft=False)


def visible(*, render_id: UUID, account: Account) -> Render:
    """Return a render that the account may know of.

    Raises:
        RenderNotFound: there is none for this person.
    """
    if account.is_staff and account.has_perm(SEE_ALL):
        return queries.of_anyone(render_id)
    return queries.of_co_owner(render_id=render_id, account_id=account.id)


def has_file_for(render: Render, *, account_id: UUID) -> bool:
    """Return whether a file would be delivered now, as far as the render's own state says."""
    if not render.sealed_path:
        return False
    return render.state == rules.State.RELEASED or _is_draft_for(render, account_id=account_id)


def link_for(*, render_id: UUID, account_id: UUID) -> str:
    """Return an address that delivers the file for `MEDIA_LINK_TTL_S` seconds without a log-in.

    It is worth what its holder is worth: consent, state and permission are asked anew at each use.
    """
    token = signing.dumps([render_id.hex, account_id.hex], salt=SALT)
    return f"{settings.SERVICE_URL}/media/{token}"


def find_by_token(token: str) -> Deliverable:
    """Return the file that a link names, for the person to whom the link was given.

    Raises:
        LinkInvalid: wrong, run out, or of somebody who cannot sign in any more.
        RenderNotFound, UseWithdrawn, FileNotThere: as `find` does.
    """
    try:
        if len(token) > TOKEN_LENGTH_MAX:
            raise LinkInvalid
        render_id, account_id = signing.loads(token, salt=SALT, max_age=settings.MEDIA_LINK_TTL_S)
    except signing.BadSignature as exc:
        raise LinkInvalid from exc
    account = Account.objects.filter(pk=UUID(account_id), is_active=True).first()
    if account is None:
        raise LinkInvalid
    return find(render_id=UUID(render_id), account=account)


@use_case
def record(
    *, deliverable: Deliverable, door: Delivery.Door, first_byte: int, last_byte: int, at: datetime
) -> None:
    """Write down that these bytes are handed out. Called before the first one is."""
    delivery = Delivery.objects.create(
        render_id=deliverable.render_id,
        sha256=deliverable.sha256,
        account_id=deliverable.account_id,
        door=door,
        is_draft=deliverable.is_draft,
        first_byte=first_byte,
        last_byte=last_byte,
        created_at=at,
    )
    log.stage(type="render.delivered", at=at, subject_id=deliverable.account_id, rows=[delivery])


def _is_draft_for(render: Render, *, account_id: UUID) -> bool:
    return bool(render.sealed_path) and rules.may_see_draft(
        state=rules.State(render.state),
        person_id=account_id,
        requester_id=render.use.requester_id,
        subject_ids=queries.subject_ids(render),
    )


def _deliverable(render: Render, *, account_id: UUID, is_draft: bool) -> Deliverable:
    path = files.path_of(render.sealed_path) if render.sealed_path else None
    if path is None or not path.exists() or render.sealed_sha256 is None:
        raise FileNotThere(render_id=render.pk)
    return Deliverable(
        render_id=render.pk,
        account_id=account_id,
        path=path,
        sha256=bytes(render.sealed_sha256),
        size_bytes=render.sealed_size_bytes or 0,
        is_draft=is_draft,
    )
