"""The studio: what is cut out, where it stands, what is painted, and what is heard."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_worker.backends import registry
from gpu_worker.backends.studio import captions, scenes, soundtrack, staging, takes
from gpu_worker.backends.studio.backend import Studio
from gpu_worker.backends.studio.layers import Layer, Size, View, draw, over
from gpu_worker.backends.studio.mattes import Matter
from gpu_worker.contract.errors import (
    BackendFailed,
    BackendUnknown,
    CaptureUnreadable,
    ParentUnreadable,
    PermitTerritory,
)
from gpu_worker.plans import SAMPLE_RATE_HZ, Metadata, Person, Plan
from tests.factories import worker

SIZE = Size(320, 180)


def person(reference: str = "p1", *, who: int = 0, **changes: Any) -> Person:
    given: dict[str, Any] = {
        "cameo_ref": reference, "name": "Ada", "preferences": {},
        "capture": worker.capture(who=who), **changes,
    }  # fmt: skip
    return Person(**given)


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "prompt": "A beach", "title": "", "frames": 25, "fps": 25, "width_px": 320,
        "height_px": 180, "seed": 1, "cast": (person(),), "parent": None, **changes,
    }  # fmt: skip
    return Plan(**given)


def made(asked: Plan) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    clip = Studio().render(asked, lambda stage, fraction: None, lambda: False)
    batches = list(clip.batches())
    sound = [batch.sound for batch in batches if batch.sound is not None]
    return np.concatenate([batch.frames for batch in batches]), np.concatenate(sound, axis=1)


def textured(rgb: NDArray[np.uint8], *, shift: int = 0) -> NDArray[np.uint8]:
    """Return a drawn head before a patterned wall instead of the plain one."""
    rows, columns = rgb.shape[:2]
    ys, xs = np.mgrid[0:rows, 0:columns]
    wall = np.where((((xs + shift) // 16 + ys // 16) % 2)[..., None], (60, 120, 90), (150, 170, 60))
    alpha = truth(rgb)[..., None] / 255
    return np.asarray(rgb * alpha + wall * (1 - alpha), np.uint8)


def truth(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the drawn head's own mask: what is not the plain wall's grey, with its holes filled."""
    grey = np.abs(rgb.astype(int) - (185, 189, 195)).max(axis=2) < 14
    closed = cv2.morphologyEx((~grey).astype(np.uint8) * 255, cv2.MORPH_CLOSE, np.ones((5, 5)))
    return np.asarray(closed, np.uint8)


def heads(count: int = 9) -> list[NDArray[np.uint8]]:
    return [worker.head(at / 4, width_px=320, height_px=240) for at in range(count)]


def overlap(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    a, b = first > 127, second > 127
    return float((a & b).sum() / max(1, (a | b).sum()))


class TestMatter:
    def test_cuts_a_person_from_a_plain_backdrop(self) -> None:
        frames = heads()
        matter = Matter(frames)

        cut = matter.cut(frames[3])

        assert matter.backdrop == "flat"
        assert overlap(cut.alpha, truth(frames[3])) > 0.96

    def test_cuts_a_person_from_a_patterned_wall_that_stands_still(self) -> None:
        plain = heads()
        frames = [textured(frame) for frame in plain]
        matter = Matter(frames)

        cut = matter.cut(frames[3])

        assert matter.backdrop == "static"
        assert overlap(cut.alpha, truth(plain[3])) > 0.85

    def test_still_finds_the_person_when_the_backdrop_moves(self) -> None:
        plain = heads()
        frames = [textured(frame, shift=7 * index) for index, frame in enumerate(plain)]
        matter = Matter(frames)

        cuts = [matter.cut(frame) for frame in frames]

        assert matter.backdrop == "moving"
        assert overlap(cuts[4].alpha, truth(plain[4])) > 0.7

    def test_leaves_no_backdrop_in_soft_edges(self) -> None:
        frames = heads()

        cut = Matter(frames).cut(frames[0])

        assert (cut.rgb <= cut.alpha[..., None]).all()

    def test_an_empty_room_gives_an_empty_matte(self) -> None:
        room = np.full((240, 320, 3), 180, np.uint8)

        assert Matter([room]).cut(room).alpha.mean() < 3


class TestTake:
    def test_plays_consecutive_frames_and_jumps_back(self) -> None:
        take = takes.read(worker.capture(), height_px=180)

        first = take.cut(0.0).alpha.copy()
        assert take.cut(0.01) is take.cut(0.02)
        later = take.cut(1.5).alpha.copy()

        assert (later != first).any()
        assert (take.cut(0.0).alpha == first).all()
        assert take.seconds == pytest.approx(2.0, abs=0.05)

    def test_one_without_sound_is_shown_in_silence(self) -> None:
        take = takes.read(worker.capture(sound=False), height_px=180)

        assert take.voice.size == 0
        assert take.speaks_at_s == 0.0

    @pytest.mark.parametrize("data", [b"", b"x" * 5000])
    def test_what_is_no_video_is_refused(self, data: bytes) -> None:
        with pytest.raises(CaptureUnreadable):
            takes.read(data, height_px=180)

    def test_one_that_is_cut_short_is_refused_or_shown_as_far_as_it_goes(self) -> None:
        whole = worker.capture()

        with pytest.raises(CaptureUnreadable):
            takes.read(whole[: len(whole) // 2], height_px=180)


class TestRead:
    @pytest.mark.parametrize(
        ("prompt", "place", "hour"),
        [
            ("A walk on the beach at sunset", "beach", "sunset"),
            ("neon city at night", "city", "night"),
            ("The Forest, in the MORNING!", "forest", "dawn"),
            ("astronauts among the stars", "space", "night"),
            ("a podcast", "stage", "night"),
            ("a hike in the mountains", "mountains", "day"),
            ("a quiet thought", "abstract", "day"),
            ("", "abstract", "day"),
        ],
    )
    def test_finds_where_and_when(self, prompt: str, place: str, hour: str) -> None:
        setting = scenes.read(prompt)

        assert (setting.place, setting.hour) == (place, hour)

    def test_finds_the_weather(self) -> None:
        assert scenes.read("a snowy mountain").snow
        assert scenes.read("rainy street").rain

    def test_a_word_inside_another_is_not_that_word(self) -> None:
        assert scenes.read("a starfish seasoning").place == "abstract"


class TestPaint:
    @pytest.mark.parametrize(
        "prompt",
        [
            "beach",
            "beach night",
            "sunset city",
            "city",
            "forest",
            "space",
            "stage",
            "snowy alps",
            "x",
        ],
    )
    def test_paints_each_place_alike_for_the_same_seed_and_otherwise_for_another(
        self, prompt: str
    ) -> None:
        pictures = []
        for seed in (1, 1, 2):
            frame = np.zeros((180, 320, 3), np.uint8)
            scene = scenes.paint(prompt, seed=seed, size=SIZE)
            scene.draw_behind(frame, at_s=0.5, view=View())
            scene.draw_before(frame, at_s=0.5, view=View())
            pictures.append(frame)

        assert (pictures[0] == pictures[1]).all()
        assert (pictures[0] != pictures[2]).any()
        assert pictures[0].std() > 4

    def test_moves_with_time(self) -> None:
        scene = scenes.paint("beach in the snow", seed=1, size=SIZE)
        frames = [np.zeros((180, 320, 3), np.uint8) for _ in range(2)]
        for frame, at_s in zip(frames, (0.0, 1.0), strict=True):
            scene.draw_behind(frame, at_s=at_s, view=View())

        assert (frames[0] != frames[1]).mean() > 0.02

    def test_covers_the_frame_wherever_the_camera_goes(self) -> None:
        white = np.full((round(180 * 1.16), round(320 * 1.16), 3), 255, np.uint8)
        for view in (View(1.0, 0.022, 0.012), View(1.13, -0.05, 0.0), View(1.06, 0.05, 0.006)):
            frame = np.zeros((180, 320, 3), np.uint8)
            draw(frame, Layer(white, None, 2.0), view=view)
            assert (frame == 255).all()


class TestOver:
    def test_lays_one_picture_over_another(self) -> None:
        target = np.full((1, 3, 3), 100, np.uint8)
        alpha = np.array([[0, 255, 128]], np.uint8)
        rgb = np.array([[[0] * 3, [200] * 3, [100] * 3]], np.uint8)

        over(target, rgb, alpha)

        assert target[0, :, 0].tolist() == [100, 200, 150]


class TestStaging:
    @pytest.mark.parametrize("count", range(1, 9))
    def test_everybody_stands_in_the_picture_and_apart(self, count: int) -> None:
        for seed in range(5):
            marks = staging.marks(count, seed=seed, aspect=16 / 9)
            assert len({mark.x for mark in marks}) == len(marks) == count
            assert all(0.1 <= mark.x <= 0.9 and 0.3 <= mark.tall <= 0.85 for mark in marks)

    @pytest.mark.parametrize(
        ("count", "seconds"), [(1, 0.2), (1, 10), (2, 10), (3, 10), (8, 5), (2, 60)]
    )
    def test_shots_follow_each_other_without_a_gap(self, count: int, seconds: float) -> None:
        marks, turns = staging.marks(count, seed=1, aspect=1.7), staging.turns(count, seconds)

        shots = staging.shots(seconds, marks=marks, seed=1, turns=turns)

        assert shots[0].starts_at_s == 0
        assert shots[-1].ends_at_s == seconds
        for before, after in pairwise(shots):
            assert before.ends_at_s == after.starts_at_s
            assert before.seconds >= 2

    def test_people_take_turns(self) -> None:
        assert staging.turns(2, 10) == ((0, 5), (5, 10))


class TestSoundtrack:
    def test_is_as_long_as_the_clip_and_never_too_loud(self) -> None:
        voice = np.full(SAMPLE_RATE_HZ, 0.9, np.float32)
        track = soundtrack.Soundtrack(
            [soundtrack.Part(voice, 0.5, 0.2), soundtrack.Part(voice, 0.5, 0.8)],
            samples=SAMPLE_RATE_HZ, ambience="sea", seed=1, bed=None,
        )  # fmt: skip

        pieces = [track.piece(at, at + 4800) for at in range(0, SAMPLE_RATE_HZ, 4800)]

        whole = np.concatenate(pieces, axis=1)
        assert whole.shape == (2, SAMPLE_RATE_HZ)
        assert np.abs(whole).max() <= 1.0

    def test_places_a_voice_where_its_speaker_stands(self) -> None:
        voice = np.full(4800, 0.2, np.float32)
        track = soundtrack.Soundtrack(
            [soundtrack.Part(voice, 0.0, 0.0)], samples=48_000, ambience="room", seed=1,
            bed=np.zeros((2, 0), np.float32),
        )  # fmt: skip

        left, right = np.abs(track.piece(0, 4800)).mean(axis=1)

        assert left > 1.5 * right

    @pytest.mark.parametrize("name", ["sea", "wind", "city", "forest", "space", "room", "unknown"])
    def test_each_place_is_heard_softly(self, name: str) -> None:
        sound = soundtrack.Ambience(name, seed=1).piece(0, SAMPLE_RATE_HZ)

        assert 0.003 < float(np.sqrt(np.mean(sound**2))) < 0.25


class TestCaption:
    def test_a_long_title_in_any_script_stays_in_the_picture(self) -> None:
        for title in ("A " * 300, "x" * 300, "Ünïcödé ştüff", "日本語の題名", "🎬 " * 20):
            caption = captions.drawn(
                title=title, names=("Ada", "Ben", "Cem"), width_px=320, height_px=180
            )
            assert caption is not None
            frame = np.zeros((180, 320, 3), np.uint8)
            caption.draw(frame, 1.5)
            assert frame.any()

    def test_comes_and_goes(self) -> None:
        caption = captions.drawn(title="Hello", names=(), width_px=320, height_px=180)
        assert caption is not None

        for at_s, shown in ((0.0, False), (2.0, True), (9.0, False)):
            frame = np.zeros((180, 320, 3), np.uint8)
            caption.draw(frame, at_s)
            assert bool(frame.any()) is shown

    def test_nothing_to_say_is_no_caption(self) -> None:
        assert captions.drawn(title=" ", names=("",), width_px=320, height_px=180) is None


class TestRender:
    def test_makes_as_many_frames_and_as_much_sound_as_planned(self) -> None:
        frames, sound = made(plan(frames=7))

        assert frames.shape == (7, 180, 320, 3)
        assert sound.shape == (2, 7 * SAMPLE_RATE_HZ // 25)

    def test_shows_the_person_before_the_scene(self) -> None:
        shirt = np.array(worker.SHIRTS[1])
        frames, _ = made(plan(cast=(person(who=1),)))

        near = np.abs(frames[12].astype(int) - shirt).sum(axis=2) < 130
        assert near[120:].mean() > 0.1

    def test_the_same_plan_makes_the_same_frames(self) -> None:
        digests = {hashlib.sha256(made(plan(frames=4))[0].tobytes()).digest() for _ in range(2)}

        assert len(digests) == 1

    def test_shows_a_parent_on_a_screen_with_nobody_new(self) -> None:
        parent = worker.capture(who=1)

        frames, _ = made(plan(frames=4, cast=(), parent=parent))

        assert frames.std() > 10

    def test_names_the_preferences_that_it_applied(self) -> None:
        asked = plan(cast=(person(preferences={"pronouns": "she/her", "clothing": "a hat"}),))

        clip = Studio().render(asked, lambda *_: None, lambda: False)

        assert clip.preferences_applied == ("p1:pronouns",)

    def test_stops_when_told_to(self) -> None:
        clip = Studio().render(plan(), lambda *_: None, lambda: True)

        assert list(clip.batches()) == []

    def test_refuses_a_parent_that_is_no_video_and_a_plan_with_nobody(self) -> None:
        with pytest.raises(ParentUnreadable):
            Studio().render(plan(parent=b"no video"), lambda *_: None, lambda: False)
        with pytest.raises(BackendFailed):
            Studio().render(plan(cast=()), lambda *_: None, lambda: False)

    def test_estimates_more_for_more(self) -> None:
        small, large = Studio().estimate(plan()), Studio().estimate(plan(frames=250, width_px=1280))

        assert small.seconds < large.seconds
        assert small.memory_bytes > 0


class TestRegistry:
    def test_knows_the_studio_and_no_stranger(self) -> None:
        assert registry.load("studio").metadata.name == "studio"
        with pytest.raises(BackendUnknown):
            registry.load("gpu_worker.app:app")

    @pytest.mark.parametrize(
        ("allowed", "asked", "is_covered"),
        [
            ((), (), True), ((), ("DE",), True), (("DE", "FR"), ("DE",), True),
            (("DE",), ("DE", "FR"), False), (("DE",), (), False),
        ],
    )  # fmt: skip
    def test_keeps_to_where_a_backends_licence_holds(
        self, allowed: tuple[str, ...], asked: tuple[str, ...], is_covered: bool
    ) -> None:
        backend = Studio()
        backend.metadata = Metadata("x", "1", "x", "", "x", allowed)
        job = worker.job(territories=asked)

        if is_covered:
            registry.require_able(backend, job=job)
        else:
            with pytest.raises(PermitTerritory):
                registry.require_able(backend, job=job)

    def test_refuses_what_a_backend_cannot_do(self) -> None:
        with pytest.raises(BackendFailed):
            registry.require_able(Studio(), job=worker.job(width_px=3840, height_px=3840))
