"""What MuJoCo says against the physics of an episode."""

from __future__ import annotations

import mujoco


def warning_count(data: mujoco.MjData) -> int:
    """Warnings since the last reset of `data`: a world that diverged resets itself silently, and a
    control that is no number is only counted."""
    return sum(int(data.warning[i].number) for i in range(len(data.warning)))
