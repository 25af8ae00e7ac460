import numpy as np
import pytest

from bydemo.sim.pendulum_expert import PendulumExpert


@pytest.mark.parametrize(("angle", "force"), [(0.0, 0.0), (0.01, 0.12), (1.0, 3.0), (-1.0, -3.0)])
def test_the_cart_is_pushed_under_the_pole(angle: float, force: float) -> None:
    action = PendulumExpert().act({"observation": np.array([0.0, angle, 0.0, 0.0])})
    assert (action.shape, action.dtype) == ((1,), np.float32)
    assert action[0] == pytest.approx(force)
