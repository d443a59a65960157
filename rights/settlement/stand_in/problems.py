"""Refusals, in the shape that Stripe gives them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """One answer that is not 2xx. `is_kept` says whether an idempotency key remembers it."""

    def __init__(
        self,
        status: int,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        message: str = "",
        parameter: str | None = None,
        is_kept: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.is_kept = status, is_kept
        error = {"type": kind, "code": code, "message": message, "param": parameter, **more}
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


def invalid(message: str, *, parameter: str | None = None, code: str | None = None) -> ApiError:
    """A request that is wrong in itself: refused before anything starts, so no key remembers it."""
    return ApiError(400, message=message, parameter=parameter, code=code, is_kept=False)


def missing(kind: str, identity: str, *, parameter: str = "id") -> ApiError:
    """An object that does not exist."""
    return ApiError(
        404,
        code="resource_missing",
        message=f"No such {kind}: '{identity}'",
        parameter=parameter,
        is_kept=False,
    )


def unexpected_state(kind: str, status: str, verb: str, **more: Any) -> ApiError:
    """An object that is past what was asked."""
    return ApiError(
        400,
        code=f"{kind}_unexpected_state",
        message=f"You cannot {verb} this {kind} because it has a status of {status}.",
        **more,
    )
