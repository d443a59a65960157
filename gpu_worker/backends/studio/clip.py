"""A studio clip: composes frame after frame, with the sound that belongs to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from gpu_worker.backends.studio import soundtrack, staging
from gpu_worker.backends.studio.actors import Actor
from gpu_worker.backends.studio.captions import Caption
from gpu_worker.backends.studio.scenes import Scene
from gpu_worker.backends.studio.screens import Screen
from gpu_worker.backends.studio.staging import Shot
from gpu_worker.plans import SAMPLE_RATE_HZ, Batch, Plan, ShouldCancel

BATCH_FRAMES = 5


class StudioClip:
    """See `gpu_worker.plans.Clip`."""

    def __init__(
        self, *, plan: Plan, actors: Sequence[Actor], scene: Scene, screen: Screen | None,
        caption: Caption | None, should_cancel: ShouldCancel, preferences_applied: tuple[str, ...],
        device: str,
    ) -> None:  # fmt: skip
        self._plan, self._actors, self._scene, self._screen = plan, actors, scene, screen
        self._caption, self._should_cancel = caption, should_cancel
        self.preferences_applied, self.device = preferences_applied, device
        self._turns = staging.turns(len(actors) + (screen is not None), plan.seconds)
        self._shots = staging.shots(
            plan.seconds, marks=tuple(actor.mark for actor in actors), seed=plan.seed,
            turns=self._turns,
        )  # fmt: skip
        # A parent speaks first.
        self._own_turns = self._turns[len(self._turns) - len(actors) :]

    def batches(self) -> Iterator[Batch]:
        """Yield the whole clip in order. Stops early when the work is to be cancelled."""
        plan = self._plan
        sound = self._soundtrack()
        with ThreadPoolExecutor(1, thread_name_prefix="matte") as ahead:
            for first in range(0, plan.frames, BATCH_FRAMES):
                numbers = range(first, min(first + BATCH_FRAMES, plan.frames))
                frames = np.empty((len(numbers), plan.height_px, plan.width_px, 3), np.uint8)
                for frame, number in zip(frames, numbers, strict=True):
                    if self._should_cancel():
                        return
                    self._compose(frame, number / plan.fps, ahead)
                begin = first * SAMPLE_RATE_HZ // plan.fps
                end = numbers.stop * SAMPLE_RATE_HZ // plan.fps
                yield Batch(frames, sound.piece(begin, end))

    def _compose(self, frame: NDArray[np.uint8], at_s: float, ahead: ThreadPoolExecutor) -> None:
        """Draw one frame from the back to the front; the mattes are cut meanwhile."""
        shot = self._shot(at_s)
        view = shot.view(at_s)
        cutting = [
            ahead.submit(actor.take.cut, self._begins(number, shot) + at_s - shot.starts_at_s)
            for number, actor in enumerate(self._actors)
        ]
        self._scene.draw_behind(frame, at_s=at_s, view=view)
        if self._screen is not None:
            self._screen.draw(frame, at_s=at_s, view=view)
        cuts = [one.result() for one in cutting]
        for number in sorted(
            range(len(cuts)), key=lambda one: self._actors[one].mark.depth, reverse=True
        ):
            self._actors[number].draw(frame, cuts[number], view=view, light=self._scene.light)
        self._scene.draw_before(frame, at_s=at_s, view=view)
        if self._caption is not None:
            self._caption.draw(frame, at_s)

    def _shot(self, at_s: float) -> Shot:
        return next((shot for shot in self._shots if at_s < shot.ends_at_s), self._shots[-1])

    def _begins(self, number: int, shot: Shot) -> float:
        """Return at which moment of their take a person's shot begins.

        Who speaks in a shot does so when their turn comes; who listens is taken from before their
        first word, further on with each shot as long as there is enough.
        """
        take, (start, end) = self._actors[number].take, self._own_turns[number]
        latest = max(0.0, take.seconds - shot.seconds)
        if start < shot.ends_at_s and end > shot.starts_at_s:
            into = shot.starts_at_s - start
            return min(latest, max(0.0, take.speaks_at_s + into))
        room = max(0.0, min(take.speaks_at_s or latest, take.seconds) - shot.seconds)
        return shot.starts_at_s % room if room > 0 else 0.0

    def _soundtrack(self) -> soundtrack.Soundtrack:
        parts = []
        for number, (actor, (start, end)) in enumerate(
            zip(self._actors, self._own_turns, strict=True)
        ):
            for shot in self._shots:
                begin = round(self._begins(number, shot) * SAMPLE_RATE_HZ)
                voice = actor.take.voice[begin : begin + round(shot.seconds * SAMPLE_RATE_HZ)]
                gain = soundtrack.turn_gain(
                    voice.size, start=start, end=end, offset_s=shot.starts_at_s
                )
                parts.append(soundtrack.Part(voice * gain, shot.starts_at_s, actor.mark.x))
        bed = None if self._screen is None else self._screen.sound(self._plan.seconds)
        return soundtrack.Soundtrack(
            parts, samples=self._plan.frames * SAMPLE_RATE_HZ // self._plan.fps,
            ambience=self._scene.ambience, seed=self._plan.seed, bed=bed,
        )  # fmt: skip
