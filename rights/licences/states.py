"""Which state of a licence may follow which. One table, for the code and for the database."""

from __future__ import annotations

QUOTED = "quoted"
AUTHORISING = "authorising"
AUTHORISED = "authorised"
CAPTURE_INTENDED = "capture_intended"
CAPTURED = "captured"
VOID_INTENDED = "void_intended"
VOIDED = "voided"
REFUND_INTENDED = "refund_intended"
REFUNDED = "refunded"
EXPIRED = "expired"

TRANSITIONS: dict[str, frozenset[str]] = {
    # A quote is taken up, or runs out, or its use ends.
    QUOTED: frozenset({AUTHORISING, EXPIRED}),
    # The bank answers; a declined quote can be tried with another card.
    AUTHORISING: frozenset({AUTHORISED, QUOTED, VOID_INTENDED}),
    AUTHORISED: frozenset({CAPTURE_INTENDED, VOID_INTENDED}),
    # A release decided it. It ends captured; or refunded, when a withdrawal overtook the call; or
    # voided, when Stripe had let the authorisation go.
    CAPTURE_INTENDED: frozenset({CAPTURED, REFUND_INTENDED, VOIDED}),
    CAPTURED: frozenset({REFUND_INTENDED}),
    VOID_INTENDED: frozenset({VOIDED}),
    # Voided, when the withdrawal came before any money was taken.
    REFUND_INTENDED: frozenset({REFUNDED, VOIDED}),
    VOIDED: frozenset(),
    REFUNDED: frozenset(),
    EXPIRED: frozenset(),
}

ENDS = frozenset(state for state, following in TRANSITIONS.items() if not following)

# What an authorised licence covers, it covers until its money is let go or given back.
COVERING = frozenset({AUTHORISED, CAPTURE_INTENDED, CAPTURED})


def may_follow(before: str, after: str) -> bool:
    """Return whether a licence may go from one state to the other."""
    return after in TRANSITIONS[before]


def after_use_ends(state: str, *, is_withdrawn: bool, is_refundable: bool) -> str | None:
    """Return the state that a licence goes to when its use ends; None: it stays.

    Args:
        is_withdrawn: the use was released, and is withdrawn; otherwise it never was released.
        is_refundable: the refund window is still open.
    """
    if state == QUOTED:
        return EXPIRED
    if state in {AUTHORISING, AUTHORISED}:
        return VOID_INTENDED
    if state == CAPTURE_INTENDED or (state == CAPTURED and is_withdrawn and is_refundable):
        return REFUND_INTENDED
    return None
