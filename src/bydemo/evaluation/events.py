"""Events of a label: the moments at which a gripper, say, begins to do something else.

Step by step, a rare label is nearly free to predict (copying the previous one is right 99 % of
the time), so a policy is also judged by how many of these moments it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Part

TOLERANCE = 3
"""[steps] how far a predicted event may lie from the true one."""
NEUTRAL = "stay"
"""The class by which a command label says 'nothing new'."""

Ints = NDArray[np.int64]


def neutral_class(part: Part) -> int | None:
    """Index of the neutral class of a command label, None for a label that is a state.

    A command label (open, stay, close) has events where a run of open or close begins; a state
    label (open, closed) has one at every change.
    """
    return part.classes.index(NEUTRAL) if NEUTRAL in part.classes else None


def event_mask(labels: Ints, episode: Ints, neutral: int | None) -> NDArray[np.bool_]:
    """(N,) True where an event of `labels` (N,) begins; steps in order, episode by episode."""
    first = np.ones(len(labels), bool)
    first[1:] = episode[1:] != episode[:-1]
    changed = first.copy()
    changed[1:] |= labels[1:] != labels[:-1]
    if neutral is None:
        return changed & ~first
    begun: NDArray[np.bool_] = changed & (labels != neutral)
    return begun


@dataclass(frozen=True, kw_only=True, eq=False)
class EventCounts:
    """Per step (N,): is a true event here, a predicted one, and was the true one found."""

    there: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    found: NDArray[np.bool_]


def match_events(
    truth: Ints, predicted: Ints, episode: Ints, step: Ints, neutral: int | None,
    tolerance: int = TOLERANCE,
) -> EventCounts:  # fmt: skip
    """One-to-one matching of events of the same class, in one episode, `tolerance` steps apart.

    Both events of a pair are taken in order of time, which finds the largest matching there is.
    """
    there = event_mask(truth, episode, neutral)
    said = event_mask(predicted, episode, neutral)
    found = np.zeros(len(truth), bool)
    # One number line for all: runs of one episode and class, further apart than the tolerance.
    classes = int(max(truth.max(initial=0), predicted.max(initial=0))) + 1
    stride = int(step.max(initial=0)) + tolerance + 1
    rows = np.flatnonzero(there)
    ours = (episode[rows] * classes + truth[rows]) * stride + step[rows]
    theirs = np.sort((episode[said] * classes + predicted[said]) * stride + step[said])
    order = np.argsort(ours, kind="stable")
    j = 0
    for i in order:
        while j < len(theirs) and theirs[j] < ours[i] - tolerance:
            j += 1
        if j < len(theirs) and theirs[j] <= ours[i] + tolerance:
            found[rows[i]] = True
            j += 1
    return EventCounts(there=there, predicted=said, found=found)


def near_event(labels: Ints, episode: Ints, neutral: int | None, window: int) -> NDArray[np.bool_]:
    """(N,) True within `window` steps of a true event of the same episode."""
    events = np.flatnonzero(event_mask(labels, episode, neutral))
    near = np.zeros(len(labels), bool)
    for offset in range(-window, window + 1):
        rows = events + offset
        inside = (rows >= 0) & (rows < len(labels))
        rows, origin = rows[inside], events[inside]
        near[rows[episode[rows] == episode[origin]]] = True
    return near
