"""The manifest's definition, from what we have to say. Pure; see docs/spec/seal.md for the fields."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from provenance.marks import detection, fingerprints
from provenance.seals.errors import SealRequestMalformed
from provenance.seals.requests import (
    CAMEOS_MAX,
    GATES_MAX,
    SOFT_BINDINGS_MAX,
    THUMBNAIL_SIZE_BYTES_MAX,
    TITLE_CHARACTERS_MAX,
    SealedCameo,
    SealRequest,
)

GENERATOR_NAME, GENERATOR_VERSION = "Countersign", "0.1.0"
SPEC_VERSION = "2.4.0"
CONSENT_LABEL = "org.countersign.consent"
CONSENT_VERSION = "1.0.0"
MARK_ALGORITHM = detection.ALGORITHM
FINGERPRINT_ALGORITHM = fingerprints.ALGORITHM
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = SOURCE_TYPES + "trainedAlgorithmicMedia"
COMPOSITE = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
CAPTURED = SOURCE_TYPES + "digitalCapture"
TRAINING_USES = (
    "cawg.ai_generative_training",
    "cawg.ai_training",
    "cawg.ai_inference",
    "cawg.data_mining",
)
PARENT = "parent"
THUMBNAIL = "thumbnail"


def check(request: SealRequest) -> None:
    """Raise `SealRequestMalformed` for what no manifest of ours may say."""
    if request.is_remix != (request.parent_path is not None):
        raise SealRequestMalformed(field="parent_path")
    if request.cameos and not request.has_real_capture:
        raise SealRequestMalformed(field="has_real_capture")
    if len(request.title) > TITLE_CHARACTERS_MAX:
        raise SealRequestMalformed(field="title", limit=TITLE_CHARACTERS_MAX)
    if len(request.cameos) > CAMEOS_MAX or len(request.gates) > GATES_MAX:
        raise SealRequestMalformed(field="cameos or gates")
    if not 0 < len(request.soft_bindings) <= SOFT_BINDINGS_MAX:
        raise SealRequestMalformed(field="soft_bindings", limit=SOFT_BINDINGS_MAX)
    if len({cameo.cameo_ref for cameo in request.cameos}) != len(request.cameos):
        raise SealRequestMalformed(field="cameos")
    if any(len(cameo.capture_sha256) != 32 for cameo in request.cameos):
        raise SealRequestMalformed(field="capture_sha256")
    if not request.thumbnail.startswith(b"\xff\xd8\xff"):
        raise SealRequestMalformed(field="thumbnail")
    if len(request.thumbnail) > THUMBNAIL_SIZE_BYTES_MAX:
        raise SealRequestMalformed(field="thumbnail", limit=THUMBNAIL_SIZE_BYTES_MAX)


def definition(request: SealRequest, *, media_type: str) -> dict[str, Any]:
    """Return the manifest's definition as the engine takes it, without the parent's ingredient."""
    return {
        "claim_version": 2,
        "claim_generator_info": [
            {"name": GENERATOR_NAME, "version": GENERATOR_VERSION, "specVersion": SPEC_VERSION}
        ],
        "title": request.title or str(request.render_id),
        "format": media_type,
        "instance_id": f"urn:uuid:{request.render_id}",
        "thumbnail": {"format": "image/jpeg", "identifier": THUMBNAIL},
        "ingredients": [_cameo_ingredient(request, cameo) for cameo in request.cameos],
        "assertions": [
            _created("c2pa.actions.v2", {"actions": _actions(request), "allActionsIncluded": True}),
            *(
                _created("c2pa.soft-binding", _binding(b.alg, b.value))
                for b in request.soft_bindings
            ),
            _created("cawg.training-mining", _training(allowed=request.training_allowed)),
            _created("c2pa.ai-disclosure", _disclosure(request)),
            _created(CONSENT_LABEL, _consent(request)),
        ],
    }


def parent_ingredient() -> dict[str, str]:
    """Return the ingredient that a remix opened; the engine adds its whole history from the file."""
    return {"title": "The remixed video", "relationship": "parentOf", "label": PARENT}


def capture_commitment(*, render_id: UUID, capture_sha256: bytes) -> bytes:
    """Return the hash of a capture as one manifest names it.

    The plain hash would be the same in every video of a person, and so link them. Whoever is shown the
    capture, or its hash, can make this again for a render and compare.
    """
    return hashlib.sha256(
        b"countersign/seal/capture/v1\n" + render_id.bytes + capture_sha256
    ).digest()


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "created": True, "data": data}


def _is_composited(request: SealRequest) -> bool:
    """Return whether frames of the capture themselves are in the picture: no model drew them."""
    return bool(request.cameos) and not request.agent.weights_sha256


def _source_type(request: SealRequest) -> str:
    return COMPOSITE if request.has_real_capture else GENERATED


def _cameo_ingredient(request: SealRequest, cameo: SealedCameo) -> dict[str, str]:
    commitment = capture_commitment(
        render_id=request.render_id, capture_sha256=cameo.capture_sha256
    )
    return {
        "title": "A likeness, used under recorded consent",
        "format": "video/mp4",
        "relationship": "componentOf" if _is_composited(request) else "inputTo",
        "label": f"cameo-{cameo.cameo_ref}",
        "instance_id": f"urn:countersign:capture:sha256:{commitment.hex()}",
        "description": cameo.cameo_ref,
    }


def _actions(request: SealRequest) -> list[dict[str, Any]]:
    """Return what was done, in order: begun, perhaps edited, likenesses put in, marked."""
    when = _moment(request.created_at)
    likenesses = [f"cameo-{cameo.cameo_ref}" for cameo in request.cameos]
    composited = _is_composited(request)
    agent = {"name": request.agent.name, "version": request.agent.version}
    made: dict[str, Any] = {
        "action": "c2pa.edited" if request.is_remix else "c2pa.created",
        "when": when,
        "digitalSourceType": _source_type(request),
        "softwareAgent": agent,
    }
    if likenesses and not composited:
        made["parameters"] = {"ingredientIds": likenesses}
    actions = [made]
    if request.is_remix:
        opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": [PARENT]}}
        actions.insert(0, opened)
    if composited:
        actions.append(
            {
                "action": "c2pa.placed",
                "when": when,
                "digitalSourceType": CAPTURED,
                "softwareAgent": agent,
                "parameters": {"ingredientIds": likenesses},
            }
        )
    actions.append({"action": "c2pa.watermarked.bound", "when": when, "softwareAgent": agent})
    return actions


def _binding(alg: str, value: str) -> dict[str, Any]:
    """Bind the whole asset. The value is text: the engine makes no byte strings from JSON."""
    return {"alg": alg, "blocks": [{"scope": {}, "value": value}]}


def _training(*, allowed: bool) -> dict[str, Any]:
    use = "allowed" if allowed else "notAllowed"
    return {"entries": {name: {"use": use} for name in TRAINING_USES}}


def _disclosure(request: SealRequest) -> dict[str, Any]:
    """Say that a machine made it, which one, and that a person prompted it (2.4, AI disclosure)."""
    agent = request.agent
    said: dict[str, Any] = {
        "modelType": "c2pa.types.model" if agent.weights_sha256 else "c2pa.types.generator",
        "modelName": agent.name,
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }
    if agent.model_id:
        said["modelIdentifier"] = agent.model_id
    return said


def _consent(request: SealRequest) -> dict[str, Any]:
    """Return our own assertion: that consent held at each gate, and where to ask about today."""
    gates = [
        {
            "gate": gate.gate,
            "entryId": str(gate.entry_id),
            "decisionId": str(gate.decision_id),
            **({} if gate.log_index is None else {"logIndex": gate.log_index}),
        }
        for gate in request.gates
    ]
    said: dict[str, Any] = {
        "version": CONSENT_VERSION,
        "renderId": str(request.render_id),
        "permitId": request.permit_id,
        "gates": gates,
        "likenesses": [
            {
                "ref": cameo.cameo_ref,
                "captureCommitment": capture_commitment(
                    render_id=request.render_id, capture_sha256=cameo.capture_sha256
                ).hex(),
            }
            for cameo in request.cameos
        ],
        "checkpoint": request.checkpoint,
        "statusUrl": request.status_url,
        "weightsSha256": request.agent.weights_sha256,
    }
    if request.terms_expire_at is not None:
        said["termsExpireAt"] = _moment(request.terms_expire_at)
    return said


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
