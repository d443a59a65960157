"""What the marks survive: copies of released clips, changed as the world changes them.

Each clip is marked and encoded as a worker does, then changed and encoded again without metadata. A row
says how many copies the mark led back, how many the fingerprint, how many either. Then clips that were
never here, which must be found by nothing. Clips are drawn here: fractal textures, gradients, figures.

    CLIPS=20 UNRELATED=1000 SECONDS=10 python -m bench marks     the whole table (about 40 minutes)
    python -m bench marks                                        a short one (about 3 minutes)
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import badge, mark
from gpu_worker.marking.invisible import InvisibleMark
from gpu_worker.marking.visible import VisibleMark

WIDTH_PX, HEIGHT_PX, FPS = 1280, 720, 30
CLIPS = int(os.environ.get("CLIPS", "3"))
SECONDS = float(os.environ.get("SECONDS", "5"))
UNRELATED = int(os.environ.get("UNRELATED", "60"))
PATTERN_KEY, MAC_KEY = bytes(range(32)), bytes(range(32, 64))
FLOOR = 0.98  # Of all copies, found by mark or fingerprint.
PSNR_FLOOR_DB, SSIM_FLOOR = 40.0, 0.98

Planes = Any  # An array: YUV 4:2:0, uint8, (height * 3 / 2, width). OpenCV's stubs lose types.
Picture = Any  # An array: RGB, uint8, (height, width, 3).


@dataclass(frozen=True)
class Change:
    """What happens to one copy."""

    name: str
    crf: int
    scale: float = 1.0
    crop: float = 0.0  # Of each side, cut away in all.
    drop_every: int = 0  # One frame in so many is dropped.
    seconds: float = 1e9
    noise: float = 0.0
    gamma: float = 1.0
    codec: str = "libx264"


CHANGES = (
    Change("re-encode crf 28", 28),
    Change("re-encode crf 35", 35),
    Change("H.265 crf 28", 28, codec="libx265"),
    Change("H.265 crf 34", 34, codec="libx265"),
    Change("x0.75, crf 30", 30, scale=0.75),
    Change("x0.5, crf 23", 23, scale=0.5),
    Change("x0.5, crf 28", 28, scale=0.5),
    Change("crop 5 %, crf 28", 28, crop=0.05),
    Change("crop 10 %, crf 28", 28, crop=0.10),
    Change("crop 30 %, crf 23", 23, crop=0.30),
    Change("30 to 24 fps, crf 28", 28, drop_every=5),
    Change("trim to 3 s, crf 28", 28, seconds=3),
    Change("screen: x0.8, noise, gamma, crf 28", 28, scale=0.8, noise=2.0, gamma=1.1),
)


def main() -> None:
    """Measure and print; the last line is JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.settings")
    import django

    django.setup()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        _measure(Path(folder))


def _measure(folder: Path) -> None:
    from provenance.marks import detection, fingerprints, queries, reading, visible

    key = detection.MarkKey(1, PATTERN_KEY, MAC_KEY)
    found: dict[str, Counter[str]] = {change.name: Counter() for change in CHANGES}
    psnrs, ssims, embed_ms, read_s, search_s = [], [], [], [], []
    looks: list[int] = []
    for number in range(CLIPS):
        clip = folder / f"{number}.mp4"
        payload = mark.sign(1000 + number, MAC_KEY)
        cost = _release(clip, number, payload)
        psnrs.append(cost["psnr_db"])
        ssims.append(cost["ssim"])
        embed_ms.append(cost["embed_ms"])
        first = reading.read(clip, seconds_max=60)
        assert visible.presence_in(first, text=_text(number)).is_present
        looks.append(fingerprints.fingerprint_of(first).bits)
        for change in CHANGES:
            copy = folder / "copy.mp4"
            _write(copy, _changed(_planes(clip), change), crf=change.crf, codec=change.codec)
            start = time.perf_counter()
            video = reading.read(copy, seconds_max=60)
            middle = time.perf_counter()
            detected = detection.detect_in(video, keys=[key])
            read_s.append(middle - start)
            search_s.append(time.perf_counter() - middle)
            bits = fingerprints.fingerprint_of(video).bits
            near = fingerprints.distance(bits, looks[number]) <= queries.DISTANCE_MAX
            by_mark = detected is not None and detected.payload == payload
            found[change.name].update(
                copies=1, mark=by_mark, fingerprint=near, either=by_mark or near
            )
        print(f"clip {number}: {psnrs[-1]:.1f} dB, SSIM {ssims[-1]:.4f}", flush=True)
    false_marks, false_looks, nearest = _unrelated(looks)
    _table(found)
    total = sum((counter for counter in found.values()), Counter())
    value = total["either"] / total["copies"]
    print(
        json.dumps(
            {
                "name": "marks",
                "value": round(value, 4),
                "unit": "share of changed copies found by mark or fingerprint",
                "floor": FLOOR,
                "ratio": round(value / FLOOR, 4),
                "peers": [],
                "clips": CLIPS,
                "changes": len(CHANGES),
                "by_mark": round(total["mark"] / total["copies"], 4),
                "by_fingerprint": round(total["fingerprint"] / total["copies"], 4),
                "unrelated": UNRELATED,
                "false_marks": false_marks,
                "false_fingerprints": false_looks,
                "nearest_unrelated_bits": nearest,
                "psnr_db": round(statistics.mean(psnrs), 2),
                "psnr_db_min": round(min(psnrs), 2),
                "psnr_db_floor": PSNR_FLOOR_DB,
                "ssim_min": round(min(ssims), 4),
                "ssim_floor": SSIM_FLOOR,
                "embed_ms_a_frame_at_720p": round(statistics.median(embed_ms), 2),
                "read_s_median": round(statistics.median(read_s), 2),
                "search_s_median": round(statistics.median(search_s), 3),
            }
        )
    )


def _table(found: dict[str, Counter[str]]) -> None:
    print(f"\n{'change':36} {'mark':>8} {'looks':>8} {'either':>8}")
    for name, counter in found.items():
        shares = [
            f"{counter[how] / counter['copies']:8.0%}" for how in ("mark", "fingerprint", "either")
        ]
        print(f"{name:36} {' '.join(shares)}")


def _unrelated(looks: list[int]) -> tuple[int, int, int]:
    """Return how many clips that were never here a mark or a fingerprint finds, and the nearest."""
    from provenance.marks import fingerprints, queries, residuals, search, signatures

    false_marks, false_looks, nearest = 0, 0, 256
    for number in range(UNRELATED):
        accumulator = residuals.Accumulator(width_px=640, height_px=360)
        rows = []
        for picture in _scene(10_000 + number, 640, 360, 10, fps=5):
            luma: Any = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            accumulator.add(luma)
            rows.append(signatures.frame_signature(luma).tolist())
        likely = (float(mark.CHIPS_ACROSS_MAX), 90.0)
        hit = search.find(
            accumulator.means(), likely=likely, pattern_key=PATTERN_KEY, mac_key=MAC_KEY
        )
        false_marks += hit is not None
        bits = fingerprints.bits_of(rows)
        distance = min((fingerprints.distance(bits, one) for one in looks), default=256)
        nearest = min(nearest, distance)
        false_looks += distance <= queries.DISTANCE_MAX
    return false_marks, false_looks, nearest


def _release(path: Path, number: int, payload: int) -> dict[str, float]:
    """Write one clip as a worker does. Returns what the invisible mark cost."""
    visible = VisibleMark(text=_text(number), width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=FPS)
    invisible = InvisibleMark(
        key=PATTERN_KEY, payload=payload, width_px=WIDTH_PX, height_px=HEIGHT_PX
    )
    errors, ssims, times = [], [], []

    def frames() -> Iterator[Planes]:
        pictures = _scene(number, WIDTH_PX, HEIGHT_PX, round(SECONDS * FPS), fps=FPS)
        for index, picture in enumerate(pictures):
            planes: Any = cv2.cvtColor(visible.draw(picture, index), cv2.COLOR_RGB2YUV_I420)
            luma = planes[:HEIGHT_PX]
            before = luma.astype(np.float32)
            start = time.perf_counter()
            invisible.embed(luma, index)
            times.append(1000 * (time.perf_counter() - start))
            errors.append(float(np.mean((luma - before) ** 2)))
            if index % FPS == 0:
                ssims.append(_ssim(before, luma.astype(np.float32)))
            yield planes

    _write(path, frames(), crf=20, codec="libx264")
    return {
        "psnr_db": float(10 * np.log10(255**2 / np.mean(errors))),
        "ssim": statistics.mean(ssims),
        "embed_ms": statistics.median(times),
    }


def _text(number: int) -> str:
    return badge.text_of("Countersign", f"{number:04x} bench")


def _ssim(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the mean structural similarity, Gaussian window of 11 pixels (Wang et al., 2004)."""

    def blurred(plane: NDArray[Any]) -> NDArray[Any]:
        return cv2.GaussianBlur(plane, (11, 11), 1.5)

    mean_1, mean_2 = blurred(first), blurred(second)
    var_1 = blurred(first * first) - mean_1**2
    var_2 = blurred(second * second) - mean_2**2
    both = blurred(first * second) - mean_1 * mean_2
    c1, c2 = 6.5025, 58.5225
    ratio = ((2 * mean_1 * mean_2 + c1) * (2 * both + c2)) / (
        (mean_1**2 + mean_2**2 + c1) * (var_1 + var_2 + c2)
    )
    return float(ratio.mean())


def _changed(source: Iterator[Planes], change: Change) -> Iterator[Planes]:
    noise = np.random.default_rng(5)
    for index, planes in enumerate(source):
        if index >= change.seconds * FPS:
            return
        if change.drop_every and index % change.drop_every == 0:
            continue
        picture: Any = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
        height, width = picture.shape[:2]
        top, left = round(height * change.crop / 2), round(width * change.crop / 2)
        picture = picture[top : height - top, left : width - left]
        size = [round(side * change.scale / 2) * 2 for side in picture.shape[1::-1]]
        if size != list(picture.shape[1::-1]):
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        changed: Any = picture.astype(np.float32)
        if change.gamma != 1.0:
            changed = 255 * (changed / 255) ** change.gamma
        if change.noise:
            changed += noise.normal(0, change.noise, changed.shape)
        yield cv2.cvtColor(np.clip(changed, 0, 255).astype(np.uint8), cv2.COLOR_RGB2YUV_I420)


def _planes(path: Path) -> Iterator[Planes]:
    with av.open(str(path), "r") as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="yuv420p")


def _write(path: Path, frames: Iterator[Planes], *, crf: int, codec: str) -> None:
    options = {"crf": str(crf), "preset": "veryfast"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none"
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = None
        for planes in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=FPS, options=options)
                stream.height, stream.width = planes.shape[0] * 2 // 3, planes.shape[1]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        assert stream is not None
        container.mux(stream.encode(None))


def _scene(number: int, width: int, height: int, count: int, *, fps: float) -> Iterator[Picture]:
    """Draw one of three kinds of scene: a pan over texture, a figure before a still wall, a cartoon."""
    kinds: tuple[Callable[..., Iterator[Picture]], ...] = (_pan, _figure, _cartoon)
    noise = np.random.default_rng(number)
    return kinds[number % 3](noise, width, height, count, fps)


def _pan(
    noise: np.random.Generator, width: int, height: int, count: int, fps: float
) -> Iterator[Picture]:
    ground = _texture(noise, width + 400, height + 200, roughness=noise.uniform(1.0, 1.6))
    speed, turn = noise.uniform(8, 60, 2), noise.uniform(0.3, 1.2)
    for index in range(count):
        at_s = index / fps
        x = int(min(399, speed[0] * at_s))
        y = int(100 + 90 * np.sin(turn * at_s))
        yield ground[y : y + height, x : x + width].copy()


def _figure(
    noise: np.random.Generator, width: int, height: int, count: int, fps: float
) -> Iterator[Picture]:
    wall = _texture(noise, width, height, roughness=noise.uniform(1.3, 1.9))
    rows, columns = height // 2, height // 3
    body = _texture(noise, columns, rows, roughness=1.4)
    ys, xs = np.mgrid[:rows, :columns]
    inside = ((ys / rows - 0.5) ** 2 + (xs / columns - 0.5) ** 2) < 0.22
    sway = noise.uniform(0.02, 0.12)
    for index in range(count):
        at_s = index / fps
        picture = wall.copy()
        left = int(width * (0.35 + sway * np.sin(1.3 * at_s)))
        top = int(height * (0.3 + sway * np.cos(2 * at_s)))
        picture[top : top + rows, left : left + columns][inside] = body[inside]
        grain = noise.integers(-2, 3, (height, width, 1), dtype=np.int16)
        yield np.clip(picture + grain, 0, 255).astype(np.uint8)


def _cartoon(
    noise: np.random.Generator, width: int, height: int, count: int, fps: float
) -> Iterator[Picture]:
    ends = noise.integers(30, 230, (2, 3))
    share = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(ends[0] * (1 - share) + ends[1] * share, (height, width, 3))
    colours, places = noise.integers(20, 240, (7, 3)), noise.uniform(0.1, 0.9, (7, 2))
    for index in range(count):
        at_s = index / fps
        picture = np.ascontiguousarray(sky.astype(np.uint8))
        for number, (colour, place) in enumerate(zip(colours, places, strict=True)):
            centre = (
                int(width * (place[0] + 0.05 * np.sin(at_s + number))),
                int(height * (place[1] + 0.05 * np.cos(1.4 * at_s + number))),
            )
            tone = tuple(int(value) for value in colour)
            cv2.circle(picture, centre, height // (6 + number), tone, -1, cv2.LINE_AA)
        yield picture


def _texture(noise: np.random.Generator, width: int, height: int, *, roughness: float) -> Picture:
    """Return colours whose spectrum falls as that of photographs does, with some hard edges."""

    def plane(power: float) -> Any:
        ys, xs = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
        frequency = np.hypot(ys, xs)
        frequency[0, 0] = 1
        shape = frequency.shape
        spectrum = (noise.normal(size=shape) + 1j * noise.normal(size=shape)) / frequency**power
        values = np.fft.irfft2(spectrum, (height, width))
        return (values - values.mean()) / values.std()

    shared = plane(roughness)
    channels = [
        38 * shared + 14 * plane(roughness + 0.2) + noise.uniform(80, 170) for _ in range(3)
    ]
    picture = np.stack(channels, axis=-1)
    edges = plane(roughness + 0.6) > 0.4
    picture[edges] = picture[edges] * 0.6 + 60
    return np.clip(picture, 0, 255).astype(np.uint8)
