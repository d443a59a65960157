"""What a lookup answers, as JSON: for the API, the verify page and `manage.py identify` alike."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from provenance.lookup.identifications import Identification
from provenance.lookup.queries import Standing

BINDINGS = ("file", "manifest", "mark", "fingerprint")
PROBLEMS_SHOWN_MAX = 20


class GateOutput(serializers.Serializer[Any]):
    gate = serializers.CharField()
    effect = serializers.CharField()
    decided_at = serializers.DateTimeField()
    entry_id = serializers.UUIDField(allow_null=True)
    leaf_index = serializers.IntegerField(allow_null=True, help_text="null: not sequenced yet")


class AncestorOutput(serializers.Serializer[Any]):
    use_id = serializers.UUIDField()
    state = serializers.CharField()


class UseOutput(serializers.Serializer[Any]):
    """What the ledger says now."""

    use_id = serializers.UUIDField()
    state = serializers.CharField()
    state_at = serializers.DateTimeField()
    is_shown = serializers.BooleanField(help_text="released, and neither withdrawn nor held")
    consent_holds = serializers.BooleanField(help_text="it would be permitted if asked now")
    requester = serializers.CharField(allow_null=True, help_text="handle")
    cast = serializers.ListField(child=serializers.CharField(), help_text="handles")
    gates = GateOutput(many=True)
    lineage = AncestorOutput(many=True, help_text="what it was made from, nearest first")
    sealed_sha256 = serializers.CharField(allow_null=True)
    log_tree_size = serializers.IntegerField(help_text="of the newest published checkpoint")


class ManifestOutput(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["trusted", "valid", "invalid", "none"])
    label = serializers.CharField()  # type: ignore[assignment]  # DRF has a name like it.
    signer = serializers.CharField(allow_null=True)
    timestamped_at = serializers.DateTimeField(allow_null=True)
    timestamp_trusted = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.CharField())
    use_id = serializers.UUIDField(allow_null=True)


class MarkOutput(serializers.Serializer[Any]):
    mark_id = serializers.CharField(help_text="ten hexadecimal digits")
    confidence = serializers.FloatField(help_text="0 to 1; its MAC held, or it would not be here")
    scale = serializers.FloatField(help_text="of what is left of the frame; below 1: cropped")
    use_id = serializers.UUIDField(allow_null=True)


class MatchOutput(serializers.Serializer[Any]):
    use_id = serializers.UUIDField()
    distance = serializers.IntegerField(help_text="bits of 256")


class FingerprintOutput(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="ISCC Video-Code, 256 bits")
    matches = MatchOutput(many=True, help_text="nearest first")


class VideoOutput(serializers.Serializer[Any]):
    width_px = serializers.IntegerField()
    height_px = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="that were read")
    fps = serializers.FloatField()


class IdentificationOutput(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    found_by = serializers.ListField(
        child=serializers.ChoiceField(choices=BINDINGS), help_text="the surest first"
    )
    is_consistent = serializers.BooleanField(help_text="all bindings name the same use")
    file_use_id = serializers.UUIDField(allow_null=True, help_text="sealed with these very bytes")
    manifest = ManifestOutput()
    video = VideoOutput(allow_null=True)
    mark = MarkOutput(allow_null=True)
    fingerprint = FingerprintOutput(allow_null=True)
    use = UseOutput(allow_null=True)


def plain(found: Identification) -> dict[str, Any]:
    """Return an identification as `IdentificationOutput` shows it, ready for JSON."""
    seal, mark, looks, video = found.seal, found.mark, found.looks, found.video
    body = {
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "found_by": list(found.claims),
        "is_consistent": found.is_consistent,
        "file_use_id": found.file_use_id,
        "manifest": {
            "state": seal.state.value,
            "label": seal.manifest_label,
            "signer": seal.signer.common_name if seal.signer else None,
            "timestamped_at": seal.timestamped_at,
            "timestamp_trusted": seal.timestamp_trusted,
            "problems": list(seal.problems[:PROBLEMS_SHOWN_MAX]),
            "use_id": found.manifest_use_id,
        },
        "video": video and {
            "width_px": video.width_px,
            "height_px": video.height_px,
            "seconds": round(video.seconds, 3),
            "fps": round(video.fps, 3),
        },
        "mark": mark and {
            "mark_id": f"{mark.detected.mark_id:010x}",
            "confidence": round(mark.detected.confidence, 3),
            "scale": round(mark.detected.scale, 4),
            "use_id": mark.use_id,
        },
        "fingerprint": looks and {
            "code": looks.fingerprint.code,
            "matches": [
                {"use_id": match.use_id, "distance": match.distance} for match in looks.matches
            ],
        },
        "use": found.standing and _use(found.standing),
    }  # fmt: skip
    shown: dict[str, Any] = IdentificationOutput(body).data
    return shown


def _use(standing: Standing) -> dict[str, Any]:
    return {
        **vars(standing),
        "cast": list(standing.cast),
        "gates": [vars(gate) for gate in standing.gates],
        "lineage": [vars(ancestor) for ancestor in standing.lineage],
    }
