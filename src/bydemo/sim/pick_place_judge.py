"""Whether a pick or a place succeeded, and if not, why: physics alone decides.

The judge looks once a control step and remembers only what it needs to name a failure.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from bydemo.sim import kitchen
from bydemo.sim.jaco_arm import JacoArm
from bydemo.sim.pick_place_layout import Layout

LIFTED = 0.06
"""[m] over its rest: the object counts as picked up."""
HOLD_STEPS, REST_STEPS = 3, 5
"""Control steps for which a pick must hold, and a place must rest."""
REACHED = 0.05
"""[m] the pinch came this near to the object's centre."""
NEAR_GOAL = 0.06
"""[m] sideways: the held object came this near to where it belongs."""
RELEASED = 0.35
"""[rad] mean finger joint: the hand has opened, and not just lost its grip."""
STILL = 0.03
"""[m/s] slower than this an object rests."""


class PickPlaceJudge:
    """Watches one episode."""

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, arm: JacoArm, layout: Layout
    ) -> None:
        self._model, self._data, self._arm, self._layout = model, data, arm, layout
        watched = {layout.target, *layout.objects}
        self._bodies = {n: model.body(kitchen.object_body(n)).id for n in sorted(watched)}
        self._rest = {n: float(data.xpos[b][2]) for n, b in self._bodies.items()}
        self._held_steps = 0
        self._placed_steps = 0
        self._reached = layout.template == "place"
        self._lifted = layout.template == "place"
        self._wrong_object = False
        self._near_goal = False
        self._let_go = False
        self.touching: frozenset[str] = frozenset()
        self.watch(opening=False)

    def watch(self, *, opening: bool) -> None:
        """Looks at the present state; `opening`: this step's gripper label was 'open'."""
        was_held = self._layout.target in self.touching
        self.touching = self._touched()
        target = self._layout.target
        here = self._data.xpos[self._bodies[target]]
        held = target in self.touching
        high = here[2] > self._rest[target] + LIFTED
        self._held_steps = self._held_steps + 1 if held and high else 0
        self._lifted |= held and here[2] > self._rest[target] + LIFTED / 2
        self._reached |= bool(np.linalg.norm(here - self._arm.pinch_position()) < REACHED)
        for name in self.touching - {target}:
            raised = self._data.xpos[self._bodies[name]][2] - self._rest[name]
            self._wrong_object |= bool(raised > LIFTED)
        if self._layout.receptacle is not None:
            aside = here - kitchen.drop_point(self._model, self._layout.receptacle)
            self._near_goal |= held and float(np.hypot(aside[0], aside[1])) < NEAR_GOAL
            if was_held and not held:
                self._let_go = opening
            self._placed_steps = self._placed_steps + 1 if self._resting_in_goal() else 0

    def success(self) -> bool:
        """Lifted and held; or at rest where it belongs, and released; each for a while."""
        if self._layout.template == "pick":
            return self._held_steps >= HOLD_STEPS
        return self._placed_steps >= REST_STEPS

    def delivered(self) -> bool:
        """The object lies where the prompt wants it, held or not."""
        return self._layout.receptacle is not None and kitchen.is_in(
            self._model, self._data, self._layout.target, self._layout.receptacle
        )

    def hopeless(self) -> bool:
        """The target fell off the table."""
        return bool(self._data.xpos[self._bodies[self._layout.target]][2] < -0.1)

    def failure(self) -> str:
        """The reason of an episode that ended now without success."""
        held = self._layout.target in self.touching
        if self._wrong_object:
            return "wrong object"
        if self._layout.template == "pick":
            if not self._reached:
                return "never reached"
            if held and self._lifted:
                return "time-out"
            return "dropped" if self._lifted else "missed grasp"
        if held:
            return "time-out" if self._near_goal else "never reached"
        if self.delivered():
            return "time-out"
        return "wrong place" if self._let_go else "dropped"

    def _resting_in_goal(self) -> bool:
        target = self._layout.target
        if target in self.touching or not self.delivered():
            return False
        if self._arm.fingers().mean() > RELEASED:
            return False
        joint = self._model.joint(kitchen.object_body(target)).id
        address = self._model.jnt_dofadr[joint]
        return bool(np.linalg.norm(self._data.qvel[address : address + 3]) < STILL)

    def _touched(self) -> frozenset[str]:
        """Names of the objects that a finger touches."""
        pairs = self._data.contact.geom
        if len(pairs) == 0:
            return frozenset()
        bodies: Sequence[Sequence[int]] = self._model.geom_bodyid[pairs]
        found = set()
        for a, b in bodies:
            other = b if a in self._arm.finger_bodies else a if b in self._arm.finger_bodies else -1
            found |= {name for name, body in self._bodies.items() if body == other}
        return frozenset(found)
