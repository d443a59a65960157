"""The OpenAPI document: names of inputs, and what every operation has without saying so."""

from __future__ import annotations

from typing import Any

from drf_spectacular import openapi
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from ledger.http import problems
from ledger.http.idempotency import KEY_LENGTH_MAX, IdempotentView


class Problem(serializers.Serializer[Any]):
    """RFC 9457. A client acts on `code`, which is permanent; further members are ids and limits."""

    type = serializers.CharField(help_text="`/problems/` and the code.")
    title = serializers.CharField(help_text="For people; it may change.")
    status = serializers.IntegerField()
    code = serializers.CharField()


class AutoSchema(openapi.AutoSchema):
    """`GrantsView.Input` is called `GrantsInput`; other serializers have their class's name.

    Each operation has the problems that the framework itself answers, and each problem its body.
    """

    def get_serializer_name(self, serializer: serializers.Serializer[Any], direction: Any) -> str:
        *outer, own = type(serializer).__qualname__.split(".")
        return "".join(name.removesuffix("View") for name in outer) + own

    def get_override_parameters(self) -> list[Any]:
        """Add the header of an idempotent POST."""
        if not self._is_idempotent():
            return []
        is_optional = getattr(self.view, "idempotency_optional", False)
        return [
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=not is_optional,
                description=f"1 to {KEY_LENGTH_MAX} characters. A repeated request with the same "
                "key gets the first answer again, for 24 hours.",
            )
        ]

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status, description in self._common_problems().items():
            bodies.setdefault(str(status), {"description": description})
        for code, body in bodies.items():
            if code >= "400":  # Whatever a room said: problems alone are answered.
                reference = self.resolve_serializer(Problem, "response").ref
                body["content"] = {problems.CONTENT_TYPE: {"schema": reference}}
        return bodies

    def _common_problems(self) -> dict[int, str]:
        found = {}
        if self._get_request_body() is not None:  # type: ignore[no-untyped-call]  # The library's.
            found[400] = "`malformed`, `invalid-input`"
        if (auth := self.get_auth()) and {} not in auth:
            found[401] = "`not-authenticated`"
        if self.view.get_throttles():
            found[429] = "`rate-limited`: try again after Retry-After"
        if self._is_idempotent():
            found[400] = "`malformed`, `invalid-input`, `idempotency-key-missing`"
            found[409] = "`idempotency-key-in-use`"
            found[422] = "`idempotency-key-reused`"
        return found

    def _is_idempotent(self) -> bool:
        return self.method == "POST" and isinstance(self.view, IdempotentView)
