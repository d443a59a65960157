"""The drawn people: a face when it should be, and speech when it should be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from script.story import people
from script.story.people import acting, camera, looks, paint, voice
from tests.factories import cameos


@pytest.fixture(scope="module")
def scene() -> camera.Scene:
    return camera.Scene(looks.parts(looks.PEOPLE["ada"]))


class TestScene:
    def test_turns_the_nose_to_the_persons_own_left(self, scene: camera.Scene) -> None:
        ahead, turned = scene.view(yaw=0.0), scene.view(yaw=0.9)

        def nose(view: camera.View) -> float:
            tip = view.own[:, 2] > 0.95
            return float(view.seen[tip, 0].mean())

        assert abs(nose(ahead)) < 0.05
        assert nose(turned) > 0.5  # Picture's right.

    def test_leaves_the_body_where_it_is(self, scene: camera.Scene) -> None:
        ahead, turned = scene.view(yaw=0.0), scene.view(yaw=-0.9)

        def shirt(view: camera.View) -> set[tuple[int, int]]:
            low = (view.materials == looks.Material.CLOTH) & (view.rows > 690)
            return set(zip(view.rows[low].tolist(), view.columns[low].tolist(), strict=True))

        assert shirt(ahead) == shirt(turned)


class TestPortrait:
    def test_has_a_backdrop_of_one_colour(self, scene: camera.Scene) -> None:
        look = looks.PEOPLE["ada"]
        frame = paint.Portrait(scene.view(yaw=0.0), look).picture(paint.Expression())

        colour = [int(look.backdrop[place : place + 2], 16) for place in (5, 3, 1)]
        corners = np.concatenate(
            [frame[:200, :250].reshape(-1, 3), frame[:200, -250:].reshape(-1, 3)]
        )
        assert (corners == colour).all()

    def test_changes_mouth_and_eyes_only(self, scene: camera.Scene) -> None:
        portrait = paint.Portrait(scene.view(yaw=0.0), looks.PEOPLE["ada"])

        still = portrait.picture(paint.Expression()).astype(int)
        moved = portrait.picture(paint.Expression(mouth=0.9, blink=1.0)).astype(int)

        rows, columns = np.nonzero(np.abs(still - moved).sum(axis=2) > 12)
        assert len(rows) > 1_000
        assert 300 < rows.min() < rows.max() < 520
        assert 380 < columns.min() < columns.max() < 580


class TestSpeak:
    def speak(self, words: list[str]) -> voice.Speech:
        return voice.speak(
            words, starts_s=1.0, ends_s=3.0, seconds=4.0, pitch_hz=120, tract=1.0, seed=1
        )

    def test_is_loud_when_asked_and_hushed_otherwise(self) -> None:
        samples = self.speak(["seven", "two", "lemon"]).samples

        asked = np.abs(samples[voice.RATE_HZ : 3 * voice.RATE_HZ])
        before, after = np.abs(samples[:45_000]), np.abs(samples[3 * voice.RATE_HZ + 3_000 :])
        assert len(samples) == 4 * voice.RATE_HZ
        assert 0.3 < asked.max() < 0.6
        assert max(before.max(), after.max()) < 0.01

    def test_opens_the_jaw_for_vowels(self) -> None:
        jaw = self.speak(["garden"]).jaw

        assert jaw.max() > 0.5
        assert jaw[: voice.RATE_HZ // voice.HOP - 8].max() == 0

    def test_knows_every_word_of_the_challenges_and_spells_the_rest(self) -> None:
        from ledger.cameos.challenge import VOCABULARY

        assert set(VOCABULARY) <= set(voice.WORDS)
        assert np.abs(self.speak(["xylophone"]).samples).max() > 0.3

    def test_is_hushed_without_words(self) -> None:
        assert np.abs(self.speak([]).samples).max() < 0.01


class TestMoments:
    def test_hold_each_pose_once_it_is_settled(self) -> None:
        challenge = cameos.challenge().as_json()
        jaw = np.zeros(round(acting.seconds(challenge) * voice.RATE_HZ / voice.HOP), np.float32)

        moments = acting.moments(challenge, jaw, seed=1)

        side = {"centre": 0, "left": acting.YAW_STEPS, "right": -acting.YAW_STEPS}
        for step in challenge["steps"]:
            first = round((step["starts_s"] + 0.5) * acting.FPS)
            last = int(step["ends_s"] * acting.FPS) - 1
            held = {moment.yaw_step for moment in moments[first:last]}
            assert held == {side[step["pose"]]}


class TestFilm:
    def test_is_h264_and_aac_as_long_as_the_challenge_asks(self) -> None:
        with av.open(str(cameos.recording())) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]

            assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
            assert (video.width, video.height) == (960, 720)
            assert float(video.average_rate or 0) == 25
            assert audio.rate == 48_000
            wanted_s = cameos.challenge().seconds + acting.AFTER_S
            assert (container.duration or 0) / 1e6 == pytest.approx(wanted_s, abs=0.1)

    def test_refuses_a_person_that_nobody_drew(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError):
            people.film("mallory", cameos.challenge().as_json(), tmp_path / "a.mp4")


class TestCommand:
    def test_says_what_it_wants(self, tmp_path: Path) -> None:
        challenge = tmp_path / "challenge.json"
        challenge.write_text(json.dumps({}))

        told = subprocess.run(
            [sys.executable, "-m", "script.story.people", "--person", "mallory",
             "--challenge", str(challenge), "--out", str(tmp_path / "a.mp4")],
            capture_output=True, check=False, text=True,
        )  # fmt: skip

        assert told.returncode == 2
        assert "invalid choice: 'mallory'" in told.stderr
