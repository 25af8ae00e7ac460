"""Executing chunks: which prediction an action comes from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bydemo.core.actor import Observation
from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.models.chunking import RecedingHorizon, TemporalEnsemble


class Counter:
    """Predicts, at its n-th call, velocities 10 n + (0, 1, ...) and labels by a rule."""

    chunk = 4

    def __init__(self) -> None:
        self.calls = self.seen = 0

    @property
    def spec(self) -> Spec:
        return jaco_play_spec()

    def reset(self, seed: int, instruction: str) -> None:
        self.calls = 0

    def see(self, observation: Observation) -> None:
        self.seen += 1

    def act_chunk(self, observation: Observation) -> NDArray[np.float32]:
        steps = 10 * self.calls + np.arange(4)
        label = np.full(4, 2 if self.calls < 2 else 0)
        self.calls += 1
        return np.stack([steps, steps, steps, label], axis=1).astype(np.float32)


def test_receding_horizon_executes_so_many_steps() -> None:
    agent = RecedingHorizon(Counter(), execute=2)
    agent.reset(0, "")
    assert [agent.act({})[0] for _ in range(5)] == [0, 1, 10, 11, 20]
    assert agent.agent.seen == 2


def test_reset_forgets_the_plan() -> None:
    agent = RecedingHorizon(Counter(), execute=3)
    agent.reset(0, "")
    agent.act({})
    agent.reset(0, "")
    assert agent.act({})[0] == 0


@pytest.mark.parametrize("execute", [0, 5])
def test_execute_must_fit_the_chunk(execute: int) -> None:
    with pytest.raises(InputError, match=rf"'execute': {execute}, expected 1\.\.4"):
        RecedingHorizon(Counter(), execute)


def test_ensemble_averages_what_was_said_of_this_step() -> None:
    agent = TemporalEnsemble(Counter(), decay=0.5)
    agent.reset(0, "")
    got = [agent.act({}) for _ in range(6)]
    assert got[0][0] == 0
    weights = np.exp([0, -0.5])
    assert got[1][0] == pytest.approx((weights @ [1, 10]) / weights.sum())
    weights = np.exp(-0.5 * np.arange(4))  # the chunk of four steps ago ended
    assert got[5][0] == pytest.approx((weights @ [23, 32, 41, 50]) / weights.sum())


def test_ensemble_votes_on_labels() -> None:
    """Calls 0 and 1 say close, later ones open; a mean of class indices would say stay."""
    agent = TemporalEnsemble(Counter(), decay=0.01)
    agent.reset(0, "")
    assert [int(agent.act({})[3]) for _ in range(6)] == [2, 2, 2, 2, 0, 0]
