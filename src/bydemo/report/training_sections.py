"""What was trained on what, and how the losses went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Mark, Series, line_chart
from bydemo.report.page import Section, key_values, row_of, table
from bydemo.report.reading import Run, nested
from bydemo.report.svg import figure, is_number, sentence

POINTS = 240
"""Training losses are averaged into at most this many points: more cannot be told apart."""
FEW_EPOCHS = 4
"""With fewer training rows, those written within an epoch are drawn too."""
_PARTS = {"mse": "MSE", "l1": "L1", "kl": "KL"}


def training_section(runs: Sequence[Run]) -> Section | None:
    """The facts of one run as a list, of several as a table; nothing where nothing was trained."""
    if not any(run.config or run.block("training") for run in runs):
        return None
    facts = [_facts(run) for run in runs]
    names = {name: None for known in facts for name in known}
    if len(runs) == 1:
        body = key_values([(name, facts[0].get(name, "")) for name in names])
    else:
        rows = [[name, *(known.get(name, "") for known in facts)] for name in names]
        body = table(["", *(run.name for run in runs)], rows, text_columns=len(runs) + 1)
    return Section(title="What was trained on what", body=body)


def curves_section(runs: Sequence[Run]) -> Section | None:
    """Loss curves, the total and each part, with the chosen step marked."""
    if not any(run.metrics for run in runs):
        return None
    parts = {name: None for run in runs for row in run.metrics for name in row.get("parts") or {}}
    charts = [_curve(runs, None), *(_curve(runs, part) for part in parts)]
    charts += [*_norms(runs), *_activations(runs)]
    lead = "Thin: training; bold with points: validation. "
    lead += "The dashed line marks the step whose weights were kept."
    if len(runs) > 1:
        lead += " Losses of different recipes may be different functions."
    return Section(title="Learning curves", lead=lead, body=row_of(*charts))


def chosen_epoch(run: Run) -> int | None:
    """The epoch whose weights were kept."""
    for source in (run.block("training").get("chosen_epoch"), run.best.get("epoch")):
        if isinstance(source, int):
            return source
    return None


def duration(seconds: object) -> str:
    """E.g. `42 s`, `3 min 10 s`, `1 h 5 min`."""
    if not is_number(seconds):
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{figure(seconds, 2)} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _facts(run: Run) -> dict[str, str]:
    data, training = run.block("dataset"), run.block("training")
    experiment = nested(run.config, "experiment")
    view = nested(experiment, "data", "view")
    epoch, epochs = chosen_epoch(run), training.get("epochs")
    kept = f"{epoch} of {epochs}" if epoch is not None and epochs else _text(epoch)
    return {
        "Recipe": _text(run.results.get("recipe") or run.config.get("recipe")),
        "Model": _text(nested(experiment, "model").get("name")),
        "Parameters": _count(training.get("parameters")),
        "Dataset": _dataset_path(run),
        "Episodes": _count(data.get("episodes")),
        "Steps": _count(data.get("steps")),
        "Split": _text(data.get("split") or data.get("split_kind")),
        "Cameras": _cameras(view),
        "Optimiser steps": _count(training.get("steps")),
        "Chosen epoch": kept,
        "Training time": duration(training.get("seconds")),
        "Samples per second": _count(training.get("samples_per_second")),
        "Peak memory": _megabytes(training.get("peak_memory_mb")),
        "Precision": _text(nested(experiment, "training").get("precision")),
        "Seed": _text(run.config.get("seed", run.results.get("seed"))),
    }


def _dataset_path(run: Run) -> str:
    path = run.block("dataset").get("path")
    named = run.config.get("dataset")
    if not path:
        path = named.get("path") if isinstance(named, Mapping) else named
    return _text(path)


def _cameras(view: Mapping[str, Any]) -> str:
    cameras = view.get("cameras")
    if cameras is None:
        return ""
    if not cameras:
        return "none"
    colour = "colour" if view.get("colour", True) else "grey"
    return f"{', '.join(map(str, cameras))}; {view.get('size', '?')} px, {colour}"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _count(value: object) -> str:
    if not is_number(value):
        return _text(value) if isinstance(value, str) else ""
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else figure(value)


def _megabytes(value: object) -> str:
    return f"{value:,.0f} MB" if is_number(value) else ""


def _curve(runs: Sequence[Run], part: str | None) -> Markup:
    series: list[Series] = []
    marks: list[Mark] = []
    for colour, run in enumerate(runs):
        who = f"{run.name}, " if len(runs) > 1 else ""
        train = loss_points(run, "train", part)
        held_out = loss_points(run, "validation", part)
        xs, ys = _thinned(train)
        series.append(Series(name=f"{who}train", x=xs, y=ys, colour=colour, quiet=True))
        series.append(
            Series(
                name=f"{who}validation",
                x=[x for x, _ in held_out],
                y=[y for _, y in held_out],
                colour=colour,
                points=True,
            )
        )
        marks += _mark(run, colour, alone=len(runs) == 1)
    title = loss_title(part)
    return line_chart(series, title=title, x_label="optimiser step", y_label="loss", marks=marks)


def loss_title(part: str | None) -> str:
    """A part of the loss in words; None is the total."""
    return "Total loss" if part is None else _PARTS.get(part) or _spoken(part)


def _norms(runs: Sequence[Run]) -> list[Markup]:
    """The gradient's norm before clipping, where it was written down."""
    series = []
    for colour, run in enumerate(runs):
        known = [
            (float(row["step"]), float(row["gradient_norm"]))
            for row in run.metrics
            if is_number(row.get("gradient_norm")) and is_number(row.get("step"))
        ]
        xs, ys = _thinned(known)
        if xs:
            name = run.name if len(runs) > 1 else ""
            series.append(Series(name=name, x=xs, y=ys, colour=colour, quiet=True))
    if not series:
        return []
    drawn = line_chart(series, title="Gradient norm", x_label="optimiser step", y_label="norm")
    return [drawn]


def _activations(runs: Sequence[Run]) -> list[Markup]:
    """How large what each stage gives is; of one run, since others may have other stages."""
    if len(runs) != 1:
        return []
    rows = [row for row in runs[0].metrics if row.get("activations") and is_number(row.get("step"))]
    stages = {name: None for row in rows for name in nested(row, "activations")}
    series = [
        Series(
            name=_spoken(stage),
            x=[float(row["step"]) for row in rows],
            y=[nested(row, "activations").get(stage) for row in rows],
            points=True,
        )
        for stage in stages
    ]
    if not series:
        return []
    note = "Of each stage's output, at the last training step of a round, dropout included."
    drawn = line_chart(series, title="Activations", x_label="optimiser step", zero=True,
                       y_label="root mean square", note=note)  # fmt: skip
    return [drawn]


def _spoken(name: str) -> str:
    """A dotted name in words."""
    return sentence(name.replace("_", " ").replace(".", ", "))


def loss_points(run: Run, kind: str, part: str | None) -> list[tuple[float, float]]:
    """(step, loss or its part) of the rows of this kind that have both."""
    kinds = {kind}
    if kind == "train" and sum(row.get("kind") == "train" for row in run.metrics) < FEW_EPOCHS:
        kinds.add("progress")  # a curve of one or two points shows nothing
    out = []
    for row in run.metrics:
        value = row.get("loss") if part is None else nested(row, "parts").get(part)
        step = row.get("step")
        if row.get("kind") in kinds and is_number(step) and is_number(value):
            out.append((float(step), float(value)))
    return out


def _thinned(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    size = -(-len(points) // POINTS) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    xs = [sum(x for x, _ in group) / len(group) for group in groups]
    return xs, [sum(y for _, y in group) / len(group) for group in groups]


def _mark(run: Run, colour: int, *, alone: bool) -> list[Mark]:
    epoch, step = chosen_epoch(run), _chosen_step(run)
    if epoch is None or step is None:
        return []
    text = f"chosen: epoch {epoch}" if alone else ""
    return [Mark(x=float(step), text=text, colour=None if alone else colour)]


def _chosen_step(run: Run) -> int | None:
    """The step whose weights were kept; of older runs, the chosen epoch's last validation."""
    for source in (run.block("training").get("chosen_step"), run.best.get("step")):
        if isinstance(source, int):
            return source
    steps = [
        row["step"]
        for row in run.metrics
        if row.get("kind") == "validation" and row.get("epoch") == chosen_epoch(run)
    ]
    return steps[-1] if steps else None
