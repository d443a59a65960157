"""The rubric's rules that apply to what we seal, over the engine's crJSON view. Pure.

Each rule has the identifier that docs/spec/seal.md lists with its source. A finding is a rule that does
not hold; no finding at all is what a file needs to leave.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provenance.seals import manifests

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
ALLOWED = frozenset(
    {
        "c2pa.actions.v2",
        "c2pa.ingredient.v3",
        "c2pa.hash.bmff.v3",
        "c2pa.hash.data",
        "c2pa.soft-binding",
        "c2pa.thumbnail.claim",
        "c2pa.thumbnail.ingredient",
        "c2pa.ai-disclosure",
        "cawg.training-mining",
        manifests.CONSENT_LABEL,
    }
)
DEPRECATED_ACTIONS = frozenset(
    {
        "c2pa.copied",
        "c2pa.formatted",
        "c2pa.version_updated",
        "c2pa.printed",
        "c2pa.managed",
        "c2pa.produced",
        "c2pa.saved",
        "c2pa.color_adjustments",
        "c2pa.watermarked",
    }
)
WITHOUT_SOURCE_TYPE = frozenset({"c2pa.opened", "c2pa.watermarked.bound"})
RELATIONSHIPS = frozenset({"parentOf", "componentOf", "inputTo"})
AI_SOURCE_TYPES = frozenset({manifests.GENERATED, manifests.COMPOSITE})


@dataclass(frozen=True)
class Finding:
    """One rule that does not hold."""

    rule: str
    about: str = ""


class _Active:
    """The active manifest of a crJSON view, taken apart; missing parts are empty, never an error."""

    def __init__(self, crjson: Mapping[str, Any]) -> None:
        listed = crjson.get("manifests") or [{}]
        self.manifest: Mapping[str, Any] = listed[0]
        self.claim: Mapping[str, Any] = self.manifest.get("claim.v2") or {}
        self.assertions: Mapping[str, Any] = self.manifest.get("assertions") or {}
        said = self.assertions.get("c2pa.actions.v2") or {}
        self.all_actions = said.get("allActionsIncluded")
        self.actions: list[Mapping[str, Any]] = said.get("actions") or []

    def labelled(self, label: str) -> list[Mapping[str, Any]]:
        """Return the assertions of a label, its repeats (`__1`) among them."""
        return [value for key, value in self.assertions.items() if base(key) == label]

    @property
    def created_labels(self) -> list[str]:
        listed = self.claim.get("created_assertions") or ()
        return [str(entry.get("url", "")).rsplit("/", 1)[-1] for entry in listed]


def base(label: str) -> str:
    """Return an assertion's label without the number of its repeat."""
    return label.split("__", 1)[0]


def findings(crjson: Mapping[str, Any], *, timestamped: bool = True) -> tuple[Finding, ...]:
    """Return every rule that the active manifest does not hold, in the order of the rules.

    Args:
        timestamped: whether a time-stamp is owed: one is wherever an authority is set.
    """
    active = _Active(crjson)
    found = [finding for rule in RULES for finding in rule(active)]
    if timestamped and not (active.manifest.get("signature") or {}).get("timeStampInfo"):
        found.append(Finding("signature.time-stamped"))
    return tuple(found)


def _claim(active: _Active) -> Iterator[Finding]:
    if not active.claim:
        yield Finding("claim.is-v2")
    generator = active.claim.get("claim_generator_info") or {}
    if not SEMVER.fullmatch(str(generator.get("specVersion", ""))):
        yield Finding("claim.spec-version-is-semver", str(generator.get("specVersion", "")))
    if active.claim.get("specVersion") is not None:
        yield Finding("claim.no-deprecated-fields", "specVersion")
    if not generator.get("name"):
        yield Finding("claim.generator-is-named")


def _assertions(active: _Active) -> Iterator[Finding]:
    for label in active.assertions:
        if base(label) not in ALLOWED:
            yield Finding("assertions.are-known", label)
    hashes = [label for label in active.assertions if label.startswith("c2pa.hash.")]
    if len(hashes) != 1:
        yield Finding("assertions.one-hard-binding", str(len(hashes)))
    for label in hashes:
        if active.assertions[label].get("url") is not None:
            yield Finding("assertions.no-url-in-hashes", label)
    created = {base(label) for label in active.created_labels}
    for label in ("cawg.training-mining", "c2pa.ai-disclosure", manifests.CONSENT_LABEL):
        if label not in active.assertions:
            yield Finding("assertions.are-complete", label)
        elif label not in created:
            yield Finding("assertions.ours-are-created", label)
    if not active.labelled("c2pa.thumbnail.claim"):
        yield Finding("assertions.are-complete", "c2pa.thumbnail.claim")


def _actions(active: _Active) -> Iterator[Finding]:
    names = [str(action.get("action")) for action in active.actions]
    if not names or names[0] not in ("c2pa.created", "c2pa.opened"):
        yield Finding("actions.begin-with-inception")
    if sum(name in ("c2pa.created", "c2pa.opened") for name in names) > 1:
        yield Finding("actions.one-inception")
    if "c2pa.actions.v2" not in active.created_labels:
        yield Finding("actions.are-created")
    if active.all_actions is not True:
        yield Finding("actions.all-included")
    if "c2pa.watermarked.bound" not in names:
        yield Finding("actions.marked")
    for action, name in zip(active.actions, names, strict=True):
        source = action.get("digitalSourceType")
        if name in DEPRECATED_ACTIONS:
            yield Finding("actions.none-deprecated", name)
        if name == "c2pa.opened" and source is not None:
            yield Finding("actions.opened-has-no-source-type")
        if name not in WITHOUT_SOURCE_TYPE and source is None:
            yield Finding("actions.source-type-given", name)
        if name in ("c2pa.created", "c2pa.edited") and source not in AI_SOURCE_TYPES:
            yield Finding("actions.source-type-says-ai", name)
        if name in ("c2pa.opened", "c2pa.placed") and not _named(action):
            yield Finding("actions.name-their-ingredients", name)


def _ingredients(active: _Active) -> Iterator[Finding]:
    ingredients = active.labelled("c2pa.ingredient.v3")
    parents = [found for found in ingredients if found.get("relationship") == "parentOf"]
    opened = any(action.get("action") == "c2pa.opened" for action in active.actions)
    if len(parents) != int(opened):
        yield Finding("ingredients.parent-where-opened", str(len(parents)))
    for parent in parents:
        if not parent.get("activeManifest"):
            yield Finding("ingredients.parent-has-history")
    for found in ingredients:
        if found.get("relationship") not in RELATIONSHIPS:
            yield Finding("ingredients.relationship-is-known")
        if found.get("activeManifest") and not found.get("validationResults"):
            yield Finding("ingredients.validated")
        if found.get("activeManifest") and found.get("digitalSourceType"):
            yield Finding("ingredients.one-origin")
        for code in _failures(found.get("validationResults") or {}):
            yield Finding("ingredients.nothing-failed", code)
    named = {link for action in active.actions for link in _named(action)}
    for label in active.assertions:
        if base(label) == "c2pa.ingredient.v3" and label not in named:
            yield Finding("ingredients.named-by-an-action", label)


def _soft_bindings(active: _Active) -> Iterator[Finding]:
    bindings = active.labelled("c2pa.soft-binding")
    if not any(found.get("alg") == manifests.MARK_ALGORITHM for found in bindings):
        yield Finding("soft-bindings.mark-present")
    for found in bindings:
        blocks = found.get("blocks") or []
        if not found.get("alg") or not blocks or any(not block.get("value") for block in blocks):
            yield Finding("soft-bindings.are-whole", str(found.get("alg")))


def _disclosure(active: _Active) -> Iterator[Finding]:
    said = active.assertions.get("c2pa.ai-disclosure") or {}
    level = (said.get("contentProfile") or {}).get("humanOversightLevel")
    if not str(said.get("modelType", "")).startswith("c2pa.types."):
        yield Finding("disclosure.model-type-is-known")
    if level not in ("fully_autonomous", "prompt_guided", "human_validated"):
        yield Finding("disclosure.oversight-is-known", str(level))
    training = (active.assertions.get("cawg.training-mining") or {}).get("entries") or {}
    for name, entry in training.items():
        if entry.get("use") not in ("allowed", "notAllowed", "constrained"):
            yield Finding("training.use-is-known", name)


def _validation(active: _Active) -> Iterator[Finding]:
    results = active.manifest.get("validationResults")
    if results is None:
        yield Finding("validation.present")
        return
    for entry in results.get("failure") or ():
        yield Finding("validation.nothing-failed", str(entry.get("code")))


def _failures(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what had failed in an ingredient, and in its own, when it was taken in."""
    held = [results.get("activeManifest") or {}]
    deltas = results.get("ingredientDeltas") or ()
    held += [delta.get("validationDeltas") or {} for delta in deltas]
    for part in held:
        for entry in part.get("failure") or ():
            yield str(entry.get("code"))


def _named(action: Mapping[str, Any]) -> list[str]:
    links = (action.get("parameters") or {}).get("ingredients") or ()
    return [str(link.get("url", "")).rsplit("/", 1)[-1] for link in links]


RULES: tuple[Callable[[_Active], Iterator[Finding]], ...] = (
    _claim,
    _assertions,
    _actions,
    _ingredients,
    _soft_bindings,
    _disclosure,
    _validation,
)
