"""Sealing, and reading a seal again."""

from __future__ import annotations

from pathlib import Path

from provenance.seals import actions, conformance, verification
from provenance.seals.verification import SealState
from tests.factories import seals
from tests.factories.seals import Authorities


class TestSeal:
    def test_makes_a_file_that_reads_as_ours_and_conforms(
        self, sealed_clip: Path, known: Authorities
    ) -> None:
        report = verification.verify(sealed_clip, trust=known.trust)

        assert report.state is SealState.TRUSTED
        assert report.problems == ()
        assert report.timestamp_trusted
        assert conformance.findings(report.crjson) == ()
