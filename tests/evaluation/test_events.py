import numpy as np
import pytest

from bydemo.core.fields import Part
from bydemo.evaluation.events import event_mask, match_events, near_event, neutral_class

COMMAND = Part(name="gripper", size=1, classes=("open", "stay", "close"))
STATE = Part(name="gripper", size=1, classes=("open", "closed"))
STAY = 1


def rows(*values):
    return np.array(values, np.int64)


def counts(truth, said, *, episode=None, neutral=STAY, tolerance=3):
    episode = np.zeros(len(truth), np.int64) if episode is None else episode
    step = np.arange(len(truth))
    found = match_events(truth, said, episode, step, neutral, tolerance)
    return int(found.there.sum()), int(found.predicted.sum()), int(found.found.sum())


def test_a_command_has_events_where_a_move_begins_and_a_state_at_every_change():
    assert neutral_class(COMMAND) == 1
    assert neutral_class(STATE) is None
    command = rows(0, 0, 1, 2, 2, 1, 0, 2)
    one = np.zeros(8, np.int64)
    assert np.flatnonzero(event_mask(command, one, STAY)).tolist() == [0, 3, 6, 7]
    state = rows(0, 0, 1, 1, 0, 0, 0, 1)
    assert np.flatnonzero(event_mask(state, one, None)).tolist() == [2, 4, 7]


def test_no_event_is_made_by_the_seam_between_two_episodes():
    state, episode = rows(0, 0, 1, 1), rows(0, 0, 1, 1)
    assert not event_mask(state, episode, None).any()


def test_an_event_is_found_within_the_tolerance_and_not_beyond():
    truth = rows(*[1] * 10, 2, 2, 2, *[1] * 10)
    for shift, found in ((0, 1), (3, 1), (-3, 1), (4, 0), (-4, 0)):
        assert counts(truth, np.roll(truth, shift)) == (1, 1, found), shift


def test_one_prediction_finds_one_event():
    truth = rows(1, 2, 1, 2, 1, 1, 1, 1)
    assert counts(truth, rows(1, 1, 2, 1, 1, 1, 1, 1)) == (2, 1, 1)
    assert counts(rows(1, 1, 2, 1, 1, 1), rows(2, 1, 2, 1, 2, 1)) == (1, 3, 1)


def test_the_class_and_the_episode_must_agree():
    assert counts(rows(1, 1, 2, 1), rows(1, 1, 0, 1)) == (1, 1, 0)
    episode = rows(0, 0, 0, 1, 1, 1)
    assert counts(rows(1, 1, 2, 1, 1, 1), rows(1, 1, 1, 2, 1, 1), episode=episode) == (1, 1, 0)


def test_matching_is_the_largest_possible():
    """Against the maximum bipartite matching, on many small random cases."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    generator = np.random.default_rng(0)
    for _ in range(200):
        truth, said = generator.choice(3, (2, 40), p=[0.15, 0.7, 0.15])
        episode = np.repeat([0, 1], 20)
        a = np.flatnonzero(event_mask(truth, episode, STAY))
        b = np.flatnonzero(event_mask(said, episode, STAY))
        near = (np.abs(a[:, None] - b) <= 3) & (truth[a][:, None] == said[b])
        near &= episode[a][:, None] == episode[b]
        best = (maximum_bipartite_matching(csr_matrix(near)) >= 0).sum() if near.size else 0
        step = np.tile(np.arange(20), 2)
        assert match_events(truth, said, episode, step, STAY).found.sum() == best


def test_copying_the_previous_label_finds_no_switch_at_its_first_step():
    """The real robot's trap: 99 % right step by step, and none of the switches foretold."""
    generator = np.random.default_rng(3)
    truth = np.concatenate([np.repeat([0, 1, 0], [60, 80, 60]) for _ in range(16)])
    episode = np.repeat(np.arange(16), 200)
    said = np.concatenate([[0], truth[:-1]])
    step = np.tile(np.arange(200), 16)
    found = match_events(truth, said, episode, step, None)
    assert (truth == said).mean() == pytest.approx(0.99)
    assert found.there.sum() == 32
    assert (truth == said)[found.there].sum() == 0
    noise = generator.integers(0, 2, len(truth))
    flicker = match_events(truth, noise, episode, step, None)
    assert flicker.predicted.sum() > 20 * flicker.found.sum()


def test_near_an_event_stays_inside_the_episode():
    labels, episode = rows(1, 1, 2, 1, 1, 1), rows(0, 0, 0, 1, 1, 1)
    assert near_event(labels, episode, STAY, 1).tolist() == [False, True, True] + [False] * 3
