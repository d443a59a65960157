"""Reads one untrusted video in a process of its own and prints what it is, as JSON. No Django.

Run as `python -m provenance.renders.probe_child < video`. Packets are counted and hashed, not decoded;
one frame is decoded for the poster. The process gives up memory, time and new files first.

Exit codes: 0 read; 3 not a video that we read; anything else, or a signal: it broke.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import resource
import sys
from typing import Any, Final

NOT_A_VIDEO: Final = 3
MEMORY_BYTES_MAX: Final = 2 * 1024**3  # Address space, of which libraries map most.
CPU_S_MAX: Final = 60
PACKETS_MAX: Final = 200_000
STREAMS_MAX: Final = 8
SIDE_PX_MAX: Final = 4096
POSTER_SIDE_PX: Final = 480
POSTER_AT: Final = 0.25  # Of the clip's length.


def limit() -> None:
    """Give up what reading does not need. Cannot be undone by this process."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(kind, (most, most))


def probe(container: Any) -> dict[str, Any]:
    """Return the facts of an open container. Raises ValueError on what is out of bounds."""
    if not 1 <= len(container.streams) <= STREAMS_MAX or len(container.streams.video) != 1:
        raise ValueError("streams")
    video = container.streams.video[0]
    if not (0 < video.width <= SIDE_PX_MAX and 0 < video.height <= SIDE_PX_MAX):
        raise ValueError("size")
    counts = dict.fromkeys((stream.index for stream in container.streams), 0)
    ends: dict[int, float] = {}
    digest = hashlib.sha256()
    for number, packet in enumerate(container.demux()):
        if number > PACKETS_MAX:
            raise ValueError("packets")
        if packet.size == 0:
            continue
        index = packet.stream.index
        counts[index] += 1
        digest.update(index.to_bytes(1, "big") + packet.size.to_bytes(4, "big") + bytes(packet))
        if packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            ends[index] = max(ends.get(index, 0.0), end)
    sounds = [stream.index for stream in container.streams.audio]
    return {
        "container": container.format.name,
        "video_codec": video.codec_context.name,
        "streams": len(container.streams),
        "sounds": len(sounds),
        "width_px": video.width,
        "height_px": video.height,
        "fps": float(video.average_rate or 0),
        "frames": counts[video.index],
        "seconds": ends.get(video.index, 0.0),
        "sound_seconds": max((ends.get(index, 0.0) for index in sounds), default=0.0),
        "packets_sha256": digest.hexdigest(),
    }


def poster(container: Any, *, seconds: float) -> bytes:
    """Return one frame as a small JPEG."""
    video = container.streams.video[0]
    container.seek(int(seconds * POSTER_AT * 1_000_000), backward=True)
    frame = next(container.decode(video))
    picture = frame.to_image()
    picture.thumbnail((POSTER_SIDE_PX, POSTER_SIDE_PX))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def main() -> int:
    """Read standard input, print JSON, return the exit code."""
    import av
    import PIL.Image  # Loaded before the limits are.
    import PIL.JpegImagePlugin  # noqa: F401  # Registers.

    av.logging.set_level(None)
    limit()
    try:
        with av.open(sys.stdin.buffer, "r") as container:
            facts = probe(container)
            jpeg = poster(container, seconds=facts["seconds"])
    except (av.FFmpegError, ValueError, StopIteration, MemoryError, OverflowError):
        return NOT_A_VIDEO
    json.dump({**facts, "poster": base64.b64encode(jpeg).decode()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
