"""How long a finished run's policy takes for one action."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch

from bydemo.core.results import write_json
from bydemo.models.agent import Agent
from bydemo.studies.run import RESULTS, open_dataset, open_run

ACTIONS, WARM = 60, 10
"""Actions that are timed, and those before them that are not."""


def judge_latency(run: Path, *, dataset: Path | None = None) -> dict[str, Any]:
    """Let the run's policy act on the first steps of its dataset, and add `latency` to its
    `results.json`: [ms] of one action from a raw observation, median and 10 to 90 %."""
    _, results = open_run(run)
    data = open_dataset(results, dataset)
    agent = Agent.from_pretrained(run)
    first = data.episode(0)
    agent.reset(0, first.instruction)
    taken = []
    for number in range(WARM + ACTIONS):
        step = number % len(first.action)
        seen = {name: values[step] for name, values in first.observation.items()}
        began = time.perf_counter()
        agent.act(seen)
        taken.append(1e3 * (time.perf_counter() - began))
    tenths = statistics.quantiles(taken[WARM:], n=10)
    found = {"milliseconds": statistics.median(taken[WARM:]), "low": tenths[0], "high": tenths[-1],
             "actions": ACTIONS, "threads": torch.get_num_threads()}  # fmt: skip
    whole = {**results, "latency": found}
    write_json(run / RESULTS, whole)
    return whole
