from __future__ import annotations

from collections.abc import Iterator

import pytest
from rest_framework.response import Response

from tests.ledger.http.addresses import WorkView


@pytest.fixture
def work() -> Iterator[type[WorkView]]:
    """The view that counts its work, with nothing done yet."""
    WorkView.done.clear()
    WorkView.act = lambda: Response({"made": len(WorkView.done)}, 201)
    yield WorkView
    WorkView.done.clear()
    WorkView.act = lambda: Response({"made": len(WorkView.done)}, 201)
