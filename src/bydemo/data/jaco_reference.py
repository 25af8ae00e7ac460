"""The real CLVR Jaco Play recordings in published figures, to hold a dataset of that kind against.

The figures were measured on all 1,085 real episodes (77,965 steps, 10 Hz; CC-BY-4.0), those of
the reference subset on its 630 episodes of less than 75 steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from bydemo.core.errors import MismatchError
from bydemo.core.fields import check_match
from bydemo.core.jaco_play import SPEED_LIMIT, WORKSPACE_HIGH, WORKSPACE_LOW, jaco_play_spec
from bydemo.data.source import Dataset

EPISODES: Final = 1085
STEPS: Final = 77_965
SHORT_EPISODES: Final = 630
"""Of less than 75 steps."""
SUBSET_LENGTH: Final = {"mean": 59.23, "std": 10.99, "low": 22.0, "high": 74.0}
"""[steps] of the 630 episodes of less than 75 steps."""
ACTION_MEAN: Final = (0.0010, -0.0058, -0.0040)
ACTION_STD: Final = (0.1224, 0.0968, 0.1116)
"""[m/s] of the three Cartesian components."""
GRIPPER_SHARES: Final = {"open": 0.12, "stay": 0.75, "close": 0.13}
"""About; published to two digits."""
POSITION_MEAN: Final = (-0.080, -0.428, 0.267)
"""[m] of the end effector."""
HEADING: Final = (0.977, 0.998)
"""Range of the quaternion's z: the orientation is nearly fixed."""
GREY: Final = {"front_cam": (0.4506, 0.2188), "mount_cam": (0.4942, 0.1971)}
"""Mean and std of the grey levels, 0-1."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure of the real recordings beside the same figure here."""

    quantity: str
    component: str
    unit: str
    published: float
    measured: float


def compare_with_jaco_play(dataset: Dataset, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """`figures`: published beside measured ones; `commands`: the measured modes of the commands.

    None unless the dataset has Jaco Play's fields. `facts` are those of `survey_dataset`.
    """
    try:
        check_match(dataset.spec, jaco_play_spec(), ours_name="this", theirs_name="Jaco Play")
    except MismatchError:
        return None
    values = {(v["array"], v["part"], v["component"]): v for v in facts["values"]}
    command = jaco_play_spec().action.parts[0].name
    rows = _lengths(dataset)
    for axis, name in enumerate("xyz"):
        found = values["action", command, f"{command} {name}"]
        rows.append(_row("action mean", name, "m/s", ACTION_MEAN[axis], found["mean"]))
        rows.append(_row("action std", name, "m/s", ACTION_STD[axis], found["std"]))
    for axis, name in enumerate("xyz"):
        found = values["observation.ee_position", "position", f"position {name}"]
        rows.append(_row("position mean", name, "m", POSITION_MEAN[axis], found["mean"]))
        rows.append(_row("position low", name, "m", WORKSPACE_LOW[axis], found["low"]))
        rows.append(_row("position high", name, "m", WORKSPACE_HIGH[axis], found["high"]))
    found = values["observation.ee_position", "orientation", "orientation z"]
    rows.append(_row("orientation low", "qz", "", HEADING[0], found["low"]))
    rows.append(_row("orientation high", "qz", "", HEADING[1], found["high"]))
    for label in facts["labels"]:
        if (label["array"], label["part"]) == ("action", "gripper"):
            shares = zip(label["classes"], label["shares"], strict=True)
            rows += [_row("gripper share", c, "", GRIPPER_SHARES[c], s) for c, s in shares]
    for camera in facts["cameras"]:
        mean, std = GREY[camera["camera"]]
        rows.append(_row("grey mean", camera["camera"], "", mean, camera["grey_mean"]))
        rows.append(_row("grey std", camera["camera"], "", std, camera["grey_std"]))
    return {"figures": [asdict(r) for r in rows], "commands": command_modes(dataset)}


def command_modes(dataset: Dataset) -> list[dict[str, Any]]:
    """Per Cartesian component: the shares of commands next to zero, near a limit, and between.

    The real commands have three modes, a spike at 0 and lobes at both limits; their shares were
    not published.
    """
    speed = np.abs(dataset.action[: dataset.steps, :3].astype(np.float64))
    spike, lobe = speed <= 0.1 * SPEED_LIMIT, speed >= 0.75 * SPEED_LIMIT
    return [
        {
            "component": name,
            "next_to_zero": float(spike[:, i].mean()),
            "near_a_limit": float(lobe[:, i].mean()),
            "between": float((~spike & ~lobe)[:, i].mean()),
        }
        for i, name in enumerate("xyz")
    ]


def _lengths(dataset: Dataset) -> list[Comparison]:
    """All episodes' mean length, and the lengths of those of less than 75 steps."""
    lengths = dataset.lengths.astype(np.float64)
    rows = [_row("length mean", "all episodes", "steps", STEPS / EPISODES, float(lengths.mean()))]
    short = lengths[lengths < 75]
    share = len(short) / len(lengths)
    rows.append(_row("episodes under 75 steps", "share", "", SHORT_EPISODES / EPISODES, share))
    if len(short):
        here = {"mean": short.mean(), "std": short.std(), "low": short.min(), "high": short.max()}
        rows += [
            _row(f"length {n}", "under 75 steps", "steps", SUBSET_LENGTH[n], float(v))
            for n, v in here.items()
        ]
    return rows


def _row(quantity: str, component: str, unit: str, published: float, measured: float) -> Comparison:
    return Comparison(
        quantity=quantity, component=component, unit=unit, published=published, measured=measured
    )
