"""What a DAgger run says of its rounds: what the expert was asked, and how the learner fared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bydemo.core.config import to_plain
from bydemo.studies.dagger_episodes import Aggregate, Row
from bydemo.studies.dagger_settings import DaggerSettings, Round

_TRAINING = ("loss", "step", "seconds")
"""Of the last row of a training: its mean loss, the step that it ended with, and its wall time."""


def curve(
    aggregate: Aggregate, settings: DaggerSettings, trainings: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """The `dagger` entry of a run's results: settings, expert, and a row a round."""
    rows: list[dict[str, Any]] = []
    episodes = queries = 0
    for now in settings.plan():
        played = aggregate.rows(now.number)
        episodes += sum(bool(row["stored"]) for row in played)
        queries += sum(int(row["steps"]) for row in played)
        rows.append({
            **_round(now, played), "episodes": episodes, "queries": queries,
            **_training(trainings.get(now.number)),
        })  # fmt: skip
    return {
        "settings": to_plain(settings),
        "expert": aggregate.source["actor_config"]["expert"],
        "dataset": str(aggregate.path),
        "episodes": episodes,
        "queries": queries,
        "rounds": rows,
    }


def _round(now: Round, played: Sequence[Row]) -> dict[str, Any]:
    """How the round's own episodes went; they tell of the learner alone where it acted alone."""
    steps = sum(int(row["steps"]) for row in played)
    taught = sum(int(row["expert_steps"]) for row in played)
    judged = [bool(row["success"]) for row in played if row["success"] is not None]
    return {
        "round": now.number,
        "beta": now.beta,
        "acted": now.acted,
        "played": len(played),
        "stored": sum(bool(row["stored"]) for row in played),
        "steps": steps,
        "expert_share": taught / steps if steps else None,
        "return": _mean([row["return"] for row in played]),
        "successes": sum(judged) if judged else None,
        "acting_seconds": sum(float(row["seconds"]) for row in played),
    }


def _training(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of the learner that acted; nulls for the demonstrations, which no learner took part in."""
    return {f"training_{name}": None if found is None else found[name] for name in _TRAINING}


def _mean(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Mean and standard error over episodes; None where no episode came to its end."""
    known = np.array([v for v in values if v is not None], float)
    if not len(known):
        return None
    error = known.std(ddof=1) / math.sqrt(len(known)) if len(known) > 1 else math.nan
    return {"n": len(known), "mean": float(known.mean()), "standard_error": float(error)}
