"""Run folders as the report sees them: plain files, read once, with nothing else behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.errors import InputError
from bydemo.core.results import SCHEMA, read_json, read_lines
from bydemo.report.svg import is_number

POLICY = "policy"
"""The name that the trained model's own figures carry among the candidates."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value and the bounds of its 95 % interval, where it has one."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder: configuration, learning curve, choice of epoch, and results so far."""

    path: Path
    name: str
    config: Mapping[str, Any]
    results: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    best: Mapping[str, Any]

    def block(self, *names: str) -> Mapping[str, Any]:
        """A nested object of the results, empty where it is missing."""
        return nested(self.results, *names)

    @property
    def trained(self) -> bool:
        """Whether it holds a trained policy; a reference actor's rollouts have no recipe."""
        return _trained(self.results)

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits with offline figures."""
        return tuple(self.block("offline"))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Labels of the tasks that it was judged on in closed loop."""
        return tuple(self.block("rollouts"))

    def candidates(self, split: str) -> Mapping[str, Any]:
        """Candidate name -> its figures on `split`: the policy and the trivial baselines."""
        return self.block("offline", split, "candidates")

    def figure(self, split: str, candidate: str, key: str) -> Figure | None:
        """One offline figure, or None if it is missing or undefined."""
        return figure_in(nested(self.candidates(split), candidate), key)

    @property
    def data_identity(self) -> tuple[str, ...]:
        """What must be equal for two runs' offline figures to be comparable."""
        data = self.block("dataset")
        named = data.get("sha256") or data.get("fingerprint") or data.get("path", "")
        return (str(named), str(data.get("split", "")))


def read_run(folder: Path) -> Run:
    """Read a run folder; InputError names the file or field that is missing or malformed.

    A run that was trained but not yet evaluated reads well: its results are empty. An actor that
    was not trained has results without a configuration.
    """
    if not folder.is_dir():
        raise InputError("no such run folder", path=folder)
    config_path, results_path = folder / "config.json", folder / "results.json"
    results = read_json(results_path) if results_path.exists() else {}
    config = read_json(config_path) if config_path.exists() or _trained(results) else {}
    if results and results.get("schema") != SCHEMA:
        raise InputError(
            f"is {results.get('schema')!r}, expected '{SCHEMA}'", path=results_path, field="schema"
        )
    for name, found in _objects(results):
        if not isinstance(found, Mapping):
            raise InputError("is no object", path=results_path, field=name)
    best_path = folder / "best.json"
    metrics_path = folder / "metrics.jsonl"
    metrics = list(read_lines(metrics_path)) if metrics_path.exists() or _trained(results) else []
    return Run(
        path=folder,
        name=str(results.get("name") or folder.resolve().name),
        config=config,
        results=results,
        metrics=metrics,
        best=read_json(best_path) if best_path.exists() else {},
    )


def _trained(results: Mapping[str, Any]) -> bool:
    return "recipe" not in results or results["recipe"] is not None


def _objects(results: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything in results that must be an object, outermost first."""
    for name in ("dataset", "training", "offline", "rollouts"):
        yield name, results.get(name, {})
    for name, inside in (("offline", "candidates"), ("rollouts", "references")):
        for label, block in results.get(name, {}).items():
            yield f"{name}.{label}", block
            yield f"{name}.{label}.{inside}", block.get(inside, {})
            for who, figures in block.get(inside, {}).items():
                yield f"{name}.{label}.{inside}.{who}", figures


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Several runs; two of the same name are told apart by their folders."""
    if not folders:
        raise InputError("a report needs at least one run folder", field="runs")
    runs = [read_run(folder) for folder in folders]
    names = [run.name for run in runs]
    return [
        run
        if names.count(run.name) == 1
        else Run(**{**run.__dict__, "name": f"{run.name} ({run.path})"})
        for run in runs
    ]


def nested(data: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The object at the end of a path of names, empty where it is missing."""
    for name in names:
        found = data.get(name)
        if not isinstance(found, Mapping):
            return {}
        data = found
    return data


def figure_in(block: Mapping[str, Any], key: str) -> Figure | None:
    """The figure under `key`: a bare number, or {"value", "low", "high"}."""
    found = block.get(key)
    if is_number(found):
        return Figure(value=float(found))
    if not isinstance(found, Mapping) or not is_number(found.get("value")):
        return None
    low, high = found.get("low"), found.get("high")
    interval = (float(low), float(high)) if is_number(low) and is_number(high) else None
    return Figure(value=float(found["value"]), interval=interval)
