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

from bydemo.sim.solids import colliding, visible, visible_bar, visible_lathe

_FRICTION = (1.2, 0.02, 0.001)
_ROLLING_FRICTION = (1.2, 0.02, 0.004)
"""For spheres: a slope under about 10 degrees holds them, so that fruit stays where it is put."""

_RED = (0.80, 0.07, 0.08, 1)
_ORANGE = (0.98, 0.50, 0.04, 1)
_LEAF = (0.20, 0.50, 0.14, 1)
_STEM = (0.30, 0.20, 0.10, 1)
_MILK_WHITE = (0.95, 0.95, 0.96, 1)
_MILK_BLUE = (0.12, 0.32, 0.80, 1)
_YELLOW = (0.97, 0.86, 0.18, 1)
_WRAPPER = (0.93, 0.95, 0.88, 1)
_CRUST = (0.52, 0.28, 0.10, 1)
_SCORE = (0.88, 0.68, 0.38, 1)
_TOAST = (0.90, 0.74, 0.50, 1)
_TOAST_CRUST = (0.68, 0.45, 0.22, 1)
_MEAT = (0.45, 0.06, 0.09, 1)
_FAT = (0.93, 0.76, 0.72, 1)
_BUN = (0.80, 0.50, 0.20, 1)
_PATTY = (0.24, 0.12, 0.07, 1)
_LETTUCE = (0.42, 0.72, 0.20, 1)
_GREEN_CUP = (0.13, 0.62, 0.28, 1)
_YELLOW_CUP = (0.96, 0.78, 0.05, 1)

Build = Callable[[mujoco.MjSpec, mujoco.MjsBody, float], None]


@dataclass(frozen=True, kw_only=True)
class ObjectKind:
    """What can be picked up: its name in prompts, its shape, and how a hand takes it.

    `build(spec, body, mass)` adds the geoms. Heights [m] are above what it rests on:
    `rest_height` of the centre, `grasp_height` of the point between the finger tips.
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


def _apple(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "sphere", [0.024], mass=mass, friction=_ROLLING_FRICTION)
    profile = [(0, -0.020), (0.011, -0.024), (0.021, -0.014), (0.0265, 0.004), (0.023, 0.016)]
    profile += [(0.013, 0.0225), (0, 0.016)]
    visible_lathe(spec, body, "apple", profile, rgba=_RED, segments=18)
    visible_bar(body, (0, 0, 0.015), (0.004, 0.002, 0.034), 0.0022, rgba=_STEM)
    visible(body, "ellipsoid", [0.009, 0.005, 0.0015], (0.010, 0.003, 0.028), rgba=_LEAF)


def _orange(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "sphere", [0.025], mass=mass, friction=_ROLLING_FRICTION)
    visible(body, "sphere", [0.0255], rgba=_ORANGE)
    visible(body, "cylinder", [0.005, 0.002], (0, 0, 0.0245), rgba=_LEAF)


def _milk(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "box", [0.020, 0.020, 0.029], mass=mass, friction=_FRICTION)
    visible(body, "box", [0.020, 0.020, 0.010], (0, 0, -0.019), rgba=_MILK_BLUE)
    visible(body, "box", [0.020, 0.020, 0.0115], (0, 0, 0.0025), rgba=_MILK_WHITE)
    _gable(spec, body, half=0.020, low=0.014, high=0.029)
    visible(body, "box", [0.020, 0.0022, 0.005], (0, 0, 0.031), rgba=_MILK_WHITE)


def _gable(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, *, half: float, low: float, high: float
) -> None:
    """The blue roof of the milk carton: a prism whose ridge runs along x."""
    mesh = spec.add_mesh(name="milk_gable")
    mesh.uservert = [
        *(-half, -half, low, half, -half, low, half, half, low, -half, half, low),
        *(-half, 0, high, half, 0, high),
    ]
    mesh.userface = [
        *(0, 2, 1, 0, 3, 2, 0, 1, 5, 0, 5, 4, 2, 3, 4, 2, 4, 5, 1, 2, 5, 3, 0, 4),
    ]
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="milk_gable",
        mass=0,
        contype=0,
        conaffinity=0,
        group=1,
        rgba=list(_MILK_BLUE),
    )


def _butter(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "box", [0.029, 0.019, 0.017], mass=mass, friction=_FRICTION)
    visible(body, "box", [0.029, 0.019, 0.017], rgba=_YELLOW)
    visible(body, "box", [0.009, 0.0196, 0.0176], (-0.021, 0, 0), rgba=_WRAPPER)


def _long_bread(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "box", [0.042, 0.019, 0.019], mass=mass, friction=_FRICTION)
    visible(body, "ellipsoid", [0.056, 0.023, 0.0205], (0, 0, 0.0015), rgba=_CRUST)
    for x in (-0.026, -0.008, 0.010, 0.028):
        visible(body, "ellipsoid", [0.0028, 0.015, 0.006], (x, 0, 0.0172), rgba=_SCORE, yaw=0.5)


def _square_bread(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "box", [0.025, 0.025, 0.018], mass=mass, friction=_FRICTION)
    visible(body, "box", [0.025, 0.025, 0.0176], (0, 0, -0.0004), rgba=_TOAST_CRUST)
    visible(body, "box", [0.0205, 0.0205, 0.0184], rgba=_TOAST)


def _steak(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "box", [0.034, 0.021, 0.016], mass=mass, friction=_FRICTION)
    visible(body, "box", [0.026, 0.021, 0.0156], (-0.008, 0, 0), rgba=_MEAT)
    visible(body, "cylinder", [0.0195, 0.0156], (0.015, 0, 0), rgba=_MEAT)
    visible(body, "box", [0.027, 0.003, 0.0162], (-0.007, 0.0185, 0), rgba=_FAT)
    visible(body, "box", [0.0025, 0.014, 0.0163], (-0.006, 0.004, 0), rgba=_FAT)


def _burger(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
    colliding(body, "cylinder", [0.025, 0.021], mass=mass, friction=_FRICTION)
    visible(body, "cylinder", [0.0250, 0.006], (0, 0, -0.015), rgba=_BUN)
    visible(body, "cylinder", [0.0262, 0.0045], (0, 0, -0.0045), rgba=_PATTY)
    visible(body, "cylinder", [0.0275, 0.0018], (0, 0, 0.0018), rgba=_LETTUCE)
    visible(body, "ellipsoid", [0.0255, 0.0255, 0.0185], (0, 0, 0.0035), rgba=_BUN)


def _cup(rgba: tuple[float, float, float, float]) -> Build:
    """A beaker that is a little wider at the rim; it is hollow to the eye and solid to touch."""

    def build(spec: mujoco.MjSpec, body: mujoco.MjsBody, mass: float) -> None:
        colliding(body, "cylinder", [0.0245, 0.028], mass=mass, friction=_FRICTION)
        outside = [(0, -0.028), (0.0215, -0.028), (0.0270, 0.028)]
        inside = [(0.0235, 0.028), (0.0190, -0.018), (0, -0.018)]
        visible_lathe(spec, body, "cup", [*outside, *inside], rgba=rgba, segments=16)
        shade = tuple(0.45 * c for c in rgba[:3])
        visible(body, "cylinder", [0.0195, 0.0012], (0, 0, -0.014), rgba=(*shade, 1))

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
    _kind(
        "long bread", _long_bread, mass=0.04, half_height=0.019, grasp_width=0.040, radius=0.056
    ),
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
