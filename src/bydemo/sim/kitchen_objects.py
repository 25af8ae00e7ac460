"""The toy food and cups that the arm picks up.

Frame of an object: origin at its centre, z up when it rests, x along its longest horizontal
side. The gripper closes along y, where the object is `grasp_width` wide. Sizes are ours: the
real toys were never measured, only seen; they are chosen to be told apart at 112x112 pixels and
to fit a Jaco hand. Friction is high, as of soft plastic against rubber finger pads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco

from bydemo.sim.coloured_mesh import Colour, ColouredMesh
from bydemo.sim.solids import add_solid

_FRICTION = (1.2, 0.02, 0.001)
_ROLLING_FRICTION = (1.2, 0.02, 0.004)
"""For spheres: a slope under about 10 degrees holds them, so that fruit stays where it is put."""

_RED = (0.80, 0.07, 0.08)
_ORANGE = (0.98, 0.50, 0.04)
_LEAF = (0.20, 0.50, 0.14)
_STEM = (0.30, 0.20, 0.10)
_MILK_WHITE = (0.95, 0.95, 0.96)
_MILK_BLUE = (0.12, 0.32, 0.80)
_YELLOW = (0.97, 0.86, 0.18)
_WRAPPER = (0.93, 0.95, 0.88)
_CRUST = (0.52, 0.28, 0.10)
_SCORE = (0.88, 0.68, 0.38)
_TOAST = (0.90, 0.74, 0.50)
_TOAST_CRUST = (0.68, 0.45, 0.22)
_MEAT = (0.45, 0.06, 0.09)
_FAT = (0.93, 0.76, 0.72)
_BUN = (0.80, 0.50, 0.20)
_PATTY = (0.24, 0.12, 0.07)
_LETTUCE = (0.42, 0.72, 0.20)
_GREEN_CUP = (0.13, 0.62, 0.28)
_YELLOW_CUP = (0.96, 0.78, 0.05)

Build = Callable[[ColouredMesh, mujoco.MjsBody, float], None]


@dataclass(frozen=True, kw_only=True)
class ObjectKind:
    """What can be picked up: its name in prompts, its shape, and how a hand takes it.

    `build(look, body, mass)` paints the look and adds the collision shapes. Heights [m] are above
    what it rests on: `rest_height` of the centre, `grasp_height` of the point between the finger
    tips.
    `grasp_width` [m] is along y, `radius` [m] that of the circle its footprint fits in.
    `yaw_symmetric`: it looks and grasps the same from every side.
    """

    name: str
    build: Build
    mass: float
    rest_height: float
    grasp_height: float
    grasp_width: float
    radius: float
    yaw_symmetric: bool


def _apple(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "sphere", [0.024], mass=mass, friction=_ROLLING_FRICTION)
    profile = [(0, -0.020), (0.011, -0.024), (0.021, -0.014), (0.0265, 0.004), (0.023, 0.016)]
    profile += [(0.013, 0.0225), (0, 0.016)]
    look.lathe(profile, colour=_RED, segments=16)
    look.bar((0, 0, 0.015), (0.004, 0.002, 0.036), 0.0022, colour=_STEM)
    look.ellipsoid([0.010, 0.006, 0.002], (0.011, 0.004, 0.029), colour=_LEAF, segments=6, bands=2)


def _orange(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "sphere", [0.025], mass=mass, friction=_ROLLING_FRICTION)
    look.ellipsoid([0.0255, 0.0255, 0.0255], colour=_ORANGE, bands=9)
    look.cylinder(0.005, 0.002, (0, 0, 0.0245), colour=_LEAF, segments=8)


def _milk(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "box", [0.020, 0.020, 0.029], mass=mass, friction=_FRICTION)
    look.box([0.020, 0.020, 0.010], (0, 0, -0.019), colour=_MILK_BLUE)
    look.box([0.020, 0.020, 0.0115], (0, 0, 0.0025), colour=_MILK_WHITE)
    look.prism(0.020, [(-0.020, 0.014), (0.020, 0.014), (0.0, 0.030)], colour=_MILK_BLUE)
    look.box([0.020, 0.0022, 0.004], (0, 0, 0.031), colour=_MILK_WHITE)


def _butter(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "box", [0.029, 0.019, 0.017], mass=mass, friction=_FRICTION)
    look.box([0.029, 0.019, 0.017], colour=_YELLOW)
    look.box([0.009, 0.0196, 0.0176], (-0.021, 0, 0), colour=_WRAPPER)


def _long_bread(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "box", [0.042, 0.019, 0.019], mass=mass, friction=_FRICTION)
    look.ellipsoid([0.056, 0.023, 0.0205], (0, 0, 0.0015), colour=_CRUST, bands=8)
    for x in (-0.026, -0.008, 0.010, 0.028):
        look.ellipsoid(
            [0.0028, 0.015, 0.006], (x, 0, 0.0172), colour=_SCORE, segments=8, bands=4, yaw=0.5
        )


def _square_bread(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "box", [0.025, 0.025, 0.018], mass=mass, friction=_FRICTION)
    look.box([0.025, 0.025, 0.0176], (0, 0, -0.0004), colour=_TOAST_CRUST)
    look.box([0.0205, 0.0205, 0.0184], colour=_TOAST)


def _steak(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "box", [0.034, 0.021, 0.016], mass=mass, friction=_FRICTION)
    look.box([0.026, 0.021, 0.0156], (-0.008, 0, 0), colour=_MEAT)
    look.cylinder(0.0205, 0.0156, (0.0145, 0, 0), colour=_MEAT)
    look.box([0.027, 0.003, 0.0162], (-0.007, 0.0185, 0), colour=_FAT)
    look.box([0.0025, 0.014, 0.0163], (-0.006, 0.004, 0), colour=_FAT)


def _burger(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
    add_solid(body, "cylinder", [0.025, 0.021], mass=mass, friction=_FRICTION)
    look.cylinder(0.0250, 0.006, (0, 0, -0.015), colour=_BUN)
    look.cylinder(0.0262, 0.0045, (0, 0, -0.0045), colour=_PATTY)
    look.cylinder(0.0275, 0.0018, (0, 0, 0.0018), colour=_LETTUCE)
    look.ellipsoid([0.0255, 0.0255, 0.0185], (0, 0, 0.0035), colour=_BUN)


def _cup(colour: Colour) -> Build:
    """A beaker that is a little wider at the rim; it is hollow to the eye and solid to touch."""

    def build(look: ColouredMesh, body: mujoco.MjsBody, mass: float) -> None:
        add_solid(body, "cylinder", [0.0245, 0.028], mass=mass, friction=_FRICTION)
        outside = [(0.0215, -0.028), (0.0270, 0.028), (0.0235, 0.028)]
        shade = (0.55 * colour[0], 0.55 * colour[1], 0.55 * colour[2])
        look.lathe(outside, colour=colour)
        look.lathe([(0.0235, 0.028), (0.0190, -0.014), (0, -0.014)], colour=shade)

    return build


def _kind(
    name: str,
    build: Build,
    *,
    mass: float,
    half_height: float,
    grasp_width: float,
    radius: float,
    grasp_height: float | None = None,
    yaw_symmetric: bool = False,
) -> ObjectKind:
    return ObjectKind(
        name=name,
        build=build,
        mass=mass,
        rest_height=half_height,
        grasp_height=half_height if grasp_height is None else grasp_height,
        grasp_width=grasp_width,
        radius=radius,
        yaw_symmetric=yaw_symmetric,
    )


_KINDS = (
    _kind(
        "apple fruit",
        _apple,
        mass=0.05,
        half_height=0.024,
        grasp_width=0.048,
        radius=0.027,
        yaw_symmetric=True,
    ),
    _kind(
        "orange fruit",
        _orange,
        mass=0.05,
        half_height=0.025,
        grasp_width=0.050,
        radius=0.026,
        yaw_symmetric=True,
    ),
    _kind("milk dairy", _milk, mass=0.06, half_height=0.029, grasp_width=0.040, radius=0.029),
    _kind("butter dairy", _butter, mass=0.05, half_height=0.017, grasp_width=0.038, radius=0.035),
    _kind("long bread", _long_bread, mass=0.04, half_height=0.019, grasp_width=0.040, radius=0.056),
    _kind(
        "square bread", _square_bread, mass=0.04, half_height=0.018, grasp_width=0.050, radius=0.036
    ),
    _kind("steak meat", _steak, mass=0.06, half_height=0.016, grasp_width=0.042, radius=0.040),
    _kind(
        "burger meat",
        _burger,
        mass=0.05,
        half_height=0.021,
        grasp_width=0.050,
        radius=0.028,
        yaw_symmetric=True,
    ),
    _kind(
        "green cup",
        _cup(_GREEN_CUP),
        mass=0.04,
        half_height=0.028,
        grasp_width=0.049,
        radius=0.028,
        yaw_symmetric=True,
    ),
    _kind(
        "yellow cup",
        _cup(_YELLOW_CUP),
        mass=0.04,
        half_height=0.028,
        grasp_width=0.049,
        radius=0.028,
        yaw_symmetric=True,
    ),
)

OBJECTS: dict[str, ObjectKind] = {kind.name: kind for kind in _KINDS}
"""Every object by its name in prompts."""
