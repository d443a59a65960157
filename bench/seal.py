"""Sealing a file beside its floor: SHA-256 and a copy of the same bytes, interleaved.

`sign` is C2PA alone; `seal` is what a render waits for: sign, read again in a fresh context, check. No
time-stamp authority: its answer is the network's time. Both sides sync what they write.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES_MIB = (2, 60, 150)
ROUNDS = 7
RATIO_GOAL = 1.5  # Above 50 MB.


def main() -> None:
    """Measure and print; the last line is JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.settings")
    import django

    django.setup()
    results = []
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        for size_mib in SIZES_MIB:
            results.append(_measure(Path(name), size_mib))
            print(json.dumps(results[-1]))
    large = [result for result in results if result["size_bytes"] > 50_000_000]
    print(
        json.dumps(
            {
                "name": "seal",
                "value": max(result["sign_over_floor"] for result in large),
                "unit": "times SHA-256 and copy, above 50 MB",
                "floor": 1.0,
                "ratio": max(result["sign_over_floor"] for result in large),
                "peers": {},
                "goal": RATIO_GOAL,
                "whole_seal_over_floor": max(result["seal_over_floor"] for result in large),
                "results": results,
            }
        )
    )


def _measure(folder: Path, size_mib: int) -> dict[str, float]:
    """Return medians and bests of one size in seconds; the three kinds take turns.

    A ratio is the median of each round's own, so that a busy moment counts on both sides.
    """
    from provenance.seals import actions, engine
    from tests.factories import media, seals

    known = seals.authorities()
    source, target = folder / "source.mp4", folder / "target.mp4"
    _enlarge(media.clip(folder / "small.mp4"), source, size_bytes=size_mib << 20)
    ours: dict[str, Any] = {
        "request": seals.request(),
        "signer": known.signer(),
        "trust": known.trust,
    }
    kinds: dict[str, Callable[[], object]] = {
        "floor": lambda: _copy_and_hash(source, target),
        "sign": lambda: engine.sign(source=source, target=target, media_type="video/mp4", **ours),
        "seal": lambda: actions.seal(source=source, target=target, **ours),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, run in kinds.items():
            target.unlink(missing_ok=True)
            started = time.perf_counter()
            run()
            taken[kind].append(time.perf_counter() - started)
    rounds = list(zip(taken["floor"], taken["sign"], taken["seal"], strict=True))
    return {
        "size_bytes": source.stat().st_size,
        **{f"{kind}_s": round(statistics.median(values), 4) for kind, values in taken.items()},
        **{f"{kind}_best_s": round(min(values), 4) for kind, values in taken.items()},
        "sign_over_floor": round(statistics.median(sign / floor for floor, sign, _ in rounds), 2),
        "seal_over_floor": round(statistics.median(seal / floor for floor, _, seal in rounds), 2),
    }


def _copy_and_hash(source: Path, target: Path) -> bytes:
    digest = hashlib.sha256()
    with source.open("rb") as readable, target.open("wb") as writable:
        while block := readable.read(1 << 20):
            digest.update(block)
            writable.write(block)
        writable.flush()
        os.fsync(writable.fileno())
    return digest.digest()


def _enlarge(small: Path, target: Path, *, size_bytes: int) -> None:
    """Write an MP4 of that size: a small one whose media box ends in random bytes."""
    data = small.read_bytes()
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    added = max(0, size_bytes - len(data))
    with target.open("wb") as file:
        file.write(data[:at] + (size + added).to_bytes(4, "big") + data[at + 4 : at + size])
        for start in range(0, added, 1 << 20):
            file.write(os.urandom(min(1 << 20, added - start)))
        file.write(data[at + size :])
