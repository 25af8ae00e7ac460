"""What to do next in a pick or a place, as a function of the present state alone.

Heights and positions are in world axes [m]. The plan has no timers and no memory: a grasp that
failed, an object that was dropped or knocked away are just other states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bydemo.core.jaco_play import GRIPPER_LABELS
from bydemo.sim.expert import Motion, Vector

PHASES = (
    "approach", "descend", "close", "lift", "carry", "lower", "open", "retreat", "recover",
)  # fmt: skip
"""Names behind the annotation's phase index."""

OPEN, STAY, CLOSE = range(len(GRIPPER_LABELS))

HOVER = 0.085
"""Height above the grasp at which the hand travels, clear of what stands on the table."""
FUNNEL_WIDTH, FUNNEL_SLOPE = 0.012, 3.0
"""Nearer than the width the hand may go all the way down, and higher up by slope beyond it."""
AT_GRASP = (0.015, 0.009)
"""Sideways and vertical distance at which closing begins."""
WHILE_CLOSING = (0.035, 0.022)
"""The same once the fingers move: a push of the object must not stop the closing."""
OPENED, GRIPPING = 0.12, 0.3
"""Finger closure [rad] below which the hand counts as open, above which it may hold something."""
CLOSING = 0.5
"""Finger closure [rad] from which standing still means that the closing has ended."""
IN_HAND = (0.035, 0.045)
"""Sideways and vertical distance of an object in the hand from the pinch."""
LIFT = 0.14
AT_RELEASE = (0.016, 0.010)
"""The same for letting go, between object and goal."""


@dataclass(frozen=True, kw_only=True)
class PickPlaceState:
    """The part of the world that the plan looks at."""

    pinch: Vector
    """(3,) between the finger tips."""
    closure: float
    """Mean finger joint [rad], 0 open .. 1.36 closed on nothing."""
    squeezing: bool
    """The finger motors push against something."""
    stalled: bool
    """No finger moves."""
    exhausted: bool
    """No finger moves, and the thumb cannot close any further."""
    target: Vector
    """(3,) centre of the object of the prompt."""
    grasp_offset: float
    """Height of the pinch over the object's centre in a good grasp."""
    goal: Vector | None
    """(3,) where the object's centre is let go, or None when it only has to be lifted."""
    carry_height: float = 0.0
    """Lowest height of the object's centre on the way to the goal."""
    delivered: bool = False
    """The object lies where the prompt wants it."""

    @property
    def grasp(self) -> Vector:
        """(3,) where the pinch belongs to grasp the object."""
        return np.add(self.target, [0.0, 0.0, self.grasp_offset])

    @property
    def in_hand(self) -> bool:
        """The object is between fingers that are not open."""
        side, above = _distance(self.grasp, self.pinch)
        return self.closure > GRIPPING and side < IN_HAND[0] and above < IN_HAND[1]


def next_motion(state: PickPlaceState, aim: Vector) -> Motion:
    """The motion for a goal misjudged by `aim` (3,)."""
    if state.goal is not None and state.delivered and not state.squeezing:
        return _let_go(state)
    if not state.in_hand or (state.exhausted and not state.squeezing):
        return _reach(state, aim)
    if not state.squeezing:
        return Motion(phase="close", error=np.zeros(3), label=CLOSE)
    if state.goal is None:
        return Motion(phase="lift", error=np.array([0.0, 0.0, LIFT]), label=STAY)
    return _bring(state, state.goal, aim)


def _reach(state: PickPlaceState, aim: Vector) -> Motion:
    """Hand empty: go above the object, down to it, and close."""
    grasp = state.grasp + aim
    side, above = _distance(grasp, state.pinch)
    is_open = state.closure < OPENED
    limit = AT_GRASP if is_open else WHILE_CLOSING
    if side < limit[0] and above < limit[1] and not _closed(state):
        return Motion(phase="close", error=np.zeros(3), label=CLOSE)
    if not is_open and state.pinch[2] < grasp[2] + HOVER / 2:
        up = np.array([0.0, 0.0, grasp[2] + HOVER - state.pinch[2]])
        return Motion(phase="recover", error=up, label=OPEN)
    funnel = FUNNEL_SLOPE * max(0.0, side - FUNNEL_WIDTH)
    height = grasp[2] + (min(HOVER, funnel) if is_open else HOVER)
    error = np.array([*(grasp - state.pinch)[:2], height - state.pinch[2]])
    phase = "approach" if side > 2 * FUNNEL_WIDTH else "descend"
    return Motion(phase=phase, error=error, label=STAY if is_open else OPEN)


def _bring(state: PickPlaceState, goal: Vector, aim: Vector) -> Motion:
    """Object in hand: carry it above the goal, lower it, let go."""
    error = goal + aim - state.target
    side = float(np.hypot(error[0], error[1]))
    if side < AT_RELEASE[0] and abs(error[2]) < AT_RELEASE[1]:
        return Motion(phase="open", error=np.zeros(3), label=OPEN)
    above = FUNNEL_SLOPE * max(0.0, side - FUNNEL_WIDTH)
    error[2] += min(max(state.carry_height - goal[2], 0.0), above)
    if state.target[2] < state.carry_height - 0.03 and side > 0.06:
        error[:2] = 0.0  # first up, or it hits the rim on the way
    return Motion(phase="carry" if side > 2 * FUNNEL_WIDTH else "lower", error=error, label=STAY)


def _closed(state: PickPlaceState) -> bool:
    """The fingers have come to a stop, on whatever it is."""
    return state.exhausted or (state.closure > CLOSING and state.stalled)


def _let_go(state: PickPlaceState) -> Motion:
    """Object where it belongs: open the hand where it is, then withdraw."""
    if state.closure > OPENED:
        return Motion(phase="open", error=np.zeros(3), label=OPEN)
    up = state.target[2] + HOVER - state.pinch[2]
    return Motion(phase="retreat", error=np.array([0.0, 0.0, max(0.0, up)]), label=STAY)


def _distance(a: Vector, b: Vector) -> tuple[float, float]:
    """Sideways and vertical distance."""
    delta = a - b
    return float(np.hypot(delta[0], delta[1])), float(abs(delta[2]))
