"""Bearer tokens: hashed in the database, of limited life, revocable one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from knox.models import AuthToken

from ledger.accounts.models import Account
from ledger.db import use_case
from ledger.log import actions as log

LIFE = timedelta(days=90)
TOKENS_MAX = 50


@dataclass(frozen=True)
class Issued:
    """A token as its owner gets it, once: only its SHA-512 is kept."""

    token: str
    expires_at: datetime


@use_case
def issue(*, account: Account, at: datetime) -> Issued:
    """Issue a token for 90 days. Beyond `TOKENS_MAX` of one account the oldest ones end."""
    newest = AuthToken.objects.filter(user=account).order_by("-created", "-digest")
    kept = list(newest.values_list("digest", flat=True)[: TOKENS_MAX - 1])
    AuthToken.objects.filter(user=account).exclude(digest__in=kept).delete()
    row, token = AuthToken.objects.create(user=account, expiry=LIFE)
    log.stage(type="token.issued", at=at, subject_id=account.id, details={"expires_at": row.expiry})
    return Issued(token=token, expires_at=row.expiry)


@use_case
def revoke(*, token: AuthToken, at: datetime) -> None:
    """End one token. Safe to repeat."""
    count, _ = AuthToken.objects.filter(digest=token.digest).delete()
    if count:
        log.stage(type="token.revoked", at=at, subject_id=token.user_id)
