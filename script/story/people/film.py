"""Film: draw a person's recording and encode it, H.264 and AAC in MP4."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from script.story.people import acting, camera, looks, paint, voice

CRF = "19"
AUDIO_BITS_PER_S = 96_000

Frame = NDArray[np.uint8]


def film(person: str, challenge: Mapping[str, Any], target: Path) -> None:
    """Write the recording in which `person` does what the challenge asks, to `target`.

    The same person and challenge give the same recording. 960x720 at 25 frames a second, sound at
    48 kHz, before a backdrop of one colour.

    Args:
        person: `ada`, `ben`, `cem` or `stranger`.
        challenge: as `POST /api/v1/enrolments` answers it.

    Raises:
        KeyError: nobody is drawn by this name, or the challenge lacks a member.
    """
    look = looks.PEOPLE[person]
    told = f"{person} {json.dumps(challenge, sort_keys=True)}"
    seed = int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big")
    words, starts_s, ends_s = acting.speaking(challenge)
    length_s = acting.seconds(challenge)
    speech = voice.speak(
        words, starts_s=starts_s, ends_s=ends_s, seconds=length_s,
        pitch_hz=look.pitch_hz, tract=look.tract, seed=seed,
    )  # fmt: skip
    moments = acting.moments(challenge, speech.jaw, seed=seed)
    _encode(_frames(look, moments), speech.samples, target)


def still(person: str, *, yaw: float = 0.0, mouth: float = 0.0) -> Frame:
    """Return one frame of a person, shape (720, 960, 3), blue first."""
    look = looks.PEOPLE[person]
    view = camera.Scene(looks.parts(look)).view(yaw=yaw)
    return paint.Portrait(view, look).picture(paint.Expression(mouth=mouth))


def _frames(look: looks.Look, moments: list[acting.Moment]) -> Iterator[Frame]:
    """Draw each different picture once, and sway it. Turns are drawn ahead, by other threads."""
    scene = camera.Scene(looks.parts(look))

    def portrait(step: int) -> paint.Portrait:
        yaw = step / acting.YAW_STEPS * acting.TURN_RADIANS
        return paint.Portrait(scene.view(yaw=yaw), look)

    with ThreadPoolExecutor(2) as pool:
        turned = {}
        for moment in moments:
            if moment.yaw_step not in turned:
                turned[moment.yaw_step] = pool.submit(portrait, moment.yaw_step)
        drawn: dict[tuple[int, int, float], Frame] = {}
        for moment in moments:
            key = (moment.yaw_step, moment.mouth_step, moment.blink)
            if key not in drawn:
                mouth = moment.mouth_step / acting.MOUTH_STEPS
                expression = paint.Expression(mouth=mouth, blink=moment.blink)
                drawn[key] = turned[moment.yaw_step].result().picture(expression)
            yield _swayed(drawn[key], moment)


def _swayed(frame: Frame, moment: acting.Moment) -> Frame:
    matrix = cv2.getRotationMatrix2D(
        (camera.WIDTH_PX / 2, camera.HEIGHT_PX * 0.9), moment.roll_degrees, 1.0
    )
    matrix = matrix + np.array([[0, 0, moment.shift_x_px], [0, 0, moment.shift_y_px + 4.0]])
    size = (camera.WIDTH_PX, camera.HEIGHT_PX)
    swayed = cv2.warpAffine(frame, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(swayed, np.uint8)


def _encode(frames: Iterator[Frame], samples: voice.Samples, target: Path) -> None:
    with av.open(str(target), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=acting.FPS)
        video.width, video.height, video.pix_fmt = camera.WIDTH_PX, camera.HEIGHT_PX, "yuv420p"
        video.options = {"preset": "superfast", "crf": CRF, "threads": "2"}
        audio = container.add_stream("aac", rate=voice.RATE_HZ, layout="mono")
        audio.bit_rate = AUDIO_BITS_PER_S
        for pixels in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(video.encode())
        sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        sound.sample_rate = voice.RATE_HZ
        container.mux(audio.encode(sound))
        container.mux(audio.encode())
