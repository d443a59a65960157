"""Outbox handlers of renders. Each may be delivered twice; the actions behind them are idempotent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ledger.outbox.tasks import Later, handler
from provenance.renders import attempts, finishing, sweeping
from provenance.renders.gateway import CeleryWorkers

LOG_POLL_S = 0.1
BUSY_S = 2.0


@handler
def dispatch(*, at: datetime, use_id: str) -> None:
    """Decide DISPATCH. Topics `render.dispatch` and `licence.authorised`."""
    attempts.dispatch(render_id=UUID(use_id), at=at)


@handler
def send(*, at: datetime, attempt_id: str, **_later: object) -> None:
    """Sign the permit once its decision is in the log, and send it with its job. `render.send`."""
    attempt = attempts.to_send(attempt_id=UUID(attempt_id), at=at)
    if attempt is None:
        return  # Over, redeemed, or run out: the sweeper makes another.
    if not attempts.is_logged(attempt):
        raise Later(LOG_POLL_S)
    CeleryWorkers().send(attempts.message_for(attempt))


@handler
def finish(*, at: datetime, use_id: str, **_later: object) -> None:
    """Check, seal and release what the worker brought. `render.finish` and `use.approved`."""
    try:
        finishing.finish(render_id=UUID(use_id))
    except finishing.Busy as exc:
        raise Later(BUSY_S) from exc


@handler
def sweep(*, at: datetime) -> None:
    """Push on what stands still. `clock.renders`."""
    sweeping.sweep(at)
