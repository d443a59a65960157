"""Asking those who know prohibitions and licences. A source that fails denies: it never allows."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from ledger.consent.prohibitions import ProhibitionQuestion
from ledger.consent.rules import Reason

logger = structlog.get_logger(__name__)


def prohibitions(question: ProhibitionQuestion) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """Return what forbids the use, and the names of the sources that could not be asked.

    Each source runs in a savepoint, so that one that breaks a statement leaves the rest usable.
    """
    found: list[Reason] = []
    unavailable: list[str] = []
    for name in settings.CONSENT_PROHIBITION_SOURCES:
        try:
            with transaction.atomic():
                found += [Reason(each.code, each.id) for each in import_string(name)(question)]
        except Exception:  # Whatever it was: logged, and the decision denies.
            logger.exception("consent.source_failed", source=name)
            unavailable.append(name)
    return tuple(found), tuple(unavailable)


def licensed(use_id: UUID) -> tuple[frozenset[UUID], tuple[str, ...]]:
    """Return the cameos that an authorised licence of the use covers; a failure covers none."""
    name = settings.CONSENT_LICENCE_SOURCE
    try:
        with transaction.atomic():
            return frozenset(import_string(name)(use_id)), ()
    except Exception:  # As above.
        logger.exception("consent.source_failed", source=name)
        return frozenset(), (name,)
