"""A first pass over a LeRobot recording's numbers, pictures aside: labels, statistics, clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.statistics import Statistics, measure
from bydemo.data.formats._lerobot_fields import DistinctValues
from bydemo.data.formats._lerobot_layout import Feature, Layout
from bydemo.data.formats._lerobot_tables import EpisodeTables, numeric

TIMESTAMP = Feature(key="timestamp", dtype="float32", shape=(1,), names=())


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """labels: action component -> its values; statistics: vector name -> float64 statistics of the
    values as recorded; intervals: (n,) [s] between neighbouring rows of all episodes."""

    labels: Mapping[int, tuple[float, ...]]
    statistics: Mapping[str, Statistics]
    intervals: NDArray[np.float64]

    def timing(self, rate: float) -> dict[str, Any]:
        """The clock's statistics [s] beside the stated rate [Hz]; plain JSON values."""
        dt = self.intervals
        if len(dt) == 0:
            return {"stated_rate": rate, "intervals": 0}
        quantiles = np.quantile(dt, (0.01, 0.5, 0.99))
        return {
            "stated_rate": rate,
            "intervals": len(dt),
            "mean": float(dt.mean()),
            "std": float(dt.std()),
            "low": float(dt.min()),
            "high": float(dt.max()),
            "quantile_01": float(quantiles[0]),
            "median": float(quantiles[1]),
            "quantile_99": float(quantiles[2]),
            "over_twice_the_period": float((dt > 2 / rate).mean()),
        }


def survey(layout: Layout, vectors: Mapping[str, Feature], *, detect_labels: bool) -> Survey:
    """Read every table once; checks each value, and that time never runs backwards."""
    distinct = DistinctValues()
    intervals: list[NDArray[np.float64]] = []

    def chunks() -> Iterator[NDArray[np.float64]]:
        tables = EpisodeTables([*(f.key for f in vectors.values()), TIMESTAMP.key])
        for episode in layout.episodes:
            rows = tables.rows(episode)
            dt = np.diff(numeric(rows, TIMESTAMP, episode)[:, 0])
            if (dt <= 0).any():
                row = int(np.argmax(dt <= 0)) + 1
                raise InputError(f"episode {episode.index}: time stands still or runs backwards at "
                                 f"row {row}", path=episode.table, field=TIMESTAMP.key)  # fmt: skip
            intervals.append(dt)
            columns = {n: numeric(rows, f, episode) for n, f in vectors.items()}
            distinct.add(columns["action"])
            yield np.concatenate(list(columns.values()), axis=1)

    everything = measure(chunks())
    statistics, start = {}, 0
    for name, feature in vectors.items():
        run = slice(start, start + feature.width)
        start = run.stop
        statistics[name] = Statistics(
            count=everything.count,
            mean=everything.mean[run],
            std=everything.std[run],
            low=everything.low[run],
            high=everything.high[run],
        )
    return Survey(
        labels=distinct.labels() if detect_labels else {},
        statistics=statistics,
        intervals=np.concatenate(intervals),
    )
