"""The next key moment of each step: where something is grasped or let go, told by the action's
labels or, where actions are out of reach, by the robot's standing still.

Shape letters: N steps, E episodes, G label parts, D components; starts and lengths are (E,).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import Codec

SLOW: Final = 3
"""Steps that a stop lasts at least: shorter ones are hesitations."""
SLOW_SHARE: Final = 0.4
"""Of the usual way of a step."""

Rows = NDArray[np.int64]


def next_event(
    labels: NDArray[np.int64], starts: Rows, lengths: Rows, classes: Sequence[int]
) -> Rows:
    """(N,) for each step the next event from it on, itself included; the episode's last step where
    none is left.

    An event is a step at which a label part of (N, G) changes; of three classes or more, a change
    to the commonest one ("stay") is none, since nothing is begun there.
    """
    changed: Any = np.zeros(labels.shape, bool)
    changed[1:] = labels[1:] != labels[:-1]
    for part, count in enumerate(classes):
        if count > 2:
            rest = np.bincount(labels[:, part], minlength=count).argmax()
            changed[:, part] &= labels[:, part] != rest
    event = changed.any(axis=1)
    event[starts] = False
    return _next(event, starts, lengths)


def next_stop(places: NDArray[np.float32], starts: Rows, lengths: Rows) -> Rows:
    """(N,) for each step the next one from it on, itself included, at which the robot comes to a
    stop; the episode's last step where none is left.

    It stops where the next SLOW steps each move it, in places (N, D), less than SLOW_SHARE of the
    root mean square of all steps: robots slow down to grasp and to let go (keyframes without
    labels: James & Davison, 2022).
    """
    moved = np.zeros(len(places))
    moved[:-1] = np.linalg.norm(np.diff(places.astype(np.float64), axis=0), axis=1)
    last = starts + lengths - 1
    within = np.ones(len(places), bool)
    within[last] = False
    usual = np.sqrt(np.sum(moved[within] ** 2) / max(within.sum(), 1))
    slow = within & (moved < SLOW_SHARE * usual)
    resting = slow.copy()
    for ahead in range(1, SLOW):  # an episode's last step is never slow, so none reaches beyond it
        resting[:-ahead] &= slow[ahead:]
        resting[-ahead:] = False
    stop = resting.copy()
    stop[1:] &= ~slow[:-1]
    return _next(stop, starts, lengths)


def _next(marked: NDArray[np.bool_], starts: Rows, lengths: Rows) -> Rows:
    """(N,) the next marked step from each on; an episode's last step counts as marked."""
    steps = len(marked)
    marked[starts + lengths - 1] = True
    found: Rows = np.minimum.accumulate(np.where(marked, np.arange(steps), steps)[::-1])[::-1]
    return found


def place_components(codec: Codec) -> NDArray[np.int64]:
    """Components of the proprioception that say where the robot is: lengths, or where there are
    none, all that are no rates."""
    units = [
        part.unit
        for name in codec.spec.vectors
        for part in codec.spec.observation[name].parts
        if part.used and not part.classes
        for _ in range(part.size)
    ]
    lengths = [i for i, unit in enumerate(units) if unit == "m"]
    return np.array(lengths or [i for i, unit in enumerate(units) if "/s" not in unit], np.int64)
