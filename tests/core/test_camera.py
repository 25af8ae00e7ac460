"""A pinhole camera seen from known places."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from bydemo.core.camera import Calibration, project
from bydemo.core.errors import InputError

DOWN = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
"""Looks straight down with x to the right and y up in the picture."""


def above(moving: bool = False) -> Calibration:
    return Calibration(
        frame="pose.position", moving=moving, position=(0.0, 0.0, 1.0), rotation=DOWN, fov=90.0
    )


def test_a_place_under_the_camera_is_in_the_middle() -> None:
    where, visible = project(above(), np.zeros((1, 3)), np.zeros((1, 3)))
    np.testing.assert_allclose(where, [[0, 0]], atol=1e-7)
    assert visible.tolist() == [True]


def test_ninety_degrees_show_as_far_as_the_camera_is_high() -> None:
    target = np.array([[0.5, 0.25, 0.0], [0.99, -0.99, 0.0], [1.1, 0.0, 0.0]])
    where, visible = project(above(), target, np.zeros((3, 3)))
    np.testing.assert_allclose(where, [[0.5, -0.25], [0.99, 0.99], [1.1, 0]], atol=1e-6)
    assert visible.tolist() == [True, True, False]


def test_a_moving_camera_sees_the_way_not_the_place() -> None:
    now = np.array([[3.0, 2.0, 0.5]])
    where, _ = project(above(moving=True), now + np.array([[0.5, 0.0, 0.0]]), now)
    np.testing.assert_allclose(where, [[0.5, 0]], atol=1e-6)


def test_what_is_behind_is_not_visible() -> None:
    _, visible = project(above(), np.array([[0.0, 0.0, 2.0]]), np.zeros((1, 3)))
    assert not visible.any()


def test_json_round_trip() -> None:
    assert Calibration.from_json(json.loads(json.dumps(asdict(above())))) == above()


def test_a_rotation_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="3 and 4 numbers, expected 3 and 9"):
        Calibration(frame="a.b", moving=False, position=(0, 0, 0), rotation=(1, 0, 0, 0), fov=45)
