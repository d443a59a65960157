"""Names in the OpenAPI document: a view's own `Input` is told from another view's."""

from __future__ import annotations

from typing import Any

from drf_spectacular import openapi
from rest_framework import serializers


class AutoSchema(openapi.AutoSchema):
    """`GrantsView.Input` is called `GrantsInput`; other serializers have their class's name."""

    def get_serializer_name(self, serializer: serializers.Serializer[Any], direction: Any) -> str:
        *outer, own = type(serializer).__qualname__.split(".")
        return "".join(name.removesuffix("View") for name in outer) + own
