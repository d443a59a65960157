"""Transactions and locks: the manners of ADR 3, in one place.

A *use case* is one whole transaction. A *step* is a part of one. Locks are transaction-scoped
PostgreSQL advisory locks, taken in one statement, in one order, before any fact is read.
"""

from __future__ import annotations

import functools
import hashlib
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from ledger.errors import CountersignError

P = ParamSpec("P")
R = TypeVar("R")


class StepOutsideTransaction(RuntimeError):
    """A step was called outside a use case: its effects would not be atomic."""


class OpenTransaction(RuntimeError):
    """A call over the network was about to start inside a transaction."""


class LockedTooLate(RuntimeError):
    """A second set of locks was asked for in one transaction: that order can deadlock."""


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` one durable transaction. It cannot be nested in another."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(durable=True):
            return function(*args, **kwargs)

    return run


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` refuse to run unless a transaction is open."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:
            raise StepOutsideTransaction(function.__qualname__)
        return function(*args, **kwargs)

    return run


def forbid_open_transaction() -> None:
    """Raise `OpenTransaction` if a transaction is open on this thread's connection.

    Under a test case's own outer transaction this cannot be told apart, so tests of gateways
    use real transactions.
    """
    if connection.in_atomic_block and not _is_test_case_transaction():
        raise OpenTransaction


def _is_test_case_transaction() -> bool:
    blocks = connection.atomic_blocks
    return all(getattr(block, "_from_testcase", False) for block in blocks)


@contextmanager
def refusing(**errors: CountersignError) -> Iterator[None]:
    """Turn the violation of a named constraint into the error given for that name.

    The body runs in a savepoint, so the outer transaction stays usable after the refusal.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as exc:
        name = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)
        if name in errors:
            raise errors[name] from exc
        raise


class Kind(IntEnum):
    """What an advisory lock stands for; the number is its place in the lock order."""

    PROHIBITIONS = 0
    ACCOUNT = 1
    CAMEO = 2
    USE = 3


@dataclass(frozen=True, order=True)
class Key:
    """One advisory lock: a signed 64-bit integer whose two highest bits are the kind."""

    value: int


def _key(kind: Kind, identity: UUID | None) -> Key:
    digest = hashlib.sha256(identity.bytes if identity else b"").digest()
    unsigned = (kind.value << 62) | (int.from_bytes(digest[:8], "big") >> 2)
    return Key(unsigned - (1 << 63))


PROHIBITIONS = _key(Kind.PROHIBITIONS, None)


def account(identity: UUID) -> Key:
    """Return the lock of an account: its follows, blocks, standing."""
    return _key(Kind.ACCOUNT, identity)


def cameo(identity: UUID) -> Key:
    """Return the lock of a cameo: its audience, terms, grants, holds, state."""
    return _key(Kind.CAMEO, identity)


def use(identity: UUID) -> Key:
    """Return the lock of a use: its state, approvals, remix lock."""
    return _key(Kind.USE, identity)


_LOCK = """
SELECT CASE WHEN wanted.exclusive
            THEN pg_advisory_xact_lock(wanted.key)
            ELSE pg_advisory_xact_lock_shared(wanted.key) END
FROM (SELECT * FROM unnest(%s::bigint[], %s::boolean[]) AS pair (key, exclusive)
      ORDER BY key OFFSET 0) AS wanted
"""

# Which keys the open transaction of a connection holds, by the outermost atomic block.
_held: weakref.WeakKeyDictionary[object, dict[Key, bool]] = weakref.WeakKeyDictionary()


@step
def lock(*, shared: Iterable[Key] = (), exclusive: Iterable[Key] = ()) -> None:
    """Take advisory locks until the transaction ends. One round trip.

    A key that is in both is taken exclusive. Call it once a transaction, before the first read.

    Raises:
        LockedTooLate: the transaction holds other locks already, and these are not among them.
    """
    wanted = dict.fromkeys(shared, False) | dict.fromkeys(exclusive, True)
    held = _locks_of_this_transaction()
    missing = {key: mode for key, mode in wanted.items() if key not in held or mode > held[key]}
    if not missing:
        return
    if held:
        raise LockedTooLate(sorted(missing))
    keys = sorted(missing)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[key.value for key in keys], [missing[key] for key in keys]])
    held.update(missing)


def _locks_of_this_transaction() -> dict[Key, bool]:
    blocks = [
        block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)
    ]
    owner = blocks[0] if blocks else connection.atomic_blocks[0]
    return _held.setdefault(owner, {})
