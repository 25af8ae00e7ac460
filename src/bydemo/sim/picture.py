"""A picture of a MuJoCo world seen by a free camera, for watching: no policy looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import SimulationError
from bydemo.sim.gl import open_context

HEIGHT: Final = 240
WIDTH: Final = 320
"""Of a picture [pixels]."""
_AMBIENT = 0.3
"""Light from everywhere, where a model has less: its default of 0.1 leaves a table black."""
_NOT_DRAWN = (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION)
"""They take most of the time without a graphics card."""


class Picture:
    """Draws `data` whenever asked; holds a GL context, so close it.

    view: settings of MuJoCo's free camera by name (distance [m], azimuth and elevation [degrees],
    lookat (3,) [m], trackbodyid); the whole model is in sight without any.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, view: Mapping[str, Any] | None = None
    ) -> None:
        self._model, self._data = model, data
        model.vis.global_.offwidth, model.vis.global_.offheight = WIDTH, HEIGHT
        model.vis.headlight.ambient[:] = np.maximum(model.vis.headlight.ambient, _AMBIENT)
        self._gl, self._context = open_context(model, WIDTH, HEIGHT)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=max(100, 2 * model.ngeom))
        for flag in _NOT_DRAWN:
            self._scene.flags[flag] = 0
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(model, self._camera)
        for name, value in (view or {}).items():
            if name == "trackbodyid" and value >= 0:
                self._camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            if name == "lookat":
                self._camera.lookat[:] = value
            else:
                setattr(self._camera, name, value)
        self._rect = mujoco.MjrRect(0, 0, WIDTH, HEIGHT)
        self._closed = False

    def draw(self) -> NDArray[np.uint8]:
        """(240, 320, 3) RGB, top row first, of the state as of the last step."""
        if self._closed:
            raise SimulationError("the renderer is closed")
        self._gl.make_current()  # another task of this process may have drawn in between
        every = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._camera, every, self._scene
        )
        mujoco.mjr_render(self._rect, self._scene, self._context)
        pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._rect, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def close(self) -> None:
        """Frees the GL context; further calls do nothing."""
        if not self._closed:
            self._closed = True
            self._gl.make_current()  # or the names freed would be those of another context
            self._context.free()
            self._gl.free()
