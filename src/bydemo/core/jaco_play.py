"""What the CLVR Jaco Play recordings hold, in names and units: one home for the dataset's format
and for the simulated robot, so that a policy from one can be judged on the other.
"""

from __future__ import annotations

from typing import Final

from bydemo.core.fields import Field, Part, Spec

CONTROL_RATE: Final = 10.0
"""[Hz]"""
SPEED_LIMIT: Final = 0.2
"""[m/s] the range of each Cartesian component of an action."""
GRIPPER_LABELS: Final = ("open", "stay", "close")
IMAGE_SIZE: Final = 224

WORKSPACE_LOW: Final = (-0.441, -0.664, 0.157)
WORKSPACE_HIGH: Final = (0.220, -0.252, 0.401)
"""[m] range of the end effector in the real recordings, arm base at the origin."""

OBJECTS: Final = (
    "apple fruit", "orange fruit", "milk dairy", "butter dairy", "long bread", "square bread",
    "steak meat", "burger meat", "black bowl", "gray bowl", "green cup", "yellow cup",
)  # fmt: skip
RECEPTACLES: Final = (
    "sink", "oven", "dish rack", "table", "gray plate", "white plate", "black bowl", "gray bowl",
    "blue bowl",
)  # fmt: skip


def jaco_play_spec(annotation: dict[str, Field] | None = None) -> Spec:
    """The recordings' fields; `annotation` names the privileged truth that only a simulator has."""
    observation = {
        "front_cam": Field.image(IMAGE_SIZE, IMAGE_SIZE, description="third-person camera"),
        "mount_cam": Field.image(IMAGE_SIZE, IMAGE_SIZE, description="camera behind the palm"),
        "ee_position": Field.vector(
            Part(name="position", size=3, unit="m"),
            Part(name="orientation", size=4, unit="quaternion xyzw"),
        ),
        "ee_velocity": Field.vector(
            Part(name="linear", size=3, unit="m/s"),
            Part(name="angular", size=3, unit="rad/s"),
        ),
        "joint_position": Field.vector(
            Part(name="arm", size=6, unit="rad", used=False),
            Part(name="fingers", size=2, unit="rad"),
        ),
    }
    return Spec(
        observation=observation,
        action=Field.vector(
            Part(name="position", size=3, unit="m/s", low=-SPEED_LIMIT, high=SPEED_LIMIT),
            Part(name="gripper", size=1, classes=GRIPPER_LABELS),
        ),
        control_rate=CONTROL_RATE,
        annotation=annotation or {},
    )
