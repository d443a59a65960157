"""The soft decoder of the mark's code."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_worker.contract import mark
from provenance.marks import viterbi

PAYLOADS = [0, 1, 1 << 63, (1 << 64) - 1, 0x0123456789ABCDEF, 0xA5A5A5A55A5A5A5A]


class TestDecode:
    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_returns_what_was_encoded(self, payload: int) -> None:
        assert viterbi.decode(mark.encode(payload).astype(np.float64)) == payload

    @pytest.mark.parametrize("payload", PAYLOADS)
    def test_corrects_one_code_bit_in_ten(self, payload: int) -> None:
        soft = mark.encode(payload).astype(np.float64)
        soft[::10] *= -1

        assert viterbi.decode(soft) == payload

    def test_lets_sure_bits_outvote_unsure_ones(self) -> None:
        """A third of the bits are wrong, but each speaks softly."""
        noise = np.random.default_rng(1)
        payload = PAYLOADS[4]
        soft = mark.encode(payload).astype(np.float64)
        wrong = noise.permutation(mark.CODE_BITS)[:70]
        soft[wrong] *= -0.15

        assert viterbi.decode(soft) == payload

    def test_survives_noise_as_loud_as_the_signal(self) -> None:
        noise = np.random.default_rng(2)
        payloads = [int(noise.integers(0, 1 << 63)) for _ in range(20)]

        decoded = [
            viterbi.decode(mark.encode(value) + noise.normal(0, 0.9, mark.CODE_BITS))
            for value in payloads
        ]

        assert decoded == payloads

    @pytest.mark.parametrize(
        "soft", [np.zeros(209), np.zeros((210, 1)), np.full(210, np.nan), np.full(210, np.inf)]
    )
    def test_refuses_what_is_no_code_word(self, soft: np.ndarray) -> None:
        with pytest.raises(ValueError, match="210 finite"):
            viterbi.decode(soft)
