"""Whether a representation's training converged: the verdict, its rule and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Series, line_chart
from bydemo.report.latent_words import convergence_text, part_name
from bydemo.report.page import Cell, Section, paragraph, row_of, table
from bydemo.report.reading import Run, nested
from bydemo.report.svg import DASH, element, figure, is_number, percent, rounded, sentence, spoken

STYLES = {
    "converged": "better",
    "still falling": "unclear",
    "rising": "worse",
    "cannot tell": "unclear",
}
LEAD = (
    "Each loss beside its floor, which no model can fall below, and beside a model that knows only "
    "the mean. The slope is that of the last third of the epochs."
)


def convergence_section(run: Run) -> Section | None:
    """The verdict in words, the table of losses, and how far each one came."""
    latent = run.block("latent")
    block = nested(latent, "convergence")
    curves = {n: c for n, c in nested(block, "curves").items() if isinstance(c, Mapping)}
    if not curves:
        return None
    body = [
        paragraph(convergence_text(block), style=STYLES.get(str(block.get("verdict")), "unclear")),
        _table(curves, block),
        paragraph(f"The rule: {block.get('rule', '')}.", style="note"),
        _gradient(nested(block, "gradient_norm")),
        row_of(*_charts(curves), *_dimension_charts(nested(latent, "dimensions"))),
        _reconstruction(nested(latent, "reconstruction")),
    ]
    return Section(title="Did it converge?", lead=LEAD, body=Markup("").join(body))


def _table(curves: Mapping[str, Mapping[str, Any]], block: Mapping[str, Any]) -> Markup:
    heads = ["", "verdict", "change an epoch", "last", "floor", "mean model", "of the way"]
    deciding = block.get("deciding") or []
    rows: list[list[Cell]] = []
    for name, curve in curves.items():
        verdict = str(curve.get("verdict", ""))
        gained = curve.get("gained")
        shown = verdict if name in deciding else f"{verdict}, shown only"
        rows.append([
            sentence(part_name(name)),
            element("span", shown, class_=STYLES.get(verdict) if name in deciding else None),
            _change(curve), figure(curve.get("last"), 4),
            _known(curve.get("floor"), curve.get("floor_is")),
            _known(curve.get("mean_model"), curve.get("mean_model_is")),
            percent(gained, 1) if is_number(gained) else DASH,
        ])  # fmt: skip
    return table(heads, rows, text_columns=2)


def _known(value: object, what: object) -> Cell:
    if not is_number(value):
        return DASH
    return element("span", figure(value, 4)) + element("span", str(what or ""), class_="range")


def _change(curve: Mapping[str, Any]) -> Cell:
    """The relative slope in percent, its interval, and what it is measured against."""
    found = nested(curve, "relative")
    value, low, high = (found.get(n) for n in ("value", "low", "high"))
    if not is_number(value):
        return f"{curve.get('fitted_epochs', 0)} epochs are too few"
    half = (high - low) * 50 if is_number(high) and is_number(low) else None
    text = f"{rounded(100 * value, half)}\u00a0%"
    spread = ""
    if is_number(low) and is_number(high):
        spread = f"[{rounded(100 * low, half)}, {rounded(100 * high, half)}]"
    against = element("span", f"of {curve.get('measured_against', '')}", class_="range")
    return element("span", text) + element("span", spread, class_="range") + against


def _gradient(block: Mapping[str, Any]) -> Markup:
    first, last = nested(block, "first_third"), nested(block, "last_third")
    if not is_number(first.get("value")) or not is_number(last.get("value")):
        return Markup("")

    def said(found: Mapping[str, Any]) -> str:
        low, high = found.get("low"), found.get("high")
        return f"{figure(found['value'])} [{figure(low)}, {figure(high)}]"

    return paragraph(
        f"The gradient's norm was {said(first)} in the first third of the epochs and {said(last)} "
        "in the last (means with 95\u00a0% intervals over epochs).", style="note",
    )  # fmt: skip


def _charts(curves: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    """What was left of the way from the mean model to the floor, by epoch."""
    series = []
    for name, curve in curves.items():
        floor, mean_model = curve.get("floor"), curve.get("mean_model")
        if not (is_number(floor) and is_number(mean_model) and mean_model > floor):
            continue
        known = [
            (x, (y - floor) / (mean_model - floor))
            for x, y in zip(curve.get("epochs", []), curve.get("values", []), strict=True)
            if is_number(x) and is_number(y)
        ]
        xs, ys = [x for x, _ in known], [y for _, y in known]
        series.append(Series(name=part_name(name), x=xs, y=ys, points=True))
    if not series:
        return []
    note = "1 is a model that knows only the mean, 0 the floor."
    return [line_chart(series, title="Left above the floor", x_label="epoch", y_label="share",
                       zero=True, note=note)]  # fmt: skip


def _dimension_charts(block: Mapping[str, Any]) -> list[Markup]:
    """KL and variance of every unit, the largest first."""
    charts = []
    kl = [u for u in nested(block, "kl").get("by_dimension") or [] if is_number(u.get("value"))]
    if kl:
        kl = sorted(kl, key=lambda unit: -unit["value"])
        total = nested(block, "kl", "total")
        charts.append(
            line_chart(
                [Series(name="", x=range(1, len(kl) + 1), y=[u["value"] for u in kl],
                        low=[u.get("low") for u in kl], high=[u.get("high") for u in kl])],
                title="KL of each unit, the largest first", x_label="unit", y_label="nats",
                zero=True, note=f"In all {_interval(total)} nats a step.",
            )
        )  # fmt: skip
    variance = sorted((v for v in block.get("variance") or [] if is_number(v)), reverse=True)
    if variance:
        note = (
            f"Active units (variance over {block.get('threshold')}): "
            f"{_interval(nested(block, 'active'))} of {block.get('size')}. Effective dimension: "
            f"{_interval(nested(block, 'effective'))}."
        )
        charts.append(
            line_chart(
                [Series(name="", x=range(1, len(variance) + 1), y=variance, colour=2)],
                title="Variance of each unit, the largest first", x_label="unit",
                y_label="variance", zero=True, note=note,
            )
        )  # fmt: skip
    return charts


def _reconstruction(block: Mapping[str, Any]) -> Markup:
    rows: list[list[Cell]] = []
    for name, found in block.items():
        if not isinstance(found, Mapping):
            continue
        errors = [_interval(nested(found, key)) for key in ("mse", "mean_model_mse")]
        rows.append([sentence(spoken(name)), _percent(nested(found, "kept")), *errors])
    if not rows:
        return Markup("")
    heads = ["Reconstruction", "variance kept", "mean squared error", "of the mean model"]
    note = "Variance kept: all of it is perfect, none is no better than the training mean. "
    note += "Pictures in grey levels from 0 to 1, proprioception as the codec scales it."
    return table(heads, rows) + paragraph(note, style="note")


def _percent(found: Mapping[str, Any]) -> Cell:
    value, low, high = (found.get(n) for n in ("value", "low", "high"))
    if not is_number(value):
        return DASH
    spread = (
        f"[{percent(low, 1).removesuffix(chr(160) + '%')}, {percent(high, 1)}]"
        if is_number(low) and is_number(high)
        else ""
    )
    return element("span", percent(value, 1)) + element("span", spread, class_="range")


def _interval(found: Mapping[str, Any]) -> str:
    value, low, high = (found.get(n) for n in ("value", "low", "high"))
    if not is_number(value):
        return DASH
    if not (is_number(low) and is_number(high)):
        return figure(value)
    half = (high - low) / 2
    return f"{rounded(value, half)} [{rounded(low, half)}, {rounded(high, half)}]"
