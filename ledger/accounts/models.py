"""People and organisations, who follows and blocks whom, who guards whom."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q


class AccountManager(BaseUserManager["Account"]):
    """Makes accounts; the name that a person signs in with is their e-mail, case folded."""

    def create_user(self, *, email: str, password: str | None, **fields: Any) -> Account:
        account = self.model(email=email.strip().casefold(), **fields)
        account.set_password(password)
        account.save()
        return account

    def create_superuser(self, email: str, password: str, **fields: Any) -> Account:
        return self.create_user(
            email=email, password=password, is_staff=True, is_superuser=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(email=(username or "").strip().casefold())


class Account(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in. Standing is a state; nothing here is a likeness."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.TextField()
    handle = models.TextField(help_text="Shown to others: 3 to 30 of a-z, 0-9 and underscore.")
    display_name = models.TextField(blank=True)
    born_on = models.DateField(null=True, help_text="Decides whether the account is a minor's.")
    state = models.TextField(choices=State, default=State.ACTIVE)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["handle"]
    LOG_EXCLUDED = ("password", "last_login", "created_at")

    class Meta:
        constraints = (
            models.UniqueConstraint(name="account_email_is_unique", fields=("email",)),
            models.UniqueConstraint(name="account_handle_is_unique", fields=("handle",)),
            models.CheckConstraint(
                name="account_handle_is_plain", condition=Q(handle__regex=r"^[a-z0-9_]{3,30}$")
            ),
            models.CheckConstraint(
                name="account_state_is_known",
                condition=Q(state__in=("active", "suspended", "closed")),
            ),
        )
        permissions = (("suspend_account", "Can suspend and reinstate accounts"),)

    def __str__(self) -> str:
        return f"@{self.handle}"

    def is_minor(self, *, at: datetime) -> bool:
        """Return whether the person is under 18 at `at`. An unknown birth date counts as adult."""
        if self.born_on is None:
            return False
        born: date = self.born_on
        today = at.date()
        had_birthday = (today.month, today.day) >= (born.month, born.day)
        return today.year - born.year - (0 if had_birthday else 1) < 18


class Follow(models.Model):
    """One account follows another. Deleted when it ends: the log keeps the history."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    follower = models.ForeignKey("ledger.Account", models.CASCADE, related_name="follows")
    followed = models.ForeignKey("ledger.Account", models.CASCADE, related_name="followers")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="follow_is_once", fields=("follower", "followed")),
            models.CheckConstraint(
                name="follow_is_of_someone_else", condition=~Q(follower=F("followed"))
            ),
        )


class Block(models.Model):
    """One account blocks another: no use in either direction, whatever any grant says."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    blocker = models.ForeignKey("ledger.Account", models.CASCADE, related_name="blocks")
    blocked = models.ForeignKey("ledger.Account", models.CASCADE, related_name="blocked_by")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="block_is_once", fields=("blocker", "blocked")),
            models.CheckConstraint(
                name="block_is_of_someone_else", condition=~Q(blocker=F("blocked"))
            ),
        )


class Guardianship(models.Model):
    """A guardian answers beside a minor, until the minor is 18 or it is ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    guardian = models.ForeignKey("ledger.Account", models.PROTECT, related_name="guards")
    minor = models.ForeignKey("ledger.Account", models.PROTECT, related_name="guardians")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="guardianship_is_of_someone_else", condition=~Q(guardian=F("minor"))
            ),
            models.UniqueConstraint(
                name="guardianship_is_once_at_a_time",
                fields=("guardian", "minor"),
                condition=Q(ends_at__isnull=True),
            ),
            models.CheckConstraint(
                name="guardianship_ends_after_it_starts",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
            ),
        )
