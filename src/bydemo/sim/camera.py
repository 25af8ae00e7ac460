"""The two cameras of the Jaco Play scene, and pictures from them at a known, fast profile.

A profile belongs to the data: pictures drawn under another one look different to a policy, so it
is written into a dataset's metadata and never mixed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

import mujoco
import numpy as np

from bydemo.core.camera import Calibration
from bydemo.core.errors import SimulationError, UnknownNameError
from bydemo.sim.gl import open_context

FRONT, MOUNT = "front", "mount"
PICTURE_SIZE = 224
"""Height and width of a picture [px]."""

FAST_PROFILE: Mapping[str, bool | int] = MappingProxyType(
    {
        "shadow": False,
        "reflection": False,
        "skybox": False,
        "haze": False,
        "multisamples": 0,
        "slices": 14,
        "stacks": 8,
    }
)
"""What is drawn and how finely. MuJoCo's defaults take 20-75 times as long on a processor."""

_RENDER_FLAGS = {
    "shadow": mujoco.mjtRndFlag.mjRND_SHADOW,
    "reflection": mujoco.mjtRndFlag.mjRND_REFLECTION,
    "skybox": mujoco.mjtRndFlag.mjRND_SKYBOX,
    "haze": mujoco.mjtRndFlag.mjRND_HAZE,
}

FRONT_LOOKAT = (-0.138, -0.468, 0.011)
"""What the front camera looks at [m], z above the table top. With `FRONT_DISTANCE` [m],
`FRONT_AZIMUTH` and `FRONT_ELEVATION` [degrees] it is others' estimate of the real camera, in the
terms of MuJoCo's free camera."""
FRONT_DISTANCE = 0.791
FRONT_AZIMUTH = 88.5
FRONT_ELEVATION = -44.8
FRONT_FOVY = 50.0
"""Vertical field of view [degrees]: MuJoCo's default of 45, under which the estimate was presumably
made, and a little more, so that oven and rack are in the picture."""


def free_camera_pose(
    lookat: Sequence[float], distance: float, azimuth: float, elevation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Position (3,) and quaternion (4,) w, x, y, z of a fixed camera that sees what MuJoCo's
    free camera with these terms (metres, degrees) sees.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    forward = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([math.sin(a), -math.cos(a), 0.0])
    quat = _camera_quaternion(forward, np.cross(right, forward))
    return np.asarray(lookat, float) - distance * forward, quat


def _camera_quaternion(forward: np.ndarray, up: np.ndarray) -> np.ndarray:
    """A camera looks along its own -z, with x to the right and y up."""
    quat = np.zeros(4)
    axes = np.stack([np.cross(forward, up), up, -forward], axis=1)
    mujoco.mju_mat2Quat(quat, axes.ravel())
    return quat


def add_front_camera(world: mujoco.MjsBody, table_height: float) -> None:
    """Adds the third-person camera, named `front`."""
    x, y, z = FRONT_LOOKAT
    lookat = (x, y, z + table_height)
    pos, quat = free_camera_pose(lookat, FRONT_DISTANCE, FRONT_AZIMUTH, FRONT_ELEVATION)
    world.add_camera(name=FRONT, pos=pos, quat=quat, fovy=FRONT_FOVY)


MOUNT_POSITION = (0.0, -0.090, -0.030)
"""Where the wrist camera stands in the hand's frame [m]: behind the palm, on the side of the two
fingers, so that what is about to be grasped shows between their tips at the bottom edge."""
MOUNT_TILT = 5.0
"""How far it leans from straight ahead towards the thumb [degrees]."""
MOUNT_FOVY = 66.0
"""Vertical field of view [degrees]. Pose and field are ours: the real ones aren't published."""


def add_mount_camera(hand_body: mujoco.MjsBody) -> None:
    """Adds the wrist camera, named `mount`, to the body of a Kinova 3-finger hand.

    The hand's frame: the fingers point along -z, the thumb stands at +y, two fingers at -y.
    """
    tilt = math.radians(MOUNT_TILT)
    forward = np.array([0.0, math.sin(tilt), -math.cos(tilt)])
    up = np.array([0.0, -math.cos(tilt), -math.sin(tilt)])
    quat = _camera_quaternion(forward, up)
    hand_body.add_camera(name=MOUNT, pos=list(MOUNT_POSITION), quat=quat, fovy=MOUNT_FOVY)


def calibration(
    model: mujoco.MjModel, data: mujoco.MjData, name: str, *,
    frame: str, tip: np.ndarray, reported: np.ndarray, moving: bool,
) -> Calibration:  # fmt: skip
    """Where a camera stands in the present state, nominal (without jitter).

    tip (3,): the tool's tip; reported (3,): what the robot says of its position then, in `frame`.
    """
    camera = data.camera(name)
    right, up, backward = camera.xmat.reshape(3, 3).T
    origin = tip if moving else tip - reported
    return Calibration(
        frame=frame, moving=moving, fov=float(model.camera(name).fovy[0]),
        position=tuple((camera.xpos - origin).tolist()),
        rotation=tuple(np.stack([right, -up, -backward]).ravel().tolist()),
    )  # fmt: skip


def use_fast_profile(spec: mujoco.MjSpec) -> None:
    """Sets what of `FAST_PROFILE` belongs to the model; call it before compiling."""
    spec.visual.quality.offsamples = int(FAST_PROFILE["multisamples"])
    spec.visual.quality.numslices = int(FAST_PROFILE["slices"])
    spec.visual.quality.numstacks = int(FAST_PROFILE["stacks"])
    # distances of clipping planes, in units of the scene's extent, which parked things inflate
    spec.stat.extent, spec.visual.map.znear, spec.visual.map.zfar = 1.0, 0.01, 10.0


def _check_profile(model: mujoco.MjModel) -> None:
    """Pictures of a model compiled without `use_fast_profile` would differ from the profile."""
    quality = model.vis.quality
    for name, value in (
        ("multisamples", quality.offsamples),
        ("slices", quality.numslices),
        ("stacks", quality.numstacks),
    ):
        if value != FAST_PROFILE[name]:
            raise SimulationError(
                f"the model was compiled with {name} = {value}, but the rendering profile has "
                f"{FAST_PROFILE[name]}: call use_fast_profile(spec) before compiling"
            )


class Cameras:
    """Draws named cameras of one model; holds a GL context, so close it or use it as a context.

    Not to be used in a process forked after a picture was drawn: start workers with `spawn`.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        names: Sequence[str] = (FRONT, MOUNT),
        height: int = PICTURE_SIZE,
        width: int = PICTURE_SIZE,
    ) -> None:
        known = [model.camera(i).name for i in range(model.ncam)]
        for name in names:
            if name not in known:
                raise UnknownNameError("camera", name, known)
        self.names = tuple(names)
        self.height, self.width = height, width
        self._model = model
        _check_profile(model)
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self._gl, self._context = open_context(model, width, height)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=max(100, 2 * model.ngeom))
        for name, flag in _RENDER_FLAGS.items():
            self._scene.flags[flag] = int(FAST_PROFILE[name])
        self._option = mujoco.MjvOption()
        self._views = [self._view(name) for name in self.names]
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._closed = False

    def _view(self, name: str) -> mujoco.MjvCamera:
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self._model.camera(name).id
        return view

    def render(self, data: mujoco.MjData) -> dict[str, np.ndarray]:
        """A picture (height, width, 3) uint8 RGB of each camera, top row first.

        Positions are those of the last `mj_forward` or `mj_step`.
        """
        if self._closed:
            raise SimulationError("these cameras are closed")
        self._gl.make_current()
        pictures = {}
        for name, view in zip(self.names, self._views, strict=True):
            mujoco.mjv_updateScene(
                self._model,
                data,
                self._option,
                None,
                view,
                mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )
            mujoco.mjr_render(self._rect, self._scene, self._context)
            pixels = np.empty((self.height, self.width, 3), np.uint8)
            mujoco.mjr_readPixels(pixels, None, self._rect, self._context)
            pictures[name] = np.ascontiguousarray(pixels[::-1])
        return pictures

    def close(self) -> None:
        """Frees the GL context; further calls do nothing."""
        if not self._closed:
            self._closed = True
            self._gl.make_current()  # or the names freed would be those of another context
            self._context.free()
            self._gl.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
