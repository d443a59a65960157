"""The contract of the invisible mark: payloads, code, pattern."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from gpu_worker.contract import mark

RENDER_ID = UUID("7f6c0c5e-1f4b-4b44-9f0e-0d6b6f3b2a11")
KEY, OTHER_KEY = bytes(range(32)), bytes(32)
PAYLOAD_OF_RENDER = 0x67C5968C4324906B  # A vector of docs/spec/marks.md.


class TestPayload:
    def test_holds_the_id_and_proves_it(self) -> None:
        value = mark.payload(RENDER_ID, KEY)

        assert mark.verified(value, KEY) == mark.identify(RENDER_ID, KEY) == value >> 24

    def test_is_the_same_for_ever(self) -> None:
        assert mark.payload(RENDER_ID, KEY) == PAYLOAD_OF_RENDER

    def test_is_another_with_another_salt(self) -> None:
        ids = {mark.identify(RENDER_ID, KEY, salt=salt) for salt in range(8)}

        assert len(ids) == 8

    @pytest.mark.parametrize("place", [0, 23, 24, 63])
    def test_is_refused_when_one_bit_is_another(self, place: int) -> None:
        assert mark.verified(mark.payload(RENDER_ID, KEY) ^ 1 << place, KEY) is None

    def test_is_refused_under_another_key(self) -> None:
        assert mark.verified(mark.payload(RENDER_ID, KEY), OTHER_KEY) is None

    def test_needs_a_key_of_32_bytes(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            mark.payload(RENDER_ID, b"short")


class TestEncode:
    def test_answers_the_code_s_impulse(self) -> None:
        """One set bit, first in time, shows each generator's taps, from its highest."""
        bits = (mark.encode(1 << 63).reshape(-1, 3) + 1) // 2

        taps = ["".join(str(bit) for bit in bits[:7, column]) for column in range(3)]

        assert taps == [f"{generator:07b}" for generator in (0o133, 0o171, 0o165)]
        assert not bits[7:].any()

    def test_is_linear(self) -> None:
        first, second = 0x0123456789ABCDEF, 0xF0E1D2C3B4A59687

        together = mark.encode(first) * mark.encode(second) * mark.encode(0)

        assert (together == mark.encode(first ^ second)).all()

    @pytest.mark.parametrize("value", [-1, 1 << 64])
    def test_refuses_what_has_not_64_bits(self, value: int) -> None:
        with pytest.raises(ValueError, match="64 bits"):
            mark.encode(value)


class TestPattern:
    def test_gives_each_code_bit_about_as_many_chips(self) -> None:
        tile = mark.pattern(KEY)

        counts = np.bincount(tile.bits[tile.bits != mark.PILOT])

        assert len(counts) == mark.CODE_BITS == 210
        assert set(counts) == {15, 16}
        assert (tile.bits == mark.PILOT).sum() == mark.PILOT_CHIPS

    def test_differs_from_key_to_key_about_everywhere(self) -> None:
        agreement = (mark.pattern(KEY).signs == mark.pattern(OTHER_KEY).signs).mean()

        assert 0.45 < agreement < 0.55

    def test_needs_a_key_of_32_bytes(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            mark.pattern(b"short")


class TestChipPx:
    @pytest.mark.parametrize(
        ("width_px", "height_px", "expected"),
        [(1280, 720, 5.0), (720, 1280, 5.0), (1920, 1080, 7.5), (640, 360, 4.0), (320, 180, 4.0)],
    )
    def test_follows_the_shorter_side(self, width_px: int, height_px: int, expected: float) -> None:
        assert mark.chip_px(width_px=width_px, height_px=height_px) == expected
