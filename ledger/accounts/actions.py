"""Opening accounts."""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ledger.accounts import rules
from ledger.accounts.errors import EmailMalformed, EmailTaken, HandleTaken, PasswordWeak
from ledger.accounts.models import Account
from ledger.db import refusing, use_case
from ledger.log import actions as log
from ledger.vault import keys


def sign_up(
    *, email: str, password: str, handle: str, display_name: str, born_on: date, at: datetime
) -> Account:
    """Open an account. The e-mail is what its owner signs in with, and is shown to nobody else.

    The date of birth decides whether it is a minor's. It must be given: whoever leaves it out would
    count as an adult.

    Raises:
        EmailMalformed, HandleMalformed, DisplayNameMalformed, BirthDateImplausible: out of bounds.
        PasswordWeak: `reasons` are the codes of the validators that refused it.
        EmailTaken, HandleTaken: another account has it.
    """
    draft = Account(
        email=email.strip().casefold(), handle=handle, display_name=display_name, born_on=born_on
    )
    _check_email(draft.email)
    rules.check_handle(handle)
    rules.check_display_name(display_name)
    rules.check_born_on(born_on, today=at.date())
    _check_password(password, draft)
    draft.set_password(password)  # Slow on purpose, so not inside the transaction.
    return _open(draft, at=at)


@use_case
def _open(account: Account, *, at: datetime) -> Account:
    with refusing(account_email_is_unique=EmailTaken(), account_handle_is_unique=HandleTaken()):
        account.save(force_insert=True)
    keys.ensure(account.id, at)
    log.stage(type="account.opened", at=at, subject_id=account.id, rows=[account])
    return account


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as exc:
        raise EmailMalformed from exc
    if len(email) > rules.EMAIL_LENGTH_MAX:
        raise EmailMalformed


def _check_password(password: str, account: Account) -> None:
    if len(password) > rules.PASSWORD_LENGTH_MAX:
        raise PasswordWeak(reasons=["password_too_long"])
    try:
        validate_password(password, account)
    except ValidationError as exc:
        raise PasswordWeak(reasons=[error.code for error in exc.error_list]) from exc
