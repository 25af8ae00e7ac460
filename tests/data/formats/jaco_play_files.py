"""Writes tiny recordings in Jaco Play's raw layout, independently of the code under test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

H5, CSV = "all_play_data_diverse.h5", "transition_df.csv"
ARRAYS = ("front_cam_ob", "mount_cam_ob", "ee_cartesian_pos_ob", "ee_cartesian_vel_ob",
          "joint_pos_ob", "actions", "terminals", "reward")  # fmt: skip


def write_raw(path: Path, lengths: Sequence[int], **changed: Any) -> dict[str, Any]:
    """Write HDF5 and CSV; `changed` replaces arrays, None leaves a key out. Returns the arrays."""
    steps = sum(lengths)
    rng = np.random.Generator(np.random.Philox(key=[5, steps]))
    ends = np.zeros(steps, np.float32)
    ends[np.cumsum(lengths) - 1] = 1
    actions = rng.choice(np.float32([-0.2, 0, 0.2]), (steps, 4))
    actions[:, 3] = rng.integers(0, 3, steps)
    arrays: dict[str, Any] = {
        "front_cam_ob": rng.integers(0, 256, (steps, 224, 224, 3), np.uint8),
        "mount_cam_ob": rng.integers(0, 256, (steps, 224, 224, 3), np.uint8),
        "ee_cartesian_pos_ob": rng.standard_normal((steps, 7), np.float32),
        "ee_cartesian_vel_ob": rng.standard_normal((steps, 6), np.float32),
        "joint_pos_ob": rng.standard_normal((steps, 8), np.float32),
        "actions": actions,
        "terminals": ends,
        "reward": ends.copy(),
        "prompts": np.repeat([f"place the thing {i} in the sink" for i in range(len(lengths))],
                             lengths).tolist(),
    } | changed  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    with h5py.File(path / H5, "w") as file:
        for key, values in arrays.items():
            if key == "prompts" and isinstance(values, list):
                file.create_dataset(key, data=values, dtype=h5py.string_dtype())
            elif values is not None:
                file[key] = values
    write_table(path, lengths)
    return arrays


def write_table(path: Path, lengths: Sequence[int], ids: Sequence[int] = ()) -> None:
    """The CSV of episodes that lie one behind the other."""
    lines, row = [",episode,step,terminal,episode_length"], 0
    for number, length in zip(ids or range(len(lengths)), lengths, strict=True):
        for step in range(length):
            lines.append(f"{row},{number},{step},{int(step == length - 1)},{length}")
            row += 1
    (path / CSV).write_text("\n".join(lines) + "\n")
