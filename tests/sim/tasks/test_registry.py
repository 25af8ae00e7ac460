import subprocess
import sys

import gymnasium
import pytest

from bydemo.core.errors import UnknownNameError
from bydemo.sim.tasks import environment_id, make_task, register_tasks, task_config, task_names


def test_tasks_are_found_by_listing_the_folder() -> None:
    assert "jaco_pick_place" in task_names()
    assert environment_id("jaco_pick_place") == "bydemo/JacoPickPlace-v0"


def test_a_typo_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"no task named 'jaco_pik_place'.*Did you mean"):
        make_task("jaco_pik_place")
    with pytest.raises(UnknownNameError, match=r"field of jaco_pick_place.*'template'"):
        task_config("jaco_pick_place", tempalte="pick")


def test_gymnasium_makes_a_registered_task() -> None:
    register_tasks()
    register_tasks()
    environment = gymnasium.make("bydemo/JacoPickPlace-v0", pictures=False)
    observation, _ = environment.reset(seed=0)
    assert environment.observation_space.contains(observation)
    environment.close()


def test_torch_is_not_imported() -> None:
    code = (
        "import sys; from bydemo.sim.tasks import make_task; "
        "make_task('jaco_pick_place', pictures=False); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
