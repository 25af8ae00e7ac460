"""What a trained agent would do at every judged step, had it been there instead of the expert."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bydemo.core.errors import InputError
from bydemo.data.batches import BatchConfig, Batches
from bydemo.evaluation.offline import JudgedSplit
from bydemo.evaluation.predictions import Floats, Predictions
from bydemo.models.agent import Agent

_BATCH = 256


def agent_predictions(
    agent: Agent, judged: JudgedSplit, progress: Callable[[int, int], None] | None = None
) -> Predictions:
    """The first action of each predicted chunk, and the label parts' probabilities.

    Each step is judged by itself, on the expert's observations; `progress` gets steps done and all.
    Raises InputError naming the episode and step at which the policy's answer is not finite.
    """
    field = agent.spec.action
    config = BatchConfig(
        view=agent.view,
        chunk=agent.chunk,
        target_offset=judged.target_offset,
        history=agent.history,
    )
    batches = Batches(judged.dataset, judged.episodes, agent.codec, agent.vocabulary, config)
    if not np.array_equal(batches.steps, judged.row):
        raise InputError("the batches' steps are not the judged ones", field="target_offset")
    actions, chances = [], []
    for start in range(0, len(batches), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(batches)), dtype=np.int64)
        said = agent.predict(batches.gather(rows))
        actions.append(said.action[:, 0])
        chances.append(said.probabilities[:, 0])
        if progress is not None:
            progress(int(rows[-1]) + 1, len(batches))
    action = np.concatenate(actions)
    broken = ~np.isfinite(action).all(axis=1)
    if broken.any():
        row = int(np.argmax(broken))
        raise InputError(f"the policy's action is not finite at step {judged.steps.step[row]} of "
                         f"episode {judged.steps.episode[row]}", field="action")  # fmt: skip
    cuts = np.cumsum([len(part.classes) for part in field.labels])[:-1]
    blocks = np.split(np.concatenate(chances), cuts, axis=1) if field.labels else []
    return Predictions(
        continuous=action[:, field.columns(labels=False)].astype(np.float64),
        labels=action[:, field.columns(labels=True)].astype(np.int64),
        log_probabilities=tuple(_log(block.astype(np.float64)) for block in blocks),
    )


def _log(probabilities: Floats) -> Floats:
    """A float32 softmax rounds to 0 what is only very unlikely."""
    floored = np.maximum(probabilities, float(np.finfo(np.float32).tiny))
    logs: Floats = np.log(floored / floored.sum(axis=1, keepdims=True))
    return logs
