"""What the numbers of Gymnasium's Pusher (v4 and v5 alike) mean: one home for recordings of it and
for the task, so that a policy from one can be judged on the other.
"""

from __future__ import annotations

from typing import Final

from bydemo.core.fields import Field, Part

ENVIRONMENT: Final = "Pusher-v5"
TORQUE_LIMIT: Final = 2.0
"""[N m] what the environment's action space allows; beyond it the physics clips, but the reward
charges the unclipped action."""
REACHED: Final = 0.1
"""[m] the object is at the goal when its centre is nearer than this."""

OBSERVATION: Final = Field.vector(
    Part(name="joint_position", size=7, unit="rad"),
    Part(name="joint_velocity", size=7, unit="rad/s"),
    Part(name="fingertip", size=3, unit="m"),
    Part(name="object", size=3, unit="m"),
    Part(name="goal", size=3, unit="m"),
    dtype="float64",
)
ACTION: Final = Field.vector(
    Part(name="torque", size=7, unit="N m", low=-TORQUE_LIMIT, high=TORQUE_LIMIT)
)
