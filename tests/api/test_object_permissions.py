"""Not yours looks like not there: at every address that names a thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.addresses import BODIES, Operation, operations
from tests.api.world import World, let_go
from tests.factories import accounts

# Open to everybody who is signed in, with the reason.
OPEN_TO_STRANGERS = {
    "GET accounts/{account_id}": "a profile is public to members; e-mail and birth date are not in it",
    "PUT accounts/{account_id}/follow": "whom one follows is one's own",
    "DELETE accounts/{account_id}/follow": "whom one follows is one's own",
    "PUT accounts/{account_id}/block": "whom one blocks is one's own",
    "DELETE accounts/{account_id}/block": "whom one blocks is one's own",
    "GET cameos/by-handle/{handle}": "how one finds whom to ask; the public side alone",
    "GET cameos/{cameo_id}": "others see the public side alone",
}
# Open without an account, with the reason.
OPEN_TO_ALL = {
    "GET log/entries/{entry_id}/proof": "the log is public, and holds no personal data",
    "GET takedowns/{case_id}": "opened by the case's secret",
    "POST takedowns/{case_id}/cure": "opened by the case's secret",
    "POST takedowns/{case_id}/confirmation": "opened by a token that was sent by mail",
    "GET manifests/{manifest_label}": "a manifest is public, and holds no personal data",
}
# What they answer to somebody who has the id and nothing else.
ANSWERS_TO_ALL = {
    "GET log/entries/{entry_id}/proof": (404, 503),  # 503 with Retry-After: not sequenced yet.
    "GET takedowns/{case_id}": (404,),
    "POST takedowns/{case_id}/cure": (404,),
    "POST takedowns/{case_id}/confirmation": (422,),  # One answer for a wrong token and no case.
    "GET manifests/{manifest_label}": (404,),
}
WITH_ID = [found for found in operations() if found.parameters]
GUARDED = [found for found in WITH_ID if found.name not in OPEN_TO_STRANGERS | OPEN_TO_ALL]


def names(found: Operation) -> str:
    return found.name


def ask(client: APIClient, operation: Operation, world: World) -> Any:
    client.raise_request_exception = False
    answer = client.generic(
        operation.method.upper(),
        operation.address(world.ids),
        json.dumps(BODIES.get(operation.name) or {}),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    let_go(answer)
    return answer


class TestEveryAddressWithAnId:
    def test_is_guarded_or_listed_with_its_reason(self) -> None:
        assert {found.name for found in WITH_ID} >= OPEN_TO_STRANGERS.keys() | OPEN_TO_ALL.keys()
        assert OPEN_TO_ALL.keys() == ANSWERS_TO_ALL.keys()
        assert len(GUARDED) > 25

    @pytest.mark.parametrize("operation", GUARDED, ids=names)
    def test_looks_empty_to_a_stranger(self, world: World, operation: Operation) -> None:
        answer = ask(accounts.client_of(world.stranger), operation, world)

        assert answer.status_code == 404, answer.content
        assert answer.json()["code"].endswith("not-found")

    @pytest.mark.parametrize("operation", GUARDED, ids=names)
    def test_answers_alike_for_what_is_not_there(self, world: World, operation: Operation) -> None:
        stranger = accounts.client_of(world.stranger)
        theirs = ask(stranger, operation, world)
        world.ids |= {
            name: "00000000-0000-4000-8000-000000000000" for name in world.ids if "_id" in name
        }
        stranger = accounts.client_of(accounts.account())

        nothing = ask(stranger, operation, world)

        assert nothing.status_code == theirs.status_code == 404
        assert nothing.json()["code"] == theirs.json()["code"]

    @pytest.mark.parametrize(
        "operation", [found for found in WITH_ID if found.name not in OPEN_TO_ALL], ids=names
    )
    def test_asks_who_is_calling(self, world: World, operation: Operation) -> None:
        answer = ask(APIClient(), operation, world)

        assert (answer.status_code, answer.json()["code"]) == (401, "not-authenticated")

    @pytest.mark.parametrize(
        "operation", [found for found in WITH_ID if found.name in OPEN_TO_ALL], ids=names
    )
    def test_needs_more_than_the_id_where_no_account_is(
        self, world: World, operation: Operation
    ) -> None:
        answer = ask(APIClient(), operation, world)

        assert answer.status_code in ANSWERS_TO_ALL[operation.name]

    @pytest.mark.parametrize("name", ["accounts/{account_id}", "cameos/{cameo_id}"])
    def test_shows_strangers_the_public_side_alone(self, world: World, name: str) -> None:
        (operation,) = (found for found in WITH_ID if found.name == f"GET {name}")

        answer = ask(accounts.client_of(world.stranger), operation, world)

        said = answer.content.decode()
        assert answer.status_code in (200, 404)
        assert world.owner.email not in said
        assert "1990-01-01" not in said
        assert "preferences" not in said
