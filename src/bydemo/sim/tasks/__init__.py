"""The tasks: one file each, the file's name is the task's name."""

from __future__ import annotations

from typing import Any

import gymnasium

from bydemo.core.config import from_plain, load_leaf, names_in
from bydemo.sim.task import Task


def task_names() -> list[str]:
    """Every task, found by listing this folder."""
    return names_in(__name__)


def task_config(name: str, **fields: Any) -> Any:
    """The task's frozen `Config` with some fields changed; unknown names are answered by near ones.

    Its `build()` gives the `Task`.
    """
    leaf = load_leaf(__name__, "task", name)
    return from_plain(leaf.Config, fields, where=name)


def make_task(name: str, **fields: Any) -> Task:
    """Builds a task by name."""
    task: Task = task_config(name, **fields).build()
    return task


def environment_id(name: str) -> str:
    """The Gymnasium id of a task: `jaco_pick_place` -> `bydemo/JacoPickPlace-v0`."""
    return f"bydemo/{''.join(word.capitalize() for word in name.split('_'))}-v0"


def register_tasks() -> None:
    """Tells Gymnasium about every task; each is imported when it is first made."""
    for name in task_names():
        if environment_id(name) not in gymnasium.registry:
            gymnasium.register(
                id=environment_id(name),
                entry_point=f"{__name__}:make_task",
                kwargs={"name": name},
                order_enforce=False,
                disable_env_checker=True,
            )
