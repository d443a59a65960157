"""Captions: the title and the names, shown at the beginning, lower left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont

from gpu_worker.backends.studio.layers import Image, over

BEGIN_S, FADE_S, STAY_S = 0.35, 0.45, 3.4
LINES_MAX = 2
# Pillow's own font has Latin letters only; these are tried for others.
FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf")


@dataclass(frozen=True)
class Caption:
    """A drawn caption, premultiplied, and where its upper left corner belongs."""

    rgb: Image
    alpha: Image
    left: int
    top: int

    def draw(self, frame: Image, at_s: float) -> None:
        """Lay it over a frame, in place: it fades in, stays, and fades out."""
        came = (at_s - BEGIN_S) / FADE_S
        gone = (BEGIN_S + FADE_S + STAY_S - at_s) / FADE_S
        shown = float(np.clip(min(came, gone), 0, 1))
        if shown <= 0:
            return
        eased = shown * shown * (3 - 2 * shown)
        rise = round((1 - eased) * frame.shape[0] * 0.012) if came < gone else 0
        top = self.top + rise
        rows = min(self.rgb.shape[0], frame.shape[0] - top)
        columns = min(self.rgb.shape[1], frame.shape[1] - self.left)
        part = frame[top : top + rows, self.left : self.left + columns]
        rgb = cv2.convertScaleAbs(self.rgb[:rows, :columns], alpha=eased)
        over(part, rgb, cv2.convertScaleAbs(self.alpha[:rows, :columns], alpha=eased))


def drawn(*, title: str, names: tuple[str, ...], width_px: int, height_px: int) -> Caption | None:
    """Return the caption of a clip, or None where there is nothing to say.

    The title takes two lines at most and is cut off with an ellipsis; then come the names.
    """
    heading, line = " ".join(title.split()), _listed(names)
    if not heading and not line:
        return None
    unit = min(width_px, height_px * 16 / 9) / 1280
    big, small = _font(round(46 * unit), heading), _font(round(25 * unit), line)
    lines = _wrapped(heading, big, width_px * 0.46) if heading else []
    texts = [(text, big) for text in lines] + ([(line, small)] if line else [])
    pad, leading = round(34 * unit), 1.24
    heights = [round(font.size * leading) for _, font in texts]
    wide = max(round(font.getlength(text)) for text, font in texts) + 3 * pad
    tall = sum(heights) + 2 * pad
    letters = Pillow.new("L", (wide, tall), 0)
    pen = ImageDraw.Draw(letters)
    y = pad
    for (text, font), step in zip(texts, heights, strict=True):
        pen.text((round(pad * 1.3), y), text, font=font, fill=255 if font is big else 226)
        y += step
    pen.rounded_rectangle(
        (pad * 0.72, pad + 4, pad * 0.72 + max(2, 4 * unit), y - 4), 2 * unit, fill=235
    )
    shadow = letters.filter(ImageFilter.GaussianBlur(max(1.0, 7 * unit)))
    ink = np.asarray(letters, np.float32) / 255
    dark = np.clip(np.asarray(shadow, np.float32) / 255 * 1.25, 0, 0.62)
    alpha = ink + dark * (1 - ink)
    rgb = np.repeat((ink * 252)[..., None], 3, axis=2)
    return Caption(
        np.asarray(rgb, np.uint8),
        np.asarray(alpha * 255, np.uint8),
        round(width_px * 0.035),
        max(0, height_px - tall - round(height_px * 0.05)),
    )


def _listed(names: tuple[str, ...]) -> str:
    shown = [name for name in names if name]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines, words = [""], text.split(" ")
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:LINES_MAX]
    if len(lines) > LINES_MAX:
        kept[-1] += "…"
    return [_cut(line, font, width * 1.6) for line in kept]


def _cut(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2].rstrip("…") + "…"
    return text


@lru_cache(maxsize=8)
def _font(size: int, text: str) -> ImageFont.FreeTypeFont:
    """Return a font for the text: Pillow's own for Latin letters, else one of the system's."""
    size = max(9, size)
    if any(ord(letter) > 0x17F for letter in text):
        for name in FONTS:
            try:
                return ImageFont.truetype(str(Path(name)), size)
            except OSError:
                continue
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
