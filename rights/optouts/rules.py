"""The states of opt-outs and of their holders, and how they move between them. Pure."""

from __future__ import annotations

# State -> the states it may go to.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "submitted": ("verified", "withdrawn"),
    "verified": ("active", "withdrawn"),
    "active": ("contested", "withdrawn"),
    "contested": ("active", "withdrawn"),
    "withdrawn": (),
}
HOLDER_TRANSITIONS: dict[str, tuple[str, ...]] = {
    "submitted": ("verified",),
    "verified": ("suspended",),
    "suspended": ("verified",),
}
# What the holder may do with its own; everything else is for staff.
HOLDERS_MOVES: frozenset[str] = frozenset({"withdrawn"})

# Which scopes stop a use of each purpose. Training is asked elsewhere.
SCOPES_THAT_STOP: dict[str, tuple[str, ...]] = {
    "personal": ("generation", "cameo"),
    "commercial": ("generation", "cameo"),
    "advertising": ("generation", "cameo", "advertising"),
    "political": ("generation", "cameo"),
    "sexual": ("generation", "cameo"),
}


def may_go(before: str, after: str) -> bool:
    """Return whether an opt-out may go from one state to another."""
    return after in TRANSITIONS[before]


def holder_may_go(before: str, after: str) -> bool:
    """Return whether a rights holder may go from one state to another."""
    return after in HOLDER_TRANSITIONS[before]
