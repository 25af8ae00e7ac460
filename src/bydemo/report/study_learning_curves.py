"""How the validation loss of a question's arms fell, in all and part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bydemo.report.charts import COLOURS, Series, legend_of, line_chart
from bydemo.report.page import folded, paragraph, row_of
from bydemo.report.reading import Run, nested
from bydemo.report.study_reading import Study
from bydemo.report.svg import is_number
from bydemo.report.training_sections import loss_points, loss_title

POINTS = 32
"""Rounds that are drawn of a curve, its last one among them: charts are small and arms are many."""
NOTE = (
    "Validation losses, means over the finished training seeds of each arm. Losses of different "
    "recipes may be different functions: compare heights only where they are the same one."
)
Curve = list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An arm with the curves of its validation loss: None is the total."""

    name: str
    number: int
    curves: Mapping[str | None, Curve]


def learning_curves(study: Study, arms: Sequence[str], runs: Mapping[str, Run]) -> Markup:
    """A folded block of charts, one a part of the loss that at least two arms have; the first of
    `arms` is the control. Nothing where nothing was trained with validation."""
    own = {arm: _finished(study, arm, runs) for arm in arms}
    sizes = [_batch_size(run) for found in own.values() for run in found if run.metrics]
    by_samples = bool(sizes) and all(sizes)
    trained = [
        Trained(name=study.label(arm), number=number, curves=curves)
        for number, arm in enumerate(arms)
        if (curves := _curves(own[arm], by_samples=by_samples))
    ]
    if not trained:
        return Markup("")
    parts = dict.fromkeys(part for arm in trained for part in arm.curves)
    shown, alone = _worth_showing(trained, list(parts))
    label = "training samples" if by_samples else "optimiser step"
    charts = [
        line_chart([_line(arm, arm.curves[part]) for arm in trained if part in arm.curves],
                   title=loss_title(part), x_label=label, legend=False)
        for part in shown
    ]  # fmt: skip
    said = NOTE
    if alone:
        said += f" Left out, since a single arm has them: {', '.join(map(loss_title, alone))}; "
        said += "see the pages of its runs."
    key = legend_of([_line(arm, []) for arm in trained])
    return folded("Learning curves", paragraph(said, style="note") + key + row_of(*charts))


def _finished(study: Study, arm: str, runs: Mapping[str, Run]) -> list[Run]:
    rows = study.arm(arm).get("runs") or []
    return [runs[str(row.get("folder"))] for row in rows if str(row.get("folder")) in runs]


def _batch_size(run: Run) -> float | None:
    size = nested(run.config, "experiment", "training").get("batch_size")
    return float(size) if is_number(size) else None


def _curves(runs: Sequence[Run], *, by_samples: bool) -> dict[str | None, Curve]:
    """The total and each part that all of the runs have."""
    rows = [row for run in runs for row in run.metrics if row.get("kind") == "validation"]
    parts: list[str | None] = [
        None,
        *dict.fromkeys(p for row in rows for p in nested(row, "parts")),
    ]
    out: dict[str | None, Curve] = {}
    for part in parts:
        found = []
        for run in runs:
            scale = (_batch_size(run) or 1.0) if by_samples else 1.0
            found.append([(x * scale, y) for x, y in loss_points(run, "validation", part)])
        mean = _mean(found)
        if mean:
            out[part] = mean
    return out


def _mean(curves: Sequence[Curve]) -> Curve:
    """The mean over runs, round by round, as far as all of them go."""
    n = len(curves)
    rounds = [
        (sum(x for x, _ in points) / n, sum(y for _, y in points) / n)
        for points in zip(*curves, strict=False)
    ]
    if len(rounds) <= POINTS:
        return rounds
    return [rounds[round(k * (len(rounds) - 1) / (POINTS - 1))] for k in range(POINTS)]


def _worth_showing(
    trained: Sequence[Trained], parts: Sequence[str | None]
) -> tuple[list[str | None], list[str | None]]:
    """Parts to draw, and those that a single one of several arms has. A part that is the total
    under another name is neither."""
    shown: list[str | None] = []
    alone: list[str | None] = []
    for part in parts:
        having = [arm for arm in trained if part in arm.curves]
        if part is not None and all(arm.curves[part] == arm.curves.get(None) for arm in having):
            continue
        few = len(having) == 1 and len(trained) > 1
        (alone if few else shown).append(part)
    return shown, alone


def _line(arm: Trained, curve: Curve) -> Series:
    """An arm in the colour that it has in the other charts; when colours begin again, dashed."""
    place = max(arm.number - 1, 0)
    return Series(
        name=arm.name, x=[x for x, _ in curve], y=[y for _, y in curve], colour=place,
        grey=arm.number == 0, dashed=place // COLOURS % 2 == 1,
    )  # fmt: skip
