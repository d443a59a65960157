"""Enrolment, from the challenge to the verified cameo."""

from __future__ import annotations

import pytest
from ledger.cameos.models import Cameo, Enrolment
from tests.factories import accounts, cameos

pytestmark = pytest.mark.django_db(transaction=True)


def test_e2e(settings, tmp_path):
    import json, time
    from pathlib import Path
    from script.story.people import film

    ada = accounts.account()
    c = accounts.client_of(ada)
    r = c.post("/api/v1/enrolments", {}, headers={"Idempotency-Key": "a"})
    assert r.status_code == 201, r.content
    e = r.json()
    f = tmp_path / "a.mp4"
    t = time.time()
    film("ada", e["challenge"], f)
    print("film", time.time() - t)
    r = c.post(
        f"/api/v1/enrolments/{e['id']}/statement",
        {"agreed": True, "statement_sha256": e["statement"]["sha256"]},
    )
    assert r.status_code == 200, r.content
    t = time.time()
    r = c.put(
        f"/api/v1/enrolments/{e['id']}/capture", data=f.read_bytes(), content_type="video/mp4"
    )
    print("put", time.time() - t, json.dumps(r.json(), indent=1))
    assert r.json()["state"] == "verified"
    r = c.get("/api/v1/cameos/mine")
    print(r.json())
    from ledger.cameos import captures

    out = tmp_path / "b.mp4"
    print(captures.decrypt_to(Cameo.objects.get().id, out))
    assert out.read_bytes() == f.read_bytes()
    r = c.delete(f"/api/v1/cameos/{e['cameo_id']}")
    print(r.status_code, r.json())
