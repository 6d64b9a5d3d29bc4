"""The conditions under which a simulated phone takes a photo."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simsearch.synthetic.backgrounds import BACKGROUNDS
from simsearch.synthetic.scene import View
from simsearch.synthetic.words import pick

# Phone photos of packages mostly lie on paper or a table.
_USUAL = ("paper", "wood", "clutter", *BACKGROUNDS[1:])


@dataclass(frozen=True, slots=True)
class PhotoConditions:
    """The defaults are a studio's: upright, sharp, evenly lit, on white."""

    view: View = field(default_factory=View)
    background: str = "studio"  # one of `backgrounds.BACKGROUNDS`
    shadow: float = 0.15  # darkness of the package's shadow, 0 to 1
    occlusion: float = 0.0  # how far fingers reach in, 0 (none) to 1
    gain: float = 1.0  # of the light
    gradient: float = 0.0  # fall of the light over the picture, 0 to 1
    gradient_angle: float = 0.0  # degrees: where the dark side is
    temperature: float = 0.0  # -1 (blue) to 1 (yellow)
    saturation: float = 1.0
    glare: float = 0.0  # strength of a reflection, 0 to 1
    blur: float = 0.0  # sigma in pixels of a 640-pixel picture
    motion: float = 0.0  # length of the smear, the same pixels
    motion_angle: float = 0.0  # degrees
    noise: float = 0.0  # standard deviation in grey levels
    jpeg_quality: int = 95

    @classmethod
    def draw(cls, rng: np.random.Generator, severity: float) -> PhotoConditions:
        """Conditions of a random photo; `severity` 0 gives the studio's, 1 the worst that phones bring home.

        From 0.5 on, the package may lie in any direction.
        """
        assert 0 <= severity <= 1, severity
        kind = pick(rng, _USUAL)
        if severity == 0:
            return cls()
        return cls(
            view=_draw_view(rng, severity),
            background=kind,
            shadow=0.15 + 0.45 * float(rng.random()),
            occlusion=_sometimes(rng, 0.3 * severity, 0.3, 1.0),
            gain=float(np.exp(severity * rng.uniform(-0.5, 0.3))),
            gradient=severity * float(rng.uniform(0, 0.55)),
            gradient_angle=float(rng.uniform(0, 360)),
            temperature=severity * float(rng.uniform(-0.8, 1)),
            saturation=1 + severity * float(rng.uniform(-0.45, 0.2)),
            glare=_sometimes(rng, 0.4 * severity, 0.2, 1.0),
            blur=severity * 2.0 * float(rng.random()) ** 2,
            motion=_sometimes(rng, 0.25 * severity, 2.0, 3.0 + 9.0 * severity),
            motion_angle=float(rng.uniform(0, 180)),
            noise=severity * 12 * float(rng.random()),
            jpeg_quality=95 - round(60 * severity * float(rng.random())),
        )


def _sometimes(rng: np.random.Generator, chance: float, low: float, high: float) -> float:
    value = float(rng.uniform(low, high))
    return value if rng.random() < chance else 0.0


def _draw_view(rng: np.random.Generator, severity: float) -> View:
    across, down = (severity * 0.1 * float(value) for value in rng.uniform(-1, 1, 2))
    return View(
        rotation=float(rng.uniform(-180, 180)) * min(1.0, 2 * severity),
        tilt=severity * 48 * float(rng.random()),
        azimuth=float(rng.uniform(0, 360)),
        distance=8 - 5.5 * severity * float(rng.random()),
        scale=float(rng.uniform(0.8 - 0.4 * severity, 0.8 + 0.12 * severity)),
        shift=(across, down),
        crop=_sometimes(rng, 0.2 * severity, 0.05, 0.3),
        crop_side=int(rng.integers(4)),
    )
