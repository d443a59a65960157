"""Soft decoding of the mark's convolutional code (K = 7, rate 1/3): pure, no clock, no key."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gpu_worker.contract import mark

_STATES: Final = 1 << (mark.CONSTRAINT_LENGTH - 1)
_STEPS: Final = mark.CODE_BITS // len(mark.GENERATORS)


def decode(soft: NDArray[np.float64]) -> int:
    """Return the payload whose code word correlates best with `soft`: always some payload.

    Args:
        soft: Shape (210,). Positive where a code bit looks like one; larger is surer.

    Raises:
        ValueError: another shape, or a value that is not finite.

    Source: Viterbi, "Error bounds for convolutional codes", 1967; ended by six zeros.
    """
    if soft.shape != (mark.CODE_BITS,) or not np.isfinite(soft).all():
        raise ValueError("a code word has 210 finite soft bits")
    before, outputs = _trellis()
    gains = soft.reshape(_STEPS, len(mark.GENERATORS)) @ outputs.reshape(_STATES * 2, -1).T
    metric = np.full(_STATES, -np.inf)
    metric[0] = 0.0
    chosen = np.empty((_STEPS, _STATES), np.int8)
    for step in range(_STEPS):
        reached = metric[before] + gains[step].reshape(_STATES, 2)
        chosen[step] = reached.argmax(axis=1)
        metric = reached.max(axis=1)
    return _trace_back(before, chosen)


def _trace_back(before: NDArray[np.intp], chosen: NDArray[np.int8]) -> int:
    state, value = 0, 0
    for step in range(_STEPS - 1, -1, -1):
        if step < mark.PAYLOAD_BITS:
            # The newest bit is the state's highest.
            value |= (state >> (mark.CONSTRAINT_LENGTH - 2)) << (mark.PAYLOAD_BITS - 1 - step)
        state = int(before[state, chosen[step, state]])
    return value


def _trellis() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return, for each state, its two predecessors and the three code bits each sends (+-1)."""
    before = np.empty((_STATES, 2), np.intp)
    outputs = np.empty((_STATES, 2, len(mark.GENERATORS)))
    for state in range(_STATES):
        bit = state >> (mark.CONSTRAINT_LENGTH - 2)
        for oldest in (0, 1):
            previous = (state << 1 & (_STATES - 1)) | oldest
            window = bit << (mark.CONSTRAINT_LENGTH - 1) | previous
            before[state, oldest] = previous
            outputs[state, oldest] = [
                1.0 if (window & generator).bit_count() & 1 else -1.0
                for generator in mark.GENERATORS
            ]
    return before, outputs
