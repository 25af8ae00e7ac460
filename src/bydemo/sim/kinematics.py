"""Damped-least-squares velocity kinematics of one site: Cartesian velocity -> joint velocity.

The site is asked to move with a linear velocity while its orientation is pulled back to a fixed
one. Joint speeds beyond their limit scale the whole command down, so that the direction of travel
is kept (the firmware of the real arm does the same).
"""

from __future__ import annotations

import mujoco
import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

DAMPING = 0.03
"""Damping of the least squares: large enough to stay tame at the edge of reach."""
ORIENTATION_GAIN = 4.0
"""[1/s] pull back to the wanted orientation."""


class VelocityKinematics:
    """Solves `J dq = v` for one site and a chain of hinge joints.

    `joints` are the degree-of-freedom addresses of the chain; `speed_limit` (joints,) [rad/s].
    """

    def __init__(
        self, model: mujoco.MjModel, site: int, joints: npt.NDArray[np.intp], speed_limit: Vector
    ) -> None:
        self._model = model
        self._site = site
        self._joints = joints
        self._speed_limit = speed_limit
        self._jacobian = np.zeros((6, model.nv))

    def jacobian(self, data: mujoco.MjData) -> Vector:
        """(6, joints): linear rows first, in world axes."""
        mujoco.mj_jacSite(self._model, data, self._jacobian[:3], self._jacobian[3:], self._site)
        return self._jacobian[:, self._joints]

    def solve(self, data: mujoco.MjData, velocity: Vector, orientation: Vector) -> Vector:
        """Joint speeds [rad/s] for a linear `velocity` (3,) [m/s] at `orientation` (3, 3)."""
        jacobian = self.jacobian(data)
        twist = np.empty(6)
        twist[:3] = velocity
        current = data.site_xmat[self._site].reshape(3, 3)
        twist[3:] = ORIENTATION_GAIN * rotation_error(current, orientation)
        gram = jacobian @ jacobian.T
        gram[np.diag_indices(6)] += DAMPING**2
        speed: Vector = jacobian.T @ np.linalg.solve(gram, twist)
        return speed / max(1.0, float(np.max(np.abs(speed) / self._speed_limit)))

    def place(
        self, data: mujoco.MjData, position: Vector, orientation: Vector, rounds: int = 100
    ) -> float:
        """Sets joint positions in `data` so that the site is at the pose; the distance left [m]."""
        addresses = self._joints  # the chain starts the state vector, qpos and qvel agree
        error = np.zeros(6)
        for _ in range(rounds):
            mujoco.mj_kinematics(self._model, data)
            mujoco.mj_comPos(self._model, data)
            error[:3] = position - data.site_xpos[self._site]
            error[3:] = rotation_error(data.site_xmat[self._site].reshape(3, 3), orientation)
            if np.linalg.norm(error) < 1e-5:
                break
            jacobian = self.jacobian(data)
            gram = jacobian @ jacobian.T
            gram[np.diag_indices(6)] += 1e-4
            data.qpos[addresses] += np.clip(jacobian.T @ np.linalg.solve(gram, error), -0.2, 0.2)
        return float(np.linalg.norm(error[:3]))


def rotation_error(current: Vector, wanted: Vector) -> Vector:
    """World-axis rotation vector (3,) [rad, small angles] that turns `current` into `wanted`."""
    turn = wanted @ current.T
    return 0.5 * np.array(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
