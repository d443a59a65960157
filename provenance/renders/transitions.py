"""The one way in which a render changes its state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ledger.db import step
from ledger.log import actions as log
from provenance.renders import rules
from provenance.renders.errors import IllegalTransition
from provenance.renders.models import Attempt, Render


@step
def move(
    *,
    render_id: UUID,
    to: rules.State,
    at: datetime,
    details: Mapping[str, object] | None = None,
    public: Mapping[str, object] | None = None,
    **changes: object,
) -> bool:
    """Move a render along one transition and stage its entry, `render.<state>`.

    Returns False, and changes nothing, where it has that state already: safe to repeat.

    Raises:
        IllegalTransition: there is no such transition from the state that it has.
    """
    render = Render.objects.select_for_update(of=("self",)).select_related("use").get(pk=render_id)
    if render.state == to:
        return False
    if to not in rules.TRANSITIONS[rules.State(render.state)]:
        raise IllegalTransition(render_id=render_id, state=render.state, to=str(to))
    Render.objects.filter(pk=render_id).update(state=to, state_at=at, **changes)
    log.stage(
        type=entry_type(to),
        at=at,
        subject_id=render.use.requester_id,
        rows=[render],
        details=details,
        public={"render_id": str(render_id), **(public or {})},
    )
    return True


@step
def end_attempt(*, attempt: Attempt, code: str, at: datetime, receipt: str = "") -> None:
    """End a living attempt: its one-job keys are gone, and its permit is worth nothing from here on."""
    Attempt.objects.filter(pk=attempt.pk, ended_at=None).update(
        ended_at=at, end_code=code, receipt=receipt, job_secret=None
    )
    log.stage(
        type="attempt.ended",
        at=at,
        subject_id=attempt.render.use.requester_id,
        rows=[attempt],
        details={"code": code},
    )


def entry_type(state: rules.State) -> str:
    """Return the type of the log entry that says a render came to this state."""
    return f"render.{state.value.replace('_', '-')}"
