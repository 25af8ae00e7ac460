"""Colours, light and camera poses of an episode: small random changes of one compiled model."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from bydemo.sim.pick_place_layout import Randomisation

_FIELDS = (
    "geom_rgba", "light_diffuse", "light_dir", "cam_pos", "cam_quat",
)  # fmt: skip


class Look:
    """Keeps the model's nominal look and draws a new one from it each episode."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._nominal = {name: getattr(model, name).copy() for name in _FIELDS}
        self._ambient = np.array(model.vis.headlight.ambient)

    def draw(self, rng: np.random.Generator, amount: Randomisation) -> None:
        """Changes the model in place; draws equally often whatever the amounts."""
        model = self._model
        for name, value in self._nominal.items():
            getattr(model, name)[:] = value
        tint = 1.0 + amount.colour * rng.uniform(-1, 1, (model.nbody, 3))
        tint *= 1.0 + 2.0 * amount.colour * rng.uniform(-1, 1, (model.nbody, 1))
        tint[self._robot_bodies()] = 1.0
        model.geom_rgba[:, :3] = (model.geom_rgba[:, :3] * tint[model.geom_bodyid]).clip(0, 1)
        model.light_diffuse[:] *= 1.0 + amount.light * rng.uniform(-1, 1)
        model.light_dir[:] += amount.light_direction * rng.uniform(-1, 1, model.light_dir.shape)
        model.light_dir[:] /= np.linalg.norm(model.light_dir, axis=1, keepdims=True)
        ambient = self._ambient * (1.0 + 0.5 * amount.light * rng.uniform(-1, 1))
        model.vis.headlight.ambient[:] = ambient
        model.cam_pos[:] += amount.camera_position * rng.uniform(-1, 1, model.cam_pos.shape)
        for camera in range(model.ncam):
            turn = math.radians(amount.camera_angle) * rng.uniform(-1, 1, 3)
            mujoco.mju_quatIntegrate(model.cam_quat[camera], turn, 1.0)

    def camera_position(self, name: str) -> np.ndarray:
        """(3,) [m] nominal, in the frame of the body that carries the camera."""
        return np.array(self._nominal["cam_pos"][self._model.camera(name).id])

    def _robot_bodies(self) -> list[int]:
        names = [self._model.body(i).name for i in range(self._model.nbody)]
        return [i for i, n in enumerate(names) if n.startswith(("hand/", "b_"))]
