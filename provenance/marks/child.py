"""Decodes one untrusted video in a process of its own, and says what the searches need. No Django.

Run as `python -m provenance.marks.child SECONDS_MAX < video > reading.npz`. The process first gives up what
it does not need (memory, time, open files, new files), because a decoder reads hostile bytes. It gets
no key and no secret, and its parent trusts only the shapes that it checks (`provenance.marks.reading`).

Exit codes: 0 read; 3 not a video that we read; 4 too large; anything else, or a signal: it broke.
"""

from __future__ import annotations

import resource
import sys
from typing import Final

NOT_A_VIDEO: Final = 3
TOO_LARGE: Final = 4

MEMORY_BYTES_MAX: Final = 3 * 1024**3  # Address space, of which libraries map most.
CPU_S_MAX: Final = 90
OUTPUT_BYTES_MAX: Final = 64 * 1024**2
SIDE_PX_MAX: Final = 8192
PIXELS_MAX: Final = 4096 * 2304
FRAMES_MAX: Final = (
    1800  # A minute at 30 frames a second; longer files are read at their beginning.
)
SIGNATURES_A_SECOND: Final = 5
SAMPLES_A_SECOND: Final = 4
SAMPLES_MAX: Final = 64
SAMPLE_SHORTER_SIDE_PX: Final = 360


def limit() -> None:
    """Give up what decoding does not need. Cannot be undone by this process."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(kind, (most, most))


def main(seconds_max: float) -> int:
    """Read standard input, write an `npz` to standard output, return the exit code."""
    import av
    import cv2

    from provenance.marks import frames

    av.logging.set_level(None)
    cv2.setNumThreads(1)
    limit()
    try:
        arrays = frames.read(sys.stdin.buffer, seconds_max=seconds_max)
    except frames.TooLarge:
        return TOO_LARGE
    except (av.FFmpegError, ValueError, IndexError):
        return NOT_A_VIDEO
    frames.write(sys.stdout.buffer, arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
