"""What the service hands over, once, for a permit: the one-job secrets. Held in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpu_worker.contract import job as jobs
from gpu_worker.contract import reading
from gpu_worker.contract.capture import KEY_SIZE_BYTES
from gpu_worker.contract.errors import RedemptionMalformed

MARK_KEY_SIZE_BYTES = 32
MARK_PAYLOAD_SIZE_BYTES = 8


@dataclass(frozen=True)
class Redemption:
    """Keys of one job.

    `capture_keys`: by `cameo_ref`, 32 bytes each, for every member of the cast that is not in the
    parent. `mark_key`: 32 bytes, what the invisible mark's pattern is drawn from. `mark_payload`: the 64
    bits that it carries (40-bit id, 24-bit keyed check), most significant first.
    """

    capture_keys: Mapping[str, bytes] = field(repr=False)
    mark_key: bytes = field(repr=False)
    mark_payload: bytes


def to_plain(redemption: Redemption) -> dict[str, Any]:
    """Return the answer's body."""
    return {
        "v": 1,
        "capture_keys": {
            reference: reading.write_secret(key)
            for reference, key in redemption.capture_keys.items()
        },
        "mark_key": reading.write_secret(redemption.mark_key),
        "mark_payload": reading.write_secret(redemption.mark_payload),
    }


def from_plain(value: Any, *, job: jobs.Job) -> Redemption:
    """Return the secrets in an answer's body, which must be those that this job needs.

    Raises:
        RedemptionMalformed: anything is missing, too much, or of another size.
    """
    wanted = {member.cameo_ref for member in job.cast if not member.in_parent}
    try:
        row = reading.record(value, names=("v", "capture_keys", "mark_key", "mark_payload"))
        reading.integer(row["v"], low=1, high=1)
        capture_keys = reading.record(row["capture_keys"], names=tuple(wanted))
        return Redemption(
            capture_keys={
                reference: reading.secret(key, size_bytes=KEY_SIZE_BYTES)
                for reference, key in capture_keys.items()
            },
            mark_key=reading.secret(row["mark_key"], size_bytes=MARK_KEY_SIZE_BYTES),
            mark_payload=reading.secret(row["mark_payload"], size_bytes=MARK_PAYLOAD_SIZE_BYTES),
        )
    except (ValueError, TypeError) as exc:
        raise RedemptionMalformed from exc
