"""The lookup and the C2PA Soft Binding Resolution API, over HTTP."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from ledger.accounts.models import Account
from provenance.marks.models import Fingerprint, MarkIndex
from provenance.renders.models import Render
from provenance.seals.models import Seal
from tests.factories import renders as make

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "org.countersign.mark.v1"
LOOKS = "io.iscc.v0"


def send(client: Client, path: Path | bytes, address: str = "/api/v1/lookup") -> HttpResponse:
    data = path if isinstance(path, bytes) else path.read_bytes()
    return client.post(address, data=data, content_type="video/mp4")


class TestLookup:
    def test_answers_anybody_whose_a_stripped_copy_is(
        self, client: Client, released: Render, stripped: Path
    ) -> None:
        answer = send(client, stripped)

        assert answer.status_code == 200
        body = answer.json()
        assert body["found_by"] == ["mark", "fingerprint"]
        assert body["use"]["requester"] == "ben"
        assert body["use"]["cast"] == ["ada"]
        assert body["use"]["is_shown"] is True
        assert body["manifest"]["state"] == "none"
        assert body["mark"]["mark_id"] == str(MarkIndex.objects.get(use_id=released.pk))

    def test_tells_no_personal_data_and_after_withdrawal_no_name(
        self, client: Client, released: Render, sealed_file: Path, ada: Account, ben: Account
    ) -> None:
        body = send(client, sealed_file).content.decode()

        for secret in (ada.email, ben.email, str(ada.id), str(ben.id), released.prompt):
            assert secret not in body

        make.withdraw(released)
        use = send(client, sealed_file).json()["use"]

        assert (use["state"], use["consent_holds"]) == ("withdrawn", False)
        assert (use["requester"], use["cast"]) == (None, [])

    def test_refuses_no_file(self, client: Client) -> None:
        answer = send(client, b"")

        assert (answer.status_code, answer.json()["code"]) == (400, "lookup-file-missing")

    def test_refuses_a_file_over_the_limit(self, client: Client, settings: LazySettings) -> None:
        settings.LOOKUP_SIZE_BYTES_MAX = 10

        answer = send(client, b"x" * 11)

        assert (answer.status_code, answer.json()["code"]) == (413, "lookup-file-too-large")
        assert answer.json()["limit_bytes"] == 10

    def test_refuses_what_is_no_video(self, client: Client) -> None:
        answer = send(client, b"just some text")

        assert (answer.status_code, answer.json()["code"]) == (415, "lookup-file-unknown")

    def test_is_throttled(self, client: Client, settings: LazySettings) -> None:
        codes = [send(client, b"").status_code for _ in range(31)]

        assert codes[:30] == [400] * 30
        assert codes[30] == 429


class TestMatchesByBinding:
    address = "/api/v1/matches/byBinding"

    def test_finds_the_manifest_of_a_mark_and_of_a_fingerprint_until_withdrawn(
        self, client: Client, released: Render
    ) -> None:
        label = Seal.objects.get(use_id=released.pk).manifest_label
        by_mark = {"alg": MARK, "value": str(MarkIndex.objects.get(use_id=released.pk))}
        code = Fingerprint.objects.get(use_id=released.pk).code
        by_looks = {"alg": LOOKS, "value": base64.b64encode(code.encode()).decode()}
        expected = {"matches": [{"manifestId": label, "similarityScore": 100}]}

        assert client.get(self.address, by_mark).json() == expected
        answer = client.post(self.address, by_looks, content_type="application/json")
        assert answer.json() == expected

        make.withdraw(released)

        assert client.get(self.address, by_mark).json() == {"matches": []}

    def test_finds_none_for_an_unknown_mark(self, client: Client) -> None:
        answer = client.get(self.address, {"alg": MARK, "value": "00000000ff"})

        assert answer.json() == {"matches": []}

    @pytest.mark.parametrize(
        "asked",
        [
            {"alg": "com.example.other", "value": "00000000ff"},
            {"alg": MARK, "value": "not hexadecimal"},
            {"alg": MARK, "value": "x" * 513},
            {"alg": LOOKS, "value": "ISCC:nonsense"},
            {"alg": LOOKS, "value": "ISCC:KACYPXW445FTYNJ3"},
            {"alg": LOOKS, "value": "%%%"},
            {"alg": MARK},
            {"value": "00000000ff"},
            {"alg": MARK, "value": "00000000ff", "maxResults": 0},
            {"alg": MARK, "value": "00000000ff", "maxResults": 11},
        ],
    )
    def test_refuses_other_queries(self, client: Client, asked: dict[str, Any]) -> None:
        assert client.get(self.address, asked).status_code == 400


class TestMatchesByContent:
    address = "/api/v1/matches/byContent"

    def test_finds_the_manifest_of_a_stripped_copy_by_either_binding(
        self, client: Client, released: Render, stripped: Path, unrelated: Path
    ) -> None:
        label = Seal.objects.get(use_id=released.pk).manifest_label

        for query in ("", f"?alg={MARK}", f"?alg={LOOKS}"):
            matches = send(client, stripped, self.address + query).json()["matches"]
            assert [match["manifestId"] for match in matches] == [label]

        assert send(client, unrelated, self.address).json() == {"matches": []}

    def test_refuses_another_algorithm(self, client: Client, unrelated: Path) -> None:
        answer = send(client, unrelated, f"{self.address}?alg=com.example.other")

        assert (answer.status_code, answer.json()["code"]) == (400, "binding-malformed")


class TestManifests:
    def test_gives_the_manifest_store_of_a_video_until_it_is_withdrawn(
        self, client: Client, released: Render
    ) -> None:
        label = Seal.objects.get(use_id=released.pk).manifest_label

        answer = client.get(f"/api/v1/manifests/{label}")

        assert (answer.status_code, answer["Content-Type"]) == (200, "application/c2pa")
        assert label.encode() in answer.content

        make.withdraw(released)

        assert client.get(f"/api/v1/manifests/{label}").status_code == 451

    def test_knows_no_other(self, client: Client) -> None:
        answer = client.get("/api/v1/manifests/urn:c2pa:nothing")

        assert (answer.status_code, answer.json()["code"]) == (404, "manifest-not-found")


class TestSupportedAlgorithms:
    def test_names_the_mark_and_the_fingerprint(self, client: Client) -> None:
        assert client.get("/api/v1/services/supportedAlgorithms").json() == {
            "watermarks": [{"alg": MARK}],
            "fingerprints": [{"alg": LOOKS}],
        }
