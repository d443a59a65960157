"""What signing up and looking up accounts refuse, and why."""

from __future__ import annotations

from ledger.errors import Conflict, Malformed, NotFound


class AccountNotFound(NotFound):
    code = "account-not-found"
    title = "There is no such account."


class EmailTaken(Conflict):
    code = "account-email-taken"
    title = "There is an account with this e-mail address already."


class HandleTaken(Conflict):
    code = "account-handle-taken"
    title = "Somebody else has this handle."


class EmailMalformed(Malformed):
    code = "account-email-malformed"
    title = "This is not an e-mail address of at most 254 characters."


class HandleMalformed(Malformed):
    code = "account-handle-malformed"
    title = "A handle is 3 to 30 of a-z, 0-9 and underscore."


class DisplayNameMalformed(Malformed):
    code = "account-display-name-malformed"
    title = "A display name is plain text of at most 60 characters."


class BirthDateImplausible(Malformed):
    code = "account-birth-date-implausible"
    title = "The date of birth is in the future, or more than 130 years ago."


class PasswordWeak(Malformed):
    code = "account-password-weak"
    title = "The password is too easy to guess."
