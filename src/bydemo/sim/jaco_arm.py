"""The Kinova Jaco 2 arm and its three-finger hand: model, control law and proprioception.

Meshes and inertias come from `dm_control`'s Kinova models. The control law is the one of the Jaco
Play data: a Cartesian velocity of the tool with the tool held pointing down, and a gripper label.
World frame: arm base at the origin, workspace at negative y, z up, table top at z = 0.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import mujoco
import numpy as np

from bydemo.core.errors import SimulationError
from bydemo.sim.kinematics import Vector, VelocityKinematics

CONTROL_RATE: Final = 10
"""[Hz] as in the Jaco Play data."""
PHYSICS_STEP: Final = 0.004
SUBSTEPS: Final = 25
SOLVES: Final = 5
"""Kinematics is solved this many times a control step, so that straight stays straight."""

SPEED_LIMIT: Final = 0.2
"""[m/s] each Cartesian component of an action is clipped to this."""
JOINT_SPEED_LIMIT: Final = np.array([0.63, 0.63, 0.63, 0.84, 0.84, 0.84])
"""[rad/s] 36 and 48 degrees/s, Kinova's firmware limits (Jaco 2 user guide)."""
ARMATURE: Final = (1.0, 0.4)
"""[kg m^2] a quarter of dm_control's placeholder: with the whole of it the torque limits take
0.25 s to reach full speed, and the tool swings; without friction loss, which no servo shows."""

OPEN, STAY, CLOSE = 0, 1, 2
FINGER_STEP: Final = 0.10
"""[rad] one label moves the finger targets this far: eight steps from open to closed
on nothing, about six to grip a toy."""
FINGER_SQUEEZE: Final = 0.12
"""[rad] the target never runs further than this ahead of a blocked finger."""
FINGER_LIGHT: Final = 0.02
"""[rad] a grip that still holds a toy: what the first 'open' leaves of a squeeze."""
FINGER_PUSH: Final = 0.04
"""[rad] a stopped finger whose target is this far ahead pushes."""
FINGER_STOPPED: Final = 0.3
"""[rad/s] slower than this a finger that pushes is held up by something."""
FINGER_STILL: Final = 0.05
"""[rad/s] slower than this a finger has come to its end."""
FINGER_RANGE: Final = (0.60, 1.35)
"""[rad] what the gripper labels use of the joints' 0.15..1.35: open, the fingertips stand 0.10 m
apart; wider they would only knock over what stands beside the object."""
FINGER_CLOSED: Final = 1.36
"""[rad] what the real hand reports closed on nothing; reports are scaled to 0..this."""
FINGER_SHARE: Final = (1.0, 0.54, 0.54)
"""The thumb works against two fingers: whatever makes it strong, quick or heavy, each of them has
about half of it, or the pair would push the object away, and shove it when the hand opens."""
FINGER_GAIN, FINGER_FORCE = 40.0, 1.6
"""[N m/rad] and [N m] of the thumb: about 20 N at the tip, the datasheet's 25 N grip."""
FINGER_SERVO_DAMPING, FINGER_DAMPING, FINGER_ARMATURE = 0.6, 0.2, 0.1

HOME: Final = np.array([-1.486, 3.498, 1.374, 3.470, -1.195, -2.729])
"""[rad] tool down over the middle of the workspace."""
TOOL_DOWN: Final = np.diag([1.0, -1.0, -1.0])
"""(3, 3) orientation of the pinch: thumb on the +x side, approach along -z."""
TOOL_OFFSET: Final = 0.15
"""[m] the reported position lies this far above the pinch, inside the palm: with it the range of
z over a table at z = 0 is the one of the real data (0.157..0.401 m)."""
REPORT_YAW: Final = np.deg2rad(162.0)
REPORT_FRAME: Final = np.array([0.0, -np.cos(REPORT_YAW / 2), np.sin(REPORT_YAW / 2), 0.0])
"""Quaternion (w, x, y, z) from the pinch site to the reported frame (z up, turned by
`REPORT_YAW` about it), so that tool-down reads qz = 0.988, the middle of the real 0.977..0.998."""

ARM_JOINTS: Final = tuple(f"joint_{i}" for i in range(1, 7))
FINGER_JOINTS: Final = tuple(f"hand/finger_{i}" for i in range(1, 4))
PINCH: Final = "hand/pinch"
"""Ours: midway between thumb and both fingers (the model's own site lies 15 mm aside)."""
HAND_BODY: Final = "hand/hand"


def arm_spec() -> mujoco.MjSpec:
    """The arm with its hand and actuators, ready to be given a kitchen and compiled."""
    folder = _kinova_folder()
    spec = mujoco.MjSpec.from_file(str(folder / "jaco_arm.xml"))
    hand = mujoco.MjSpec.from_file(str(folder / "jaco_hand.xml"))
    spec.attach(hand, site=spec.site("wristsite"), prefix="hand/")
    spec.modelname = "jaco"
    hand_body, grip = spec.body(HAND_BODY), spec.site("hand/pinchsite")
    hand_body.add_site(name=PINCH, pos=[0.0, grip.pos[1], grip.pos[2]], quat=grip.quat, group=4)
    option = spec.option
    option.timestep = PHYSICS_STEP
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    for body in spec.bodies:
        body.gravcomp = 1.0  # the real controller compensates gravity; velocity servos do not
    for geom in spec.geoms:
        _set_contact(geom)
    for i, name in enumerate(ARM_JOINTS):
        joint = spec.joint(name)
        joint.armature, joint.frictionloss = ARMATURE[0 if i < 3 else 1], 0.0
    for i, name in enumerate(ARM_JOINTS):
        limit, torque = JOINT_SPEED_LIMIT[i], (30.5 if i < 3 else 6.8)
        actuator = spec.add_actuator(name=name, target=name)
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.set_to_velocity(kv=500.0)
        actuator.ctrllimited, actuator.ctrlrange = 1, [-limit, limit]
        actuator.forcelimited, actuator.forcerange = 1, [-torque, torque]
    for name, share in zip(FINGER_JOINTS, FINGER_SHARE, strict=True):
        joint = spec.joint(name)
        joint.damping = [share * FINGER_DAMPING, 0, 0]
        joint.armature, joint.frictionloss = share * FINGER_ARMATURE, share * 0.1
        actuator = spec.add_actuator(name=name, target=name)
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.set_to_position(kp=share * FINGER_GAIN, kv=share * FINGER_SERVO_DAMPING)
        force = share * FINGER_FORCE
        actuator.forcelimited, actuator.forcerange = 1, [-force, force]
    return spec


def _set_contact(geom: mujoco.MjsGeom) -> None:
    """Fingers and palm touch the world; the links behind them never reach it."""
    touching = geom.name.startswith(("hand/finger", "hand/link_6_main"))
    geom.contype, geom.conaffinity = (2, 1) if touching else (0, 0)
    if geom.name.startswith("hand/finger"):
        geom.condim = 6
        geom.friction = [2.0, 0.02, 0.001]
        geom.priority = 1


def _kinova_folder() -> Path:
    found = importlib.util.find_spec("dm_control")  # its import would start a GL context
    if found is None or found.origin is None:
        raise SimulationError("the arm's meshes are missing: install dm_control")
    return Path(found.origin).parent / "third_party" / "kinova"


class JacoArm:
    """Drives and reads the arm inside one model and its data."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._model, self._data = model, data
        self.pinch = model.site(PINCH).id
        self.hand = model.body(HAND_BODY).id
        self.finger_bodies = frozenset(
            i for i in range(model.nbody) if model.body(i).name.startswith("hand/b_finger")
        )
        joints = [model.joint(name).id for name in ARM_JOINTS]
        fingers = [model.joint(name).id for name in FINGER_JOINTS]
        self._arm_dof = model.jnt_dofadr[joints]
        self._arm_qpos = model.jnt_qposadr[joints]
        self._finger_dof = model.jnt_dofadr[fingers]
        self._finger_qpos = model.jnt_qposadr[fingers]
        self._arm_ctrl = np.array([model.actuator(name).id for name in ARM_JOINTS])
        self._finger_ctrl = np.array([model.actuator(name).id for name in FINGER_JOINTS])
        self._kinematics = VelocityKinematics(model, self.pinch, self._arm_dof, JOINT_SPEED_LIMIT)
        self._jacobian = np.zeros((6, model.nv))

    def reset(self, position: Vector, closure: float = 0.0) -> float:
        """Puts the pinch at `position`, tool down; `closure` from 0 (open) to 1.

        Returns the distance left [m], which is not small if the place is out of reach.
        """
        finger = FINGER_RANGE[0] + closure * (FINGER_RANGE[1] - FINGER_RANGE[0])
        self._data.qpos[self._arm_qpos] = HOME
        missed = self._kinematics.place(self._data, position, TOOL_DOWN)
        self._data.qpos[self._finger_qpos] = finger
        self._data.ctrl[self._arm_ctrl] = 0.0
        self._data.ctrl[self._finger_ctrl] = finger
        return missed

    def move_fingers(self, label: int) -> None:
        """Shifts the finger targets by one label's step."""
        if label == STAY:
            return
        here = self._data.qpos[self._finger_qpos]
        target = self._data.ctrl[self._finger_ctrl]
        if label == CLOSE:
            target = np.minimum(target + FINGER_STEP, here + FINGER_SQUEEZE)
        elif np.any(target - here > FINGER_PUSH):  # first ease the grip, of all fingers alike
            target = np.minimum(target, here + FINGER_LIGHT)
        else:
            target = np.minimum(target, here) - FINGER_STEP
        self._data.ctrl[self._finger_ctrl] = np.clip(target, *FINGER_RANGE)

    def drive(self, velocity: Vector) -> None:
        """Sets joint speeds for a linear velocity (3,) [m/s] of the pinch at the present pose."""
        self._data.ctrl[self._arm_ctrl] = self._kinematics.solve(self._data, velocity, TOOL_DOWN)

    def pinch_position(self) -> Vector:
        """(3,) [m] where the closed fingertips meet."""
        return np.array(self._data.site_xpos[self.pinch])

    def fingers(self) -> Vector:
        """(3,) [rad] joint angles, thumb first, scaled to 0 (open) .. 1.36 (closed on nothing)."""
        low, high = FINGER_RANGE
        travel: Vector = (self._data.qpos[self._finger_qpos] - low) / (high - low)
        return travel * FINGER_CLOSED

    def squeezing(self) -> bool:
        """Thumb and at least one finger push, and are stopped, by something between them."""
        lead = self._data.ctrl[self._finger_ctrl] - self._data.qpos[self._finger_qpos]
        stopped = np.abs(self._data.qvel[self._finger_dof]) < FINGER_STOPPED
        pushing = (lead > FINGER_PUSH) & stopped
        return bool(pushing[0] and pushing[1:].any())

    def stalled(self) -> bool:
        """No finger moves."""
        return bool((np.abs(self._data.qvel[self._finger_dof]) < FINGER_STILL).all())

    def exhausted(self) -> bool:
        """No finger moves, and the thumb cannot close any further."""
        at_end = self._data.qpos[self._finger_qpos[0]] > FINGER_RANGE[1] - FINGER_PUSH
        return bool(at_end) and self.stalled()

    def proprioception(self) -> dict[str, np.ndarray]:
        """Everything observed but the images, float32, in the Jaco Play layout."""
        pose, orientation = np.empty(7), np.empty(4)
        mujoco.mju_mat2Quat(orientation, self._data.site_xmat[self.pinch])
        mujoco.mju_mulQuat(orientation, orientation, REPORT_FRAME)
        orientation *= -1.0 if orientation[3] < 0 else 1.0  # one of the two signs: qz > 0
        pose[:3] = self.pinch_position()
        pose[2] += TOOL_OFFSET
        pose[3:] = orientation[[1, 2, 3, 0]]
        mujoco.mj_jacSite(
            self._model, self._data, self._jacobian[:3], self._jacobian[3:], self.pinch
        )
        joints = np.empty(8)
        joints[:6] = self._data.qpos[self._arm_qpos]
        joints[6:] = self.fingers()[:2]
        return {
            "ee_position": pose.astype(np.float32),
            "ee_velocity": (self._jacobian @ self._data.qvel).astype(np.float32),
            "joint_position": joints.astype(np.float32),
        }
