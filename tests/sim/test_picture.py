import numpy as np
import pytest

from bydemo.core.errors import SimulationError
from bydemo.sim.gl import probe_gl
from bydemo.sim.tasks.gym import Config as Any
from bydemo.sim.tasks.pusher import Config as Pusher

pytestmark = pytest.mark.skipif(probe_gl().backend is None, reason=probe_gl().explain())


def test_a_picture_shows_the_present_state() -> None:
    task = Pusher().build()
    task.reset(seed=0)
    first = task.render()
    assert (first.shape, first.dtype) == ((240, 320, 3), np.uint8)
    red = (first[..., 0] > 150) & (first[..., 1:] < 50).all(-1)
    assert 100 < red.sum() < 5000  # the goal
    np.testing.assert_array_equal(task.render(), first)
    for _ in range(10):
        task.step(np.full(7, 2.0, np.float32))
    assert np.any(task.render() != first)
    task.close()


def test_two_tasks_of_one_process_do_not_draw_into_each_other() -> None:
    one, two = Pusher().build(), Any(environment="Reacher-v5").build()
    one.reset(seed=0)
    two.reset(seed=0)
    first = one.render(), two.render()
    np.testing.assert_array_equal(one.render(), first[0])
    np.testing.assert_array_equal(two.render(), first[1])
    two.close()
    np.testing.assert_array_equal(one.render(), first[0])
    one.close()


def test_drawing_changes_nothing_and_a_closed_task_frees_its_renderer() -> None:
    drawn, blind = Pusher().build(), Pusher().build()
    for task in (drawn, blind):
        task.reset(seed=0)
    for _ in range(5):
        action = np.ones(7, np.float32)
        drawn.render()
        a, b = drawn.step(action)[0], blind.step(action)[0]
        np.testing.assert_array_equal(a["observation"], b["observation"])
    picture = drawn._picture
    drawn.close()
    drawn.close()
    assert picture is not None
    with pytest.raises(SimulationError, match="the renderer is closed"):
        picture.draw()
