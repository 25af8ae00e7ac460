"""Where a camera stands, so that a place in the robot's world is a place in the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A pinhole camera, relative to what a robot reports of its own position.

    frame: the `field.part` (3 wide, metres) that positions are told in. moving: the camera is
    carried along, and `position` (3) is its place less the frame's; otherwise its place in the
    frame's world. `position` is such that a reported position projects to the tool's tip.
    rotation: 9 numbers, rows of the matrix from world axes to the camera's right, down, forward.
    fov: vertical field of view [degrees].
    """

    frame: str
    moving: bool
    position: tuple[float, ...]
    rotation: tuple[float, ...]
    fov: float

    def __post_init__(self) -> None:
        if len(self.position) != 3 or len(self.rotation) != 9:
            raise InputError(
                f"{len(self.position)} and {len(self.rotation)} numbers, expected 3 and 9",
                field="calibration",
            )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """Rebuild from plain JSON values."""
        lists = {n: tuple(data[n]) for n in ("position", "rotation")}
        return cls(**{**data, **lists})


def project(
    camera: Calibration, target: NDArray[Any], present: NDArray[Any], aspect: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where the tool's tip would appear at `target` (B, 3) [m], seen while the robot is at
    `present` (B, 3): (B, 2) x and y, -1 at the left and upper border and 1 at the right and lower
    one; and (B,) whether that is inside the picture. aspect: width over height."""
    away = np.asarray(target, np.float64) - np.asarray(camera.position)
    if camera.moving:
        away = away - present
    right, down, forward = (away @ np.reshape(camera.rotation, (3, 3)).T).T
    depth = np.maximum(forward, 1e-6) * math.tan(math.radians(camera.fov) / 2)
    where = np.stack([right / (depth * aspect), down / depth], axis=-1)
    visible = (forward > 1e-6) & (np.abs(where) <= 1).all(axis=-1)
    return where.clip(-9, 9).astype(np.float32), visible
