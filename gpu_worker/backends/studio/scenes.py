"""Scenes: what a prompt is set in, found by its words and painted by its seed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gpu_worker.backends.studio.effects import Animation, Falling, Motes
from gpu_worker.backends.studio.layers import Image, Layer, Size, View, draw
from gpu_worker.backends.studio.painting import Colour, Rng


@dataclass
class Light:
    """How a scene lights who stands in it.

    `tint` multiplies their colours. `rim` is the light on their edges, which comes from `side`: -1 is
    left, 1 is right. `ground` is how dark their shadow on what is behind them is, 0 to 1.
    """

    tint: Colour = (1.0, 1.0, 1.0)
    rim: Colour = (0.3, 0.3, 0.3)
    side: float = -0.6
    ground: float = 0.3


@dataclass
class Scene:
    """Painted layers from the farthest on, and what moves in them.

    `animations` change the farthest layer. `motes` and all but the nearest sheet of `weather` are
    behind the people.
    """

    layers: list[Layer]
    light: Light
    ambience: str
    animations: list[Animation] = field(default_factory=list)
    motes: Motes | None = None
    weather: Falling | None = None
    front: list[Layer] = field(default_factory=list)

    def draw_behind(self, frame: Image, *, at_s: float, view: View) -> None:
        """Draw all that is behind the people."""
        for animation in self.animations:
            animation.apply(self.layers[0].rgb, at_s)
        for layer in self.layers:
            draw(frame, layer, view=view)
        if self.motes is not None:
            self.motes.draw(frame, at_s)
        if self.weather is not None:
            self.weather.draw(frame, at_s, sheets=slice(0, -1))

    def draw_before(self, frame: Image, *, at_s: float, view: View) -> None:
        """Draw all that is before the people."""
        for layer in self.front:
            draw(frame, layer, view=view)
        if self.weather is not None:
            self.weather.draw(frame, at_s, sheets=slice(-1, None))


# Which words ask for which place, looked for in this order; and for which hour and weather.
PLACES = {
    "space": "space galaxy planet planets star stars cosmos cosmic orbit moon astronaut rocket mars nebula",
    "beach": "beach sea ocean coast shore island surf waves sand seaside harbour harbor bay tropical lagoon",
    "forest": "forest wood woods jungle tree trees garden park meadow rainforest grove glade",
    "city": "city street town skyline downtown rooftop urban neon traffic tokyo york london paris istanbul "
    "berlin skyscraper skyscrapers metropolis avenue square cafe bar office",
    "mountains": "mountain mountains alps peak peaks valley hill hills ridge cliff canyon hike hiking lake "
    "glacier ski snow snowy winter desert dunes countryside field fields",
    "stage": "studio stage podcast interview concert theatre theater show spotlight news talk lecture club",
}
HOURS = {
    "night": "night midnight evening dark neon stars moonlight nightfall late",
    "sunset": "sunset dusk golden sundown twilight romantic autumn warm",
    "dawn": "dawn sunrise morning early",
    "day": "day noon midday sunny summer afternoon bright",
}
SNOW = frozenset(["snow", "snowy", "snowing", "snowfall", "winter", "blizzard", "christmas", "ski"])
RAIN = frozenset(["rain", "rainy", "raining", "storm", "stormy", "monsoon", "drizzle"])


@dataclass(frozen=True)
class Setting:
    """What the words of a prompt ask for."""

    place: str
    hour: str
    snow: bool = False
    rain: bool = False


def read(prompt: str) -> Setting:
    """Return the setting that a prompt asks for; an abstract one where it names no place we know."""
    words = re.findall(r"[a-z]+", prompt.lower())
    place = _asked(words, PLACES) or "abstract"
    usual = {"space": "night", "city": "night", "stage": "night"}.get(place, "day")
    known = set(words)
    return Setting(
        place=place,
        hour=_asked(words, HOURS) or usual,
        snow=bool(known & SNOW),
        rain=bool(known & RAIN),
    )


def _asked(words: list[str], table: dict[str, str]) -> str | None:
    """Return the entry that most of the words belong to; the earlier entry wins a tie."""
    counts = {name: sum(word in known.split() for word in words) for name, known in table.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


Painter = Callable[[Size, Rng, Setting], Scene]


def paint(prompt: str, *, seed: int, size: Size) -> Scene:
    """Return the scene of a prompt, painted for frames of this size. The same seed, the same picture."""
    # Imported here: each painter's module needs the words above.
    from gpu_worker.backends.studio import cities, interiors, landscapes, skies

    painters: dict[str, Painter] = {
        "beach": landscapes.beach,
        "mountains": landscapes.mountains,
        "forest": landscapes.forest,
        "city": cities.city,
        "space": skies.space,
        "stage": interiors.stage,
        "abstract": interiors.abstract,
    }
    setting, rng = read(prompt), np.random.default_rng(seed)
    scene = painters[setting.place](size.painted, rng, setting)
    if setting.snow:
        scene.weather = Falling.snow(size, rng)
    elif setting.rain:
        scene.weather = Falling.rain(size, rng)
    return scene
