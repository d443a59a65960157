"""Sealing a file, and what never leaves."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from provenance.seals import actions, conformance, manifests, verification
from provenance.seals.errors import (
    MediaNotSealable,
    SealedInPlace,
    SealNotSound,
    SealRequestMalformed,
    SealUnavailable,
)
from provenance.seals.requests import SealRequest, SoftBinding, SoftwareAgent
from provenance.seals.verification import SealState
from tests.factories import media, seals
from tests.factories.seals import Authorities


def seal(
    source: Path, target: Path, known: Authorities, url: str, request: SealRequest
) -> actions.Sealed:
    return actions.seal(
        source=source,
        target=target,
        request=request,
        signer=known.signer(url),
        trust=known.trust,
    )


class TestSeal:
    def test_makes_a_file_that_reads_as_ours_and_conforms(
        self, sealed_clip: Path, known: Authorities
    ) -> None:
        report = verification.verify(sealed_clip, trust=known.trust)

        assert report.state is SealState.TRUSTED
        assert report.problems == ()
        assert report.timestamp_trusted
        assert conformance.findings(report.crjson) == ()

    def test_answers_with_the_hash_of_the_very_file(
        self, clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        target = tmp_path / "sealed.mp4"

        sealed = seal(clip, target, known, time_stamp_url, seals.request())

        assert sealed.sha256 == hashlib.sha256(target.read_bytes()).digest()
        assert sealed.size_bytes == target.stat().st_size
        store = verification.manifest_store(target)
        assert sealed.manifest_sha256 == hashlib.sha256(store).digest()
        assert sealed.certificate_serial == str(known.leaf.certificate.serial_number)
        assert sealed.timestamped

    @pytest.mark.parametrize("kind", ["png", "jpg"])
    def test_seals_pictures_too(
        self, kind: str, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        source = tmp_path / f"still.{kind}"
        source.write_bytes(media.jpeg())
        if kind == "png":
            media.png(source)

        sealed = seal(source, tmp_path / f"sealed.{kind}", known, time_stamp_url, seals.request())

        assert sealed.report.state is SealState.TRUSTED

    def test_leaves_the_source_as_it_was(
        self, clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        before = clip.read_bytes()

        seal(clip, tmp_path / "sealed.mp4", known, time_stamp_url, seals.request())

        assert clip.read_bytes() == before

    def test_refuses_to_seal_in_place(self, clip: Path, tmp_path: Path, known: Authorities) -> None:
        soft, hard = tmp_path / "soft.mp4", tmp_path / "hard.mp4"
        soft.symlink_to(clip)
        hard.hardlink_to(clip)
        before = clip.read_bytes()

        for target in (clip, soft, hard, clip.parent / "." / clip.name):
            with pytest.raises(SealedInPlace):
                seal(clip, target, known, "", seals.request())

        assert clip.read_bytes() == before

    def test_refuses_to_write_over_the_parent(
        self, clip: Path, sealed_clip: Path, known: Authorities
    ) -> None:
        with pytest.raises(SealedInPlace):
            seal(clip, sealed_clip, known, "", seals.remix_of(sealed_clip))

    @pytest.mark.parametrize("content", [b"", b"GIF89a" + bytes(64), b"%PDF-1.7" + bytes(64)])
    def test_refuses_what_is_no_video_or_picture(
        self, content: bytes, tmp_path: Path, known: Authorities
    ) -> None:
        source = tmp_path / "source.mp4"
        source.write_bytes(content)

        with pytest.raises(MediaNotSealable):
            seal(source, tmp_path / "sealed.mp4", known, "", seals.request())

    def test_leaves_nothing_behind_when_the_authority_does_not_answer(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        with pytest.raises(SealUnavailable):
            seal(clip, tmp_path / "sealed.mp4", known, "http://127.0.0.1:9", seals.request())

        assert list(tmp_path.iterdir()) == []

    def test_leaves_nothing_behind_when_the_signer_fails(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        class Broken(type(known.signer())):  # type: ignore[misc]  # A class made here.
            def sign(self, data: bytes) -> bytes:
                raise OSError("the HSM is gone")

        signer = Broken(known.signer().chain, known.leaf.key)

        with pytest.raises(SealUnavailable):
            actions.seal(
                source=clip,
                target=tmp_path / "sealed.mp4",
                request=seals.request(),
                signer=signer,
                trust=known.trust,
            )

        assert list(tmp_path.iterdir()) == []

    def test_lets_nothing_out_that_a_stranger_signed(
        self, clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        stranger = seals.make_authorities()
        target = tmp_path / "sealed.mp4"
        target.write_bytes(b"what was here before")

        with pytest.raises(SealNotSound) as caught:
            actions.seal(
                source=clip,
                target=target,
                request=seals.request(),
                signer=stranger.signer(time_stamp_url),
                trust=known.trust,
            )

        assert "state.valid" in caught.value.members["problems"]  # type: ignore[operator]  # A list.
        assert target.read_bytes() == b"what was here before"
        assert os.listdir(tmp_path) == ["sealed.mp4"]  # noqa: PTH208  # Names are compared.

    def test_lets_nothing_out_with_a_strangers_time_stamp(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        with seals.time_stamping(seals.make_authorities()) as url, pytest.raises(SealNotSound):
            seal(clip, tmp_path / "sealed.mp4", known, url, seals.request())

        assert list(tmp_path.iterdir()) == []

    def test_lets_nothing_out_that_breaks_a_rule_of_the_rubric(
        self, clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        unmarked = seals.request(soft_bindings=(SoftBinding("io.iscc.v0", "AAEC"),))

        with pytest.raises(SealNotSound) as caught:
            seal(clip, tmp_path / "sealed.mp4", known, time_stamp_url, unmarked)

        problems = caught.value.members["problems"]
        assert problems == ["soft-bindings.mark-present:"]
        assert list(tmp_path.iterdir()) == []


class TestManifest:
    def test_says_what_was_done_in_order(self, sealed_clip: Path, known: Authorities) -> None:
        active = verification.verify(sealed_clip, trust=known.trust).crjson["manifests"][0]

        actions_ = active["assertions"]["c2pa.actions.v2"]
        names = [action["action"] for action in actions_["actions"]]
        assert names == ["c2pa.created", "c2pa.placed", "c2pa.watermarked.bound"]
        assert actions_["allActionsIncluded"] is True
        assert actions_["actions"][0]["digitalSourceType"] == manifests.COMPOSITE
        assert active["claim.v2"]["claim_generator_info"]["specVersion"] == "2.4.0"

    def test_names_no_person_and_no_capture_twice(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        first, second = tmp_path / "1.mp4", tmp_path / "2.mp4"
        seal(clip, first, known, "", seals.request())
        seal(clip, second, known, "", seals.request())

        plain = seals.cameo().capture_sha256
        commitments = set()
        for path in (first, second):
            store = verification.manifest_store(path)
            assert plain not in store
            assert plain.hex().encode() not in store
            said = verification.verify(path, trust=known.trust).crjson["manifests"][0]
            consent = said["assertions"][manifests.CONSENT_LABEL]
            commitments.add(consent["likenesses"][0]["captureCommitment"])
        assert len(commitments) == 2

    def test_lets_whoever_holds_the_capture_make_its_commitment_again(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        request = seals.request()
        seal(clip, tmp_path / "sealed.mp4", known, "", request)

        said = verification.verify(tmp_path / "sealed.mp4", trust=known.trust).crjson
        assertions = said["manifests"][0]["assertions"]
        expected = hashlib.sha256(
            b"countersign/seal/capture/v1\n"
            + request.render_id.bytes
            + request.cameos[0].capture_sha256
        ).hexdigest()
        likeness = assertions[manifests.CONSENT_LABEL]["likenesses"][0]
        assert likeness["captureCommitment"] == expected
        assert assertions["c2pa.ingredient.v3"]["instanceID"].endswith(expected)

    def test_says_that_consent_held_at_each_gate(
        self, sealed_clip: Path, known: Authorities
    ) -> None:
        said = verification.verify(sealed_clip, trust=known.trust).crjson["manifests"][0]

        consent = said["assertions"][manifests.CONSENT_LABEL]
        assert consent["gates"][0]["gate"] == "dispatch"
        assert consent["gates"][0]["logIndex"] == 3
        assert consent["checkpoint"].startswith("countersign.test/log\n")
        assert consent["statusUrl"] == "https://countersign.test/v/1"
        assert consent["termsExpireAt"] == "2027-01-01T00:00:00Z"

    def test_calls_a_video_without_a_real_person_generated(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        request = seals.request(
            has_real_capture=False,
            cameos=(),
            agent=SoftwareAgent("ltx", "2", "ltx-2", "ab" * 32),
        )

        seal(clip, tmp_path / "sealed.mp4", known, "", request)

        said = verification.verify(tmp_path / "sealed.mp4", trust=known.trust).crjson
        assertions = said["manifests"][0]["assertions"]
        first = assertions["c2pa.actions.v2"]["actions"][0]
        assert first["digitalSourceType"] == manifests.GENERATED
        assert assertions["c2pa.ai-disclosure"]["modelType"] == "c2pa.types.model"
        assert "c2pa.ingredient.v3" not in assertions

    def test_calls_a_likeness_that_a_model_saw_an_input(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        request = seals.request(
            cameos=(seals.cameo("a"), seals.cameo("bb")),
            agent=SoftwareAgent("vace", "1", "wan", "cd" * 32),
        )

        seal(clip, tmp_path / "sealed.mp4", known, "", request)

        said = verification.verify(tmp_path / "sealed.mp4", trust=known.trust).crjson
        assertions = said["manifests"][0]["assertions"]
        relationships = [
            assertions[label]["relationship"]
            for label in ("c2pa.ingredient.v3", "c2pa.ingredient.v3__1")
        ]
        assert relationships == ["inputTo", "inputTo"]

    @pytest.mark.parametrize(("allowed", "use"), [(True, "allowed"), (False, "notAllowed")])
    def test_says_whether_it_may_be_learned_from(
        self, allowed: bool, use: str, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        seal(clip, tmp_path / "sealed.mp4", known, "", seals.request(training_allowed=allowed))

        said = verification.verify(tmp_path / "sealed.mp4", trust=known.trust).crjson
        entries = said["manifests"][0]["assertions"]["cawg.training-mining"]["entries"]
        assert {entry["use"] for entry in entries.values()} == {use}
        assert set(entries) == set(manifests.TRAINING_USES)


class TestRemix:
    def test_keeps_the_whole_history_three_deep(
        self, clip: Path, sealed_clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        parent, labels = sealed_clip, []
        for depth in range(3):
            child = tmp_path / f"{depth}.mp4"
            sealed = seal(clip, child, known, time_stamp_url, seals.remix_of(parent))
            labels.append(sealed.manifest_label)
            parent = child

        report = verification.verify(parent, trust=known.trust)

        first = verification.verify(sealed_clip, trust=known.trust).manifest_label
        assert report.state is SealState.TRUSTED
        assert set(report.manifest["manifests"]) == {first, *labels}
        active = report.crjson["manifests"][0]["assertions"]
        names = [action["action"] for action in active["c2pa.actions.v2"]["actions"]]
        assert names[:2] == ["c2pa.opened", "c2pa.edited"]

    def test_refuses_a_parent_without_history(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        with pytest.raises(SealNotSound) as caught:
            seal(clip, tmp_path / "sealed.mp4", known, "", seals.remix_of(clip))

        assert "ingredients.parent-has-history:" in caught.value.members["problems"]  # type: ignore[operator]  # A list.

    def test_refuses_a_parent_that_was_changed(
        self, clip: Path, sealed_clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        changed = tmp_path / "changed.mp4"
        content = bytearray(sealed_clip.read_bytes())
        content[len(content) - 4000] ^= 0xFF
        changed.write_bytes(content)

        with pytest.raises(SealNotSound):
            seal(clip, tmp_path / "sealed.mp4", known, time_stamp_url, seals.remix_of(changed))


class TestCheck:
    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"is_remix": True}, "parent_path"),
            ({"parent_path": Path("x.mp4")}, "parent_path"),
            ({"has_real_capture": False}, "has_real_capture"),
            ({"title": "x" * 201}, "title"),
            ({"cameos": tuple(seals.cameo("c" * n) for n in range(1, 22))}, "cameos or gates"),
            ({"cameos": (seals.cameo("a"), seals.cameo("a"))}, "cameos"),
            ({"soft_bindings": ()}, "soft_bindings"),
            ({"thumbnail": b"PNG"}, "thumbnail"),
            ({"thumbnail": b"\xff\xd8\xff" + bytes(512 * 1024)}, "thumbnail"),
        ],
    )
    def test_refuses_what_no_manifest_may_say(self, said: dict[str, object], field: str) -> None:
        with pytest.raises(SealRequestMalformed) as caught:
            manifests.check(seals.request(**said))

        assert caught.value.members["field"] == field
