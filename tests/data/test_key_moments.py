"""The next event of the labels, and the next stop of the robot."""

from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bydemo.core.codec import Codec
from bydemo.core.fields import Field, Part, Spec
from bydemo.data.key_moments import SLOW, next_event, next_stop, place_components


def test_the_next_event_is_written_out() -> None:
    labels = np.array([0, 0, 1, 1, 1, 2, 2, 0, 0, 1])[:, None]
    starts, lengths = np.array([0, 7]), np.array([7, 3])
    #                                      | second episode
    expected = [2, 2, 2, 5, 5, 5, 6, 9, 9, 9]
    assert next_event(labels, starts, lengths, [2]).tolist() == expected


def test_going_back_to_rest_is_no_event() -> None:
    """Of three classes, the commonest (1) is rest: only the steps at which 0 or 2 begin count."""
    labels = np.array([1, 1, 2, 2, 1, 1, 1, 0, 1, 1])[:, None]
    found = next_event(labels, np.array([0]), np.array([10]), [3])
    assert found.tolist() == [2, 2, 2, 7, 7, 7, 7, 7, 9, 9]


def places_of(ways: list[float]) -> np.ndarray:
    """(N, 1) places of a robot that goes so far at each step."""
    return np.cumsum([0.0, *ways[:-1]])[:, None].astype(np.float32)


def test_the_next_stop_is_written_out() -> None:
    """A hesitation of two steps is none, and standing still it waits for the next."""
    ways = [1.0, 1.0, 0.1, 0.1, 1.0, 1.0, 0.0, 0.1, 0.0, 1.0, 1.0, 0.0]
    found = next_stop(places_of(ways), np.array([0]), np.array([12]))
    assert found.tolist() == [6, 6, 6, 6, 6, 6, 6, 11, 11, 11, 11, 11]


def test_a_stop_lies_within_its_episode() -> None:
    """The jump from one episode's end to the next one's start is no motion of the robot."""
    ways = [1.0, 1.0, 0.0, 0.0, 50.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    found = next_stop(places_of(ways), np.array([0, 5]), np.array([5, 5]))
    assert found.tolist() == [4] * 5 + [5] + [9] * 4


@given(st.lists(st.lists(st.floats(0, 2), min_size=1, max_size=12), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_a_stop_is_never_behind_and_never_beyond(episodes: list[list[float]]) -> None:
    lengths = np.array([len(e) for e in episodes])
    starts = np.cumsum(lengths) - lengths
    found = next_stop(places_of(list(chain.from_iterable(episodes))), starts, lengths)
    steps = np.arange(lengths.sum())
    last = np.repeat(starts + lengths - 1, lengths)
    assert (steps <= found).all()
    assert (found <= last).all()
    assert ((last - found >= SLOW) | (found == last)).all()


def spec_of(*parts: Part) -> Spec:
    action = Field.vector(Part(name="velocity", size=1))
    return Spec(observation={"state": Field.vector(*parts)}, action=action, control_rate=10.0)


def components(spec: Spec) -> list[int]:
    state = np.random.default_rng(0).normal(size=(9, *spec.observation["state"].shape))
    return place_components(Codec.fit(spec, {"state": [state]}, None)).tolist()


def test_places_are_lengths_or_else_whatever_is_no_rate() -> None:
    place, joints = Part(name="place", size=2, unit="m"), Part(name="joint", size=2, unit="rad")
    rate = Part(name="rate", size=1, unit="rad/s")
    assert components(spec_of(rate, joints, place)) == [3, 4]
    assert components(spec_of(rate, joints)) == [1, 2]
