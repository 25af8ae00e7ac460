"""What an honest engineer wants to know of a dataset before training on it.

The dataset's own facts, how far its actions can be predicted without learning anything worth the
name, and what follows from both in sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bydemo.core.results import versions, write_json
from bydemo.data.inspection.samples import Strip, camera_strips, chosen_episodes
from bydemo.data.inspection.survey import survey_dataset
from bydemo.data.source import Dataset
from bydemo.evaluation.findings import findings, is_sound
from bydemo.evaluation.offline import JudgedSplit, judge

HELD_OUT: Final = 0.2


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """facts: plain JSON values (schema bydemo.inspection/1); strips: pictures of some episodes."""

    facts: Mapping[str, Any]
    strips: tuple[Strip, ...]

    def save(self, path: Path) -> None:
        """Write the facts as JSON, whole or not at all."""
        write_json(path, self.facts)


def inspect_dataset(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> Inspection:
    """Look at everything once; progress(frames done, of how many)."""
    facts = survey_dataset(dataset, progress)
    facts["predictability"] = predictability(dataset) if is_sound(facts) else None
    facts["findings"] = [f.to_json() for f in findings(facts)]
    facts["versions"] = versions()
    return Inspection(facts=facts, strips=tuple(camera_strips(dataset, chosen_episodes(dataset))))


def predictability(dataset: Dataset) -> dict[str, Any] | None:
    """Figures of the trivial baselines on held-out episodes; None for a single episode.

    Held out is the dataset's own test split, or else validation; a dataset without splits lends a
    fifth of its episodes, drawn with a fixed seed.
    """
    train, held_out, drawn = _held_out(dataset)
    if not train or not held_out:
        return None
    known, asked = JudgedSplit.of(dataset, train), JudgedSplit.of(dataset, held_out)
    return {"held_out": drawn, "train_episodes": len(train)} | judge(known, asked, {})


def _held_out(dataset: Dataset) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    splits = dataset.splits
    for name in ("test", "validation"):
        if splits.get(name) and splits.get("train"):
            return splits["train"], splits[name], f"the {name} split ({dataset.split_kind})"
    count = len(dataset.episodes)
    order = np.random.default_rng(0).permutation(count)
    share = max(round(count * HELD_OUT), 1)
    first, rest = sorted(order[:share].tolist()), sorted(order[share:].tolist())
    return tuple(rest), tuple(first), "a fifth of the episodes, drawn at random"
