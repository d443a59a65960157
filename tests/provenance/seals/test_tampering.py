"""A sealed file that was changed is found out, by the seal or by the hash of the whole."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.seals import actions, verification
from provenance.seals.verification import SealState
from tests.factories import media, seals
from tests.factories.seals import Authorities

UNHASHED = (b"ftyp", b"free", b"uuid")


def boxes(data: bytes) -> dict[bytes, range]:
    """Return where each top-level box of an MP4 lies."""
    found, start = {}, 0
    while start < len(data):
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        found[kind] = range(start, start + size)
        start += size
    return found


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0x01
    return bytes(changed)


class TestFlippedBytes:
    def test_in_picture_sound_or_index_break_the_seal(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data, target = sealed_clip.read_bytes(), tmp_path / "changed.mp4"
        spans = [span for kind, span in boxes(data).items() if kind not in UNHASHED]
        positions = [at for span in spans for at in span[8 :: max(1, len(span) // 40)]]
        assert len(positions) > 80

        for at in positions:
            target.write_bytes(flipped(data, at))
            report = verification.verify(target, trust=known.trust)
            assert report.state not in (SealState.TRUSTED, SealState.VALID), at

    def test_anywhere_change_the_hash_of_the_whole_and_never_raise(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data, target = sealed_clip.read_bytes(), tmp_path / "changed.mp4"
        whole = verification.verify(sealed_clip, trust=known.trust).sha256

        for at in range(0, len(data), len(data) // 150):
            target.write_bytes(flipped(data, at))
            assert verification.verify(target, trust=known.trust).sha256 != whole

    def test_in_the_claim_or_an_assertion_break_the_seal(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data, target = sealed_clip.read_bytes(), tmp_path / "changed.mp4"

        for word in (b"notAllowed", b"permitId", b"prompt_guided", b"org.countersign.mark.v1"):
            target.write_bytes(flipped(data, data.index(word) + 2))
            report = verification.verify(target, trust=known.trust)
            assert report.state is SealState.INVALID, word
            assert report.problems


class TestTruncation:
    def test_at_any_length_never_reads_as_ours(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data, target = sealed_clip.read_bytes(), tmp_path / "cut.mp4"

        for length in range(0, len(data), len(data) // 60):
            target.write_bytes(data[:length])
            assert verification.verify(target, trust=known.trust).state in (
                SealState.INVALID,
                SealState.NONE,
            )


class TestTransplant:
    def test_of_a_manifest_onto_another_video_is_found_out(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data = sealed_clip.read_bytes()
        manifest = data[boxes(data)[b"uuid"].start : boxes(data)[b"uuid"].stop]
        other = media.clip(tmp_path / "other.mp4", seed=3).read_bytes()
        end = boxes(other)[b"ftyp"].stop
        target = tmp_path / "forged.mp4"
        target.write_bytes(other[:end] + manifest + other[end:])

        report = verification.verify(target, trust=known.trust)

        assert report.state is SealState.INVALID
        assert "assertion.bmffHash.mismatch" in report.problems


class TestHostileFiles:
    @pytest.mark.parametrize(
        "content", [b"", b"x", b"\x00" * 64, b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"%PDF-1.4"]
    )
    def test_that_are_hardly_files_have_no_seal(
        self, content: bytes, tmp_path: Path, known: Authorities
    ) -> None:
        path = tmp_path / "odd.bin"
        path.write_bytes(content)

        report = verification.verify(path, trust=known.trust)

        assert report.state in (SealState.NONE, SealState.INVALID)
        assert report.size_bytes == len(content)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(edits=st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=12)), min_size=1))
    def test_get_a_report_and_never_an_error(
        self,
        edits: list[tuple[float, bytes]],
        sealed_clip: Path,
        tmp_path: Path,
        known: Authorities,
    ) -> None:
        data = bytearray(sealed_clip.read_bytes())
        for where, put in edits:
            at = int(where * len(data))
            data[at : at + 8] = put
        path = tmp_path / "edited.mp4"
        path.write_bytes(data)

        report = verification.verify(path, trust=known.trust)

        assert report.state in SealState


class TestReferee:
    """An engine that shares no code with ours reads every kind of file that we seal."""

    @pytest.mark.parametrize("kind", ["mp4", "png", "jpg"])
    def test_agrees_on_each_kind_that_we_seal(
        self,
        kind: str,
        clip: Path,
        tmp_path: Path,
        known: Authorities,
        time_stamp_url: str,
    ) -> None:
        source, target = tmp_path / f"source.{kind}", tmp_path / f"sealed.{kind}"
        if kind == "mp4":
            source.write_bytes(clip.read_bytes())
        elif kind == "png":
            media.png(source)
        else:
            source.write_bytes(media.jpeg())
        sealed = actions.seal(
            source=source,
            target=target,
            request=seals.request(),
            signer=known.signer(time_stamp_url),
            trust=known.trust,
        )

        said = seals.referee(target, known)

        assert (said["integrity"], said["signature"], said["hard_binding"]) == (
            "valid",
            "valid",
            "match",
        )
        assert said["validation_state"] == "Trusted"
        assert said["validation_results"]["failure"] == []
        codes = {entry["code"] for entry in said["validation_results"]["success"]}
        assert {"timeStamp.validated", "timeStamp.trusted", "signingCredential.trusted"} <= codes
        report = said["manifest_report"]
        assert report["version_verdict"]["evaluations"][-1]["structure_conformant"] is True
        assert report["manifest_store_sha256"] == sealed.manifest_sha256.hex()

    def test_agrees_on_a_remix(
        self, clip: Path, sealed_clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        target = tmp_path / "remix.mp4"
        actions.seal(
            source=clip,
            target=target,
            request=seals.remix_of(sealed_clip),
            signer=known.signer(time_stamp_url),
            trust=known.trust,
        )

        said = seals.referee(target, known)

        assert said["validation_state"] == "Trusted"
        assert said["validation_results"]["failure"] == []

    def test_agrees_that_a_changed_file_is_broken(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        data = sealed_clip.read_bytes()
        target = tmp_path / "changed.mp4"
        target.write_bytes(flipped(data, boxes(data)[b"mdat"].start + 2000))

        said = seals.referee(target, known)

        assert said["hard_binding"] == "mismatch"

    def test_agrees_that_a_stranger_is_not_trusted(self, sealed_clip: Path) -> None:
        said = seals.referee(sealed_clip, seals.make_authorities())

        assert said["validation_state"] == "Valid"
