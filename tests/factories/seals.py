"""Keys, requests and an authority for tests of seals."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from provenance.seals import issuing, manifests, timestamps, tsa
from provenance.seals.issuing import Issued
from provenance.seals.requests import (
    SealedCameo,
    SealedGate,
    SealRequest,
    SoftBinding,
    SoftwareAgent,
)
from provenance.seals.signers import KeySigner, Trust
from tests.factories import media


@dataclass(frozen=True)
class Authorities:
    """Two hierarchies, as `make_certificates` makes them."""

    root: Issued
    intermediate: Issued
    leaf: Issued
    time_root: Issued
    time_leaf: Issued

    @property
    def trust(self) -> Trust:
        return Trust(self.root.certificate_pem.decode(), self.time_root.certificate_pem.decode())

    def signer(self, time_stamp_url: str = "") -> KeySigner:
        chain = (self.leaf.certificate, self.intermediate.certificate)
        return KeySigner(chain, self.leaf.key, time_stamp_url)

    @property
    def time_stamps(self) -> timestamps.Authority:
        return timestamps.Authority((self.time_leaf.certificate,), self.time_leaf.key)


@lru_cache(maxsize=1)
def authorities() -> Authorities:
    """Return the test run's own authorities."""
    return make_authorities()


def make_authorities(at: datetime | None = None) -> Authorities:
    """Return fresh authorities."""
    at = at or datetime.now(UTC)
    root = issuing.issue_root(name="Test root", at=at)
    intermediate = issuing.issue_intermediate(root, name="Test intermediate", at=at)
    time_root = issuing.issue_root(name="Test time root", at=at)
    return Authorities(
        root,
        intermediate,
        issuing.issue_claim_leaf(intermediate, name="Test seal", at=at),
        time_root,
        issuing.issue_time_stamping_leaf(time_root, name="Test time", at=at),
    )


@contextmanager
def time_stamping(known: Authorities) -> Iterator[str]:
    """Serve a time-stamp authority on a free port of loopback. Yields its address."""
    server = tsa.make_server("127.0.0.1", 0, authority=known.time_stamps)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cameo(reference: str = "a1") -> SealedCameo:
    """Return a likeness whose capture has a made-up hash."""
    return SealedCameo(reference, bytes([len(reference)]) * 32)


def request(**said: Any) -> SealRequest:
    """Return a request of a composited video with one cameo; `said` replaces fields."""
    fields: dict[str, Any] = {
        "render_id": uuid4(),
        "title": "Two people on a beach",
        "created_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "is_remix": False,
        "has_real_capture": True,
        "permit_id": str(UUID(int=7)),
        "checkpoint": "countersign.test/log\n5\nAAAA\n",
        "status_url": "https://countersign.test/v/1",
        "training_allowed": False,
        "agent": SoftwareAgent("studio", "1.0.0", "studio"),
        "thumbnail": media.jpeg(),
        "cameos": (cameo(),),
        "gates": (SealedGate("dispatch", UUID(int=1), UUID(int=2), 3),),
        "soft_bindings": (
            SoftBinding(manifests.MARK_ALGORITHM, "AAAAAAAAAAE="),
            SoftBinding(manifests.FINGERPRINT_ALGORITHM, "AAECAwQ="),
        ),
        "terms_expire_at": datetime(2027, 1, 1, tzinfo=UTC),
    }
    return SealRequest(**(fields | said))


def remix_of(parent: Path, **said: Any) -> SealRequest:
    """Return a request of a remix of a sealed file."""
    return request(is_remix=True, parent_path=parent, **said)


def referee(path: Path, known: Authorities, *, media_type: str | None = None) -> Any:
    """Return what another engine says of a file: encypher-c2pa, which shares no code with ours."""
    os.environ["ENCYPHER_C2PA_TELEMETRY"] = os.environ["ENCYPHER_C2PA_ONLINE"] = "off"
    os.environ.setdefault("ENCYPHER_C2PA_CONFIG_DIR", tempfile.gettempdir())
    import encypher_c2pa

    return encypher_c2pa.verify(
        path,
        mime_type=media_type,
        trust_pem=known.trust.claim_pem,
        tsa_trust_pem=known.trust.time_stamp_pem,
        no_default_trust=True,
    )
