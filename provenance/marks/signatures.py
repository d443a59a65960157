"""MPEG-7 frame signatures: 380 values of 0, 1 or 2 for each frame. Pure.

The wheel of PyAV carries no `signature` filter, so the frame signature is computed here, from the
geometry of ISO/IEC 15938-3:2002/Amd.4:2010 (video signature tools): averages and differences of boxes
on a grid of 32 by 32 cells, each group cut into three by its own threshold. The boxes of that standard
follow a few regular rules, which are written out below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

GRID: Final = 32
VALUES: Final = 380
SIDE_PX_MIN: Final = GRID
_THRESHOLD_SHARE: Final = 0.333
_RESOLUTION: Final = 2.0**24  # Parts of one level: equal boxes come out equal.

Box = tuple[int, int, int, int]  # Left, top, width, height, in cells.
Element = tuple[tuple[Box, ...], tuple[Box, ...]]  # Mean of the first minus mean of the second.

# How a square is cut in two halves: which half counts as positive.
_HALVES = {"L": (0, 0, 1, 2), "R": (1, 0, 1, 2), "T": (0, 0, 2, 1), "B": (0, 1, 2, 1)}
_OPPOSITE = {"L": "R", "R": "L", "T": "B", "B": "T"}
# Category D4: pairs of cells, column and row, on five by five boxes of side six.
_D4 = (
    "12-32 21-23 11-33 31-13 21-32 32-23 23-12 12-21 11-31 31-33 33-13 13-11 22-20 22-42 22-24 "
    "22-02 20-24 02-42 10-30 14-34 01-03 41-43 10-01 30-41 43-34 03-14 00-40 40-44 44-04 04-00"
)


def frame_signature(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 380 values of one frame's luma plane.

    Args:
        luma: Shape (height, width), uint8, each side at least 32 pixels.

    Raises:
        ValueError: a side is shorter than 32 pixels.
    """
    weights, groups = _weights()
    means = _cell_means(luma).ravel() - 128.0  # The constant falls out of every difference.
    elements = np.rint(weights @ means * _RESOLUTION)
    signature = np.empty(VALUES, np.uint8)
    for group in groups:
        values = elements[group]
        size = np.sort(np.abs(values))
        threshold = size[int(len(size) * _THRESHOLD_SHARE)]
        signature[group] = np.where(values > threshold, 2, np.where(values < -threshold, 0, 1))
    return signature


def _cell_means(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of each cell; pixel i of n belongs to cell floor(32 i / n)."""
    height, width = luma.shape
    if min(height, width) < SIDE_PX_MIN:
        raise ValueError("a side is shorter than the grid")
    rows = -(-np.arange(GRID) * height // GRID)
    columns = -(-np.arange(GRID) * width // GRID)
    sums = np.add.reduceat(luma, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1, dtype=np.uint32)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    return sums / counts


@lru_cache(maxsize=1)
def _weights() -> tuple[NDArray[np.float64], tuple[slice, ...]]:
    """Return the weight of each cell in each of the 380 elements, and the ten groups."""
    weights = np.zeros((VALUES, GRID, GRID))
    groups, place = [], 0
    for category in _categories():
        start = place
        for added, taken in category:
            for boxes, sign in ((added, 1.0), (taken, -1.0)):
                area = sum(width * height for _, _, width, height in boxes)
                for left, top, width, height in boxes:
                    weights[place, top : top + height, left : left + width] += sign / area
            place += 1
        groups.append(slice(start, place))
    return weights.reshape(VALUES, GRID * GRID), tuple(groups)


def _categories() -> tuple[list[Element], ...]:
    """Return the ten categories in the standard's order: A1, A2, D1 to D8."""
    return tuple(
        list(elements)
        for elements in (
            _a1(), _a2(), _d1(), _d2(), _d3(), _d4(), _d5(), _d6(), _d7(), _d8(),
        )
    )  # fmt: skip


def _grid(columns: Iterable[int], rows: Iterable[int] | None = None) -> Iterator[tuple[int, int]]:
    columns = tuple(columns)
    return ((x, y) for y in (columns if rows is None else tuple(rows)) for x in columns)


def _quarters(side: int, x: int = 0, y: int = 0) -> Iterator[tuple[int, int]]:
    """Return the corners of a square's four quarters: upper left, upper right, lower ones."""
    return ((x + dx, y + dy) for dx, dy in _grid((0, side // 2)))


def _halved(x: int, y: int, side: int, which: str) -> Element:
    """Return the difference between a square's half on the side named, and its other half."""

    def half(name: str) -> Box:
        dx, dy, width, height = _HALVES[name]
        unit = side // 2
        return (x + dx * unit, y + dy * unit, width * unit, height * unit)

    return ((half(which),), (half(_OPPOSITE[which]),))


def _a1() -> Iterator[Element]:
    for x, y in _quarters(32):
        yield from ((((u, v, 8, 8),), ()) for u, v in _quarters(16, x, y))
    yield from ((((x, y, 16, 16),), ()) for x, y in _quarters(32))


def _a2() -> Iterator[Element]:
    yield from ((((x, y, 8, 8),), ()) for x, y in _grid((2, 12, 22)))
    yield from ((((inset, inset, 32 - 2 * inset, 32 - 2 * inset),), ()) for inset in (9, 6, 3))


def _d1() -> Iterator[Element]:
    for (x, y), cut in zip(_quarters(32), ("LTBR", "TRLB", "TRLB", "LTBR"), strict=True):
        for u, v in _quarters(16, x, y):
            yield from _cut_quarters(u, v, 8, cut)
    for x, y in _grid((2, 12, 22)):
        yield from _cut_quarters(x, y, 8, "TTBB" if (x, y) == (12, 12) else "LTBR")
    for x, y in _grid((7, 17)):
        yield from _cut_quarters(x, y, 8, "TLLT")


def _cut_quarters(x: int, y: int, side: int, cuts: str) -> Iterator[Element]:
    for (u, v), cut in zip(_quarters(side, x, y), cuts, strict=True):
        yield _halved(u, v, side // 2, cut)


def _d2() -> Iterator[Element]:
    for x, y in (*_grid((0, 8, 16, 24)), *_grid((4, 12, 20))):
        upper_left, upper_right, lower_left, lower_right = (
            (u, v, 4, 4) for u, v in _quarters(8, x, y)
        )
        yield ((upper_left, lower_right), (upper_right, lower_left))


def _d3() -> Iterator[Element]:
    boxes = [(x, y, 10, 10) for x, y in _grid((1, 11, 21))]
    yield from (((first,), (second,)) for first, second in combinations(boxes, 2))


def _d4() -> Iterator[Element]:
    for pair in _D4.split():
        first, second = (
            (1 + 6 * int(cell[0]), 1 + 6 * int(cell[1]), 6, 6) for cell in pair.split("-")
        )
        yield ((first,), (second,))


def _d5() -> Iterator[Element]:
    tens = (
        *_grid((1, 11, 21)), *_grid((6, 16)), *_grid((6, 16), (1,)), *_grid((1, 11, 21), (6,)),
        *_grid((6, 16), (11,)), *_grid((1, 11, 21), (16,)), *_grid((6, 16), (21,)),
    )  # fmt: skip
    sixes = (
        *_grid((8, 13, 18), (3,)), *_grid((3, 8, 13, 18, 23), (8, 13, 18)),
        *_grid((8, 13, 18), (23,)),
    )  # fmt: skip
    yield from (_ring(x, y, side=10, inset=3) for x, y in tens)
    yield from (_ring(x, y, side=13, inset=5) for x, y in _grid((2, 7, 12, 17)))
    yield from (_ring(x, y, side=6, inset=2) for x, y in sixes)


def _ring(x: int, y: int, *, side: int, inset: int) -> Element:
    """Return the difference between a square's frame and its middle."""
    hole, far = side - 2 * inset, side - inset
    frame = (
        (x, y, side, inset), (x, y + inset, inset, hole),
        (x + far, y + inset, inset, hole), (x, y + far, side, inset),
    )  # fmt: skip
    return (frame, ((x + inset, y + inset, hole, hole),))


def _d6() -> Iterator[Element]:
    for x, y in _grid((3, 11, 19)):
        yield (((x, y + 2, 10, 6),), ((x + 2, y, 6, 10),))


def _d7() -> Iterator[Element]:
    for x, y in _grid((4, 9, 14, 19, 24)):
        middle = (x, y, 4, 4)
        yield (((x - 4, y, 4, 4), (x + 4, y, 4, 4)), (middle,))
        yield (((x, y - 4, 4, 4), (x, y + 4, 4, 4)), (middle,))


def _d8() -> Iterator[Element]:
    for (x, y), cuts in zip(_quarters(32), ("TLLT", "LTTL", "LTTL", "TLLT"), strict=True):
        yield from _cut_quarters(x, y, 16, cuts)
    for (x, y), cut in zip(_quarters(32), "LTTL", strict=True):
        yield _halved(x, y, 16, cut)
