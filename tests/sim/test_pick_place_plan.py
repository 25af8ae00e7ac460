from dataclasses import replace

import numpy as np

from bydemo.sim.pick_place_plan import CLOSE, OPEN, PHASES, STAY, PickPlaceState, next_motion

PICK = PickPlaceState(
    pinch=np.array([0.0, -0.4, 0.2]),
    closure=0.0,
    squeezing=False,
    stalled=True,
    exhausted=False,
    target=np.array([-0.2, -0.4, 0.02]),
    grasp_offset=0.0,
    goal=None,
)
AT_OBJECT = replace(PICK, pinch=PICK.target)
HELD = replace(AT_OBJECT, closure=0.8, squeezing=True)
GOAL = np.array([0.1, -0.5, 0.03])
PLACE = replace(HELD, goal=GOAL, carry_height=0.1)
TRUE_AIM = np.zeros(3)


def phase_and_label(state: PickPlaceState) -> tuple[str, int]:
    motion = next_motion(state, TRUE_AIM)
    assert motion.phase in PHASES
    return motion.phase, motion.label


def test_a_pick_goes_through_its_phases() -> None:
    assert phase_and_label(PICK) == ("approach", STAY)
    above = replace(PICK, pinch=np.add(PICK.target, [0, 0, 0.06]))
    assert phase_and_label(above) == ("descend", STAY)
    assert phase_and_label(AT_OBJECT) == ("close", CLOSE)
    assert phase_and_label(replace(AT_OBJECT, closure=0.6, stalled=False)) == ("close", CLOSE)
    assert phase_and_label(HELD) == ("lift", STAY)


def test_far_away_the_hand_travels_above_what_stands_there() -> None:
    low = replace(PICK, pinch=np.array([0.0, -0.4, 0.03]))
    assert next_motion(low, TRUE_AIM).error[2] > 0.05


def test_a_closed_hand_opens_on_its_way() -> None:
    assert phase_and_label(replace(PICK, closure=1.0)) == ("approach", OPEN)


def test_a_grasp_of_air_is_opened_and_tried_again() -> None:
    missed = replace(AT_OBJECT, closure=1.36, exhausted=True)
    assert phase_and_label(missed) == ("recover", OPEN)
    assert next_motion(missed, TRUE_AIM).error[2] > 0


def test_a_place_goes_through_its_phases() -> None:
    assert phase_and_label(PLACE) == ("carry", STAY)
    there = replace(PLACE, target=GOAL, pinch=GOAL)
    above = GOAL + np.array([0, 0, 0.04])
    assert phase_and_label(replace(there, target=above, pinch=above)) == ("lower", STAY)
    assert phase_and_label(there) == ("open", OPEN)
    fallen = replace(there, squeezing=False, delivered=True)
    assert phase_and_label(fallen) == ("open", OPEN)
    assert phase_and_label(replace(fallen, closure=0.0)) == ("retreat", STAY)


def test_a_dropped_object_is_picked_up_again() -> None:
    dropped = replace(PLACE, target=np.add(PLACE.target, [0.1, 0, 0]), closure=0.9, squeezing=False)
    assert phase_and_label(dropped)[1] == OPEN
    assert phase_and_label(replace(dropped, closure=0.0)) == ("approach", STAY)
