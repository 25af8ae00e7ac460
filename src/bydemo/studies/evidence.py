"""What the runs of a study say of a figure: its value in each, and the episodes that it rests on.

Figures are named by paths into a run's results, see docs/study_schema.md. Where a figure has a
value an episode, it is kept as sums by episode, so that runs can be compared on the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.results import read_json
from bydemo.evaluation.episode_sums import Floats, Sums, total
from bydemo.evaluation.latent.analysis import FOLDER, PROBES
from bydemo.evaluation.latent.neighbours import OTHER
from bydemo.evaluation.latent.probes import LINEAR, NEAREST, figures_of
from bydemo.evaluation.latent.steps import Target
from bydemo.evaluation.metrics import Judge, lower_is_better
from bydemo.evaluation.predictions import read_export
from bydemo.studies.job import fingerprint
from bydemo.studies.work import RESULTS

ALL = "all"
"""In place of a task's label: all tasks of a run together."""
TIMED = {"seconds", "samples_per_second", "peak_memory_mb", "parameters", "parameters_in_all"}
"""Numbers of a run's `training` that are no outcome of it."""
LOWER = {"loss", "steps", "parameters", "epochs", "chosen_epoch", "kl"}
"""Last words of figures of which less is better, besides those that offline judging knows."""


def higher_is_better(figure: str) -> bool:
    """The direction of a figure, from its name."""
    return figure.rsplit(".", 1)[-1] not in LOWER and not lower_is_better(figure)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """A figure of one run.

    units: the episodes that it rests on, none for a plain number; sums: name -> (E, ...), a row a
    unit; figure: totals of the sums (with any leading axes) -> the value. rate: its rows are
    successes, 0 or 1.
    """

    value: float
    units: tuple[Hashable, ...] = ()
    sums: Sums = field(default_factory=dict)
    figure: Callable[[Sums], Floats] | None = None
    rate: bool = False

    @classmethod
    def of(
        cls, units: Sequence[Hashable], sums: Sums, figure: Callable[[Sums], Floats],
        *, rate: bool = False,
    ) -> Evidence:  # fmt: skip
        """The value is the figure of all units together."""
        value = float(figure(total(sums)))
        return cls(value=value, units=tuple(units), sums=sums, figure=figure, rate=rate)

    def at(self, units: Sequence[Hashable]) -> Evidence:
        """The same figure on some of its units, in their order."""
        if self.figure is None or tuple(units) == self.units:
            return self
        rows = {unit: row for row, unit in enumerate(self.units)}
        chosen = np.array([rows[unit] for unit in units], np.int64)
        sums = {name: values[chosen] for name, values in self.sums.items()}
        return Evidence.of(units, sums, self.figure, rate=self.rate)


Findings = Mapping[str, Evidence]
"""Figure -> evidence, of one run."""


def findings(run: Path, stages: Iterable[str]) -> dict[str, Evidence]:
    """Every figure of a run folder that these stages of its work made, see `Work.stages`."""
    results = read_json(run / RESULTS)
    found = dict(_training(results))
    rows: dict[str, list[dict[str, Any]]] = {}
    for block, _, name in (stage.partition(".") for stage in stages):
        if block == "rollouts":
            rows[name] = _rows(results["rollouts"][name])
            found |= _rollouts(f"rollouts.{name}", rows[name])
        elif block == "offline":
            found |= _offline(run, name, results)
        elif block == "latent":
            found |= _latent(run, results)
    if len(rows) > 1:
        found |= _rollouts(f"rollouts.{ALL}", [row for some in rows.values() for row in some])
    return found


def scored(run: Findings, floor: Findings, ceiling: Findings) -> dict[str, Evidence]:
    """The run's `score` in each task: where its return lies from the floor's (0) to the
    ceiling's (100), on the environment seeds that all three have."""
    out = {}
    for name, ours in run.items():
        if not (name.startswith("rollouts.") and name.endswith(".return")):
            continue
        if name not in floor or name not in ceiling:
            continue
        low, high = floor[name], ceiling[name]
        units = [u for u in ours.units if u in set(low.units) & set(high.units)]
        if units:
            sums = {
                "value": ours.at(units).sums["value"], "low": low.at(units).sums["value"],
                "high": high.at(units).sums["value"],
            }  # fmt: skip
            out[name.removesuffix("return") + "score"] = Evidence.of(units, sums, _score)
    return out


def _training(results: Mapping[str, Any]) -> Iterator[tuple[str, Evidence]]:
    training = results.get("training") or {}
    for name, value in training.items():
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if plain and name not in TIMED:
            yield f"training.{name}", Evidence(value=float(value))
    if isinstance(training.get("parameters"), int):
        yield "parameters", Evidence(value=float(training["parameters"]))


def _rows(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The episodes, with what tells each from those of other tasks and seeds."""
    task = fingerprint(block["task"], block["task_config"])
    return [{**row, "unit": (task, row["seed"])} for row in block["episodes"]]


def _rollouts(path: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Evidence]:
    """Returns, where no episode broke off (a crash says nothing and is left out); success rates,
    where the task knows a goal; lengths."""
    out = {f"{path}.steps": _means(rows, [row["steps"] for row in rows])}
    crashed = ["detail" in row and row.get("return") is None for row in rows]
    whole = [row for row, gone in zip(rows, crashed, strict=True) if not gone]
    if whole and all(row.get("return") is not None for row in whole):
        out[f"{path}.return"] = _means(whole, [row["return"] for row in whole])
    if any(row["success"] is not None for row in whole):
        out[f"{path}.rate"] = _means(rows, [row["success"] is True for row in rows], rate=True)
    return out


def _means(
    rows: Sequence[Mapping[str, Any]], values: Sequence[float], *, rate: bool = False
) -> Evidence:
    sums = {"value": np.array(values, np.float64), "count": np.ones(len(rows))}
    return Evidence.of([row["unit"] for row in rows], sums, _mean, rate=rate)


def _mean(sums: Sums) -> Floats:
    return np.asarray(sums["value"] / sums["count"])


def _score(sums: Sums) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100 * (sums["value"] - sums["low"]) / (sums["high"] - sums["low"]))


def _offline(run: Path, split: str, results: Mapping[str, Any]) -> dict[str, Evidence]:
    """The policy's figures with their episodes, the other candidates' as plain numbers."""
    out = {}
    for candidate, figures in results["offline"][split]["candidates"].items():
        for name, figure in figures.items():
            value = figure.get("value") if isinstance(figure, dict) else None
            if value is not None and math.isfinite(value):
                path = f"offline.{split}.{candidate}.{name}"
                out[path] = Evidence(value=float(value))
    export = run / "predictions" / f"{split}.parquet"
    if export.exists():
        data = results["dataset"]["fingerprint"]
        out |= _policy(export, f"offline.{split}.policy", data, out)
    return out


def _policy(export: Path, path: str, data: str, known: Findings) -> dict[str, Evidence]:
    spec, steps, said = read_export(export)
    span = np.ptp(steps.continuous, axis=0) if len(steps) else np.zeros(0)
    referee = Judge.with_limits(spec.action, span)
    sums = referee.sums(steps, said)
    units = [(data, int(index)) for index in np.unique(steps.episode)]

    def only(name: str) -> Callable[[Sums], Floats]:
        return lambda sums: referee.figures(sums)[name]

    return {
        f"{path}.{name}": Evidence.of(units, sums, only(name))
        for name in referee.figures(total(sums))
        if f"{path}.{name}" in known
    }


def _latent(run: Path, results: Mapping[str, Any]) -> dict[str, Evidence]:
    """What a representation holds: of the judged one with its episodes, of its rivals as plain
    numbers."""
    block = results["latent"]
    out: dict[str, Evidence] = {}

    def plain(path: str, figure: Any) -> None:
        value = figure.get("value") if isinstance(figure, Mapping) else figure
        if value is not None and math.isfinite(value):
            out[path] = Evidence(value=float(value))

    for target in block["probes"]["targets"]:
        for name, kinds in target["representations"].items():
            for kind in (LINEAR, NEAREST):
                for figure, found in kinds[kind].items():
                    plain(f"probe.{name}.{target['target']}.{kind}.{figure}", found)
    for row in block["neighbours"]["purity"]:
        if row["representation"] == block["judged"] and row["scope"] == OTHER:
            plain(f"latent.purity.{row['target']}", row)
    for name in ("active", "effective"):
        plain(f"latent.{name}", block["dimensions"][name])
    plain("latent.kl", (block["dimensions"]["kl"] or {}).get("total"))
    for modality, found in (block["reconstruction"] or {}).items():
        plain(f"latent.kept.{modality}", found["kept"])
    return out | dict(_probed(run, results))


def _probed(run: Path, results: Mapping[str, Any]) -> Iterator[tuple[str, Evidence]]:
    """The judged representation's probes, an episode a unit."""
    data, name = results["dataset"]["fingerprint"], results["latent"]["judged"]
    for row in read_json(run / FOLDER / PROBES)["targets"]:
        classes = tuple(row["classes"])
        target = Target(name=row["target"], classes=classes,
                        values=np.zeros(0, np.int64) if classes else np.zeros((0, 1)))  # fmt: skip
        figures = figures_of(target)
        units = [(data, int(index)) for index in row["episodes"]]
        for kind in (LINEAR, NEAREST):
            sums = {n: np.asarray(v, np.float64) for n, v in row[kind].items()}
            for figure, value in figures(total(sums)).items():
                if math.isfinite(value):
                    path = f"probe.{name}.{row['target']}.{kind}.{figure}"
                    yield path, Evidence.of(units, sums, _one(figures, figure))


def _one(figures: Callable[[Sums], Mapping[str, Floats]], name: str) -> Callable[[Sums], Floats]:
    return lambda sums: figures(sums)[name]
