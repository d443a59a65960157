"""A job as plain data: what goes in comes out, and nothing else comes in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gpu_worker.contract import job as jobs
from gpu_worker.contract.errors import JobMalformed
from tests.factories import worker

JOB = worker.job()


class TestFromPlain:
    def test_returns_the_same_job_after_a_journey_as_json(self) -> None:
        given = worker.job(
            seconds=2.5, parent_sha256="0" * 64, territories=("DE", "FR"),
            cast=(worker.member(preferences={"pronouns": "she/her"}),
                  worker.member("b", in_parent=True)),
        )  # fmt: skip

        assert jobs.from_plain(json.loads(json.dumps(jobs.to_plain(given)))) == given

    @pytest.mark.parametrize(
        "changes",
        [
            {"v": 2}, {"more": 1}, {"render_id": "x"}, {"render_id": 5}, {"prompt": 5},
            {"prompt": "x" * 4001}, {"title": "x" * 201}, {"seconds": 0}, {"seconds": 121},
            {"seconds": "1"}, {"seconds": True}, {"seconds": float("nan")}, {"fps": 0}, {"fps": 61},
            {"fps": 25.0}, {"width_px": 321}, {"width_px": 62}, {"height_px": 3842}, {"seed": -1},
            {"seed": 2**53}, {"backend": ""}, {"backend": "../x"}, {"purpose": "A B"},
            {"mark_text": "x" * 65}, {"parent_sha256": "A" * 64}, {"parent_sha256": 5},
            {"territories": ["de"]}, {"territories": "DE"}, {"cast": {}}, {"cast": [{}]},
        ],
    )  # fmt: skip
    def test_refuses_what_is_out_of_bounds(self, changes: dict[str, Any]) -> None:
        with pytest.raises(JobMalformed):
            jobs.from_plain({**jobs.to_plain(JOB), **changes})

    @pytest.mark.parametrize(
        "changes",
        [
            {"cameo_ref": ""}, {"cameo_ref": "../x"}, {"cameo_ref": "x" * 65}, {"epoch": -1},
            {"epoch": "1"}, {"name": "x" * 81}, {"preferences": []}, {"in_parent": 1},
            {"preferences": {"a": "x" * 5000}}, {"more": 1},
        ],
    )  # fmt: skip
    def test_refuses_a_member_that_is_out_of_bounds(self, changes: dict[str, Any]) -> None:
        plain = jobs.to_plain(JOB)
        plain["cast"] = [{**plain["cast"][0], **changes}]

        with pytest.raises(JobMalformed):
            jobs.from_plain(plain)

    def test_refuses_nine_people_and_one_person_twice(self) -> None:
        for cast in (
            tuple(worker.member(f"p{number}") for number in range(9)),
            (worker.member(), worker.member()),
        ):
            with pytest.raises(JobMalformed):
                jobs.from_plain(jobs.to_plain(replace(JOB, cast=cast)))

    def test_refuses_somebody_in_a_parent_that_is_not_there(self) -> None:
        with pytest.raises(JobMalformed):
            jobs.from_plain(jobs.to_plain(replace(JOB, cast=(worker.member(in_parent=True),))))

    @pytest.mark.parametrize("value", [None, [], "job", 5, {}])
    def test_refuses_what_is_no_object(self, value: Any) -> None:
        with pytest.raises(JobMalformed):
            jobs.from_plain(value)


class TestSha256:
    def test_is_that_of_equal_jobs_and_of_no_other(self) -> None:
        assert jobs.sha256(JOB) == jobs.sha256(replace(JOB))
        assert jobs.sha256(JOB) != jobs.sha256(replace(JOB, seed=8))
        assert jobs.sha256(replace(JOB, seconds=10)) == jobs.sha256(replace(JOB, seconds=10.0))
