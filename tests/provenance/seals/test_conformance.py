"""Each rule of the rubric, broken on purpose."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from provenance.seals import conformance, manifests, verification
from tests.factories.seals import Authorities

Active = dict[str, Any]
Break = Callable[[Active], object]


@pytest.fixture(scope="session")
def good(sealed_clip: Path, known: Authorities) -> dict[str, Any]:
    return verification.verify(sealed_clip, trust=known.trust).crjson


def generator(active: Active) -> Active:
    return cast(Active, active["claim.v2"]["claim_generator_info"])


def said(active: Active, label: str) -> Active:
    return cast(Active, active["assertions"][label])


def acts(active: Active) -> list[Active]:
    return cast("list[Active]", said(active, "c2pa.actions.v2")["actions"])


def ingredient(active: Active) -> Active:
    return said(active, "c2pa.ingredient.v3")


def created(active: Active) -> list[Active]:
    return cast("list[Active]", active["claim.v2"]["created_assertions"])


BREAKS: list[tuple[str, Break]] = [
    ("claim.is-v2", lambda a: a.update({"claim.v2": {}})),
    ("claim.spec-version-is-semver", lambda a: generator(a).update(specVersion="2.4")),
    ("claim.spec-version-is-semver", lambda a: generator(a).pop("specVersion")),
    ("claim.no-deprecated-fields", lambda a: a["claim.v2"].update(specVersion="2.4.0")),
    ("claim.generator-is-named", lambda a: generator(a).pop("name")),
    ("assertions.are-known", lambda a: a["assertions"].update({"stds.exif": {}})),
    ("assertions.are-known", lambda a: a["assertions"].update({"c2pa.actions": {}})),
    ("assertions.one-hard-binding", lambda a: a["assertions"].pop("c2pa.hash.bmff.v3")),
    ("assertions.one-hard-binding", lambda a: a["assertions"].update({"c2pa.hash.data": {}})),
    ("assertions.no-url-in-hashes", lambda a: said(a, "c2pa.hash.bmff.v3").update(url="x")),
    ("assertions.are-complete", lambda a: a["assertions"].pop("cawg.training-mining")),
    ("assertions.are-complete", lambda a: a["assertions"].pop("c2pa.ai-disclosure")),
    ("assertions.are-complete", lambda a: a["assertions"].pop(manifests.CONSENT_LABEL)),
    ("assertions.are-complete", lambda a: a["assertions"].pop("c2pa.thumbnail.claim")),
    ("assertions.ours-are-created", lambda a: created(a).clear()),
    ("actions.begin-with-inception", lambda a: acts(a).reverse()),
    ("actions.begin-with-inception", lambda a: acts(a).clear()),
    ("actions.one-inception", lambda a: acts(a).append(acts(a)[0])),
    ("actions.are-created", lambda a: created(a).clear()),
    ("actions.all-included", lambda a: said(a, "c2pa.actions.v2").pop("allActionsIncluded")),
    ("actions.marked", lambda a: acts(a).pop()),
    ("actions.none-deprecated", lambda a: acts(a)[1].update(action="c2pa.watermarked")),
    (
        "actions.opened-has-no-source-type",
        lambda a: acts(a)[0].update(action="c2pa.opened"),
    ),
    ("actions.source-type-given", lambda a: acts(a)[1].pop("digitalSourceType")),
    (
        "actions.source-type-says-ai",
        lambda a: acts(a)[0].update(digitalSourceType=manifests.CAPTURED),
    ),
    ("actions.name-their-ingredients", lambda a: acts(a)[1].pop("parameters")),
    (
        "ingredients.parent-where-opened",
        lambda a: ingredient(a).update(relationship="parentOf"),
    ),
    ("ingredients.parent-has-history", lambda a: ingredient(a).update(relationship="parentOf")),
    ("ingredients.relationship-is-known", lambda a: ingredient(a).update(relationship="friend")),
    ("ingredients.validated", lambda a: ingredient(a).update(activeManifest={"url": "x"})),
    (
        "ingredients.one-origin",
        lambda a: ingredient(a).update(activeManifest={"url": "x"}, digitalSourceType="y"),
    ),
    (
        "ingredients.nothing-failed",
        lambda a: ingredient(a).update(
            validationResults={"activeManifest": {"failure": [{"code": "x"}]}}
        ),
    ),
    (
        "ingredients.nothing-failed",
        lambda a: ingredient(a).update(
            validationResults={
                "ingredientDeltas": [{"validationDeltas": {"failure": [{"code": "x"}]}}]
            }
        ),
    ),
    ("ingredients.named-by-an-action", lambda a: acts(a)[1].pop("parameters")),
    ("soft-bindings.mark-present", lambda a: a["assertions"].pop("c2pa.soft-binding")),
    ("soft-bindings.are-whole", lambda a: said(a, "c2pa.soft-binding").update(blocks=[])),
    (
        "soft-bindings.are-whole",
        lambda a: said(a, "c2pa.soft-binding__1")["blocks"][0].update(value=""),
    ),
    (
        "disclosure.model-type-is-known",
        lambda a: said(a, "c2pa.ai-disclosure").update(modelType="model"),
    ),
    (
        "disclosure.oversight-is-known",
        lambda a: said(a, "c2pa.ai-disclosure")["contentProfile"].update(humanOversightLevel="x"),
    ),
    (
        "training.use-is-known",
        lambda a: said(a, "cawg.training-mining")["entries"]["cawg.data_mining"].update(use="x"),
    ),
    ("validation.present", lambda a: a.pop("validationResults")),
    (
        "validation.nothing-failed",
        lambda a: a["validationResults"]["failure"].append({"code": "claimSignature.mismatch"}),
    ),
    ("signature.time-stamped", lambda a: a["signature"].pop("timeStampInfo")),
]


class TestFindings:
    def test_finds_nothing_in_a_good_seal(self, good: dict[str, Any]) -> None:
        assert conformance.findings(good) == ()

    @pytest.mark.parametrize(("rule", "spoil"), BREAKS)
    def test_finds_each_broken_rule(self, rule: str, spoil: Break, good: dict[str, Any]) -> None:
        spoiled = copy.deepcopy(good)
        spoil(spoiled["manifests"][0])

        rules = {finding.rule for finding in conformance.findings(spoiled)}

        assert rule in rules

    @pytest.mark.parametrize("crjson", [{}, {"manifests": []}, {"manifests": [{}]}])
    def test_finds_much_in_nothing(self, crjson: dict[str, Any]) -> None:
        assert len(conformance.findings(crjson)) > 10

    def test_asks_for_a_time_stamp_only_where_one_is_owed(self, good: dict[str, Any]) -> None:
        spoiled = copy.deepcopy(good)
        spoiled["manifests"][0]["signature"].pop("timeStampInfo")

        assert conformance.findings(spoiled, timestamped=False) == ()

    def test_has_a_test_and_a_line_in_the_spec_for_every_rule(self) -> None:
        source = Path(conformance.__file__).read_text()
        spec = (Path(conformance.__file__).parents[2] / "docs/spec/seal.md").read_text()
        written = {part.split('"')[0] for part in source.split('Finding("')[1:]}

        assert written == {rule for rule, _spoil in BREAKS}
        assert {rule for rule in written if f"`{rule}`" not in spec} == set()
