"""Where things are put: oven tray, sink, dish rack, a marked area of the table, plates and bowls.

Frame of a receptacle: origin on the table top at its middle, axes parallel to the world's. Fixed
ones have a `home`; plates and bowls are `movable`: a task places them anew in each episode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from bydemo.sim.coloured_mesh import Colour, ColouredMesh
from bydemo.sim.solids import add_solid

Build = Callable[[ColouredMesh, mujoco.MjsBody], None]

_BLACK: Colour = (0.055, 0.055, 0.060)
_GLASS: Colour = (0.12, 0.12, 0.12)
_STEEL: Colour = (0.68, 0.68, 0.68)
_WIRE: Colour = (0.52, 0.52, 0.52)
_BLUE: Colour = (0.12, 0.38, 0.78)
_SINK_FLOOR: Colour = (0.22, 0.50, 0.88)
_DRAIN: Colour = (0.75, 0.76, 0.78)
_WHITE: Colour = (0.95, 0.95, 0.95)
_RACK_BASE: Colour = (0.80, 0.80, 0.80)
_MARKER: Colour = (0.13, 0.12, 0.11)
_PLATE_GRAY: Colour = (0.43, 0.43, 0.43)
_BOWL_GRAY: Colour = (0.50, 0.50, 0.50)
_BOWL_BLUE: Colour = (0.16, 0.30, 0.62)

_WALL = 0.005
"""Half thickness of collision walls [m]: enough not to be passed through at 4 ms a step."""
_REST_TOLERANCE = 0.006
"""How far below the support [m] a resting object's centre may seem to be (contacts are soft)."""


@dataclass(frozen=True, kw_only=True)
class ReceptacleKind:
    """Where an object can be put, in its own frame [m].

    `drop_offset` is the middle of the supporting surface; an object is let go with its underside
    `release_height` above it. `half_extent` bounds, by x and y (a rectangle) or by one radius (a
    disc), where the centre of an object that is *in* it lies; `depth` bounds its height above the
    support. `radius` is that of the circle its footprint fits in. `home`: x, y in the world.
    """

    name: str
    build: Build
    drop_offset: tuple[float, float, float]
    release_height: float
    half_extent: tuple[float, ...]
    radius: float
    depth: float = 0.06
    home: tuple[float, float] | None = None

    @property
    def movable(self) -> bool:
        """Whether a task chooses its place."""
        return self.home is None

    def contains(self, local_position: ArrayLike) -> bool:
        """Whether an object whose centre rests at `local_position` (3,) is in or on it."""
        offset = np.asarray(local_position, float) - self.drop_offset
        if len(self.half_extent) == 1:
            inside = math.hypot(offset[0], offset[1]) <= self.half_extent[0]
        else:
            inside = bool(np.all(np.abs(offset[:2]) <= self.half_extent))
        return inside and -_REST_TOLERANCE <= offset[2] <= self.depth


def _walls(body: mujoco.MjsBody, half_x: float, half_y: float, low: float, high: float) -> None:
    """Four unseen walls around an inside of 2 half_x by 2 half_y, from `low` to `high`."""
    middle, half = (low + high) / 2, (high - low) / 2
    for side in (-1, 1):
        add_solid(body, "box", [_WALL, half_y, half], (side * (half_x + _WALL), 0, middle))
        add_solid(body, "box", [half_x, _WALL, half], (0, side * (half_y + _WALL), middle))


def _sink(look: ColouredMesh, body: mujoco.MjsBody) -> None:
    add_solid(body, "box", [0.078, 0.085, 0.003], (0, 0, 0.003))
    _walls(body, 0.072, 0.080, 0.0, 0.022)
    look.box([0.076, 0.084, 0.003], (0, 0, 0.003), colour=_SINK_FLOOR)
    for side in (-1, 1):
        look.box([0.005, 0.090, 0.016], (side * 0.077, 0, 0.016), colour=_BLUE)
        look.box([0.072, 0.005, 0.016], (0, side * 0.085, 0.016), colour=_BLUE)
    look.cylinder(0.012, 0.0006, (0, 0, 0.0062), colour=_DRAIN, segments=10)


def _dish_rack(look: ColouredMesh, body: mujoco.MjsBody) -> None:
    add_solid(body, "box", [0.078, 0.066, 0.006], (0, 0, 0.006))
    _walls(body, 0.074, 0.062, 0.006, 0.026)
    look.box([0.078, 0.066, 0.002], (0, 0, 0.002), colour=_RACK_BASE)
    for x in np.linspace(-0.068, 0.068, 8):
        look.bar((x, -0.066, 0.010), (x, 0.066, 0.010), 0.0024, colour=_WHITE)
    for z in (0.012, 0.034):
        for side in (-1, 1):
            y, x = side * 0.066, side * 0.078
            look.bar((-0.080, y, z), (0.080, y, z), 0.0030, colour=_WHITE)
            look.bar((x, -0.068, z), (x, 0.068, z), 0.0030, colour=_WHITE)
    for x in np.linspace(-0.078, 0.078, 5):
        for y in (-0.066, 0.066):
            look.bar((x, y, 0.003), (x, y, 0.034), 0.0024, colour=_WHITE)


def _oven(look: ColouredMesh, body: mujoco.MjsBody) -> None:
    """The tray slides out to +x from a toaster oven whose front is at x = -0.092."""
    add_solid(body, "box", [0.070, 0.080, 0.017], (0, 0, 0.017))
    _walls(body, 0.068, 0.078, 0.034, 0.042)
    add_solid(body, "box", [0.090, 0.150, 0.095], (-0.182, 0, 0.095))
    look.box([0.090, 0.150, 0.006], (-0.182, 0, 0.184), colour=_BLACK, bottom=True)
    look.box([0.090, 0.150, 0.008], (-0.182, 0, 0.008), colour=_BLACK)
    for side in (-1, 1):
        look.box([0.090, 0.005, 0.090], (-0.182, side * 0.145, 0.095), colour=_BLACK)
    look.box([0.004, 0.150, 0.095], (-0.268, 0, 0.095), colour=_GLASS)
    look.box([0.006, 0.145, 0.012], (-0.090, 0, 0.166), colour=_STEEL)
    for y in (-0.11, -0.07):
        look.box([0.008, 0.009, 0.009], (-0.080, y, 0.166), colour=_BLACK)
    for x in np.linspace(-0.060, 0.060, 8):
        look.bar((x, -0.076, 0.032), (x, 0.076, 0.032), 0.0020, colour=_WIRE)
    for side in (-1, 1):
        y, x = side * 0.076, side * 0.070
        look.bar((-0.180, y, 0.036), (0.073, y, 0.036), 0.0034, colour=_STEEL)
        look.bar((x, -0.076, 0.036), (x, 0.076, 0.036), 0.0034, colour=_STEEL)
    look.box([0.068, 0.076, 0.008], (0, 0, 0.012), colour=_GLASS)


def _table_area(look: ColouredMesh, body: mujoco.MjsBody) -> None:
    """Nothing but four dark squares at the corners: the table itself carries the object."""
    for x in (-0.085, 0.085):
        for y in (-0.045, 0.045):
            look.box([0.006, 0.006, 0.0005], (x, y, 0.0005), colour=_MARKER)


def _lighter(colour: Colour) -> Colour:
    """For rims: round dishes of one colour would look like flat spots."""
    r, g, b = (c + 0.3 * (0.9 - c) for c in colour)
    return (r, g, b)


def _plate(colour: Colour) -> Build:
    def build(look: ColouredMesh, body: mujoco.MjsBody) -> None:
        add_solid(body, "box", [0.047, 0.047, 0.003], (0, 0, 0.003))
        rim = [(0.040, 0.0), (0.066, 0.011), (0.060, 0.012)]
        look.lathe(rim, colour=_lighter(colour), segments=24)
        look.lathe([(0.060, 0.012), (0.044, 0.006), (0, 0.006)], colour=colour, segments=24)

    return build


def _bowl(colour: Colour) -> Build:
    def build(look: ColouredMesh, body: mujoco.MjsBody) -> None:
        add_solid(body, "cylinder", [0.050, 0.003], (0, 0, 0.003))
        for angle in np.arange(8) * (math.pi / 4):
            pos = (0.057 * math.cos(angle), 0.057 * math.sin(angle), 0.012)
            add_solid(body, "box", [_WALL, 0.024, 0.012], pos, yaw=float(angle))
        rim = [(0.036, 0.0), (0.058, 0.016), (0.066, 0.034), (0.061, 0.034)]
        look.lathe(rim, colour=_lighter(colour), segments=24)
        inside = [(0.061, 0.034), (0.053, 0.016), (0.036, 0.006), (0, 0.006)]
        look.lathe(inside, colour=colour, segments=24)

    return build


def _dish(name: str, build: Build, *, half_extent: float, release_height: float) -> ReceptacleKind:
    return ReceptacleKind(
        name=name,
        build=build,
        drop_offset=(0.0, 0.0, 0.006),
        release_height=release_height,
        half_extent=(half_extent,),
        radius=0.067,
    )


_KINDS = (
    ReceptacleKind(
        name="sink",
        build=_sink,
        drop_offset=(0.0, 0.0, 0.006),
        release_height=0.025,
        half_extent=(0.072, 0.080),
        radius=0.12,
        home=(0.145, -0.355),
    ),
    ReceptacleKind(
        name="oven",
        build=_oven,
        drop_offset=(0.0, 0.0, 0.034),
        release_height=0.015,
        half_extent=(0.068, 0.078),
        radius=0.11,
        home=(-0.375, -0.430),
    ),
    ReceptacleKind(
        name="dish rack",
        build=_dish_rack,
        drop_offset=(0.0, 0.0, 0.012),
        release_height=0.025,
        half_extent=(0.074, 0.062),
        radius=0.105,
        home=(0.145, -0.535),
    ),
    ReceptacleKind(
        name="table",
        build=_table_area,
        drop_offset=(0.0, 0.0, 0.0),
        release_height=0.006,
        half_extent=(0.085, 0.050),
        radius=0.10,
        home=(-0.110, -0.610),
    ),
    _dish("gray plate", _plate(_PLATE_GRAY), half_extent=0.058, release_height=0.004),
    _dish("white plate", _plate(_WHITE), half_extent=0.058, release_height=0.004),
    _dish("black bowl", _bowl(_BLACK), half_extent=0.050, release_height=0.025),
    _dish("gray bowl", _bowl(_BOWL_GRAY), half_extent=0.050, release_height=0.025),
    _dish("blue bowl", _bowl(_BOWL_BLUE), half_extent=0.050, release_height=0.025),
)

RECEPTACLES: dict[str, ReceptacleKind] = {kind.name: kind for kind in _KINDS}
"""Every receptacle by its name in prompts."""
